/* Live views that run, in every driver of index.h. Usage: watch_conformance sqlite|memory */
#include "index_fixture.h"

/* Ids in the order of their numbers. */
static struct store_id watch_id(uint8_t number) {
    return (struct store_id){{number}};
}

struct seen {
    struct index_watch watches[8];
    char act[8][16];
    size_t count;
};

static err take(void *arg, const struct index_watch *w) {
    struct seen *s = arg;
    assert_true(s->count < 8);
    s->watches[s->count] = *w;
    snprintf(s->act[s->count++], 16, "%.*s", (int)w->act.len, (const char *)w->act.data);
    return ERR_OK;
}

static struct seen list(struct fixture *f, const struct store_id *after, uint32_t max) {
    struct seen s = {.count = 0};
    assert_ok(f->index->ops->watch_list(f->index, after, max, take, &s, D));
    return s;
}

static struct index_watch watch_at(const struct fixture *f, uint8_t number, uint32_t node) {
    return (struct index_watch){.watch = watch_id(number),
                                .household = f->home,
                                .node = id_of(node),
                                .n = 7 + number,
                                .since = NOW,
                                .seen = NOW,
                                .act = bytes_text("act")};
}

static void add(struct fixture *f, uint8_t number, uint32_t node) {
    struct index_watch w = watch_at(f, number, node);
    assert_ok(f->index->ops->watch_add(f->index, &w, D));
}

static void test_added_listed_removed(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    struct index_watch w = watch_at(f, 3, 1);
    struct store_id one = watch_id(1), three = watch_id(3);
    assert_int_equal(list(f, NULL, 8).count, 0);
    assert_ok(ops->watch_add(f->index, &w, D));
    assert_err(ops->watch_add(f->index, &w, D), ERR_EXISTS);
    w.watch = watch_id(9);
    w.household = id_of(99);
    assert_err(ops->watch_add(f->index, &w, D), ERR_NOT_FOUND);
    add(f, 1, 1);
    add(f, 2, 2);
    struct seen s = list(f, NULL, 8);
    assert_int_equal(s.count, 3);
    for (uint8_t i = 0; i < 3; i++) {
        struct index_watch want = watch_at(f, (uint8_t)(i + 1), i == 1 ? 2 : 1);
        assert_memory_equal(&s.watches[i].watch, &want.watch, sizeof want.watch);
        assert_memory_equal(&s.watches[i].household, &f->home, sizeof f->home);
        assert_memory_equal(&s.watches[i].node, &want.node, sizeof want.node);
        assert_int_equal(s.watches[i].n, want.n);
        assert_int_equal(s.watches[i].since, NOW);
        assert_string_equal(s.act[i], "act");
    }
    assert_int_equal(list(f, NULL, 2).count, 2);
    assert_int_equal(list(f, &one, 8).count, 2);
    assert_int_equal(list(f, &three, 8).count, 0);
    assert_ok(ops->watch_remove(f->index, &one, D));
    assert_err(ops->watch_remove(f->index, &one, D), ERR_NOT_FOUND);
    assert_int_equal(list(f, NULL, 8).count, 2);
}

static void test_how_long_it_ran(void **state) {
    struct fixture *f = *state;
    const struct store_id running[] = {watch_id(1), watch_id(9), watch_id(2)}; /* 9: gone meanwhile */
    add(f, 1, 1);
    add(f, 2, 1);
    add(f, 3, 1);
    assert_ok(f->index->ops->watch_seen(f->index, running, 3, NOW + 20, D));
    assert_ok(f->index->ops->watch_seen(f->index, running, 0, NOW + 30, D));
    struct seen s = list(f, NULL, 8);
    assert_int_equal(s.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(s.watches[i].since, NOW);
        assert_int_equal(s.watches[i].seen, i == 2 ? NOW : NOW + 20);
    }
}

/* Of two nodes that find a third dead, one has what it left. */
static void test_adopted_once(void **state) {
    struct fixture *f = *state;
    struct store_id dead = id_of(1), a = id_of(2), b = id_of(3);
    uint64_t count = 9;
    add(f, 11, 1);
    add(f, 12, 1);
    add(f, 13, 2);
    assert_ok(f->index->ops->watch_adopt(f->index, &dead, &a, &count, D));
    assert_int_equal(count, 2);
    assert_ok(f->index->ops->watch_adopt(f->index, &dead, &b, &count, D));
    assert_int_equal(count, 0);
    assert_ok(f->index->ops->watch_adopt(f->index, &dead, &b, NULL, D));
    struct seen s = list(f, NULL, 8);
    for (size_t i = 0; i < 3; i++) assert_memory_equal(&s.watches[i].node, &a, sizeof a);
}

static void test_limit(void **state) {
    struct fixture *f = *state;
    static uint8_t large[INDEX_WATCH_ACT_MAX_BYTES + 1];
    struct index_watch w = watch_at(f, 1, 1);
    w.act = BYTES(large, INDEX_WATCH_ACT_MAX_BYTES + 1);
    assert_err(f->index->ops->watch_add(f->index, &w, D), ERR_LIMIT);
    w.act = BYTES(large, INDEX_WATCH_ACT_MAX_BYTES);
    assert_ok(f->index->ops->watch_add(f->index, &w, D));
}

int main(int argc, char **argv) {
    if (argc > 1) driver = argv[1];
    const struct CMUnitTest tests[] = {CASE(test_added_listed_removed), CASE(test_how_long_it_ran),
                                       CASE(test_adopted_once), CASE(test_limit)};
    return _cmocka_run_group_tests(driver, tests, sizeof tests / sizeof *tests, NULL, NULL);
}
