#include "media/sound.h"

#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <stdlib.h>

#define PACKETS_IN_A_SECOND 50
#define GAP_MS 50
#define BITRATE_PER_CHANNEL 32000

struct sound {
    struct sound_sink sink;
    AVCodecContext *encoder;
    AVFrame *frame;
    AVPacket *packet;
    uint32_t hz;
    uint8_t channels;
    size_t packet_frames; /* of 20 ms */
    size_t filled;        /* frames that wait in `frame` */
    bool running;
    int64_t next_pts; /* of the first frame in `frame` when filled is 0, in 1/hz s */
};

void sound_free(struct sound *s) {
    if (!s) return;
    avcodec_free_context(&s->encoder);
    av_frame_free(&s->frame);
    av_packet_free(&s->packet);
    free(s);
}

static void sound_release(struct sound **s) {
    sound_free(*s);
}

static err open_encoder(struct sound *s, struct diag *d) {
    const AVCodec *codec = avcodec_find_encoder_by_name("libopus");
    if (!codec)
        return diag_fail(d, ERR_UNSUPPORTED, "this build of FFmpeg has no Opus encoder; sound is left out");
    s->encoder = avcodec_alloc_context3(codec);
    s->frame = av_frame_alloc();
    s->packet = av_packet_alloc();
    if (!s->encoder || !s->frame || !s->packet) return ERR_NO_MEMORY;
    AVCodecContext *c = s->encoder;
    c->sample_fmt = s->frame->format = AV_SAMPLE_FMT_S16;
    c->sample_rate = s->frame->sample_rate = (int)s->hz;
    c->time_base = (AVRational){1, (int)s->hz};
    c->bit_rate = BITRATE_PER_CHANNEL * s->channels;
    c->thread_count = 1;
    c->compression_level = 3;
    av_channel_layout_default(&c->ch_layout, s->channels);
    av_channel_layout_default(&s->frame->ch_layout, s->channels);
    av_opt_set(c->priv_data, "application", s->hz <= 16000 ? "voip" : "audio", 0);
    av_opt_set(c->priv_data, "frame_duration", "20", 0);
    s->frame->nb_samples = (int)s->packet_frames;
    if (avcodec_open2(c, codec, NULL) < 0 || av_frame_get_buffer(s->frame, 0) < 0)
        return diag_fail(d, ERR_UNSUPPORTED, "the Opus encoder takes no sound of %u Hz", s->hz);
    return ERR_OK;
}

err sound_new(uint32_t hz, uint8_t channels, const struct sound_sink *sink, struct sound **out,
              struct diag *d) {
    if ((hz != 8000 && hz != 12000 && hz != 16000 && hz != 24000 && hz != 48000) || channels < 1 ||
        channels > 2)
        return diag_fail(d, ERR_UNSUPPORTED, "sound of %u Hz and %u channels cannot be transcoded", hz,
                         channels);
    AUTO(sound_release) struct sound *s = calloc(1, sizeof *s);
    if (!s) return ERR_NO_MEMORY;
    s->sink = *sink;
    s->hz = hz;
    s->channels = channels;
    s->packet_frames = hz / PACKETS_IN_A_SECOND;
    err e = open_encoder(s, d);
    if (e) return e;
    *out = s;
    s = NULL;
    return ERR_OK;
}

static err encode(struct sound *s, struct diag *d) {
    s->frame->pts = s->next_pts;
    s->next_pts += (int64_t)s->packet_frames;
    s->filled = 0;
    if (avcodec_send_frame(s->encoder, s->frame) < 0) return diag_fail(d, ERR_IO, "the Opus encoder failed");
    /* The encoder may keep a reference; write into memory of our own next time. */
    if (av_frame_make_writable(s->frame) < 0) return ERR_NO_MEMORY;
    while (avcodec_receive_packet(s->encoder, s->packet) >= 0) {
        int64_t scale = SOUND_OUT_HZ / s->hz;
        /* The encoder's look-ahead is taken out of pts, so that sound stays with the picture. */
        err e = s->sink.packet(s->sink.context, s->packet->pts * scale,
                               (uint32_t)(s->packet_frames * (size_t)scale),
                               BYTES(s->packet->data, (size_t)s->packet->size), d);
        av_packet_unref(s->packet);
        if (e) return e;
    }
    return ERR_OK;
}

err sound_feed(struct sound *s, int64_t pts, const int16_t *pcm, size_t frames, struct diag *d) {
    int64_t expected = s->next_pts + (int64_t)s->filled, gap = pts - expected,
            limit = (int64_t)s->hz * GAP_MS / 1000;
    if (!s->running || gap > limit || gap < -limit) {
        s->running = true;
        s->filled = 0;
        s->next_pts = pts;
    }
    while (frames) {
        size_t n = s->packet_frames - s->filled;
        if (n > frames) n = frames;
        size_t width = sizeof(int16_t) * s->channels;
        memcpy(s->frame->data[0] + s->filled * width, pcm, n * width);
        s->filled += n;
        pcm += n * s->channels;
        frames -= n;
        if (s->filled < s->packet_frames) break;
        err e = encode(s, d);
        if (e) return e;
    }
    return ERR_OK;
}

/* ITU-T G.711: a sign, a segment of 3 bits that doubles the step, and 4 bits within it. */
static int16_t a_law_sample(uint8_t byte) {
    unsigned v = byte ^ 0x55u, segment = v >> 4 & 7;
    int magnitude = (int)(v & 15) << 4 | 8;
    if (segment) magnitude = (magnitude + 0x100) << (segment - 1);
    return (int16_t)(v & 0x80 ? magnitude : -magnitude);
}

static int16_t mu_law_sample(uint8_t byte) {
    unsigned v = ~(unsigned)byte & 255u;
    int magnitude = (((int)(v & 15) << 3 | 0x84) << (v >> 4 & 7)) - 0x84;
    return (int16_t)(v & 0x80 ? -magnitude : magnitude);
}

err sound_feed_g711(struct sound *s, bool a_law, int64_t pts, struct bytes data, struct diag *d) {
    int16_t pcm[1024];
    size_t step = sizeof pcm / sizeof *pcm;
    for (size_t at = 0; at < data.len; at += step) {
        size_t n = data.len - at < step ? data.len - at : step;
        for (size_t i = 0; i < n; i++)
            pcm[i] = a_law ? a_law_sample(data.data[at + i]) : mu_law_sample(data.data[at + i]);
        err e = sound_feed(s, pts + (int64_t)(at / s->channels), pcm, n / s->channels, d);
        if (e) return e;
    }
    return ERR_OK;
}

uint32_t opus_packet_duration(struct bytes packet) {
    if (packet.len == 0) return 0;
    static const uint16_t silk[4] = {480, 960, 1920, 2880}, celt[4] = {120, 240, 480, 960};
    unsigned config = packet.data[0] >> 3, code = packet.data[0] & 3;
    uint32_t frame = config < 12   ? silk[config & 3]
                     : config < 16 ? (config & 1 ? 960u : 480u)
                                   : celt[config & 3];
    uint32_t count = code == 0 ? 1 : code < 3 ? 2 : packet.len > 1 ? packet.data[1] & 63u : 0;
    return frame * count <= 5760 ? frame * count : 0; /* at most 120 ms */
}
