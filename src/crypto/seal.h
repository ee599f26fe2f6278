/* seal.h: AES-256-GCM and HPKE, sealing side. What links only this can hide things, not read them.
 *
 * AEAD: AES-256-GCM (NIST SP 800-38D). HPKE: RFC 9180, base mode, DHKEM(X25519, HKDF-SHA256),
 * HKDF-SHA256, AES-256-GCM, single shot (section 6.1). Threads: one struct aead for each thread. */
#ifndef CARDEA_CRYPTO_SEAL_H
#define CARDEA_CRYPTO_SEAL_H

#include "base/bytes.h"

#define AEAD_KEY_BYTES 32
#define AEAD_NONCE_BYTES 12
#define AEAD_TAG_BYTES 16

#define BOX_PUBLIC_BYTES 32
#define BOX_SECRET_BYTES 32
#define BOX_ENC_BYTES 32
#define BOX_OVERHEAD_BYTES (BOX_ENC_BYTES + AEAD_TAG_BYTES)

/* A reusable context with one key at a time; the key schedule is kept between calls. */
struct aead_sealer;
struct aead_sealer *aead_sealer_new(void); /* NULL: out of memory */
void aead_sealer_key(struct aead_sealer *s, const uint8_t key[AEAD_KEY_BYTES]);
/* Writes plain.len + AEAD_TAG_BYTES bytes to out: ciphertext || tag. `plain` and `out` may be the
 * same memory, and must not otherwise overlap. A (key, nonce) pair is used once in a lifetime.
 *   ERR_INVALID  out is too small */
err aead_seal(struct aead_sealer *s, const uint8_t nonce[AEAD_NONCE_BYTES], struct bytes aad,
              struct bytes plain, struct buffer out) CHECKED;
void aead_sealer_free(struct aead_sealer *s); /* wipes */

/* Seals `plain` to the holder of `recipient`: appends enc || ciphertext || tag to *out, which is
 * plain.len + BOX_OVERHEAD_BYTES. ERR_INVALID: the public key is of small order. ERR_NO_MEMORY. */
err box_seal(const uint8_t recipient[BOX_PUBLIC_BYTES], const char *info, struct bytes aad,
             struct bytes plain, struct blob *out) CHECKED;

/* A box whose costly half is done, for who knows the recipient earlier than the message. */
struct box_sealer {
    uint8_t enc[BOX_ENC_BYTES], key[AEAD_KEY_BYTES], nonce[AEAD_NONCE_BYTES];
};
/* ERR_INVALID: the public key is of small order. */
err box_sealer_init(struct box_sealer *s, const uint8_t recipient[BOX_PUBLIC_BYTES],
                    const char *info) CHECKED;
/* As box_seal. Once for each init: the sealer is wiped, whatever is returned. */
err box_sealer_seal(struct box_sealer *s, struct bytes aad, struct bytes plain, struct blob *out) CHECKED;

/* The same with the ephemeral secret given; for test vectors alone. */
err box_seal_with(const uint8_t recipient[BOX_PUBLIC_BYTES], const uint8_t ephemeral[BOX_SECRET_BYTES],
                  const char *info, struct bytes aad, struct bytes plain, struct blob *out) CHECKED;

#endif
