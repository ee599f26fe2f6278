#include "format/envelope.h"

err envelope_verify(struct bytes raw, const char *domain, struct envelope *out, struct diag *d) {
    if (raw.len < 4 || memcmp(raw.data, "CRDS", 4) != 0)
        return diag_fail(d, ERR_INVALID, "envelope: the magic is not CRDS");
    if (raw.len < 5 || raw.data[4] != 1)
        return diag_fail(d, ERR_INVALID, "envelope: this version is not known");
    if (raw.len < ENVELOPE_OVERHEAD_BYTES)
        return diag_fail(d, ERR_INVALID, "envelope: the length is too small");
    struct bytes message = BYTES(raw.data + ENVELOPE_OVERHEAD_BYTES, raw.len - ENVELOPE_OVERHEAD_BYTES);
    err e = verify_message(raw.data + 5, domain, message, raw.data + 5 + SIGN_PUBLIC_BYTES);
    if (e) return diag_fail(d, e, "envelope: the signature does not fit");
    memcpy(out->signer, raw.data + 5, SIGN_PUBLIC_BYTES);
    out->message = message;
    return ERR_OK;
}

err envelope_verify_from(struct bytes raw, const uint8_t signer[SIGN_PUBLIC_BYTES], const char *domain,
                         struct bytes *message, struct diag *d) {
    struct envelope found;
    err e = envelope_verify(raw, domain, &found, d);
    if (e) return e;
    if (memcmp(found.signer, signer, SIGN_PUBLIC_BYTES) != 0)
        return diag_fail(d, ERR_FORGED, "envelope: it is signed by somebody else");
    *message = found.message;
    return ERR_OK;
}
