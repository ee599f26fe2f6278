/* staff_log.c: what the public log says of an agent, before an owner gives them anything. */
#include <string.h>

#include "client/internal.h"
#include "client/log_check.h"
#include "client/log_pins.h"
#include "client/staff.h"
#include "tlog/log_entry.h"
#include "tlog/tile.h"

struct looking {
    struct client *client;
    struct bytes certificate;
    const struct staff_certificate *agent;
    uint8_t actor[LOG_ACTOR_BYTES];
    struct checkpoint checkpoint;
    struct tile_tree *tree;
    bool found, before; /* what was read last is older than the certificate */
};

static bool is_certificate(struct bytes details, struct bytes certificate) {
    AUTO(json_release) json_t *json = NULL;
    AUTO(blob_clear) struct blob raw = {0};
    if (json_parse(details, &json, NULL)) return false;
    const char *text = client_text(json, "certificate");
    return *text && base64_decode(text, strlen(text), &raw) == ERR_OK &&
           bytes_equal(blob_bytes(&raw), certificate);
}

static err look(struct looking *l, struct bytes raw, struct diag *d) {
    struct log_entry entry;
    if (log_entry_decode(raw, &entry, NULL)) {
        l->before = false;
        return ERR_OK;
    }
    l->before = l->before && entry.time.us < (int64_t)l->agent->from * 1000000;
    bool theirs = entry.acted && memcmp(entry.actor, l->actor, sizeof l->actor) == 0;
    if (theirs && strcmp(entry.kind, "staff.revoke") == 0)
        return diag_fail(d, ERR_DENIED, "the log says that %.60s was revoked: nothing was given",
                         l->agent->name);
    if (theirs && strcmp(entry.kind, "staff.certify") == 0 && is_certificate(entry.details, l->certificate))
        l->found = true;
    return ERR_OK;
}

static err look_bundle(struct looking *l, uint64_t number, struct diag *d) {
    AUTO(blob_clear) struct blob bundle = {0};
    uint64_t first = number * TILE_WIDTH, left = l->checkpoint.size - first;
    unsigned width = left < TILE_WIDTH ? (unsigned)left : TILE_WIDTH;
    err e = tile_fetch_bundle(log_fetch_http, l->client->http, number, width, &bundle, d);
    struct bytes rest = blob_bytes(&bundle), raw;
    l->before = true;
    for (unsigned i = 0; !e && i < width; i++) {
        uint8_t leaf[HASH_BYTES], there[HASH_BYTES];
        if (tile_next_entry(&rest, &raw) || tlog_leaf_hash(raw, leaf))
            return diag_fail(d, ERR_FORGED, "the log's entries cannot be read");
        e = tile_tree_leaf(l->tree, first + i, there, d);
        if (!e && memcmp(leaf, there, HASH_BYTES) != 0)
            return diag_fail(d, ERR_FORGED, "an entry of the log is not what its hashes say");
        if (!e) e = look(l, raw, d);
    }
    return e;
}

/* A log that was made for this question alone would have whatever certificate it wants: it has to continue
 * the one that this device saw. */
static err continues(const struct log_seen *seen, const struct looking *l, const struct log_pins *pins,
                     struct diag *d) {
    uint8_t root[HASH_BYTES];
    const struct checkpoint *old = &seen->checkpoint;
    if (seen->known && memcmp(seen->key, pins->log, sizeof seen->key) != 0)
        return diag_fail(d, ERR_FORGED,
                         "this device has seen a log with another key than the one that the household has "
                         "pinned: `cardea log verify` says more");
    if (old->size == 0) return ERR_OK;
    if (old->size > l->checkpoint.size)
        return diag_fail(
            d, ERR_FORGED,
            "the log shrank: this device has seen %llu entries, and now it says that it has %llu. "
            "Nothing was given; `cardea log verify` keeps the evidence",
            (unsigned long long)old->size, (unsigned long long)l->checkpoint.size);
    err e = tile_tree_root(l->tree, old->size, root, d);
    if (e || memcmp(root, old->root, sizeof root) == 0) return e;
    return diag_fail(
        d, ERR_FORGED,
        "the log was changed: its %llu entries do not continue the %llu that this device has seen. "
        "Nothing was given; `cardea log verify` keeps the evidence",
        (unsigned long long)l->checkpoint.size, (unsigned long long)old->size);
}

/* From here on the log has to continue this one. */
static err remember(const char *path, struct log_seen *seen, const struct looking *l,
                    const struct log_pins *pins, struct bytes text, struct diag *d) {
    memcpy(seen->key, pins->log, sizeof seen->key);
    memcpy(seen->household, l->client->household.id, sizeof seen->household);
    seen->known = true;
    seen->checkpoint = l->checkpoint;
    seen->text.len = 0;
    err e = blob_append(&seen->text, text);
    return e ? diag_fail(d, e, "no memory to remember the log") : log_seen_write(path, seen, d);
}

err staff_certified(struct client *c, const char *folder, struct bytes certificate,
                    const struct staff_certificate *agent, struct diag *d) {
    AUTO(blob_clear) struct blob text = {0};
    AUTO(log_seen_clear) struct log_seen seen = {0};
    char path[PATH_TEXT_BYTES];
    struct looking l = {.client = c, .certificate = certificate, .agent = agent};
    struct log_pins pins;
    bool fresh;
    log_actor_staff(agent->sign, l.actor);
    if (path_join(path, folder, "log-seen"))
        return diag_fail(d, ERR_LIMIT, "the path %s is too long", folder);
    err e = log_seen_read(path, c->household.id, &seen, d);
    if (!e) e = log_pins_get(c, &pins, &fresh, d);
    if (!e) e = log_fetch_http(c->http, "checkpoint", CHECKPOINT_TEXT_MAX_BYTES, &text, d);
    if (!e) e = checkpoint_verify(blob_bytes(&text), NULL, pins.log, &l.checkpoint, d);
    if (!e) e = tile_tree_open(log_fetch_http, c->http, l.checkpoint.size, l.checkpoint.root, &l.tree, d);
    if (!e) e = continues(&seen, &l, &pins, d);
    /* Newest first: all that came after the certificate was made is read, since it may have been revoked. */
    for (uint64_t b = (l.checkpoint.size + TILE_WIDTH - 1) / TILE_WIDTH;
         !e && b-- > 0 && !(l.found && l.before);)
        e = look_bundle(&l, b, d);
    tile_tree_free(l.tree);
    if (!e && l.found) return remember(path, &seen, &l, &pins, blob_bytes(&text), d);
    if (e) return e;
    return diag_fail(
        d, ERR_FORGED,
        "the log does not say that %.60s was certified: whoever made that certificate did it in secret",
        agent->name);
}
