/* keystream.h: AES-256-CTR at any offset (NIST SP 800-38A section 6.5). It hides, and authenticates nothing:
 * only for what is authenticated already. Threads: one struct keystream for each thread. */
#ifndef CARDEA_CRYPTO_KEYSTREAM_H
#define CARDEA_CRYPTO_KEYSTREAM_H

#include "base/bytes.h"

#define KEYSTREAM_KEY_BYTES 32
#define KEYSTREAM_NONCE_BYTES 16

struct keystream;
/* The first counter block is `nonce`; block i is nonce + i, modulo 2^128. NULL: out of memory. */
struct keystream *keystream_new(const uint8_t key[KEYSTREAM_KEY_BYTES],
                                const uint8_t nonce[KEYSTREAM_NONCE_BYTES]);
/* Combines in place the bytes that stand at `offset` of the stream; twice is the identity. */
void keystream_apply(struct keystream *k, uint64_t offset, struct buffer data);
void keystream_free(struct keystream *k); /* wipes; NULL is fine */

#endif
