/* timeline.h: what is recorded of a camera, and the sealed segments themselves. Threads: one. */
#ifndef CARDEA_CLIENT_TIMELINE_H
#define CARDEA_CLIENT_TIMELINE_H

#include "client/camera.h"

#define TIMELINE_REELS_MAX 2000000

struct timeline_reel {
    uint8_t reel[REEL_ID_BYTES];
    uint32_t epoch, first, end; /* slots, [first, end) */
    uint64_t bytes;
    uint32_t segments, flags;
    struct blob table; /* with segments asked for: 20 bytes each */
};
struct timeline {
    struct timeline_reel *reels;
    size_t count, cap;
};
void timeline_clear(struct timeline *t);

/* All reels that touch slots [from, to), ascending. */
err timeline_read(struct client *c, const uint8_t camera[CAMERA_ID_BYTES], uint64_t from, uint64_t to,
                  bool segments, struct timeline *out, struct diag *d) CHECKED;

/* Merges what lies next to each other (at most `join` slots apart). *out is allocated; free it. */
struct timeline_span {
    uint32_t from, to; /* slots */
    uint64_t bytes;
};
err timeline_spans(const struct timeline *t, uint32_t join, struct timeline_span **out,
                   size_t *count) CHECKED;

/* Where recordings of a camera begin and end, for messages. ERR_NOT_FOUND: nothing is recorded. */
err timeline_extent(struct client *c, const uint8_t camera[CAMERA_ID_BYTES], uint32_t *first, uint32_t *last,
                    struct diag *d) CHECKED;

struct footage_segment {
    uint32_t epoch, slot;
    uint8_t seconds, flags; /* enum reel_entry_flags */
    struct bytes sealed;    /* borrowed for the call */
};
typedef err footage_fn(void *context, const struct footage_segment *segment, struct diag *d);
/* Fetches the segments of `t` (read with segments) that touch [from, to), in order. A reel that has gone
 * meanwhile is passed over. */
err footage_walk(struct client *c, const struct timeline *t, uint64_t from, uint64_t to, footage_fn *fn,
                 void *context, struct diag *d) CHECKED;

#endif
