/* cutter.h: cuts what a source delivers into the messages that go to the hub: init, fragments, pictures,
 * motion, and frames for recognition.
 *
 * One frame is one fragment, sent as it comes; sound is gathered for a tenth of a second, and cut where a
 * segment may start and where a slot ends, so that records stay in order. Threads: one. */
#ifndef CARDEA_CAMERA_CUTTER_H
#define CARDEA_CAMERA_CUTTER_H

#include "media/source.h"
#include "media/worker_message.h"

struct cutter;

struct cutter_options {
    bool audio, motion;
    bool see;           /* frames, with motion */
    uint32_t picture_s; /* 0: no pictures */
    /* Whether the hub is behind with what it was sent; frames are left out then. */
    void *context;
    bool (*behind)(void *context);
};

/* Counted since the start; the caller takes differences. */
struct cutter_counts {
    uint64_t frames, bytes, lost, seen; /* seen: frames for recognition */
    uint32_t clock_steps;
    int64_t frame_us;                /* the time between frames, of late; 0: not known */
    char codec[40], audio_codec[40]; /* empty: none (yet) */
};

/* *out, borrowed until cutter_free, is where messages are appended. */
err cutter_new(const struct cutter_options *options, struct blob *out, struct cutter **result,
               struct diag *d) CHECKED;
void cutter_free(struct cutter *c);

/* The camera's own wall time of a media time, by which sound is put beside the picture; false when it is not
 * known. Without this, tracks are taken to share one media time, as in a file. */
typedef bool cutter_camera_wall(const void *context, uint8_t source_track, int64_t pts_ticks,
                                struct wall_us *out);
void cutter_set_clock(struct cutter *c, cutter_camera_wall *camera_wall, const void *context);

/* For the source. Its calls fail with what the camera sends wrong (ERR_INVALID, ERR_LIMIT, ERR_UNSUPPORTED),
 * or ERR_NO_MEMORY. */
const struct media_sink *cutter_sink(const struct cutter *c);

void cutter_counts(const struct cutter *c, struct cutter_counts *out);

#endif
