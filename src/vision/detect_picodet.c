/* PicoDet (Yu et al. 2021, "PP-PicoDet"): for each stride of 8, 16, 32 and 64 one output of cells × classes,
 * after the sigmoid, and one of cells × (4 sides × 8 bins), a distribution of the side's distance from the
 * cell's centre in strides (generalised focal loss, Li et al. 2020). Input: RGB, not letterboxed. */
#include <math.h>

#include "vision/detector_internal.h"

#define BINS 8
#define SIDES 4
#define STRIDES 4

static const int strides[STRIDES] = {8, 16, 32, 64};

/* The outputs of each stride, found by their shapes. */
struct heads {
    int scores[STRIDES], sides[STRIDES];
};

static size_t cells(const struct detector *t, size_t s, int *across) {
    int w = (t->model.width + strides[s] - 1) / strides[s],
        h = (t->model.height + strides[s] - 1) / strides[s];
    *across = w;
    return (size_t)w * (size_t)h;
}

static int find_output(const struct detector *t, size_t rows, size_t columns) {
    for (size_t i = 0; i < t->output_count; i++) {
        const struct dnn_output *o = &t->outputs[i];
        if (o->rank >= 2 && (size_t)o->dims[o->rank - 1] == columns && o->count == rows * columns)
            return (int)i;
    }
    return -1;
}

static err find_heads(const struct detector *t, struct heads *h, struct diag *d) {
    for (size_t s = 0; s < STRIDES; s++) {
        int across;
        size_t n = cells(t, s, &across);
        h->scores[s] = find_output(t, n, t->model.label_count);
        h->sides[s] = find_output(t, n, SIDES * BINS);
        if (h->scores[s] < 0 || h->sides[s] < 0)
            return diag_fail(
                d, ERR_INVALID,
                "no outputs of %zu x %u scores and %zu x %d sides for stride %d, as a picodet of "
                "%u x %u has",
                n, t->model.label_count, n, SIDES * BINS, strides[s], t->model.width, t->model.height);
    }
    return ERR_OK;
}

/* The expectation of a softmax over the bins. */
static float distance(const float *bins) {
    float top = bins[0], sum = 0, weighted = 0;
    for (int i = 1; i < BINS; i++) top = fmaxf(top, bins[i]);
    for (int i = 0; i < BINS; i++) {
        float p = expf(bins[i] - top);
        sum += p;
        weighted += p * (float)i;
    }
    return weighted / sum;
}

static void decode(const struct detector *t, size_t s, const float *scores, const float *sides,
                   const struct image *m, struct rect part, struct detections *out) {
    int across;
    size_t n = cells(t, s, &across);
    float step = (float)strides[s];
    for (size_t i = 0; i < n; i++) {
        enum seen_label label;
        float score = detector_best(t, scores + i * t->model.label_count, &label);
        if (label == SEEN_NOTHING) continue;
        const float *side = sides + i * SIDES * BINS;
        float x = ((float)(i % (size_t)across) + 0.5f) * step,
              y = ((float)(i / (size_t)across) + 0.5f) * step;
        struct area px = {x - step * distance(side), y - step * distance(side + BINS),
                          x + step * distance(side + 2 * BINS), y + step * distance(side + 3 * BINS)};
        detector_add(out, m, part, t->model.width, t->model.height, label, score, px);
    }
}

static err load(struct detector *t, const struct bytes *files, struct diag *d) {
    err e = dnn_load_onnx(files[0], &t->net, d);
    return e ? e : detector_name_outputs(t, d);
}

static err run(struct detector *t, const struct image *m, struct rect part, struct detections *out,
               struct diag *d) {
    static const struct image_levels levels = {.mean = {123.675f, 116.28f, 103.53f},
                                               .scale = {1 / 58.395f, 1 / 57.12f, 1 / 57.375f}};
    size_t plane = (size_t)t->model.width * t->model.height;
    image_planes(m, part, t->model.width, t->model.height, &levels, t->input, plane, t->model.width);
    struct heads h;
    err e = detector_forward(t, d);
    if (!e) e = find_heads(t, &h, d);
    if (e) return e;
    for (size_t s = 0; s < STRIDES; s++)
        decode(t, s, t->outputs[h.scores[s]].data, t->outputs[h.sides[s]].data, m, part, out);
    return ERR_OK;
}

const struct detector_ops detect_picodet = {.files = 1, .load = load, .run = run};
