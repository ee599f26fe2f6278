#include "format/boxed.h"

#include "format/envelope.h"
#include "format/json_bytes.h"

err boxed_seal(const struct boxed_kind *kind, const json_t *value, const struct sign_key *signer,
               const uint8_t to[BOX_PUBLIC_BYTES], struct bytes aad,
               const uint8_t ephemeral[BOX_SECRET_BYTES], struct blob *out) {
    AUTO(blob_clear) struct blob text = {0};
    AUTO(blob_clear) struct blob envelope = {0};
    err e = json_append(value, &text);
    if (!e) e = envelope_sign(signer, kind->label, blob_bytes(&text), &envelope);
    if (!e && envelope.len > kind->max_bytes - BOX_OVERHEAD_BYTES) e = ERR_LIMIT;
    return e ? e : box_seal_with(to, ephemeral, kind->label, aad, blob_bytes(&envelope), out);
}

/* `expected` NULL: any. */
static err open(const struct boxed_kind *kind, struct bytes raw, const struct box_key *key, struct bytes aad,
                const uint8_t *expected, uint8_t signer[SIGN_PUBLIC_BYTES], json_t **value, struct diag *d) {
    if (raw.len > kind->max_bytes)
        return diag_fail(d, ERR_LIMIT, "%s: larger than %zu bytes", kind->what, kind->max_bytes);
    AUTO(blob_clear) struct blob plain = {0};
    struct envelope envelope;
    err e = box_open(key, kind->label, aad, raw, &plain);
    if (e) return diag_fail(d, e, "%s: not for this receiver, or damaged", kind->what);
    e = envelope_verify(blob_bytes(&plain), kind->label, &envelope, d);
    if (!e && expected && memcmp(envelope.signer, expected, SIGN_PUBLIC_BYTES) != 0)
        e = diag_fail(d, ERR_FORGED, "it is signed by somebody else");
    if (!e) e = json_parse(envelope.message, value, d);
    if (e) diag_prefix(d, "%s", kind->what);
    if (!e) memcpy(signer, envelope.signer, SIGN_PUBLIC_BYTES);
    return e;
}

err boxed_open(const struct boxed_kind *kind, struct bytes raw, const struct box_key *key, struct bytes aad,
               const uint8_t signer[SIGN_PUBLIC_BYTES], json_t **value, struct diag *d) {
    uint8_t found[SIGN_PUBLIC_BYTES];
    return open(kind, raw, key, aad, signer, found, value, d);
}

err boxed_open_any(const struct boxed_kind *kind, struct bytes raw, const struct box_key *key,
                   struct bytes aad, uint8_t signer[SIGN_PUBLIC_BYTES], json_t **value, struct diag *d) {
    return open(kind, raw, key, aad, NULL, signer, value, d);
}
