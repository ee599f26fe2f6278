#include "vision/detector.h"

#include <math.h>
#include <stdlib.h>

#include "vision/detector_internal.h"

#define SAME_THING_IOU 0.6f
#define SAME_PLACE_IOU 0.8f
#define SAME_PART 0.7f /* of what an edge cut off, in something whole */
#define EDGE_PX 2.0f
#define OPINION 0.1f    /* of a class, for it to count beside the best */
#define KIND_MOST 0.55f /* that classes together make it: hardly believed, so seen more often (tracker.c) */
#define LEAST_PX 4.0f   /* nothing so small is recognised; it is noise */

static const struct detector_ops *const kinds[VISION_KINDS] = {
    [VISION_PICODET] = &detect_picodet,
    [VISION_YOLOX] = &detect_yolox,
    [VISION_DARKNET] = &detect_darknet,
    [VISION_MOTION_CLASSIFIER] = &detect_classifier,
};

/* --- Labels --- */

/* COCO's names (2017, and as darknet spells them) beside our own. */
static const struct {
    const char *word;
    enum seen_label label;
} model_words[] = {
    {"motorbike", SEEN_MOTORCYCLE}, {"horse", SEEN_ANIMAL}, {"sheep", SEEN_ANIMAL}, {"cow", SEEN_ANIMAL},
    {"elephant", SEEN_ANIMAL},      {"bear", SEEN_ANIMAL},  {"zebra", SEEN_ANIMAL}, {"giraffe", SEEN_ANIMAL},
    {"parcel", SEEN_PACKAGE},       {"box", SEEN_PACKAGE},  {"vehicle", SEEN_CAR},
};

enum seen_label label_of_model(const char *word) {
    enum seen_label l;
    if (seen_label_read(word, &l) == ERR_OK) return l;
    for (size_t i = 0; i < sizeof model_words / sizeof *model_words; i++)
        if (strcmp(word, model_words[i].word) == 0) return model_words[i].label;
    return SEEN_NOTHING;
}

int label_group(enum seen_label l) {
    if (l == SEEN_CAR || l == SEEN_TRUCK || l == SEEN_BUS) return SEEN_CAR;
    if (l == SEEN_MOTORCYCLE || l == SEEN_BICYCLE) return SEEN_BICYCLE;
    return seen_label_animal(l) ? SEEN_ANIMAL : (int)l;
}

float detector_threshold(const struct detector *t, enum seen_label l) {
    float own = t->model.thresholds[l];
    return own > 0 ? own : DETECTION_DEFAULT;
}

/* --- Suppression --- */

static int by_score(const void *a, const void *b) {
    const struct detection *x = a, *y = b;
    return x->score < y->score ? 1 : x->score > y->score ? -1 : 0;
}

/* Is `weak` the same thing as `strong`, or a piece of it? */
static bool same_thing(const struct detection *strong, const struct detection *weak) {
    float iou = area_iou(strong->box, weak->box);
    if (iou > SAME_PLACE_IOU) return true; /* two kinds of things do not fill the same place */
    if (label_group(strong->label) != label_group(weak->label)) return false;
    if (iou > SAME_THING_IOU) return true;
    return weak->cut && area_inside(weak->box, strong->box) > SAME_PART;
}

/* Whole ones first: a part's edge may cut something into a piece that scores higher than the whole. */
void detections_suppress(struct detections *found) {
    struct detections kept = {.count = 0};
    qsort(found->list, found->count, sizeof *found->list, by_score);
    for (int cut = 0; cut <= 1; cut++)
        for (size_t i = 0; i < found->count; i++) {
            const struct detection *f = &found->list[i];
            bool known = f->cut != (cut == 1);
            for (size_t k = 0; k < kept.count && !known; k++) known = same_thing(&kept.list[k], f);
            if (!known) kept.list[kept.count++] = *f;
        }
    *found = kept;
}

/* --- What the kinds share --- */

err detector_name_outputs(struct detector *t, struct diag *d) {
    const char *name;
    for (t->output_count = 0; (name = dnn_output_name(t->net, t->output_count)); t->output_count++) {
        if (t->output_count == DETECTOR_OUTPUTS_MAX)
            return diag_fail(d, ERR_INVALID, "the model has more than %d outputs", DETECTOR_OUTPUTS_MAX);
        t->names[t->output_count] = name;
    }
    return ERR_OK;
}

err detector_forward(struct detector *t, struct diag *d) {
    return dnn_run(t->net, t->input, 3, t->model.height, t->model.width, t->names, t->output_count,
                   t->outputs, d);
}

/* Doubt of its kind is no doubt that it is there: half a cat and half a dog are an animal, and a car seen
 * from an unusual side is a bit of a truck and of a bus. The scores add up, but only to what is just
 * believed; what is hardly more than nothing is no opinion. */
float detector_best(const struct detector *t, const float *scores, enum seen_label *label) {
    float best = 0, all = 0;
    *label = SEEN_NOTHING;
    for (size_t i = 0; i < t->model.label_count; i++) {
        if (!(scores[i] > best) || t->labels[i] == SEEN_NOTHING) continue;
        best = scores[i];
        *label = t->labels[i];
    }
    for (size_t i = 0; i < t->model.label_count && best >= OPINION; i++)
        if (scores[i] >= OPINION && label_group(t->labels[i]) == label_group(*label)) all += scores[i];
    all = fmaxf(best, fminf(all, KIND_MOST));
    if (all < DETECTION_LEAST) *label = SEEN_NOTHING;
    return all;
}

static struct detection *place_for(struct detections *out, float score) {
    if (out->count < DETECTIONS_MAX) return &out->list[out->count++];
    struct detection *weakest = &out->list[0];
    for (size_t i = 1; i < out->count; i++)
        if (out->list[i].score < weakest->score) weakest = &out->list[i];
    return weakest->score < score ? weakest : NULL;
}

void detector_add(struct detections *out, const struct image *m, struct rect part, float used_w, float used_h,
                  enum seen_label label, float score, struct area px) {
    struct area in = area_common(px, (struct area){0, 0, used_w, used_h});
    if (!(in.x1 - in.x0 >= LEAST_PX) || !(in.y1 - in.y0 >= LEAST_PX) || !(score <= 1)) return;
    struct detection *at = place_for(out, score);
    if (!at) return;
    float sx = (float)part.w / used_w / (float)m->width, sy = (float)part.h / used_h / (float)m->height;
    float ox = (float)part.x / (float)m->width, oy = (float)part.y / (float)m->height;
    bool cut = (in.x0 < EDGE_PX && part.x > 0) || (in.y0 < EDGE_PX && part.y > 0) ||
               (in.x1 > used_w - EDGE_PX && part.x + part.w < m->width) ||
               (in.y1 > used_h - EDGE_PX && part.y + part.h < m->height);
    *at = (struct detection){
        .label = label,
        .score = score,
        .box = area_clip((struct area){ox + in.x0 * sx, oy + in.y0 * sy, ox + in.x1 * sx, oy + in.y1 * sy}),
        .side_px = fmaxf(in.x1 - in.x0, in.y1 - in.y0),
        .cut = cut,
    };
}

/* --- Any detector --- */

static err try_it(struct detector *t, struct diag *d) {
    static const uint8_t grey[64 * 64 * 3 / 2];
    const struct image m = image_i420(grey, 64, 64);
    struct detections found = {.count = 0};
    return t->ops->run(t, &m, (struct rect){0, 0, 64, 64}, &found, d);
}

static err load(struct detector *t, const struct bytes *files, size_t count, struct diag *d) {
    const struct vision_detector *model = &t->model;
    t->ops = kinds[model->kind];
    if (!t->ops) return diag_fail(d, ERR_UNSUPPORTED, "models of kind %s", vision_kind_text(model->kind));
    if (count != t->ops->files)
        return diag_fail(d, ERR_INVALID, "a %s model consists of %zu files, not %zu",
                         vision_kind_text(model->kind), t->ops->files, count);
    size_t useful = 0;
    for (size_t i = 0; i < model->label_count; i++) {
        t->labels[i] = label_of_model(model->labels[i]);
        useful += t->labels[i] != SEEN_NOTHING;
    }
    if (!useful) return diag_fail(d, ERR_INVALID, "none of the model's labels is one that Cardea knows");
    t->input = calloc((size_t)3 * model->width * model->height, sizeof *t->input);
    if (!t->input) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    err e = t->ops->load(t, files, d);
    return e ? e : try_it(t, d);
}

err detector_load(const struct vision_detector *model, const struct bytes *files, size_t count,
                  struct detector **out, struct diag *d) {
    struct detector *t = calloc(1, sizeof *t);
    if (!t) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    t->model = *model;
    err e = load(t, files, count, d);
    if (e) {
        diag_prefix(d, "model %s", model->name);
        detector_free(t);
        return e;
    }
    *out = t;
    return ERR_OK;
}

void detector_free(struct detector *t) {
    if (!t) return;
    if (t->ops && t->ops->clear) t->ops->clear(t);
    dnn_free(t->net);
    free(t->input);
    free(t);
}

err detector_run(struct detector *t, const struct image *m, struct rect part, struct detections *out,
                 struct diag *d) {
    struct detections found = {.count = 0};
    err e = t->ops->run(t, m, part, &found, d);
    if (e) return e;
    detections_suppress(&found);
    for (size_t i = 0; i < found.count && out->count < DETECTIONS_MAX; i++)
        out->list[out->count++] = found.list[i];
    return ERR_OK;
}

int detector_side(const struct detector *t) {
    return t->model.width > t->model.height ? t->model.width : t->model.height;
}

bool detector_classifies(const struct detector *t) {
    return t->ops->classifies;
}
