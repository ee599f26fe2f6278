/* image.h: views of decoded pictures, and samples of a part of one at another size.
 *
 * I420 with video levels (BT.601), as the camera worker hands frames over; bilinear, by our own code, since
 * it is a few loops and OpenCV would want the picture converted first. Threads: no shared state. */
#ifndef CARDEA_VISION_IMAGE_H
#define CARDEA_VISION_IMAGE_H

#include "vision/area.h"

#define IMAGE_SIDE_MAX 4096   /* of a picture */
#define IMAGE_SAMPLE_MAX 1280 /* of either side of what is sampled from it */

/* Borrows the planes. Width and height are even and at least 2. */
struct image {
    const uint8_t *y, *u, *v;
    int width, height;
};
struct image image_i420(const uint8_t *data, int width, int height);

/* In pixels, inside the picture; not empty. */
struct rect {
    int x, y, w, h;
};
/* The pixels that an area covers, at least 2 × 2 of them. */
struct rect image_rect(const struct image *m, struct area a);

/* How a model wants its colours: value = (colour - mean[c]) * scale[c], one plane for each channel. */
struct image_levels {
    bool bgr;
    float mean[3], scale[3]; /* in the order of the planes */
};

/* `out`: three planes of out_h rows of `stride` floats, of which out_w are written. */
void image_planes(const struct image *m, struct rect r, int out_w, int out_h,
                  const struct image_levels *levels, float *out, size_t plane, size_t stride);

/* out_w × out_h × 3 bytes, RGB. */
void image_rgb(const struct image *m, struct rect r, int out_w, int out_h, uint8_t *out);

#endif
