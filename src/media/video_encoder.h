/* video_encoder.h: makes H.264 of decoded pictures, for files and devices whose own coding browsers do not
 * play. Threads: one at a time. */
#ifndef CARDEA_MEDIA_VIDEO_ENCODER_H
#define CARDEA_MEDIA_VIDEO_ENCODER_H

#include "media/source.h"

struct AVFrame;
struct video_encoder;

/* *sink is borrowed until video_encoder_free; track is the samples' index. */
err video_encoder_new(const struct media_sink *sink, uint8_t track, double fps, struct video_encoder **out,
                      struct diag *d) CHECKED;
void video_encoder_free(struct video_encoder *v);

/* x264's constant rate factor, 26 if this is not called; before the first frame. */
void video_encoder_quality(struct video_encoder *v, int crf);
/* At most so many bits in a second, from the next frame on. */
void video_encoder_limit(struct video_encoder *v, int64_t bits_s);
/* The next frame is a key frame. */
void video_encoder_key(struct video_encoder *v);

/* Encodes a frame of any size and pixel format at pts (90 kHz, rising). Opens the encoder with the first
 * frame, and anew when size or format change. `tracks` is the caller's: it is called with the picture's track
 * first, whenever that changes. ERR_UNSUPPORTED  no H.264 encoder, or a pixel format that cannot be converted
 *   or what the sink returned */
struct video_encoder_tracks {
    void *context;
    err (*tracks)(void *context, const struct media_track *video, struct diag *d);
};
err video_encoder_frame(struct video_encoder *v, struct AVFrame *frame, int64_t pts_90k,
                        struct steady_us arrived, const struct video_encoder_tracks *tracks,
                        struct diag *d) CHECKED;

#endif
