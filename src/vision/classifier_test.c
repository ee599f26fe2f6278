/* A file made by hand with a result that can be worked out, and all the ways in which a file can be wrong. */
#include <math.h>
#include <openssl/sha.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "vision/classifier.h"

#define PIXELS (CLASSIFIER_SIDE * CLASSIFIER_SIDE)
#define HALF_1 0x3c00
#define HALF_HALF 0x3800
#define HALF_MINUS_2 0xc000
#define HALF_NAN 0x7e00

struct made {
    uint8_t bytes[4096];
    size_t len;
};

static void put(struct made *m, const void *data, size_t len) {
    assert_true(m->len + len <= sizeof m->bytes);
    memcpy(m->bytes + m->len, data, len);
    m->len += len;
}

static void put_u16(struct made *m, unsigned v) {
    uint8_t b[2] = {(uint8_t)(v >> 8), (uint8_t)v};
    put(m, b, 2);
}

static void put_layer(struct made *m, uint8_t kind, uint8_t kernel, uint8_t stride, unsigned inputs,
                      unsigned outputs) {
    uint8_t b[4] = {kind, kernel, stride, 0};
    put(m, b, 4);
    put_u16(m, inputs);
    put_u16(m, outputs);
}

static void seal(struct made *m) {
    SHA256(m->bytes, m->len, m->bytes + m->len);
    m->len += SHA256_DIGEST_LENGTH;
}

/* The sum of the three colours of each second pixel, its mean, and scores of: 0, the mean, half of it, -2
 * times it. */
static struct made simple(void) {
    struct made m = {0};
    static const uint8_t head[] = {'C', 'R', 'D', 'C', 1,  CLASSIFIER_SIDE, CLASSIFIER_CLASSES, 3, 0,
                                   0,   0,   2,   '{', '}'};
    put(&m, head, sizeof head);
    put_layer(&m, CLASSIFIER_CONVOLUTION, 1, 2, 3, 1);
    put_layer(&m, CLASSIFIER_MEAN, 0, 1, 1, 1);
    put_layer(&m, CLASSIFIER_CONNECTED, 1, 1, 1, 4);
    static const unsigned numbers[] = {HALF_1,    HALF_1,       HALF_1, 0, 0, HALF_1,
                                       HALF_HALF, HALF_MINUS_2, 0,      0, 0, 0};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) put_u16(&m, numbers[i]);
    seal(&m);
    return m;
}

static void scores_can_be_worked_out(void **state) {
    struct made m = simple();
    AUTO(classifier_release) struct classifier *c = NULL;
    struct diag d;
    static uint8_t rgb[PIXELS * 3];
    float scores[CLASSIFIER_CLASSES], sum = 0;
    assert_int_equal(classifier_load(BYTES(m.bytes, m.len), &c, &d), ERR_OK);
    for (size_t i = 0; i < sizeof rgb; i++) /* 1 and 0 in turn, pixel by pixel; the stride meets the ones */
        rgb[i] = i / 3 % 2 ? 128 : 128 + 64 / 4;
    classifier_run(c, rgb, scores);
    /* Each met pixel gives 3 × 1/4. */
    static const float logits[CLASSIFIER_CLASSES] = {0, 0.75f, 0.375f, -1.5f};
    for (int i = 0; i < CLASSIFIER_CLASSES; i++) sum += expf(logits[i]);
    for (int i = 0; i < CLASSIFIER_CLASSES; i++)
        assert_true(fabsf(scores[i] - expf(logits[i]) / sum) < 1e-5f);
    memset(rgb, 0, sizeof rgb); /* below 0: cut */
    classifier_run(c, rgb, scores);
    for (int i = 0; i < CLASSIFIER_CLASSES; i++) assert_true(fabsf(scores[i] - 0.25f) < 1e-6f);
}

static void each_cut_is_refused(void **state) {
    struct made m = simple();
    struct diag d;
    struct classifier *c = NULL;
    for (size_t len = 0; len < m.len; len++) {
        assert_int_not_equal(classifier_load(BYTES(m.bytes, len), &c, &d), ERR_OK);
        assert_null(c);
        struct made cut = m; /* also where the hash fits what is left */
        cut.len = len;
        if (len + SHA256_DIGEST_LENGTH == m.len) continue;
        seal(&cut);
        assert_int_not_equal(classifier_load(BYTES(cut.bytes, cut.len), &c, &d), ERR_OK);
        assert_null(c);
    }
}

static void each_changed_byte_is_refused(void **state) {
    struct made m = simple();
    struct diag d;
    struct classifier *c = NULL;
    for (size_t i = 0; i < m.len; i++) {
        m.bytes[i] ^= 1;
        assert_int_not_equal(classifier_load(BYTES(m.bytes, m.len), &c, &d), ERR_OK);
        m.bytes[i] ^= 1;
    }
}

/* Bytes of the simple file, by where they stand. */
enum {
    AT_VERSION = 4,
    AT_SIDE,
    AT_CLASSES,
    AT_LAYERS,
    AT_ABOUT = 8,
    AT_TEXT = 12,
    AT_LAYER = 14,
    AT_NUMBERS = 38
};

static void odd_files_are_refused(void **state) {
    static const struct {
        const char *what;
        size_t at;
        uint8_t value;
        err wanted;
    } cases[] = {
        {"magic", 0, 'X', ERR_INVALID},
        {"version", AT_VERSION, 2, ERR_UNSUPPORTED},
        {"side", AT_SIDE, 64, ERR_UNSUPPORTED},
        {"classes", AT_CLASSES, 5, ERR_UNSUPPORTED},
        {"one layer", AT_LAYERS, 1, ERR_LIMIT},
        {"too many layers", AT_LAYERS, CLASSIFIER_LAYERS_MAX + 1, ERR_LIMIT},
        {"more layers than there are", AT_LAYERS, CLASSIFIER_LAYERS_MAX, ERR_INVALID},
        {"description too long", AT_ABOUT, 1, ERR_LIMIT},
        {"description past the end", AT_ABOUT + 2, 0x3f, ERR_INVALID},
        {"description is no JSON", AT_TEXT, '[', ERR_INVALID},
        {"kind", AT_LAYER, 9, ERR_INVALID},
        {"mean first", AT_LAYER, CLASSIFIER_MEAN, ERR_INVALID},
        {"kernel", AT_LAYER + 1, 2, ERR_INVALID},
        {"stride 0", AT_LAYER + 2, 0, ERR_INVALID},
        {"stride 3", AT_LAYER + 2, 3, ERR_INVALID},
        {"reserved byte", AT_LAYER + 3, 1, ERR_INVALID},
        {"inputs", AT_LAYER + 5, 4, ERR_INVALID},
        {"no outputs", AT_LAYER + 7, 0, ERR_INVALID},
        {"outputs that the next does not take", AT_LAYER + 7, 2, ERR_INVALID},
        {"far too many outputs", AT_LAYER + 6, 0xff, ERR_INVALID},
        {"a mean with a kernel", AT_LAYER + 9, 1, ERR_INVALID},
        {"classes of the last layer", AT_LAYER + 23, 3, ERR_INVALID},
    };
    struct diag d;
    struct classifier *c = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct made m = simple();
        m.bytes[cases[i].at] = cases[i].value;
        m.len -= SHA256_DIGEST_LENGTH;
        seal(&m);
        err got = classifier_load(BYTES(m.bytes, m.len), &c, &d);
        if (got != cases[i].wanted)
            fail_msg("%s: %s, not %s: %s", cases[i].what, err_text(got), err_text(cases[i].wanted), d.text);
        assert_null(c);
    }
    struct made m = simple(); /* what is no number */
    m.bytes[AT_NUMBERS] = HALF_NAN >> 8;
    m.len -= SHA256_DIGEST_LENGTH;
    seal(&m);
    assert_int_equal(classifier_load(BYTES(m.bytes, m.len), &c, &d), ERR_INVALID);
}

/* A file of convolutions that each give `outputs`; the first has the stride. */
static err load_wide(unsigned outputs, unsigned layers, uint8_t stride, size_t padding) {
    AUTO(blob_clear) struct blob file = {0};
    struct made m = {0};
    uint8_t head[] = {'C', 'R', 'D', 'C', 1,  CLASSIFIER_SIDE, CLASSIFIER_CLASSES, (uint8_t)(layers + 2), 0,
                      0,   0,   2,   '{', '}'};
    struct classifier *c = NULL;
    struct diag d;
    put(&m, head, sizeof head);
    for (unsigned i = 0; i < layers; i++)
        put_layer(&m, CLASSIFIER_CONVOLUTION, 3, i ? 1 : stride, i ? outputs : 3, outputs);
    put_layer(&m, CLASSIFIER_MEAN, 0, 1, outputs, outputs);
    put_layer(&m, CLASSIFIER_CONNECTED, 1, 1, outputs, 4);
    assert_int_equal(blob_append(&file, BYTES(m.bytes, m.len)), ERR_OK);
    size_t numbers =
        27 * outputs + outputs + (layers - 1) * (9 * outputs * outputs + outputs) + 4 * outputs + 4 + padding;
    for (size_t i = 0; i < 2 * numbers; i++) assert_int_equal(blob_append_u8(&file, 0), ERR_OK);
    uint8_t hash[SHA256_DIGEST_LENGTH];
    SHA256(file.data, file.len, hash);
    assert_int_equal(blob_append(&file, BYTES_OF(hash)), ERR_OK);
    err e = classifier_load(blob_bytes(&file), &c, &d);
    classifier_free(c);
    return e;
}

static void limits_hold(void **state) {
    /* 48² × 7 = 16128 values, 8 are 18432. */
    assert_int_equal(load_wide(7, 1, 1, 0), ERR_OK);
    assert_int_equal(load_wide(8, 1, 1, 0), ERR_LIMIT);
    assert_int_equal(load_wide(7, 1, 1, 1), ERR_INVALID);
    /* 24² × 9 × (3 × 28 + 28² × (layers - 1)) multiplications: 16.7 and 20.8 million. */
    assert_int_equal(load_wide(28, 5, 2, 0), ERR_OK);
    assert_int_equal(load_wide(28, 6, 2, 0), ERR_LIMIT);
    assert_int_equal(load_wide(7, CLASSIFIER_LAYERS_MAX - 2, 1, 0), ERR_OK);
    assert_int_equal(load_wide(7, CLASSIFIER_LAYERS_MAX - 1, 1, 0), ERR_LIMIT);
    struct diag d;
    struct classifier *c = NULL;
    uint8_t *large = calloc(1, CLASSIFIER_FILE_MAX_BYTES + 1);
    assert_non_null(large);
    assert_int_equal(classifier_load(BYTES(large, CLASSIFIER_FILE_MAX_BYTES), &c, &d), ERR_INVALID);
    assert_int_equal(classifier_load(BYTES(large, CLASSIFIER_FILE_MAX_BYTES + 1), &c, &d), ERR_LIMIT);
    free(large);
}

/* A crop of a picture that is brighter to the right, wherever it is cut, and beyond its edges. */
static void crops_are_cut_where_they_are(void **state) {
    enum { WIDTH = 96, HEIGHT = 64 };
    static uint8_t pixels[WIDTH * HEIGHT * 3];
    static uint8_t crop[PIXELS * 3];
    for (int i = 0; i < WIDTH * HEIGHT * 3; i++) pixels[i] = (uint8_t)(2 * (i / 3 % WIDTH));
    struct classifier_picture p = {pixels, WIDTH, HEIGHT, 3, WIDTH * 3};
    classifier_cut(&p, 48, 32, 48, CLASSIFIER_SIDE, crop); /* one to one: from column 24 */
    for (int x = 0; x < CLASSIFIER_SIDE; x++) assert_int_equal(crop[3 * x], 2 * (24 + x));
    classifier_cut(&p, 48, 32, 24, CLASSIFIER_SIDE,
                   crop); /* twice as large: the middle stays in the middle */
    assert_in_range(crop[3 * 24] + crop[3 * 23], 2 * 2 * 48 - 4, 2 * 2 * 48);
    classifier_cut(&p, 0, 0, 48, CLASSIFIER_SIDE, crop); /* beyond the corner its pixel goes on */
    assert_int_equal(crop[0], 0);
    assert_int_equal(crop[3 * 47], 2 * 23);
    classifier_cut(&p, 1e9f, -1e9f, 48, CLASSIFIER_SIDE, crop);
    assert_int_equal(crop[0], 2 * (WIDTH - 1));
    classifier_cut(&p, 48, 32, 1e9f, CLASSIFIER_SIDE, crop);
    classifier_crop(&p, 40, 10, 0, 0, CLASSIFIER_SIDE, crop); /* a place without size is a pixel */
    assert_in_range(crop[3 * 24], 78, 80);
}

/* The weights that are shipped, on pictures that can be made again: another result is another network, or a
 * mistake. After training anew these scores are to be replaced. */
static void shipped_weights_give_known_scores(void **state) {
    static const float wanted[3][CLASSIFIER_CLASSES] = {{0.9334f, 0.0116f, 0.0253f, 0.0297f},
                                                        {0.9638f, 0.0086f, 0.0126f, 0.0150f},
                                                        {0.4962f, 0.0531f, 0.2673f, 0.1834f}};
    static uint8_t rgb[PIXELS * 3];
    AUTO(blob_clear) struct blob file = {0};
    AUTO(classifier_release) struct classifier *c = NULL;
    struct diag d;
    char path[PATH_TEXT_BYTES];
    assert_non_null(getenv("CARDEA_SOURCE"));
    assert_int_equal(path_join(path, getenv("CARDEA_SOURCE"), "data/models/motion-classifier.bin"), ERR_OK);
    assert_int_equal(file_read(path, CLASSIFIER_FILE_MAX_BYTES, &file, &d), ERR_OK);
    assert_int_equal(classifier_load(blob_bytes(&file), &c, &d), ERR_OK);
    for (int k = 0; k < 3; k++) {
        float scores[CLASSIFIER_CLASSES];
        for (int i = 0; i < PIXELS * 3; i++)
            rgb[i] = (uint8_t)(k == 0 ? 128 : k == 1 ? i / 3 % CLASSIFIER_SIDE * 5 : i * 7919 % 251);
        classifier_run(c, rgb, scores);
        for (int i = 0; i < CLASSIFIER_CLASSES; i++) assert_true(fabsf(scores[i] - wanted[k][i]) < 2e-3f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_can_be_worked_out),
        cmocka_unit_test(each_cut_is_refused),
        cmocka_unit_test(each_changed_byte_is_refused),
        cmocka_unit_test(odd_files_are_refused),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(shipped_weights_give_known_scores),
        cmocka_unit_test(crops_are_cut_where_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
