/* fmp4.h: writes fragmented MP4 (ISO/IEC 14496-12, -14, -15; Opus: RFC 8486's companion "Encapsulation of
 * Opus in ISO Base Media File Format") the way Media Source Extensions take it.
 *
 * Absolute time: a fragment's tfdt is the wall time of its first sample in the track's time scale
 * (docs/formats.md), as 64 bits; there is no edit list and no movie duration. A sample's duration is written
 * before the next sample is known, so it is an estimate (fmp4_pace below); **the next fragment's tfdt
 * rules**, and readers that need lengths take differences of tfdt. Threads: no shared state. */
#ifndef CARDEA_MEDIA_FMP4_H
#define CARDEA_MEDIA_FMP4_H

#include "base/bytes.h"
#include "base/clock.h"
#include "media/source.h"

#define FMP4_CODEC_TEXT_BYTES 40
#define FMP4_CONFIG_MAX_BYTES 8192u

/* RFC 6381 / ISO 14496-15 annex E: "avc1.640028", "hvc1.1.6.L93.B0", "mp4a.40.2", "opus".
 * ERR_INVALID: the track's config is no avcC, hvcC or AudioSpecificConfig. ERR_UNSUPPORTED: G.711 does not go
 * into MP4. */
err fmp4_codec_text(const struct media_track *t, char out[FMP4_CODEC_TEXT_BYTES], struct diag *d) CHECKED;

/* Appends ftyp and moov. Track ids are index + 1. Same errors, and ERR_LIMIT for sizes that no camera has. */
err fmp4_init_append(struct blob *out, const struct media_track *tracks, size_t count,
                     struct diag *d) CHECKED;

struct fmp4_sample {
    uint32_t bytes, duration;
    int32_t composition_offset; /* pts - dts */
    bool key;
};
#define FMP4_SAMPLES_MAX 64

/* Appends moof and mdat of one track's samples, whose bytes follow each other in `data`. */
err fmp4_fragment_append(struct blob *out, uint32_t sequence, uint32_t track_id, uint64_t decode_time,
                         const struct fmp4_sample *samples, size_t count, struct bytes data) CHECKED;

/* A wall time in a time scale, exactly rounded down; and back. */
uint64_t fmp4_time(struct wall_us t, uint32_t clock_hz);

/* The duration to write for a frame whose successor is not known.
 *
 * Players' rules decide it. MSE takes a step of more than twice the last duration for a loss and drops frames
 * up to the next key frame, while a duration that is too long does no harm inside a run of fragments. So: the
 * longest of the last few steps, which is exact for a camera of constant rate, covers jitter, and follows a
 * rate that falls (at night) within one frame. Steps over a second are pauses, not rates. */
struct fmp4_pace {
    uint32_t steps[8];
    unsigned next, count;
};
void fmp4_pace_step(struct fmp4_pace *p, int64_t ticks, uint32_t clock_hz);
int64_t fmp4_pace_mean(const struct fmp4_pace *p); /* of the same steps; 0 before there are some */
uint32_t fmp4_pace_duration(const struct fmp4_pace *p, uint32_t clock_hz);

#endif
