/* motion.h: where something moves, at next to no cost while nothing does.
 *
 * Encoders say it for free: a still scene has small frames. A decoder runs from the start until the scene has
 * been seen to be still; the size of frames then is the baseline. From then on nothing is decoded until
 * frames rise above it (and, now and then, a key frame, for what comes too slowly to show in sizes). While
 * the decoder runs, five frames a second are compared with a background, in cells of a small grid. Of
 * pictures larger than a substream's only key frames are ever decoded. Threads: one. */
#ifndef CARDEA_MEDIA_MOTION_H
#define CARDEA_MEDIA_MOTION_H

#include "media/source.h"
#include "media/worker_message.h"

struct motion;

err motion_new(const struct media_track *video, struct motion **out, struct diag *d) CHECKED;
void motion_free(struct motion *m);

struct AVFrame;

/* The picture of the key frame that comes next, when somebody decoded it anyway. */
void motion_see(void *motion, const struct AVFrame *full);

/* Looks at the next frame in decode order. True when *out is to be sent: while something moves, at most 5
 * times a second, and once with score 0 at its end. */
bool motion_frame(struct motion *m, const struct media_sample *s, struct wall_us wall,
                  struct worker_motion *out);

#endif
