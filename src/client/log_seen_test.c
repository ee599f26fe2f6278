/* What a device remembers of the log: written, read, of an earlier version, of another household, damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "client/log_seen.h"

static const uint8_t household[HOUSEHOLD_ID_BYTES] = {7}, other[HOUSEHOLD_ID_BYTES] = {8};

struct scene {
    char path[64];
    struct sign_key log;
    struct log_seen s;
};

static int setup(void **state) {
    struct scene *sc = calloc(1, sizeof *sc);
    snprintf(sc->path, sizeof sc->path, "/tmp/cardea-log-seen-XXXXXX");
    int fd = mkstemp(sc->path);
    if (fd < 0) return -1;
    close(fd);
    unlink(sc->path);
    sign_key_generate(&sc->log);
    sc->s.known = true;
    sc->s.from = 2;
    sc->s.searched = 40;
    sc->s.timed = 7;
    sc->s.clock.latest.us = INT64_C(1700000000000001);
    memcpy(sc->s.key, sc->log.public_key, sizeof sc->s.key);
    memcpy(sc->s.household, household, sizeof household);
    snprintf(sc->s.checkpoint.origin, sizeof sc->s.checkpoint.origin, "log.example.org");
    sc->s.checkpoint.size = 42;
    if (checkpoint_sign(&sc->s.checkpoint, &sc->log, &sc->s.text)) return -1;
    if (log_seen_add(&sc->s, 3, bytes_text("first")) || log_seen_add(&sc->s, 9, bytes_text("second")))
        return -1;
    *state = sc;
    return 0;
}

static int teardown(void **state) {
    struct scene *sc = *state;
    log_seen_clear(&sc->s);
    unlink(sc->path);
    free(sc);
    return 0;
}

static void test_it_comes_back(void **state) {
    struct scene *sc = *state;
    struct log_seen back = {0};
    struct diag d = {0};
    if (log_seen_write(sc->path, &sc->s, &d)) fail_msg("%s", d.text);
    if (log_seen_read(sc->path, household, &back, &d)) fail_msg("%s", d.text);
    assert_true(back.known);
    assert_int_equal(back.from, 2);
    assert_int_equal(back.searched, 40);
    assert_int_equal(back.timed, 7);
    assert_int_equal(back.clock.latest.us, INT64_C(1700000000000001));
    assert_int_equal(back.checkpoint.size, 42);
    assert_int_equal(back.count, 2);
    assert_int_equal(log_seen_at(&back, 1).index, 9);
    assert_true(bytes_equal(log_seen_at(&back, 1).raw, bytes_text("second")));
    log_seen_cut(&back, 1);
    assert_int_equal(back.count, 1);
    assert_true(bytes_equal(log_seen_at(&back, 0).raw, bytes_text("first")));
    log_seen_clear(&back);
}

static void test_nothing_yet(void **state) {
    struct scene *sc = *state;
    struct log_seen back = {0};
    struct diag d = {0};
    assert_int_equal(log_seen_read(sc->path, household, &back, &d), ERR_OK);
    assert_false(back.known);
}

/* The log is the same; the entries are another's. */
static void test_another_household(void **state) {
    struct scene *sc = *state;
    struct log_seen back = {0};
    struct diag d = {0};
    assert_int_equal(log_seen_write(sc->path, &sc->s, &d), ERR_OK);
    assert_int_equal(log_seen_read(sc->path, other, &back, &d), ERR_OK);
    assert_int_equal(back.count, 0);
    assert_int_equal(back.searched, 0);
    assert_int_equal(back.checkpoint.size, 42);
    log_seen_clear(&back);
}

/* It had looked from somewhere on: from where is not known, so it is looked at again. */
static void test_version_2(void **state) {
    struct scene *sc = *state;
    AUTO(blob_clear) struct blob raw = {0}, old = {0};
    struct log_seen back = {0};
    struct diag d = {0};
    size_t head = 5 + SIGN_PUBLIC_BYTES + HOUSEHOLD_ID_BYTES;
    assert_int_equal(log_seen_write(sc->path, &sc->s, &d), ERR_OK);
    assert_int_equal(file_read(sc->path, 4096, &raw, &d), ERR_OK);
    assert_int_equal(blob_append(&old, BYTES(raw.data, head + 8)), ERR_OK);
    assert_int_equal(blob_append(&old, BYTES(raw.data + head + 32, raw.len - head - 32)), ERR_OK);
    old.data[4] = 2;
    if (log_seen_decode(blob_bytes(&old), &back, &d)) fail_msg("%s", d.text);
    assert_int_equal(back.count, 2);
    assert_int_equal(back.checkpoint.size, 42);
    assert_int_equal(back.searched, 0);
    assert_int_equal(back.clock.latest.us, 0);
    log_seen_clear(&back);
}

static void test_version_1(void **state) {
    struct scene *sc = *state;
    uint8_t raw[5 + SIGN_PUBLIC_BYTES + 8 + TLOG_LEVELS_MAX * HASH_BYTES] = "CRDO\1";
    struct tlog_tree tree = {0};
    struct log_seen back = {0};
    struct diag d = {0};
    uint8_t root[HASH_BYTES], leaf[HASH_BYTES] = {5};
    for (int i = 0; i < 5; i++) assert_int_equal(tlog_tree_append(&tree, leaf, NULL, NULL), ERR_OK);
    tlog_tree_root(&tree, root);
    memcpy(raw + 5, sc->log.public_key, SIGN_PUBLIC_BYTES);
    be64_put(raw + 5 + SIGN_PUBLIC_BYTES, tree.size);
    memcpy(raw + 5 + SIGN_PUBLIC_BYTES + 8, tree.roots, sizeof tree.roots);
    assert_int_equal(file_replace(sc->path, BYTES_OF(raw), 0600, &d), ERR_OK);
    if (log_seen_read(sc->path, household, &back, &d)) fail_msg("%s", d.text);
    assert_int_equal(back.checkpoint.size, 5);
    assert_memory_equal(back.checkpoint.root, root, sizeof root);
    assert_int_equal(back.text.len, 0);
    log_seen_clear(&back);
}

static void test_a_damaged_one_is_said(void **state) {
    struct scene *sc = *state;
    AUTO(blob_clear) struct blob raw = {0};
    struct diag d = {0};
    assert_int_equal(log_seen_write(sc->path, &sc->s, &d), ERR_OK);
    assert_int_equal(file_read(sc->path, 1 << 20, &raw, &d), ERR_OK);
    for (size_t cut = 0; cut < raw.len; cut++) {
        struct log_seen back = {0};
        assert_int_equal(log_seen_decode(BYTES(raw.data, cut), &back, &d), ERR_INVALID);
    }
    raw.data[100] ^= 1; /* within the checkpoint */
    struct log_seen back = {0};
    assert_int_equal(file_replace(sc->path, blob_bytes(&raw), 0600, &d), ERR_OK);
    assert_int_equal(log_seen_read(sc->path, household, &back, &d), ERR_INVALID);
    assert_non_null(strstr(d.text, "Remove it"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_it_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_yet, setup, teardown),
        cmocka_unit_test_setup_teardown(test_another_household, setup, teardown),
        cmocka_unit_test_setup_teardown(test_version_2, setup, teardown),
        cmocka_unit_test_setup_teardown(test_version_1, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_damaged_one_is_said, setup, teardown),
    };
    return cmocka_run_group_tests_name("log seen", tests, NULL, NULL);
}
