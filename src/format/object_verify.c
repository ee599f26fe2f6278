#include "format/object.h"

err object_verify(struct bytes raw, struct object *out, struct diag *d) {
    if (raw.len > OBJECT_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "object: larger than %u bytes", OBJECT_MAX_BYTES);
    struct envelope envelope;
    err e = envelope_verify(raw, "cardea/1 object", &envelope, d);
    if (e) return e;
    struct reader r = reader_of(envelope.message);
    struct object found = {0};
    uint8_t length[2];
    struct bytes key;
    if (!reader_copy(&r, length, 2) || be16_get(length) > OBJECT_KEY_MAX_BYTES ||
        !reader_take(&r, be16_get(length), &key))
        return diag_fail(d, ERR_INVALID, "object: the key length cannot be");
    memcpy(found.key, key.data, key.len);
    if (strlen(found.key) != key.len || !object_key_valid(found.key))
        return diag_fail(d, ERR_INVALID, "object: the key is not of a-z, 0-9, dashes and single slashes");
    if (!reader_be64(&r, &found.version) || found.version == 0)
        return diag_fail(d, ERR_INVALID, "object: the version cannot be");
    memcpy(found.signer, envelope.signer, SIGN_PUBLIC_BYTES);
    found.payload = BYTES(r.at, reader_left(&r));
    *out = found;
    return ERR_OK;
}

err object_verify_from(struct bytes raw, const uint8_t signer[SIGN_PUBLIC_BYTES], const char *key,
                       struct object *out, struct diag *d) {
    struct object found;
    err e = object_verify(raw, &found, d);
    if (e) return e;
    if (memcmp(found.signer, signer, SIGN_PUBLIC_BYTES) != 0)
        return diag_fail(d, ERR_FORGED, "object %s: it is signed by somebody else", found.key);
    if (strcmp(found.key, key) != 0)
        return diag_fail(d, ERR_FORGED, "object %s: it stands in the place of %s", found.key, key);
    *out = found;
    return ERR_OK;
}
