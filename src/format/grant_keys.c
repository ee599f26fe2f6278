/* grant_keys.c: issuing a grant, and opening the keys in it. */
#include <stdlib.h>

#include "crypto/hash.h"
#include "format/grant.h"
#include "format/json_bytes.h"

#define INFO "cardea/1 grant"
#define VERSION 2

void grant_parts_clear(struct grant_parts *p) {
    if (!p) return;
    for (size_t i = 0; i < p->count; i++) timekey_set_clear(&p->parts[i].keys);
    free(p->parts);
    blob_clear(&p->about);
    *p = (struct grant_parts){0};
}

static json_t *cameras_json(const struct grant_statement *s) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < s->camera_count; i++) {
        if (json_array_append_new(list, json_hex(BYTES_OF(s->cameras[i])))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *witnesses_json(const struct grant_statement *s) {
    json_t *list = s->witness_count ? json_array() : NULL;
    for (size_t i = 0; list && i < s->witness_count; i++) {
        if (json_array_append_new(list, json_base64(BYTES_OF(s->witnesses[i])))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static err statement_encode(const struct grant_statement *s, struct blob *out, struct diag *d) {
    AUTO(json_release) json_t *ticket = s->ticket[0] ? json_string(s->ticket) : NULL;
    AUTO(json_release) json_t *witnesses = witnesses_json(s);
    if (s->ticket[0] && !ticket) return diag_fail(d, ERR_INVALID, "grant: \"ticket\" is not UTF-8 text");
    if (s->witness_count && !witnesses) return ERR_NO_MEMORY;
    const char *role = s->role ? grant_roles[s->role] : NULL;
    AUTO(json_release)
    json_t *value = json_pack(
        "{s:i, s:o, s:o, s:o, s:s, s:s*, s:O*, s:o, s:I, s:I, s:b, s:b, s:I, s:I, s:I, s:o*, s:o, s:O*}", "v",
        VERSION, "id", json_hex(BYTES_OF(s->id)), "grantee", json_base64(BYTES_OF(s->grantee)),
        "grantee_sign", json_base64(BYTES_OF(s->grantee_sign)), "purpose", grant_purposes[s->purpose], "role",
        role, "ticket", ticket, "cameras", cameras_json(s), "from", (json_int_t)s->from, "to",
        (json_int_t)s->to, "live", (int)s->live, "export", (int)s->may_export, "not_before",
        (json_int_t)s->not_before, "expires", (json_int_t)s->expires, "time", (json_int_t)s->time, "views",
        s->views ? json_integer((json_int_t)s->views) : NULL, "log", json_base64(BYTES_OF(s->log)),
        "witnesses", witnesses);
    return json_append(value, out);
}

err grant_revocation_make(const struct sign_key *household, const uint8_t grant[GRANT_ID_BYTES],
                          uint64_t time, struct blob *out) {
    AUTO(blob_clear) struct blob text = {0};
    AUTO(json_release)
    json_t *value = json_pack("{s:i, s:o, s:I}", "v", 1, "grant", json_hex(BYTES(grant, GRANT_ID_BYTES)),
                              "time", (json_int_t)time);
    err e = json_append(value, &text);
    return e ? e : envelope_sign(household, "cardea/1 revoke", blob_bytes(&text), out);
}

err grant_open_sign(const struct sign_key *grantee, struct bytes challenge,
                    const uint8_t grant[GRANT_ID_BYTES], uint8_t signature[SIGNATURE_BYTES]) {
    uint8_t message[GRANT_CHALLENGE_MAX_BYTES + GRANT_ID_BYTES];
    if (challenge.len > GRANT_CHALLENGE_MAX_BYTES) return ERR_LIMIT;
    memcpy(message, challenge.data, challenge.len);
    memcpy(message + challenge.len, grant, GRANT_ID_BYTES);
    sign_message(grantee, "cardea/1 open", BYTES(message, challenge.len + GRANT_ID_BYTES), signature);
    return ERR_OK;
}

/* about, then camera | epoch | length | time key set for each set that has something in the range. */
static err payload_encode(const struct grant_statement *s, struct bytes about, const struct grant_part *parts,
                          size_t count, struct blob *out, struct diag *d) {
    if (about.len > GRANT_ABOUT_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "grant: what it says of the cameras is larger than %u bytes",
                         GRANT_ABOUT_MAX_BYTES);
    err begun = blob_append_be32(out, (uint32_t)about.len);
    if (!begun) begun = blob_append(out, about);
    if (begun) return begun;
    for (size_t i = 0; i < count; i++) {
        if (!grant_names_camera(s, parts[i].camera))
            return diag_fail(d, ERR_INVALID, "grant: keys of a camera that \"cameras\" does not name");
        AUTO(timekey_set_clear) struct timekey_set within = {0};
        AUTO(blob_clear) struct blob raw = {0};
        err e = timekey_intersect(&parts[i].keys, s->from, s->to, &within);
        if (!e && within.count == 0) continue;
        if (!e) e = timekey_encode(&within, &raw);
        if (!e) e = blob_append(out, BYTES_OF(parts[i].camera));
        if (!e) e = blob_append_be32(out, parts[i].epoch);
        if (!e) e = blob_append_be32(out, (uint32_t)raw.len);
        if (!e) e = blob_append(out, blob_bytes(&raw));
        if (e) return e;
        if (out->len > GRANT_MAX_BYTES) break;
    }
    return ERR_OK;
}

err grant_issue(const struct grant_statement *s, const struct sign_key *household, struct bytes about,
                const struct grant_part *parts, size_t count, struct blob *out, struct diag *d) {
    uint8_t ephemeral[BOX_SECRET_BYTES];
    random_bytes(ephemeral, sizeof ephemeral);
    err e = grant_issue_with(s, household, about, parts, count, ephemeral, out, d);
    wipe(ephemeral, sizeof ephemeral);
    return e;
}

err grant_issue_with(const struct grant_statement *s, const struct sign_key *household, struct bytes about,
                     const struct grant_part *parts, size_t count, const uint8_t ephemeral[BOX_SECRET_BYTES],
                     struct blob *out, struct diag *d) {
    AUTO(blob_clear) struct blob text = {0};
    AUTO(blob_clear) struct blob envelope = {0};
    AUTO(blob_clear) struct blob payload = {0};
    AUTO(blob_clear) struct blob box = {0};
    uint8_t hash[HASH_BYTES];
    err e = grant_statement_check(s, d);
    if (!e) e = statement_encode(s, &text, d);
    if (!e) e = envelope_sign(household, "cardea/1 grant", blob_bytes(&text), &envelope);
    if (!e) e = payload_encode(s, about, parts, count, &payload, d);
    if (e) return e;
    hash_sha256(blob_bytes(&envelope), hash);
    e = box_seal_with(s->grantee, ephemeral, INFO, BYTES_OF(hash), blob_bytes(&payload), &box);
    if (e) return diag_fail(d, e, "grant: the grantee's key cannot be sealed to");
    if (count > GRANT_PARTS_MAX || envelope.len > GRANT_STATEMENT_MAX_BYTES ||
        4 + 1 + 4 + envelope.len + box.len > GRANT_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "grant: too large; name fewer cameras or a shorter time");
    e = blob_reserve(out, out->len + 4 + 1 + 4 + envelope.len + box.len);
    if (!e) e = blob_append(out, bytes_text("CRDG\x02"));
    if (!e) e = blob_append_be32(out, (uint32_t)envelope.len);
    if (!e) e = blob_append(out, blob_bytes(&envelope));
    return e ? e : blob_append(out, blob_bytes(&box));
}

static err part_decode(struct reader *r, const struct grant_statement *s, struct grant_part *out,
                       struct diag *d) {
    uint32_t length = 0;
    struct bytes raw;
    if (!reader_copy(r, out->camera, CAMERA_ID_BYTES) || !reader_be32(r, &out->epoch) ||
        !reader_be32(r, &length) || !reader_take(r, length, &raw))
        return diag_fail(d, ERR_INVALID, "grant: the length of its keys does not fit");
    if (!grant_names_camera(s, out->camera))
        return diag_fail(d, ERR_FORGED, "grant: it holds keys of a camera that it does not name");
    err e = timekey_decode(raw, &out->keys, d);
    if (e) return e;
    AUTO(timekey_set_clear) struct timekey_set outside = {0};
    e = timekey_intersect(&out->keys, 0, s->from, &outside);
    if (!e && !outside.count) e = timekey_intersect(&out->keys, s->to, TIMEKEY_SLOT_END, &outside);
    if (!e && outside.count)
        e = diag_fail(d, ERR_FORGED, "grant: it holds keys of seconds that it does not name");
    return e;
}

static err payload_decode(struct bytes payload, const struct grant_statement *s, struct grant_parts *out,
                          struct diag *d) {
    struct reader r = reader_of(payload);
    uint32_t length = 0;
    struct bytes about;
    if (!reader_be32(&r, &length) || length > GRANT_ABOUT_MAX_BYTES || !reader_take(&r, length, &about))
        return diag_fail(d, ERR_INVALID, "grant: the length of what it says does not fit");
    err begun = blob_append(&out->about, about);
    if (begun) return begun;
    while (reader_left(&r)) {
        if (out->count == GRANT_PARTS_MAX)
            return diag_fail(d, ERR_LIMIT, "grant: more than %d sets of keys", GRANT_PARTS_MAX);
        struct grant_part *grown = realloc(out->parts, (out->count + 1) * sizeof *grown);
        if (!grown) return ERR_NO_MEMORY;
        out->parts = grown;
        grown[out->count] = (struct grant_part){0};
        err e = part_decode(&r, s, &grown[out->count++], d);
        if (e) return e;
    }
    return ERR_OK;
}

err grant_open(struct bytes raw, const uint8_t household[SIGN_PUBLIC_BYTES], const struct box_key *grantee,
               struct grant_statement *statement, struct grant_parts *parts, struct diag *d) {
    struct grant_statement found;
    struct bytes envelope, box;
    uint8_t hash[HASH_BYTES];
    err e = grant_read(raw, household, &found, d);
    if (!e) e = grant_split(raw, &envelope, &box, d);
    if (e) return e;
    hash_sha256(envelope, hash);
    AUTO(blob_clear) struct blob payload = {0};
    e = box_open(grantee, INFO, BYTES_OF(hash), box, &payload);
    if (e) return diag_fail(d, e, "grant: its keys are not for this grantee, or damaged");
    AUTO(grant_parts_clear) struct grant_parts opened = {0};
    e = payload_decode(blob_bytes(&payload), &found, &opened, d);
    if (e) return e;
    grant_parts_clear(parts);
    *parts = opened;
    opened = (struct grant_parts){0};
    *statement = found;
    return ERR_OK;
}
