/* The built-in classifier of what moved: one answer for a part that fits what moved closely (crops_plan).
 * Where in the part the thing is it does not know; the margin that the part was given is taken off again. */
#include "vision/classifier.h"
#include "vision/detector_internal.h"

#define VIEW_PX 96  /* of the part's longer side, before the square is cut */
#define INSET 0.12f /* of the part, on each side */
#define LABELS (CLASSIFIER_CLASSES - 1)

static err load(struct detector *t, const struct bytes *files, struct diag *d) {
    struct classifier *c = NULL;
    if (t->model.label_count != LABELS || t->model.width != CLASSIFIER_SIDE ||
        t->model.height != CLASSIFIER_SIDE)
        return diag_fail(d, ERR_INVALID, "a classifier of %d labels for %d x %d is wanted", LABELS,
                         CLASSIFIER_SIDE, CLASSIFIER_SIDE);
    err e = classifier_load(files[0], &c, d);
    if (!e) t->own = c;
    return e;
}

static err run(struct detector *t, const struct image *m, struct rect part, struct detections *out,
               struct diag *d) {
    uint8_t view[VIEW_PX * VIEW_PX * 3], crop[CLASSIFIER_SIDE * CLASSIFIER_SIDE * 3];
    float scores[CLASSIFIER_CLASSES];
    int longer = part.w > part.h ? part.w : part.h, w = part.w * VIEW_PX / longer,
        h = part.h * VIEW_PX / longer;
    if (w < 1) w = 1;
    if (h < 1) h = 1;
    image_rgb(m, part, w, h, view);
    struct classifier_picture p = {view, w, h, 3, (size_t)w * 3};
    classifier_cut(&p, (float)w / 2, (float)h / 2, VIEW_PX, CLASSIFIER_SIDE, crop);
    classifier_run(t->own, crop, scores);
    int best = CLASSIFIER_PERSON;
    for (int c = CLASSIFIER_PERSON; c < CLASSIFIER_CLASSES; c++)
        if (scores[c] > scores[best]) best = c;
    if (t->labels[best - 1] == SEEN_NOTHING || scores[best] < DETECTION_LEAST) return ERR_OK;
    float x = INSET * (float)w, y = INSET * (float)h;
    detector_add(out, m, part, (float)w, (float)h, t->labels[best - 1], scores[best],
                 (struct area){x, y, (float)w - x, (float)h - y});
    return ERR_OK;
}

static void clear(struct detector *t) {
    classifier_free(t->own);
}

const struct detector_ops detect_classifier = {
    .files = 1, .classifies = true, .load = load, .run = run, .clear = clear};
