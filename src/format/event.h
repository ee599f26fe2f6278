/* event.h: sealed entries of a stream's day (docs/formats.md, "Event"). Threads: no shared state.
 *
 * event_head_decode is in format_segment, event_seal in format_writer, event_open in format_reader. */
#ifndef CARDEA_FORMAT_EVENT_H
#define CARDEA_FORMAT_EVENT_H

#include "crypto/timekey.h"
#include "format/segment.h"

#define EVENT_ID_BYTES 16
#define EVENT_DATA_MAX_BYTES (16u << 10)
#define EVENT_HEAD_BYTES 78
#define EVENT_MAX_BYTES (EVENT_HEAD_BYTES + (18u << 10) + 16) /* padding included */
#define EVENT_DAY_SLOTS 86400u

struct event_head {
    uint8_t camera[CAMERA_ID_BYTES];
    uint32_t epoch, slot;
    uint8_t id[EVENT_ID_BYTES];
    uint8_t commitment[COMMITMENT_BYTES];
};

/* What can be known without a key.   ERR_INVALID  names the field     ERR_LIMIT  too large */
err event_head_decode(struct bytes raw, struct event_head *out, struct diag *d) CHECKED;

/* Appends the event, with a fresh id that is also returned. `slot` is that of the event's begin.
 *   ERR_NOT_FOUND  the keys do not open the slot     ERR_LIMIT  more than EVENT_DATA_MAX_BYTES */
err event_seal(const struct timekey_set *keys, const uint8_t camera[CAMERA_ID_BYTES], uint32_t epoch,
               uint32_t slot, struct bytes json, uint8_t id[EVENT_ID_BYTES], struct blob *out) CHECKED;
/* The same with the id given; for test vectors alone. An id is used once in a lifetime. */
err event_seal_with(const struct timekey_set *keys, const uint8_t camera[CAMERA_ID_BYTES], uint32_t epoch,
                    uint32_t slot, struct bytes json, const uint8_t id[EVENT_ID_BYTES],
                    struct blob *out) CHECKED;

/* Appends the JSON to *json.
 *   ERR_NOT_FOUND  the keys do not open the slot     ERR_INVALID  as above
 *   ERR_FORGED     another key, altered bytes, false padding */
err event_open(const struct timekey_set *keys, struct bytes raw, struct event_head *head, struct blob *json,
               struct diag *d) CHECKED;

#endif
