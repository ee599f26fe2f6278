/* Grants: what an owner makes, issues again, lists, revokes and forgets. */
#include "vault/grant.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "vault/access_log.h"
#include "vault/staff.h"
#include "vault/stream.h"

#define SWEEP_BATCH 64u

void grant_held_clear(struct grant_held *g) {
    grant_blobs_clear(&g->blobs);
}

err grant_load(struct vault *v, const struct store_id *household, const struct store_id *grant, bool box,
               struct grant_held *out, struct diag *d) {
    err e = v->index->ops->grant_get(v->index, household, grant, box, &out->row, &out->blobs, d);
    if (e) return e;
    struct bytes head = blob_bytes(&out->blobs.statement);
    if (head.len < GRANT_HEAD_BYTES) return diag_fail(d, ERR_IO, "a stored grant is damaged");
    e = grant_statement_read(BYTES(head.data + GRANT_HEAD_BYTES, head.len - GRANT_HEAD_BYTES), NULL,
                             &out->statement, d);
    return e ? diag_fail(d, ERR_IO, "a stored grant is damaged: run cardea fsck") : ERR_OK;
}

err grant_alive(const struct grant_held *g, uint32_t now, struct diag *d) {
    char when[WALL_TEXT_BYTES];
    if (!g->row.revoked) return grant_valid_at(&g->statement, now, d);
    wall_format((struct wall_us){g->row.revoked * INT64_C(1000000)}, when);
    return diag_fail(d, ERR_DENIED, "grant: it was revoked at %s", when);
}

void grant_end_announce(struct vault *v, const struct store_id *grant) {
    char channel[CHANNEL_BYTES];
    channel_grant_end(grant, channel);
    stream_end_publish(v, channel);
}

/* --- what a new one must be --- */

/* Before the log or the index hear of it. */
struct grant_new {
    struct blob raw, note;
    struct grant_statement statement;
    struct bytes envelope, box; /* of raw */
};

static void grant_new_clear(struct grant_new *g) {
    blob_clear(&g->raw);
    blob_clear(&g->note);
}

static struct grant_bytes bytes_of(const struct grant_new *g) {
    return (struct grant_bytes){.statement = BYTES(g->raw.data, GRANT_HEAD_BYTES + g->envelope.len),
                                .box = g->box,
                                .note = blob_bytes(&g->note)};
}

static bool read_body(struct http_request *request, struct grant_new *g, struct http_reply *r) {
    AUTO(json_release) json_t *document = NULL;
    const struct json_field fields[] = {
        {"grant", JSON_KIND_BASE64, true, 1, GRANT_BODY_MAX_BYTES, &g->raw, NULL},
        {"note", JSON_KIND_BASE64, false, 0, INDEX_GRANT_NOTE_MAX_BYTES, &g->note, NULL},
    };
    return REQUEST_JSON(request, fields, &document, r);
}

/* Is there such a camera: recorded, or with an object of its hub's? */
static err see_object(void *arg, const struct object_info *object) {
    *(bool *)arg = true;
    return ERR_CANCELLED; /* one is enough */
}

static err camera_known(struct vault *v, const struct store_id *household,
                        const uint8_t camera[CAMERA_ID_BYTES], struct diag *d) {
    struct store_id id;
    struct camera_info info;
    char hex[2 * CAMERA_ID_BYTES + 1], prefix[16 + 2 * CAMERA_ID_BYTES];
    bool found = false;
    memcpy(id.bytes, camera, sizeof id.bytes);
    err e = v->index->ops->camera_get(v->index, household, &id, &info, d);
    if (e != ERR_NOT_FOUND) return e;
    hex_encode(BYTES_OF(id.bytes), hex);
    snprintf(prefix, sizeof prefix, "camera/%s/", hex);
    e = v->index->ops->object_list(v->index, household, prefix, see_object, &found, d);
    if (found) return ERR_OK;
    return e ? e
             : diag_fail(d, ERR_INVALID, "grant: \"cameras\" names one that this household does not have");
}

static err check_clock(const struct grant_statement *s, uint32_t now, struct diag *d) {
    if (s->time <= (uint64_t)now + GRANT_SKEW_SLOTS) return ERR_OK;
    return diag_fail(
        d, ERR_INVALID,
        "grant: it was signed %llu minutes ahead of the vault's clock: set the clock of the device "
        "that made it",
        (unsigned long long)((s->time - now + 59) / 60));
}

/* Reads and checks what holds for a first grant and for one issued again. */
static err check_new(struct vault *v, const struct store_id *household, struct grant_new *g, struct diag *d) {
    struct index_household keys;
    uint32_t now = slot_now();
    err e = v->index->ops->household_keys_get(v->index, household, &keys, d);
    if (e == ERR_NOT_FOUND)
        return diag_fail(d, ERR_CONFLICT, "tell the household's keys first: PUT /v1/household");
    if (!e) e = grant_read(blob_bytes(&g->raw), keys.sign.bytes, &g->statement, d);
    if (!e) e = grant_split(blob_bytes(&g->raw), &g->envelope, &g->box, d);
    if (!e && now >= g->statement.expires) e = grant_valid_at(&g->statement, now, d);
    if (!e) e = check_clock(&g->statement, now, d);
    if (!e && !v->log)
        e = diag_fail(d, ERR_UNSUPPORTED, "this vault keeps no access log: nothing can be shared");
    if (!e && memcmp(g->statement.log, access_log_key(v->log), sizeof g->statement.log) != 0)
        e = diag_fail(d, ERR_INVALID, "grant: \"log\" is not the key of this vault's access log");
    for (size_t i = 0; !e && i < g->statement.camera_count; i++)
        e = camera_known(v, household, g->statement.cameras[i], d);
    if (!e && g->statement.purpose == GRANT_SUPPORT) e = staff_grantee_check(v, household, &g->statement, d);
    return e;
}

/* --- making one --- */

/* It is in the log, and the index did not take it: the log says that too. It was never alive, and the same
 * grant may be posted again. */
static void grant_cancel(struct vault *v, const struct store_id *household, const struct grant_statement *s) {
    const struct grant_act act = grant_act_of("grant.cancel", household, s, true);
    char hex[2 * GRANT_ID_BYTES + 1];
    struct diag d = {0};
    err e = grant_log(v, &act, NULL, NULL, NULL, &d);
    hex_encode(BYTES_OF(s->id), hex);
    if (e)
        log_error("grant %s is in the access log, and was not made: %s", hex,
                  d.text[0] ? d.text : err_text(e));
}

static err grant_make(struct vault *v, const struct store_id *household, const struct grant_new *g,
                      uint64_t *entry, struct diag *d) {
    const struct grant_statement *s = &g->statement;
    struct grant_row row = {.household = *household,
                            .purpose = s->purpose,
                            .created = slot_now(),
                            .expires = s->expires,
                            .views = s->views},
                     held;
    uint64_t count = 0;
    memcpy(row.grant.bytes, s->id, sizeof row.grant.bytes);
    memcpy(row.grantee.bytes, s->grantee_sign, sizeof row.grantee.bytes);
    memcpy(row.ticket, s->ticket, sizeof row.ticket);
    const struct grant_bytes bytes = bytes_of(g);
    err e = v->index->ops->grant_get(v->index, NULL, &row.grant, false, &held, NULL, d);
    if (!e) return diag_fail(d, ERR_EXISTS, "grant: there is one of this id already");
    if (e != ERR_NOT_FOUND) return e;
    e = v->index->ops->grant_count(v->index, household, &count, d);
    if (!e && count >= INDEX_GRANTS_MAX)
        e = diag_fail(d, ERR_LIMIT, "a household has at most %u grants: forget some that have ended",
                      INDEX_GRANTS_MAX);
    const struct grant_act act = grant_act_of("grant.create", household, s, true);
    if (!e)
        e = grant_log(v, &act, json_pack("{s:I}", "expires", (json_int_t)s->expires), &row.entry, NULL, d);
    if (e) return e;
    e = v->index->ops->grant_add(v->index, &row, &bytes, d);
    if (e && e != ERR_EXISTS) grant_cancel(v, household, s); /* else another request made the same */
    if (e) return e;
    *entry = row.entry;
    if (s->ticket[0]) ticket_announce(v, s->ticket); /* the agent waits for it */
    return ERR_OK;
}

enum http_outcome grant_create(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const struct store_id *household = &caller_of(request)->capability.household;
    AUTO(grant_new_clear) struct grant_new g = {0};
    uint64_t entry = 0;
    struct diag d = {0};
    if (!read_body(request, &g, r)) return HTTP_DONE;
    err e = check_new(v, household, &g, &d);
    if (!e) e = grant_make(v, household, &g, &entry, &d);
    return e ? reply_err(r, e, &d) : reply_json(r, 201, json_pack("{s:I}", "entry", (json_int_t)entry));
}

/* --- issuing one again --- */

static bool cameras_within(const struct grant_statement *s, const struct grant_statement *of) {
    for (size_t i = 0; i < s->camera_count; i++)
        if (!grant_names_camera(of, s->cameras[i])) return false;
    return true;
}

static err check_same(const struct grant_statement *s, const struct grant_statement *old, struct diag *d) {
    if (memcmp(s->id, old->id, sizeof s->id) != 0)
        return diag_fail(d, ERR_INVALID, "grant: it has another id than the address");
    if (memcmp(s->grantee, old->grantee, sizeof s->grantee) != 0 ||
        memcmp(s->grantee_sign, old->grantee_sign, sizeof s->grantee_sign) != 0)
        return diag_fail(d, ERR_DENIED, "grant: it was issued to another grantee");
    if (s->purpose != old->purpose || s->role != old->role || strcmp(s->ticket, old->ticket) != 0)
        return diag_fail(d, ERR_DENIED, "grant: purpose, role and ticket stay what they were");
    if (s->time <= old->time)
        return diag_fail(d, ERR_DENIED, "grant: \"time\" must be later than that of the one before it");
    return ERR_OK;
}

static bool witnesses_kept(const struct grant_statement *s, const struct grant_statement *old) {
    if (!old->witness_count) return true;
    for (size_t i = 0; i < s->witness_count; i++) {
        bool found = false;
        for (size_t k = 0; k < old->witness_count; k++)
            found |= memcmp(s->witnesses[i], old->witnesses[k], SIGN_PUBLIC_BYTES) == 0;
        if (!found) return false;
    }
    return s->witness_count > 0;
}

/* No wider in anything; which of them is wider is named. */
static err check_no_wider(const struct grant_statement *s, const struct grant_statement *old,
                          struct diag *d) {
    const char *wider = NULL;
    if (s->from < old->from || s->to > old->to) wider = "from, to";
    if (s->not_before < old->not_before || s->expires > old->expires) wider = "not_before, expires";
    if (s->live && !old->live) wider = "live";
    if (s->may_export && !old->may_export) wider = "export";
    if (old->views && (!s->views || s->views > old->views)) wider = "views";
    if (!witnesses_kept(s, old)) wider = "witnesses";
    /* A member's are added as cameras are, a viewer's as an owner chooses: whose grant it is knows it by its
     * id. */
    if (s->purpose != GRANT_MEMBER && !cameras_within(s, old)) wider = "cameras";
    if (!wider) return ERR_OK;
    return diag_fail(d, ERR_DENIED, "grant: issued again it may not be wider than before (%s)", wider);
}

/* Something that runs may be more than it allows now. */
static bool narrower(const struct grant_statement *s, const struct grant_statement *old) {
    return s->to < old->to || s->from > old->from || s->expires < old->expires || s->live < old->live ||
           !cameras_within(old, s);
}

static err grant_reissue(struct vault *v, const struct store_id *household, const struct store_id *id,
                         const struct grant_new *g, uint64_t *entry, struct diag *d) {
    AUTO(grant_held_clear) struct grant_held old = {0};
    err e = grant_load(v, household, id, false, &old, d);
    if (!e && old.row.revoked) e = grant_alive(&old, slot_now(), d);
    if (!e) e = check_same(&g->statement, &old.statement, d);
    if (!e) e = check_no_wider(&g->statement, &old.statement, d);
    if (e) return e;
    struct grant_row row = old.row;
    row.expires = g->statement.expires;
    row.views = g->statement.views;
    const struct grant_bytes bytes = bytes_of(g);
    e = v->index->ops->grant_replace(v->index, &row, blob_bytes(&old.blobs.statement), &bytes, d);
    if (e) return e;
    *entry = old.row.entry;
    if (narrower(&g->statement, &old.statement)) grant_end_announce(v, id);
    return ERR_OK;
}

enum http_outcome grant_put(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const struct store_id *household = &caller_of(request)->capability.household;
    AUTO(grant_new_clear) struct grant_new g = {0};
    struct store_id id;
    uint64_t entry = 0;
    struct diag d = {0};
    if (!request_id(request, 0, "grant", &id, r) || !read_body(request, &g, r)) return HTTP_DONE;
    err e = check_new(v, household, &g, &d);
    if (!e) e = grant_reissue(v, household, &id, &g, &entry, &d);
    if (e == ERR_NOT_FOUND) return reply_error(r, 404, "not_found", "there is no such grant");
    return e ? reply_err(r, e, &d) : reply_json(r, 200, json_pack("{s:I}", "entry", (json_int_t)entry));
}

/* --- lists --- */

static json_t *grant_json(struct vault *v, const struct grant_row *row, struct bytes statement,
                          struct bytes note, struct bytes revocation) {
    struct bytes envelope = {0};
    if (statement.len > GRANT_HEAD_BYTES)
        envelope = BYTES(statement.data + GRANT_HEAD_BYTES, statement.len - GRANT_HEAD_BYTES);
    json_t *one =
        json_pack("{s:o,s:o,s:o,s:I,s:I,s:o}", "id", json_hex(BYTES_OF(row->grant.bytes)), "statement",
                  json_base64(envelope), "note", json_base64(note), "uses", (json_int_t)row->uses, "entry",
                  (json_int_t)row->entry, "active", activity_of(v, &row->grant));
    bool sound = one != NULL;
    if (row->last_use) sound = sound && !json_object_set_new(one, "last_use", json_integer(row->last_use));
    if (row->revoked) {
        sound = sound && !json_object_set_new(one, "revoked", json_integer(row->revoked));
        sound = sound && !json_object_set_new(one, "revocation", json_base64(revocation));
    }
    if (sound) return one;
    json_decref(one);
    return NULL;
}

struct rows {
    struct vault *v;
    json_t *list;
};

static err add_row(void *arg, const struct grant_row *row, const struct grant_bytes *bytes) {
    struct rows *rows = arg;
    json_t *one = grant_json(rows->v, row, bytes->statement, bytes->note, bytes->revocation);
    return json_array_append_new(rows->list, one) ? ERR_NO_MEMORY : ERR_OK;
}

enum http_outcome grant_list(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct rows rows = {v, json_array()};
    struct diag d = {0};
    err e =
        v->index->ops->grant_list(v->index, &caller_of(request)->capability.household, add_row, &rows, &d);
    if (!e) return reply_json(r, 200, json_pack("{s:o}", "grants", rows.list));
    json_decref(rows.list);
    return reply_err(r, e, &d);
}

enum http_outcome grant_get(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    AUTO(grant_held_clear) struct grant_held g = {0};
    AUTO(blob_clear) struct blob raw = {0};
    struct store_id id;
    struct diag d = {0};
    if (!request_id(request, 0, "grant", &id, r)) return HTTP_DONE;
    err e = grant_load(v, &caller_of(request)->capability.household, &id, true, &g, &d);
    if (!e) e = grant_bytes_join(&g.blobs, &raw);
    if (e == ERR_NOT_FOUND) return reply_error(r, 404, "not_found", "there is no such grant");
    if (e) return reply_err(r, e, &d);
    json_t *one = grant_json(v, &g.row, blob_bytes(&g.blobs.statement), blob_bytes(&g.blobs.note),
                             blob_bytes(&g.blobs.revocation));
    if (one && json_object_set_new(one, "grant", json_base64(blob_bytes(&raw)))) {
        json_decref(one);
        one = NULL;
    }
    return reply_json(r, 200, one);
}

err grant_bytes_join(const struct grant_blobs *blobs, struct blob *out) {
    err e = blob_reserve(out, blobs->statement.len + blobs->box.len);
    if (!e) e = blob_append(out, blob_bytes(&blobs->statement));
    return e ? e : blob_append(out, blob_bytes(&blobs->box));
}

/* --- ending --- */

/* Takes effect first, and is answered once the log has it; what the log did not take the sweep tries again.
 */
static err end_logged(struct vault *v, const struct grant_held *g, const char *kind, uint64_t *entry,
                      struct diag *d) {
    const struct grant_act act = grant_act_of(kind, &g->row.household, &g->statement, true);
    activity_forget(v, &g->row.household, &g->row.grant);
    err e = grant_log(v, &act, NULL, entry, NULL, d);
    return e ? e : v->index->ops->grant_close(v->index, &g->row.grant, d);
}

/* A grant whose statement cannot be read ends by what its row says; of cameras the entry then names none. */
static err end_damaged(struct vault *v, const struct grant_row *row, const char *kind, uint64_t *entry,
                       struct diag *d) {
    struct grant_held g = {.row = *row};
    struct index_household keys;
    char hex[2 * STORE_ID_BYTES + 1];
    err e = v->index->ops->household_keys_get(v->index, &row->household, &keys, d);
    if (!e && row->purpose > GRANT_REQUEST)
        e = diag_fail(d, ERR_IO, "a stored grant is damaged: run cardea fsck");
    if (e) return e;
    memcpy(g.statement.id, row->grant.bytes, sizeof g.statement.id);
    memcpy(g.statement.issuer, keys.sign.bytes, sizeof g.statement.issuer);
    memcpy(g.statement.ticket, row->ticket, sizeof row->ticket);
    g.statement.purpose = (enum grant_purpose)row->purpose;
    g.statement.from = row->created;
    g.statement.to = row->expires;
    e = end_logged(v, &g, kind, entry, d);
    if (e) return e;
    hex_encode(BYTES_OF(row->grant.bytes), hex);
    log_error("grant %s is damaged in the index: it has ended, and what it was for is not known", hex);
    return ERR_OK;
}

/* One that was revoked or has expired, and perhaps was forgotten meanwhile. */
static err end_due(struct vault *v, const struct grant_row *row, uint64_t *entry, struct diag *d) {
    AUTO(grant_held_clear) struct grant_held g = {0};
    const char *kind = row->revoked ? "grant.revoke" : "grant.expire";
    err e = grant_load(v, NULL, &row->grant, false, &g, d);
    if (e == ERR_NOT_FOUND) return ERR_OK;
    if (e == ERR_IO) return end_damaged(v, row, kind, entry, d);
    return e ? e : end_logged(v, &g, kind, entry, d);
}

static err revoke(struct vault *v, const struct grant_held *g, struct bytes raw, uint64_t *entry,
                  struct diag *d) {
    pthread_mutex_lock(&v->grants_lock); /* so that the sweep does not log it too */
    err e = v->index->ops->grant_revoke(v->index, &g->row.household, &g->row.grant, raw, slot_now(), d);
    if (!e) grant_end_announce(v, &g->row.grant);
    if (!e) e = end_logged(v, g, "grant.revoke", entry, d);
    pthread_mutex_unlock(&v->grants_lock);
    return e;
}

enum http_outcome grant_revoke(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const struct store_id *household = &caller_of(request)->capability.household;
    AUTO(grant_held_clear) struct grant_held g = {0};
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(json_release) json_t *document = NULL;
    struct grant_revocation revocation;
    struct store_id id;
    uint64_t entry = 0;
    struct diag d = {0};
    const struct json_field fields[] = {
        {"revocation", JSON_KIND_BASE64, true, 1, INDEX_REVOCATION_MAX_BYTES, &raw, NULL}};
    if (!request_id(request, 0, "grant", &id, r) || !REQUEST_JSON(request, fields, &document, r))
        return HTTP_DONE;
    struct index_household keys;
    err e = grant_load(v, household, &id, false, &g, &d);
    if (e == ERR_NOT_FOUND) return reply_error(r, 404, "not_found", "there is no such grant");
    /* By the key that the household has now, whoever signed the grant. */
    if (!e) e = v->index->ops->household_keys_get(v->index, household, &keys, &d);
    if (!e) e = grant_revocation_check(blob_bytes(&raw), &g.statement, keys.sign.bytes, &revocation, &d);
    if (!e) e = revoke(v, &g, blob_bytes(&raw), &entry, &d);
    return e ? reply_err(r, e, &d) : reply_json(r, 200, json_pack("{s:I}", "entry", (json_int_t)entry));
}

enum http_outcome grant_delete(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const struct store_id *household = &caller_of(request)->capability.household;
    struct grant_row row;
    struct store_id id;
    uint64_t entry;
    struct diag d = {0};
    if (!request_id(request, 0, "grant", &id, r)) return HTTP_DONE;
    pthread_mutex_lock(&v->grants_lock); /* as revoke does */
    err e = v->index->ops->grant_get(v->index, household, &id, false, &row, NULL, &d);
    bool ended = !e && (row.revoked || row.expires <= slot_now());
    if (ended && !row.closed) /* the log has its end before its row is gone */
        e = end_due(v, &row, &entry, &d);
    if (!e) e = v->index->ops->grant_remove(v->index, household, &id, slot_now(), &d);
    pthread_mutex_unlock(&v->grants_lock);
    if (e == ERR_NOT_FOUND) return reply_error(r, 404, "not_found", "there is no such grant");
    return e ? reply_err(r, e, &d) : reply_empty(r, 204);
}

struct due {
    struct grant_row rows[SWEEP_BATCH];
    size_t count;
};

static err note_due(void *arg, const struct grant_row *row, const struct grant_bytes *bytes) {
    struct due *due = arg;
    due->rows[due->count++] = *row;
    return ERR_OK;
}

/* The grants are in the order of their ends, and those that cannot be closed stay at the front of it: they
 * are passed over, so that none keeps the others from being logged. Returns what was wrong with the first. */
err grants_sweep(struct vault *v, struct diag *d) {
    struct due *due = calloc(1, sizeof *due);
    uint32_t stuck = 0, now = slot_now();
    err e = due ? ERR_OK : diag_fail(d, ERR_NO_MEMORY, "no memory to look for grants that ended"),
        first = ERR_OK;
    pthread_mutex_lock(&v->grants_lock);
    for (bool more = true; !e && more; more = due->count == SWEEP_BATCH) {
        due->count = 0;
        e = v->index->ops->grant_due(v->index, now, stuck, SWEEP_BATCH, note_due, due, d);
        for (size_t i = 0; !e && i < due->count; i++) {
            struct diag why = {0};
            uint64_t entry;
            err failed = end_due(v, &due->rows[i], &entry, &why);
            if (!failed) continue;
            stuck++;
            if (!first && d) *d = why;
            if (!first) first = failed;
        }
    }
    pthread_mutex_unlock(&v->grants_lock);
    free(due);
    return e ? e : first;
}
