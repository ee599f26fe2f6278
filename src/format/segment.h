/* segment.h: the framing of segments and reels: what can be known without a key (docs/formats.md).
 *
 * Linked by everything. Sealing is in segment_writer.h, opening in segment_reader.h.
 * Threads: no shared state. */
#ifndef CARDEA_FORMAT_SEGMENT_H
#define CARDEA_FORMAT_SEGMENT_H

#include <stdbool.h>

#include "base/bytes.h"

#define CAMERA_ID_BYTES 16
#define SEGMENT_ID_BYTES 16
#define REEL_ID_BYTES 16
#define COMMITMENT_BYTES 32
#define SEGMENT_HEADER_BYTES 78
#define SEGMENT_RECORD_MAX_BYTES (8u << 20) /* the length field's largest value */
#define SEGMENT_RECORD_OVERHEAD_BYTES (4 + 2 + COMMITMENT_BYTES + 16)
#define SEGMENT_SECONDS_MAX 64
#define REEL_MAX_SLOTS 60
#define REEL_MAX_BYTES (16u << 20)
#define REEL_HARD_MAX_BYTES (32u << 20) /* with the segment that passed the soft limit */
#define REEL_SEGMENTS_MAX 1024
#define SUITE_1 1

enum record_kind {
    RECORD_INIT = 1,
    RECORD_FRAGMENT = 2,
    RECORD_PICTURE = 3,
    RECORD_OBSERVATION = 4,
    RECORD_MARK = 5,
    RECORD_END = 255,
};

struct segment_header {
    uint8_t camera[CAMERA_ID_BYTES];
    uint32_t epoch;
    uint32_t slot;
    uint8_t id[SEGMENT_ID_BYTES];
    uint8_t commitment[COMMITMENT_BYTES];
};

void segment_header_encode(const struct segment_header *h, uint8_t out[SEGMENT_HEADER_BYTES]);
/* ERR_CUT_SHORT: fewer than SEGMENT_HEADER_BYTES; ERR_INVALID names magic, version or suite. */
err segment_header_decode(struct bytes raw, struct segment_header *out, struct diag *d) CHECKED;

/* One record's framing, borrowed from the bytes it was read from. */
struct record_frame {
    uint8_t kind, second;
    struct bytes commitment; /* empty when the second did not change */
    struct bytes sealed;     /* ciphertext || tag */
    size_t bytes;            /* of the whole record, the length field included */
};

/* Reads the record at the start of `raw`. `previous_second` is that of the record before it, 0 for the first.
 *   ERR_CUT_SHORT  raw ends within the record: read more, or say "cut short"
 *   ERR_INVALID    length, kind or second cannot be */
err record_frame_read(struct bytes raw, uint8_t previous_second, struct record_frame *out,
                      struct diag *d) CHECKED;

/* Which record may come when: init first and only first, a picture only after it, after a mark the end alone.
 * Zero-initialised at the start of a segment. ERR_INVALID: `kind` may not come here. */
struct record_order {
    uint32_t count;
    bool after_mark, after_end;
};
err record_order_follow(struct record_order *o, uint8_t kind, struct diag *d) CHECKED;

/* One entry of a reel's table: 20 bytes on the wire. */
#define REEL_ENTRY_BYTES 20
enum reel_entry_flags { REEL_ENTRY_CUT_SHORT = 1, REEL_ENTRY_PICTURE = 2, REEL_ENTRY_NO_KEY_FRAME = 4 };
struct reel_entry {
    uint32_t slot;
    uint8_t seconds, flags;
    uint32_t offset, length, head_length;
};
void reel_entry_encode(const struct reel_entry *e, uint8_t out[REEL_ENTRY_BYTES]);
err reel_entry_decode(const uint8_t raw[REEL_ENTRY_BYTES], struct reel_entry *out) CHECKED;

/* Follows the framing of a reel as its bytes arrive in pieces of any size, keeps at most one header or
 * record prefix of it (never a whole record), and builds the table. For the vault (uploads), the hub (spool
 * recovery) and readers. */
struct reel_scanner;
/* `camera` and `epoch` are what every header must say. NULL: out of memory. */
struct reel_scanner *reel_scanner_new(const uint8_t camera[CAMERA_ID_BYTES], uint32_t epoch);
void reel_scanner_free(struct reel_scanner *s);
/* What the scanner has just passed; lets a relay cut its input at record borders. */
enum reel_boundary { REEL_AT_HEADER = 1, REEL_AT_RECORD = 2 };
typedef void reel_boundary_fn(void *context, enum reel_boundary what, uint64_t begin, uint64_t end,
                              const struct record_frame *frame /* NULL for headers; its pointers are NULL */);
/* A segment that starts REEL_MAX_SLOTS or REEL_MAX_BYTES after its reel's start, or at an earlier slot than
 * the one before it, belongs to another reel.
 *   ERR_INVALID, ERR_LIMIT  the bytes are not a reel of that camera and epoch; d says where. The scanner is
 *                           then done. */
err reel_scanner_feed(struct reel_scanner *s, struct bytes piece, reel_boundary_fn *fn, void *context,
                      struct diag *d) CHECKED;
/* Entries of segments that are complete (end record seen), in order. Valid until the next call. */
size_t reel_scanner_entries(const struct reel_scanner *s, const struct reel_entry **out);
uint64_t reel_scanner_whole_bytes(const struct reel_scanner *s);  /* end of the last complete segment */
uint64_t reel_scanner_record_bytes(const struct reel_scanner *s); /* end of the last whole header or record */
/* Ends the reel: a segment in progress becomes an entry marked cut short, ending at its last whole record (if
 * it has its init and at least one more record). */
void reel_scanner_finish(struct reel_scanner *s);

#endif
