/* unbox.h: HPKE key pairs and the opening of boxes addressed to their holder.
 *
 * Apart from open.h, because a hub reads commands that are addressed to it, and yet cannot open a
 * segment. Threads: no shared state. */
#ifndef CARDEA_CRYPTO_UNBOX_H
#define CARDEA_CRYPTO_UNBOX_H

#include "crypto/seal.h"

struct box_key {
    uint8_t secret[BOX_SECRET_BYTES];
    uint8_t public_key[BOX_PUBLIC_BYTES];
};

void box_key_generate(struct box_key *out);
void box_key_from_secret(const uint8_t secret[BOX_SECRET_BYTES], struct box_key *out);
void box_key_clear(struct box_key *k); /* wipes */

/* Appends the plaintext to *plain.
 *   ERR_INVALID  shorter than BOX_OVERHEAD_BYTES
 *   ERR_FORGED   addressed to somebody else, other info or aad, or altered */
err box_open(const struct box_key *k, const char *info, struct bytes aad, struct bytes sealed,
             struct blob *plain) CHECKED;

#endif
