/* detector.h: finds things in a part of a picture. One interface, and a table of kinds behind it: dnn
 * networks of the output shapes that the kinds' files describe, and the built-in classifier of
 * what moved. Threads: one for each detector. */
#ifndef CARDEA_VISION_DETECTOR_H
#define CARDEA_VISION_DETECTOR_H

#include "vision/image.h"

#define DETECTIONS_MAX 96      /* of one part, and of one picture */
#define DETECTION_LEAST 0.2f   /* below it there is nothing; tracks are kept, not begun, by what is low */
#define DETECTION_DEFAULT 0.5f /* a label's threshold, where neither model nor label has another */

struct detection {
    enum seen_label label;
    float score;
    struct area box; /* of the picture */
    float side_px;   /* the larger side, as large as the model saw it */
    bool cut;        /* by the edge of the part, inside the picture: there is more of it */
};

struct detections {
    size_t count;
    struct detection list[DETECTIONS_MAX];
};

struct detector;

/* Files in the order of the manifest; borrowed until detector_free. The network runs once, on grey, so that
 * another shape is refused here. ERR_INVALID names what does not fit. */
err detector_load(const struct vision_detector *model, const struct bytes *files, size_t count,
                  struct detector **out, struct diag *d) CHECKED;
void detector_free(struct detector *t);

/* Adds what is found in the part to *out, after suppression of what overlaps. */
err detector_run(struct detector *t, const struct image *m, struct rect part, struct detections *out,
                 struct diag *d) CHECKED;

/* What a part should at least measure, so that nothing is enlarged needlessly. */
int detector_side(const struct detector *t);
/* It says what a part is, not where in it: parts should fit what moved closely. */
bool detector_classifies(const struct detector *t);
/* From which score on a label is believed. */
float detector_threshold(const struct detector *t, enum seen_label l);

/* A model's word for a thing, as one of ours; SEEN_NOTHING for what is no matter at home. */
enum seen_label label_of_model(const char *word);
/* Things that a detector takes for one another: vehicles, animals, what has two wheels. */
int label_group(enum seen_label l);

/* Suppresses what overlaps something better of its group. */
void detections_suppress(struct detections *found);

#endif
