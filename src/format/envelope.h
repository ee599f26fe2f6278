/* envelope.h: a signed message with its signer's key (docs/formats.md, "Signed"). Threads: no shared state.
 *
 *     magic "CRDS" | version 1 | signer's public key (32) | signature (64) | message
 *
 * envelope_sign is in format_sign, the rest in format_verify. */
#ifndef CARDEA_FORMAT_ENVELOPE_H
#define CARDEA_FORMAT_ENVELOPE_H

#include "crypto/sign.h"

#define ENVELOPE_OVERHEAD_BYTES (4 + 1 + SIGN_PUBLIC_BYTES + SIGNATURE_BYTES)

/* Appends the envelope. */
err envelope_sign(const struct sign_key *k, const char *domain, struct bytes message,
                  struct blob *out) CHECKED;

struct envelope {
    uint8_t signer[SIGN_PUBLIC_BYTES];
    struct bytes message; /* borrowed from the bytes it was read from */
};

/* Whether the signer is who it should be is the caller's question; envelope_verify_from asks it too.
 *   ERR_INVALID  names magic, version or length
 *   ERR_FORGED   the signature does not fit, or (from) the signer is another */
err envelope_verify(struct bytes raw, const char *domain, struct envelope *out, struct diag *d) CHECKED;
err envelope_verify_from(struct bytes raw, const uint8_t signer[SIGN_PUBLIC_BYTES], const char *domain,
                         struct bytes *message, struct diag *d) CHECKED;

#endif
