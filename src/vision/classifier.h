/* classifier.h: the built-in classifier of motion crops: is what moved a person, a vehicle, an animal, or
 * nothing? What looks when no detector's weights are there. A small convolutional network in plain C, whose
 * weights are our own (src/labs trains them, data/models/motion-classifier.bin holds them). It says what a
 * crop shows, not where in it.
 *
 * The weights file, numbers big-endian:
 *
 *     "CRDC" | version 1 (1) | side (1) | classes (1) | layers (1) | about length (4) | about: JSON
 *     | { kind (1) | kernel (1) | stride (1) | 0 (1) | inputs (2) | outputs (2) } * layers
 *     | { weights: IEEE 754 half, outputs × kernel × kernel × inputs; biases: half, outputs } * layers
 *     | SHA-256 of everything before it (32)
 *
 * Kinds: 1 convolution with kernel/2 zeros around the picture, then max(x, 0) · 2 mean over the picture,
 * kernel 0, no weights · 3 fully connected, kernel 1, no max. The last layer is of kind 3, the one before it
 * of kind 2, the others of kind 1; each takes what the one before it gives, and the first takes the crop's 3
 * colours, 0..255 as (v - 128) / 64. The file comes from whoever gives a model: what does not fit is refused.
 * Threads: a loaded classifier is read only; many may run it. */
#ifndef CARDEA_VISION_CLASSIFIER_H
#define CARDEA_VISION_CLASSIFIER_H

#include "base/bytes.h"

#define CLASSIFIER_SIDE 48
#define CLASSIFIER_FILE_MAX_BYTES (1u << 20)
#define CLASSIFIER_ABOUT_MAX_BYTES (16u << 10)
#define CLASSIFIER_LAYERS_MAX 16
#define CLASSIFIER_CHANNELS_MAX 256
#define CLASSIFIER_WORK_MAX 20000000u /* multiplications for a crop */
#define CLASSIFIER_VALUES_MAX 16384u  /* what a layer gives; two such stand on the stack */

enum classifier_class {
    CLASSIFIER_NOTHING,
    CLASSIFIER_PERSON,
    CLASSIFIER_VEHICLE,
    CLASSIFIER_ANIMAL,
    CLASSIFIER_CLASSES,
};
const char *classifier_class_text(enum classifier_class c);

enum classifier_kind { CLASSIFIER_CONVOLUTION = 1, CLASSIFIER_MEAN = 2, CLASSIFIER_CONNECTED = 3 };

struct classifier_layer {
    enum classifier_kind kind;
    uint8_t kernel, stride; /* 1 or 3; 1 or 2 */
    uint16_t inputs, outputs;
};

struct classifier;

/* `weights` is borrowed for the call.
 *   ERR_INVALID      malformed, or a hash that does not fit
 *   ERR_UNSUPPORTED  another version, side or number of classes
 *   ERR_LIMIT        larger than a limit above */
err classifier_load(struct bytes weights, struct classifier **out, struct diag *d) CHECKED;
void classifier_free(struct classifier *c);
void classifier_release(struct classifier **c); /* for AUTO */

/* The JSON of the file: name, lineage, figures. Borrowed from c. */
struct bytes classifier_about(const struct classifier *c);

/* `rgb` is CLASSIFIER_SIDE² × 3 bytes, row by row. Scores are from 0 to 1 and add up to 1. */
void classifier_run(const struct classifier *c, const uint8_t *rgb, float scores[CLASSIFIER_CLASSES]);

/* A picture to cut from: red, green and blue are the first of each pixel's bytes. */
struct classifier_picture {
    const uint8_t *rgb;
    int width, height;
    int pixel;     /* bytes from pixel to pixel: 3, or 4 */
    size_t stride; /* bytes from row to row */
};

/* Cuts what is to be classified: the square around the middle of the place (in pixels) whose side is
 * CLASSIFIER_MARGIN of its longer side, scaled to `side`. Outside the picture its edge goes on. The trainer
 * cuts with this too, so both see the same. */
#define CLASSIFIER_MARGIN 1.25f
void classifier_crop(const struct classifier_picture *p, float x, float y, float w, float h, int side,
                     uint8_t *out);
/* The same for a square given by its middle and side. */
void classifier_cut(const struct classifier_picture *p, float middle_x, float middle_y, float span, int side,
                    uint8_t *out);

#endif
