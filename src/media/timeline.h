/* timeline.h: from a track's media time to wall time.
 *
 * A camera's clock and ours drift apart, and packets arrive late by a varying amount, never early. So wall
 * time is media time plus an offset, and the offset that fits best is the least (arrival - media time) seen
 * in the last seconds. The offset in use starts at the first sample's, moves towards the best by at most 0.5
 * ms in a second, and only when the caller says that a correction may happen (at a key frame: within a
 * segment, durations are the camera's). When it is off by more than 2 s, it is set anew there: a step, after
 * which wall time may go back.
 *
 * The host's own wall clock may jump. Arrivals are steady time; wall time is steady time plus a base, which
 * follows slow changes of the clock (NTP slews it by at most 0.5 ms in a second) and takes over a jump, which
 * also is a step. Threads: one. */
#ifndef CARDEA_MEDIA_TIMELINE_H
#define CARDEA_MEDIA_TIMELINE_H

#include <stdbool.h>

#include "base/clock.h"

#define TIMELINE_STEP_US 2000000
#define TIMELINE_CORRECTION_PPM 500
#define TIMELINE_WINDOW_US 10000000

struct wall_base { /* of the worker: one for all tracks */
    bool set;
    int64_t offset_us; /* wall - steady */
    struct steady_us last;
    unsigned jumps;
};
/* Looks at both clocks; call it now and then (each second). True when the wall clock jumped by more than 2 s.
 */
bool wall_base_update(struct wall_base *b, struct wall_us wall, struct steady_us steady);
struct wall_us wall_base_at(const struct wall_base *b, struct steady_us t);

struct timeline {
    bool set, seen, aligned;
    uint32_t clock_hz;
    int64_t aligned_us;      /* where another track's time line puts this one's offset */
    int64_t offset_us;       /* in use: wall - media */
    int64_t best_us[2];      /* least (arrival - media) of this window and the one before */
    int64_t window_start_us; /* media time */
    int64_t last_wall_us, corrected_media_us;
    unsigned steps;
};
void timeline_init(struct timeline *t, uint32_t clock_hz);
void timeline_reset(struct timeline *t); /* after a jump of the wall clock */

/* Takes a sample's latency into account before the first one is mapped: the first of a connection often comes
 * late. */
void timeline_observe(struct timeline *t, int64_t ticks, struct wall_us arrived);

/* Follows another track instead of its own arrivals: sound, where the camera says how its clock and the
 * picture's go together. Small differences are corrected like drift, larger ones at once, where a correction
 * may happen. A target that is off from the arrivals by more than a step is no such thing, and is ignored. */
#define TIMELINE_ALIGN_US 40000
void timeline_align(struct timeline *t, int64_t offset_us);

enum timeline_fit {
    TIMELINE_FITS,
    TIMELINE_STEPPED, /* the time line was set anew at this sample */
    TIMELINE_BROKEN,  /* from the future by more than a step, where no correction may happen: drop samples up
                         to where it may */
};

/* The wall time of a sample with decode time `ticks` that arrived at `arrived`. The offset moves only with
 * `may_correct`; without it wall time always goes forward. */
enum timeline_fit timeline_map(struct timeline *t, int64_t ticks, struct wall_us arrived, bool may_correct,
                               struct wall_us *out);

#endif
