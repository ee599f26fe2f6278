/* source.h: what every source of media (RTSP, file, device) hands to the camera worker.
 *
 * Timestamps are the camera's media time in the track's clock, unwrapped to 64 bits; they are mended by the
 * source (never repeated or going back in decode order). Wall time is the worker's business (timeline.h).
 * Threads: one thread. */
#ifndef CARDEA_MEDIA_SOURCE_H
#define CARDEA_MEDIA_SOURCE_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/clock.h"

enum media_codec {
    MEDIA_CODEC_H264,
    MEDIA_CODEC_H265,
    MEDIA_CODEC_AAC,
    MEDIA_CODEC_OPUS,
    MEDIA_CODEC_PCMU,
    MEDIA_CODEC_PCMA,
};

#define MEDIA_TRACKS_MAX 2 /* one video, one audio */
#define MEDIA_SAMPLE_MAX_BYTES (6u << 20)
#define MEDIA_WIDTH_MAX 8192
#define MEDIA_HEIGHT_MAX 8192

struct media_track {
    enum media_codec codec;
    uint32_t clock_hz;      /* 90000 for video; 48000 for Opus; the sample rate for other sound */
    uint8_t channels;       /* 0 for video */
    uint16_t width, height; /* from the parameter sets; 0 for sound */
    /* H.264: avcC, H.265: hvcC (ISO/IEC 14496-15), AAC: AudioSpecificConfig (14496-3), else empty. Borrowed
     * for the call. */
    struct bytes config;
};

struct media_sample {
    uint8_t track; /* index into the tracks */
    bool key;      /* decoding can start here; true for sound */
    int64_t pts_ticks, dts_ticks;
    struct steady_us arrived; /* when its last byte came in */
    /* Video: NAL units with 4-byte lengths, without parameter sets and access unit delimiters. Borrowed for
     * the call. */
    struct bytes data;
};

/* What a source calls. An error from either ends the source with that error. */
struct media_sink {
    void *context;
    /* Before the first sample, and again (at a key frame) when codec, size or parameter sets change. */
    err (*tracks)(void *context, const struct media_track *tracks, size_t count, struct diag *d);
    err (*sample)(void *context, const struct media_sample *sample, struct diag *d);
    /* Packets that were lost or damaged since the last call; for the status line. */
    void (*lost)(void *context, uint64_t packets);
};

#endif
