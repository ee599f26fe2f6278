#include "format/object.h"

err object_sign(const struct sign_key *k, const char *key, uint64_t version, struct bytes payload,
                struct blob *out) {
    if (!object_key_valid(key) || version == 0) return ERR_INVALID;
    size_t key_len = strlen(key);
    if (payload.len > OBJECT_MAX_BYTES - ENVELOPE_OVERHEAD_BYTES - 2 - 8 - key_len) return ERR_LIMIT;
    AUTO(blob_clear) struct blob message = {0};
    uint8_t length[2];
    be16_put(length, (uint16_t)key_len);
    err e = blob_append(&message, BYTES_OF(length));
    if (!e) e = blob_append(&message, BYTES(key, key_len));
    if (!e) e = blob_append_be64(&message, version);
    if (!e) e = blob_append(&message, payload);
    return e ? e : envelope_sign(k, "cardea/1 object", blob_bytes(&message), out);
}
