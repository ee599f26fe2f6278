#include "labs/learn.h"

#include <stdlib.h>

#include "labs/augment.h"

#define BATCH 64
#define RATE 2e-3f
#define DECAY 0.02f
#define DROP 0.2f
#define SURE 0.95f /* of a target: label smoothing (Szegedy and others 2016) */
#define WARM_STEPS 100
#define SETTLE_STEPS 100 /* at the end, at nearly no rate, for the running statistics */
#define PIXELS (CLASSIFIER_SIDE * CLASSIFIER_SIDE)

/* How many of 20 crops are of a class; nothing is what a camera mostly sees. */
static const uint32_t class_share[CLASSIFIER_CLASSES] = {8, 5, 4, 3};

static const struct net_plan plan_of_classifier[] = {{16, 2}, {32, 2}, {48, 1}, {64, 2}, {96, 1}, {96, 2}};

/* Crops by class, and by whether they were pasted: each such pool gets the same attention, however many it
 * has. */
struct pools {
    uint32_t *items[CLASSIFIER_CLASSES][CROP_ORIGINS];
    uint32_t count[CLASSIFIER_CLASSES][CROP_ORIGINS];
};

static void pools_clear(struct pools *p) {
    for (int c = 0; c < CLASSIFIER_CLASSES; c++)
        for (int o = 0; o < CROP_ORIGINS; o++) free(p->items[c][o]);
}

static err pools_fill(const struct crop_set *crops, int without, struct pools *p) {
    for (int c = 0; c < CLASSIFIER_CLASSES; c++)
        for (int o = 0; o < CROP_ORIGINS; o++)
            if (!(p->items[c][o] = calloc(crops->count + 1, sizeof(uint32_t)))) return ERR_NO_MEMORY;
    for (size_t i = 0; i < crops->count; i++) {
        const struct crop *c = &crops->items[i];
        if (c->places[0] == without || c->places[1] == without || c->places[0] == CROP_PLACE_COCO) continue;
        p->items[c->class][c->origin][p->count[c->class][c->origin]++] = (uint32_t)i;
    }
    return ERR_OK;
}

static const struct crop *choose(const struct crop_set *crops, const struct pools *p, struct chance *c) {
    uint32_t share = chance_below(c, 20);
    int class = 0;
    while (share >= class_share[class]) share -= class_share[class ++];
    float sum = 0, roots[CROP_ORIGINS];
    for (int o = 0; o < CROP_ORIGINS; o++) sum += roots[o] = sqrtf((float)p->count[class][o]);
    float at = chance_between(c, 0, sum);
    int origin = 0;
    while (origin < CROP_ORIGINS - 1 && at >= roots[origin]) at -= roots[origin++];
    while (!p->count[class][origin]) /* the last, by rounding */
        origin--;
    return &crops->items[p->items[class][origin][chance_below(c, p->count[class][origin])]];
}

static void fill(struct net *n, int at, const uint8_t *rgb) {
    float *to = net_input(n);
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < PIXELS; i++)
            to[((size_t)k * BATCH + (size_t)at) * PIXELS + (size_t)i] = ((float)rgb[3 * i + k] - 128) / 64;
}

static float one_step(struct net *n, const struct crop_set *crops, const struct pools *pools, float rate,
                      struct chance *c) {
    float targets[BATCH * CLASSIFIER_CLASSES];
    for (int b = 0; b < BATCH; b++) {
        uint8_t rgb[PIXELS * 3];
        const struct crop *crop = choose(crops, pools, c);
        augment_crop(crop, c, rgb);
        fill(n, b, rgb);
        for (int k = 0; k < CLASSIFIER_CLASSES; k++)
            targets[b * CLASSIFIER_CLASSES + k] =
                k == crop->class ? SURE : (1 - SURE) / (CLASSIFIER_CLASSES - 1);
    }
    net_forward(n, true, DROP, c);
    float loss = net_backward(n, targets);
    net_step(n, rate, DECAY);
    return loss;
}

err learn_net(const struct crop_set *crops, const struct learn_plan *plan, struct net **out, struct diag *d) {
    struct chance chance = chance_of(plan->seed);
    AUTO(pools_clear) struct pools pools = {0};
    AUTO(net_release) struct net *n = NULL;
    err e = pools_fill(crops, plan->without, &pools);
    if (!e)
        e = net_new(plan_of_classifier, sizeof plan_of_classifier / sizeof *plan_of_classifier,
                    CLASSIFIER_SIDE, CLASSIFIER_CLASSES, BATCH, &chance, &n);
    if (e) return diag_fail(d, e, "no memory to learn");
    for (int c = 0; c < CLASSIFIER_CLASSES; c++)
        if (!pools.count[c][0] && !pools.count[c][1] && !pools.count[c][2])
            return diag_fail(d, ERR_INVALID, "no crop of class %s to learn from",
                             classifier_class_text((enum classifier_class)c));
    float loss = 0;
    for (int s = 0; s < plan->steps; s++) {
        float along = (float)s / (float)plan->steps;
        float rate = RATE * 0.5f * (1 + cosf(3.14159265f * along)) * fminf(1, (float)(s + 1) / WARM_STEPS);
        if (s >= plan->steps - SETTLE_STEPS) rate *= 0.1f;
        float now = one_step(n, crops, &pools, rate, &chance);
        loss = s ? loss + 0.02f * (now - loss) : now;
        if (s % 250 == 249) fprintf(stderr, "step %d of %d: loss %.3f\n", s + 1, plan->steps, (double)loss);
    }
    *out = n;
    n = NULL;
    return ERR_OK;
}

void learn_test(const struct classifier *c, const struct crop_set *crops, int place, struct learn_figures *out) {
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < crops->count; i++) {
        const struct crop *crop = &crops->items[i];
        if (crop->origin == CROP_PASTED || crop->places[0] != place) continue;
        uint8_t rgb[PIXELS * 3];
        float scores[CLASSIFIER_CLASSES];
        int most = 0;
        augment_none(crop, rgb);
        classifier_run(c, rgb, scores);
        for (int k = 1; k < CLASSIFIER_CLASSES; k++)
            if (scores[k] > scores[most]) most = k;
        out->said[crop->class][most]++;
        bool person = scores[CLASSIFIER_PERSON] > scores[CLASSIFIER_NOTHING];
        out->person_of += crop->class == CLASSIFIER_PERSON;
        out->person_right += crop->class == CLASSIFIER_PERSON && person;
        out->nothing_of += crop->class == CLASSIFIER_NOTHING;
        out->nothing_right += crop->class == CLASSIFIER_NOTHING && !person;
    }
}

static double part(unsigned of, unsigned all) {
    return all ? 100.0 * of / all : 0;
}

void learn_print(FILE *to, const char *title, const struct learn_figures *f) {
    fprintf(to, "%s\n  %-8s %6s %8s %8s %8s %8s  right\n", title, "is", "crops", "nothing", "person",
            "vehicle", "animal");
    for (int c = 0; c < CLASSIFIER_CLASSES; c++) {
        const unsigned *s = f->said[c];
        unsigned all = s[0] + s[1] + s[2] + s[3];
        if (all)
            fprintf(to, "  %-8s %6u %8u %8u %8u %8u  %.1f %%\n",
                    classifier_class_text((enum classifier_class)c), all, s[0], s[1], s[2], s[3],
                    part(s[c], all));
    }
    if (f->person_of && f->nothing_of)
        fprintf(to, "  person against nothing: %.1f %% of %u persons, %.1f %% of %u nothings, mean %.1f %%\n",
                part(f->person_right, f->person_of), f->person_of, part(f->nothing_right, f->nothing_of),
                f->nothing_of,
                (part(f->person_right, f->person_of) + part(f->nothing_right, f->nothing_of)) / 2);
}
