/* sound.h: turns PCM and G.711 into Opus (RFC 6716), in packets of 20 ms.
 *
 * Opus, since it takes 8 kHz as it is, and every browser plays it in MP4. Threads: one at a time. */
#ifndef CARDEA_MEDIA_SOUND_H
#define CARDEA_MEDIA_SOUND_H

#include "media/source.h"

#define SOUND_OUT_HZ 48000

struct sound;

struct sound_sink {
    void *context;
    /* An Opus packet; pts and duration in 1/48000 s. */
    err (*packet)(void *context, int64_t pts, uint32_t duration, struct bytes data, struct diag *d);
};

/* `hz` is 8000, 12000, 16000, 24000 or 48000, channels 1 or 2. ERR_UNSUPPORTED otherwise, or when libavcodec
 * has no Opus. */
err sound_new(uint32_t hz, uint8_t channels, const struct sound_sink *sink, struct sound **out,
              struct diag *d) CHECKED;
void sound_free(struct sound *s);

/* Interleaved samples, `frames` of them, the first at pts (in 1/hz s). A gap of more than 50 ms against what
 * came before starts a new run of packets at its own time. Errors: the sink's, ERR_IO from the encoder. */
err sound_feed(struct sound *s, int64_t pts, const int16_t *pcm, size_t frames, struct diag *d) CHECKED;

/* One byte is one sample (ITU-T G.711); `pts` in 1/8000 s or whatever hz is. */
err sound_feed_g711(struct sound *s, bool a_law, int64_t pts, struct bytes data, struct diag *d) CHECKED;

/* How long an Opus packet lasts, in 1/48000 s, by its first bytes (RFC 6716 section 3.1); 0 when it is
 * malformed. */
uint32_t opus_packet_duration(struct bytes packet);

#endif
