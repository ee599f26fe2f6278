/* event.h: sealed entries of a stream's day: events and their pictures (docs/formats.md, "Event"). Threads:
 * no shared state.
 *
 * event_head_decode is in format_segment, event_seal in format_writer, event_open in format_reader. */
#ifndef CARDEA_FORMAT_EVENT_H
#define CARDEA_FORMAT_EVENT_H

#include "crypto/timekey.h"
#include "format/segment.h"

#define EVENT_ID_BYTES 16
#define EVENT_DATA_MAX_BYTES (16u << 10)
#define EVENT_PICTURE_MAX_BYTES (48u << 10)
#define EVENT_HEAD_BYTES 78
#define EVENT_MAX_BYTES (EVENT_HEAD_BYTES + (18u << 10) + 16) /* padding included */
#define EVENT_PICTURE_ENTRY_MAX_BYTES (EVENT_HEAD_BYTES + (50u << 10) + 16)
#define EVENT_DAY_SLOTS 86400u

enum event_kind { EVENT_KIND_EVENT, EVENT_KIND_PICTURE };

struct event_head {
    enum event_kind kind;
    uint8_t camera[CAMERA_ID_BYTES];
    uint32_t epoch, slot;
    uint8_t id[EVENT_ID_BYTES];
    uint8_t commitment[COMMITMENT_BYTES];
};

/* What can be known without a key.   ERR_INVALID  names the field     ERR_LIMIT  too large for its kind */
err event_head_decode(struct bytes raw, struct event_head *out, struct diag *d) CHECKED;

/* Appends the entry, with a fresh id that is also returned. `data` is an event's JSON or a picture's JPEG;
 * `slot` is that of the event's begin, or of now.
 *   ERR_NOT_FOUND  the keys do not open the slot     ERR_LIMIT  more data than the kind may have */
err event_seal(const struct timekey_set *keys, enum event_kind kind, const uint8_t camera[CAMERA_ID_BYTES],
               uint32_t epoch, uint32_t slot, struct bytes data, uint8_t id[EVENT_ID_BYTES],
               struct blob *out) CHECKED;
/* The same with the id given; for test vectors alone. An id is used once in a lifetime. */
err event_seal_with(const struct timekey_set *keys, enum event_kind kind,
                    const uint8_t camera[CAMERA_ID_BYTES], uint32_t epoch, uint32_t slot, struct bytes data,
                    const uint8_t id[EVENT_ID_BYTES], struct blob *out) CHECKED;

/* Appends the data to *data. An entry of the other kind is refused: a vault cannot pass one for the other.
 *   ERR_NOT_FOUND  the keys do not open the slot     ERR_INVALID  as above, or the other kind
 *   ERR_FORGED     another key, altered bytes, false padding */
err event_open(const struct timekey_set *keys, enum event_kind kind, struct bytes raw,
               struct event_head *head, struct blob *data, struct diag *d) CHECKED;

#endif
