#include "media/picture.h"

#include <libavcodec/avcodec.h>
#include <libswscale/swscale.h>

#define QUALITY 4 /* MJPEG's quantiser scale: 2 is best, 31 worst */

static void free_context(AVCodecContext **c) {
    avcodec_free_context(c);
}
static void free_frame(AVFrame **f) {
    av_frame_free(f);
}
static void free_packet(AVPacket **p) {
    av_packet_free(p);
}

err picture_decoder_open(const struct media_track *track, enum picture_decoding decoding,
                         AVCodecContext **out, struct diag *d) {
    const AVCodec *codec =
        avcodec_find_decoder(track->codec == MEDIA_CODEC_H265 ? AV_CODEC_ID_HEVC : AV_CODEC_ID_H264);
    if (!codec) return diag_fail(d, ERR_UNSUPPORTED, "this build of FFmpeg cannot decode the camera's video");
    AUTO(free_context) AVCodecContext *c = avcodec_alloc_context3(codec);
    if (!c) return ERR_NO_MEMORY;
    c->extradata = av_mallocz(track->config.len + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!c->extradata) return ERR_NO_MEMORY;
    memcpy(c->extradata, track->config.data, track->config.len);
    c->extradata_size = (int)track->config.len;
    c->thread_count = 1;
    if (decoding == PICTURE_QUICK) {
        c->skip_loop_filter = AVDISCARD_ALL;
        c->flags |= AV_CODEC_FLAG_LOW_DELAY;
        c->flags2 |= AV_CODEC_FLAG2_FAST;
    }
    c->max_pixels = (int64_t)MEDIA_WIDTH_MAX * MEDIA_HEIGHT_MAX;
    if (avcodec_open2(c, codec, NULL) < 0)
        return diag_fail(d, ERR_INVALID, "the camera's codec configuration does not open a decoder");
    *out = c;
    c = NULL;
    return ERR_OK;
}

static err decode(const struct media_track *track, struct bytes key_frame, AVFrame *frame, struct diag *d) {
    AUTO(free_context) AVCodecContext *c = NULL;
    err e = picture_decoder_open(track, PICTURE_QUICK, &c, d);
    if (e) return e;
    AUTO(free_packet) AVPacket *packet = av_packet_alloc();
    if (!packet || key_frame.len > MEDIA_SAMPLE_MAX_BYTES || av_new_packet(packet, (int)key_frame.len) < 0)
        return ERR_NO_MEMORY;
    memcpy(packet->data, key_frame.data, key_frame.len);
    packet->flags |= AV_PKT_FLAG_KEY;
    if (avcodec_send_packet(c, packet) < 0 || avcodec_send_packet(c, NULL) < 0 ||
        avcodec_receive_frame(c, frame) < 0)
        return diag_fail(d, ERR_INVALID, "a key frame does not decode");
    return ERR_OK;
}

static err scale(const AVFrame *from, AVFrame *to, struct diag *d) {
    to->width = from->width < PICTURE_WIDTH ? from->width & ~1 : PICTURE_WIDTH;
    to->height = (int)((int64_t)from->height * to->width / from->width) & ~1;
    to->format = AV_PIX_FMT_YUVJ420P;
    if (to->width < 2 || to->height < 2 || to->height > 8 * PICTURE_WIDTH)
        return diag_fail(d, ERR_INVALID, "a picture of %d x %d has no small form", from->width, from->height);
    if (av_frame_get_buffer(to, 0) < 0) return ERR_NO_MEMORY;
    /* SWS_FAST_BILINEAR would want executable memory on some machines, which the sandbox refuses. */
    struct SwsContext *scaler =
        sws_getContext(from->width, from->height, (enum AVPixelFormat)from->format, to->width, to->height,
                       AV_PIX_FMT_YUVJ420P, SWS_BILINEAR, NULL, NULL, NULL);
    if (!scaler) return diag_fail(d, ERR_UNSUPPORTED, "the camera's pixel format cannot be scaled");
    sws_scale(scaler, (const uint8_t *const *)from->data, from->linesize, 0, from->height, to->data,
              to->linesize);
    sws_freeContext(scaler);
    return ERR_OK;
}

static err compress(AVFrame *frame, struct blob *jpeg, struct diag *d) {
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
    if (!codec) return diag_fail(d, ERR_UNSUPPORTED, "this build of FFmpeg has no JPEG encoder");
    AUTO(free_context) AVCodecContext *c = avcodec_alloc_context3(codec);
    AUTO(free_packet) AVPacket *packet = av_packet_alloc();
    if (!c || !packet) return ERR_NO_MEMORY;
    c->width = frame->width;
    c->height = frame->height;
    c->pix_fmt = AV_PIX_FMT_YUVJ420P;
    c->time_base = (AVRational){1, 25};
    c->thread_count = 1;
    c->flags |= AV_CODEC_FLAG_QSCALE;
    c->global_quality = QUALITY * FF_QP2LAMBDA;
    frame->quality = c->global_quality;
    frame->pts = 0;
    if (avcodec_open2(c, codec, NULL) < 0 || avcodec_send_frame(c, frame) < 0 ||
        avcodec_receive_packet(c, packet) < 0)
        return diag_fail(d, ERR_IO, "the JPEG encoder failed");
    return blob_append(jpeg, BYTES(packet->data, (size_t)packet->size));
}

err picture_make(const struct media_track *track, struct bytes key_frame, const struct picture_viewer *viewer,
                 struct blob *jpeg, struct diag *d) {
    AUTO(free_frame) AVFrame *full = av_frame_alloc();
    AUTO(free_frame) AVFrame *small = av_frame_alloc();
    if (!full || !small) return ERR_NO_MEMORY;
    err e = decode(track, key_frame, full, d);
    if (!e && viewer) viewer->see(viewer->context, full);
    if (!e) e = scale(full, small, d);
    if (!e) e = compress(small, jpeg, d);
    return e;
}
