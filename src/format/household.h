/* household.h: the keys that all owners of a household share (docs/formats.md, "household/keys"). An owner's
 * half. Threads: no shared state. */
#ifndef CARDEA_FORMAT_HOUSEHOLD_H
#define CARDEA_FORMAT_HOUSEHOLD_H

#include "crypto/sign.h"
#include "crypto/unbox.h"
#include "format/succession.h"

#define HOUSEHOLD_ID_BYTES 16
#define HOUSEHOLD_NAME_MAX_BYTES 128
#define HOUSEHOLD_LOG_KEY_BYTES 32
#define HOUSEHOLD_KEY_TEXT_BYTES 40 /* "household/keys/" and 16 hex digits */

struct household_keys {
    uint8_t id[HOUSEHOLD_ID_BYTES];
    char name[HOUSEHOLD_NAME_MAX_BYTES + 1];
    struct box_key box;
    struct sign_key sign;
    /* Once there was a succession. Until then the log key derives from the signing seed (tlog/log_entry.h).
     */
    uint8_t log_key[HOUSEHOLD_LOG_KEY_BYTES];
    struct box_key former[SUCCESSIONS_MAX]; /* as many as the chain has statements, oldest first */
    struct succession_chain chain;
};
void household_keys_clear(struct household_keys *k); /* wipes */

/* What opens boxes to the household: the present key for `i` 0, then the former ones, newest first; NULL
 * after the last. */
const struct box_key *household_keys_box(const struct household_keys *k, size_t i);
/* Opens a box to the household with the first of them that does. ERR_FORGED: none does. */
err household_keys_unbox(const struct household_keys *k, const char *info, struct bytes aad,
                         struct bytes sealed, struct blob *out) CHECKED;

/* The next keys of the household: fresh ones, with the former box key, the log key and the statement added.
 * `log_key` is what the household's is now; `time` the slot. *out is filled on success alone.
 * ERR_LIMIT: there were SUCCESSIONS_MAX. */
err household_keys_succeed(const struct household_keys *k, const uint8_t log_key[HOUSEHOLD_LOG_KEY_BYTES],
                           uint64_t time, struct household_keys *out, struct diag *d) CHECKED;
/* The same with the keys given (box.secret and sign.seed are what counts); for test vectors alone. */
err household_keys_succeed_with(const struct household_keys *k,
                                const uint8_t log_key[HOUSEHOLD_LOG_KEY_BYTES], uint64_t time,
                                const struct box_key *box, const struct sign_key *sign,
                                struct household_keys *out, struct diag *d) CHECKED;

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
 * sealed a box to this account may not pass for the household. Where there is a chain it names the present
 * keys and the former boxes. Whether the signer is who was known before is the caller's question.
 *   ERR_INVALID  names the field     ERR_FORGED */
err household_keys_open(const struct box_key *account, const uint8_t id[HOUSEHOLD_ID_BYTES], struct bytes raw,
                        struct household_keys *out, struct diag *d) CHECKED;

#endif
