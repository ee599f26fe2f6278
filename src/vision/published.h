/* published.h: the models that the project knows: what they are, and the hash of each of their files.
 * Compiled in, so that nothing but a new program changes them. Threads: constants. */
#ifndef CARDEA_VISION_PUBLISHED_H
#define CARDEA_VISION_PUBLISHED_H

#include "vision/vision_message.h"

#define PUBLISHED_FILES_MAX 2
#define PUBLISHED_FACES "faces" /* the name under which the two models for faces are fetched */

struct published_file {
    const char *name, *folder; /* folder: in a folder of published weights */
    uint32_t bytes;
    const char *sha256;
    const char *address; /* NULL: a conversion of published weights, which has no address of its own */
};

struct published_model {
    const char *name;
    enum vision_kind kind;
    uint16_t side;
    const char *licence, *origin, *lineage;
    uint32_t ms; /* for one part, on one core of a server: to compare, not to promise */
    size_t file_count;
    struct published_file files[PUBLISHED_FILES_MAX];
};

/* In the order of preference; ends with a NULL name. */
extern const struct published_model published_models[];
extern const struct published_model published_faces; /* the detector's file, then the embedder's */

/* NULL: there is none. PUBLISHED_FACES is one, too. */
const struct published_model *published_find(const char *name);

/* All of what a detector's config says; its labels are those of COCO, which all published models have. */
void published_detector(const struct published_model *p, struct vision_detector *out);

#endif
