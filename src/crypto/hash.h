/* hash.h: SHA-256 (FIPS 180-4), HMAC (RFC 2104), HKDF (RFC 5869), and random bytes.
 *
 * These cannot fail on valid arguments; if OpenSSL itself fails the program aborts, since nothing it
 * does after that is safe. Threads: no shared state. */
#ifndef CARDEA_CRYPTO_HASH_H
#define CARDEA_CRYPTO_HASH_H

#include "base/bytes.h"

#define HASH_BYTES 32

void hash_sha256(struct bytes data, uint8_t out[HASH_BYTES]);

struct hash;                 /* incremental SHA-256, reusable */
struct hash *hash_new(void); /* NULL: out of memory */
void hash_start(struct hash *h);
void hash_update(struct hash *h, struct bytes data);
void hash_finish(struct hash *h, uint8_t out[HASH_BYTES]); /* hash_start begins the next */
void hash_free(struct hash *h);

void hash_hmac(struct bytes key, struct bytes data, uint8_t out[HASH_BYTES]);

/* HKDF-SHA256. `info` is label || context (context may be empty). out.len <= 255 * 32. */
void hash_hkdf_extract(struct bytes salt, struct bytes secret, uint8_t out[HASH_BYTES]);
void hash_hkdf_expand(const uint8_t key[HASH_BYTES], const char *label, struct bytes context,
                      struct buffer out);

/* From the kernel; aborts when there is no randomness. */
void random_bytes(void *out, size_t len);

#endif
