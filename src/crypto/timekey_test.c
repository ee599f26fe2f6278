#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/timekey.h"

#define WINDOW 64
#define BASE 1700000000u /* so that the window crosses borders of small and of large nodes */

static uint64_t state = 1;

static uint32_t next_random(void) { /* xorshift64*, so that a failure repeats */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * 0x2545f4914f6cdd1du) >> 32);
}

/* A set is right when it opens exactly the slots of the model, to the root's own leaves. */
static void assert_opens(const struct timekey_set *root, const struct timekey_set *set, const bool *model) {
    for (uint32_t i = 0; i < WINDOW; i++) {
        uint8_t expected[TIMEKEY_BYTES], leaf[TIMEKEY_BYTES] = {0};
        err e = timekey_leaf(set, BASE + i, leaf);
        if ((e == ERR_OK) != model[i]) fail_msg("slot %u: %s", i, err_text(e));
        if (e) {
            assert_int_equal(e, ERR_NOT_FOUND);
            continue;
        }
        assert_int_equal(timekey_leaf(root, BASE + i, expected), ERR_OK);
        assert_memory_equal(leaf, expected, TIMEKEY_BYTES);
    }
}

/* The least number of aligned blocks that make [begin, end), counted from the left by the largest that fits.
 */
static size_t least_nodes(uint64_t begin, uint64_t end) {
    size_t count = 0;
    while (begin < end) {
        uint64_t size = begin ? begin & (~begin + 1) : TIMEKEY_SLOT_END;
        while (size > end - begin) size /= 2;
        begin += size;
        count++;
    }
    return count;
}

static void test_every_small_cover(void **unused) {
    (void)unused;
    AUTO(timekey_set_clear) struct timekey_set root = {0};
    assert_int_equal(timekey_generate(&root), ERR_OK);
    for (uint32_t begin = 0; begin < WINDOW; begin += 1 + next_random() % 5) {
        for (uint32_t end = begin + 1; end <= WINDOW; end += 1 + next_random() % 5) {
            AUTO(timekey_set_clear) struct timekey_set cover = {0};
            assert_int_equal(timekey_cover(&root, BASE + begin, BASE + end, &cover), ERR_OK);
            bool model[WINDOW];
            for (uint32_t i = 0; i < WINDOW; i++) model[i] = i >= begin && i < end;
            assert_opens(&root, &cover, model);
            assert_int_equal(cover.count, least_nodes(BASE + begin, BASE + end));
        }
    }
}

static void test_large_covers_try_each_neighbour(void **unused) {
    (void)unused;
    AUTO(timekey_set_clear) struct timekey_set root = {0};
    assert_int_equal(timekey_generate(&root), ERR_OK);
    for (unsigned i = 0; i < 200; i++) {
        uint64_t begin = next_random(), end = begin + 1 + next_random() % (i % 2 ? 4000u : UINT32_MAX);
        if (end > TIMEKEY_SLOT_END) end = TIMEKEY_SLOT_END;
        AUTO(timekey_set_clear) struct timekey_set cover = {0};
        assert_int_equal(timekey_cover(&root, begin, end, &cover), ERR_OK);
        assert_true(cover.count <= TIMEKEY_COVER_MAX);
        assert_int_equal(cover.count, least_nodes(begin, end));
        uint8_t leaf[TIMEKEY_BYTES];
        assert_int_equal(timekey_leaf(&cover, (uint32_t)begin, leaf), ERR_OK);
        assert_int_equal(timekey_leaf(&cover, (uint32_t)(end - 1), leaf), ERR_OK);
        if (begin > 0) assert_int_equal(timekey_leaf(&cover, (uint32_t)(begin - 1), leaf), ERR_NOT_FOUND);
        if (end < TIMEKEY_SLOT_END)
            assert_int_equal(timekey_leaf(&cover, (uint32_t)end, leaf), ERR_NOT_FOUND);
        assert_true(timekey_covers(&cover, begin, end));
        assert_false(timekey_covers(&cover, begin, end + 1));
    }
    AUTO(timekey_set_clear) struct timekey_set most = {0};
    assert_int_equal(timekey_cover(&root, 1, TIMEKEY_SLOT_END - 1, &most), ERR_OK);
    assert_int_equal(most.count, TIMEKEY_COVER_MAX);
}

static void test_refused_covers(void **unused) {
    (void)unused;
    AUTO(timekey_set_clear) struct timekey_set root = {0};
    AUTO(timekey_set_clear) struct timekey_set part = {0};
    AUTO(timekey_set_clear) struct timekey_set out = {0};
    assert_int_equal(timekey_generate(&root), ERR_OK);
    assert_int_equal(timekey_cover(&root, 10, 20, &part), ERR_OK);
    static const struct {
        const char *label;
        uint64_t begin, end;
        err expected;
    } cases[] = {{"empty", 15, 15, ERR_INVALID},
                 {"backwards", 16, 15, ERR_INVALID},
                 {"past the end", 15, TIMEKEY_SLOT_END + 1, ERR_INVALID},
                 {"one before", 9, 15, ERR_NOT_FOUND},
                 {"one after", 15, 21, ERR_NOT_FOUND},
                 {"elsewhere", 100, 101, ERR_NOT_FOUND},
                 {"all of it", 10, 20, ERR_OK}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        err e = timekey_cover(&part, cases[i].begin, cases[i].end, &out);
        if (e != cases[i].expected) fail_msg("%s: %s", cases[i].label, err_text(e));
    }
}

/* Random removals, intersections and steps forward, held against a list of booleans. */
static void test_operations_against_a_model(void **unused) {
    (void)unused;
    AUTO(timekey_set_clear) struct timekey_set root = {0};
    assert_int_equal(timekey_generate(&root), ERR_OK);
    for (unsigned round = 0; round < 60; round++) {
        AUTO(timekey_set_clear) struct timekey_set set = {0};
        bool model[WINDOW];
        assert_int_equal(timekey_set_copy(&root, &set), ERR_OK);
        for (uint32_t i = 0; i < WINDOW; i++) model[i] = true;
        for (unsigned step = 0; step < 5; step++) {
            uint32_t begin = next_random() % WINDOW, end = begin + next_random() % (WINDOW - begin + 1);
            unsigned what = next_random() % 4;
            if (what == 0) {
                AUTO(timekey_set_clear) struct timekey_set within = {0};
                assert_int_equal(timekey_intersect(&set, BASE + begin, BASE + end, &within), ERR_OK);
                timekey_set_clear(&set);
                set = within;
                within = (struct timekey_set){0};
            } else if (what == 1) {
                end = begin;
                begin = 0;
                assert_int_equal(timekey_forward(&set, BASE + end), ERR_OK);
            } else {
                assert_int_equal(timekey_remove(&set, BASE + begin, BASE + end), ERR_OK);
            }
            for (uint32_t i = 0; i < WINDOW; i++) {
                bool inside = i >= begin && i < end;
                model[i] = model[i] && (what == 0 ? inside : !inside);
            }
            assert_opens(&root, &set, model);
            for (size_t i = 1; i < set.count; i++) assert_true(set.nodes[i - 1].first < set.nodes[i].first);
            AUTO(blob_clear) struct blob raw = {0};
            AUTO(timekey_set_clear) struct timekey_set back = {0};
            struct diag d = {0};
            assert_int_equal(timekey_encode(&set, &raw), ERR_OK);
            assert_int_equal(timekey_decode(blob_bytes(&raw), &back, &d), ERR_OK);
            assert_opens(&root, &back, model);
        }
    }
}

/* What the set in memory covers starts at `now` and not before, and stays small enough to write each second.
 */
static void test_forward_only(void **unused) {
    (void)unused;
    AUTO(timekey_set_clear) struct timekey_set set = {0};
    assert_int_equal(timekey_generate(&set), ERR_OK);
    for (uint64_t now = BASE; now < BASE + 5000; now += 1 + next_random() % 40) {
        assert_int_equal(timekey_forward(&set, now), ERR_OK);
        assert_true(set.count <= TIMEKEY_DEPTH);
        assert_int_equal(set.nodes[0].first, now);
        assert_true(timekey_covers(&set, now, TIMEKEY_SLOT_END));
        uint8_t leaf[TIMEKEY_BYTES];
        assert_int_equal(timekey_leaf(&set, (uint32_t)(now - 1), leaf), ERR_NOT_FOUND);
    }
    uint64_t before = set.nodes[0].first;
    assert_int_equal(timekey_forward(&set, BASE), ERR_OK); /* a clock that goes back opens nothing again */
    assert_int_equal(set.nodes[0].first, before);
    assert_int_equal(timekey_forward(&set, TIMEKEY_SLOT_END), ERR_OK);
    assert_int_equal(set.count, 0);
}

static void test_set_limit(void **unused) {
    (void)unused;
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(timekey_set_clear) struct timekey_set set = {0};
    struct diag d = {0};
    for (uint32_t count = TIMEKEY_SET_MAX; count <= TIMEKEY_SET_MAX + 1; count++) {
        raw.len = 0;
        assert_int_equal(blob_append(&raw, BYTES("CRDT\x01\x01", 6)), ERR_OK);
        assert_int_equal(blob_append_be32(&raw, count), ERR_OK);
        for (uint32_t i = 0; i < count; i++) {
            uint8_t node[37] = {32};
            be32_put(node + 1, 2 * i);
            assert_int_equal(blob_append(&raw, BYTES_OF(node)), ERR_OK);
        }
        err e = timekey_decode(blob_bytes(&raw), &set, &d);
        assert_int_equal(e, count <= TIMEKEY_SET_MAX ? ERR_OK : ERR_INVALID);
        assert_int_equal(set.count, TIMEKEY_SET_MAX); /* a refused decoding leaves the set alone */
    }
}

/* Property and figure: whatever seconds are granted, at most TIMEKEY_COVER_MAX nodes hand them over, and the
 * most that is possible is reached. Each cover opens its ends, and neither neighbour. */
static void test_any_range_has_a_small_cover(void **unused) {
    (void)unused;
    enum { RANGES = 20000 };
    AUTO(timekey_set_clear) struct timekey_set root = {0};
    AUTO(timekey_set_clear) struct timekey_set cover = {0};
    size_t most = 0, nodes = 0;
    uint8_t leaf[TIMEKEY_BYTES];
    assert_int_equal(timekey_generate(&root), ERR_OK);
    assert_int_equal(timekey_cover(&root, 1, TIMEKEY_SLOT_END - 1, &cover), ERR_OK);
    assert_int_equal(cover.count, TIMEKEY_COVER_MAX);
    for (int i = 0; i < RANGES; i++) {
        uint64_t a = next_random();
        uint64_t length = 1 + ((uint64_t)next_random() >> next_random() % 32);
        uint64_t b = a + length > TIMEKEY_SLOT_END ? TIMEKEY_SLOT_END : a + length;
        assert_int_equal(timekey_cover(&root, a, b, &cover), ERR_OK);
        if (cover.count > TIMEKEY_COVER_MAX)
            fail_msg("[%llu, %llu): %zu", (unsigned long long)a, (unsigned long long)b, cover.count);
        if (cover.count > most) most = cover.count;
        nodes += cover.count;
        if (i % 50) continue; /* walking to a leaf takes 32 hashes */
        assert_int_equal(timekey_leaf(&cover, (uint32_t)a, leaf), ERR_OK);
        assert_int_equal(timekey_leaf(&cover, (uint32_t)(b - 1), leaf), ERR_OK);
        if (a) assert_int_equal(timekey_leaf(&cover, (uint32_t)(a - 1), leaf), ERR_NOT_FOUND);
        if (b < TIMEKEY_SLOT_END) assert_int_equal(timekey_leaf(&cover, (uint32_t)b, leaf), ERR_NOT_FOUND);
    }
    print_message("# %d ranges: at most %zu nodes, %.1f in the mean; the most possible is %d\n", RANGES, most,
                  (double)nodes / RANGES, TIMEKEY_COVER_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_small_cover),
        cmocka_unit_test(test_large_covers_try_each_neighbour),
        cmocka_unit_test(test_refused_covers),
        cmocka_unit_test(test_operations_against_a_model),
        cmocka_unit_test(test_forward_only),
        cmocka_unit_test(test_set_limit),
        cmocka_unit_test(test_any_range_has_a_small_cover),
    };
    return cmocka_run_group_tests_name("timekey", tests, NULL, NULL);
}
