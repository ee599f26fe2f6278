/* index_fixture.h: an index of one household and one camera, for the suites of the index. Usage: suite
 * DRIVER. */
#ifndef CARDEA_CONFORMANCE_INDEX_FIXTURE_H
#define CARDEA_CONFORMANCE_INDEX_FIXTURE_H

#include "conformance.h"

#include "store/index.h"

#define DAY STORE_DAY_SLOTS
#define NOW (20000u * DAY)

static const char *driver = "sqlite";

struct fixture {
    char folder[64];
    struct index *index;
    struct store_id home, camera;
    struct reel_place place;
};

static inline void open_index(struct fixture *f) {
    char path[PATH_TEXT_BYTES];
    assert_ok(path_join(path, f->folder, "index.sqlite"));
    if (strcmp(driver, "memory") == 0)
        assert_ok(index_memory_open(&f->index, D));
    else
        assert_ok(index_sqlite_open(path, &f->index, D));
}

static inline int setup(void **state) {
    struct fixture *f = test_calloc(1, sizeof *f);
    folder_make_fleeting(f->folder);
    open_index(f);
    f->home = id_of(1);
    f->camera = id_of(2);
    f->place = (struct reel_place){f->home, f->camera};
    struct store_key owner = key_of(1);
    assert_ok(f->index->ops->household_create(f->index, &f->home, &owner, 0, D));
    *state = f;
    return 0;
}

static inline void report_line(void *arg, const char *line) {
    print_error("%s\n", line);
}

/* Whatever a test did, the index agrees with itself afterwards. */
static inline int teardown(void **state) {
    struct fixture *f = *state;
    uint64_t faults = 0;
    assert_ok(f->index->ops->check(f->index, false, report_line, NULL, &faults, D));
    assert_int_equal(faults, 0);
    index_release(&f->index);
    folder_remove(f->folder);
    test_free(f);
    return 0;
}

static const uint8_t table_bytes[20 * 1024];

static inline struct reel_info reel_at(uint32_t number, uint32_t first, uint32_t end) {
    return (struct reel_info){.reel = id_of(number),
                              .epoch = 7,
                              .first = first,
                              .end = end,
                              .bytes = 1000 + number % 10,
                              .segments = 3,
                              .flags = 5,
                              .table = BYTES(table_bytes, 60)};
}

static inline void begin(struct fixture *f, const struct reel_place *place, uint32_t number) {
    struct index_upload upload = {.reel = id_of(number), .place = *place, .epoch = 7, .begun = NOW};
    assert_ok(f->index->ops->reel_begin(f->index, &upload, D));
}

static inline void store_reel(struct fixture *f, const struct reel_place *place, uint32_t number,
                              uint32_t first, uint32_t end) {
    struct reel_info reel = reel_at(number, first, end);
    begin(f, place, number);
    assert_ok(f->index->ops->reel_commit(f->index, &place->household, &reel, NULL, NOW, D));
}

/* Minutes from NOW on, one reel each, numbered from 1000. */
static inline void store_minutes(struct fixture *f, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) store_reel(f, &f->place, 1000 + i, NOW + 60 * i, NOW + 60 * i + 60);
}

struct names {
    struct store_id names[64];
    size_t count;
};

static inline err note_name(void *arg, const struct store_id *name, uint32_t since) {
    struct names *n = arg;
    assert_true(n->count < 64);
    n->names[n->count++] = *name;
    return ERR_OK;
}

static inline size_t garbage_of(struct fixture *f, struct names *out) {
    *out = (struct names){0};
    assert_ok(f->index->ops->garbage_list(f->index, 64, note_name, out, D));
    return out->count;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
