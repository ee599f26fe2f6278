/* segment_writer.h: seals segments as they are recorded (docs/formats.md). The hub's half.
 *
 * One writer for each stream. All output is appended to the caller's blob, one whole header or record for
 * each call, ready for disk, upload and live alike. Threads: one thread for each writer. */
#ifndef CARDEA_FORMAT_SEGMENT_WRITER_H
#define CARDEA_FORMAT_SEGMENT_WRITER_H

#include "crypto/sign.h"
#include "crypto/timekey.h"
#include "format/segment.h"

struct segment_writer;

/* `hub` is borrowed for the writer's lifetime. NULL: out of memory. */
struct segment_writer *segment_writer_new(const uint8_t camera[CAMERA_ID_BYTES], const struct sign_key *hub);
void segment_writer_free(struct segment_writer *w); /* wipes */

/* Starts a segment with a fresh id: appends the header. ERR_NOT_FOUND: `keys` does not open `slot`. */
err segment_writer_begin(struct segment_writer *w, const struct timekey_set *keys, uint32_t epoch,
                         uint32_t slot, struct blob *out) CHECKED;

/* The same with the segment's id given; for test vectors alone. An id is used once in a lifetime. */
err segment_writer_begin_with(struct segment_writer *w, const struct timekey_set *keys, uint32_t epoch,
                              uint32_t slot, const uint8_t id[SEGMENT_ID_BYTES], struct blob *out) CHECKED;

/* Seals one record into `slot` (never before the last one's). RECORD_MARK and RECORD_END are made by _end.
 *   ERR_LIMIT      the data is too large, or the slot more than 63 after the segment's: end it first
 *   ERR_NOT_FOUND  `keys` does not open `slot`
 *   ERR_INVALID    no segment is open, the slot goes back, or the kind may not come here: RECORD_INIT is the
 *                  first and only the first, RECORD_PICTURE may follow it at once */
err segment_writer_record(struct segment_writer *w, const struct timekey_set *keys, enum record_kind kind,
                          uint32_t slot, struct bytes data, struct blob *out) CHECKED;

struct segment_totals {
    uint32_t fragments, video_samples;
    uint64_t duration_us;
};
/* Appends the mark and the end record, sealed under the second of the last record, for which the key is kept,
 * and closes. */
err segment_writer_end(struct segment_writer *w, const struct segment_totals *totals,
                       struct blob *out) CHECKED;

/* Forgets the segment in progress and its keys, without an end: it stays cut short. */
void segment_writer_abandon(struct segment_writer *w);

#endif
