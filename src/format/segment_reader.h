/* segment_reader.h: opens sealed segments (docs/formats.md). An owner's or a grantee's half.
 * Threads: one thread for each reader. */
#ifndef CARDEA_FORMAT_SEGMENT_READER_H
#define CARDEA_FORMAT_SEGMENT_READER_H

#include "crypto/timekey.h"
#include "format/segment.h"

struct segment_reader;
struct segment_reader *segment_reader_new(void);    /* NULL: out of memory */
void segment_reader_free(struct segment_reader *r); /* wipes */

/* Begins a segment. `keys` is borrowed until the next begin.
 *   ERR_NOT_FOUND  the keys do not open the header's slot
 *   ERR_FORGED     the commitment is not the key's */
err segment_reader_begin(struct segment_reader *r, const struct timekey_set *keys,
                         const struct segment_header *header, struct diag *d) CHECKED;

/* Opens the next record; *data points into the reader and lasts until the next call.
 *   ERR_NOT_FOUND  the keys end before this record's second: what came before it is all there is
 *   ERR_FORGED     wrong key or commitment, altered, reordered or dropped records, or false padding: names
 * the record */
err segment_reader_record(struct segment_reader *r, const struct record_frame *frame, struct bytes *data,
                          struct diag *d) CHECKED;

/* True after the end record: nothing is missing. */
bool segment_reader_complete(const struct segment_reader *r);

/* Walks a whole segment in memory, calling fn for each record's data; fn may stop with an error.
 * ERR_CUT_SHORT after all that was whole; else as above. */
typedef err segment_record_fn(void *context, enum record_kind kind, uint32_t slot, struct bytes data);
err segment_read(struct segment_reader *r, const struct timekey_set *keys, struct bytes segment,
                 segment_record_fn *fn, void *context, struct diag *d) CHECKED;

#endif
