/* staff_key.h: a provider's statement of its support desk's public keys (docs/trust.md, "The support desk").
 *
 *     signed envelope by the staff key itself, domain "cardea/1 staff key", of JSON
 *     {"v":1,"staff":b64 Ed25519,"desk":b64 X25519,"name":text,"time":slot}
 *
 * staff_key_read is in format_staff (a vault reads what it is given), staff_key_sign in format_staff_sign.
 * Threads: no shared state. */
#ifndef CARDEA_FORMAT_STAFF_KEY_H
#define CARDEA_FORMAT_STAFF_KEY_H

#include "crypto/seal.h"
#include "format/envelope.h"

#define STAFF_NAME_MAX_BYTES 64
#define STAFF_KEY_MAX_BYTES 2048u
#define STAFF_FINGERPRINT_TEXT_BYTES 40 /* "xxxx xxxx xxxx xxxx xxxx xxxx xxxx xxxx" */

struct staff_key {
    uint8_t staff[SIGN_PUBLIC_BYTES]; /* signs certificates */
    uint8_t desk[BOX_PUBLIC_BYTES];   /* what tickets are boxed to */
    char name[STAFF_NAME_MAX_BYTES + 1];
    uint32_t time;
};

/* Appends the envelope; s->staff is not read but made from `staff`. */
err staff_key_sign(const struct staff_key *s, const struct sign_key *staff, struct blob *out) CHECKED;

/* ERR_INVALID names the field; ERR_LIMIT: too large; ERR_FORGED: the signature does not fit, or is another
 * key's than the one inside. */
err staff_key_read(struct bytes raw, struct staff_key *out, struct diag *d) CHECKED;

/* For people to compare: the first 16 bytes of SHA-256 of a signing key, in groups of four hex digits. */
void staff_fingerprint(const uint8_t sign[SIGN_PUBLIC_BYTES], char out[STAFF_FINGERPRINT_TEXT_BYTES]);

/* Internal to src/format: may this be shown as a name? Not empty, no control characters. */
err staff_name_check(const char *name, struct diag *d) CHECKED;

#endif
