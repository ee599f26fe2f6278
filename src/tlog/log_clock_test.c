/* The times of a log, at the allowance and one past it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tlog/log_clock.h"

#define NOW INT64_C(1700000000000000)
#define OFF (LOG_CLOCK_OFF_S * INT64_C(1000000))

static enum log_clock_fault take(struct log_clock *c, int64_t us) {
    return log_clock_take(c, (struct wall_us){us}, (struct wall_us){NOW});
}

static void at_the_allowance_and_one_past_it(void **state) {
    (void)state;
    struct log_clock c = {0};
    assert_int_equal(take(&c, NOW - 10 * OFF), LOG_CLOCK_FINE);
    assert_int_equal(take(&c, NOW - 9 * OFF), LOG_CLOCK_FINE);
    assert_int_equal(take(&c, NOW - 10 * OFF), LOG_CLOCK_FINE);     /* set back by just so much */
    assert_int_equal(take(&c, NOW - 10 * OFF - 1), LOG_CLOCK_BACK); /* of the latest, not of the one before */
    assert_int_equal(take(&c, NOW + OFF), LOG_CLOCK_FINE);
    assert_int_equal(take(&c, NOW + OFF + 1), LOG_CLOCK_AHEAD);
    assert_int_equal(take(&c, INT64_MAX), LOG_CLOCK_AHEAD);
    assert_int_equal(c.latest.us, NOW + OFF);
}

static void small_steps_back_add_up_to_a_large_one(void **state) {
    (void)state;
    struct log_clock c = {0};
    assert_int_equal(take(&c, NOW), LOG_CLOCK_FINE);
    assert_int_equal(take(&c, NOW - OFF / 2), LOG_CLOCK_FINE);
    assert_int_equal(take(&c, NOW - OFF), LOG_CLOCK_FINE);
    assert_int_equal(take(&c, NOW - OFF - 1), LOG_CLOCK_BACK);
}

static void each_setting_is_found_once(void **state) {
    (void)state;
    struct log_clock c = {0};
    assert_int_equal(take(&c, NOW), LOG_CLOCK_FINE);
    assert_int_equal(take(&c, NOW - 3 * OFF), LOG_CLOCK_BACK);
    assert_int_equal(take(&c, NOW - 3 * OFF + 1), LOG_CLOCK_FINE);
    assert_int_equal(take(&c, 0), LOG_CLOCK_BACK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_the_allowance_and_one_past_it),
        cmocka_unit_test(small_steps_back_add_up_to_a_large_one),
        cmocka_unit_test(each_setting_is_found_once),
    };
    return cmocka_run_group_tests_name("log clock", tests, NULL, NULL);
}
