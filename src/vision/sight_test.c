/* Pictures and parts of them: sampling, looks, sharpness, parts to look at, JPEG, assignment, suppression. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "vision/assign.h"
#include "vision/crops.h"
#include "vision/detector_internal.h"
#include "vision/jpeg.h"
#include "vision/look.h"
#include "vision/sharpness.h"

#define W 640
#define H 360

static uint8_t pixels[1280 * 720 * 3 / 2];

/* Grey with a coloured rectangle. */
static struct image scene(int width, int height, struct rect r, uint8_t y, uint8_t u, uint8_t v) {
    size_t luma = (size_t)width * (size_t)height;
    memset(pixels, 100, luma);
    memset(pixels + luma, 128, luma / 2);
    for (int j = r.y; j < r.y + r.h; j++)
        for (int i = r.x; i < r.x + r.w; i++) {
            size_t half = (size_t)(j / 2) * (size_t)(width / 2) + (size_t)(i / 2);
            pixels[(size_t)j * (size_t)width + (size_t)i] = y;
            pixels[luma + half] = u;
            pixels[luma + luma / 4 + half] = v;
        }
    return image_i420(pixels, width, height);
}

static void test_colours(void **state) {
    /* BT.601 at video levels: white, black, and a red (81, 90, 240). */
    static const struct {
        uint8_t y, u, v, rgb[3];
    } cases[] = {{235, 128, 128, {255, 255, 255}},
                 {16, 128, 128, {0, 0, 0}},
                 {81, 90, 240, {254, 0, 0}},
                 {255, 128, 128, {255, 255, 255}},
                 {0, 128, 128, {0, 0, 0}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct image m = scene(64, 64, (struct rect){0, 0, 64, 64}, cases[i].y, cases[i].u, cases[i].v);
        uint8_t out[7 * 5 * 3];
        image_rgb(&m, (struct rect){3, 5, 50, 40}, 7, 5, out);
        for (size_t k = 0; k < sizeof out; k++) assert_true(abs(out[k] - cases[i].rgb[k % 3]) <= 1);
    }
}

/* Every size of part and of sample, at every border: no byte outside is read (the sanitizers watch), and a
 * grey picture stays grey. */
static void test_all_sizes(void **state) {
    static float out[3 * 64 * 64];
    const struct image_levels levels = {.bgr = true, .scale = {1, 1, 1}};
    const int sizes[] = {2, 4, 6, 16, 62, 64};
    for (size_t w = 0; w < 6; w++)
        for (size_t h = 0; h < 6; h++) {
            uint8_t *exact = malloc((size_t)(sizes[w] * sizes[h] * 3 / 2));
            assert_non_null(exact);
            memset(exact, 128, (size_t)(sizes[w] * sizes[h] * 3 / 2));
            struct image m = image_i420(exact, sizes[w], sizes[h]);
            for (int n = 1; n <= 64; n += 9) {
                struct rect r = {sizes[w] - 2, sizes[h] - 2, 2, 2};
                image_planes(&m, r, n, n, &levels, out, 64 * 64, 64);
                r = (struct rect){0, 0, sizes[w], sizes[h]};
                image_planes(&m, r, n, n, &levels, out, 64 * 64, 64);
                for (int i = 0; i < n; i++) assert_true(fabsf(out[i] - 130.4f) < 0.1f);
            }
            free(exact);
        }
}

/* A sample at half the size is the mean of what it covers. */
static void test_scaling(void **state) {
    struct image m = scene(64, 64, (struct rect){0, 0, 32, 64}, 200, 128, 128);
    uint8_t out[32 * 32 * 3];
    image_rgb(&m, (struct rect){0, 0, 64, 64}, 32, 32, out);
    assert_true(out[0] > 210 && out[3 * 15] > 210);
    assert_true(out[3 * 16] < 100 && out[3 * 31] < 100);
}

static void test_looks(void **state) {
    int8_t red[VISION_LOOK_BYTES], again[VISION_LOOK_BYTES], blue[VISION_LOOK_BYTES],
        empty[VISION_LOOK_BYTES];
    struct area box = {0.25f, 0.25f, 0.5f, 0.75f};
    struct rect r = {200, 120, 60, 100};
    struct image m = scene(W, H, r, 90, 90, 220);
    look_of(&m, box, red);
    m = scene(W, H, (struct rect){204, 122, 60, 100}, 95, 92, 215);
    look_of(&m, box, again);
    m = scene(W, H, r, 60, 200, 100);
    look_of(&m, box, blue);
    m = scene(W, H, (struct rect){0, 0, 2, 2}, 100, 128, 128);
    look_of(&m, box, empty);
    assert_true(look_cosine(red, red) > 0.999f);
    assert_true(look_cosine(red, again) > 0.95f);
    assert_true(look_cosine(red, blue) < 0.9f);
    assert_true(look_cosine(red, empty) < 0.8f);
    int8_t none[VISION_LOOK_BYTES] = {0};
    assert_true(look_cosine(red, none) == 0);
    /* At the very edge, and of no size. */
    look_of(&m, (struct area){0.999f, 0.999f, 1.5f, 1.5f}, red);
    look_of(&m, (struct area){0.5f, 0.5f, 0.5f, 0.5f}, red);
}

static void test_sharpness(void **state) {
    struct image m = scene(64, 64, (struct rect){0, 0, 2, 2}, 100, 128, 128);
    float flat = sharpness(&m, (struct rect){8, 8, 40, 40});
    for (size_t i = 0; i < 64 * 64; i++) pixels[i] = (uint8_t)(i % 4 < 2 ? 60 : 180);
    float sharp = sharpness(&m, (struct rect){8, 8, 40, 40});
    for (size_t i = 0; i < 64 * 64; i++) pixels[i] = (uint8_t)(i % 64 * 2);
    float blurred = sharpness(&m, (struct rect){8, 8, 40, 40});
    assert_true(flat == 0 && sharp > 1000 && blurred < 1);
    assert_true(sharpness(&m, (struct rect){0, 0, 2, 2}) == 0);
}

/* --- Parts --- */

static bool covered(const struct image *m, const struct crops *c, struct area a) {
    for (size_t i = 0; i < c->count; i++)
        if (area_inside(a, crops_area(m, c->list[i])) > 0.999f) return true;
    return false;
}

static void test_crops(void **state) {
    struct image m = image_i420(pixels, 1280, 720);
    static const struct {
        const char *what;
        size_t moving, parts;
        struct area list[5];
    } cases[] = {
        {"nothing", 0, 0, {{0, 0, 0, 0}}},
        {"one small", 1, 1, {{0.5f, 0.5f, 0.55f, 0.6f}}},
        {"in the corner", 1, 1, {{0.97f, 0.97f, 1, 1}}},
        {"two near ones", 2, 1, {{0.5f, 0.5f, 0.55f, 0.6f}, {0.6f, 0.5f, 0.65f, 0.6f}}},
        {"two far ones", 2, 2, {{0, 0, 0.05f, 0.1f}, {0.9f, 0.8f, 1, 1}}},
        {"four corners and the middle",
         5,
         3,
         {{0, 0, 0.05f, 0.05f},
          {0.95f, 0, 1, 0.05f},
          {0, 0.95f, 0.05f, 1},
          {0.95f, 0.95f, 1, 1},
          {0.5f, 0.5f, 0.52f, 0.52f}}},
        {"all of it", 1, 1, {{0, 0, 1, 1}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct crops c = {.count = 0};
        crops_plan(&m, cases[i].list, cases[i].moving, 416, false, &c);
        if (c.count != cases[i].parts) fail_msg("%s: %zu parts", cases[i].what, c.count);
        for (size_t k = 0; k < c.count; k++) {
            struct rect r = c.list[k];
            assert_true(r.x >= 0 && r.y >= 0 && r.x + r.w <= 1280 && r.y + r.h <= 720);
            assert_true(r.w >= 416 && r.h >= 416);
        }
        for (size_t k = 0; k < cases[i].moving; k++) assert_true(covered(&m, &c, cases[i].list[k]));
    }
    struct crops c = {.count = 0};
    for (int i = 0; i < CROPS_MAX; i++) assert_true(crops_add(&m, (struct area){0, 0, 0.1f, 0.1f}, 416, &c));
    assert_false(crops_add(&m, (struct area){0, 0, 0.1f, 0.1f}, 416, &c));
}

/* A picture smaller than what the model is fed, and a part as close as it may be. */
static void test_small_crops(void **state) {
    struct image m = image_i420(pixels, 320, 180);
    struct crops c = {.count = 0};
    const struct area a = {0.1f, 0.1f, 0.2f, 0.3f};
    crops_plan(&m, &a, 1, 416, false, &c);
    assert_int_equal(c.list[0].w, 320);
    assert_int_equal(c.list[0].h, 180);
    crops_plan(&m, &a, 1, 416, true, &c);
    assert_true(c.list[0].w < 100 && c.list[0].h < 100 && covered(&m, &c, a));
}

/* --- JPEG --- */

static void test_jpeg(void **state) {
    struct image m = scene(W, H, (struct rect){200, 100, 100, 150}, 81, 90, 240), back;
    AUTO(blob_clear) struct blob jpeg = {0};
    AUTO(blob_clear) struct blob decoded = {0};
    struct diag d = {{0}};
    assert_int_equal(jpeg_encode(&m, (struct rect){0, 0, W, H}, W, VISION_PICTURE_MAX_BYTES, &jpeg, &d),
                     ERR_OK);
    assert_true(jpeg.len <= VISION_PICTURE_MAX_BYTES);
    assert_int_equal(jpeg_decode(blob_bytes(&jpeg), &decoded, &back, &d), ERR_OK);
    assert_int_equal(back.width, W);
    assert_int_equal(back.height, H);
    size_t middle = 170u * W + 250, corner = 10u * W + 10;
    assert_true(abs(back.y[middle] - 81) < 6 && abs(back.y[corner] - 100) < 6);
    assert_true(abs(back.v[85 * W / 2 + 125] - 240) < 12 && abs(back.u[85 * W / 2 + 125] - 90) < 12);
}

/* Noise does not compress: quality and then size give way until it fits. */
static void test_jpeg_limit(void **state) {
    unsigned seed = 1;
    for (size_t i = 0; i < sizeof pixels; i++) {
        seed = seed * 1664525 + 1013904223;
        pixels[i] = (uint8_t)(seed >> 24);
    }
    struct image m = image_i420(pixels, 1280, 720);
    AUTO(blob_clear) struct blob jpeg = {0};
    struct diag d = {{0}};
    const struct rect whole = {0, 0, 1280, 720};
    assert_int_equal(jpeg_encode(&m, whole, 480, VISION_PICTURE_MAX_BYTES, &jpeg, &d), ERR_OK);
    assert_true(jpeg.len <= VISION_PICTURE_MAX_BYTES && jpeg.len > 5000);
    assert_int_equal(jpeg_encode(&m, whole, 480, 100, &jpeg, &d), ERR_LIMIT);
    assert_int_equal(jpeg_encode(&m, (struct rect){5, 5, 2, 2}, 480, 2000, &jpeg, &d), ERR_OK);
}

static void test_bad_jpegs(void **state) {
    struct image m = scene(W, H, (struct rect){200, 100, 100, 150}, 81, 90, 240), back;
    AUTO(blob_clear) struct blob jpeg = {0};
    struct diag d = {{0}};
    assert_int_equal(jpeg_encode(&m, (struct rect){0, 0, W, H}, W, VISION_PICTURE_MAX_BYTES, &jpeg, &d),
                     ERR_OK);
    for (size_t n = 0; n < 300; n += 7) { /* cut within its head */
        AUTO(blob_clear) struct blob decoded = {0};
        (void)!jpeg_decode(BYTES(jpeg.data, n), &decoded, &back, &d);
    }
    AUTO(blob_clear) struct blob decoded = {0};
    assert_int_equal(jpeg_decode(BYTES("not a picture", 13), &decoded, &back, &d), ERR_INVALID);
    assert_true(d.text[0] != 0);
    /* The size in the frame head (SOF0) says 65500 × 65500. */
    for (size_t i = 0; i + 9 < jpeg.len; i++)
        if (jpeg.data[i] == 0xff && jpeg.data[i + 1] == 0xc0) {
            be16_put(jpeg.data + i + 5, 65500);
            be16_put(jpeg.data + i + 7, 65500);
            break;
        }
    assert_int_equal(jpeg_decode(blob_bytes(&jpeg), &decoded, &back, &d), ERR_LIMIT);
}

/* --- Assignment, against trying everything --- */

static float best_of_all(const float *worth, size_t rows, size_t columns, size_t row, unsigned used) {
    if (row == rows) return 0;
    float best = best_of_all(worth, rows, columns, row + 1, used);
    for (size_t c = 0; c < columns; c++) {
        float w = worth[row * columns + c];
        if (used >> c & 1 || w <= 0) continue;
        float with = w + best_of_all(worth, rows, columns, row + 1, used | 1u << c);
        if (with > best) best = with;
    }
    return best;
}

static void test_assign(void **state) {
    unsigned seed = 5;
    for (int round = 0; round < 300; round++) {
        float worth[36], sum = 0;
        size_t rows = 1 + (size_t)round % 6, columns = 1 + (size_t)round / 6 % 6;
        int out[6];
        unsigned used = 0;
        for (size_t i = 0; i < rows * columns; i++) {
            seed = seed * 1664525 + 1013904223;
            worth[i] = (float)(seed >> 8) / 16777216.0f - 0.4f;
        }
        assign(worth, rows, columns, out);
        for (size_t r = 0; r < rows; r++) {
            if (out[r] < 0) continue;
            assert_true((size_t)out[r] < columns && !(used >> out[r] & 1));
            used |= 1u << out[r];
            assert_true(worth[r * columns + (size_t)out[r]] > 0);
            sum += worth[r * columns + (size_t)out[r]];
        }
        assert_true(fabsf(sum - best_of_all(worth, rows, columns, 0, 0)) < 1e-4f);
    }
    int none[2];
    assign(NULL, 2, 0, none);
    assert_true(none[0] == -1 && none[1] == -1);
}

static void test_suppression(void **state) {
    struct detections f = {.count = 5};
    f.list[0] = (struct detection){SEEN_CAR, 0.8f, {0.1f, 0.1f, 0.5f, 0.5f}, 100, false};
    f.list[1] = (struct detection){SEEN_TRUCK, 0.7f, {0.12f, 0.1f, 0.5f, 0.5f}, 100, false}; /* the same */
    f.list[2] = (struct detection){SEEN_CAR, 0.95f, {0.1f, 0.1f, 0.2f, 0.5f}, 100, true}; /* a piece of it */
    f.list[3] = (struct detection){SEEN_PERSON, 0.6f, {0.2f, 0.1f, 0.4f, 0.5f}, 100, false}; /* before it */
    f.list[4] = (struct detection){SEEN_CAR, 0.6f, {0.6f, 0.6f, 0.9f, 0.9f}, 100, true};     /* another */
    detections_suppress(&f);
    assert_int_equal(f.count, 3);
    for (size_t i = 0; i < f.count; i++) assert_true(f.list[i].score <= 0.8f);
}

static void test_labels(void **state) {
    assert_int_equal(label_of_model("person"), SEEN_PERSON);
    assert_int_equal(label_of_model("motorbike"), SEEN_MOTORCYCLE);
    assert_int_equal(label_of_model("giraffe"), SEEN_ANIMAL);
    assert_int_equal(label_of_model("package"), SEEN_PACKAGE);
    assert_int_equal(label_of_model("kite"), SEEN_NOTHING);
    assert_int_equal(label_of_model("nothing"), SEEN_NOTHING);
    assert_int_equal(label_group(SEEN_TRUCK), label_group(SEEN_CAR));
    assert_int_not_equal(label_group(SEEN_PERSON), label_group(SEEN_DOG));
}

/* Kinds of one group add up to what is just believed; of others, and hardly any, they do not. */
static void test_kinds_add_up(void **state) {
    static const struct {
        const char *what;
        float scores[5]; /* cat, dog, person, truck, nothing that matters */
        enum seen_label label;
        float best;
    } cases[] = {{"a clear cat", {0.8f, 0.3f, 0.1f, 0, 0}, SEEN_CAT, 0.8f},
                 {"half a cat, half a dog", {0.3f, 0.28f, 0.2f, 0, 0}, SEEN_CAT, 0.55f},
                 {"a bit of each", {0.12f, 0.15f, 0, 0, 0}, SEEN_DOG, 0.27f},
                 {"hardly a dog", {0.4f, 0.09f, 0, 0, 0}, SEEN_CAT, 0.4f},
                 {"different things", {0.3f, 0, 0.35f, 0.3f, 0.9f}, SEEN_PERSON, 0.35f},
                 {"nothing", {0.09f, 0.09f, 0.19f, 0.1f, 0.9f}, SEEN_NOTHING, 0}};
    static const struct detector t = {.labels = {SEEN_CAT, SEEN_DOG, SEEN_PERSON, SEEN_TRUCK, SEEN_NOTHING},
                                      .model.label_count = 5};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum seen_label label;
        float best = detector_best(&t, cases[i].scores, &label);
        bool right = label == cases[i].label && (!label || fabsf(best - cases[i].best) < 1e-5f);
        if (!right) fail_msg("%s: %d, %.2f", cases[i].what, (int)label, (double)best);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_colours),     cmocka_unit_test(test_all_sizes),
        cmocka_unit_test(test_scaling),     cmocka_unit_test(test_looks),
        cmocka_unit_test(test_sharpness),   cmocka_unit_test(test_crops),
        cmocka_unit_test(test_small_crops), cmocka_unit_test(test_jpeg),
        cmocka_unit_test(test_jpeg_limit),  cmocka_unit_test(test_bad_jpegs),
        cmocka_unit_test(test_assign),      cmocka_unit_test(test_suppression),
        cmocka_unit_test(test_labels),      cmocka_unit_test(test_kinds_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
