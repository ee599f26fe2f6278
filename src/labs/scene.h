/* scene.h: a clip of a camera that does not move: its frames, what stands still in it, what moves, and what
 * objects a file of labels names. Threads: no shared state. */
#ifndef CARDEA_LABS_SCENE_H
#define CARDEA_LABS_SCENE_H

#include "labs/picture_file.h"
#include "vision/classifier.h"

#define SCENE_WIDTH_MAX 640 /* a usual substream */

/* In pixels. */
struct scene_box {
    int frame; /* index of scene.frames */
    float x, y, w, h;
    float score;
    int class; /* of enum classifier_class, or -1: an object of another kind */
};

struct scene_boxes {
    struct scene_box *items;
    size_t count, room;
};
err scene_boxes_add(struct scene_boxes *l, const struct scene_box *b) CHECKED;

struct scene {
    struct picture_list frames;
    struct picture still;      /* the median of its frames */
    struct scene_boxes found;  /* by the detector, of the label file */
    struct scene_boxes moving; /* where pixels differ from `still` */
    int step;
};
void scene_clear(struct scene *s);

/* Reads each `step`th frame of the clip. `labels` is the text of the label file: clip, frame, label, score,
 * x, y, w, h in ten-thousandths, separated by tabs; `name` the clip in it. */
err scene_read(const char *folder, const char *name, int step, struct bytes labels, struct scene *out,
               struct diag *d) CHECKED;

/* Finds what moves, filling s->moving. */
err scene_find_motion(struct scene *s, struct diag *d) CHECKED;

/* How different a pixel is from the still picture, 0..255, of the most different colour. */
int scene_difference(const struct scene *s, int frame, int x, int y);

float scene_overlap(const struct scene_box *a, const struct scene_box *b); /* pixels that both have */

#endif
