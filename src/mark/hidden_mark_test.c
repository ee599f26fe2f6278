#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jpeglib.h>
#include <zlib.h>

#include "mark/hidden_mark.h"

#define WIDTH 1280
#define HEIGHT 720

static uint32_t noise(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 24;
}

/* A room without a camera: slopes, squares and grain. */
static uint8_t *scene(uint32_t seed) {
    uint8_t *rgba = malloc((size_t)WIDTH * HEIGHT * 4);
    assert_non_null(rgba);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            int v = 60 + x / 12 + ((x / 90 + y / 70) % 3) * 25 + (int)(noise(&seed) / 16);
            for (int c = 0; c < 4; c++)
                rgba[((size_t)y * WIDTH + (size_t)x) * 4 + (size_t)c] = (uint8_t)(v - 9 * c);
        }
    return rgba;
}

static double psnr(const uint8_t *a, const uint8_t *b) {
    double squares = 0;
    for (size_t i = 0; i < (size_t)WIDTH * HEIGHT * 4; i++) squares += (a[i] - b[i]) * (a[i] - b[i]);
    return 10 * log10(255.0 * 255.0 * WIDTH * HEIGHT * 4 / (squares + 1e-9));
}

/* At half the size, on a gray page of 800 x 500, at 70, 61. */
static struct mark_picture page(const uint8_t *rgba, bool border) {
    struct mark_picture p = {malloc((size_t)800 * 500 * 3), 800, 500};
    assert_non_null(p.rgb);
    memset(p.rgb, 230, (size_t)800 * 500 * 3);
    for (int y = 0; y < HEIGHT / 2; y++)
        for (int x = 0; x < WIDTH / 2; x++)
            for (int c = 0; c < 3; c++) {
                const uint8_t *q = rgba + ((size_t)(2 * y) * WIDTH + (size_t)(2 * x)) * 4 + c;
                int sum = q[0] + q[4] + q[(size_t)WIDTH * 4] + q[(size_t)WIDTH * 4 + 4];
                bool edge = border && (x < 3 || y < 3 || x >= WIDTH / 2 - 3 || y >= HEIGHT / 2 - 3);
                static const uint8_t amber[3] = {MARK_BORDER_RED, MARK_BORDER_GREEN, MARK_BORDER_BLUE};
                p.rgb[((size_t)(y + 61) * 800 + (size_t)(x + 70)) * 3 + (size_t)c] =
                    edge ? amber[c] : (uint8_t)((sum + 2) / 4);
            }
    return p;
}

static void jpeg(const struct mark_picture *p, struct blob *out) {
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    unsigned char *data = NULL;
    unsigned long len = 0;
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &data, &len);
    c.image_width = (JDIMENSION)p->width;
    c.image_height = (JDIMENSION)p->height;
    c.input_components = 3;
    c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, 70, TRUE);
    jpeg_start_compress(&c, TRUE);
    while (c.next_scanline < c.image_height) {
        JSAMPROW row = p->rgb + (size_t)c.next_scanline * (size_t)p->width * 3;
        jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    assert_int_equal(blob_append(out, BYTES(data, len)), ERR_OK);
    jpeg_destroy_compress(&c);
    free(data);
}

static void free_rgba(uint8_t **rgba) {
    free(*rgba);
}

static void test_screenshot(void **state) {
    const struct hidden_mark mark = {0xc0ffee42, 474747};
    AUTO(free_rgba) uint8_t *plain = scene(7), *marked = scene(7);
    hidden_mark_embed(marked, WIDTH, HEIGHT, mark);
    assert_true(psnr(plain, marked) >= 42);
    for (int with = 0; with < 2; with++) {
        AUTO(mark_picture_clear) struct mark_picture p = page(with ? marked : plain, true), seen = {0};
        AUTO(blob_clear) struct blob file = {0};
        struct mark_reading r = {.agreement = -1};
        struct diag d = {{0}};
        jpeg(&p, &file);
        assert_int_equal(mark_picture_read(blob_bytes(&file), &seen, &d), ERR_OK);
        assert_int_equal(hidden_mark_find(&seen, &r), with ? ERR_OK : ERR_NOT_FOUND);
        if (!with) continue;
        assert_int_equal(r.mark.key, mark.key);
        assert_int_equal(r.mark.minute, mark.minute);
        assert_true(fabs(r.x - 70) <= 2 && fabs(r.y - 61) <= 2 && fabs(r.width - 640) <= 4);
    }
}

/* Without its border a frame is found where somebody says that it is, or nowhere. */
static void test_cropped(void **state) {
    const struct hidden_mark mark = {1, 2};
    AUTO(free_rgba) uint8_t *marked = scene(9);
    hidden_mark_embed(marked, WIDTH, HEIGHT, mark);
    AUTO(mark_picture_clear) struct mark_picture p = page(marked, false);
    struct mark_reading r;
    assert_int_equal(hidden_mark_find(&p, &r), ERR_NOT_FOUND);
    assert_int_equal(hidden_mark_read_frame(&p, 71, 60, 640, 360, &r), ERR_OK);
    assert_int_equal(r.mark.key, 1);
    /* The page's lower right, cut off: two thirds of the frame. */
    memmove(p.rgb, p.rgb + (size_t)121 * 800 * 3, (size_t)379 * 800 * 3);
    p.height = 379;
    assert_int_equal(hidden_mark_read_frame(&p, 70, -60, 640, 360, &r), ERR_OK);
    assert_int_equal(r.mark.minute, 2);
}

static void test_extremes(void **state) {
    const struct hidden_mark mark = {0xffffffff, 0xffffff};
    const size_t pixels = (size_t)WIDTH * HEIGHT;
    AUTO(free_rgba) uint8_t *rgba = malloc(pixels * 4);
    uint8_t *gray = calloc(pixels, 1);
    assert_true(rgba && gray);
    /* Nothing is darker than black or lighter than white, and half of the mark is still there. */
    for (int white = 0; white < 2; white++) {
        struct mark_reading r;
        memset(rgba, white ? 255 : 0, pixels * 4);
        hidden_mark_embed(rgba, WIDTH, HEIGHT, mark);
        for (size_t i = 0; i < pixels; i++) gray[i] = rgba[4 * i];
        assert_int_equal(hidden_mark_read_at((struct gray){gray, WIDTH, HEIGHT}, 0, 0, WIDTH, HEIGHT, &r),
                         ERR_OK);
        assert_int_equal(r.mark.key, mark.key);
        assert_int_equal(r.mark.minute, mark.minute);
    }
    free(gray);
}

static void test_limits(void **state) {
    uint8_t *gray = calloc((size_t)MARK_READ_WIDTH_MIN * MARK_READ_HEIGHT_MIN, 1);
    assert_non_null(gray);
    struct gray p = {gray, MARK_READ_WIDTH_MIN, MARK_READ_HEIGHT_MIN};
    struct mark_reading r;
    const double w = MARK_READ_WIDTH_MIN, h = MARK_READ_HEIGHT_MIN, most = MARK_PICTURE_SIDE_MAX;
    assert_int_equal(hidden_mark_read_at(p, 0, 0, w, h, &r), ERR_NOT_FOUND);
    assert_int_equal(hidden_mark_read_at(p, 0, 0, w - 1, h, &r), ERR_INVALID);
    assert_int_equal(hidden_mark_read_at(p, 0, 0, w, h - 1, &r), ERR_INVALID);
    assert_int_equal(hidden_mark_read_at(p, 0, 0, most, most, &r), ERR_NOT_FOUND);
    assert_int_equal(hidden_mark_read_at(p, 0, 0, most + 1, most, &r), ERR_INVALID);
    assert_int_equal(hidden_mark_read_at(p, 0, 0, NAN, h, &r), ERR_INVALID);
    free(gray);
}

/* A PNG's header alone says how large it would be. */
static void test_large_picture(void **state) {
    static const uint8_t head[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\0\0\0\0\0\x08\x02\0\0\0";
    static const struct {
        uint32_t width, height;
        err expected;
    } cases[] = {{MARK_PICTURE_SIDE_MAX, 1, ERR_INVALID}, /* of which nothing follows */
                 {MARK_PICTURE_SIDE_MAX + 1, 1, ERR_LIMIT},
                 {1, MARK_PICTURE_SIDE_MAX + 1, ERR_LIMIT},
                 {MARK_PICTURE_SIDE_MAX, MARK_PICTURE_PIXELS_MAX / MARK_PICTURE_SIDE_MAX + 1, ERR_LIMIT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mark_picture p = {0};
        struct diag d = {{0}};
        AUTO(blob_clear) struct blob file = {0};
        assert_int_equal(blob_append(&file, BYTES(head, sizeof head - 1)), ERR_OK);
        be32_put(file.data + 16, cases[i].width);
        be32_put(file.data + 20, cases[i].height);
        uint32_t crc = (uint32_t)crc32(0, file.data + 12, 17);
        assert_int_equal(blob_append_be32(&file, crc), ERR_OK);
        assert_int_equal(blob_append(&file, BYTES("\0\0\0\0IDAT\x35\xaf\x06\x1e", 12)), ERR_OK);
        err e = mark_picture_read(blob_bytes(&file), &p, &d);
        if (e != cases[i].expected)
            fail_msg("%u x %u: %s: %s", cases[i].width, cases[i].height, err_text(e), d.text);
        assert_null(p.rgb);
    }
}

static void test_no_picture(void **state) {
    static const struct {
        const char *label, *bytes, *word;
        size_t len;
        err expected;
    } cases[] = {
        {"nothing", "", "neither", 0, ERR_INVALID},
        {"text", "GIF89a", "neither", 6, ERR_INVALID},
        {"a JPEG's first bytes", "\xff\xd8\xff\xe0", "JPEG", 4, ERR_INVALID},
        {"a PNG's first bytes", "\x89PNG\r\n\x1a\n", "PNG", 8, ERR_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mark_picture p = {0};
        struct diag d = {{0}};
        err e = mark_picture_read(BYTES(cases[i].bytes, cases[i].len), &p, &d);
        if (e != cases[i].expected) fail_msg("%s: %s: %s", cases[i].label, err_text(e), d.text);
        if (!strstr(d.text, cases[i].word)) fail_msg("%s: %s", cases[i].label, d.text);
        assert_null(p.rgb);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_screenshot), cmocka_unit_test(test_cropped),
        cmocka_unit_test(test_extremes),   cmocka_unit_test(test_limits),
        cmocka_unit_test(test_no_picture), cmocka_unit_test(test_large_picture),
    };
    return cmocka_run_group_tests_name("hidden mark", tests, NULL, NULL);
}
