/* checkpoint.h: what a log says it is: C2SP tlog-checkpoint, a signed note with an Ed25519 key
 * (c2sp.org/signed-note).
 *
 * Text: origin, size in decimal, root in base64, one line each; an empty line; one line for each signature.
 * Signatures under keys that are not asked for (witnesses) are kept in the text and ignored. Threads: no
 * shared state. */
#ifndef CARDEA_TLOG_CHECKPOINT_H
#define CARDEA_TLOG_CHECKPOINT_H

#include "crypto/sign.h"
#include "tlog/note.h"
#include "tlog/tree.h"

#define CHECKPOINT_ORIGIN_MAX_BYTES 255
#define CHECKPOINT_TEXT_MAX_BYTES 16384

struct checkpoint {
    char origin[CHECKPOINT_ORIGIN_MAX_BYTES +
                1]; /* the log's name, also the name of its key; no space and no plus sign */
    uint64_t size;
    uint8_t root[HASH_BYTES];
};

/* Appends the signed text to *out. ERR_INVALID: the origin is empty, too long or has forbidden characters. */
err checkpoint_sign(const struct checkpoint *c, const struct sign_key *key, struct blob *out) CHECKED;

/* Reads without verifying. `note` borrows from text: what it says signed, and the lines of signatures.
 * ERR_INVALID names the line. */
err checkpoint_parse(struct bytes text, struct checkpoint *out, struct note *note, struct diag *d) CHECKED;

/* Reads and verifies against the log's key and, unless NULL, its origin.
 *   ERR_INVALID  not a checkpoint; d names the line
 *   ERR_FORGED   no signature by that key, or a wrong one; or another log's */
err checkpoint_verify(struct bytes text, const char *origin, const uint8_t public_key[SIGN_PUBLIC_BYTES],
                      struct checkpoint *out, struct diag *d) CHECKED;

#endif
