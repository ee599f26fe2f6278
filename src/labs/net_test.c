/* Gradients against differences, and what was learnt against what the classifier runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "labs/net.h"

static void fill(struct net *n, size_t count, struct chance *c) {
    for (size_t i = 0; i < count; i++) net_input(n)[i] = chance_normal(c);
}

static void gradients_are_slopes(void **state) {
    static const struct net_plan plan[] = {{5, 2}, {6, 1}, {7, 2}};
    enum { SIDE = 9, CLASSES = 3, BATCH = 4 };
    struct chance c = chance_of(7);
    AUTO(net_release) struct net *n = NULL;
    float targets[BATCH * CLASSES] = {0.8f, 0.1f, 0.1f, 0, 1, 0, 0, 0, 1, 1, 0, 0}, *values, *gradients;
    assert_int_equal(net_new(plan, 3, SIDE, CLASSES, BATCH, &c, &n), ERR_OK);
    fill(n, 3 * BATCH * SIDE * SIDE, &c);
    size_t count = net_parameters(n, &values, &gradients), checked = 0, kinks = 0;
    net_forward(n, true, 0, &c);
    net_backward(n, targets);
    float *analytic = malloc(count * sizeof *analytic);
    assert_non_null(analytic);
    memcpy(analytic, gradients, count * sizeof *analytic);
    for (size_t i = 0; i < count; i += 3, checked++) {
        const float h = 1e-3f, old = values[i];
        values[i] = old + h;
        net_forward(n, true, 0, &c);
        float more = net_backward(n, targets);
        values[i] = old - h;
        net_forward(n, true, 0, &c);
        float less = net_backward(n, targets);
        values[i] = old;
        float slope = (more - less) / (2 * h);
        /* max(x, 0) has a kink, which a step may cross. */
        if (fabsf(slope - analytic[i]) > 2e-3f + 0.05f * fabsf(slope)) kinks++;
    }
    free(analytic);
    assert_true(checked > 200);
    assert_true(kinks * 50 <= checked);
}

/* It learns a rule (is the picture's left side brighter?), and the classifier that loads what it wrote gives
 * the same scores. */
static void what_was_learnt_runs(void **state) {
    static const struct net_plan plan[] = {{8, 2}, {8, 2}, {12, 2}};
    enum { BATCH = 16, PIXELS = CLASSIFIER_SIDE * CLASSIFIER_SIDE };
    struct chance c = chance_of(3);
    AUTO(net_release) struct net *n = NULL;
    AUTO(blob_clear) struct blob file = {0};
    AUTO(classifier_release) struct classifier *run = NULL;
    uint8_t crops[BATCH][PIXELS * 3];
    const float *scores = NULL;
    struct diag d;
    float last = 0;
    assert_int_equal(net_new(plan, 3, CLASSIFIER_SIDE, CLASSIFIER_CLASSES, BATCH, &c, &n), ERR_OK);
    for (int step = 0; step < 60; step++) {
        float targets[BATCH * CLASSIFIER_CLASSES] = {0};
        for (int b = 0; b < BATCH; b++) {
            bool person = chance_is(&c, 0.5f);
            targets[b * CLASSIFIER_CLASSES + (person ? CLASSIFIER_PERSON : CLASSIFIER_ANIMAL)] = 1;
            for (int p = 0; p < PIXELS * 3; p++) {
                bool left = p / 3 % CLASSIFIER_SIDE < CLASSIFIER_SIDE / 2;
                crops[b][p] = (uint8_t)(90 + chance_below(&c, 60) + (left == person ? 40 : 0));
                net_input(n)[(size_t)(p % 3 * BATCH + b) * PIXELS + (size_t)(p / 3)] =
                    ((float)crops[b][p] - 128) / 64;
            }
        }
        net_forward(n, true, 0.1f, &c);
        last = net_backward(n, targets);
        net_step(n, 3e-3f, 1e-4f);
    }
    assert_true(last < 0.5f);
    scores = net_forward(n, false, 0, &c);
    assert_int_equal(net_write(n, bytes_text("{\"name\":\"test\"}"), &file), ERR_OK);
    assert_int_equal(classifier_load(blob_bytes(&file), &run, &d), ERR_OK);
    assert_true(bytes_equal(classifier_about(run), bytes_text("{\"name\":\"test\"}")));
    for (int b = 0; b < BATCH; b++) {
        float ours[CLASSIFIER_CLASSES];
        classifier_run(run, crops[b], ours);
        for (int k = 0; k < CLASSIFIER_CLASSES; k++)
            assert_true(fabsf(ours[k] - scores[b * CLASSIFIER_CLASSES + k]) < 0.01f);
    }
}

static void odd_plans_are_refused(void **state) {
    struct chance c = chance_of(1);
    struct net *n = NULL;
    assert_int_equal(net_new((struct net_plan[]){{CLASSIFIER_CHANNELS_MAX + 1, 1}}, 1, 8, 4, 1, &c, &n),
                     ERR_INVALID);
    assert_int_equal(net_new((struct net_plan[]){{8, 3}}, 1, 8, 4, 1, &c, &n), ERR_INVALID);
    assert_int_equal(net_new((struct net_plan[]){{8, 1}}, 0, 8, 4, 1, &c, &n), ERR_INVALID);
    assert_null(n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_slopes),
        cmocka_unit_test(what_was_learnt_runs),
        cmocka_unit_test(odd_plans_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
