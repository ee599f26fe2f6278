/* detector_internal.h: what the kinds of detectors share. */
#ifndef CARDEA_VISION_DETECTOR_INTERNAL_H
#define CARDEA_VISION_DETECTOR_INTERNAL_H

#include "vision/detector.h"
#include "vision/dnn.h"

#define DETECTOR_OUTPUTS_MAX 12

/* A table for each kind; all functions but `clear` are present. */
struct detector_ops {
    size_t files; /* that its models consist of */
    bool classifies;
    err (*load)(struct detector *t, const struct bytes *files, struct diag *d);
    err (*run)(struct detector *t, const struct image *m, struct rect part, struct detections *out,
               struct diag *d);
    void (*clear)(struct detector *t);
};
extern const struct detector_ops detect_classifier, detect_picodet, detect_yolox, detect_darknet;

struct detector {
    const struct detector_ops *ops;
    struct vision_detector model;
    enum seen_label labels[VISION_MODEL_LABELS_MAX]; /* of each of the model's classes */
    struct dnn *net;
    float *input; /* 3 planes of width × height */
    const char *names[DETECTOR_OUTPUTS_MAX];
    size_t output_count;
    struct dnn_output outputs[DETECTOR_OUTPUTS_MAX];
    void *own; /* of the kind */
};

/* Names all outputs of the network. ERR_INVALID: too many of them. */
err detector_name_outputs(struct detector *t, struct diag *d) CHECKED;
/* Runs what lies in t->input. */
err detector_forward(struct detector *t, struct diag *d) CHECKED;

/* The best of the classes that matter, and what its group is sure of; *label is SEEN_NOTHING when all are
 * below DETECTION_LEAST. */
float detector_best(const struct detector *t, const float *scores, enum seen_label *label);

/* Adds a box, given in pixels of the model's input, of which `used_w` × `used_h` show the part. When the list
 * is full the weakest makes room. */
void detector_add(struct detections *out, const struct image *m, struct rect part, float used_w, float used_h,
                  enum seen_label label, float score, struct area px);

#endif
