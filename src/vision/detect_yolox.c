/* YOLOX (Ge et al. 2021): one output of cells × (x, y, w, h, objectness, classes) for strides 8, 16, 32.
 * Input: BGR as it is, scaled to fit the top left corner, the rest of level 114. */
#include <math.h>

#include "vision/detector_internal.h"

#define HEAD 5
#define PADDING 114.0f
#define SIDE_MOST 20.0f /* of an exponent: larger is nonsense, and would overflow */

static const int strides[] = {8, 16, 32};
#define STRIDES (sizeof strides / sizeof *strides)

static err load(struct detector *t, const struct bytes *files, struct diag *d) {
    err e = dnn_load_onnx(files[0], &t->net, d);
    return e ? e : detector_name_outputs(t, d);
}

static err check(const struct detector *t, size_t *cells, struct diag *d) {
    *cells = 0;
    for (size_t s = 0; s < STRIDES; s++)
        *cells += (size_t)(t->model.width / strides[s]) * (size_t)(t->model.height / strides[s]);
    const struct dnn_output *o = &t->outputs[0];
    size_t columns = (size_t)HEAD + t->model.label_count;
    if (t->output_count == 1 && o->rank >= 2 && (size_t)o->dims[o->rank - 1] == columns &&
        o->count == *cells * columns)
        return ERR_OK;
    return diag_fail(d, ERR_INVALID, "no output of %zu x %zu, as a yolox of %u x %u has", *cells, columns,
                     t->model.width, t->model.height);
}

static float grow(float exponent) {
    return expf(fminf(exponent, SIDE_MOST));
}

struct fit {
    float w, h; /* of the input that shows the part */
};

static void decode(const struct detector *t, const struct image *m, struct rect part, struct fit fit,
                   struct detections *out) {
    size_t columns = (size_t)HEAD + t->model.label_count;
    const float *row = t->outputs[0].data;
    for (size_t s = 0; s < STRIDES; s++) {
        int across = t->model.width / strides[s], down = t->model.height / strides[s];
        float step = (float)strides[s];
        for (int i = 0; i < across * down; i++, row += columns) {
            enum seen_label label;
            if (!(row[4] > DETECTION_LEAST)) continue;
            float score = detector_best(t, row + HEAD, &label) * row[4];
            if (label == SEEN_NOTHING || !(score > DETECTION_LEAST)) continue;
            float x = (row[0] + (float)(i % across)) * step, y = (row[1] + (float)(i / across)) * step;
            float w = grow(row[2]) * step / 2, h = grow(row[3]) * step / 2;
            detector_add(out, m, part, fit.w, fit.h, label, score, (struct area){x - w, y - h, x + w, y + h});
        }
    }
}

static err run(struct detector *t, const struct image *m, struct rect part, struct detections *out,
               struct diag *d) {
    static const struct image_levels levels = {.bgr = true, .scale = {1, 1, 1}};
    int width = t->model.width, height = t->model.height;
    size_t plane = (size_t)width * (size_t)height, cells;
    float scale = fminf((float)width / (float)part.w, (float)height / (float)part.h);
    int used_w = (int)((float)part.w * scale), used_h = (int)((float)part.h * scale);
    if (used_w < 1) used_w = 1;
    if (used_h < 1) used_h = 1;
    for (size_t i = 0; i < 3 * plane; i++) t->input[i] = PADDING;
    image_planes(m, part, used_w, used_h, &levels, t->input, plane, (size_t)width);
    err e = detector_forward(t, d);
    if (!e) e = check(t, &cells, d);
    if (!e) decode(t, m, part, (struct fit){(float)used_w, (float)used_h}, out);
    return e;
}

const struct detector_ops detect_yolox = {.files = 1, .load = load, .run = run};
