/* webauthn.h: checks what an authenticator made: W3C Web Authentication level 2, sections 7.1 (registering)
 * and 7.2 (asserting), over libfido2. Attestation is not asked for: whoever owns the account chooses the
 * authenticator.
 *
 * Every byte here is a stranger's. Nothing is kept; the caller has checked the account, and checks and spends
 * the challenge. Threads: no shared state. */
#ifndef CARDEA_VAULT_WEBAUTHN_H
#define CARDEA_VAULT_WEBAUTHN_H

#include <stdbool.h>

#include "base/bytes.h"

#define WEBAUTHN_RP_MAX_BYTES 253
#define WEBAUTHN_CREDENTIAL_MAX_BYTES 1023
#define WEBAUTHN_KEY_MAX_BYTES 512
#define WEBAUTHN_CLIENT_DATA_MAX_BYTES 2048
#define WEBAUTHN_AUTHENTICATOR_MAX_BYTES 2048
#define WEBAUTHN_SIGNATURE_MAX_BYTES 512
#define WEBAUTHN_CHALLENGE_MAX_BYTES 64

/* COSE numbers of the algorithms that are taken, the preferred first. */
#define WEBAUTHN_ES256 (-7)
#define WEBAUTHN_EDDSA (-8)
#define WEBAUTHN_RS256 (-257)

/* What the browser says it did (section 5.8.1). */
struct webauthn_client {
    char rp[WEBAUTHN_RP_MAX_BYTES + 1]; /* the host of the page's origin */
    uint8_t challenge[WEBAUTHN_CHALLENGE_MAX_BYTES];
    size_t challenge_len;
};
/* `type` is "webauthn.create" or "webauthn.get". ERR_INVALID: not such JSON, another type, from a frame of
 * another origin, or an origin that is neither https nor this machine's; ERR_LIMIT. */
err webauthn_client_read(struct bytes client_data, const char *type, struct webauthn_client *out,
                         struct diag *d) CHECKED;

struct webauthn_key {
    int32_t algorithm;
    uint8_t bytes[WEBAUTHN_KEY_MAX_BYTES]; /* as libfido2 takes them: x || y, a point, n || e */
    size_t len;
};

struct webauthn_registration {
    struct bytes credential; /* its id, as the browser said it */
    int64_t algorithm;
    struct bytes authenticator_data;
};
/* ERR_DENIED: for another name than `rp`, another credential, nobody was there, or an algorithm that is not
 * taken. ERR_INVALID: malformed. */
err webauthn_register(const struct webauthn_registration *registration, const char *rp,
                      struct webauthn_key *key, uint32_t *counter, struct diag *d) CHECKED;

struct webauthn_assertion {
    struct bytes authenticator_data, client_data, signature;
};
/* `verified`: the person must have shown the authenticator who they are (a passkey stands for the passphrase
 * too). ERR_DENIED: whatever is wrong; the caller tells nobody which. */
err webauthn_verify(const struct webauthn_assertion *assertion, const char *rp,
                    const struct webauthn_key *key, bool verified, uint32_t *counter, struct diag *d) CHECKED;

#endif
