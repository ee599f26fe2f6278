/* note.h: signed notes (c2sp.org/signed-note): a text, an empty line, and a line for each signature:
 * em dash, space, name of the key, space, base64 of key id (4) || signature. Threads: no shared state. */
#ifndef CARDEA_TLOG_NOTE_H
#define CARDEA_TLOG_NOTE_H

#include <stdbool.h>

#include "base/bytes.h"
#include "crypto/verify.h"

#define NOTE_NAME_MAX_BYTES 255
#define NOTE_KEY_ID_BYTES 4
#define NOTE_SIGNATURE_MAX_BYTES 256 /* those of other algorithms are longer, and not ours to check */
#define NOTE_ED25519 1
#define NOTE_COSIGNATURE_ED25519 4

/* Not empty, no space and no plus sign. */
bool note_name_is_valid(const char *name);

/* The first bytes of SHA-256(name || newline || algorithm || key). */
err note_key_id(const char *name, uint8_t algorithm, const uint8_t public_key[SIGN_PUBLIC_BYTES],
                uint8_t out[NOTE_KEY_ID_BYTES]) CHECKED;

struct note {
    struct bytes body;  /* with the newline of its last line */
    struct bytes lines; /* of signatures */
};
/* Borrows from text. ERR_INVALID: no empty line, or the last line has no end. */
err note_split(struct bytes text, struct note *out, struct diag *d) CHECKED;

struct note_signature {
    struct bytes name;
    uint8_t raw[NOTE_SIGNATURE_MAX_BYTES]; /* key id, then the signature */
    size_t len;                            /* 0: not base64, or longer than what is ours to check */
};
/* The next line; *lines moves past it. ERR_NOT_FOUND: no more; ERR_INVALID: a line is not a signature. */
err note_next(struct bytes *lines, struct note_signature *out) CHECKED;
/* Is it by that key, as far as name, id and length say? */
bool note_signed_by(const struct note_signature *s, const char *name, const uint8_t id[NOTE_KEY_ID_BYTES],
                    size_t len);

/* Appends a line with its end. `raw` is key id || signature. */
err note_append(struct blob *out, const char *name, struct bytes raw) CHECKED;

/* Standard base64 with padding, as signed notes want; base/bytes.h has the URL's. */
#define NOTE_BASE64_CHARS(n) (((n) + 2) / 3 * 4)
void note_base64(struct bytes in, char *out); /* NOTE_BASE64_CHARS(in.len) + 1 characters */
/* At most `most` (NOTE_SIGNATURE_MAX_BYTES) bytes; false: not the one encoding of a value of 1 to `most`
 * bytes. */
bool note_unbase64(struct bytes text, uint8_t *out, size_t most, size_t *len);

/* Takes a line without its end; false: there is none. */
bool note_line(struct bytes *text, struct bytes *line);

#endif
