/* Tiles in memory: each leaf, root and proof is what the definition says, and an altered tile is found out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tlog/tile_tree.h"

#define LEAVES 70000 /* three levels: 273 tiles below, then two, then one partial */

static uint8_t (*rows[3])[HASH_BYTES];
static size_t row_count[3];
static unsigned fetched;
static const char *altered; /* a path whose first byte is another */

static void make_rows(void) {
    if (rows[0]) return;
    for (size_t count = LEAVES, level = 0; level < 3; level++, count /= TILE_WIDTH) {
        rows[level] = calloc(count, HASH_BYTES);
        row_count[level] = count;
    }
    for (size_t i = 0; i < LEAVES; i++) {
        char text[32];
        snprintf(text, sizeof text, "entry %zu", i);
        assert_int_equal(tlog_leaf_hash(bytes_text(text), rows[0][i]), ERR_OK);
    }
    for (size_t level = 1; level < 3; level++)
        for (size_t i = 0; i < row_count[level]; i++) {
            struct tlog_tree t = {0};
            for (size_t k = 0; k < TILE_WIDTH; k++)
                assert_int_equal(tlog_tree_append(&t, rows[level - 1][i * TILE_WIDTH + k], NULL, NULL),
                                 ERR_OK);
            tlog_tree_root(&t, rows[level][i]);
        }
}

static void root_of(size_t size, uint8_t out[HASH_BYTES]) {
    struct tlog_tree t = {0};
    for (size_t i = 0; i < size; i++) assert_int_equal(tlog_tree_append(&t, rows[0][i], NULL, NULL), ERR_OK);
    tlog_tree_root(&t, out);
}

static err fetch(void *context, const char *path, size_t limit, struct blob *out, struct diag *d) {
    size_t size = *(const size_t *)context;
    fetched++;
    for (unsigned level = 0; level < 3; level++) {
        size_t count = size >> (TILE_HEIGHT * level);
        for (size_t index = 0; index * TILE_WIDTH < count; index++) {
            size_t left = count - index * TILE_WIDTH;
            unsigned most = left < TILE_WIDTH ? (unsigned)left : TILE_WIDTH;
            unsigned width =
                most == TILE_WIDTH ? most : 1; /* of a tile that is not full, earlier widths too */
            char name[TILE_PATH_BYTES];
            for (tile_path(level, index, width, name); strcmp(name, path) != 0 && width < most;)
                tile_path(level, index, ++width, name);
            if (strcmp(name, path) != 0) continue;
            assert_true(width * HASH_BYTES <= limit);
            err e = blob_append(out, BYTES(rows[level][index * TILE_WIDTH], width * HASH_BYTES));
            if (!e && altered && strcmp(altered, path) == 0) out->data[out->len - 1] ^= 1;
            return e;
        }
    }
    return diag_fail(d, ERR_NOT_FOUND, "no %s", path);
}

static struct tile_tree *open_tree(size_t *size) {
    struct tile_tree *t = NULL;
    struct diag d = {0};
    uint8_t root[HASH_BYTES];
    root_of(*size, root);
    if (tile_tree_open(fetch, size, *size, root, &t, &d)) fail_msg("%s", d.text);
    return t;
}

static const size_t sizes[] = {0, 1, 2, 255, 256, 257, 511, 512, 3000, 65535, 65536, 65537, LEAVES};

static void test_leaves(void **state) {
    (void)state;
    make_rows();
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t size = sizes[s];
        struct tile_tree *t = open_tree(&size);
        struct diag d = {0};
        uint8_t leaf[HASH_BYTES];
        for (size_t i = 0; i<size; i += size> 5000 ? 977 : 1) {
            if (tile_tree_leaf(t, i, leaf, &d)) fail_msg("%zu of %zu: %s", i, size, d.text);
            assert_memory_equal(leaf, rows[0][i], HASH_BYTES);
        }
        assert_int_equal(tile_tree_leaf(t, size, leaf, &d), ERR_INVALID);
        tile_tree_free(t);
    }
}

static void test_earlier_roots_and_proofs(void **state) {
    (void)state;
    make_rows();
    size_t size = LEAVES;
    struct tile_tree *t = open_tree(&size);
    struct diag d = {0};
    uint8_t now[HASH_BYTES];
    root_of(size, now);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        uint8_t expected[HASH_BYTES], got[HASH_BYTES], proof[TLOG_PROOF_MAX + 1][HASH_BYTES];
        size_t count, index = sizes[s] / 2;
        root_of(sizes[s], expected);
        if (tile_tree_root(t, sizes[s], got, &d)) fail_msg("%s", d.text);
        assert_memory_equal(got, expected, HASH_BYTES);
        if (tile_tree_prove_consistency(t, sizes[s], size, proof, &count, &d)) fail_msg("%s", d.text);
        assert_int_equal(tlog_verify_consistency(sizes[s], size, expected, now,
                                                 (const uint8_t(*)[HASH_BYTES])proof, count),
                         ERR_OK);
        if (!sizes[s]) continue;
        if (tile_tree_prove_inclusion(t, index, sizes[s], proof, &count, &d)) fail_msg("%s", d.text);
        assert_int_equal(tlog_verify_inclusion(index, sizes[s], rows[0][index],
                                               (const uint8_t(*)[HASH_BYTES])proof, count, expected),
                         ERR_OK);
    }
    assert_int_equal(tile_tree_root(t, size + 1, now, &d), ERR_INVALID);
    tile_tree_free(t);
}

static void test_an_altered_tile_is_found_out(void **state) {
    (void)state;
    make_rows();
    static const char *const paths[] = {"tile/0/000", "tile/0/100", "tile/1/000"};
    size_t size = LEAVES;
    uint8_t leaf[HASH_BYTES], root[HASH_BYTES];
    struct diag d = {0};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct tile_tree *t = open_tree(&size);
        altered = paths[i];
        assert_int_equal(tile_tree_leaf(t, i == 1 ? 100 * TILE_WIDTH + 3 : 3, leaf, &d), ERR_FORGED);
        altered = NULL;
        assert_int_equal(tile_tree_leaf(t, 3, leaf, &d), ERR_OK); /* and believed when it is right */
        tile_tree_free(t);
    }
    struct tile_tree *t = NULL;
    root_of(size, root);
    altered = "tile/2/000.p/1";
    assert_int_equal(tile_tree_open(fetch, &size, size, root, &t, &d), ERR_FORGED);
    altered = NULL;
    root[0] ^= 1;
    assert_int_equal(tile_tree_open(fetch, &size, size, root, &t, &d), ERR_FORGED);
    assert_null(t);
}

/* A partial tile that has become full since the checkpoint, and is gone. */
static void test_the_full_tile_stands_in(void **state) {
    (void)state;
    make_rows();
    size_t small = 300, grown = 3000;
    uint8_t root[HASH_BYTES], leaf[HASH_BYTES];
    struct tile_tree *t = NULL;
    struct diag d = {0};
    root_of(small, root);
    if (tile_tree_open(fetch, &grown, small, root, &t, &d)) fail_msg("%s", d.text);
    assert_int_equal(tile_tree_leaf(t, 299, leaf, &d), ERR_OK);
    assert_memory_equal(leaf, rows[0][299], HASH_BYTES);
    tile_tree_free(t);
}

/* In ascending order each tile is read once. */
static void test_what_it_costs(void **state) {
    (void)state;
    make_rows();
    size_t size = LEAVES;
    struct tile_tree *t = open_tree(&size);
    uint8_t leaf[HASH_BYTES];
    struct diag d = {0};
    fetched = 0;
    for (size_t i = 0; i < size; i += 64) assert_int_equal(tile_tree_leaf(t, i, leaf, &d), ERR_OK);
    assert_int_equal(fetched, LEAVES / TILE_WIDTH + 1);
    tile_tree_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaves),
        cmocka_unit_test(test_earlier_roots_and_proofs),
        cmocka_unit_test(test_an_altered_tile_is_found_out),
        cmocka_unit_test(test_the_full_tile_stands_in),
        cmocka_unit_test(test_what_it_costs),
    };
    return cmocka_run_group_tests_name("tile tree", tests, NULL, NULL);
}
