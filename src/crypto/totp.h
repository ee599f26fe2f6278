/* totp.h: one-time codes that count in time: RFC 6238 over RFC 4226, with HMAC-SHA-1 as every authenticator
 * app has it; and base32 (RFC 4648), in which such apps are told a secret. Threads: no shared state. */
#ifndef CARDEA_CRYPTO_TOTP_H
#define CARDEA_CRYPTO_TOTP_H

#include <stdbool.h>

#include "base/bytes.h"

#define TOTP_SECRET_BYTES 20     /* RFC 4226, section 4, R6 recommends 160 bits */
#define TOTP_SECRET_MAX_BYTES 64 /* of other services; ours have TOTP_SECRET_BYTES */
#define TOTP_STEP_S 30
#define TOTP_DIGITS 6
#define TOTP_DIGITS_MAX 8
#define TOTP_TEXT_BYTES (TOTP_DIGITS + 1)

/* `out` has room for digits + 1; digits are 6 to 8. */
void totp_code(struct bytes secret, uint64_t step, unsigned digits, char *out);
/* Is `code` that of the step of `now_s` (seconds since 1970), the one before or the one after (RFC 6238,
 * section 5.2)? *step is which one. Takes the same time whichever it is. */
bool totp_find(struct bytes secret, uint64_t now_s, const char *code, uint64_t *step);

#define BASE32_CHARS(bytes) (((bytes)*8 + 4) / 5 + 1)
/* Upper case, without padding. `out` has BASE32_CHARS(data.len). */
void base32_encode(struct bytes data, char *out);
/* Any case; spaces, dashes and padding do not matter. Replaces *out. ERR_INVALID; ERR_LIMIT: more than max
 * bytes. */
err base32_decode(const char *text, size_t max, struct blob *out) CHECKED;

#endif
