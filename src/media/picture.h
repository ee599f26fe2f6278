/* picture.h: a small JPEG of a key frame. The decoder lives only for that frame, so that an idle worker holds
 * no decoder. Threads: no shared state. */
#ifndef CARDEA_MEDIA_PICTURE_H
#define CARDEA_MEDIA_PICTURE_H

#include "media/source.h"

#define PICTURE_WIDTH 320 /* at most; the height follows */

struct AVFrame;
struct AVCodecContext;

/* Is shown the decoded picture, so that nobody has to decode it again. */
struct picture_viewer {
    void *context;
    void (*see)(void *context, const struct AVFrame *full);
};

/* Decodes one key frame of the track and appends its JPEG to *jpeg. `viewer` may be NULL.
 *   ERR_INVALID  the frame does not decode     ERR_UNSUPPORTED  no such decoder     ERR_NO_MEMORY */
err picture_make(const struct media_track *track, struct bytes key_frame, const struct picture_viewer *viewer,
                 struct blob *jpeg, struct diag *d) CHECKED;

/* A decoder of the track, on one thread. Quick: no loop filter, which a small picture does not show, and no
 * waiting for pictures that come out of order. */
enum picture_decoding { PICTURE_QUICK, PICTURE_WHOLE };
err picture_decoder_open(const struct media_track *track, enum picture_decoding decoding,
                         struct AVCodecContext **out, struct diag *d) CHECKED;

#endif
