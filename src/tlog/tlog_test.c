#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/folder_fixture.h"
#include "tlog/log_audit.h"
#include "tlog/log_writer.h"
#include "tlog/tile.h"

#define LEAVES 600
static uint8_t leaves[LEAVES][HASH_BYTES];

static void entry_of(unsigned i, char out[24]) {
    snprintf(out, 24, "entry %u", i);
}

static void fill_leaves(void) {
    for (unsigned i = 0; i < LEAVES; i++) {
        char text[24];
        entry_of(i, text);
        assert_int_equal(tlog_leaf_hash(bytes_text(text), leaves[i]), ERR_OK);
    }
}

/* MTH as RFC 6962 section 2.1 defines it, without any cleverness. */
static void naive_root(size_t begin, size_t end, uint8_t out[HASH_BYTES]) {
    if (begin == end) {
        hash_sha256(BYTES(NULL, 0), out);
        return;
    }
    if (end - begin == 1) {
        memcpy(out, leaves[begin], HASH_BYTES);
        return;
    }
    size_t k = 1;
    while (k * 2 < end - begin) k *= 2;
    uint8_t left[HASH_BYTES], right[HASH_BYTES];
    naive_root(begin, begin + k, left);
    naive_root(begin + k, end, right);
    tlog_node_hash(left, right, out);
}

static err subtree(void *context, unsigned height, uint64_t index, uint8_t out[HASH_BYTES]) {
    (void)context;
    size_t begin = (size_t)(index << height);
    naive_root(begin, begin + ((size_t)1 << height), out);
    return ERR_OK;
}

/* Roots published with Certificate Transparency's reference trees (RFC 6962's test data). */
static void test_reference_roots(void **state) {
    (void)state;
    static const char *const inputs[8] = {
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"};
    static const struct {
        unsigned size;
        const char *root;
    } expected[] = {
        {0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
        {8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct tlog_tree t = {0};
        for (unsigned k = 0; k < expected[i].size; k++) {
            uint8_t raw[16], leaf[HASH_BYTES];
            size_t len = strlen(inputs[k]) / 2;
            assert_int_equal(hex_decode(inputs[k], (struct buffer){raw, len}), ERR_OK);
            assert_int_equal(tlog_leaf_hash(BYTES(raw, len), leaf), ERR_OK);
            assert_int_equal(tlog_tree_append(&t, leaf, NULL, NULL), ERR_OK);
        }
        uint8_t root[HASH_BYTES];
        char text[2 * HASH_BYTES + 1];
        tlog_tree_root(&t, root);
        hex_encode(BYTES_OF(root), text);
        assert_string_equal(text, expected[i].root);
    }
}

static void test_roots_agree_with_the_definition(void **state) {
    (void)state;
    fill_leaves();
    struct tlog_tree t = {0};
    for (size_t size = 0; size < LEAVES; size++) {
        uint8_t root[HASH_BYTES], expected[HASH_BYTES];
        tlog_tree_root(&t, root);
        naive_root(0, size, expected);
        assert_memory_equal(root, expected, HASH_BYTES);
        assert_int_equal(tlog_tree_append(&t, leaves[size], NULL, NULL), ERR_OK);
    }
}

static void test_inclusion(void **state) {
    (void)state;
    fill_leaves();
    for (uint64_t size = 1; size <= 40; size++) {
        uint8_t root[HASH_BYTES], proof[TLOG_PROOF_MAX + 1][HASH_BYTES];
        naive_root(0, size, root);
        for (uint64_t i = 0; i < size; i++) {
            size_t n;
            assert_int_equal(tlog_prove_inclusion(i, size, subtree, NULL, proof, &n), ERR_OK);
            assert_int_equal(tlog_verify_inclusion(i, size, leaves[i], proof, n, root), ERR_OK);
            for (uint64_t other = 0; other < size; other++) /* no other leaf passes with this proof */
                if (other != i)
                    assert_int_not_equal(tlog_verify_inclusion(i, size, leaves[other], proof, n, root),
                                         ERR_OK);
            if (n) {
                proof[n / 2][5] ^= 1;
                assert_int_equal(tlog_verify_inclusion(i, size, leaves[i], proof, n, root), ERR_FORGED);
                proof[n / 2][5] ^= 1;
                assert_int_equal(tlog_verify_inclusion(i, size, leaves[i], proof, n - 1, root), ERR_INVALID);
            }
        }
        assert_int_equal(tlog_verify_inclusion(size, size, leaves[0], proof, 0, root), ERR_INVALID);
    }
}

static void test_consistency(void **state) {
    (void)state;
    fill_leaves();
    for (uint64_t second = 1; second <= 40; second++) {
        uint8_t root[HASH_BYTES], old[HASH_BYTES], wrong[HASH_BYTES], proof[TLOG_PROOF_MAX + 1][HASH_BYTES];
        naive_root(0, second, root);
        for (uint64_t first = 1; first <= second; first++) {
            size_t n;
            naive_root(0, first, old);
            assert_int_equal(tlog_prove_consistency(first, second, subtree, NULL, proof, &n), ERR_OK);
            assert_int_equal(tlog_verify_consistency(first, second, old, root, proof, n), ERR_OK);
            memcpy(wrong, old, HASH_BYTES);
            wrong[0] ^= 1; /* a fork: the log says it was another */
            assert_int_equal(tlog_verify_consistency(first, second, wrong, root, proof, n), ERR_FORGED);
        }
    }
}

static void test_tile_paths(void **state) {
    (void)state;
    static const struct {
        unsigned level;
        uint64_t index;
        unsigned width;
        const char *path;
    } cases[] = {
        {0, 0, 256, "tile/0/000"},
        {0, 1234067, 256, "tile/0/x001/x234/067"},
        {1, 5, 7, "tile/1/005.p/7"},
        {TILE_LEVEL_ENTRIES, 1000, 256, "tile/entries/x001/000"},
        {TILE_LEVEL_ENTRIES, 123456789012, 1, "tile/entries/x123/x456/x789/012.p/1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[TILE_PATH_BYTES];
        tile_path(cases[i].level, cases[i].index, cases[i].width, path);
        assert_string_equal(path, cases[i].path);
    }
}

static void test_checkpoints_are_refused_by_name(void **state) {
    (void)state;
    struct sign_key key, other;
    sign_key_generate(&key);
    sign_key_generate(&other);
    struct checkpoint c = {.origin = "log.example.org/home", .size = 42}, back;
    memset(c.root, 7, HASH_BYTES);
    AUTO(blob_clear) struct blob text = {0};
    struct diag d;
    assert_int_equal(checkpoint_sign(&c, &key, &text), ERR_OK);
    assert_int_equal(checkpoint_verify(blob_bytes(&text), c.origin, key.public_key, &back, &d), ERR_OK);
    assert_int_equal(back.size, 42);
    assert_int_equal(checkpoint_verify(blob_bytes(&text), c.origin, other.public_key, &back, &d), ERR_FORGED);
    assert_int_equal(checkpoint_verify(blob_bytes(&text), "elsewhere", key.public_key, &back, &d),
                     ERR_FORGED);
    for (size_t i = 0; i < text.len; i++) { /* no byte may change, and none may lack */
        text.data[i] ^= 1;
        assert_int_not_equal(checkpoint_verify(blob_bytes(&text), c.origin, key.public_key, &back, &d),
                             ERR_OK);
        text.data[i] ^= 1;
        assert_int_not_equal(checkpoint_verify(BYTES(text.data, i), c.origin, key.public_key, &back, &d),
                             ERR_OK);
    }
    assert_int_equal(blob_append(&text, bytes_text("\xe2\x80\x94 witness AAAAAA==\n")), ERR_OK);
    assert_int_equal(checkpoint_verify(blob_bytes(&text), c.origin, key.public_key, &back, &d), ERR_OK);
}

static void append_range(struct log_writer *w, unsigned begin, unsigned end, unsigned batch) {
    struct diag d = {0};
    for (unsigned i = begin; i < end;) {
        struct bytes entries[64];
        char texts[64][24];
        unsigned n = end - i < batch ? end - i : batch;
        for (unsigned k = 0; k < n; k++) {
            entry_of(i + k, texts[k]);
            entries[k] = bytes_text(texts[k]);
        }
        uint64_t first;
        if (log_writer_append(w, entries, n, &first, &d)) fail_msg("%s", d.text);
        assert_int_equal(first, i);
        i += n;
    }
}

/* Grows over a tile's border in uneven batches, is reopened, and every entry is read back from the files and
 * hashed again. */
static void test_log_in_a_folder(void **state) {
    (void)state;
    fill_leaves();
    char folder[] = "/tmp/cardea-tlog-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct sign_key key, other;
    struct diag d = {0};
    sign_key_generate(&key);
    sign_key_generate(&other);
    struct log_writer *w = NULL;
    static const unsigned stops[] = {0, 1, 3, 200, 256, 300, 511, 512, 513, 600};
    for (size_t i = 0; i + 1 < sizeof stops / sizeof *stops; i++) {
        if (log_writer_open(folder, "log.example.org", &key, &w, &d)) fail_msg("%s", d.text);
        assert_int_equal(log_writer_checkpoint(w)->size, stops[i]);
        append_range(w, stops[i], stops[i + 1], 64);
        uint8_t expected[HASH_BYTES];
        naive_root(0, stops[i + 1], expected);
        assert_memory_equal(log_writer_checkpoint(w)->root, expected, HASH_BYTES);
        log_writer_close(w);
    }
    for (unsigned bundle = 0, number = 0; bundle < 3; bundle++) {
        char name[TILE_PATH_BYTES], path[PATH_TEXT_BYTES];
        unsigned width = bundle < 2 ? TILE_WIDTH : LEAVES - 2 * TILE_WIDTH;
        AUTO(blob_clear) struct blob data = {0};
        tile_path(TILE_LEVEL_ENTRIES, bundle, width, name);
        assert_int_equal(path_join(path, folder, name), ERR_OK);
        if (file_read(path, TILE_BUNDLE_MAX_BYTES, &data, &d)) fail_msg("%s", d.text);
        struct bytes rest = blob_bytes(&data), entry;
        for (unsigned i = 0; i < width; i++, number++) {
            uint8_t leaf[HASH_BYTES];
            assert_int_equal(tile_next_entry(&rest, &entry), ERR_OK);
            assert_int_equal(tlog_leaf_hash(entry, leaf), ERR_OK);
            assert_memory_equal(leaf, leaves[number], HASH_BYTES);
        }
        assert_int_equal(tile_next_entry(&rest, &entry), ERR_NOT_FOUND);
    }
    assert_int_equal(log_writer_open(folder, "log.example.org", &other, &w, &d), ERR_FORGED);
    char path[PATH_TEXT_BYTES];
    assert_int_equal(path_join(path, folder, "tile/0/002.p/88"), ERR_OK);
    AUTO(blob_clear) struct blob tile = {0};
    assert_int_equal(file_read(path, 65536, &tile, &d), ERR_OK);
    tile.data[40] ^= 1;
    assert_int_equal(file_replace(path, blob_bytes(&tile), 0644, &d), ERR_OK);
    assert_int_equal(log_writer_open(folder, "log.example.org", &key, &w, &d), ERR_FORGED);
    folder_fixture_remove(folder);
}

static err fetch_file(void *context, const char *path, size_t limit, struct blob *out, struct diag *d) {
    char full[PATH_TEXT_BYTES];
    err e = path_join(full, context, path);
    return e ? e : file_read(full, limit, out, d);
}

static err count_entry(void *context, uint64_t number, struct bytes entry) {
    char text[24];
    entry_of((unsigned)number, text);
    ++*(unsigned *)context;
    return bytes_equal(entry, bytes_text(text)) ? ERR_OK : ERR_INVALID;
}

/* An auditor follows a log that grows, and tells a shrunk and a forked one from it. */
static void test_audit(void **state) {
    (void)state;
    char folder[] = "/tmp/cardea-tlog-XXXXXX", fork_folder[] = "/tmp/cardea-tlog-XXXXXX";
    assert_non_null(mkdtemp(folder));
    assert_non_null(mkdtemp(fork_folder));
    struct sign_key key;
    struct diag d = {0};
    sign_key_generate(&key);
    struct log_writer *w = NULL, *forked = NULL;
    assert_int_equal(log_writer_open(folder, "log.example.org", &key, &w, &d), ERR_OK);
    struct log_source source = {fetch_file, folder, "log.example.org", key.public_key};
    struct tlog_tree seen = {0};
    struct checkpoint c;
    unsigned entries = 0;
    static const unsigned stops[] = {0, 5, 256, 257, 600};
    for (size_t i = 1; i < sizeof stops / sizeof *stops; i++) {
        append_range(w, stops[i - 1], stops[i], 64);
        if (log_audit(&source, &seen, count_entry, &entries, &c, &d)) fail_msg("%s", d.text);
        assert_int_equal(entries, stops[i]);
        assert_int_equal(c.size, stops[i]);
    }
    assert_int_equal(log_audit(&source, &seen, count_entry, &entries, &c, &d), ERR_OK);
    assert_int_equal(entries, 600);
    struct log_source other = source;
    other.context = fork_folder;
    assert_int_equal(log_writer_open(fork_folder, "log.example.org", &key, &forked, &d), ERR_OK);
    append_range(forked, 0, 500, 64);
    struct tlog_tree before = seen;
    assert_int_equal(log_audit(&other, &seen, NULL, NULL, &c, &d), ERR_FORGED);
    assert_non_null(strstr(d.text, "shrank"));
    uint64_t first;
    const struct bytes lie = bytes_text("another entry 500");
    assert_int_equal(log_writer_append(forked, &lie, 1, &first, &d), ERR_OK);
    append_range(forked, 501, 610, 64);
    assert_int_equal(log_audit(&other, &seen, NULL, NULL, &c, &d), ERR_FORGED);
    assert_non_null(strstr(d.text, "forked"));
    assert_memory_equal(&before, &seen, sizeof seen);
    log_writer_close(w);
    log_writer_close(forked);
    folder_fixture_remove(folder);
    folder_fixture_remove(fork_folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference_roots), cmocka_unit_test(test_roots_agree_with_the_definition),
        cmocka_unit_test(test_inclusion),       cmocka_unit_test(test_consistency),
        cmocka_unit_test(test_tile_paths),      cmocka_unit_test(test_checkpoints_are_refused_by_name),
        cmocka_unit_test(test_log_in_a_folder), cmocka_unit_test(test_audit),
    };
    return cmocka_run_group_tests_name("tlog", tests, NULL, NULL);
}
