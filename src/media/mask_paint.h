/* mask_paint.h: paints privacy masks over decoded pictures, in place.
 *
 * What is painted are whole blocks of 8 x 8 pixels: each that a polygon touches. A block that is black all
 * over codes to black without ripples, and nothing of the polygon's inside is left at its edge. Polygons are
 * filled by the nonzero rule, so that one that crosses itself has no holes. Threads: one. */
#ifndef CARDEA_MEDIA_MASK_PAINT_H
#define CARDEA_MEDIA_MASK_PAINT_H

#include "media/worker_message.h"

#define MASK_BLOCK_PIXELS 8

struct AVFrame;

/* Zero-initialised is empty and valid. */
struct mask_paint {
    int width, height; /* of the pictures that `blocks` fits */
    int columns, rows;
    struct blob blocks; /* 1: painted */
};
void mask_paint_clear(struct mask_paint *p);

/* Whether a picture of this pixel format can be painted: planar Y, Cb, Cr, or Y alone, of 8 bits. */
bool mask_paint_takes(int pixel_format);

/* The frame is writable, and the caller's alone. ERR_UNSUPPORTED: a pixel format that mask_paint_takes does
 * not take. ERR_NO_MEMORY. Either leaves the frame alone: it must not be used. */
err mask_paint(struct mask_paint *p, const struct worker_masks *masks, struct AVFrame *frame) CHECKED;

#endif
