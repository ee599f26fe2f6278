#include "tlog/cosignature.h"

#include <inttypes.h>
#include <stdio.h>

#include "crypto/hash.h"
#include "tlog/checkpoint.h"

#define COSIGNER_PREFIX "cardea-hub/"
#define COSIGNER_ID_BYTES 8

void cosigner_name(const uint8_t public_key[SIGN_PUBLIC_BYTES], char out[COSIGNER_NAME_BYTES]) {
    uint8_t hash[HASH_BYTES];
    hash_sha256(BYTES(public_key, SIGN_PUBLIC_BYTES), hash);
    memcpy(out, COSIGNER_PREFIX, sizeof COSIGNER_PREFIX);
    hex_encode(BYTES(hash, COSIGNER_ID_BYTES), out + sizeof COSIGNER_PREFIX - 1);
}

static err statement(uint64_t time_s, struct bytes body, struct blob *out) {
    char head[48];
    snprintf(head, sizeof head, "cosignature/v1\ntime %" PRIu64 "\n", time_s);
    err e = blob_append(out, bytes_text(head));
    return e ? e : blob_append(out, body);
}

err cosignature_sign(struct bytes checkpoint, const char *name, const struct sign_key *key, uint64_t time_s,
                     struct blob *out) {
    AUTO(blob_clear) struct blob message = {0};
    struct checkpoint c;
    struct note note;
    uint8_t raw[NOTE_KEY_ID_BYTES + COSIGNATURE_BYTES];
    if (!note_name_is_valid(name) || time_s >> 63) return ERR_INVALID;
    err e = checkpoint_parse(checkpoint, &c, &note, NULL);
    if (!e) e = note_key_id(name, NOTE_COSIGNATURE_ED25519, key->public_key, raw);
    if (!e) e = statement(time_s, note.body, &message);
    if (e) return e;
    be64_put(raw + NOTE_KEY_ID_BYTES, time_s);
    sign_raw(key, blob_bytes(&message), raw + NOTE_KEY_ID_BYTES + 8);
    return note_append(out, name, BYTES_OF(raw));
}

static err check_one(const struct note_signature *s, struct bytes body,
                     const uint8_t public_key[SIGN_PUBLIC_BYTES], uint64_t *time_s) {
    AUTO(blob_clear) struct blob message = {0};
    *time_s = be64_get(s->raw + NOTE_KEY_ID_BYTES);
    err e = statement(*time_s, body, &message);
    return e ? e : verify_raw(public_key, blob_bytes(&message), s->raw + NOTE_KEY_ID_BYTES + 8);
}

err cosignature_verify(struct bytes checkpoint, const char *name, const uint8_t public_key[SIGN_PUBLIC_BYTES],
                       uint64_t *time_s, struct diag *d) {
    struct checkpoint c;
    struct note note;
    struct note_signature s;
    uint8_t id[NOTE_KEY_ID_BYTES];
    uint64_t latest = 0, seen = 0;
    bool found = false;
    err e = checkpoint_parse(checkpoint, &c, &note, d), more;
    if (!e) e = note_key_id(name, NOTE_COSIGNATURE_ED25519, public_key, id);
    if (e) return e;
    while ((more = note_next(&note.lines, &s)) == ERR_OK) {
        if (!note_signed_by(&s, name, id, COSIGNATURE_BYTES)) continue;
        e = check_one(&s, note.body, public_key, &seen);
        if (e) return diag_fail(d, e, "the cosignature by %s does not fit", name);
        if (!found || seen > latest) latest = seen;
        found = true;
    }
    if (more != ERR_NOT_FOUND)
        return diag_fail(d, ERR_INVALID, "checkpoint: a line after the body is not a signature");
    if (!found) return diag_fail(d, ERR_NOT_FOUND, "no cosignature by %s", name);
    if (time_s) *time_s = latest;
    return ERR_OK;
}

size_t cosignatures_count(struct bytes checkpoint, const uint8_t (*keys)[SIGN_PUBLIC_BYTES], size_t count) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        char name[COSIGNER_NAME_BYTES];
        cosigner_name(keys[i], name);
        if (cosignature_verify(checkpoint, name, keys[i], NULL, NULL) == ERR_OK) found++;
    }
    return found;
}
