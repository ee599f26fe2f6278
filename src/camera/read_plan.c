#include "camera/read_plan.h"

#define GATHER_US                                                                                            \
    4000 /* from a frame's first packet to the read; one that takes longer is read in pieces                 \
          */
#define EARLIER_US 250
#define AT_ONCE_US 1000
#define LATER_US 2000
#define HELD_BACK_MAX 4
#define FRAME_LEAST_US 15000 /* rates at which the next frame is foreseen: 15 to 66 a second */
#define FRAME_MOST_US 67000
#define RELAXED_US 200000 /* of frames in one read while nobody watches; a socket buffer holds more */

void read_plan_readable(struct read_plan *p, struct steady_us now) {
    bool at_once = now.us - p->fruitless_at_us < AT_ONCE_US;
    p->at.us = now.us + (at_once ? LATER_US : GATHER_US);
    p->watching = false;
    if (!at_once) {
        p->phase_us = p->at.us;
        p->held_back = 0;
    } else if (p->held_back++ < HELD_BACK_MAX) {
        p->phase_us += LATER_US; /* the read fell into the middle of a frame */
    }
    /* Else the camera holds the rest back until we acknowledge the beginning (Nagle): reading later would not
     * help. */
}

void read_plan_relax(struct read_plan *p, bool relaxed) {
    if (p->relaxed && !relaxed) p->watching = true;
    p->relaxed = relaxed;
}

void read_plan_done(struct read_plan *p, uint64_t frames, int64_t frame_us, struct steady_us now) {
    bool steady = frame_us >= FRAME_LEAST_US && frame_us <= FRAME_MOST_US;
    p->watching = frames == 0 || !steady;
    if (frames == 0)
        p->fruitless_at_us = now.us;
    else if (!p->fruitless)
        p->held_back = 0;
    p->fruitless = frames == 0;
    if (p->watching) return;
    /* From where this read was to be, so that a busy machine's delays do not add up. One frame too many: it
     * was late by up to a frame. */
    bool late = frames > p->stride;
    p->stride = p->relaxed ? (unsigned)(RELAXED_US / frame_us) : 1;
    int64_t stride_us = p->stride * frame_us;
    p->phase_us += stride_us - EARLIER_US;
    if (late || p->phase_us <= now.us || p->phase_us > now.us + stride_us)
        p->phase_us = now.us + stride_us - frame_us / 2;
    p->at.us = p->phase_us;
}
