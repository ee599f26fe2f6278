/* frame_scaler.h: makes frames for recognition (docs/seeing.md) of decoded pictures: I420 of limited range
 * (ITU-R BT.601 and BT.709 section 3.4: 16 to 235), scaled down to at most 1280 x 720, even in both
 * directions. Threads: one. */
#ifndef CARDEA_MEDIA_FRAME_SCALER_H
#define CARDEA_MEDIA_FRAME_SCALER_H

#include "media/worker_message.h"

struct AVFrame;
struct SwsContext;

/* Zero-initialised is ready; keeps what it learnt of the last picture's size and format. */
struct frame_scaler {
    struct SwsContext *context;
};
void frame_scaler_clear(struct frame_scaler *s);

/* Appends the whole message. Of *head, wall, flags and regions are taken; sizes are filled in.
 *   ERR_UNSUPPORTED  a pixel format that cannot be converted      ERR_INVALID  a picture of less than 2 x 2
 */
err frame_scaler_append(struct frame_scaler *s, const struct AVFrame *picture, struct worker_frame *head,
                        struct blob *out, struct diag *d) CHECKED;

/* The size of a frame for a picture of this size. */
void frame_scaler_fit(int width, int height, uint16_t *out_width, uint16_t *out_height);

#endif
