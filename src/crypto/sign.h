/* sign.h: Ed25519 signatures (RFC 8032), making side. Stops the program when there is no memory to sign with,
 * as hash.h does. Threads: no shared state. */
#ifndef CARDEA_CRYPTO_SIGN_H
#define CARDEA_CRYPTO_SIGN_H

#include "crypto/verify.h"

#define SIGN_SEED_BYTES 32

struct sign_key {
    uint8_t seed[SIGN_SEED_BYTES]; /* secret */
    uint8_t public_key[SIGN_PUBLIC_BYTES];
};

void sign_key_generate(struct sign_key *out);
void sign_key_from_seed(const uint8_t seed[SIGN_SEED_BYTES], struct sign_key *out);
void sign_key_clear(struct sign_key *k); /* wipes */

void sign_message(const struct sign_key *k, const char *domain, struct bytes message,
                  uint8_t out[SIGNATURE_BYTES]);

/* Without a domain; only for formats that others specify (C2SP signed notes). */
void sign_raw(const struct sign_key *k, struct bytes message, uint8_t out[SIGNATURE_BYTES]);

#endif
