/* look.h: what a thing looks like, in 64 small numbers: its colours and where its edges point.
 *
 * The first half is a histogram of colour (4 × 4 of U and V) and of brightness (8, upper and lower part of
 * the box); the second the directions of the gradients (8) in the four quarters of the box, weighted by their
 * strength (Dalal and Triggs 2005, coarser). Each half is of the same length, so that the cosine of two looks
 * is the mean of the halves' cosines. It tells two people who cross from one another, and an empty place from
 * a parked car; it does not recognise anybody. Threads: no shared state. */
#ifndef CARDEA_VISION_LOOK_H
#define CARDEA_VISION_LOOK_H

#include "vision/image.h"

void look_of(const struct image *m, struct area box, int8_t out[VISION_LOOK_BYTES]);

/* -1 to 1; 0 when either is empty. */
float look_cosine(const int8_t a[VISION_LOOK_BYTES], const int8_t b[VISION_LOOK_BYTES]);

/* Moves *look a part of the way towards `fresh`. */
void look_blend(int8_t look[VISION_LOOK_BYTES], const int8_t fresh[VISION_LOOK_BYTES], float part);

#endif
