/* sharpness.h: how sharp a part of a picture is. Threads: no shared state. */
#ifndef CARDEA_VISION_SHARPNESS_H
#define CARDEA_VISION_SHARPNESS_H

#include "vision/image.h"

/* The variance of the Laplacian of the luma (Pech-Pacheco et al. 2000). */
float sharpness(const struct image *m, struct rect r);
/* The same of plain grey, rows of `stride`. */
float sharpness_grey(const uint8_t *grey, int width, int height, int stride);

#endif
