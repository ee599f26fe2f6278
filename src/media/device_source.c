#include "media/device_source.h"

#include <errno.h>
#include <fcntl.h>
#include <libavcodec/avcodec.h>
#include <linux/videodev2.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "base/file.h"
#include "media/video_encoder.h"

#define WIDTH 1280
#define HEIGHT 720
#define BUFFERS 4
#define FRAMES_AT_ONCE 4

struct mapping {
    void *data;
    size_t len;
};

struct device_source {
    int fd;
    const struct media_sink *sink;
    struct video_encoder *encoder;
    uint32_t pixel_format, width, height, stride;
    struct mapping buffers[BUFFERS];
    unsigned count;
    bool streaming;
    AVCodecContext *decoder; /* of MJPEG */
    AVPacket *packet;
    AVFrame *frame;
    int64_t first_us, last_pts;
};

static int device_ioctl(int fd, unsigned long request, void *argument) {
    int result;
    do {
        result = ioctl(fd, request, argument);
    } while (result < 0 && errno == EINTR);
    return result;
}

void device_source_free(struct device_source *s) {
    if (!s) return;
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    if (s->streaming) device_ioctl(s->fd, VIDIOC_STREAMOFF, &type);
    for (unsigned i = 0; i < s->count; i++) munmap(s->buffers[i].data, s->buffers[i].len);
    video_encoder_free(s->encoder);
    avcodec_free_context(&s->decoder);
    av_packet_free(&s->packet);
    av_frame_free(&s->frame);
    fd_close(&s->fd);
    free(s);
}

static void device_source_release(struct device_source **s) {
    device_source_free(*s);
}

static err choose_format(struct device_source *s, struct diag *d) {
    struct v4l2_capability capability = {0};
    if (device_ioctl(s->fd, VIDIOC_QUERYCAP, &capability))
        return diag_fail(d, ERR_UNSUPPORTED, "that is no V4L2 device");
    uint32_t can =
        capability.capabilities & V4L2_CAP_DEVICE_CAPS ? capability.device_caps : capability.capabilities;
    if (!(can & V4L2_CAP_VIDEO_CAPTURE) || !(can & V4L2_CAP_STREAMING))
        return diag_fail(d, ERR_UNSUPPORTED, "that device captures no video; try /dev/video0");
    static const uint32_t formats[] = {V4L2_PIX_FMT_MJPEG, V4L2_PIX_FMT_YUYV};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct v4l2_format f = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
        f.fmt.pix.width = WIDTH;
        f.fmt.pix.height = HEIGHT;
        f.fmt.pix.pixelformat = formats[i];
        f.fmt.pix.field = V4L2_FIELD_ANY;
        if (device_ioctl(s->fd, VIDIOC_S_FMT, &f)) {
            if (errno == EBUSY) return diag_fail(d, ERR_BUSY, "another program is using the camera");
            continue;
        }
        if (f.fmt.pix.pixelformat != formats[i]) continue; /* the driver chose another one */
        s->pixel_format = formats[i];
        s->width = f.fmt.pix.width;
        s->height = f.fmt.pix.height;
        s->stride = f.fmt.pix.bytesperline;
        if (s->width > MEDIA_WIDTH_MAX || s->height > MEDIA_HEIGHT_MAX)
            return diag_fail(d, ERR_LIMIT, "the device says its picture is %u x %u", s->width, s->height);
        return ERR_OK;
    }
    return diag_fail(d, ERR_UNSUPPORTED, "the device offers neither MJPEG nor YUYV pictures");
}

static double frames_per_second(int fd) {
    struct v4l2_streamparm p = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    if (device_ioctl(fd, VIDIOC_G_PARM, &p) || p.parm.capture.timeperframe.numerator == 0) return 25;
    return (double)p.parm.capture.timeperframe.denominator / p.parm.capture.timeperframe.numerator;
}

static err start_capture(struct device_source *s, struct diag *d) {
    struct v4l2_requestbuffers request = {
        .count = BUFFERS, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
    if (device_ioctl(s->fd, VIDIOC_REQBUFS, &request) || request.count < 2)
        return diag_fail(d, errno == EBUSY ? ERR_BUSY : ERR_IO, "the camera gives no buffers: %s",
                         strerror(errno));
    for (unsigned i = 0; i < request.count && i < BUFFERS; i++) {
        struct v4l2_buffer b = {.index = i, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
        if (device_ioctl(s->fd, VIDIOC_QUERYBUF, &b))
            return diag_fail(d, ERR_IO, "a camera buffer cannot be asked for");
        void *data = mmap(NULL, b.length, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, b.m.offset);
        if (data == MAP_FAILED) return diag_fail(d, ERR_IO, "a camera buffer cannot be mapped");
        s->buffers[s->count++] = (struct mapping){data, b.length};
        if (device_ioctl(s->fd, VIDIOC_QBUF, &b))
            return diag_fail(d, ERR_IO, "a camera buffer cannot be queued");
    }
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    if (device_ioctl(s->fd, VIDIOC_STREAMON, &type))
        return diag_fail(d, errno == EBUSY ? ERR_BUSY : ERR_IO, "the camera does not start: %s",
                         strerror(errno));
    s->streaming = true;
    return ERR_OK;
}

static err open_decoder(struct device_source *s, struct diag *d) {
    s->packet = av_packet_alloc();
    s->frame = av_frame_alloc();
    if (!s->packet || !s->frame) return ERR_NO_MEMORY;
    if (s->pixel_format != V4L2_PIX_FMT_MJPEG) return ERR_OK;
    const AVCodec *codec = avcodec_find_decoder(AV_CODEC_ID_MJPEG);
    s->decoder = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!s->decoder) return diag_fail(d, ERR_UNSUPPORTED, "this build of FFmpeg has no JPEG decoder");
    s->decoder->thread_count = 1;
    if (avcodec_open2(s->decoder, codec, NULL) < 0)
        return diag_fail(d, ERR_UNSUPPORTED, "the JPEG decoder did not start");
    return ERR_OK;
}

err device_source_new(int fd, const struct media_sink *sink, struct device_source **out, struct diag *d) {
    AUTO(device_source_release) struct device_source *s = calloc(1, sizeof *s);
    if (!s) {
        fd_close(&fd);
        return diag_fail(d, ERR_NO_MEMORY, "no memory for a camera");
    }
    s->fd = fd;
    s->sink = sink;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK))
        return diag_fail(d, ERR_IO, "the device cannot be polled");
    err e = choose_format(s, d);
    if (!e) e = open_decoder(s, d);
    if (!e) e = video_encoder_new(sink, 0, frames_per_second(fd), &s->encoder, d);
    if (!e) e = start_capture(s, d);
    if (e) return e;
    *out = s;
    s = NULL;
    return ERR_OK;
}

int device_source_descriptor(const struct device_source *s) {
    return s->fd;
}

static err announce(void *context, const struct media_track *video, struct diag *d) {
    struct device_source *s = context;
    return s->sink->tracks(s->sink->context, video, 1, d);
}

static err encode(struct device_source *s, struct steady_us at, struct diag *d) {
    if (!s->first_us) s->first_us = at.us;
    int64_t pts = (at.us - s->first_us) * 9 / 100;
    if (pts <= s->last_pts) pts = s->last_pts + 1;
    s->last_pts = pts;
    const struct video_encoder_tracks tracks = {s, announce};
    return video_encoder_frame(s->encoder, s->frame, pts, at, &tracks, d);
}

static err take_yuyv(struct device_source *s, struct bytes data, struct steady_us at, struct diag *d) {
    if (s->stride < 2 * s->width || (size_t)s->stride * s->height > data.len)
        return ERR_OK; /* a torn picture */
    AVFrame *f = s->frame;
    f->format = AV_PIX_FMT_YUYV422;
    f->width = (int)s->width;
    f->height = (int)s->height;
    f->data[0] = (uint8_t *)(uintptr_t)data.data;
    f->linesize[0] = (int)s->stride;
    err e = encode(s, at, d);
    av_frame_unref(f);
    return e;
}

static err take_jpeg(struct device_source *s, struct bytes data, struct steady_us at, struct diag *d) {
    if (data.len > MEDIA_SAMPLE_MAX_BYTES || av_new_packet(s->packet, (int)data.len) < 0) return ERR_OK;
    memcpy(s->packet->data, data.data, data.len);
    int failed = avcodec_send_packet(s->decoder, s->packet);
    av_packet_unref(s->packet);
    err e = ERR_OK;
    while (!e && !failed && avcodec_receive_frame(s->decoder, s->frame) >= 0) {
        e = encode(s, at, d);
        av_frame_unref(s->frame);
    }
    return e;
}

err device_source_ready(struct device_source *s, struct steady_us now, struct diag *d) {
    for (int i = 0; i < FRAMES_AT_ONCE; i++) {
        struct v4l2_buffer b = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
        if (device_ioctl(s->fd, VIDIOC_DQBUF, &b)) {
            if (errno == EAGAIN) return ERR_OK;
            return diag_fail(d, ERR_UNREACHABLE, "the camera was unplugged, or failed: %s", strerror(errno));
        }
        if (b.index >= s->count || b.bytesused > s->buffers[b.index].len)
            return diag_fail(d, ERR_INVALID, "the camera's driver answers nonsense");
        struct bytes data = BYTES(s->buffers[b.index].data, b.bytesused);
        err e =
            s->pixel_format == V4L2_PIX_FMT_YUYV ? take_yuyv(s, data, now, d) : take_jpeg(s, data, now, d);
        if (!e && device_ioctl(s->fd, VIDIOC_QBUF, &b))
            e = diag_fail(d, ERR_UNREACHABLE, "the camera was unplugged");
        if (e) return e;
    }
    return ERR_OK;
}
