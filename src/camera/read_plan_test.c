#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "camera/read_plan.h"

/* A camera whose frame n is there from `start + n * period` to `+ spread` on; counts wake-ups and the age of
 * what is read. */
static bool relaxed;

struct figures {
    unsigned wakes, frames, most_at_once;
    int64_t worst_age_us, ages_us;
};

static struct figures play(int64_t period, int64_t spread, int64_t stall_each, int64_t stall_us,
                           int64_t nagle) {
    struct read_plan p;
    read_plan_init(&p);
    read_plan_relax(&p, relaxed);
    struct figures f = {0};
    int64_t now = 1000000, start = 1003000, next = 0, acknowledged = -1;
    while (f.frames < 2000) {
        int64_t first = start + next * period, last = first + spread;
        f.wakes++;
        if (p.watching) {
            int64_t readable = nagle && acknowledged == next ? now : first;
            if (now < readable) now = readable;
            now += 40;
            read_plan_readable(&p, (struct steady_us){now});
            continue;
        }
        if (now < p.at.us) now = p.at.us;
        if (stall_each && f.frames % stall_each == 0) now += stall_us; /* the machine is busy elsewhere */
        unsigned got = 0;
        while (start + next * period + spread <= now) {
            if (nagle &&
                acknowledged !=
                    next) { /* this read brings the sound before the frame, and the acknowledgement */
                acknowledged = next;
                break;
            }
            last = start + next * period + spread;
            if (now - last > f.worst_age_us) f.worst_age_us = now - last;
            f.ages_us += now - last;
            next++;
            got++;
        }
        f.frames += got;
        if (got > f.most_at_once) f.most_at_once = got;
        read_plan_done(&p, got, period, (struct steady_us){now});
        now += 60;
    }
    return f;
}

static void test_one_wake_for_a_frame(void **state) {
    (void)state;
    static const struct {
        const char *label;
        int64_t period, spread, stall_each, stall_us, nagle;
        double wakes, age_ms;
    } cases[] = {
        {"25 a second", 40000, 1500, 0, 0, 0, 1.5, 4},
        {"25 a second, slow packets", 40000, 6000, 0, 0, 0, 1.6, 6},
        {"30 a second", 33333, 1500, 0, 0, 0, 1.5, 4},
        {"busy machine", 40000, 1500, 10, 15000, 0, 1.6, 6},
        {"held back by Nagle", 40000, 100, 0, 0, 1, 3.5, 9},
        {"10 a second", 100000, 1500, 0, 0, 0, 2.1, 4.5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct figures f =
            play(cases[i].period, cases[i].spread, cases[i].stall_each, cases[i].stall_us, cases[i].nagle);
        double wakes = (double)f.wakes / f.frames, age_ms = (double)f.ages_us / f.frames / 1000;
        printf("# %s: %.2f wake-ups for a frame, %.1f ms old\n", cases[i].label, wakes, age_ms);
        if (wakes > cases[i].wakes || age_ms > cases[i].age_ms)
            fail_msg("%s: %.2f wake-ups for a frame, %.1f ms old", cases[i].label, wakes, age_ms);
    }
}

static void test_fewer_wakes_while_nobody_watches(void **state) {
    (void)state;
    relaxed = true;
    struct figures f = play(40000, 1500, 0, 0, 0), busy = play(40000, 1500, 10, 15000, 0);
    relaxed = false;
    printf("# relaxed: %.2f wake-ups for a frame, at most %u at once\n", (double)f.wakes / f.frames,
           f.most_at_once);
    assert_true(f.wakes * 3 < f.frames);
    assert_true(busy.wakes * 3 < busy.frames);
    assert_true(f.worst_age_us < 300000);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_wake_for_a_frame),
                                       cmocka_unit_test(test_fewer_wakes_while_nobody_watches)};
    return cmocka_run_group_tests_name("read_plan", tests, NULL, NULL);
}
