/* How often a stranger may try, by a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vault/limit.h"

#define TRIES 3u
#define WINDOW_S 600
#define SLOW_S 30

static struct limiter limiter; /* 640 KiB, too much for a stack */

static struct steady_us at(double s) {
    return (struct steady_us){1 + (int64_t)(s * 1e6)};
}

static bool may(uint64_t key, double s, unsigned *retry_s) {
    unsigned ignored = 0;
    return limiter_ask(&limiter, key, at(s), retry_s ? retry_s : &ignored);
}

static void spend(uint64_t key, double s) {
    for (unsigned i = 0; i < TRIES; i++) {
        assert_true(may(key, s, NULL));
        limiter_count(&limiter, key, at(s));
    }
}

/* So many are free; then one in SLOW_S, each of which makes the next wait; then the window is over. */
static void test_slows_down(void **state) {
    unsigned retry_s = 0;
    limiter_init(&limiter, TRIES, WINDOW_S, SLOW_S);
    spend(7, 0);
    assert_false(may(7, 0, &retry_s));
    assert_int_equal(retry_s, SLOW_S);
    assert_false(may(7, SLOW_S - 0.5, &retry_s));
    assert_int_equal(retry_s, 1);
    assert_true(may(7, SLOW_S, NULL));
    limiter_count(&limiter, 7, at(SLOW_S));
    assert_false(may(7, SLOW_S + 1, NULL));
    assert_true(may(8, SLOW_S + 1, NULL)); /* another's is another's */
    assert_true(may(7, WINDOW_S, NULL));
    spend(7, WINDOW_S);
    assert_false(may(7, WINDOW_S, NULL));
    limiter_clear(&limiter);
}

/* Without a slow pace: none until the window ends. */
static void test_stops(void **state) {
    unsigned retry_s = 0;
    limiter_init(&limiter, TRIES, WINDOW_S, 0);
    spend(7, 10);
    assert_false(may(7, 10 + WINDOW_S - 1, &retry_s));
    assert_int_equal(retry_s, 1);
    assert_true(may(7, 10 + WINDOW_S, NULL));
    spend(7, 700);
    limiter_forget(&limiter, 7);
    assert_true(may(7, 700, NULL));
    limiter_clear(&limiter);
}

/* Something is known of a key until its window ends, be it used or not; and anew once it was forgotten. */
static void test_counted(void **state) {
    limiter_init(&limiter, 1, WINDOW_S, 0);
    assert_false(limiter_counted(&limiter, 7, at(0)));
    limiter_count(&limiter, 7, at(0));
    assert_true(limiter_counted(&limiter, 7, at(0)));
    assert_false(limiter_counted(&limiter, 8, at(0)));
    limiter_count(&limiter, 7, at(WINDOW_S - 1));
    assert_true(limiter_counted(&limiter, 7, at(WINDOW_S - 1)));
    assert_false(limiter_counted(&limiter, 7, at(WINDOW_S)));
    limiter_forget(&limiter, 7);
    assert_false(limiter_counted(&limiter, 7, at(WINDOW_S - 1)));
    limiter_count(&limiter, 7, at(WINDOW_S - 1));
    assert_true(limiter_counted(&limiter, 7, at(2 * WINDOW_S - 2)));
    limiter_clear(&limiter);
}

/* A full bucket gives way to the newest, by its oldest: what was counted last stays. */
static void test_oldest_gives_way(void **state) {
    limiter_init(&limiter, TRIES, WINDOW_S, 0);
    for (uint64_t i = 0; i < LIMIT_WAYS; i++) spend(7 + i * LIMIT_BUCKETS, (double)i);
    limiter_count(&limiter, 7, at(50));
    spend(7 + LIMIT_WAYS * LIMIT_BUCKETS, 60);
    assert_false(may(7, 60, NULL));
    assert_true(may(7 + LIMIT_BUCKETS, 60, NULL));
    for (uint64_t i = 2; i <= LIMIT_WAYS; i++) assert_false(may(7 + i * LIMIT_BUCKETS, 60, NULL));
    limiter_clear(&limiter);
}

/* Which pair it is, and not what the two make when one follows on the other. */
static void test_keys(void **state) {
    limiter_init(&limiter, TRIES, WINDOW_S, 0);
    uint64_t ab = limiter_key(&limiter, bytes_text("a"), bytes_text("b"));
    assert_true(ab == limiter_key(&limiter, bytes_text("a"), bytes_text("b")));
    assert_true(ab != limiter_key(&limiter, bytes_text("ab"), bytes_text("")));
    assert_true(ab != limiter_key(&limiter, bytes_text(""), bytes_text("ab")));
    assert_true(ab != limiter_key(&limiter, bytes_text("b"), bytes_text("a")));
    limiter_clear(&limiter);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slows_down),       cmocka_unit_test(test_stops), cmocka_unit_test(test_counted),
        cmocka_unit_test(test_oldest_gives_way), cmocka_unit_test(test_keys),
    };
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
