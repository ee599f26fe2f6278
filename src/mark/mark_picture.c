/* mark_picture.c: screenshots, by libjpeg and libpng. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>
#include <png.h>

#include "mark/hidden_mark.h"

#define SCANS_MAX 64 /* a progressive picture of a thousand scans takes hours */

void mark_picture_clear(struct mark_picture *p) {
    free(p->rgb);
    *p = (struct mark_picture){0};
}

static err room_for(unsigned width, unsigned height, struct mark_picture *out, struct diag *d) {
    if (width < 1 || height < 1) return diag_fail(d, ERR_INVALID, "the picture is empty");
    if (width > MARK_PICTURE_SIDE_MAX || height > MARK_PICTURE_SIDE_MAX ||
        (uint64_t)width * height > MARK_PICTURE_PIXELS_MAX)
        return diag_fail(d, ERR_LIMIT,
                         "the picture has %u x %u pixels; at most %d a side and %u in all are read", width,
                         height, MARK_PICTURE_SIDE_MAX, MARK_PICTURE_PIXELS_MAX);
    out->rgb = malloc((size_t)width * height * 3);
    if (!out->rgb) return diag_fail(d, ERR_NO_MEMORY, "no memory for the picture");
    out->width = (int)width;
    out->height = (int)height;
    return ERR_OK;
}

/* libjpeg's errors come back here by longjmp, from C functions of its own alone. */
struct jpeg_reader {
    struct jpeg_decompress_struct c;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf back;
    char text[JMSG_LENGTH_MAX];
};

static void on_error(j_common_ptr c) {
    struct jpeg_reader *r = c->client_data;
    r->errors.format_message(c, r->text);
    longjmp(r->back, 1);
}

static void on_message(j_common_ptr c, int level) {
    (void)level; /* what a stranger's picture makes it say is no news */
}

static void on_progress(j_common_ptr c) {
    struct jpeg_reader *r = c->client_data;
    if (r->c.input_scan_number <= SCANS_MAX) return;
    snprintf(r->text, sizeof r->text, "it has more than %d scans", SCANS_MAX);
    longjmp(r->back, 1);
}

static void jpeg_reader_clear(struct jpeg_reader *r) {
    jpeg_destroy_decompress(&r->c);
}

static err read_jpeg(struct bytes file, struct mark_picture *out, struct diag *d) {
    AUTO(jpeg_reader_clear) struct jpeg_reader r = {.text = ""};
    r.c.err = jpeg_std_error(&r.errors);
    r.c.client_data = &r;
    r.errors.error_exit = on_error;
    r.errors.emit_message = on_message;
    r.progress.progress_monitor = on_progress;
    if (setjmp(r.back)) return diag_fail(d, ERR_INVALID, "the JPEG cannot be read: %s", r.text);
    jpeg_create_decompress(&r.c);
    r.c.client_data = &r;
    r.c.progress = &r.progress;
    jpeg_mem_src(&r.c, file.data, (unsigned long)file.len);
    jpeg_read_header(&r.c, TRUE);
    r.c.out_color_space = JCS_RGB;
    err e = room_for(r.c.image_width, r.c.image_height, out, d);
    if (e) return e;
    jpeg_start_decompress(&r.c);
    while (r.c.output_scanline < r.c.output_height) {
        JSAMPROW row = out->rgb + (size_t)r.c.output_scanline * (size_t)out->width * 3;
        jpeg_read_scanlines(&r.c, &row, 1);
    }
    jpeg_finish_decompress(&r.c);
    return ERR_OK;
}

static err read_png(struct bytes file, struct mark_picture *out, struct diag *d) {
    AUTO(png_image_free) png_image image = {.version = PNG_IMAGE_VERSION};
    const png_color white = {255, 255, 255};
    if (!png_image_begin_read_from_memory(&image, file.data, file.len))
        return diag_fail(d, ERR_INVALID, "the PNG cannot be read: %s", image.message);
    err e = room_for(image.width, image.height, out, d);
    if (e) return e;
    image.format = PNG_FORMAT_RGB;
    if (!png_image_finish_read(&image, &white, out->rgb, 0, NULL))
        return diag_fail(d, ERR_INVALID, "the PNG cannot be read: %s", image.message);
    return ERR_OK;
}

err mark_picture_read(struct bytes file, struct mark_picture *out, struct diag *d) {
    AUTO(mark_picture_clear) struct mark_picture p = {0};
    err e;
    if (file.len >= 3 && memcmp(file.data, "\xff\xd8\xff", 3) == 0)
        e = read_jpeg(file, &p, d);
    else if (file.len >= 8 && memcmp(file.data, "\x89PNG\r\n\x1a\n", 8) == 0)
        e = read_png(file, &p, d);
    else
        e = diag_fail(d, ERR_INVALID, "it is neither a JPEG nor a PNG");
    if (e) return e;
    *out = p;
    p.rgb = NULL;
    return ERR_OK;
}
