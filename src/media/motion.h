/* motion.h: where something moves, at next to no cost while nothing does.
 *
 * Encoders say it for free: a still scene has small frames. A decoder runs from the start until the scene has
 * been seen to be still; the mean and the spread of the frames' sizes then are the baseline. From then on
 * nothing is decoded until sizes leave it (a cumulative sum, Page 1954, so that a little more for a while
 * counts as much as a lot at once), and, now and then, a key frame, for what comes too slowly to show in
 * sizes. The frames since the last key frame are kept, so that decoding can begin at once, a few frames at a
 * time. While the decoder runs, five pictures a second are compared with a background (motion_model.h).
 * Threads: one. */
#ifndef CARDEA_MEDIA_MOTION_H
#define CARDEA_MEDIA_MOTION_H

#include "media/source.h"
#include "media/worker_message.h"

struct motion;
struct AVFrame;

struct motion_seen {
    bool tell; /* `motion` is to be sent: while something moves, and once with score 0 at its end */
    struct worker_motion motion;
    /* A picture that is worth a look by others: of what moves and for 2 s after, or else (`safety`) of a
     * still scene, now and then. NULL: none. Borrowed until the next call. */
    const struct AVFrame *picture;
    bool safety;
};

/* What it took, for benchmarks. */
struct motion_counts {
    uint64_t frames, decoded, looks, runs; /* runs: times that the decoder was started */
};

err motion_new(const struct media_track *video, struct motion **out, struct diag *d) CHECKED;
void motion_free(struct motion *m);

/* The picture of the key frame that comes next, when somebody decoded it anyway. */
void motion_see(void *motion, const struct AVFrame *full);

/* Looks at the next frame in decode order; at most 5 times a second there is something to tell or see. */
void motion_frame(struct motion *m, const struct media_sample *s, struct wall_us wall,
                  struct motion_seen *out);

void motion_counts(const struct motion *m, struct motion_counts *out);

#endif
