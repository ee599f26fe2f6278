/* vision_message.h: the messages between the hub and cardea-vision. Bytes: docs/seeing.md, "Vision".
 *
 * Each `_append` adds one whole message to a blob; each `_decode` reads a payload that came whole, and
 * refuses what docs/seeing.md does not describe, naming it. Neither side trusts the other: an error here ends
 * the process, or the connection to the hub. Threads: no shared state. */
#ifndef CARDEA_VISION_VISION_MESSAGE_H
#define CARDEA_VISION_VISION_MESSAGE_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/message_reader.h"

#define VISION_SOCKET 3 /* the process's descriptor */
#define VISION_CAMERAS_MAX 128
#define VISION_TRACKS_MAX 64 /* in one sightings */
#define VISION_FACES_MAX 16
#define VISION_LOOK_BYTES 64
#define VISION_EMBEDDING_FLOATS 256
#define VISION_PICTURE_MAX_BYTES (24u << 10)
#define VISION_SMALL_MAX_BYTES 2400 /* fits a Web Push message, beside its texts */
#define VISION_MODEL_NAME_MAX_BYTES 64
#define VISION_KIND_MAX_BYTES 24
#define VISION_MODEL_SIDE_MIN 32 /* of what a model is fed; of a detector a multiple of 32 */
#define VISION_MODEL_SIDE_MAX 1280
#define VISION_MODEL_LABELS_MAX 128
#define VISION_MODEL_LABEL_MAX_BYTES 31
#define VISION_MODEL_FILES_MAX 4
#define VISION_FILE_MAX_BYTES (64u << 20)
#define VISION_THREADS_MAX 16
#define VISION_REGIONS_MAX 16
#define VISION_FRAME_MAX_WIDTH 1280
#define VISION_FRAME_MAX_HEIGHT 720
#define VISION_EMBED_MAX_BYTES (256u << 10) /* a JPEG of the owner's */
#define VISION_REASON_MAX_BYTES 79
#define VISION_TEXT_MAX_BYTES 199
#define VISION_JSON_MAX_BYTES (32u << 10)
#define VISION_SIGHTINGS_MAX_BYTES (256u << 10) /* 64 tracks, each with a face */
#define PLACE_WHOLE 10000                       /* of a picture's width or height */

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
/* car, truck, bus, motorcycle: one thing may look like several of them. */
bool seen_label_vehicle(enum seen_label l);
bool seen_label_animal(enum seen_label l);

enum vision_type {
    VISION_TYPE_CONFIG = 1,
    VISION_TYPE_FILE = 2,
    VISION_TYPE_FRAME = 3,
    VISION_TYPE_FORGET = 4,
    VISION_TYPE_EMBED = 5,
    VISION_TYPE_READY = 16,
    VISION_TYPE_SIGHTINGS = 17,
    VISION_TYPE_PICTURE = 18,
    VISION_TYPE_FACES = 19,
    VISION_TYPE_STATUS = 20,
    VISION_TYPE_REFUSED = 21,
};

/* For message_reader_next. */
uint32_t vision_type_limit(uint8_t type);

/* --- To vision --- */

enum vision_kind { VISION_PICODET, VISION_YOLOX, VISION_DARKNET, VISION_MOTION_CLASSIFIER, VISION_KINDS };
const char *vision_kind_text(enum vision_kind k);
/* ERR_NOT_FOUND. */
err vision_kind_read(const char *text, enum vision_kind *out) CHECKED;

struct vision_detector {
    char name[VISION_MODEL_NAME_MAX_BYTES + 1];
    enum vision_kind kind;
    uint16_t width, height; /* what the model is fed */
    uint16_t label_count;
    char labels[VISION_MODEL_LABELS_MAX][VISION_MODEL_LABEL_MAX_BYTES + 1]; /* the model's, in its order */
    float thresholds[SEEN_LABELS];                                          /* 0: the default */
    uint8_t files;
};
/* Members of a config's detector and of a model's manifest. */
err vision_detector_take(json_t *object, struct vision_detector *out, struct diag *d) CHECKED;
/* All of it but `files`; NULL: out of memory. */
json_t *vision_detector_json(const struct vision_detector *m);

struct vision_config {
    uint8_t threads;
    struct vision_detector detector;
    bool faces;
};
err vision_config_append(struct blob *out, const struct vision_config *m) CHECKED;
err vision_config_decode(struct bytes payload, struct vision_config *out, struct diag *d) CHECKED;

/* A descriptor comes along. The hash is for the log: who hands the descriptor over has checked it, and sealed
 * the file's memory. */
struct vision_file {
    uint32_t bytes;
    uint8_t sha256[32];
};
err vision_file_append(struct blob *out, const struct vision_file *m) CHECKED;
err vision_file_decode(struct bytes payload, struct vision_file *out, struct diag *d) CHECKED;

struct vision_region {
    uint8_t x, y, w, h; /* 0..255 of the picture */
};
enum vision_frame_flag { VISION_FRAME_SAFETY = 1, VISION_FRAME_FACES = 2 };
struct vision_frame {
    uint8_t camera, flags;
    struct wall_us wall;
    uint16_t source_width, source_height; /* of the stream */
    uint16_t width, height;               /* even */
    uint8_t region_count;
    struct vision_region regions[VISION_REGIONS_MAX];
    struct bytes i420; /* borrowed: width * height * 3 / 2 bytes */
};
err vision_frame_append(struct blob *out, const struct vision_frame *m) CHECKED;
err vision_frame_decode(struct bytes payload, struct vision_frame *out, struct diag *d) CHECKED;

err vision_forget_append(struct blob *out, uint8_t camera) CHECKED;
err vision_forget_decode(struct bytes payload, uint8_t *out, struct diag *d) CHECKED;

struct vision_embed {
    uint32_t request;
    struct bytes jpeg; /* borrowed */
};
err vision_embed_append(struct blob *out, const struct vision_embed *m) CHECKED;
err vision_embed_decode(struct bytes payload, struct vision_embed *out, struct diag *d) CHECKED;

/* --- To the hub --- */

enum vision_layer { VISION_LAYER_SECCOMP = 1, VISION_LAYER_LANDLOCK = 2, VISION_LAYER_NETNS = 4 };
struct vision_ready {
    char model[VISION_MODEL_NAME_MAX_BYTES + 1];
    uint32_t load_ms;
    uint8_t sandbox; /* enum vision_layer */
    char message[VISION_TEXT_MAX_BYTES + 1];
};
err vision_ready_append(struct blob *out, const struct vision_ready *m) CHECKED;
err vision_ready_decode(struct bytes payload, struct vision_ready *out, struct diag *d) CHECKED;

/* Why the process ends: a model of another shape, say. */
struct vision_refused {
    char message[VISION_TEXT_MAX_BYTES + 1];
};
err vision_refused_append(struct blob *out, const struct vision_refused *m) CHECKED;
err vision_refused_decode(struct bytes payload, struct vision_refused *out, struct diag *d) CHECKED;

struct vision_counts {
    uint64_t frames, skipped, detections; /* since the process started; a detection is one run of the model */
    double detect_ms;                     /* of one detection, lately */
    double rate;                          /* frames a second, lately */
};
err vision_counts_append(struct blob *out, const struct vision_counts *m) CHECKED;
err vision_counts_decode(struct bytes payload, struct vision_counts *out, struct diag *d) CHECKED;

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
    struct bytes small; /* the same at at most VISION_SMALL_MAX_BYTES; may be empty; borrowed */
    struct bytes jpeg;  /* borrowed */
};

/* The answer to `embed`. */
struct vision_faces {
    uint32_t request;
    size_t count;
    struct seen_face faces[VISION_FACES_MAX];
    char reasons[VISION_FACES_MAX][VISION_REASON_MAX_BYTES + 1]; /* why a face is of no use; else empty */
    char message[VISION_TEXT_MAX_BYTES + 1];                     /* why there is none; else empty */
};

/* Decoders leave *out alone when they fail, but for vision_sightings_decode and vision_faces_decode, whose
 * results are large: they may have written to it. */
err vision_sightings_append(struct blob *out, const struct vision_sightings *m) CHECKED;
err vision_sightings_decode(struct bytes payload, struct vision_sightings *out, struct diag *d) CHECKED;
err vision_picture_append(struct blob *out, const struct vision_picture *m) CHECKED;
err vision_picture_decode(struct bytes payload, struct vision_picture *out, struct diag *d) CHECKED;
err vision_faces_append(struct blob *out, const struct vision_faces *m) CHECKED;
err vision_faces_decode(struct bytes payload, struct vision_faces *out, struct diag *d) CHECKED;

#endif
