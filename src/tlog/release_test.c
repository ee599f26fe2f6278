/* What a release's list may say, and what not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "tlog/release.h"

#define HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void test_read(void **state) {
    static const char list[] = "{\"v\":1,\"version\":\"abc\",\"files\":{\"/share/index.html\":\"" HASH
                               "\",\"/index.html\":\"" HASH "\"}}";
    struct diag d = {0};
    struct release r;
    uint8_t hash[HASH_BYTES];
    assert_int_equal(release_read(bytes_text(list), &r, &d), ERR_OK);
    hash_sha256(bytes_text(list), hash);
    assert_memory_equal(r.hash, hash, sizeof hash);
    assert_string_equal(r.version, "abc");
    assert_int_equal(r.count, 2);
    assert_non_null(release_find(&r, "/index.html"));
    assert_non_null(release_find(&r, "/share/index.html"));
    assert_null(release_find(&r, "/index.htm"));
    char longest[RELEASE_NAME_MAX_BYTES + 2];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_null(release_find(&r, longest));
    release_clear(&r);
    assert_null(release_find(&r, "/index.html"));
}

static const struct {
    const char *label, *list, *says;
} refused[] = {
    {"empty", "", "JSON"},
    {"version 2", "{\"v\":2,\"version\":\"a\",\"files\":{\"/a\":\"" HASH "\"}}", "v"},
    {"no files", "{\"v\":1,\"version\":\"a\",\"files\":{}}", "1 to 1024"},
    {"no hash", "{\"v\":1,\"version\":\"a\",\"files\":{\"/a\":7}}", "no hash of /a"},
    {"short hash", "{\"v\":1,\"version\":\"a\",\"files\":{\"/a\":\"e3b0\"}}", "no hash of /a"},
    {"another field", "{\"v\":1,\"version\":\"a\",\"files\":{\"/a\":\"" HASH "\"},\"x\":1}", "x"},
    {"a way up", "{\"v\":1,\"version\":\"a\",\"files\":{\"/../a\":\"" HASH "\"}}", "cannot be"},
    {"hidden", "{\"v\":1,\"version\":\"a\",\"files\":{\"/.a\":\"" HASH "\"}}", "cannot be"},
    {"a folder", "{\"v\":1,\"version\":\"a\",\"files\":{\"/a/\":\"" HASH "\"}}", "cannot be"},
    {"no slash", "{\"v\":1,\"version\":\"a\",\"files\":{\"a\":\"" HASH "\"}}", "cannot be"},
    {"a query", "{\"v\":1,\"version\":\"a\",\"files\":{\"/a?b\":\"" HASH "\"}}", "cannot be"},
    {"itself", "{\"v\":1,\"version\":\"a\",\"files\":{\"/release.json\":\"" HASH "\"}}", "cannot be"},
    {"twice", "{\"v\":1,\"version\":\"a\",\"files\":{\"/a\":\"" HASH "\",\"/a\":\"" HASH "\"}}", "JSON"},
    {"version with a space", "{\"v\":1,\"version\":\"a b\",\"files\":{\"/a\":\"" HASH "\"}}", "version"},
};

static void test_refused(void **state) {
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct diag d = {0};
        struct release r = {0};
        if (release_read(bytes_text(refused[i].list), &r, &d) == ERR_OK) fail_msg("%s", refused[i].label);
        if (!strstr(d.text, refused[i].says)) fail_msg("%s: %s", refused[i].label, d.text);
        assert_null(r.files);
    }
}

/* A list of `count` files, the first of which has a path of `path` bytes. */
static err read_made(unsigned count, size_t path, struct release *r, struct diag *d) {
    AUTO(blob_clear) struct blob list = {0};
    char line[2 * RELEASE_NAME_MAX_BYTES + HASH_BYTES * 2], name[RELEASE_NAME_MAX_BYTES + 2];
    memset(name, 'p', sizeof name);
    name[0] = '/';
    name[path] = 0;
    err e = blob_append(&list, bytes_text("{\"v\":1,\"version\":\"a\",\"files\":{"));
    for (unsigned i = 0; !e && i < count; i++) {
        if (i) snprintf(name, sizeof name, "/f%u", i);
        snprintf(line, sizeof line, "%s\"%s\":\"" HASH "\"", i ? "," : "", name);
        e = blob_append(&list, bytes_text(line));
    }
    if (!e) e = blob_append(&list, bytes_text("}}"));
    return e ? e : release_read(blob_bytes(&list), r, d);
}

static void test_limits(void **state) {
    struct diag d = {0};
    struct release r;
    assert_int_equal(read_made(RELEASE_FILES_MAX, RELEASE_NAME_MAX_BYTES, &r, &d), ERR_OK);
    assert_int_equal(r.count, RELEASE_FILES_MAX);
    release_clear(&r);
    assert_int_equal(read_made(RELEASE_FILES_MAX + 1, 2, &r, &d), ERR_INVALID);
    assert_int_equal(read_made(1, RELEASE_NAME_MAX_BYTES + 1, &r, &d), ERR_INVALID);
    AUTO(blob_clear) struct blob large = {0};
    assert_int_equal(blob_reserve(&large, RELEASE_MAX_BYTES + 1), ERR_OK);
    memset(large.data, ' ', RELEASE_MAX_BYTES + 1);
    assert_int_equal(release_read(BYTES(large.data, RELEASE_MAX_BYTES + 1), &r, &d), ERR_LIMIT);
    assert_int_equal(release_read(BYTES(large.data, RELEASE_MAX_BYTES), &r, &d), ERR_INVALID);
}

static void test_details(void **state) {
    struct diag d = {0};
    uint8_t hash[HASH_BYTES];
    char version[RELEASE_VERSION_MAX_BYTES + 1];
    assert_int_equal(
        release_details(bytes_text("{\"release\":\"" HASH "\",\"version\":\"v\"}"), hash, version, &d),
        ERR_OK);
    assert_string_equal(version, "v");
    assert_int_equal(hash[0], 0xe3);
    assert_int_equal(release_details(bytes_text("{\"release\":\"" HASH "\"}"), hash, version, &d),
                     ERR_INVALID);
    assert_int_equal(release_details(bytes_text("{\"release\":\"e3\",\"version\":\"v\"}"), hash, version, &d),
                     ERR_INVALID);
    assert_int_equal(
        release_details(bytes_text("{\"release\":\"" HASH "\",\"version\":\"a\\nb\"}"), hash, version, &d),
        ERR_INVALID);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_details),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
