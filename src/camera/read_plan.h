/* read_plan.h: when to read from the camera's sockets.
 *
 * Waking costs more than reading, so a frame is read in one go, once all of it is there. When the next one
 * will be is known from the rate. Each read is planned a little earlier than that; one that came too early is
 * followed by watching the sockets, and tells where frames are now. Threads: one. */
#ifndef CARDEA_CAMERA_READ_PLAN_H
#define CARDEA_CAMERA_READ_PLAN_H

#include <stdbool.h>

#include "base/clock.h"

struct read_plan {
    bool watching; /* the sockets, for something to read; else `at` says when to read */
    struct steady_us at;
    int64_t phase_us;        /* of frames: where `at` would be without exceptions */
    int64_t fruitless_at_us; /* of the last read that brought no whole frame */
    unsigned held_back;      /* frames in a row whose rest came right after such a read */
    bool fruitless;          /* since the last whole frame */
    bool relaxed;            /* nobody watches: several frames in one read */
    unsigned stride;         /* frames that the next read is to bring */
};

static inline void read_plan_init(struct read_plan *p) {
    *p = (struct read_plan){.watching = true, .stride = 1};
}

/* Takes effect with the next read, which is now when somebody began to watch. */
void read_plan_relax(struct read_plan *p, bool relaxed);

/* While watching, something came. */
void read_plan_readable(struct read_plan *p, struct steady_us now);

/* A read brought `frames` whole ones, which come every frame_us (0: not known). */
void read_plan_done(struct read_plan *p, uint64_t frames, int64_t frame_us, struct steady_us now);

#endif
