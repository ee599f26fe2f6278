#include "media/video_encoder.h"

#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
#include <stdlib.h>

#define KEY_INTERVAL_S 2
#define BITS_PER_PIXEL 0.08
#define BITRATE_LEAST 400000
#define CRF 26

struct video_encoder {
    const struct media_sink *sink;
    uint8_t track;
    double fps;
    AVCodecContext *encoder;
    AVFrame *converted;
    AVPacket *packet;
    struct SwsContext *scaler;
    int width, height, format; /* of the frames that come in */
    struct blob sps, pps, config, sample;
    bool config_changed, key_next;
    int crf;
    int64_t limit; /* bits in a second; 0: by the picture's size */
};

static void close_encoder(struct video_encoder *v) {
    avcodec_free_context(&v->encoder);
    av_frame_free(&v->converted);
    sws_freeContext(v->scaler);
    v->scaler = NULL;
}

void video_encoder_free(struct video_encoder *v) {
    if (!v) return;
    close_encoder(v);
    av_packet_free(&v->packet);
    blob_clear(&v->sps);
    blob_clear(&v->pps);
    blob_clear(&v->config);
    blob_clear(&v->sample);
    free(v);
}

err video_encoder_new(const struct media_sink *sink, uint8_t track, double fps, struct video_encoder **out,
                      struct diag *d) {
    struct video_encoder *v = calloc(1, sizeof *v);
    AVPacket *packet = av_packet_alloc();
    if (!v || !packet) {
        av_packet_free(&packet);
        free(v);
        return diag_fail(d, ERR_NO_MEMORY, "no memory for an encoder");
    }
    v->sink = sink;
    v->track = track;
    v->fps = fps >= 1 && fps <= 120 ? fps : 25;
    v->packet = packet;
    v->crf = CRF;
    *out = v;
    return ERR_OK;
}

static err open_scaler(struct video_encoder *v, const AVFrame *frame, struct diag *d) {
    if (frame->format == AV_PIX_FMT_YUV420P && frame->width % 2 == 0 && frame->height % 2 == 0) return ERR_OK;
    v->converted = av_frame_alloc();
    if (!v->converted) return ERR_NO_MEMORY;
    v->converted->format = AV_PIX_FMT_YUV420P;
    v->converted->width = frame->width & ~1;
    v->converted->height = frame->height & ~1;
    if (av_frame_get_buffer(v->converted, 0) < 0) return ERR_NO_MEMORY;
    v->scaler =
        sws_getContext(frame->width, frame->height, (enum AVPixelFormat)frame->format, v->converted->width,
                       v->converted->height, AV_PIX_FMT_YUV420P, SWS_BILINEAR, NULL, NULL, NULL);
    if (!v->scaler) return diag_fail(d, ERR_UNSUPPORTED, "the picture's pixel format cannot be converted");
    return ERR_OK;
}

static void set_limit(AVCodecContext *c, int64_t bits_s) {
    c->rc_max_rate = bits_s < INT32_MAX / 2 ? bits_s : INT32_MAX / 2;
    c->rc_buffer_size = (int)(2 * c->rc_max_rate);
}

void video_encoder_quality(struct video_encoder *v, int crf) {
    v->crf = crf;
}

void video_encoder_limit(struct video_encoder *v, int64_t bits_s) {
    v->limit = bits_s;
    if (v->encoder) set_limit(v->encoder, bits_s); /* libx264 takes over what has changed with each frame */
}

void video_encoder_key(struct video_encoder *v) {
    v->key_next = true;
}

static err open_encoder(struct video_encoder *v, const AVFrame *frame, struct diag *d) {
    close_encoder(v);
    v->width = frame->width;
    v->height = frame->height;
    v->format = frame->format;
    if (frame->width < 16 || frame->height < 16 || frame->width > MEDIA_WIDTH_MAX ||
        frame->height > MEDIA_HEIGHT_MAX)
        return diag_fail(d, ERR_LIMIT, "a picture of %d x %d cannot be recorded", frame->width,
                         frame->height);
    err e = open_scaler(v, frame, d);
    if (e) return e;
    const AVCodec *codec = avcodec_find_encoder_by_name("libx264");
    if (!codec) return diag_fail(d, ERR_UNSUPPORTED, "this build of FFmpeg has no H.264 encoder (libx264)");
    AVCodecContext *c = v->encoder = avcodec_alloc_context3(codec);
    if (!c) return ERR_NO_MEMORY;
    c->width = frame->width & ~1;
    c->height = frame->height & ~1;
    c->pix_fmt = AV_PIX_FMT_YUV420P;
    c->time_base = (AVRational){1, 90000};
    c->framerate = av_d2q(v->fps, 1000);
    c->gop_size = (int)(v->fps * KEY_INTERVAL_S + 0.5);
    c->thread_count = 1;
    c->max_b_frames = 0;
    bool full = frame->format == AV_PIX_FMT_YUVJ420P || frame->format == AV_PIX_FMT_YUVJ422P ||
                frame->format == AV_PIX_FMT_YUVJ444P;
    c->color_range = full ? AVCOL_RANGE_MPEG : frame->color_range; /* the scaler makes it limited */
    c->colorspace = frame->colorspace;
    c->color_primaries = frame->color_primaries;
    c->color_trc = frame->color_trc;
    int64_t bitrate = (int64_t)(BITS_PER_PIXEL * c->width * c->height * v->fps);
    set_limit(c, v->limit ? v->limit : bitrate > BITRATE_LEAST ? bitrate : BITRATE_LEAST);
    av_opt_set(c->priv_data, "preset", "veryfast", 0);
    av_opt_set(c->priv_data, "tune", "zerolatency", 0);
    av_opt_set_double(c->priv_data, "crf", v->crf, 0);
    av_opt_set(c->priv_data, "forced-idr", "1", 0);
    if (avcodec_open2(c, codec, NULL) < 0)
        return diag_fail(d, ERR_UNSUPPORTED, "the H.264 encoder did not start");
    return ERR_OK;
}

/* The next NAL unit of an Annex B stream, without its start code. */
static bool next_nal(struct bytes *rest, struct bytes *nal) {
    const uint8_t *p = rest->data, *end = p + rest->len;
    while (p + 3 <= end && !(p[0] == 0 && p[1] == 0 && p[2] == 1)) p++;
    if (p + 3 >= end) return false;
    const uint8_t *start = p + 3, *stop = start;
    while (stop + 3 <= end && !(stop[0] == 0 && stop[1] == 0 && stop[2] <= 1)) stop++;
    if (stop + 3 > end) stop = end;
    *nal = BYTES(start, (size_t)(stop - start));
    *rest = BYTES(stop, (size_t)(end - stop));
    return true;
}

/* Replaces a parameter set if it is another one. */
static err take_set(struct video_encoder *v, struct blob *set, struct bytes nal) {
    if (bytes_equal(blob_bytes(set), nal)) return ERR_OK;
    v->config_changed = true;
    set->len = 0;
    return blob_append(set, nal);
}

/* avcC (ISO/IEC 14496-15 section 5.3.3.1) of the one SPS and one PPS that our own encoder makes: 4:2:0, 8
 * bits. */
static err write_config(struct video_encoder *v) {
    const uint8_t *sps = v->sps.data;
    const uint8_t head[] = {
        1, sps[1], sps[2], sps[3], 0xff, 0xe1, (uint8_t)(v->sps.len >> 8), (uint8_t)v->sps.len};
    const uint8_t middle[] = {1, (uint8_t)(v->pps.len >> 8), (uint8_t)v->pps.len};
    const uint8_t high[] = {0xfd, 0xf8, 0xf8, 0};
    v->config.len = 0;
    err e = blob_append(&v->config, BYTES_OF(head));
    if (!e) e = blob_append(&v->config, blob_bytes(&v->sps));
    if (!e) e = blob_append(&v->config, BYTES_OF(middle));
    if (!e) e = blob_append(&v->config, blob_bytes(&v->pps));
    if (!e && sps[1] >= 100) e = blob_append(&v->config, BYTES_OF(high));
    return e;
}

/* Annex B to lengths; parameter sets go into the track's config. */
static err split_packet(struct video_encoder *v) {
    struct bytes rest = BYTES(v->packet->data, (size_t)v->packet->size), nal;
    v->sample.len = 0;
    err e = ERR_OK;
    while (!e && next_nal(&rest, &nal)) {
        unsigned type = nal.len ? nal.data[0] & 31u : 0;
        if (type == 7 && nal.len >= 4) {
            e = take_set(v, &v->sps, nal);
        } else if (type == 8) {
            e = take_set(v, &v->pps, nal);
        } else if (type == 1 || type == 5) {
            e = blob_append_be32(&v->sample, (uint32_t)nal.len);
            if (!e) e = blob_append(&v->sample, nal);
        }
    }
    return e;
}

static err deliver(struct video_encoder *v, struct steady_us arrived,
                   const struct video_encoder_tracks *tracks, struct diag *d) {
    err e = split_packet(v);
    if (e) return e;
    if (v->config_changed && v->sps.len && v->pps.len) {
        e = write_config(v);
        if (e) return e;
        v->config_changed = false;
        const struct media_track t = {.codec = MEDIA_CODEC_H264,
                                      .clock_hz = 90000,
                                      .width = (uint16_t)v->encoder->width,
                                      .height = (uint16_t)v->encoder->height,
                                      .config = blob_bytes(&v->config)};
        e = tracks->tracks(tracks->context, &t, d);
        if (e) return e;
    }
    if (v->sample.len == 0) return ERR_OK;
    const struct media_sample sample = {.track = v->track,
                                        .key = (v->packet->flags & AV_PKT_FLAG_KEY) != 0,
                                        .pts_ticks = v->packet->pts,
                                        .dts_ticks = v->packet->dts,
                                        .arrived = arrived,
                                        .data = blob_bytes(&v->sample)};
    return v->sink->sample(v->sink->context, &sample, d);
}

err video_encoder_frame(struct video_encoder *v, struct AVFrame *frame, int64_t pts_90k,
                        struct steady_us arrived, const struct video_encoder_tracks *tracks, struct diag *d) {
    err e = ERR_OK;
    if (!v->encoder || frame->width != v->width || frame->height != v->height || frame->format != v->format)
        e = open_encoder(v, frame, d);
    if (e) return e;
    AVFrame *picture = frame;
    if (v->scaler) {
        if (av_frame_make_writable(v->converted) < 0) return ERR_NO_MEMORY;
        sws_scale(v->scaler, (const uint8_t *const *)frame->data, frame->linesize, 0, frame->height,
                  v->converted->data, v->converted->linesize);
        picture = v->converted;
    }
    picture->pts = pts_90k;
    /* The source's own choice is not ours. */
    picture->pict_type = v->key_next ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    v->key_next = false;
    if (avcodec_send_frame(v->encoder, picture) < 0) return diag_fail(d, ERR_IO, "the H.264 encoder failed");
    while (avcodec_receive_packet(v->encoder, v->packet) >= 0) {
        e = deliver(v, arrived, tracks, d);
        av_packet_unref(v->packet);
        if (e) return e;
    }
    return ERR_OK;
}
