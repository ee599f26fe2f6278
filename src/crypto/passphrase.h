/* passphrase.h: from what a person knows to keys: Argon2id (RFC 9106, libsodium) and the recovery
 * code. Secrets live in the caller's memory; everything here wipes its own. Threads: no shared state. */
#ifndef CARDEA_CRYPTO_PASSPHRASE_H
#define CARDEA_CRYPTO_PASSPHRASE_H

#include "base/bytes.h"

#define PASSPHRASE_SALT_BYTES 16
#define PASSPHRASE_MEMORY_KIB 65536 /* what new keyrings use; readers accept 8 MiB to 1 GiB */
#define PASSPHRASE_PASSES 3         /* readers accept 1 to 16 */
#define PASSPHRASE_MAX_BYTES 1024
#define PASSPHRASE_MIN_CHARS 10 /* for new ones */

struct passphrase_cost {
    uint32_t memory_kib, passes;
};

/* One Argon2id (parallelism 1, 32 bytes), then HKDF-Expand with "cardea/1 auth" and "cardea/1 wrap":
 * what proves knowledge to the server, and what opens the keyring and never leaves the device. */
struct passphrase_keys {
    uint8_t auth[32], wrap[32];
};
/* ERR_LIMIT: the cost is outside what readers accept. ERR_NO_MEMORY. */
err passphrase_derive(struct bytes passphrase, const uint8_t salt[PASSPHRASE_SALT_BYTES],
                      struct passphrase_cost cost, struct passphrase_keys *out, struct diag *d) CHECKED;
void passphrase_keys_clear(struct passphrase_keys *k);

/* The Argon2id alone, for what has labels of its own (format/link.h). The same errors. */
err passphrase_argon2id(struct bytes passphrase, const uint8_t salt[PASSPHRASE_SALT_BYTES],
                        struct passphrase_cost cost, uint8_t out[32], struct diag *d) CHECKED;

/* The recovery code: 132 random bits as 12 words of five letters. Each word is a proquint
 * (arXiv:0901.4016): 16 bits as consonant-vowel-consonant-vowel-consonant. Word i (from 0) carries
 * 11 bits of the code (highest first) and, in its low 5 bits, a check: the first 5 bits of
 * SHA-256("cardea/1 recovery" || i (1 byte) || the 11-bit values of words 0..i, 2 bytes each). So a
 * mistyped word is named, nearly always at the word itself. */
#define RECOVERY_WORDS 12
#define RECOVERY_TEXT_BYTES (RECOVERY_WORDS * 6)
#define RECOVERY_SECRET_BYTES 17 /* 132 bits, the last 4 bits zero */

void recovery_generate(char out[RECOVERY_TEXT_BYTES]); /* "lusab-babad-…", wiped by the caller */
void recovery_format(const uint8_t secret[RECOVERY_SECRET_BYTES], char out[RECOVERY_TEXT_BYTES]);
/* Accepts upper case, and spaces or dashes between the words.
 *   ERR_INVALID  d names the word by number, and what is wrong with it */
err recovery_parse(const char *text, uint8_t out[RECOVERY_SECRET_BYTES], struct diag *d) CHECKED;
/* HKDF-Extract(no salt, secret), then the two labels "cardea/1 recovery auth", "… recovery wrap". */
void recovery_keys(const uint8_t secret[RECOVERY_SECRET_BYTES], struct passphrase_keys *out);

#endif
