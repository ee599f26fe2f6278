/* Where arriving reels stand among the rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vault/in_flight.h"

static struct reel_info reel(uint8_t name, uint32_t first, uint32_t end) {
    struct reel_info r = {.first = first, .end = end, .segments = 1};
    memset(r.reel.bytes, name, sizeof r.reel.bytes);
    return r;
}

/* Rows 1 (100 to 160) and 2 (200 to 260) are stored. */
static void test_merge(void **state) {
    static const struct {
        const char *label;
        uint8_t name;
        uint32_t first, end;
        uint32_t from, to, more_from; /* more_from 0: no more */
        uint8_t names[3];
    } cases[] = {
        {"after the rows", 9, 260, 280, 0, 1000, 0, {1, 2, 9}},
        {"of a hub that catches up: between them", 9, 160, 200, 0, 1000, 0, {1, 9, 2}},
        {"before them", 9, 10, 70, 0, 1000, 0, {9, 1, 2}},
        {"beside a row that begins with it", 9, 200, 220, 0, 1000, 0, {1, 2, 9}},
        {"has a row by now", 2, 200, 240, 0, 1000, 0, {1, 2}},
        {"ends where the range begins", 9, 10, 70, 70, 1000, 0, {1, 2}},
        {"ends in the range's first slot", 9, 10, 71, 70, 1000, 0, {9, 1, 2}},
        {"begins where the range ends", 9, 260, 280, 0, 260, 0, {1, 2}},
        {"begins in the range's last slot", 9, 260, 280, 0, 261, 0, {1, 2, 9}},
        {"belongs to the next page", 9, 300, 320, 0, 1000, 260, {1, 2}},
        {"belongs to this page", 9, 160, 180, 0, 1000, 260, {1, 9, 2}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct timeline t = {.reels = calloc(2, sizeof *t.reels),
                             .count = 2,
                             .more = cases[i].more_from != 0,
                             .more_from = cases[i].more_from};
        struct in_flight f = {.count = 1};
        uint8_t entry[20] = {cases[i].name};
        assert_non_null(t.reels);
        t.reels[0] = reel(1, 100, 160);
        t.reels[1] = reel(2, 200, 260);
        f.reels[0].info = reel(cases[i].name, cases[i].first, cases[i].end);
        f.reels[0].table_bytes = sizeof entry;
        assert_int_equal(blob_append(&f.tables, BYTES_OF(entry)), ERR_OK);
        assert_int_equal(in_flight_merge(&f, cases[i].from, cases[i].to, &t), ERR_OK);
        size_t expected = cases[i].names[2] ? 3 : 2;
        if (t.count != expected) fail_msg("%s: %zu rows", cases[i].label, t.count);
        for (size_t k = 0; k < expected; k++) {
            if (t.reels[k].reel.bytes[0] != cases[i].names[k]) fail_msg("%s: row %zu", cases[i].label, k);
            if (cases[i].names[k] == 9) assert_true(bytes_equal(t.reels[k].table, BYTES_OF(entry)));
        }
        timeline_clear(&t);
        in_flight_clear(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_merge)};
    return cmocka_run_group_tests_name("arriving reels", tests, NULL, NULL);
}
