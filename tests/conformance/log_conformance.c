/* Whose the access log's entries are, in every driver of index.h. Usage: log_conformance sqlite|memory */
#include "index_fixture.h"

struct seen {
    struct log_row rows[32];
    size_t count;
};

static err take(void *arg, const struct log_row *row) {
    struct seen *s = arg;
    s->rows[s->count++] = *row;
    return ERR_OK;
}

static struct seen rows_from(struct fixture *f, const struct store_id *household, uint64_t n, uint32_t max) {
    struct seen s = {.count = 0};
    assert_ok(f->index->ops->log_rows(f->index, household, n, max, take, &s, D));
    return s;
}

static uint64_t next_of(struct fixture *f, const struct store_id *household) {
    uint64_t n = 99;
    assert_ok(f->index->ops->log_next(f->index, household, &n, D));
    return n;
}

static uint64_t mapped_of(struct fixture *f) {
    uint64_t mapped = 99;
    assert_ok(f->index->ops->log_mapped(f->index, &mapped, D));
    return mapped;
}

static void test_rows(void **state) {
    struct fixture *f = *state;
    struct store_id other = id_of(50), nobody = id_of(99);
    const struct log_row rows[] = {{f->home, 0, 3}, {other, 0, 4}, {f->home, 1, 5}, {f->home, 2, 9}};
    assert_int_equal(mapped_of(f), 0);
    assert_int_equal(next_of(f, &f->home), 0);
    assert_ok(f->index->ops->log_map(f->index, rows, 3, 6, D));
    assert_ok(f->index->ops->log_map(f->index, rows, 4, 10, D)); /* again does no harm */
    assert_int_equal(mapped_of(f), 10);
    assert_int_equal(next_of(f, &f->home), 3);
    assert_int_equal(next_of(f, &other), 1);
    assert_int_equal(next_of(f, &nobody), 0);
    struct seen s = rows_from(f, &f->home, 1, 10);
    assert_int_equal(s.count, 2);
    assert_int_equal(s.rows[0].n, 1);
    assert_int_equal(s.rows[0].entry, 5);
    assert_int_equal(s.rows[1].entry, 9);
    assert_int_equal(rows_from(f, &f->home, 0, 2).count, 2);
    assert_int_equal(rows_from(f, &nobody, 0, 2).count, 0);
}

static void test_rows_of_an_older_log(void **state) {
    struct fixture *f = *state;
    const struct log_row rows[] = {{f->home, 0, 3}, {f->home, 1, 5}, {f->home, 2, 9}};
    assert_ok(f->index->ops->log_map(f->index, rows, 3, 10, D));
    assert_ok(f->index->ops->log_unmap(f->index, 12, D));
    assert_int_equal(mapped_of(f), 10);
    assert_ok(f->index->ops->log_unmap(f->index, 5, D));
    assert_int_equal(mapped_of(f), 5);
    assert_int_equal(next_of(f, &f->home), 1);
}

struct keys {
    size_t count;
    struct store_key last;
    uint64_t next;
};

static err take_key(void *arg, const struct store_id *household, const struct store_key *log_key,
                    uint64_t next) {
    struct keys *k = arg;
    k->count++;
    k->last = *log_key;
    k->next = next;
    return ERR_OK;
}

static void test_keys(void **state) {
    struct fixture *f = *state;
    struct keys k = {.count = 0};
    const struct index_household told = {key_of(1), key_of(2), key_of(3)};
    const struct log_row rows[] = {{f->home, 0, 3}, {f->home, 1, 5}};
    assert_ok(f->index->ops->log_keys(f->index, take_key, &k, D));
    assert_int_equal(k.count, 0);
    assert_ok(f->index->ops->household_keys_put(f->index, &f->home, &told, D));
    assert_ok(f->index->ops->log_map(f->index, rows, 2, 6, D));
    assert_ok(f->index->ops->log_keys(f->index, take_key, &k, D));
    assert_int_equal(k.count, 1);
    assert_memory_equal(&k.last, &told.log_key, sizeof k.last);
    assert_int_equal(k.next, 2);
}

int main(int argc, char **argv) {
    if (argc > 1) driver = argv[1];
    const struct CMUnitTest tests[] = {CASE(test_rows), CASE(test_rows_of_an_older_log), CASE(test_keys)};
    return _cmocka_run_group_tests(driver, tests, sizeof tests / sizeof *tests, NULL, NULL);
}
