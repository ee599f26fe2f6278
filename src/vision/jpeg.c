#include "vision/jpeg.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

#define SMALLEST_SIDE 64
#define LEAST_READ_SIDE 16

static const int qualities[] = {85, 75, 62, 50, 40};

/* libjpeg's errors come back here by longjmp, from C functions of its own alone. */
struct failure {
    struct jpeg_error_mgr base;
    jmp_buf back;
    char text[JMSG_LENGTH_MAX];
};

static void on_error(j_common_ptr c) {
    struct failure *f = (struct failure *)c->err;
    f->base.format_message(c, f->text);
    longjmp(f->back, 1);
}

static void on_message(j_common_ptr c, int level) {
    (void)level; /* what a stranger's picture makes it say is no news */
}

static struct jpeg_error_mgr *failure_set(struct failure *f) {
    struct jpeg_error_mgr *base = jpeg_std_error(&f->base);
    f->base.error_exit = on_error;
    f->base.emit_message = on_message;
    f->text[0] = 0;
    return base;
}

/* --- Writing --- */

struct writer {
    struct jpeg_compress_struct c;
    struct failure failure;
    unsigned char *data; /* libjpeg's malloc */
    unsigned long len;
};

static void writer_clear(struct writer *w) {
    jpeg_destroy_compress(&w->c);
    free(w->data);
}

static err write_rgb(const uint8_t *rgb, int width, int height, int quality, struct blob *out,
                     struct diag *d) {
    AUTO(writer_clear) struct writer w = {.data = NULL};
    w.c.err = failure_set(&w.failure);
    if (setjmp(w.failure.back)) return diag_fail(d, ERR_NO_MEMORY, "writing a JPEG: %s", w.failure.text);
    jpeg_create_compress(&w.c);
    jpeg_mem_dest(&w.c, &w.data, &w.len);
    w.c.image_width = (JDIMENSION)width;
    w.c.image_height = (JDIMENSION)height;
    w.c.input_components = 3;
    w.c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&w.c);
    jpeg_set_quality(&w.c, quality, TRUE);
    w.c.optimize_coding = TRUE;
    jpeg_start_compress(&w.c, TRUE);
    while (w.c.next_scanline < w.c.image_height) {
        JSAMPROW row = (JSAMPROW)(uintptr_t)(rgb + (size_t)w.c.next_scanline * (size_t)width * 3);
        jpeg_write_scanlines(&w.c, &row, 1);
    }
    jpeg_finish_compress(&w.c);
    out->len = 0;
    return blob_append(out, BYTES(w.data, w.len));
}

err jpeg_encode(const struct image *m, struct rect part, int longest, size_t most, struct blob *out,
                struct diag *d) {
    AUTO(blob_clear) struct blob rgb = {0};
    int longer = part.w > part.h ? part.w : part.h;
    if (longest > longer) longest = longer;
    for (; longest >= SMALLEST_SIDE || longest == longer; longest = longest * 3 / 4) {
        int w = part.w * longest / longer, h = part.h * longest / longer;
        if (w < 1) w = 1;
        if (h < 1) h = 1;
        err e = blob_reserve(&rgb, (size_t)w * (size_t)h * 3);
        if (e) return diag_fail(d, e, "out of memory");
        image_rgb(m, part, w, h, rgb.data);
        for (size_t i = 0; i < sizeof qualities / sizeof *qualities; i++) {
            e = write_rgb(rgb.data, w, h, qualities[i], out, d);
            if (e) return e;
            if (out->len <= most) return ERR_OK;
        }
    }
    return diag_fail(d, ERR_LIMIT, "a picture does not fit %zu bytes", most);
}

/* --- Reading --- */

struct source {
    struct jpeg_decompress_struct c;
    struct jpeg_progress_mgr progress;
    struct failure failure;
};

static void source_clear(struct source *s) {
    jpeg_destroy_decompress(&s->c);
}

static void on_progress(j_common_ptr c) {
    struct source *s = (struct source *)c;
    if (s->c.input_scan_number <= JPEG_SCANS_MAX) return;
    snprintf(s->failure.text, sizeof s->failure.text, "more than %d scans", JPEG_SCANS_MAX);
    longjmp(s->failure.back, 1);
}

static err check_size(const struct jpeg_decompress_struct *c, struct diag *d) {
    if (c->image_width > JPEG_SIDE_MAX || c->image_height > JPEG_SIDE_MAX ||
        (uint64_t)c->image_width * c->image_height > JPEG_PIXELS_MAX)
        return diag_fail(d, ERR_LIMIT, "the picture is larger than %d megapixels", JPEG_PIXELS_MAX >> 20);
    if (c->image_width < LEAST_READ_SIDE || c->image_height < LEAST_READ_SIDE)
        return diag_fail(d, ERR_INVALID, "the picture is smaller than %d pixels", LEAST_READ_SIDE);
    return ERR_OK;
}

static uint8_t video_level(float v) {
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v + 0.5f);
}

/* A pair of lines to I420 with video levels (BT.601); odd sizes lose a line or column. */
static void take_lines(const uint8_t *rgb, size_t stride, int width, uint8_t *y, uint8_t *u, uint8_t *v) {
    for (int i = 0; i < width; i++) {
        float mean[3] = {0};
        for (size_t line = 0; line < 2; line++) {
            const uint8_t *p = rgb + line * stride + 3 * (size_t)i;
            y[line * (size_t)width + (size_t)i] =
                video_level(16 + 0.256788f * p[0] + 0.504129f * p[1] + 0.097906f * p[2]);
            for (int c = 0; c < 3; c++) mean[c] += (float)p[c] / 2;
        }
        if (i % 2) continue;
        u[i / 2] = video_level(128 - 0.148223f * mean[0] - 0.290993f * mean[1] + 0.439216f * mean[2]);
        v[i / 2] = video_level(128 + 0.439216f * mean[0] - 0.367788f * mean[1] - 0.071427f * mean[2]);
    }
}

static err read_pixels(struct source *s, struct blob *pixels, uint8_t *lines, struct image *out) {
    struct jpeg_decompress_struct *c = &s->c;
    int width = (int)c->output_width & ~1, height = (int)c->output_height & ~1;
    size_t luma = (size_t)width * (size_t)height, stride = (size_t)c->output_width * 3;
    uint8_t *y = pixels->data, *u = y + luma, *v = u + luma / 4;
    for (int line = 0; line < height; line += 2) {
        for (size_t k = 0; k < 2; k++) {
            JSAMPROW row = lines + k * stride;
            if (jpeg_read_scanlines(c, &row, 1) != 1) return ERR_INVALID;
        }
        take_lines(lines, stride, width, y, u, v);
        y += 2 * (size_t)width;
        u += width / 2;
        v += width / 2;
    }
    *out = image_i420(pixels->data, width, height);
    return ERR_OK;
}

/* Everything that must outlive a longjmp is in *s, *pixels or *lines, which the caller owns. */
static err decode(struct source *s, struct bytes jpeg, struct blob *pixels, struct blob *lines,
                  struct image *out, struct diag *d) {
    s->c.err = failure_set(&s->failure);
    if (setjmp(s->failure.back)) return diag_fail(d, ERR_INVALID, "the JPEG: %.150s", s->failure.text);
    jpeg_create_decompress(&s->c);
    s->c.progress = &s->progress;
    s->progress.progress_monitor = on_progress;
    jpeg_mem_src(&s->c, jpeg.data, (unsigned long)jpeg.len);
    if (jpeg_read_header(&s->c, TRUE) != JPEG_HEADER_OK) return diag_fail(d, ERR_INVALID, "not a JPEG");
    err e = check_size(&s->c, d);
    if (e) return e;
    unsigned longer = s->c.image_width > s->c.image_height ? s->c.image_width : s->c.image_height;
    s->c.scale_num = 1;
    s->c.scale_denom = 1;
    while (s->c.scale_denom < 8 && longer / s->c.scale_denom > JPEG_DECODED_SIDE) s->c.scale_denom *= 2;
    s->c.out_color_space = JCS_RGB;
    jpeg_start_decompress(&s->c);
    size_t luma = (size_t)(s->c.output_width & ~1u) * (s->c.output_height & ~1u);
    e = blob_reserve(pixels, luma * 3 / 2);
    if (!e) e = blob_reserve(lines, (size_t)s->c.output_width * 3 * 2);
    if (!e) e = read_pixels(s, pixels, lines->data, out);
    if (!e) pixels->len = luma * 3 / 2;
    return e ? diag_fail(d, e, "the JPEG could not be read") : ERR_OK;
}

err jpeg_decode(struct bytes jpeg, struct blob *pixels, struct image *out, struct diag *d) {
    AUTO(source_clear) struct source s = {.progress = {.progress_monitor = NULL}};
    AUTO(blob_clear) struct blob lines = {0};
    return decode(&s, jpeg, pixels, &lines, out, d);
}
