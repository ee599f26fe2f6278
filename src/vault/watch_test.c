/* Live views of grantees within one process: what becomes of ends that find no place, of rows without a
 * begin, of rows that are damaged, and of what another node left. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/folder_fixture.h"
#include "crypto/unbox.h"
#include "vault/activity.h"
#include "vault/log_internal.h"

#define THREADS 16 /* whose begins share syncs */

struct scene {
    char folder[64];
    struct vault v;
    struct store_id home;
    struct box_key box;
    struct index_household keys;
};

static void open_vault(struct scene *s) {
    char path[PATH_TEXT_BYTES];
    struct diag d = {0};
    vault_init(&s->v);
    assert_int_equal(path_join(path, s->folder, "index.db"), ERR_OK);
    if (index_sqlite_open(path, &s->v.index, &d)) fail_msg("%s", d.text);
    if (bus_local_open(&s->v.bus, &d)) fail_msg("%s", d.text);
    if (access_log_open(s->folder, &s->v.log, &d)) fail_msg("%s", d.text);
    if (access_log_start(&s->v, &d)) fail_msg("%s", d.text);
}

static int setup(void **state) {
    struct scene *s = calloc(1, sizeof *s);
    struct store_key owner = {{7}};
    struct diag d = {0};
    snprintf(s->folder, sizeof s->folder, "/tmp/cardea-watch-XXXXXX");
    if (!mkdtemp(s->folder)) return -1;
    open_vault(s);
    s->home = (struct store_id){{1}};
    box_key_generate(&s->box);
    memcpy(s->keys.box.bytes, s->box.public_key, sizeof s->keys.box.bytes);
    random_bytes(s->keys.log_key.bytes, sizeof s->keys.log_key.bytes);
    if (s->v.index->ops->household_create(s->v.index, &s->home, &owner, 0, &d)) fail_msg("%s", d.text);
    if (s->v.index->ops->household_keys_put(s->v.index, &s->home, &s->keys, &d)) fail_msg("%s", d.text);
    *state = s;
    return 0;
}

static int teardown(void **state) {
    struct scene *s = *state;
    vault_clear(&s->v);
    folder_fixture_remove(s->folder);
    free(s);
    return 0;
}

static void watch_fill(struct scene *s, struct grant_watch *w) {
    *w = (struct grant_watch){.household = s->home, .count = 1};
    w->scope.purpose = GRANT_LINK;
    w->scope.entry = 5;
    w->scope.to = w->scope.expires = UINT32_MAX;
    w->cameras[0] = (struct store_id){{9}};
}

static void begin(struct scene *s, struct grant_watch *w) {
    struct diag d = {0};
    watch_fill(s, w);
    if (watch_begin(&s->v, w, &d)) fail_msg("%s", d.text);
}

static void sweep(struct scene *s) {
    struct diag d = {0};
    if (watch_ends_log(&s->v, &d)) fail_msg("%s", d.text);
    if (watches_sweep(&s->v, &d)) fail_msg("%s", d.text);
}

struct counted {
    size_t begins, ends, cut, rows;
};

static err count_row(void *arg, const struct index_watch *row) {
    ((struct counted *)arg)->rows++;
    return ERR_OK;
}

struct counting {
    struct scene *s;
    struct counted c;
};

static err count_entry(void *arg, const struct log_row *row, struct bytes raw, struct diag *d) {
    struct counting *k = arg;
    struct log_entry entry;
    AUTO(blob_clear) struct blob plain = {0};
    (void)row;
    if (log_entry_decode(raw, &entry, d)) fail_msg("%s", d->text);
    assert_int_equal(box_open(&k->s->box, LOG_BOX_INFO, BYTES_OF(entry.tag), entry.details, &plain), ERR_OK);
    AUTO(json_release) json_t *details = json_loadb((const char *)plain.data, plain.len, 0, NULL);
    assert_non_null(details);
    k->c.begins += strcmp(entry.kind, "live.begin") == 0;
    k->c.ends += strcmp(entry.kind, "live.end") == 0;
    k->c.cut += json_is_true(json_object_get(details, "cut"));
    return ERR_OK;
}

static struct counted count(struct scene *s) {
    struct counting k = {.s = s};
    struct diag d = {0};
    size_t n;
    if (log_each_from(&s->v, &s->home, 0, 20000, count_entry, &k, &n, &d)) fail_msg("%s", d.text);
    if (s->v.index->ops->watch_list(s->v.index, NULL, 20000, count_row, &k.c, &d)) fail_msg("%s", d.text);
    return k.c;
}

static void expect(struct scene *s, size_t begins, size_t ends, size_t cut, size_t rows) {
    struct counted c = count(s);
    assert_int_equal(c.begins, begins);
    assert_int_equal(c.ends, ends);
    assert_int_equal(c.cut, cut);
    assert_int_equal(c.rows, rows);
}

static void test_ended_as_it_should(void **state) {
    struct scene *s = *state;
    struct grant_watch a, b;
    begin(s, &a);
    begin(s, &b);
    sweep(s);
    expect(s, 2, 0, 0, 2); /* what runs is nobody's to close */
    watch_end(&s->v, &a);
    watch_end(&s->v, &a);
    sweep(s);
    expect(s, 2, 1, 0, 1);
    watch_end(&s->v, &b);
    sweep(s);
    sweep(s);
    expect(s, 2, 2, 0, 0);
}

struct batch {
    struct scene *s;
    struct grant_watch *watches;
    size_t count;
};

static void *begin_batch(void *arg) {
    struct batch *b = arg;
    for (size_t i = 0; i < b->count; i++) begin(b->s, &b->watches[i]);
    return NULL;
}

/* As many as fit, and one more: its end is logged too. */
static void test_more_ends_than_fit(void **state) {
    struct scene *s = *state;
    enum { ALL = WATCH_ENDS_MAX + 1 };
    struct grant_watch *watches = calloc(ALL, sizeof *watches);
    struct batch batches[THREADS];
    pthread_t threads[THREADS];
    assert_non_null(watches);
    for (size_t i = 0; i < THREADS; i++) {
        size_t from = ALL * i / THREADS, to = ALL * (i + 1) / THREADS;
        batches[i] = (struct batch){s, watches + from, to - from};
        assert_int_equal(pthread_create(&threads[i], NULL, begin_batch, &batches[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (size_t i = 0; i < WATCH_ENDS_MAX; i++) watch_end(&s->v, &watches[i]);
    assert_false(s->v.activity->ends_full);
    watch_end(&s->v, &watches[WATCH_ENDS_MAX]);
    assert_true(s->v.activity->ends_full);
    sweep(s);
    expect(s, ALL, ALL, 1, 0);
    free(watches);
}

static void row_add(struct scene *s, uint8_t id, const struct store_id *node, const char *act) {
    const struct index_watch row = {.watch = {{id}},
                                    .household = s->home,
                                    .node = *node,
                                    .since = 1000,
                                    .seen = 1010,
                                    .act = bytes_text(act)};
    struct diag d = {0};
    if (s->v.index->ops->watch_add(s->v.index, &row, &d)) fail_msg("%s", d.text);
}

#define ACT "{\"actor\":\"00000000000000000000000000000001\",\"facts\":{},\"details\":{}}"

/* Killed between the row and the log's entry: nothing began, and nothing is said. */
static void test_a_row_without_a_begin(void **state) {
    struct scene *s = *state;
    row_add(s, 1, &(struct store_id){{77}}, ACT);
    sweep(s);
    expect(s, 0, 0, 0, 0);
}

/* A damaged row keeps no other from being closed. */
static void test_damaged_rows(void **state) {
    struct scene *s = *state;
    struct grant_watch w;
    const struct store_id node = {{77}};
    row_add(s, 1, &node, "");
    row_add(s, 2, &node, "{\"actor\":\"00\",\"facts\":{},\"details\":{}}");
    row_add(s, 3, &node, "{\"actor\":\"00000000000000000000000000000001\",\"facts\":{}}");
    begin(s, &w);
    vault_clear(&s->v);
    open_vault(s);
    sweep(s);
    expect(s, 1, 1, 1, 3);
}

/* Another node that lives keeps its own; when its claim is gone, they are closed. */
static void test_another_node(void **state) {
    struct scene *s = *state;
    struct grant_watch w;
    struct store_id node;
    char name[64] = "vault/";
    struct diag d = {0};
    begin(s, &w);
    node = s->v.node;
    hex_encode(BYTES_OF(node.bytes), name + 6);
    vault_clear(&s->v); /* without an end, as if killed */
    open_vault(s);
    assert_false(store_id_equal(&node, &s->v.node));
    assert_int_equal(s->v.bus->ops->claim(s->v.bus, name, &node, 60, (struct bytes){0}, &d), ERR_OK);
    sweep(s);
    expect(s, 1, 0, 0, 1);
    assert_int_equal(s->v.bus->ops->release(s->v.bus, name, &node, &d), ERR_OK);
    sweep(s);
    expect(s, 1, 1, 1, 0);
}

/* Fails to be logged: nothing of it is left, and nothing is relayed. */
static void test_no_begin_no_view(void **state) {
    struct scene *s = *state;
    struct grant_watch w;
    struct diag d = {0};
    watch_fill(s, &w);
    w.household = (struct store_id){{99}}; /* has told no keys */
    assert_int_equal(watch_begin(&s->v, &w, &d), ERR_NOT_FOUND);
    assert_null(w.link);
    watch_end(&s->v, &w);
    expect(s, 0, 0, 0, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_ended_as_it_should), CASE(test_more_ends_than_fit), CASE(test_a_row_without_a_begin),
        CASE(test_damaged_rows),       CASE(test_another_node),       CASE(test_no_begin_no_view),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
