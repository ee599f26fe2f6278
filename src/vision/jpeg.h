/* jpeg.h: pictures for people, and the owner's pictures of people (libjpeg-turbo).
 * Threads: no shared state. */
#ifndef CARDEA_VISION_JPEG_H
#define CARDEA_VISION_JPEG_H

#include "vision/image.h"

#define JPEG_SIDE_MAX IMAGE_SIDE_MAX /* of what is read */
#define JPEG_PIXELS_MAX (12u << 20)  /* as many as a phone's camera has */
#define JPEG_DECODED_SIDE 1280       /* larger ones are read at a half, a quarter or an eighth */
#define JPEG_SCANS_MAX 64            /* a progressive picture of a thousand scans takes hours */

/* A part of a picture, at most `longest` pixels long or wide, in at most `most` bytes: quality and then size
 * are lowered until it fits. Replaces *out. ERR_LIMIT: it does not fit. */
err jpeg_encode(const struct image *m, struct rect part, int longest, size_t most, struct blob *out,
                struct diag *d) CHECKED;

/* Reads a JPEG of a stranger's. *pixels owns what *out borrows.
 *   ERR_INVALID  not a JPEG that can be read      ERR_LIMIT  too large */
err jpeg_decode(struct bytes jpeg, struct blob *pixels, struct image *out, struct diag *d) CHECKED;

#endif
