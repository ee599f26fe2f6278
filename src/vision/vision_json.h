/* vision_json.h: pieces of JSON messages, for vision_message.c and vision_sightings.c alone. */
#ifndef CARDEA_VISION_VISION_JSON_H
#define CARDEA_VISION_VISION_JSON_H

#include "vision/vision_message.h"

/* Takes a number of [min, max], which may have a fraction, out of the object; json_read knows whole numbers
 * only. An absent one is an error if `required`, and else leaves *out alone. */
err vision_take_number(json_t *object, const char *name, bool required, double min, double max, double *out,
                       struct diag *d) CHECKED;

/* Takes the object, which may be NULL when there was no memory for it. */
err vision_append_json(struct blob *out, json_t *object) CHECKED;
err vision_append_json_message(struct blob *out, enum vision_type type, json_t *object) CHECKED;

/* Copies text that json_read has found to be short enough. */
void vision_copy_text(char *out, size_t size, const char *text);

/* Wall times outside of the slots' range (to the year 2106) are nobody's clock. */
err vision_read_wall(struct reader *r, struct wall_us *out, struct diag *d) CHECKED;

#define VISION_WALL_END (INT64_C(1000000) << 32)

#endif
