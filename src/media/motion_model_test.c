#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "media/motion_model.h"

/* Scenes of our own making, at the size that the model sees: ground with some texture, a bright wall, a tree.
 * Every case runs at five looks a second, as the worker does. */

#define LOOK_S 0.2
#define WARM_UP 40 /* looks before what a case is about */

struct world {
    struct motion_model *model;
    struct model_picture picture;
    double now_s;
    uint64_t random;
    int moving; /* looks with a score, since the last reset */
    struct worker_motion last;
};

static float uniform(struct world *w) {
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (float)(w->random >> 40) / 16777216.0f;
}

static float texture(int x, int y) {
    uint32_t n = (uint32_t)x * 374761393u + (uint32_t)y * 668265263u;
    n = (n ^ (n >> 13)) * 1274126177u;
    return (float)((n ^ (n >> 16)) & 255) / 255;
}

static void paint(struct world *w, int x, int y, float v) {
    if (x < 0 || y < 0 || x >= MODEL_COLUMNS || y >= MODEL_ROWS) return;
    w->picture.luma[y * MODEL_COLUMNS + x] = (uint8_t)(v < 16 ? 16 : v > 235 ? 235 : v);
}

static float scene(int x, int y) {
    return (y < 30 ? 150 : 90) + 26 * texture(x, y);
}

/* The scene under `gain`, shifted, with noise of this deviation. */
static void draw(struct world *w, float gain, int dx, float noise) {
    for (int y = 0; y < MODEL_ROWS; y++)
        for (int x = 0; x < MODEL_COLUMNS; x++) {
            float n = noise * (uniform(w) + uniform(w) + uniform(w) + uniform(w) - 2) * 1.7f;
            paint(w, x, y, 16 + (scene(x + dx, y) - 16) * gain + n);
        }
}

static void person(struct world *w, int x, int y) {
    for (int dy = 0; dy < 22; dy++)
        for (int dx = 0; dx < 8; dx++)
            paint(w, x + dx, y + dy, dy < 5 ? 175 : dy < 13 ? 35 + 8 * (float)(dx % 3) : 60);
}

static void look(struct world *w) {
    w->now_s += LOOK_S;
    w->moving += motion_model_look(w->model, &w->picture, w->now_s, &w->last) > 0;
}

static int set_up(void **state) {
    struct world *w = calloc(1, sizeof *w);
    if (!w) return 1;
    w->model = calloc(1, sizeof *w->model);
    w->random = 88172645463325252u;
    *state = w;
    for (int i = 0; w->model && i < WARM_UP; i++) {
        draw(w, 1, 0, 1.5f);
        look(w);
    }
    w->moving = 0;
    return w->model ? 0 : 1;
}

static int tear_down(void **state) {
    struct world *w = *state;
    free(w->model);
    free(w);
    return 0;
}

static bool covers(const struct worker_motion *m, int x, int y) {
    for (size_t i = 0; i < m->count; i++) {
        const struct worker_region *r = &m->regions[i];
        int left = r->x * MODEL_COLUMNS / 255, top = r->y * MODEL_ROWS / 255;
        if (x >= left && y >= top && x <= left + r->w * MODEL_COLUMNS / 255 &&
            y <= top + r->h * MODEL_ROWS / 255)
            return true;
    }
    return false;
}

/* Somebody walks across. At least `wanted` of 40 looks say so, in the right place. */
static void assert_seen(struct world *w, int wanted, float noise, void (*weather)(struct world *, int)) {
    int right_place = 0;
    for (int i = 0; i < 40; i++) {
        draw(w, 1, 0, noise);
        person(w, 10 + 2 * i, 45);
        if (weather) weather(w, i);
        look(w);
        right_place += covers(&w->last, 14 + 2 * i, 55);
    }
    if (right_place < wanted) fail_msg("seen in %d of 40 looks", right_place);
}

static void test_still(void **state) {
    struct world *w = *state;
    for (int i = 0; i < 200; i++) {
        draw(w, 1, 0, 2.5f);
        look(w);
    }
    assert_int_equal(w->moving, 0);
}

static void test_walks_across(void **state) {
    struct world *w = *state;
    assert_seen(w, 37, 1.5f, NULL);
    for (int i = 0; i < 10; i++) { /* gone: what was behind is no thing */
        draw(w, 1, 0, 1.5f);
        look(w);
    }
    w->moving = 0;
    draw(w, 1, 0, 1.5f);
    look(w);
    assert_int_equal(w->moving, 0);
}

static void test_region_fits(void **state) {
    struct world *w = *state;
    for (int i = 0; i < 6; i++) {
        draw(w, 1, 0, 1.5f);
        person(w, 60 + i, 45);
        look(w);
    }
    assert_int_equal(w->last.count, 1);
    const struct worker_region *r = &w->last.regions[0];
    assert_in_range(r->x, 60 * 255 / MODEL_COLUMNS, 66 * 255 / MODEL_COLUMNS);
    assert_in_range(r->h, 20 * 255 / MODEL_ROWS, 26 * 255 / MODEL_ROWS);
}

static void test_noise_at_night(void **state) {
    struct world *w = *state;
    for (int i = 0; i < 100; i++) { /* the sensor's gain rises with the dusk */
        draw(w, 1, 0, 1.5f + (float)i / 25);
        look(w);
    }
    w->moving = 0;
    for (int i = 0; i < 150; i++) {
        draw(w, 1, 0, 5.5f);
        look(w);
    }
    assert_int_equal(w->moving, 0);
    assert_seen(w, 30, 5.5f, NULL);
}

static void tree(struct world *w, int look_number) {
    for (int y = 5; y < 40; y++)
        for (int x = 100; x < 150; x++) {
            float sway = 2.2f * sinf(0.9f * (float)look_number + 0.13f * (float)y) +
                         1.3f * sinf(2.3f * (float)look_number + 0.3f * (float)x);
            float leaf = texture((int)((float)x + sway), y + (int)(sway / 2));
            if (leaf > 0.45f) paint(w, x, y, 40 + 70 * leaf);
        }
}

static void test_tree_in_the_wind(void **state) {
    struct world *w = *state;
    for (int i = 0; i < 100; i++) { /* it may take its time to get used to it */
        draw(w, 1, 0, 1.5f);
        tree(w, i);
        look(w);
    }
    w->moving = 0;
    for (int i = 100; i < 300; i++) {
        draw(w, 1, 0, 1.5f);
        tree(w, i);
        look(w);
    }
    assert_in_range(w->moving, 0, 4);
    assert_seen(w, 36, 1.5f, tree);
}

static void rain(struct world *w, int look_number) {
    (void)look_number;
    for (int i = 0; i < 120; i++) {
        int x = (int)(uniform(w) * MODEL_COLUMNS), y = (int)(uniform(w) * MODEL_ROWS);
        for (int k = 0; k < 4; k++) {
            int at = (y + k) * MODEL_COLUMNS + x;
            if (at < MODEL_PLACES) paint(w, x, y + k, (float)w->picture.luma[at] + 22);
        }
    }
}

static void test_rain(void **state) {
    struct world *w = *state;
    for (int i = 0; i < 200; i++) {
        draw(w, 1, 0, 1.5f);
        rain(w, i);
        look(w);
    }
    assert_in_range(w->moving, 0, 2);
    assert_seen(w, 34, 1.5f, rain);
}

static void snow(struct world *w, int look_number) {
    uint64_t before = w->random;
    w->random = 99; /* the same flakes in each look, further down */
    for (int i = 0; i < 60; i++) {
        int size = uniform(w) < 0.15f ? 3 : 1;
        int x = (int)(uniform(w) * MODEL_COLUMNS + (float)(look_number * (2 + size))) % MODEL_COLUMNS;
        int y = (int)(uniform(w) * MODEL_ROWS + (float)(look_number * (4 + 5 * size))) % MODEL_ROWS;
        for (int dy = 0; dy < size; dy++)
            for (int dx = 0; dx < size; dx++) paint(w, x + dx, y + dy, 215);
    }
    w->random = before;
}

static void test_snow(void **state) {
    struct world *w = *state;
    for (int i = 0; i < 200; i++) {
        draw(w, 1, 0, 1.5f);
        snow(w, i);
        look(w);
    }
    assert_in_range(w->moving, 0, 6);
    assert_seen(w, 34, 1.5f, snow);
}

static void test_insect_on_the_lens(void **state) {
    struct world *w = *state;
    for (int i = 0; i < 100; i++) { /* small and quick: never twice at a place */
        draw(w, 1, 0, 1.5f);
        int x = (int)(uniform(w) * 150), y = (int)(uniform(w) * 80);
        for (int dy = 0; dy < 5; dy++)
            for (int dx = 0; dx < 5; dx++) paint(w, x + dx, y + dy, 190);
        look(w);
    }
    assert_in_range(w->moving, 0, 2);
}

static void test_headlights(void **state) {
    struct world *w = *state;
    for (int i = 0; i < 30; i++) {
        draw(w, 0.45f, 0, 1.5f);
        look(w);
    }
    w->moving = 0;
    for (int i = 0; i < 25; i++) {
        draw(w, 0.45f, 0, 1.5f);
        for (int y = 0; y < MODEL_ROWS; y++)
            for (int x = 0; x < MODEL_COLUMNS; x++) {
                float off = ((float)x - 8 * (float)i + 10) / 22, light = 1 + 1.8f * expf(-off * off);
                paint(w, x, y, 16 + ((float)w->picture.luma[y * MODEL_COLUMNS + x] - 16) * light);
            }
        look(w);
    }
    assert_in_range(w->moving, 0, 3);
}

static void test_moving_shadow(void **state) {
    struct world *w = *state;
    for (int i = 0; i < 60; i++) {
        draw(w, 1, 0, 1.5f);
        for (int y = 20; y < 80; y++)
            for (int x = 0; x < MODEL_COLUMNS; x++) {
                float off = fabsf((float)x - 2.5f * (float)i) / 20;
                float shade = off > 1 ? 1 : 0.55f + 0.45f * off;
                paint(w, x, y, 16 + ((float)w->picture.luma[y * MODEL_COLUMNS + x] - 16) * shade);
            }
        look(w);
    }
    assert_in_range(w->moving, 0, 4);
}

static void test_exposure_steps(void **state) {
    struct world *w = *state;
    static const float gains[] = {1.3f, 0.8f, 1.1f, 0.75f, 1};
    for (size_t g = 0; g < sizeof gains / sizeof *gains; g++)
        for (int i = 0; i < 20; i++) {
            draw(w, gains[g], 0, 1.5f);
            look(w);
        }
    assert_int_equal(w->moving, 0);
    assert_seen(w, 36, 1.5f, NULL);
}

/* Another picture of the same place, as under infra-red light. */
static void draw_infra_red(struct world *w, float level) {
    for (int y = 0; y < MODEL_ROWS; y++)
        for (int x = 0; x < MODEL_COLUMNS; x++) {
            float dx = ((float)x - 80) / 80, dy = ((float)y - 45) / 45,
                  lamp = 1.3f - 0.9f * (dx * dx + dy * dy);
            float plants = y > 60 && texture(x / 9, y / 9) > 0.5f ? 60 : 0;
            paint(w, x, y, level * (lamp > 0 ? lamp : 0) * (scene(x, y) * 0.6f + plants) + 3 * uniform(w));
        }
}

static void test_infra_red_switch(void **state) {
    struct world *w = *state;
    for (int i = 0; i < 3; i++) {
        draw_infra_red(w, 0.1f);
        look(w);
    }
    for (int i = 0; i < 60; i++) {
        draw_infra_red(w, 1 + 0.7f * expf(-(float)i / 2));
        look(w);
    }
    assert_int_equal(w->moving, 0);
    for (int i = 0, right = 0; i < 30; i++) { /* and it sees again */
        draw_infra_red(w, 1);
        person(w, 30 + 2 * i, 45);
        look(w);
        right += covers(&w->last, 34 + 2 * i, 55);
        if (i == 29) assert_in_range(right, 25, 30);
    }
}

static void test_camera_shake(void **state) {
    struct world *w = *state;
    for (int i = 0; i < 120; i++) {
        draw(w, 1, i % 3 - 1, 1.5f);
        look(w);
    }
    assert_in_range(w->moving, 0, 2);
}

static void test_parked_car(void **state) {
    struct world *w = *state;
    int told = 0;
    for (int i = 0; i < 60; i++) {
        draw(w, 1, 0, 1.5f);
        int x = i < 20 ? 4 * i : 80;
        for (int dy = 0; dy < 12; dy++)
            for (int dx = 0; dx < 26; dx++) paint(w, x + dx, 60 + dy, dy < 4 ? 200 : 45);
        look(w);
        if (i == 30) told = w->moving;
    }
    assert_in_range(told, 17, 30);
    assert_int_equal(w->moving, told); /* it stands: nothing moves any more */
    motion_model_settle(w->model);
    draw(w, 1, 0, 1.5f); /* it is away in a moment: the place changed, and then stands still */
    for (int i = 0; i < 20; i++) look(w);
    assert_in_range(w->moving - told, 0, 7);
}

static void test_reduce(void **state) {
    (void)state;
    static uint8_t plane[640 * 360], out[MODEL_PLACES];
    for (int y = 0; y < 360; y++)
        for (int x = 0; x < 640; x++) plane[y * 640 + x] = (uint8_t)(x / 4 + y % 4);
    model_reduce(plane, 640, 640, 360, out, MODEL_COLUMNS, MODEL_ROWS);
    for (int x = 0; x < MODEL_COLUMNS; x++)
        assert_int_equal(out[7 * MODEL_COLUMNS + x], x + 2); /* rounded up */
    model_reduce(plane, 640, MODEL_COLUMNS, MODEL_ROWS, out, MODEL_COLUMNS,
                 MODEL_ROWS); /* the least there may be */
    assert_int_equal(out[5], plane[5]);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_still),          CASE(test_walks_across),       CASE(test_region_fits),
        CASE(test_noise_at_night), CASE(test_tree_in_the_wind),   CASE(test_rain),
        CASE(test_snow),           CASE(test_insect_on_the_lens), CASE(test_headlights),
        CASE(test_moving_shadow),  CASE(test_exposure_steps),     CASE(test_infra_red_switch),
        CASE(test_camera_shake),   CASE(test_parked_car),         cmocka_unit_test(test_reduce),
    };
    return cmocka_run_group_tests_name("motion_model", tests, NULL, NULL);
}
