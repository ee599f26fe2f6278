/* cmd_grants.c: who may look besides the owners, and ending that. */
#include <string.h>

#include "cli/grants.h"
#include "cli/hub_ask.h"
#include "cli/session.h"
#include "client/grants.h"

#define CAMERAS_TEXT_BYTES 160

static json_t *slot_json(uint64_t slot) {
    char text[WALL_TEXT_BYTES];
    wall_format((struct wall_us){(int64_t)slot * 1000000}, text);
    return slot ? json_string(text) : json_null();
}

static void slot_text(uint64_t slot, char out[48]) {
    cli_time_text((struct wall_us){(int64_t)slot * 1000000}, out);
}

/* Names of the main streams. */
static void cameras_text(struct camera_list *all, const struct grant_statement *s,
                         char out[CAMERAS_TEXT_BYTES]) {
    size_t at = 0;
    out[0] = 0;
    for (size_t i = 0; i < s->camera_count; i++) {
        const struct camera *cam = camera_by_id(all, s->cameras[i]);
        if (!cam || cam->is_sub) continue;
        int n = snprintf(out + at, CAMERAS_TEXT_BYTES - at, "%s%s", at ? ", " : "", cam->name);
        if (n < 0 || at + (size_t)n >= CAMERAS_TEXT_BYTES) return;
        at += (size_t)n;
    }
    if (!at) snprintf(out, CAMERAS_TEXT_BYTES, "cameras that are gone");
}

static json_t *item_json(struct camera_list *all, const struct grant_item *g) {
    const struct grant_statement *s = &g->statement;
    json_t *cameras = json_array(), *streams = json_array();
    for (size_t i = 0; i < s->camera_count; i++) {
        const struct camera *cam = camera_by_id(all, s->cameras[i]);
        json_array_append_new(streams, json_hex(BYTES_OF(s->cameras[i])));
        if (cam && !cam->is_sub) json_array_append_new(cameras, json_string(cam->name));
    }
    json_t *o =
        json_pack("{s:o, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:I, s:o, s:o, s:O?}", "id",
                  json_hex(BYTES_OF(s->id)), "purpose", grant_purposes[s->purpose], "state",
                  grant_states[g->state], "name", grant_item_text(g, "name"), "cameras", cameras, "streams",
                  streams, "from", slot_json(s->from), "to", slot_json(s->to), "live", (int)s->live, "export",
                  (int)s->may_export, "expires", slot_json(s->expires), "uses", (json_int_t)g->uses,
                  "last_use", slot_json(g->last_use), "revoked", slot_json(g->revoked), "active", g->active);
    if (o && g->former) json_object_set_new(o, "former", json_true());
    if (o && s->role) json_object_set_new(o, "role", json_string(grant_roles[s->role]));
    if (o && *s->ticket) json_object_set_new(o, "ticket", json_string(s->ticket));
    if (o && s->views) json_object_set_new(o, "views", json_integer((json_int_t)s->views));
    return o;
}

static void print_who(const struct grant_item *g) {
    const struct grant_statement *s = &g->statement;
    const char *name = grant_item_text(g, "name");
    char id[2 * GRANT_ID_BYTES + 1];
    hex_encode(BYTES_OF(s->id), id);
    printf("%.8s  ", id);
    if (s->purpose == GRANT_LINK)
        printf("a link%s%s", *name ? " for " : "", name);
    else if (s->purpose == GRANT_SUPPORT)
        printf("support, ticket %.16s", s->ticket);
    else
        printf("%s%s%s", s->role ? grant_roles[s->role] : grant_purposes[s->purpose], *name ? " " : "", name);
}

static void print_until(const struct grant_item *g, uint64_t now) {
    char when[48];
    slot_text(g->state == GRANT_STATE_REVOKED ? g->revoked
              : g->state == GRANT_STATE_LATER ? g->statement.not_before
                                              : g->statement.expires,
              when);
    switch (g->state) {
        case GRANT_STATE_REVOKED: printf("; ended %s", when); return;
        case GRANT_STATE_EXPIRED: printf("; expired %s", when); return;
        case GRANT_STATE_USED: printf("; used up"); return;
        case GRANT_STATE_LATER: printf("; from %s on", when); return;
        default: break;
    }
    if (g->former)
        printf("; MADE BY A FORMER OWNER'S KEY, which gets nothing new: revoke it unless you know it");
    if (g->statement.expires < GRANTS_FOREVER) printf("; until %s", when);
    (void)now;
}

static void print_item(struct camera_list *all, const struct grant_item *g) {
    const struct grant_statement *s = &g->statement;
    char cameras[CAMERAS_TEXT_BYTES], from[48], to[48], last[48];
    uint64_t now = wall_slot(wall_now());
    cameras_text(all, s, cameras);
    slot_text(s->from, from);
    slot_text(s->to, to);
    slot_text(g->last_use, last);
    print_who(g);
    printf(": %s, ", s->role == GRANT_ROLE_MEMBER ? "all cameras" : cameras);
    if (s->from == 0)
        printf("from the beginning on");
    else if (s->to >= GRANTS_FOREVER)
        printf("from %s on", from);
    else
        printf("%s to %s", from, to);
    printf("%s%s", s->live ? ", live" : "", s->may_export ? ", may export" : "");
    print_until(g, now);
    if (!g->uses)
        printf("; never opened");
    else
        printf("; opened %llu time%s, last %s", (unsigned long long)g->uses, g->uses > 1 ? "s" : "", last);
    if (json_array_size(g->active)) printf("; LOOKING NOW");
    putchar('\n');
}

int run_grants(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    AUTO(grant_list_clear) struct grant_list l = {0};
    if (args->count && strcmp(args->positional[0], "list") != 0) {
        (void)diag_fail(&d, ERR_INVALID, "there is list and revoke");
        return cli_usage("grants", &d);
    }
    if (session_camera(cli, NULL, &s, NULL, &d) || grants_read(&s.client, &l, &d)) return cli_fail(&d);
    if (cli->json) {
        AUTO(json_release) json_t *list = json_array();
        for (size_t i = 0; i < l.count; i++) json_array_append_new(list, item_json(&s.cameras, &l.items[i]));
        return cli_print_json(list);
    }
    for (size_t i = 0; i < l.count; i++) print_item(&s.cameras, &l.items[i]);
    if (l.count == 0)
        puts("nobody but the household's owners can open anything; `cardea share` makes a link, `cardea "
             "member add` "
             "invites somebody");
    return STATUS_DONE;
}

void grants_say(void *context, const char *what) {
    (void)context;
    fprintf(stderr, "%s…\n", what);
}

void grants_print_left(const struct grants_ended *ended) {
    if (ended->left.objects)
        fprintf(
            stderr,
            "cardea: %zu of the household's objects are by a former key and not known to this device: they "
            "were left out\n",
            ended->left.objects);
    if (ended->left.grants)
        fprintf(
            stderr,
            "cardea: %zu grants are by a former owner's key: `cardea grants` shows them; end those that you "
            "did not make\n",
            ended->left.grants);
    if (ended->left.failed)
        fprintf(stderr, "cardea: %zu grants could not be given again by the new keys: %s\n",
                ended->left.failed, ended->left.why.text);
    if (ended->left.owners)
        fprintf(
            stderr,
            "cardea: %zu copies of the household's former keys are of owners who are not on the list: invite "
            "them again if they are to stay\n",
            ended->left.owners);
}

int grants_print_ended(const struct grants_ended *ended) {
    if (!ended->reached_beyond) return STATUS_DONE;
    if (ended->rekeyed)
        printf("%zu camera%s new keys from now on; %zu other grant%s got them\n", ended->rekeyed,
               ended->rekeyed > 1 ? "s have" : " has", ended->tended, ended->tended == 1 ? "" : "s");
    if (!ended->failed) return STATUS_DONE;
    return cli_fail_text(
        "the vault serves nothing under it any more, but %zu camera%s no new keys: %s. Run it again "
        "when the hub is back",
        ended->failed, ended->failed > 1 ? "s have" : " has", ended->why.text);
}

int run_grants_revoke(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    AUTO(grant_list_clear) struct grant_list l = {0};
    struct grant_item *g = NULL;
    struct grants_ended ended;
    const struct grants_progress progress = {grants_say, NULL};
    if (session_camera(cli, NULL, &s, NULL, &d) || grants_read(&s.client, &l, &d) ||
        grants_find(&l, args->positional[0], &g, &d) ||
        grants_revoke(&s.client, &s.cameras, g, &progress, &ended, &d))
        return cli_fail(&d);
    puts(
        "revoked: the vault serves nothing under it any more; what was fetched before cannot be called back");
    return grants_print_ended(&ended);
}
