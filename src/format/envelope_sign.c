#include "format/envelope.h"

err envelope_sign(const struct sign_key *k, const char *domain, struct bytes message, struct blob *out) {
    uint8_t head[ENVELOPE_OVERHEAD_BYTES] = {'C', 'R', 'D', 'S', 1};
    err e = blob_reserve(out, out->len + sizeof head + message.len);
    if (e) return e;
    memcpy(head + 5, k->public_key, SIGN_PUBLIC_BYTES);
    sign_message(k, domain, message, head + 5 + SIGN_PUBLIC_BYTES);
    e = blob_append(out, BYTES_OF(head));
    return e ? e : blob_append(out, message);
}
