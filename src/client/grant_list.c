/* grant_list.c: what was granted, and ending it. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "client/grants_private.h"
#include "client/hub_command.h"
#include "client/internal.h"
#include "crypto/hash.h"

#define LIST_MAX 4096
#define EPOCH_POLL_MS 200
#define EPOCH_COMMAND_S 25

const char *const grant_states[] = {"active", "later", "expired", "revoked", "used", NULL};

void grant_list_clear(struct grant_list *l) {
    for (size_t i = 0; i < l->count; i++) {
        json_decref(l->items[i].note);
        json_decref(l->items[i].active);
    }
    free(l->items);
    *l = (struct grant_list){0};
}

const char *grant_item_text(const struct grant_item *g, const char *name) {
    return g->note ? client_text(g->note, name) : "";
}

/* The statement says all that must be known: a note that does not open is none. */
static json_t *open_note(const struct client *c, const struct grant_statement *s, const char *text) {
    AUTO(blob_clear) struct blob sealed = {0}, plain = {0};
    json_t *note = NULL;
    struct diag ignored;
    if (!*text || base64_decode(text, strlen(text), &sealed) ||
        household_keys_unbox(&c->household, "cardea/1 note", BYTES_OF(s->id), blob_bytes(&sealed), &plain) ||
        json_parse(blob_bytes(&plain), &note, &ignored))
        return NULL;
    return note;
}

static uint64_t slot_of(json_t *row, const char *name) {
    json_int_t value = json_integer_value(json_object_get(row, name));
    return value > 0 ? (uint64_t)value : 0;
}

static enum grant_state state_of(const struct grant_item *g, uint64_t now) {
    const struct grant_statement *s = &g->statement;
    if (g->revoked) return GRANT_STATE_REVOKED;
    if (now >= s->expires) return GRANT_STATE_EXPIRED;
    if (s->views && g->uses >= s->views && json_array_size(g->active) == 0) return GRANT_STATE_USED;
    return now < s->not_before ? GRANT_STATE_LATER : GRANT_STATE_ACTIVE;
}

/* Is it ended by a revocation of this household's? The vault's word alone is shown, and nothing hangs on it.
 */
static err read_revocation(const struct client *c, const struct grant_statement *s, json_t *row,
                           uint64_t *out, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    struct grant_revocation revocation;
    const char *text = client_text(row, "revocation");
    *out = slot_of(row, "revoked");
    if (!*text) return ERR_OK;
    if (base64_decode(text, strlen(text), &raw))
        return diag_fail(d, ERR_INVALID, "the vault's list holds a revocation that cannot be");
    const struct succession_chain *chain = &c->household.chain;
    err e = grant_revocation_check(blob_bytes(&raw), s, c->household.sign.public_key, &revocation, d);
    for (size_t i = chain->count; e == ERR_FORGED && i > 0; i--) /* from before the keys were succeeded */
        e = grant_revocation_check(blob_bytes(&raw), s, chain->links[i - 1].statement.former, &revocation, d);
    if (!e && !*out) *out = revocation.time;
    return e;
}

void grants_ended_name(const uint8_t id[GRANT_ID_BYTES], char out[GRANTS_ENDED_NAME_BYTES]) {
    char hex[2 * GRANT_ID_BYTES + 1];
    hex_encode(BYTES(id, GRANT_ID_BYTES), hex);
    snprintf(out, GRANTS_ENDED_NAME_BYTES, "grant/%s/revoked", hex);
}

void grants_again_name(const uint8_t hash[GRANT_HASH_BYTES], char out[GRANTS_AGAIN_NAME_BYTES]) {
    char hex[2 * GRANT_HASH_BYTES + 1];
    hex_encode(BYTES(hash, GRANT_HASH_BYTES), hex);
    snprintf(out, GRANTS_AGAIN_NAME_BYTES, "again/%s", hex);
}

static err remember_end(struct client *c, const uint8_t id[GRANT_ID_BYTES], struct diag *d) {
    char name[GRANTS_ENDED_NAME_BYTES];
    grants_ended_name(id, name);
    return client_remember(c, name, 1, d);
}

static err read_item(struct client *c, json_t *row, struct grant_item *out, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    const char *statement = client_text(row, "statement");
    char id[2 * GRANT_ID_BYTES + 1];
    if (base64_decode(statement, strlen(statement), &raw))
        return diag_fail(d, ERR_INVALID, "the vault's list of grants holds one that cannot be");
    uint8_t hash[HASH_BYTES];
    const uint8_t *present = c->household.sign.public_key;
    err e = grant_statement_read(blob_bytes(&raw), NULL, &out->statement, d);
    if (!e) out->former = memcmp(out->statement.issuer, present, SIGN_PUBLIC_BYTES) != 0;
    if (!e && out->former && !succession_chain_has(&c->household.chain, out->statement.issuer))
        e = diag_fail(d, ERR_FORGED, "it is by another household");
    hash_sha256(blob_bytes(&raw), hash);
    memcpy(out->hash, hash, sizeof out->hash);
    if (e) {
        diag_prefix(d, "the vault lists a grant that this household did not make");
        return e;
    }
    hex_encode(BYTES_OF(out->statement.id), id);
    if (strcmp(id, client_text(row, "id")) != 0)
        return diag_fail(d, ERR_FORGED, "the vault lists a grant under another one's id");
    out->uses = slot_of(row, "uses");
    out->entry = slot_of(row, "entry");
    out->last_use = slot_of(row, "last_use");
    out->note = open_note(c, &out->statement, client_text(row, "note"));
    out->active = json_incref(json_object_get(row, "active"));
    e = read_revocation(c, &out->statement, row, &out->revoked, d);
    if (!e && *client_text(row, "revocation")) e = remember_end(c, out->statement.id, d);
    out->state = state_of(out, wall_slot(wall_now()));
    return e;
}

static int newest_first(const void *a, const void *b) {
    const struct grant_item *x = a, *y = b;
    return x->statement.time < y->statement.time ? 1 : x->statement.time > y->statement.time ? -1 : 0;
}

err grants_read(struct client *c, struct grant_list *out, struct diag *d) {
    AUTO(json_release) json_t *answer = NULL;
    AUTO(grant_list_clear) struct grant_list l = {0};
    err e = client_json(c, "GET", "/v1/grants", NULL, &answer, d);
    json_t *rows = json_object_get(answer, "grants"), *row;
    if (!e && (!json_is_array(rows) || json_array_size(rows) > LIST_MAX))
        e = diag_fail(d, ERR_INVALID, "the vault's answer holds no list of grants");
    if (e) return e;
    l.items = calloc(json_array_size(rows) + 1, sizeof *l.items);
    if (!l.items) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    size_t i;
    json_array_foreach(rows, i, row) {
        e = read_item(c, row, &l.items[l.count++], d);
        if (e) return e;
    }
    qsort(l.items, l.count, sizeof *l.items, newest_first);
    *out = l;
    l = (struct grant_list){0};
    return ERR_OK;
}

err grants_find(struct grant_list *l, const char *id, struct grant_item **out, struct diag *d) {
    size_t len = strlen(id), found = 0;
    for (size_t i = 0; i < l->count; i++) {
        char hex[2 * GRANT_ID_BYTES + 1];
        hex_encode(BYTES_OF(l->items[i].statement.id), hex);
        if (len < 4 || strncmp(hex, id, len) != 0) continue;
        *out = &l->items[i];
        found++;
    }
    if (found == 1) return ERR_OK;
    if (found > 1)
        return diag_fail(d, ERR_NOT_FOUND, "'%.40s' could be several grants: give more of the id", id);
    return diag_fail(d, ERR_NOT_FOUND,
                     len < 4 ? "'%.40s' is too short: give at least four digits of the id"
                             : "there is no grant %.40s; `cardea grants` lists them",
                     id);
}

/* ---- ending ---- */

static err post_revocation(struct client *c, const struct grant_statement *s, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    char path[96], hex[2 * GRANT_ID_BYTES + 1];
    err e = grant_revocation_make(&c->household.sign, s->id, wall_slot(wall_now()), &raw);
    AUTO(json_release)
    json_t *ask = e ? NULL : json_pack("{s:o}", "revocation", json_base64(blob_bytes(&raw)));
    if (!ask) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    hex_encode(BYTES_OF(s->id), hex);
    snprintf(path, sizeof path, "/v1/grants/%s/revoke", hex);
    e = client_json(c, "POST", path, ask, NULL, d);
    return e ? e : remember_end(c, s->id, d);
}

static void pause_ms(long ms) { /* between two looks at something that tells nobody when it is there */
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&t, NULL);
}

/* The hub has begun the epoch; its root reaches the vault by the hub's outbox. */
err grants_await_root(struct client *c, const struct camera *cam, int64_t before, struct diag *d) {
    int64_t until_us = steady_now().us + GRANT_EPOCH_WAIT_S * INT64_C(1000000);
    for (;;) {
        int64_t epoch;
        err e = grants_newest_epoch(c, cam, &epoch, d);
        if (e) return e;
        if (epoch > before) return ERR_OK;
        if (steady_now().us > until_us)
            return diag_fail(d, ERR_TIMEOUT, "%s: the hub began new keys, but has not handed them in yet",
                             cam->name);
        pause_ms(EPOCH_POLL_MS);
    }
}

static err begin_epoch(struct client *c, const struct hub_certificate *hub, const struct camera *cam,
                       struct diag *d) {
    AUTO(json_release) json_t *args = json_pack("{s:s}", "camera", cam->hex);
    int64_t until_us = steady_now().us + GRANT_EPOCH_WAIT_S * INT64_C(1000000);
    if (!args) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    for (;;) {
        /* Busy: one began just now, whose keys the grant that ends may have got. Another one, then. */
        err e = hub_command(c, hub, "epoch", args, EPOCH_COMMAND_S, NULL, d);
        if (e != ERR_BUSY || steady_now().us > until_us) return e;
        pause_ms(EPOCH_POLL_MS);
    }
}

static err rekey_camera(struct client *c, struct camera_list *all, struct camera *cam, struct diag *d) {
    const struct hub_certificate *hub = client_hub_by_id(c, cam->hub);
    struct camera *sub = cam->has_sub ? camera_by_id(all, cam->sub) : NULL;
    int64_t before = -1, before_sub = -1;
    if (!hub) return diag_fail(d, ERR_NOT_FOUND, "%s: no hub of this household records it", cam->name);
    err e = grants_newest_epoch(c, cam, &before, d);
    if (!e && sub) e = grants_newest_epoch(c, sub, &before_sub, d);
    if (!e) e = begin_epoch(c, hub, cam, d);
    if (!e) e = grants_await_root(c, cam, before, d);
    if (!e && sub) e = grants_await_root(c, sub, before_sub, d);
    return e;
}

static void say(const struct grants_progress *p, const char *what) {
    if (p && p->say) p->say(p->context, what);
}

err grants_rekey(struct client *c, struct camera_list *all, const struct grant_statement *s,
                 const struct grants_progress *progress, struct grants_ended *out, struct diag *d) {
    for (size_t i = 0; i < all->count; i++) {
        struct camera *cam = &all->cameras[i];
        char what[CAMERA_NAME_MAX_BYTES + 32];
        bool named = grant_names_camera(s, cam->id) || (cam->has_sub && grant_names_camera(s, cam->sub));
        if (cam->is_sub || !named) continue;
        snprintf(what, sizeof what, "new keys for %s", cam->name);
        say(progress, what);
        err e = rekey_camera(c, all, cam, &out->why);
        if (e == ERR_CANCELLED || e == ERR_NO_MEMORY) return diag_fail(d, e, "%s", out->why.text);
        if (e)
            out->failed++;
        else
            out->rekeyed++;
    }
    say(progress, "handing the new keys to everybody else");
    return grants_tend(c, all, &out->tended, d);
}

err grants_revoke(struct client *c, struct camera_list *all, const struct grant_item *g,
                  const struct grants_progress *progress, struct grants_ended *out, struct diag *d) {
    *out = (struct grants_ended){0};
    /* Again, of one that has ended: what the hub could not do then. */
    err e = g->state == GRANT_STATE_REVOKED ? ERR_OK : post_revocation(c, &g->statement, d);
    if (e) return e;
    out->reached_beyond = g->statement.to > (uint64_t)wall_slot(wall_now()) + 1;
    return out->reached_beyond ? grants_rekey(c, all, &g->statement, progress, out, d) : ERR_OK;
}
