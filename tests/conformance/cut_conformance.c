/* What every driver of index.h does with deletions of what is on its way. Usage: cut_conformance
 * sqlite|memory */
#include "index_fixture.h"

struct due {
    struct store_id reels[8];
    size_t count;
};

static err note_due(void *arg, const struct reel_place *place, const struct store_id *reel) {
    struct due *due = arg;
    assert_true(due->count < 8);
    due->reels[due->count++] = *reel;
    return ERR_OK;
}

static size_t due_of(struct fixture *f, struct due *out) {
    *out = (struct due){0};
    assert_ok(f->index->ops->cuts_due(f->index, note_due, out, D));
    return out->count;
}

static void assert_cuts(struct fixture *f, uint32_t number, const struct index_cut *expected, size_t count) {
    struct index_cut cuts[INDEX_CUTS_MAX];
    struct store_id reel = id_of(number), stranger = id_of(98);
    size_t n = 99;
    assert_ok(f->index->ops->cuts_get(f->index, &stranger, &reel, cuts, &n, D));
    assert_int_equal(n, 0);
    assert_ok(f->index->ops->cuts_get(f->index, &f->home, &reel, cuts, &n, D));
    assert_int_equal(n, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(cuts[i].from, expected[i].from);
        assert_int_equal(cuts[i].to, expected[i].to);
    }
}
#define ASSERT_CUTS(f, number, ...)                                                                          \
    assert_cuts(f, number, (const struct index_cut[]){__VA_ARGS__},                                          \
                sizeof((const struct index_cut[]){__VA_ARGS__}) / sizeof(struct index_cut))

/* What is deleted while its reel is on its way is written down until that has been done to it. */
static void test_cuts(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    struct reel_place elsewhere = {f->home, id_of(3)};
    struct due due;
    begin(f, &f->place, 10);
    begin(f, &f->place, 11);
    begin(f, &elsewhere, 12);
    assert_ok(ops->range_cut(f->index, &f->place, NOW + 10, NOW + 20, D));
    assert_ok(ops->range_cut(f->index, &f->place, NOW + 12, NOW + 14, D)); /* in there already */
    assert_ok(ops->range_cut(f->index, &f->place, NOW + 40, NOW + 100, D));
    assert_ok(ops->range_cut(f->index, &f->place, NOW + 5, NOW + 10, D));
    assert_ok(ops->range_cut(f->index, &f->place, NOW, NOW, D));
    begin(f, &f->place, 13); /* begun afterwards */
    ASSERT_CUTS(f, 10, {NOW + 5, NOW + 20}, {NOW + 40, NOW + 100});
    ASSERT_CUTS(f, 11, {NOW + 5, NOW + 20}, {NOW + 40, NOW + 100});
    assert_cuts(f, 12, NULL, 0);
    assert_cuts(f, 13, NULL, 0);
    assert_int_equal(due_of(f, &due), 0);

    /* They outlive a restart, and the commit, which narrows them. */
    if (strcmp(driver, "memory") != 0) {
        index_release(&f->index);
        open_index(f);
        ops = f->index->ops;
    }
    struct reel_info reel = reel_at(10, NOW + 15, NOW + 60);
    assert_ok(ops->reel_commit(f->index, &f->home, &reel, NULL, NOW, D));
    ASSERT_CUTS(f, 10, {NOW + 15, NOW + 20}, {NOW + 40, NOW + 60});
    assert_int_equal(due_of(f, &due), 1);
    assert_true(store_id_equal(&due.reels[0], &reel.reel));
    assert_ok(ops->range_cut(f->index, &f->place, NOW + 30, NOW + 35, D)); /* that finds the reel's row */
    ASSERT_CUTS(f, 10, {NOW + 15, NOW + 20}, {NOW + 40, NOW + 60});

    /* And the row that has gone, until they are said to be done. */
    assert_ok(ops->reel_remove(f->index, &f->home, &reel.reel, NOW, D));
    assert_int_equal(due_of(f, &due), 1);
    struct store_id stranger = id_of(98);
    assert_ok(ops->cuts_done(f->index, &stranger, &reel.reel, D));
    assert_int_equal(due_of(f, &due), 1);
    assert_ok(ops->cuts_done(f->index, &f->home, &reel.reel, D));
    assert_int_equal(due_of(f, &due), 0);

    /* They go with an upload that is given up, when they miss its reel, and with the camera. */
    struct store_id dropped = id_of(11);
    assert_ok(ops->upload_drop(f->index, &f->home, &dropped, NOW, D));
    assert_cuts(f, 11, NULL, 0);
    reel = reel_at(13, NOW + 35, NOW + 60);
    assert_ok(ops->reel_commit(f->index, &f->home, &reel, NULL, NOW, D));
    assert_int_equal(due_of(f, &due), 0);
    begin(f, &f->place, 14);
    assert_ok(ops->range_cut(f->index, &f->place, 0, UINT32_MAX, D));
    struct index_removed removed;
    assert_ok(ops->camera_remove(f->index, &f->place, 100, NOW, &removed, D));
    assert_cuts(f, 14, NULL, 0);
    assert_int_equal(due_of(f, &due), 0);
}

/* At the limit they are told apart; one more, and what lies between them goes too. */
static void test_cuts_limit(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    struct index_cut expected[INDEX_CUTS_MAX];
    begin(f, &f->place, 10);
    for (uint32_t i = 0; i < INDEX_CUTS_MAX; i++) {
        uint32_t back = INDEX_CUTS_MAX - 1 - i; /* in whatever order */
        expected[back] = (struct index_cut){NOW + 10 * back, NOW + 10 * back + 5};
        assert_ok(ops->range_cut(f->index, &f->place, expected[back].from, expected[back].to, D));
    }
    assert_cuts(f, 10, expected, INDEX_CUTS_MAX);
    assert_ok(ops->range_cut(f->index, &f->place, NOW + 500, NOW + 600, D));
    ASSERT_CUTS(f, 10, {NOW, NOW + 600});
}

int main(int argc, char **argv) {
    if (argc > 1) driver = argv[1];
    const struct CMUnitTest tests[] = {CASE(test_cuts), CASE(test_cuts_limit)};
    return _cmocka_run_group_tests(driver, tests, sizeof tests / sizeof *tests, NULL, NULL);
}
