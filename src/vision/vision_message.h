/* vision_message.h: the messages between the hub and cardea-vision. Bytes: docs/seeing.md, "Vision".
 *
 * Each `_append` adds one whole message to a blob; each `_decode` reads a payload that came whole, and
 * refuses what docs/seeing.md does not describe, naming it. Neither side trusts the other: an error here ends
 * the process, or the connection to the hub. Threads: no shared state. */
#ifndef CARDEA_VISION_VISION_MESSAGE_H
#define CARDEA_VISION_VISION_MESSAGE_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/clock.h"

#define VISION_SOCKET 3 /* the process's descriptor */
#define VISION_CAMERAS_MAX 128
#define VISION_TRACKS_MAX 64 /* in one sightings */
#define VISION_FACES_MAX 16
#define VISION_LOOK_BYTES 64
#define VISION_EMBEDDING_FLOATS 256
#define VISION_PICTURE_MAX_BYTES (24u << 10)
#define VISION_MODEL_NAME_MAX_BYTES 64
#define PLACE_WHOLE 10000 /* of a picture's width or height */

/* In ten-thousandths of the picture. */
struct place_box {
    uint16_t x, y, w, h;
};

enum seen_label {
    SEEN_NOTHING,
    SEEN_PERSON,
    SEEN_CAR,
    SEEN_TRUCK,
    SEEN_BUS,
    SEEN_MOTORCYCLE,
    SEEN_BICYCLE,
    SEEN_DOG,
    SEEN_CAT,
    SEEN_BIRD,
    SEEN_ANIMAL,
    SEEN_PACKAGE,
    SEEN_LABELS,
};
const char *seen_label_text(enum seen_label l);
/* ERR_NOT_FOUND. */
err seen_label_read(const char *text, enum seen_label *out) CHECKED;

enum track_state { TRACK_NEW, TRACK_SEEN, TRACK_LOST };

struct seen_face {
    float quality; /* 0..1: size, sharpness, pose */
    struct place_box box;
    float embedding[VISION_EMBEDDING_FLOATS]; /* of length 1 */
};

struct seen_track {
    uint64_t id; /* rises; never used twice in the life of a process */
    enum seen_label label;
    float score;
    struct place_box box;
    struct wall_us first;
    enum track_state state;
    bool still, has_face;
    int8_t look[VISION_LOOK_BYTES];
    struct seen_face face;
};

/* What one frame showed. */
struct vision_sightings {
    uint8_t camera;
    struct wall_us wall;
    uint32_t took_ms;
    size_t count;
    struct seen_track tracks[VISION_TRACKS_MAX];
};

struct vision_picture {
    uint8_t camera;
    uint64_t track;
    struct wall_us wall;
    uint32_t quality;
    struct bytes jpeg; /* borrowed */
};

/* The answer to `embed`. */
struct vision_faces {
    uint32_t request;
    size_t count;
    struct seen_face faces[VISION_FACES_MAX];
    char reasons[VISION_FACES_MAX][80]; /* why a face is of no use; else empty */
    char message[200];                  /* why there is none; else empty */
};

#endif
