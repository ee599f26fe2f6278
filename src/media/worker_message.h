/* worker_message.h: the messages between the hub and a camera worker. Bytes: docs/worker.md.
 *
 * Each `_append` adds one whole message to a blob; each `_decode` reads a payload that came whole, and
 * refuses what docs/worker.md does not describe, naming it. The worker is not trusted: the hub treats every
 * error here as the end of that worker. Threads: no shared state. */
#ifndef CARDEA_MEDIA_WORKER_MESSAGE_H
#define CARDEA_MEDIA_WORKER_MESSAGE_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/message_reader.h"

#define WORKER_SOCKET 3                            /* the worker's descriptor */
#define WORKER_MESSAGE_MAX_BYTES ((8u << 20) + 64) /* what `length` may be: type and payload */
#define WORKER_JSON_MAX_BYTES 8192u
#define WORKER_INIT_MAX_BYTES (64u << 10)
#define WORKER_PICTURE_MAX_BYTES (256u << 10)
#define WORKER_URL_MAX_BYTES 2048
#define WORKER_REGIONS_MAX 16
#define WORKER_HEAD_BYTES 5
#define WORKER_FRAGMENT_HEAD_BYTES 13

enum worker_type {
    WORKER_TYPE_CONFIG = 1,
    WORKER_TYPE_DESCRIPTOR = 2,
    WORKER_TYPE_STOP = 3,
    WORKER_TYPE_PACE = 4,
    WORKER_TYPE_WANT = 16,
    WORKER_TYPE_INIT = 17,
    WORKER_TYPE_FRAGMENT = 18,
    WORKER_TYPE_PICTURE = 19,
    WORKER_TYPE_MOTION = 20,
    WORKER_TYPE_STATUS = 21,
    WORKER_TYPE_FRAME = 22,
    WORKER_TYPE_RING = 23,
};

/* --- Reading --- */

/* The longest length of a message of this type; 0 for types that do not exist. */
uint32_t worker_type_limit(uint8_t type);

/* Zero-initialised is empty and valid. */
struct worker_reader {
    struct message_reader reader;
};

/* A whole message. The payload is borrowed from the reader until its next call. */
struct worker_message {
    enum worker_type type;
    struct bytes payload;
};

/* Reads once from a socket, without waiting, at most what completes the message at hand and some more.
 * Descriptors that come along are kept only if `descriptors` is true. ERR_BUSY  nothing there ERR_CUT_SHORT
 * the other end closed      ERR_LIMIT  too many descriptors      ERR_IO */
err worker_reader_fill(struct worker_reader *r, int socket, bool descriptors, struct diag *d) CHECKED;

/* The same from memory. */
err worker_reader_feed(struct worker_reader *r, struct bytes more) CHECKED;

/* The next whole message.
 *   ERR_BUSY  not whole yet: fill again      ERR_LIMIT  too long for its type      ERR_INVALID  unknown type,
 * no payload where there must be one */
err worker_reader_next(struct worker_reader *r, struct worker_message *out, struct diag *d) CHECKED;

/* The oldest received descriptor, now the caller's; -1 when there is none. */
int worker_reader_take_descriptor(struct worker_reader *r);

/* Closes what is left and wipes. */
void worker_reader_clear(struct worker_reader *r);

/* --- To the worker --- */

enum worker_stream { WORKER_STREAM_MAIN, WORKER_STREAM_SUB };
enum worker_transport { WORKER_TRANSPORT_AUTO, WORKER_TRANSPORT_TCP, WORKER_TRANSPORT_UDP };

/* Privacy masks, in ten-thousandths of the picture (docs/seeing.md). */
#define WORKER_MASKS_MAX 8
#define WORKER_MASK_POINTS_MIN 3
#define WORKER_MASK_POINTS_MAX 12
#define WORKER_PLACE_WHOLE 10000
struct worker_point {
    uint16_t x, y; /* 0 to WORKER_PLACE_WHOLE */
};
struct worker_mask {
    uint8_t count;
    struct worker_point points[WORKER_MASK_POINTS_MAX];
};
struct worker_masks {
    uint8_t count;
    struct worker_mask masks[WORKER_MASKS_MAX];
};
/* [[[x,y],…],…], as an owner or a config gives them; NULL is none. ERR_INVALID, ERR_LIMIT say which. */
err worker_masks_read(json_t *list, struct worker_masks *out, struct diag *d) CHECKED;
json_t *worker_masks_json(const struct worker_masks *m); /* NULL: out of memory */

struct worker_config {
    char url[WORKER_URL_MAX_BYTES + 1]; /* with user and password: wipe it */
    bool audio, motion;
    bool see; /* send frames for recognition; with motion */
    struct worker_masks masks;
    enum worker_stream stream;
    uint32_t picture_s; /* 1 to 3600; 0: no pictures */
    enum worker_transport transport;
};
void worker_config_clear(struct worker_config *c); /* wipes */
err worker_config_append(struct blob *out, const struct worker_config *c) CHECKED;
err worker_config_decode(struct bytes payload, struct worker_config *out, struct diag *d) CHECKED;

#define WORKER_TEXT_MAX_BYTES 400
struct worker_descriptor {
    uint32_t request;
    bool ok;                                 /* a descriptor comes along */
    uint16_t port;                           /* local UDP port, else 0 */
    char message[WORKER_TEXT_MAX_BYTES + 1]; /* why not */
};
err worker_descriptor_append(struct blob *out, const struct worker_descriptor *m) CHECKED;
err worker_descriptor_decode(struct bytes payload, struct worker_descriptor *out, struct diag *d) CHECKED;

err worker_stop_append(struct blob *out) CHECKED;

/* Does somebody watch? If not, frames may come several at a time. */
err worker_pace_append(struct blob *out, bool watched) CHECKED;
err worker_pace_decode(struct bytes payload, bool *watched, struct diag *d) CHECKED;

/* Sends whole messages over a blocking or non-blocking socket, waiting up to a second; the descriptor (-1:
 * none) goes with the first byte and stays the caller's. ERR_TIMEOUT, ERR_UNREACHABLE (the other end is
 * gone), ERR_IO. */
err worker_message_send(int socket, struct bytes messages, int descriptor) CHECKED;

/* --- To the hub --- */

enum worker_want_kind {
    WORKER_WANT_TCP,
    WORKER_WANT_UDP,
    WORKER_WANT_PEER,
    WORKER_WANT_FILE,
    WORKER_WANT_DEVICE
};
struct worker_want {
    uint32_t request;
    enum worker_want_kind kind;
    uint16_t port;
};
err worker_want_append(struct blob *out, const struct worker_want *m) CHECKED;
err worker_want_decode(struct bytes payload, struct worker_want *out, struct diag *d) CHECKED;

struct worker_init {
    char codec[40];       /* RFC 6381: "avc1.640028"; empty when there is no video */
    char audio_codec[40]; /* "opus", "mp4a.40.2", or empty */
    uint16_t width, height;
    double fps; /* 0: not known yet */
    uint32_t audio_hz;
    uint8_t channels;
    struct bytes data; /* ftyp + moov; borrowed */
};
err worker_init_append(struct blob *out, const struct worker_init *m) CHECKED;
err worker_init_decode(struct bytes payload, struct worker_init *out, struct diag *d) CHECKED;

enum worker_fragment_flag { WORKER_FRAGMENT_KEY = 1, WORKER_FRAGMENT_SOUND = 2 };
struct worker_fragment {
    uint8_t flags; /* enum worker_fragment_flag */
    struct wall_us wall;
    uint32_t duration_us;
    struct bytes data; /* moof + mdat; borrowed */
};
/* For writing the fragment itself straight into the message: begin, append to *out, end. */
err worker_fragment_begin(struct blob *out, uint8_t flags, struct wall_us wall, uint32_t duration_us,
                          size_t *mark) CHECKED;
err worker_message_end(struct blob *out, size_t mark) CHECKED; /* ERR_LIMIT: too long, and removed again */
err worker_fragment_decode(struct bytes payload, struct worker_fragment *out, struct diag *d) CHECKED;

struct worker_picture {
    struct wall_us wall;
    struct bytes jpeg; /* borrowed */
};
err worker_picture_append(struct blob *out, const struct worker_picture *m) CHECKED;
err worker_picture_decode(struct bytes payload, struct worker_picture *out, struct diag *d) CHECKED;

struct worker_region {
    uint8_t x, y, w, h; /* 0..255 of the picture */
};
struct worker_motion {
    struct wall_us wall;
    uint8_t score, count;
    struct worker_region regions[WORKER_REGIONS_MAX];
};
err worker_motion_append(struct blob *out, const struct worker_motion *m) CHECKED;
err worker_motion_decode(struct bytes payload, struct worker_motion *out, struct diag *d) CHECKED;

#define WORKER_FRAME_HEAD_BYTES 18
#define WORKER_FRAME_MAX_WIDTH 1280
#define WORKER_FRAME_MAX_HEIGHT 720
enum worker_frame_flag { WORKER_FRAME_SAFETY = 1 }; /* nothing moves; a look to be sure */
/* A decoded picture for recognition. */
struct worker_frame {
    struct wall_us wall;
    uint8_t flags;
    uint16_t source_width, source_height; /* of the stream */
    uint16_t width, height;               /* even */
    uint8_t region_count;
    struct worker_region regions[WORKER_REGIONS_MAX];
    struct bytes i420; /* borrowed: width * height * 3 / 2 bytes */
};
err worker_frame_append(struct blob *out, const struct worker_frame *m) CHECKED;
/* For scaling a picture straight into the message: begin, append exactly i420's bytes to *out (m->i420 is not
 * looked at), worker_message_end. ERR_INVALID: sizes that a frame cannot have. */
err worker_frame_begin(struct blob *out, const struct worker_frame *m, size_t *mark) CHECKED;
static inline size_t worker_frame_bytes(const struct worker_frame *m) {
    return (size_t)m->width * m->height * 3 / 2;
}
err worker_frame_decode(struct bytes payload, struct worker_frame *out, struct diag *d) CHECKED;

/* The camera's button was pressed. */
#define WORKER_TOPIC_MAX_BYTES 255
struct worker_ring {
    char topic[WORKER_TOPIC_MAX_BYTES + 1]; /* how the camera calls it */
};
err worker_ring_append(struct blob *out, const struct worker_ring *m) CHECKED;
err worker_ring_decode(struct bytes payload, struct worker_ring *out, struct diag *d) CHECKED;

enum worker_state { WORKER_STATE_CONNECTING, WORKER_STATE_STREAMING, WORKER_STATE_FAILED };
enum worker_layer { WORKER_LAYER_SECCOMP = 1, WORKER_LAYER_LANDLOCK = 2, WORKER_LAYER_NETNS = 4 };
struct worker_status {
    enum worker_state state;
    char error[33];                          /* a word of the err enum ("unreachable"), or empty */
    char message[WORKER_TEXT_MAX_BYTES + 1]; /* one line for a person, or empty */
    char codec[40], audio_codec[40];
    double fps;
    uint32_t kbit_s;
    uint64_t lost;       /* packets, since the worker started */
    uint32_t reconnects; /* since the worker started */
    uint32_t
        clock_steps; /* times that the time line was set anew: the wall clock jumped, or the camera's did */
    uint8_t sandbox; /* enum worker_layer: layers that are active */
};
err worker_status_append(struct blob *out, const struct worker_status *m) CHECKED;
err worker_status_decode(struct bytes payload, struct worker_status *out, struct diag *d) CHECKED;

#endif
