/* certificate.h: a household's statement that a hub is its own (docs/formats.md, "hub/<hub id hex>").
 * In format_verify. Threads: no shared state. */
#ifndef CARDEA_FORMAT_CERTIFICATE_H
#define CARDEA_FORMAT_CERTIFICATE_H

#include "base/clock.h"
#include "format/object.h"

#define HUB_ID_BYTES 16
#define HUB_CERTIFICATE_MAX_BYTES 1024 /* the whole object */
#define HUB_KEY_TEXT_BYTES 40          /* "hub/" and the id in hex */

struct hub_certificate {
    uint8_t hub[HUB_ID_BYTES];
    uint8_t sign[SIGN_PUBLIC_BYTES];
    uint8_t box[32];
    uint8_t writer[SIGN_PUBLIC_BYTES]; /* its capability */
    struct wall_us added;
};

/* The first 16 bytes of SHA-256 of the hub's Ed25519 public key. */
void hub_id_of(const uint8_t sign[SIGN_PUBLIC_BYTES], uint8_t out[HUB_ID_BYTES]);

/* The key of the object: "hub/<hex>". */
void hub_certificate_key(const uint8_t hub[HUB_ID_BYTES], char out[HUB_KEY_TEXT_BYTES]);

/* Appends the JSON payload; c->hub is not read but made from c->sign. Sign it with object_sign. */
err hub_certificate_encode(const struct hub_certificate *c, struct blob *out) CHECKED;

/* The whole object: signature by the household, key, version at least 1, and an id that is the key's own.
 *   ERR_INVALID  names the field     ERR_FORGED  not this household's, or its parts disagree */
err hub_certificate_verify(struct bytes raw, const uint8_t household[SIGN_PUBLIC_BYTES],
                           struct hub_certificate *out, struct diag *d) CHECKED;

#endif
