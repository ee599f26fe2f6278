/* hpke.h: the parts of RFC 9180 that both directions share. Internal to src/crypto.
 * KEM 0x0020, KDF 0x0001, AEAD 0x0002, mode base; one message for each encapsulation. */
#ifndef CARDEA_CRYPTO_HPKE_H
#define CARDEA_CRYPTO_HPKE_H

#include "crypto/seal.h"

void hpke_public(const uint8_t secret[BOX_SECRET_BYTES], uint8_t out[BOX_PUBLIC_BYTES]);

/* X25519 (RFC 7748). ERR_INVALID: the result is all zero, so the public key is of small order. */
err hpke_shared(const uint8_t secret[BOX_SECRET_BYTES], const uint8_t public_key[BOX_PUBLIC_BYTES],
                uint8_t out[32]) CHECKED;

/* Sections 4.1 (ExtractAndExpand) and 5.1 (KeySchedule). */
void hpke_schedule(const uint8_t dh[32], const uint8_t enc[BOX_ENC_BYTES],
                   const uint8_t recipient[BOX_PUBLIC_BYTES], const char *info, uint8_t key[AEAD_KEY_BYTES],
                   uint8_t nonce[AEAD_NONCE_BYTES]);

#endif
