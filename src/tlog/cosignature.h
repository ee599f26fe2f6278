/* cosignature.h: what witnesses add to a checkpoint (c2sp.org/tlog-cosignature, cosignature/v1, Ed25519).
 *
 * A witness signs "I saw this log with this size and root at this time, and it continues what I saw before":
 *
 *     "cosignature/v1" newline "time " seconds newline || the checkpoint's body
 *
 * Its line in the note is key id (4) || time (8) || signature (64), with algorithm 4 in the key id. A hub's
 * key has the name cardea-hub/ and the first 16 hex digits of the hub's id. Threads: no shared state. */
#ifndef CARDEA_TLOG_COSIGNATURE_H
#define CARDEA_TLOG_COSIGNATURE_H

#include "crypto/sign.h"
#include "tlog/note.h"

#define COSIGNATURE_BYTES (8 + SIGNATURE_BYTES) /* after the key id */
#define COSIGNATURE_LINE_MAX_BYTES 512u
#define COSIGNER_NAME_BYTES 32

/* The name of a hub's key. */
void cosigner_name(const uint8_t public_key[SIGN_PUBLIC_BYTES], char out[COSIGNER_NAME_BYTES]);

/* Appends the line. `checkpoint` is the text whose body is signed; whether it deserves it is the caller's
 * question. ERR_INVALID: no checkpoint, or no name. */
err cosignature_sign(struct bytes checkpoint, const char *name, const struct sign_key *key, uint64_t time_s,
                     struct blob *out) CHECKED;

/* Looks for this witness's line in the text; *time_s (may be NULL) is when it saw the checkpoint: the latest
 * of several. ERR_NOT_FOUND  there is none     ERR_FORGED  there is one, and it does not fit ERR_INVALID not
 * a checkpoint */
err cosignature_verify(struct bytes checkpoint, const char *name, const uint8_t public_key[SIGN_PUBLIC_BYTES],
                       uint64_t *time_s, struct diag *d) CHECKED;

/* How many of these keys, under the names of hubs, have cosigned; a forged line counts for nothing. */
size_t cosignatures_count(struct bytes checkpoint, const uint8_t (*keys)[SIGN_PUBLIC_BYTES], size_t count);

#endif
