/* augment.h: a crop as another camera, another day, and a less exact motion detector would have given it. */
#ifndef CARDEA_LABS_AUGMENT_H
#define CARDEA_LABS_AUGMENT_H

#include "labs/crops.h"

/* The middle, as classifier_crop would have cut it: CLASSIFIER_SIDE² × 3. */
void augment_none(const struct crop *crop, uint8_t *rgb);

/* Turned about, shifted, scaled, brighter or darker, of other colours, grey, infra-red, unsharp, from a small
 * picture, noisy, partly covered. */
void augment_crop(const struct crop *crop, struct chance *chance, uint8_t *rgb);

#endif
