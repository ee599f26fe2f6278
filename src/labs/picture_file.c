#include "labs/picture_file.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>
#include <stdlib.h>

#define PICTURE_SIDE_MAX 8192

void picture_clear(struct picture *p) {
    free(p->rgba);
    *p = (struct picture){0};
}

void picture_list_clear(struct picture_list *l) {
    for (size_t i = 0; i < l->count; i++) picture_clear(&l->items[i]);
    free(l->items);
    *l = (struct picture_list){0};
}

err picture_list_add(struct picture_list *l, struct picture *p) {
    if (l->count == l->room) {
        size_t room = l->room ? 2 * l->room : 16;
        struct picture *items = realloc(l->items, room * sizeof *items);
        if (!items) {
            picture_clear(p);
            return ERR_NO_MEMORY;
        }
        l->items = items;
        l->room = room;
    }
    l->items[l->count++] = *p;
    *p = (struct picture){0};
    return ERR_OK;
}

err picture_new(int width, int height, struct picture *out) {
    if (width < 1 || height < 1 || width > PICTURE_SIDE_MAX || height > PICTURE_SIDE_MAX) return ERR_INVALID;
    /* 32 bytes more, since scaling writes whole vectors. */
    uint8_t *rgba = calloc(1, (size_t)width * (size_t)height * 4 + 32);
    if (!rgba) return ERR_NO_MEMORY;
    *out = (struct picture){rgba, width, height};
    return ERR_OK;
}

struct reading {
    AVFormatContext *format;
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *frame;
    struct SwsContext *scaler;
    int stream;
};

static void reading_end(struct reading *r) {
    avformat_close_input(&r->format);
    avcodec_free_context(&r->decoder);
    av_packet_free(&r->packet);
    av_frame_free(&r->frame);
    sws_freeContext(r->scaler);
}

static err reading_begin(struct reading *r, const char *path, struct diag *d) {
    const AVCodec *codec = NULL;
    if (avformat_open_input(&r->format, path, NULL, NULL) < 0)
        return diag_fail(d, ERR_NOT_FOUND, "cannot open %s", path);
    if (avformat_find_stream_info(r->format, NULL) < 0)
        return diag_fail(d, ERR_INVALID, "cannot read %s", path);
    r->stream = av_find_best_stream(r->format, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
    if (r->stream < 0 || !codec) return diag_fail(d, ERR_INVALID, "no picture in %s", path);
    r->decoder = avcodec_alloc_context3(codec);
    r->packet = av_packet_alloc();
    r->frame = av_frame_alloc();
    if (!r->decoder || !r->packet || !r->frame) return diag_fail(d, ERR_NO_MEMORY, "no memory for %s", path);
    if (avcodec_parameters_to_context(r->decoder, r->format->streams[r->stream]->codecpar) < 0 ||
        avcodec_open2(r->decoder, codec, NULL) < 0)
        return diag_fail(d, ERR_INVALID, "cannot decode %s", path);
    return ERR_OK;
}

static err take(struct reading *r, int width_max, struct picture_list *out) {
    int width = r->frame->width, height = r->frame->height;
    if (width > width_max) {
        height = (int)((int64_t)height * width_max / width);
        width = width_max;
    }
    AUTO(picture_clear) struct picture p = {0};
    err e = picture_new(width, height, &p);
    if (e) return e;
    r->scaler = sws_getCachedContext(r->scaler, r->frame->width, r->frame->height, r->frame->format, width,
                                     height, AV_PIX_FMT_RGBA, SWS_AREA, NULL, NULL, NULL);
    if (!r->scaler) return ERR_NO_MEMORY;
    uint8_t *planes[4] = {p.rgba};
    int strides[4] = {width * 4};
    sws_scale(r->scaler, (const uint8_t *const *)r->frame->data, r->frame->linesize, 0, r->frame->height,
              planes, strides);
    return picture_list_add(out, &p);
}

err picture_file_read(const char *path, int step, int width_max, size_t count_max, struct picture_list *out,
                      struct diag *d) {
    AUTO(reading_end) struct reading r = {0};
    size_t start = out->count, seen = 0;
    err e = reading_begin(&r, path, d);
    bool ended = false;
    while (!e && !ended && out->count - start < count_max) {
        if (av_read_frame(r.format, r.packet) < 0) {
            ended = true;
            avcodec_send_packet(r.decoder, NULL);
        } else {
            if (r.packet->stream_index == r.stream) avcodec_send_packet(r.decoder, r.packet);
            av_packet_unref(r.packet);
        }
        while (!e && out->count - start < count_max && avcodec_receive_frame(r.decoder, r.frame) >= 0) {
            if (seen++ % (size_t)step == 0) e = take(&r, width_max, out);
            av_frame_unref(r.frame);
        }
    }
    if (e) return diag_fail(d, e, "cannot take a picture of %s", path);
    if (out->count == start) return diag_fail(d, ERR_INVALID, "no picture of %s decodes", path);
    return ERR_OK;
}
