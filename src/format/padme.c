#include "format/padme.h"

static unsigned log2_floor(uint64_t v) {
    return 63u - (unsigned)__builtin_clzll(v);
}

uint64_t padme_size(uint64_t len) {
    if (len < 4) return len;
    unsigned exponent = log2_floor(len), kept = log2_floor(exponent) + 1;
    uint64_t mask = ((uint64_t)1 << (exponent - kept)) - 1;
    return (len + mask) & ~mask;
}

size_t padded_size(size_t data_len) {
    return (size_t)padme_size((uint64_t)data_len + 4);
}

err padded_append(struct blob *out, struct bytes data) {
    if (data.len > UINT32_MAX) return ERR_LIMIT;
    size_t padded = padded_size(data.len);
    err e = blob_reserve(out, out->len + padded);
    if (e) return e;
    uint8_t *at = out->data + out->len;
    be32_put(at, (uint32_t)data.len);
    if (data.len) memcpy(at + 4, data.data, data.len);
    memset(at + 4 + data.len, 0, padded - 4 - data.len);
    out->len += padded;
    return ERR_OK;
}

err padded_read(struct bytes plain, struct bytes *data) {
    if (plain.len < 4) return ERR_FORGED;
    uint32_t len = be32_get(plain.data);
    if (len > plain.len - 4 || padded_size(len) != plain.len) return ERR_FORGED;
    uint8_t any = 0;
    for (size_t i = 4 + (size_t)len; i < plain.len; i++) any |= plain.data[i];
    if (any) return ERR_FORGED;
    *data = BYTES(plain.data + 4, len);
    return ERR_OK;
}
