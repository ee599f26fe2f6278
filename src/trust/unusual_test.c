/* Each rule at its limit and one past it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "trust/unusual.h"

#define MINUTE INT64_C(60000000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define NOON (19700 * DAY + 12 * HOUR)

static struct unusual_act use(int64_t us) {
    return (struct unusual_act){.time = {us}, .actor = {1}, .cameras = 1, .minutes = 5, .ticket = true};
}

/* The alarms that this act raises, as a set of bits; *value is the last one's. */
static unsigned raise_alarms(struct unusual_history *h, struct unusual_act act, int32_t offset_s,
                             uint64_t *value) {
    struct unusual_alarm alarms[UNUSUAL_RULES];
    size_t count;
    unsigned set = 0;
    assert_int_equal(unusual_add(h, &act, offset_s, alarms, &count), ERR_OK);
    for (size_t i = 0; i < count; i++) {
        set |= 1u << alarms[i].rule;
        assert_int_equal(alarms[i].time.us, act.time.us);
        assert_memory_equal(alarms[i].actor, act.actor, sizeof act.actor);
        if (value) *value = alarms[i].value;
    }
    return set;
}

static void test_rate(void **state) {
    struct unusual_history h = {0};
    uint64_t value = 0;
    for (int i = 0; i < UNUSUAL_RATE_MAX; i++)
        assert_int_equal(raise_alarms(&h, use(NOON + i * MINUTE), 0, NULL), 0);
    struct unusual_act other = use(NOON + 13 * MINUTE);
    other.actor[0] = 2;
    assert_int_equal(raise_alarms(&h, other, 0, NULL), 0);
    assert_int_equal(raise_alarms(&h, use(NOON + HOUR - 1), 0, &value), 1u << UNUSUAL_RATE);
    assert_int_equal(value, UNUSUAL_RATE_MAX + 1);
    assert_int_equal(raise_alarms(&h, use(NOON + HOUR + MINUTE), 0, NULL), 0); /* the first two are over */
    unusual_history_clear(&h);
}

static void test_hour(void **state) {
    static const struct {
        int64_t at;
        int32_t offset_s;
        bool alarm;
    } cases[] = {
        {19700 * DAY, 0, true},
        {19700 * DAY - 1, 0, false},
        {19700 * DAY + 5 * HOUR - 1, 0, true},
        {19700 * DAY + 5 * HOUR, 0, false},
        {19700 * DAY + 22 * HOUR, 7200, true}, /* midnight at a desk two hours east */
        {19700 * DAY + 3 * HOUR, 7200, false},
        {19700 * DAY + 4 * HOUR, -18000, false}, /* 23:00 at a desk five hours west */
        {19700 * DAY + 5 * HOUR, -18000, true},
        {HOUR, -18000, false}, /* before 1970 there */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct unusual_history h = {0};
        unsigned set = raise_alarms(&h, use(cases[i].at), cases[i].offset_s, NULL);
        assert_int_equal(set, cases[i].alarm ? 1u << UNUSUAL_HOUR : 0);
        unusual_history_clear(&h);
    }
}

static struct unusual_act of_household(int64_t us, uint8_t household) {
    struct unusual_act act = use(us);
    act.has_household = true;
    act.household[0] = household;
    return act;
}

static void test_repetition(void **state) {
    struct unusual_history h = {0};
    uint64_t value = 0;
    assert_int_equal(raise_alarms(&h, of_household(NOON, 1), 0, NULL), 0);
    assert_int_equal(raise_alarms(&h, of_household(NOON + HOUR, 1), 0, NULL), 0); /* the same day */
    assert_int_equal(raise_alarms(&h, of_household(NOON + DAY, 2), 0, NULL), 0);  /* another's */
    assert_int_equal(raise_alarms(&h, of_household(NOON + 2 * DAY, 1), 0, NULL), 0);
    assert_int_equal(raise_alarms(&h, use(NOON + 3 * DAY), 0, NULL), 0); /* nobody can tell whose */
    assert_int_equal(raise_alarms(&h, of_household(NOON + 29 * DAY, 1), 0, &value), 1u << UNUSUAL_REPETITION);
    assert_int_equal(value, UNUSUAL_DAYS);
    unusual_history_clear(&h);
    assert_int_equal(raise_alarms(&h, of_household(NOON, 1), 0, NULL), 0);
    assert_int_equal(raise_alarms(&h, of_household(NOON + 2 * DAY, 1), 0, NULL), 0);
    assert_int_equal(raise_alarms(&h, of_household(NOON + 30 * DAY, 1), 0, NULL),
                     0); /* the first is too old */
    unusual_history_clear(&h);
}

static void test_scope_and_ticket(void **state) {
    static const struct {
        uint64_t cameras, minutes;
        bool ticket, refused;
        unsigned set;
        uint64_t value;
    } cases[] = {
        {UNUSUAL_CAMERAS_MAX, UNUSUAL_MINUTES_MAX, true, false, 0, 0},
        {UNUSUAL_CAMERAS_MAX + 1, 1, true, false, 1u << UNUSUAL_SCOPE, UNUSUAL_CAMERAS_MAX + 1},
        {1, UNUSUAL_MINUTES_MAX + 1, true, false, 1u << UNUSUAL_SCOPE, UNUSUAL_MINUTES_MAX + 1},
        {1, 1, false, false, 1u << UNUSUAL_TICKET, 0},
        {9, 999, false, true, 1u << UNUSUAL_TICKET, 0}, /* a try opens nothing */
        {9, 999, true, true, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct unusual_history h = {0};
        struct unusual_act act = use(NOON);
        uint64_t value = 0;
        act.cameras = cases[i].cameras;
        act.minutes = cases[i].minutes;
        act.ticket = cases[i].ticket;
        act.refused = cases[i].refused;
        assert_int_equal(raise_alarms(&h, act, 0, &value), cases[i].set);
        assert_int_equal(value, cases[i].value);
        unusual_history_clear(&h);
    }
}

static void test_refused(void **state) {
    struct unusual_history h = {0};
    uint64_t value = 0;
    struct unusual_act act = use(NOON);
    act.refused = true;
    for (int i = 0; i < UNUSUAL_REFUSED_MAX; i++, act.time.us += MINUTE)
        assert_int_equal(raise_alarms(&h, act, 0, NULL), 0);
    assert_int_equal(raise_alarms(&h, use(act.time.us), 0, NULL), 0); /* what went well does not count */
    assert_int_equal(raise_alarms(&h, act, 0, &value), 1u << UNUSUAL_REFUSED);
    assert_int_equal(value, UNUSUAL_REFUSED_MAX + 1);
    unusual_history_clear(&h);
    act.count = UNUSUAL_REFUSED_MAX; /* entries that stand for several */
    assert_int_equal(raise_alarms(&h, act, 0, NULL), 0);
    act.count = 1;
    assert_int_equal(raise_alarms(&h, act, 0, &value), 1u << UNUSUAL_REFUSED);
    unusual_history_clear(&h);
}

static void test_entries(void **state) {
    struct log_entry e = {.time = {NOON},
                          .kind = "grant.use",
                          .acted = true,
                          .actor = {7},
                          .fact_count = 3,
                          .facts = {{"cameras", 2}, {"minutes", 9}, {"ticket", 1}}};
    struct unusual_act act;
    static const uint8_t household[UNUSUAL_HOUSEHOLD_BYTES] = {5};
    assert_true(unusual_act_of(&e, household, &act));
    assert_true(act.has_household && act.ticket && !act.refused);
    assert_int_equal(act.cameras, 2);
    assert_int_equal(act.minutes, 9);
    assert_int_equal(act.actor[0], 7);
    assert_true(unusual_act_of(&e, NULL, &act));
    assert_false(act.has_household);
    memcpy(e.kind, "admin.refused", 14);
    assert_true(unusual_act_of(&e, NULL, &act));
    assert_true(act.refused);
    e.facts[2] = (struct log_fact){"count", 4}; /* of another request than opening a grant */
    assert_true(unusual_act_of(&e, NULL, &act));
    assert_true(act.ticket);
    assert_int_equal(act.count, 4);
    memcpy(e.kind, "grant.create", 13);
    assert_false(unusual_act_of(&e, NULL, &act));
    memcpy(e.kind, "grant.use", 10);
    e.fact_count = 1; /* a member's, or a link's: which opening it is says nothing of staff */
    e.facts[0] = (struct log_fact){LOG_OPENING_FACT, 5};
    assert_false(unusual_act_of(&e, NULL, &act));
    e.fact_count = 0;
    assert_false(unusual_act_of(&e, NULL, &act));
}

static void test_history_is_bounded(void **state) {
    struct unusual_history h = {0};
    struct unusual_act act = use(NOON);
    struct unusual_alarm alarms[UNUSUAL_RULES];
    size_t count;
    for (int i = 0; i < 500; i++, act.time.us += DAY)
        assert_int_equal(unusual_add(&h, &act, 0, alarms, &count), ERR_OK);
    assert_true(h.count <= UNUSUAL_DAYS_OF + 2);
    unusual_history_clear(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_hour),
        cmocka_unit_test(test_repetition),
        cmocka_unit_test(test_scope_and_ticket),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_history_is_bounded),
    };
    for (int rule = 1; rule <= UNUSUAL_RULES; rule++)
        if (unusual_name((enum unusual_rule)rule)[0] == 0 || unusual_text((enum unusual_rule)rule)[0] == 0)
            return 1;
    return cmocka_run_group_tests_name("unusual use", tests, NULL, NULL);
}
