/* link.h: a link by which somebody without an account opens a grant (docs/trust.md, "A link").
 *
 *     https://vault/share/# base64url of: version 1 | flags (1: password) | grant id (16) |
 *                           first 16 bytes of SHA-256(issuer's key) | secret (32)
 *
 * No request carries any of it. The grantee's keys come from the secret and, if there is one, the password.
 * Threads: no shared state. */
#ifndef CARDEA_FORMAT_LINK_H
#define CARDEA_FORMAT_LINK_H

#include "crypto/sign.h"
#include "crypto/unbox.h"

#define LINK_GRANT_BYTES 16
#define LINK_ISSUER_BYTES 16
#define LINK_SECRET_BYTES 32
#define LINK_BYTES (1 + 1 + LINK_GRANT_BYTES + LINK_ISSUER_BYTES + LINK_SECRET_BYTES)
#define LINK_FRAGMENT_CHARS BASE64_CHARS(LINK_BYTES) /* with the terminating zero */
#define LINK_URL_MAX_BYTES 256
#define LINK_TEXT_BYTES (LINK_URL_MAX_BYTES + sizeof "/share/#" + LINK_FRAGMENT_CHARS)
#define LINK_PASSWORD_MAX_BYTES 1024

struct link {
    bool password;
    uint8_t grant[LINK_GRANT_BYTES];
    uint8_t issuer[LINK_ISSUER_BYTES];
    uint8_t secret[LINK_SECRET_BYTES];
};
void link_clear(struct link *l); /* wipes */

void link_issuer(const uint8_t household[SIGN_PUBLIC_BYTES], uint8_t out[LINK_ISSUER_BYTES]);

/* `vault` is "https://host[:port]", with or without a slash at its end. ERR_LIMIT: it is too long. */
err link_format(const struct link *l, const char *vault, char out[LINK_TEXT_BYTES]) CHECKED;

/* Takes a whole link; `vault` gets what stands before "/share/".
 *   ERR_INVALID  names what is wrong with it: where it points, its length, version or flags */
err link_parse(const char *text, struct link *out, char vault[LINK_URL_MAX_BYTES], struct diag *d) CHECKED;

struct link_keys {
    struct box_key box;
    struct sign_key sign;
};
void link_keys_clear(struct link_keys *k); /* wipes */

/* `password` counts only when the link says that there is one; then it takes 64 MiB and part of a second.
 *   ERR_LIMIT  longer than LINK_PASSWORD_MAX_BYTES     ERR_NO_MEMORY */
err link_derive(const struct link *l, struct bytes password, struct link_keys *out, struct diag *d) CHECKED;

#endif
