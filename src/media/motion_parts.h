/* motion_parts.h: from changed places to regions that move (the last part of motion_model.h). Threads: one.
 */
#ifndef CARDEA_MEDIA_MOTION_PARTS_H
#define CARDEA_MEDIA_MOTION_PARTS_H

#include "media/motion_model.h"

/* `found`: 0, 1 (unsure) or 2 for each place. Fills m->mask with what remains, follows the parts of it from
 * look to look, and writes score and regions. */
void motion_parts_find(struct motion_model *m, const uint8_t found[MODEL_PLACES],
                       const struct model_picture *p, struct worker_motion *out);

#endif
