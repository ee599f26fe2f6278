#include "format/json_bytes.h"

err json_append(const json_t *value, struct blob *out) {
    if (!value) return ERR_NO_MEMORY;
    size_t len = json_dumpb(value, NULL, 0, JSON_COMPACT);
    if (len == 0) return ERR_NO_MEMORY;
    err e = blob_reserve(out, out->len + len);
    if (e) return e;
    if (json_dumpb(value, (char *)out->data + out->len, len, JSON_COMPACT) != len) return ERR_NO_MEMORY;
    out->len += len;
    return ERR_OK;
}
