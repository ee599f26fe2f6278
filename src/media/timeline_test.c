#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "media/timeline.h"

#define START_US 1700000000000000
#define FRAMES_PER_S 25

static uint32_t seed = 1;
static int64_t jitter(int64_t max_us) {
    seed = seed * 1664525 + 1013904223;
    return (int64_t)((seed >> 8) % (uint32_t)(max_us + 1));
}

/* A camera of 25 frames a second, whose clock runs `ppm` fast, over `seconds`, a key frame each second.
 * Packets come 20 ms late plus up to jitter_us. Checks that within a second steps are exactly the camera's,
 * and that corrections keep their limit. Returns how far the last frame's wall time is from when it was made.
 */
static int64_t run(struct timeline *t, double ppm, int64_t jitter_us, int64_t seconds, int64_t *worst_us) {
    struct wall_us last = {0}, wall = {0};
    int64_t last_media = 0;
    double made = START_US;
    *worst_us = 0;
    for (int64_t i = 0; i < seconds * FRAMES_PER_S; i++) {
        int64_t ticks = 1234567 + i * 90000 / FRAMES_PER_S;
        made = START_US + (double)i * 1e6 / FRAMES_PER_S / (1 + ppm / 1e6);
        struct wall_us arrived = {(int64_t)made + 20000 + jitter(jitter_us)};
        bool key = i % FRAMES_PER_S == 0;
        assert_int_equal(timeline_map(t, ticks, arrived, key, &wall), TIMELINE_FITS);
        if (i) {
            int64_t off = llabs((wall.us - last.us) - (ticks - last_media) * 100 / 9);
            if (off > (key ? 501 : 1)) fail_msg("frame %lld moved by %lld us", (long long)i, (long long)off);
        }
        last = wall;
        last_media = ticks;
        if (i > 60 * FRAMES_PER_S && llabs(wall.us - (int64_t)made) > *worst_us)
            *worst_us = llabs(wall.us - (int64_t)made);
    }
    return wall.us - (int64_t)made;
}

static void test_drift(void **state) {
    (void)state;
    static const struct {
        const char *label;
        double ppm;
        int64_t jitter_us, limit_us;
    } cases[] = {
        {"exact, no jitter", 0, 0, 20001},
        {"exact, 80 ms of jitter", 0, 80000, 70000},
        {"fast by 200 ppm", 200, 10000, 40000},
        {"slow by 200 ppm", -200, 10000, 40000},
        {"15 s in 4 h, less what is corrected", -450, 30000, 60000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct timeline t;
        timeline_init(&t, 90000);
        int64_t worst;
        run(&t, cases[i].ppm, cases[i].jitter_us, 4 * 3600, &worst);
        if (worst > cases[i].limit_us || t.steps)
            fail_msg("%s: off by %lld us", cases[i].label, (long long)worst);
    }
}

/* A clock that is wrong by more than can be corrected ends in steps, at key frames, and stays within some
 * seconds. */
static void test_hopeless_clock_steps(void **state) {
    (void)state;
    struct timeline t;
    timeline_init(&t, 90000);
    struct wall_us wall;
    unsigned stepped = 0;
    for (int64_t i = 0; i < 3600 * 25; i++) {
        int64_t made = START_US + i * 40000, ticks = i * 3564; /* 1 % slow */
        enum timeline_fit fit = timeline_map(&t, ticks, (struct wall_us){made}, i % 50 == 0, &wall);
        assert_int_not_equal(fit, TIMELINE_BROKEN);
        if (fit == TIMELINE_STEPPED) {
            stepped++;
            assert_int_equal(i % 50, 0);
        }
        assert_true(llabs(wall.us - made) < 3000000);
    }
    assert_true(stepped >= 10 && stepped <= 20);
    assert_int_equal(t.steps, stepped);
}

static void test_camera_clock_jumps(void **state) {
    (void)state;
    struct timeline t;
    timeline_init(&t, 90000);
    struct wall_us wall;
    assert_int_equal(timeline_map(&t, 0, (struct wall_us){START_US}, true, &wall), TIMELINE_FITS);
    assert_int_equal(wall.us, START_US);
    assert_int_equal(timeline_map(&t, 3600, (struct wall_us){START_US + 41000}, false, &wall), TIMELINE_FITS);
    assert_int_equal(wall.us, START_US + 40000);
    /* An hour ahead in the middle of a segment: not taken; at the next key frame: a step to the arrival. */
    assert_int_equal(timeline_map(&t, 7200 + 324000000, (struct wall_us){START_US + 80000}, false, &wall),
                     TIMELINE_BROKEN);
    assert_int_equal(wall.us, START_US + 40000);
    assert_int_equal(timeline_map(&t, 10800 + 324000000, (struct wall_us){START_US + 120000}, true, &wall),
                     TIMELINE_STEPPED);
    assert_int_equal(wall.us, START_US + 120000);
    /* A stall of five seconds, then all of it in a burst: no step, no jitter. */
    for (int i = 1; i < 125; i++) {
        assert_int_equal(timeline_map(&t, 10800 + 324000000 + i * 3600, (struct wall_us){START_US + 5120000},
                                      i % 25 == 0, &wall),
                         TIMELINE_FITS);
        assert_int_equal(wall.us, START_US + 120000 + i * 40000);
    }
}

static void test_wall_clock_jumps(void **state) {
    (void)state;
    struct wall_base b = {0};
    const int64_t hour = 3600000000;
    assert_false(wall_base_update(&b, (struct wall_us){START_US}, (struct steady_us){5000000}));
    assert_int_equal(wall_base_at(&b, (struct steady_us){6000000}).us, START_US + 1000000);
    /* NTP slews: 20 ms off are taken over by half a millisecond in a second, never backwards. */
    for (int64_t s = 1; s <= 100; s++) {
        int64_t before = wall_base_at(&b, (struct steady_us){5000000 + s * 1000000}).us;
        assert_false(wall_base_update(&b, (struct wall_us){START_US + s * 1000000 - 20000},
                                      (struct steady_us){5000000 + s * 1000000}));
        int64_t after = wall_base_at(&b, (struct steady_us){5000000 + s * 1000000}).us;
        assert_true(before - after >= 0 && before - after <= 500);
    }
    assert_int_equal(wall_base_at(&b, (struct steady_us){105000000}).us, START_US + 100000000 - 20000);
    /* An hour back, a year on. */
    assert_true(wall_base_update(&b, (struct wall_us){START_US - hour}, (struct steady_us){106000000}));
    assert_int_equal(wall_base_at(&b, (struct steady_us){106000000}).us, START_US - hour);
    assert_true(
        wall_base_update(&b, (struct wall_us){START_US + 8760 * hour}, (struct steady_us){107000000}));
    assert_int_equal(b.jumps, 2);
}

/* The host's clock jumps back by an hour: the time line follows at the next key frame. */
static void test_time_line_follows_the_wall(void **state) {
    (void)state;
    struct timeline t;
    timeline_init(&t, 90000);
    struct wall_us wall;
    for (int64_t i = 0; i < 1000; i++) {
        int64_t now = START_US + i * 40000 - (i >= 510 ? 3600000000 : 0);
        enum timeline_fit fit = timeline_map(&t, i * 3600, (struct wall_us){now}, i % 50 == 0, &wall);
        if (i < 510)
            assert_int_equal(fit, TIMELINE_FITS);
        else if (i < 550)
            assert_int_equal(fit, TIMELINE_BROKEN);
        else
            assert_int_equal(fit, i == 550 ? TIMELINE_STEPPED : TIMELINE_FITS);
        if (i >= 550) assert_int_equal(wall.us, now);
    }
}

/* The first two frames come together, late, as from a server that had one ready: what is observed before
 * mapping decides. */
static void test_arrivals_settle(void **state) {
    (void)state;
    struct timeline t;
    timeline_init(&t, 90000);
    static const int64_t late_us[] = {300000, 260000, 15000, 5000, 9000};
    for (int64_t i = 0; i < 5; i++)
        timeline_observe(&t, i * 3600, (struct wall_us){START_US + i * 40000 + late_us[i]});
    for (int64_t i = 0; i < 100; i++) {
        struct wall_us wall, arrived = {START_US + i * 40000 + (i < 5 ? late_us[i] : 7000)};
        assert_int_equal(timeline_map(&t, i * 3600, arrived, i % 25 == 0, &wall), TIMELINE_FITS);
        assert_int_equal(wall.us, START_US + i * 40000 + 5000);
    }
}

/* Sound follows the picture: at once when it is off by much, like drift when by little, never to where no
 * arrival could be. */
static void test_alignment(void **state) {
    (void)state;
    struct timeline t;
    timeline_init(&t, 48000);
    struct wall_us wall;
    for (int64_t i = 0; i < 100; i++)
        assert_int_equal(
            timeline_map(&t, i * 960, (struct wall_us){START_US + i * 20000 + 150000}, i % 50 == 0, &wall),
            TIMELINE_FITS);
    assert_int_equal(wall.us, START_US + 99 * 20000 + 150000);
    timeline_align(&t, START_US + 30000);
    assert_int_equal(timeline_map(&t, 100 * 960, (struct wall_us){START_US + 2150000}, false, &wall),
                     TIMELINE_FITS);
    assert_int_equal(wall.us, START_US + 2150000); /* not before a correction may happen */
    /* Back by 120 ms: time stands until the sound has caught up, so that nothing is told twice. */
    struct wall_us last = wall;
    for (int64_t i = 101; i < 150; i++) {
        assert_int_equal(
            timeline_map(&t, i * 960, (struct wall_us){START_US + i * 20000 + 150000}, i == 101, &wall),
            TIMELINE_FITS);
        assert_true(wall.us > last.us);
        if (i > 107) assert_int_equal(wall.us, START_US + i * 20000 + 30000);
        last = wall;
    }
    timeline_align(&t, START_US + 31000);
    assert_int_equal(timeline_map(&t, 151 * 960, (struct wall_us){START_US + 3170000}, true, &wall),
                     TIMELINE_FITS);
    assert_in_range(wall.us, START_US + 3050001, START_US + 3050600);
    assert_int_equal(t.steps, 0);
    timeline_align(&t, START_US + 5000000);
    assert_false(t.aligned);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drift),
        cmocka_unit_test(test_hopeless_clock_steps),
        cmocka_unit_test(test_camera_clock_jumps),
        cmocka_unit_test(test_wall_clock_jumps),
        cmocka_unit_test(test_time_line_follows_the_wall),
        cmocka_unit_test(test_arrivals_settle),
        cmocka_unit_test(test_alignment),
    };
    return cmocka_run_group_tests_name("timeline", tests, NULL, NULL);
}
