/* YOLO as Darknet has it: outputs of rows cx, cy, w, h (of the input, 0 to 1), objectness, then classes that
 * are multiplied by it already. Input: RGB, 0 to 1. Two files: the configuration, then the weights. */
#include "vision/detector_internal.h"

#define HEAD 5

static err load(struct detector *t, const struct bytes *files, struct diag *d) {
    err e = dnn_load_darknet(files[0], files[1], &t->net, d);
    return e ? e : detector_name_outputs(t, d);
}

static err check(const struct detector *t, struct diag *d) {
    int columns = HEAD + t->model.label_count;
    for (size_t i = 0; i < t->output_count; i++) {
        const struct dnn_output *o = &t->outputs[i];
        if (o->rank < 2 || o->dims[o->rank - 1] != columns || o->count % (size_t)columns)
            return diag_fail(d, ERR_INVALID,
                             "output %zu has not %d columns, as a darknet model of %u labels has", i, columns,
                             t->model.label_count);
    }
    return t->output_count ? ERR_OK : diag_fail(d, ERR_INVALID, "the model has no outputs");
}

static err run(struct detector *t, const struct image *m, struct rect part, struct detections *out,
               struct diag *d) {
    static const struct image_levels levels = {.scale = {1 / 255.0f, 1 / 255.0f, 1 / 255.0f}};
    float width = t->model.width, height = t->model.height;
    size_t columns = (size_t)HEAD + t->model.label_count;
    image_planes(m, part, t->model.width, t->model.height, &levels, t->input,
                 (size_t)t->model.width * t->model.height, t->model.width);
    err e = detector_forward(t, d);
    if (!e) e = check(t, d);
    for (size_t i = 0; !e && i < t->output_count; i++)
        for (size_t k = 0; k < t->outputs[i].count / columns; k++) {
            const float *row = t->outputs[i].data + k * columns;
            enum seen_label label;
            float score = detector_best(t, row + HEAD, &label);
            if (label == SEEN_NOTHING) continue;
            float x = row[0] * width, y = row[1] * height, w = row[2] * width / 2, h = row[3] * height / 2;
            detector_add(out, m, part, width, height, label, score,
                         (struct area){x - w, y - h, x + w, y + h});
        }
    return e;
}

const struct detector_ops detect_darknet = {.files = 2, .load = load, .run = run};
