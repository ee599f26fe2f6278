/* mark.h: the hub's signed statement on a segment (docs/formats.md, "Mark"). Threads: no shared state.
 *
 * mark_sign is in the writer's library, mark_verify in the reader's. */
#ifndef CARDEA_FORMAT_MARK_H
#define CARDEA_FORMAT_MARK_H

#include "crypto/sign.h"
#include "format/segment.h"

#define MARK_HASH_BYTES 32
#define MARK_HASHES_MAX 65536 /* records in one segment */
#define MARK_OVERHEAD_BYTES (4 + 1 + 16 + 4 + 4 + 16 + 32 + 4 + 32 + 64)

struct mark {
    uint8_t camera[CAMERA_ID_BYTES];
    uint32_t epoch, slot;
    uint8_t segment[SEGMENT_ID_BYTES];
    uint8_t previous[MARK_HASH_BYTES]; /* zeros: the first of its chain */
    uint32_t count;
    const uint8_t *hashes; /* count * MARK_HASH_BYTES, borrowed from the bytes they were read from */
    uint8_t hub[SIGN_PUBLIC_BYTES];
};

/* Appends the mark's bytes; m->hub is not read, the key's is written. ERR_LIMIT: too many hashes. */
err mark_sign(const struct mark *m, const struct sign_key *hub, struct blob *out) CHECKED;

/* What a record of the mark counts as: SHA-256(kind || data). */
void mark_hash(uint8_t kind, struct bytes data, uint8_t out[MARK_HASH_BYTES]);

/* Reads a mark and checks its own signature; whether that hub belongs to the household is the caller's
 * question.
 *   ERR_INVALID  names magic, version, count or length
 *   ERR_FORGED   the signature does not fit */
err mark_verify(struct bytes raw, struct mark *out, struct diag *d) CHECKED;

#endif
