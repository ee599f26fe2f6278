/* recent.h: which object an event was about, for a while: so that the owner can say "not interesting" of an
 * event that the hub has sealed and cannot open, and so that an event is ended that a crash left open.
 *
 * DIR/recent: RECENT_MAX records of RECENT_BYTES, written where they lie; the newest replaces the oldest.
 * What a crash tore is left out. Place, kind and look (64 numbers); no picture, no face. Threads: one. */
#ifndef CARDEA_HUB_RECENT_H
#define CARDEA_HUB_RECENT_H

#include "base/clock.h"
#include "hub/negatives.h"

#define RECENT_MAX 4096
#define RECENT_BYTES 160

struct recent;

struct recent_event {
    uint8_t id[16], camera[CAMERA_ID_BYTES];
    int label; /* seen_label, or LABEL_RING */
    bool open; /* it was told that it goes on */
    float score;
    struct wall_us begin, end;
    struct place_box box; /* where it was when it was judged */
    int8_t look[VISION_LOOK_BYTES];
};

err recent_open(const char *data, struct recent **out, struct diag *d) CHECKED;
void recent_free(struct recent *r);

/* `replaces` (or NULL) is an event that goes on under another id: it is not open any more. Failing is logged:
 * an event of which the owner can say nothing is better than none. */
void recent_add(struct recent *r, const struct recent_event *e, const uint8_t *replaces);
const struct recent_event *recent_find(const struct recent *r, const uint8_t id[16]); /* NULL; borrowed */
/* An open one, to be ended; NULL when there is none. */
const struct recent_event *recent_next_open(const struct recent *r);
void recent_forget(struct recent *r, const uint8_t camera[CAMERA_ID_BYTES]);

#endif
