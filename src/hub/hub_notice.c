/* hub_notice.c: what the vault tells of (docs/trust.md, type 19): that a grant was opened, that the desk
 * answered, that something about staff is unusual. It becomes an alert on the household's channels.
 *
 * The vault is not believed in more than that: it chooses among texts that stand here, and a text of its own
 * reaches nobody. Which grant it was the owner's app looks up; the hub cannot read what grants are called. */
#include <stdio.h>

#include "base/log.h"
#include "crypto/hash.h"
#include "hub/hub.h"

#define AGAIN_LINK_S 600 /* the same link again within this is no second alert */
#define AGAIN_STAFF_S 60

struct words {
    const char *kind, *purpose; /* purpose NULL: whatever it is */
    const char *title, *text;
    unsigned again_s;
};

static const struct words words[] = {
    {"grant.use", "link", "A link was opened",
     "Somebody opened a link to your cameras. Which one, and when: in the app under \"Who looked?\". You can "
     "end it there.",
     AGAIN_LINK_S},
    {"grant.use", "support", "The support desk is looking",
     "The support desk opened the access that you allowed. What it sees now, and a button that ends it: in "
     "the app.",
     AGAIN_STAFF_S},
    {"grant.use", "labs", "A donation was fetched",
     "What you donated was fetched. What it was: in the app under \"Who looked?\".", AGAIN_LINK_S},
    {"grant.use", "request", "What you sent was opened",
     "Somebody opened the recording that you gave them on their request. Which one: in the app under \"Who "
     "looked?\".",
     AGAIN_LINK_S},
    {"ticket", NULL, "The support desk wrote to you", "Read it, and answer, in the app under \"Support\".",
     AGAIN_STAFF_S},
};

void hub_alert_system(struct hub *h, const char *what, unsigned again_s, const char *title,
                      const char *text) {
    struct alert a = {.camera_name = "", .label = "system", .title = title, .text = text, .rule = ""};
    uint8_t hash[HASH_BYTES];
    char once[200];
    struct diag d = {{0}};
    a.at = a.packet = wall_now();
    snprintf(once, sizeof once, "system %.100s %lld", what,
             (long long)(a.at.us / 1000000 / (again_s ? again_s : 1)));
    hash_sha256(bytes_text(once), hash);
    memcpy(a.id, hash, sizeof a.id);
    memcpy(a.event, hash, sizeof a.event);
    if (h->notify && notify_alert(h->notify, &a, &d)) log_warning("an alert was lost: %s", d.text);
}

/* As docs/trust.md, "Unusual use", numbers them. */
static const char *const rules[] = {NULL, "rate", "hour", "repetition", "scope", "ticket", "refused"};

static void alarm_of(struct hub *h, int64_t rule) {
    char text[ALERT_TEXT_MAX_BYTES], what[40];
    bool known = rule > 0 && rule < (int64_t)(sizeof rules / sizeof *rules);
    snprintf(text, sizeof text,
             "A member of the provider's staff did something unusual with your cameras (rule %d: %s). What "
             "it was: in the app under \"Who looked?\".",
             (int)rule, known ? rules[rule] : "a later one");
    snprintf(what, sizeof what, "alarm %d", (int)rule);
    hub_alert_system(h, what, AGAIN_STAFF_S, "Unusual use", text);
}

static const struct words *words_of(const char *kind, const char *purpose) {
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].kind, kind) == 0 && (!words[i].purpose || strcmp(words[i].purpose, purpose) == 0))
            return &words[i];
    return NULL;
}

err hub_noticed(struct hub *h, struct bytes json, struct diag *d) {
    AUTO(json_release) json_t *o = NULL;
    const char *kind = NULL, *purpose = "", *ticket = "", *grant = "";
    int64_t rule = 0;
    char what[120];
    const struct json_field fields[] = {
        {"kind", JSON_KIND_TEXT, true, 1, 32, &kind, NULL},
        {"grant", JSON_KIND_TEXT, false, 0, 32, &grant, NULL},
        {"purpose", JSON_KIND_TEXT, false, 0, 16, &purpose, NULL},
        {"ticket", JSON_KIND_TEXT, false, 0, 64, &ticket, NULL},
        {"rule", JSON_KIND_INT, false, 1, 255, &rule, NULL},
    };
    err e = json_parse(json, &o, d);
    if (!e) e = JSON_READ(o, fields, d);
    if (e) return e;
    if (strcmp(kind, "alarm") == 0) {
        alarm_of(h, rule);
        return ERR_OK;
    }
    const struct words *w = words_of(kind, purpose);
    if (!w) return ERR_OK; /* a member's everyday use; or of a later vault */
    snprintf(what, sizeof what, "%s %s", w->title, grant[0] ? grant : ticket);
    hub_alert_system(h, what, w->again_s, w->title, w->text);
    return ERR_OK;
}
