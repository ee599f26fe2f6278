/* model.h: a detector as the command line of these programs names it:
 *     KIND WIDTH HEIGHT NAMES FILE...      NAMES: a file with a label on each line */
#ifndef CARDEA_RECOGNITION_MODEL_H
#define CARDEA_RECOGNITION_MODEL_H

#include "vision/detector.h"

#define MODEL_FILES_MAX 4
#define MODEL_FILE_MAX_BYTES (64u << 20)

struct model {
    struct vision_detector about;
    struct blob files[MODEL_FILES_MAX];
    struct detector *detector;
};
/* Zero-initialised. The detector is for the caller to free, or to hand on. */
err model_load(char **args, int count, struct model *out, struct diag *d) CHECKED;
void model_clear(struct model *m); /* not the detector */

#endif
