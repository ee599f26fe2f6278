#include "media/masker.h"

#include <libavcodec/avcodec.h>
#include <libswscale/swscale.h>
#include <stdlib.h>

#include "media/mask_paint.h"
#include "media/picture.h"
#include "media/video_encoder.h"

#define KEY_TICKS (2 * 90000)
#define CRF 22            /* what is lost by coding twice should not show */
#define RATE_LEAST 500000 /* bits in a second: a still scene's rate must not choke what comes after it */
#define RATE_TICKS (4 * 90000)
#define FPS 25 /* frames tell their own times; this is for the encoder's plans only */

struct masker {
    struct worker_masks masks;
    struct mask_paint paint;
    const struct media_sink *target;
    struct media_sink sink, encoded; /* encoded: what the encoder calls */
    struct media_track tracks[MEDIA_TRACKS_MAX];
    struct blob configs[MEDIA_TRACKS_MAX];
    size_t count, video;
    bool announced; /* the target knows the tracks */
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *frame, *converted;
    struct SwsContext *scaler;
    struct video_encoder *encoder;
    bool started;
    int64_t last_pts, key_pts, rate_pts, rate_bytes;
};

void masker_free(struct masker *m) {
    if (!m) return;
    for (size_t i = 0; i < MEDIA_TRACKS_MAX; i++) blob_clear(&m->configs[i]);
    mask_paint_clear(&m->paint);
    avcodec_free_context(&m->decoder);
    av_packet_free(&m->packet);
    av_frame_free(&m->frame);
    av_frame_free(&m->converted);
    sws_freeContext(m->scaler);
    video_encoder_free(m->encoder);
    free(m);
}

const struct media_sink *masker_sink(const struct masker *m) {
    return &m->sink;
}

/* --- From the encoder to the target --- */

static err tell_tracks(void *context, const struct media_track *video, struct diag *d) {
    struct masker *m = context;
    struct media_track tracks[MEDIA_TRACKS_MAX];
    memcpy(tracks, m->tracks, sizeof tracks);
    tracks[m->video] = *video;
    m->announced = true;
    return m->target->tracks(m->target->context, tracks, m->count, d);
}

static err pass_sample(void *context, const struct media_sample *s, struct diag *d) {
    struct masker *m = context;
    return m->announced ? m->target->sample(m->target->context, s, d) : ERR_OK;
}

/* --- Pictures --- */

/* A picture that is ours alone and can be painted: the decoder still predicts from its own. */
static err own_picture(struct masker *m, AVFrame **out, struct diag *d) {
    if (mask_paint_takes(m->frame->format)) {
        *out = m->frame;
        return av_frame_make_writable(m->frame) < 0 ? ERR_NO_MEMORY : ERR_OK;
    }
    AVFrame *to = m->converted;
    av_frame_unref(to);
    to->format = AV_PIX_FMT_YUV420P;
    to->width = m->frame->width;
    to->height = m->frame->height;
    if (av_frame_get_buffer(to, 0) < 0) return ERR_NO_MEMORY;
    m->scaler = sws_getCachedContext(m->scaler, m->frame->width, m->frame->height,
                                     (enum AVPixelFormat)m->frame->format, to->width, to->height,
                                     AV_PIX_FMT_YUV420P, SWS_BILINEAR, NULL, NULL, NULL);
    if (!m->scaler) return diag_fail(d, ERR_UNSUPPORTED, "the camera's pixel format cannot be masked");
    sws_scale(m->scaler, (const uint8_t *const *)m->frame->data, m->frame->linesize, 0, m->frame->height,
              to->data, to->linesize);
    *out = to;
    return ERR_OK;
}

static err mask_picture(struct masker *m, struct steady_us arrived, struct diag *d) {
    int64_t pts = m->frame->best_effort_timestamp;
    if (m->started && pts <= m->last_pts) return ERR_OK;
    AVFrame *picture = NULL;
    err e = own_picture(m, &picture, d);
    if (!e) e = mask_paint(&m->paint, &m->masks, picture);
    if (e) return d->text[0] ? e : diag_fail(d, e, "a picture could not be masked: %s", err_text(e));
    if (!m->started || m->frame->pict_type == AV_PICTURE_TYPE_I || pts - m->key_pts >= KEY_TICKS) {
        video_encoder_key(m->encoder);
        m->key_pts = pts;
    }
    m->started = true;
    m->last_pts = pts;
    const struct video_encoder_tracks tracks = {m, tell_tracks};
    return video_encoder_frame(m->encoder, picture, pts, arrived, &tracks, d);
}

/* As much as the source takes, so that storage and upload stay what the owner set the camera to. */
static void follow_rate(struct masker *m, const struct media_sample *s) {
    int64_t ticks = s->dts_ticks - m->rate_pts;
    m->rate_bytes += (int64_t)s->data.len;
    if (!s->key || (m->rate_pts && ticks < RATE_TICKS)) return;
    if (m->rate_pts) {
        int64_t rate = m->rate_bytes * 8 * 90000 / ticks;
        video_encoder_limit(m->encoder, rate > RATE_LEAST ? rate : RATE_LEAST);
    }
    m->rate_pts = s->dts_ticks;
    m->rate_bytes = 0;
}

static err take_picture(struct masker *m, const struct media_sample *s, struct diag *d) {
    follow_rate(m, s);
    if (av_new_packet(m->packet, (int)s->data.len) < 0) return ERR_NO_MEMORY;
    memcpy(m->packet->data, s->data.data, s->data.len);
    m->packet->pts = s->pts_ticks;
    m->packet->dts = s->dts_ticks;
    m->packet->flags = s->key ? AV_PKT_FLAG_KEY : 0;
    int failed = avcodec_send_packet(m->decoder, m->packet);
    av_packet_unref(m->packet);
    err e = ERR_OK;
    while (!failed && !e && avcodec_receive_frame(m->decoder, m->frame) >= 0) {
        e = mask_picture(m, s->arrived, d);
        av_frame_unref(m->frame);
    }
    return e; /* a frame that does not decode is left out */
}

/* --- From the source --- */

static err take_sample(void *context, const struct media_sample *s, struct diag *d) {
    struct masker *m = context;
    if (s->track >= m->count || s->data.len == 0 || s->data.len > MEDIA_SAMPLE_MAX_BYTES) return ERR_OK;
    return s->track == m->video ? take_picture(m, s, d) : pass_sample(m, s, d);
}

static err take_tracks(void *context, const struct media_track *tracks, size_t count, struct diag *d) {
    struct masker *m = context;
    m->announced = m->started = false;
    m->count = count < MEDIA_TRACKS_MAX ? count : MEDIA_TRACKS_MAX;
    m->video = MEDIA_TRACKS_MAX;
    m->rate_pts = m->rate_bytes = 0;
    for (size_t i = 0; i < m->count; i++) {
        m->tracks[i] = tracks[i];
        m->configs[i].len = 0;
        err e = blob_append(&m->configs[i], tracks[i].config);
        if (e) return e;
        m->tracks[i].config = blob_bytes(&m->configs[i]);
        bool video = tracks[i].codec == MEDIA_CODEC_H264 || tracks[i].codec == MEDIA_CODEC_H265;
        if (video && m->video == MEDIA_TRACKS_MAX) m->video = i;
    }
    if (m->video == MEDIA_TRACKS_MAX)
        return diag_fail(d, ERR_UNSUPPORTED, "the camera sends no video that can be recorded");
    avcodec_free_context(&m->decoder);
    video_encoder_free(m->encoder);
    m->encoder = NULL;
    err e = picture_decoder_open(&m->tracks[m->video], PICTURE_WHOLE, &m->decoder, d);
    if (!e) e = video_encoder_new(&m->encoded, (uint8_t)m->video, FPS, &m->encoder, d);
    if (!e) video_encoder_quality(m->encoder, CRF);
    return e;
}

static void count_lost(void *context, uint64_t packets) {
    const struct masker *m = context;
    m->target->lost(m->target->context, packets);
}

err masker_new(const struct worker_masks *masks, const struct media_sink *target, struct masker **out,
               struct diag *d) {
    struct masker *m = calloc(1, sizeof *m);
    if (m) {
        m->packet = av_packet_alloc();
        m->frame = av_frame_alloc();
        m->converted = av_frame_alloc();
    }
    if (!m || !m->packet || !m->frame || !m->converted) {
        masker_free(m);
        return diag_fail(d, ERR_NO_MEMORY, "no memory to mask pictures");
    }
    m->masks = *masks;
    m->target = target;
    m->sink = (struct media_sink){m, take_tracks, take_sample, count_lost};
    m->encoded = (struct media_sink){m, NULL, pass_sample, NULL};
    *out = m;
    return ERR_OK;
}
