/* verify.h: Ed25519 signatures (RFC 8032), checking side. Threads: no shared state. */
#ifndef CARDEA_CRYPTO_VERIFY_H
#define CARDEA_CRYPTO_VERIFY_H

#include "base/bytes.h"

#define SIGN_PUBLIC_BYTES 32
#define SIGNATURE_BYTES 64

/* A signature is over `domain || 0x00 || message`, so that no statement can pass as another.
 *   ERR_FORGED  the signature does not fit (wrong key, altered message, small-order key) */
err verify_message(const uint8_t public_key[SIGN_PUBLIC_BYTES], const char *domain, struct bytes message,
                   const uint8_t signature[SIGNATURE_BYTES]) CHECKED;

/* Without a domain; only for formats that others specify (C2SP signed notes). ERR_FORGED. */
err verify_raw(const uint8_t public_key[SIGN_PUBLIC_BYTES], struct bytes message,
               const uint8_t signature[SIGNATURE_BYTES]) CHECKED;

#endif
