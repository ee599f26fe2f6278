/* live_stream.h: cuts the vault's live response into messages (docs/protocol.md, "Live").
 * Fed with pieces of any size; holds at most one message. Threads: no shared state. */
#ifndef CARDEA_CLIENT_LIVE_STREAM_H
#define CARDEA_CLIENT_LIVE_STREAM_H

#include "base/bytes.h"
#include "format/segment.h"

enum live_type { LIVE_HEADER = 1, LIVE_RECORD = 2, LIVE_NOTICE = 3, LIVE_BEAT = 4 };

#define LIVE_CAMERA_NONE 255
#define LIVE_NOTICE_MAX_BYTES (64u << 10)
#define LIVE_MESSAGE_HEAD_BYTES 6
#define LIVE_RECORD_MAX_BYTES (SEGMENT_RECORD_MAX_BYTES + 4)

/* How far behind this device's clock a live segment may begin: 60 s by which a vault still takes one for
 * live, 64 s that a segment may last, and the rest for clocks that differ. What is older is not live, whoever
 * signed it. */
#define LIVE_BEHIND_MAX_S 300u

struct live_message {
    enum live_type type;
    uint8_t camera;       /* index into the request's list, or LIVE_CAMERA_NONE */
    struct bytes payload; /* borrowed for the call */
};

struct live_stream {
    struct blob held;
    uint8_t cameras; /* how many were asked for */
    bool broken;
};

void live_stream_init(struct live_stream *s, uint8_t cameras);
void live_stream_clear(struct live_stream *s);

/* Calls fn for each whole message; an error from it ends the call with that error.
 *   ERR_INVALID  names what cannot be: type, camera or length; the stream is then done */
typedef err live_message_fn(void *context, const struct live_message *message, struct diag *d);
err live_stream_feed(struct live_stream *s, struct bytes piece, live_message_fn *fn, void *context,
                     struct diag *d) CHECKED;

/* ERR_TIMEOUT: a segment of that slot is older than what may pass for live; d says it to a person. */
err live_check_slot(uint32_t slot, uint32_t now, struct diag *d) CHECKED;

#endif
