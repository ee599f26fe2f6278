/* motion.h: where something moves, at next to no cost while nothing does.
 *
 * Encoders say it for free: a still scene has small frames. So the sizes of frames between key frames are
 * compared with a baseline that adapts to the stream; only when they rise, and at key frames now and then, is
 * a frame decoded and compared with a background, in cells of a small grid. Threads: one. */
#ifndef CARDEA_MEDIA_MOTION_H
#define CARDEA_MEDIA_MOTION_H

#include "media/source.h"
#include "media/worker_message.h"

struct motion;

err motion_new(const struct media_track *video, struct motion **out, struct diag *d) CHECKED;
void motion_free(struct motion *m);

/* Looks at the next frame in decode order. True when *out is to be sent: while something moves, at most 5
 * times a second, and once with score 0 at its end. */
bool motion_frame(struct motion *m, const struct media_sample *s, struct wall_us wall,
                  struct worker_motion *out);

#endif
