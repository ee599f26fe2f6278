#include "media/frame_scaler.h"

#include <libavutil/frame.h>
#include <libswscale/swscale.h>

void frame_scaler_clear(struct frame_scaler *s) {
    sws_freeContext(s->context);
    s->context = NULL;
}

void frame_scaler_fit(int width, int height, uint16_t *out_width, uint16_t *out_height) {
    int64_t w = width, h = height;
    if (w > WORKER_FRAME_MAX_WIDTH) {
        h = h * WORKER_FRAME_MAX_WIDTH / w;
        w = WORKER_FRAME_MAX_WIDTH;
    }
    if (h > WORKER_FRAME_MAX_HEIGHT) {
        w = w * WORKER_FRAME_MAX_HEIGHT / h;
        h = WORKER_FRAME_MAX_HEIGHT;
    }
    *out_width = (uint16_t)(w & ~1);
    *out_height = (uint16_t)(h & ~1);
}

static void copy_plane(const uint8_t *from, int stride, uint8_t *to, int width, int height) {
    for (int y = 0; y < height; y++)
        memcpy(to + (size_t)y * (size_t)width, from + (ptrdiff_t)y * stride, (size_t)width);
}

/* SWS_FAST_BILINEAR would want executable memory on some machines, which the sandbox refuses. */
static err scale(struct frame_scaler *s, const AVFrame *f, const struct worker_frame *head,
                 uint8_t *const to[], const int strides[], struct diag *d) {
    s->context =
        sws_getCachedContext(s->context, f->width, f->height, (enum AVPixelFormat)f->format, head->width,
                             head->height, AV_PIX_FMT_YUV420P, SWS_BILINEAR, NULL, NULL, NULL);
    if (!s->context) return diag_fail(d, ERR_UNSUPPORTED, "the camera's pixel format cannot be scaled");
    sws_scale(s->context, (const uint8_t *const *)f->data, f->linesize, 0, f->height, to, strides);
    return ERR_OK;
}

err frame_scaler_append(struct frame_scaler *s, const AVFrame *f, struct worker_frame *head, struct blob *out,
                        struct diag *d) {
    if (f->width < 2 || f->height < 2 || f->width > UINT16_MAX || f->height > UINT16_MAX)
        return diag_fail(d, ERR_INVALID, "a picture of %d x %d makes no frame", f->width, f->height);
    head->source_width = (uint16_t)f->width;
    head->source_height = (uint16_t)f->height;
    frame_scaler_fit(f->width, f->height, &head->width, &head->height);
    size_t mark;
    err e = worker_frame_begin(out, head, &mark);
    if (e) return diag_fail(d, e, "a frame could not be begun: %s", err_text(e));
    size_t luma = (size_t)head->width * head->height;
    uint8_t *at = out->data + out->len;
    uint8_t *const to[4] = {at, at + luma, at + luma + luma / 4, NULL};
    const int strides[4] = {head->width, head->width / 2, head->width / 2, 0};
    bool as_it_is = f->format == AV_PIX_FMT_YUV420P && f->width == head->width && f->height == head->height;
    for (int i = 0; as_it_is && i < 3; i++)
        copy_plane(f->data[i], f->linesize[i], to[i], strides[i], i ? head->height / 2 : head->height);
    if (!as_it_is) e = scale(s, f, head, to, strides, d);
    out->len += luma * 3 / 2; /* worker_frame_begin made room for it */
    if (!e) e = worker_message_end(out, mark);
    if (e) out->len = mark;
    return e;
}
