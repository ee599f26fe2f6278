#include "vision/classifier.h"

#include <math.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include "base/json.h"

#define HEAD_BYTES 12
#define LAYER_BYTES 8
#define COLOURS 3

struct layer {
    struct classifier_layer shape;
    int side_in, side_out;
    const float
        *weights; /* [kernel][kernel][inputs][outputs], so that the innermost loop runs over outputs */
    const float *biases;
};

struct classifier {
    struct layer layers[CLASSIFIER_LAYERS_MAX];
    size_t layer_count;
    struct blob about;
    float *numbers; /* of all layers */
};

const char *classifier_class_text(enum classifier_class c) {
    static const char *const texts[CLASSIFIER_CLASSES] = {"nothing", "person", "vehicle", "animal"};
    return c < CLASSIFIER_CLASSES ? texts[c] : "unknown";
}

void classifier_free(struct classifier *c) {
    if (!c) return;
    blob_clear(&c->about);
    free(c->numbers);
    free(c);
}

void classifier_release(struct classifier **c) {
    classifier_free(*c);
}

struct bytes classifier_about(const struct classifier *c) {
    return blob_bytes(&c->about);
}

/* --- Reading --- */

static size_t weight_count(const struct classifier_layer *l) {
    return (size_t)l->kernel * l->kernel * l->inputs * l->outputs;
}

static size_t bias_count(const struct classifier_layer *l) {
    return l->kind == CLASSIFIER_MEAN ? 0 : l->outputs;
}

/* IEEE 754 binary16. False for infinities and what is not a number. */
static bool half_read(struct reader *r, float *out) {
    uint8_t b[2];
    if (!reader_copy(r, b, 2)) return false;
    uint16_t half = be16_get(b);
    int exponent = half >> 10 & 31;
    float fraction = (float)(half & 1023);
    if (exponent == 31) return false;
    float size = exponent ? ldexpf(1024 + fraction, exponent - 25) : ldexpf(fraction, -24);
    *out = half & 0x8000 ? -size : size;
    return true;
}

static err read_head(struct reader *r, struct classifier *c, struct diag *d) {
    uint8_t head[HEAD_BYTES];
    struct bytes about;
    if (!reader_copy(r, head, sizeof head) || memcmp(head, "CRDC", 4))
        return diag_fail(d, ERR_INVALID, "these are not a classifier's weights");
    if (head[4] != 1 || head[5] != CLASSIFIER_SIDE || head[6] != CLASSIFIER_CLASSES)
        return diag_fail(
            d, ERR_UNSUPPORTED,
            "a classifier of version %u for crops of %u with %u classes; this program runs version 1, %u, %u",
            head[4], head[5], head[6], CLASSIFIER_SIDE, CLASSIFIER_CLASSES);
    if (head[7] < 2 || head[7] > CLASSIFIER_LAYERS_MAX)
        return diag_fail(d, ERR_LIMIT, "a classifier with %u layers; 2 to %u can be run", head[7],
                         CLASSIFIER_LAYERS_MAX);
    uint32_t len = be32_get(head + 8);
    if (len > CLASSIFIER_ABOUT_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "a classifier's description is longer than %u bytes",
                         CLASSIFIER_ABOUT_MAX_BYTES);
    if (!reader_take(r, len, &about))
        return diag_fail(d, ERR_INVALID, "a classifier's description is cut short");
    AUTO(json_release) json_t *json = NULL;
    err e = json_parse(about, &json, d);
    if (e) {
        diag_prefix(d, "a classifier's description");
        return e;
    }
    c->layer_count = head[7];
    if (blob_append(&c->about, about)) return diag_fail(d, ERR_NO_MEMORY, "no memory for a classifier");
    return ERR_OK;
}

/* What the layer must be at its place, and whether it takes what the one before it gives. */
static bool layer_fits(const struct classifier *c, size_t at) {
    const struct classifier_layer *l = &c->layers[at].shape;
    unsigned given = at ? c->layers[at - 1].shape.outputs : COLOURS;
    if (l->inputs != given || l->outputs == 0 || l->outputs > CLASSIFIER_CHANNELS_MAX) return false;
    if (at + 1 == c->layer_count)
        return l->kind == CLASSIFIER_CONNECTED && l->kernel == 1 && l->stride == 1 &&
               l->outputs == CLASSIFIER_CLASSES;
    if (at + 2 == c->layer_count)
        return l->kind == CLASSIFIER_MEAN && l->kernel == 0 && l->stride == 1 && l->outputs == l->inputs;
    return l->kind == CLASSIFIER_CONVOLUTION && (l->kernel == 1 || l->kernel == 3) &&
           (l->stride == 1 || l->stride == 2);
}

static err read_layers(struct reader *r, struct classifier *c, size_t *numbers, struct diag *d) {
    size_t work = 0;
    int side = CLASSIFIER_SIDE;
    *numbers = 0;
    for (size_t i = 0; i < c->layer_count; i++) {
        uint8_t raw[LAYER_BYTES];
        struct layer *l = &c->layers[i];
        if (!reader_copy(r, raw, sizeof raw))
            return diag_fail(d, ERR_INVALID, "a classifier's layers are cut short");
        l->shape = (struct classifier_layer){raw[0], raw[1], raw[2], be16_get(raw + 4), be16_get(raw + 6)};
        if (raw[3] != 0 || !layer_fits(c, i))
            return diag_fail(d, ERR_INVALID, "a classifier's layer %zu is not one that can stand there", i);
        l->side_in = side;
        if (l->shape.kind == CLASSIFIER_CONVOLUTION) side = (side + l->shape.stride - 1) / l->shape.stride;
        if (l->shape.kind == CLASSIFIER_MEAN) side = 1;
        l->side_out = side;
        if ((size_t)(side * side) * l->shape.outputs > CLASSIFIER_VALUES_MAX)
            return diag_fail(d, ERR_LIMIT, "a classifier's layer %zu gives more than %u values", i,
                             CLASSIFIER_VALUES_MAX);
        work += weight_count(&l->shape) * (size_t)(side * side); /* at most 2^20 × 2^12 a layer */
        *numbers += weight_count(&l->shape) + bias_count(&l->shape);
    }
    if (work > CLASSIFIER_WORK_MAX)
        return diag_fail(d, ERR_LIMIT, "a classifier that multiplies %zu times for a crop; at most %u", work,
                         CLASSIFIER_WORK_MAX);
    return ERR_OK;
}

/* The file has [outputs][kernel][kernel][inputs]. */
static bool read_numbers(struct reader *r, struct classifier *c) {
    float *to = c->numbers;
    for (size_t i = 0; i < c->layer_count; i++) {
        struct layer *l = &c->layers[i];
        size_t outputs = l->shape.outputs, each = weight_count(&l->shape) / outputs;
        for (size_t o = 0; o < outputs; o++)
            for (size_t k = 0; k < each; k++)
                if (!half_read(r, &to[k * outputs + o])) return false;
        l->weights = to;
        l->biases = to += each * outputs;
        for (size_t o = 0; o < bias_count(&l->shape); o++)
            if (!half_read(r, to++)) return false;
    }
    return true;
}

err classifier_load(struct bytes weights, struct classifier **out, struct diag *d) {
    if (weights.len > CLASSIFIER_FILE_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "a classifier's weights are larger than %u bytes",
                         CLASSIFIER_FILE_MAX_BYTES);
    if (weights.len < HEAD_BYTES + SHA256_DIGEST_LENGTH)
        return diag_fail(d, ERR_INVALID, "these are not a classifier's weights");
    struct bytes body = BYTES(weights.data, weights.len - SHA256_DIGEST_LENGTH);
    AUTO(classifier_release) struct classifier *c = calloc(1, sizeof *c);
    if (!c) return diag_fail(d, ERR_NO_MEMORY, "no memory for a classifier");
    struct reader r = reader_of(body);
    size_t numbers;
    err e = read_head(&r, c, d);
    if (!e) e = read_layers(&r, c, &numbers, d);
    if (e) return e;
    if (reader_left(&r) != numbers * 2)
        return diag_fail(d, ERR_INVALID, "a classifier's weights are %zu bytes; its layers need %zu",
                         reader_left(&r), numbers * 2);
    uint8_t hash[SHA256_DIGEST_LENGTH];
    SHA256(body.data, body.len, hash);
    if (memcmp(hash, weights.data + body.len, sizeof hash))
        return diag_fail(d, ERR_INVALID, "a classifier's weights do not have the hash that they end with");
    c->numbers = malloc(numbers * sizeof *c->numbers);
    if (!c->numbers) return diag_fail(d, ERR_NO_MEMORY, "no memory for a classifier");
    if (!read_numbers(&r, c))
        return diag_fail(d, ERR_INVALID, "a classifier's weights hold what is no number");
    *out = c;
    c = NULL;
    return ERR_OK;
}

/* --- Running --- */

/* Each place's channels lie together. */
static void convolve(const struct layer *l, const float *in, float *out) {
    int kernel = l->shape.kernel, stride = l->shape.stride, pad = kernel / 2;
    size_t inputs = l->shape.inputs, outputs = l->shape.outputs;
    for (int y = 0; y < l->side_out; y++) {
        for (int x = 0; x < l->side_out; x++, out += outputs) {
            memcpy(out, l->biases, outputs * sizeof *out);
            for (int k = 0; k < kernel * kernel; k++) {
                int from_y = y * stride + k / kernel - pad, from_x = x * stride + k % kernel - pad;
                if (from_y < 0 || from_x < 0 || from_y >= l->side_in || from_x >= l->side_in) continue;
                const float *place = in + ((size_t)from_y * (size_t)l->side_in + (size_t)from_x) * inputs;
                const float *weights = l->weights + (size_t)k * inputs * outputs;
                for (size_t i = 0; i < inputs; i++, weights += outputs) {
                    float v = place[i];
                    if (v == 0) continue; /* half of what comes out of max(x, 0) */
                    for (size_t o = 0; o < outputs; o++) out[o] += v * weights[o];
                }
            }
            for (size_t o = 0; o < outputs; o++) out[o] = out[o] > 0 ? out[o] : 0;
        }
    }
}

static void mean_of_places(const struct layer *l, const float *in, float *out) {
    size_t places = (size_t)l->side_in * (size_t)l->side_in, channels = l->shape.inputs;
    memset(out, 0, channels * sizeof *out);
    for (size_t p = 0; p < places; p++)
        for (size_t c = 0; c < channels; c++) out[c] += *in++;
    for (size_t c = 0; c < channels; c++) out[c] /= (float)places;
}

static void connect_all(const struct layer *l, const float *in, float *out) {
    for (size_t o = 0; o < l->shape.outputs; o++) {
        out[o] = l->biases[o];
        for (size_t i = 0; i < l->shape.inputs; i++) out[o] += in[i] * l->weights[i * l->shape.outputs + o];
    }
}

/* Scores that add up to 1, also when a strange model's numbers overflow: then it saw nothing. */
static void softmax(const float *in, float scores[CLASSIFIER_CLASSES]) {
    float most = in[0], sum = 0;
    for (int i = 1; i < CLASSIFIER_CLASSES; i++) most = fmaxf(most, in[i]);
    for (int i = 0; i < CLASSIFIER_CLASSES; i++) sum += scores[i] = expf(in[i] - most);
    for (int i = 0; i < CLASSIFIER_CLASSES; i++)
        scores[i] = isfinite(sum) ? scores[i] / sum : i == CLASSIFIER_NOTHING;
}

void classifier_run(const struct classifier *c, const uint8_t *rgb, float scores[CLASSIFIER_CLASSES]) {
    float a[CLASSIFIER_VALUES_MAX], b[CLASSIFIER_VALUES_MAX], *in = a, *out = b;
    _Static_assert(CLASSIFIER_SIDE * CLASSIFIER_SIDE * COLOURS <= CLASSIFIER_VALUES_MAX, "a crop fits");
    for (size_t i = 0; i < CLASSIFIER_SIDE * CLASSIFIER_SIDE * COLOURS; i++)
        in[i] = ((float)rgb[i] - 128) / 64;
    for (size_t i = 0; i < c->layer_count; i++) {
        const struct layer *l = &c->layers[i];
        if (l->shape.kind == CLASSIFIER_CONVOLUTION) convolve(l, in, out);
        if (l->shape.kind == CLASSIFIER_MEAN) mean_of_places(l, in, out);
        if (l->shape.kind == CLASSIFIER_CONNECTED) connect_all(l, in, out);
        float *swap = in;
        in = out;
        out = swap;
    }
    softmax(in, scores);
}
