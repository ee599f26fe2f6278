/* household.h: the keys that all owners of a household share (docs/formats.md, "household/keys"). An owner's
 * half. Threads: no shared state. */
#ifndef CARDEA_FORMAT_HOUSEHOLD_H
#define CARDEA_FORMAT_HOUSEHOLD_H

#include "crypto/sign.h"
#include "crypto/unbox.h"

#define HOUSEHOLD_ID_BYTES 16
#define HOUSEHOLD_NAME_MAX_BYTES 128
#define HOUSEHOLD_KEY_TEXT_BYTES 40 /* "household/keys/" and 16 hex digits */

struct household_keys {
    uint8_t id[HOUSEHOLD_ID_BYTES];
    char name[HOUSEHOLD_NAME_MAX_BYTES + 1];
    struct box_key box;
    struct sign_key sign;
};
void household_keys_clear(struct household_keys *k); /* wipes */

/* The object's key for one owner: its last part is the first 8 bytes of SHA-256 of the account's box key, so
 * that it names no account and yet each owner finds their own. */
void household_keys_key(const uint8_t account_box[BOX_PUBLIC_BYTES], char out[HOUSEHOLD_KEY_TEXT_BYTES]);

/* Appends the payload for one owner: a box to the account. Sign it with object_sign under the household's
 * key. */
err household_keys_seal(const struct household_keys *k, const uint8_t account_box[BOX_PUBLIC_BYTES],
                        struct blob *out) CHECKED;
/* The same with the ephemeral secret given; for test vectors alone. */
err household_keys_seal_with(const struct household_keys *k, const uint8_t account_box[BOX_PUBLIC_BYTES],
                             const uint8_t ephemeral[BOX_SECRET_BYTES], struct blob *out) CHECKED;

/* Opens the whole object. Its signer must be the key inside, and its id the expected one: who else could have
 * sealed a box to this account may not pass for the household.
 *   ERR_INVALID  names the field     ERR_FORGED */
err household_keys_open(const struct box_key *account, const uint8_t id[HOUSEHOLD_ID_BYTES], struct bytes raw,
                        struct household_keys *out, struct diag *d) CHECKED;

#endif
