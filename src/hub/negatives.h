/* negatives.h: what the household called not interesting: where it was and what it looked like, as 64
 * numbers, no picture (docs/seeing.md, "Rules"). Threads: no shared state. */
#ifndef CARDEA_HUB_NEGATIVES_H
#define CARDEA_HUB_NEGATIVES_H

#include "format/segment.h"
#include "vision/vision_message.h"

#define NEGATIVES_MAX 512 /* the oldest makes room */
/* Looks tell a bush from a person, but hardly two people from one another (cosines of 0.92 to 0.996, measured
 * on six people in one corridor). So place counts as much: what looks like it is quiet only while it is
 * there. */
#define NEGATIVE_OVERLAP_MIN 0.40f /* of the boxes: intersection over union */
#define NEGATIVE_ALIKE_MIN 0.97f   /* of the looks: cosine */

struct negative {
    uint8_t camera[CAMERA_ID_BYTES];
    uint8_t event[16];
    enum seen_label label;
    struct place_box box;
    int8_t look[VISION_LOOK_BYTES];
    struct wall_us at;
};

struct negative_list {
    size_t count;
    struct negative items[NEGATIVES_MAX]; /* by age */
};

void negatives_add(struct negative_list *list, const struct negative *n);
/* Forgets what looks like it in that place: how many were forgotten. */
size_t negatives_remove(struct negative_list *list, const struct negative *n);
void negatives_forget(struct negative_list *list, const uint8_t camera[CAMERA_ID_BYTES]);

/* Whether something of that camera, kind, place and look was called not interesting. A vehicle is like any
 * other, and so is an animal: what it is called changes from frame to frame. */
bool negatives_hold(const struct negative_list *list, const struct negative *n);

float box_overlap(const struct place_box *a, const struct place_box *b); /* intersection over union */
float look_alike(const int8_t a[VISION_LOOK_BYTES],
                 const int8_t b[VISION_LOOK_BYTES]); /* -1..1; 0: one is empty */

json_t *negatives_json(const struct negative_list *list); /* NULL: out of memory */
err negatives_read(json_t *o, struct negative_list *out, struct diag *d) CHECKED;

#endif
