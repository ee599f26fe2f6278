#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/file.h"
#include "cli/authority.h"

static char folder[64];

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/cardea-authority-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    static const char *const names[] = {"ca.crt", "ca.key", "server.crt", "server.key"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[PATH_TEXT_BYTES];
        assert_int_equal(path_join(path, folder, names[i]), ERR_OK);
        unlink(path);
    }
    return rmdir(folder);
}

static X509 *load(const char *name) {
    char path[PATH_TEXT_BYTES];
    assert_int_equal(path_join(path, folder, name), ERR_OK);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    X509 *cert = PEM_read_X509(f, NULL, NULL, NULL);
    fclose(f);
    assert_non_null(cert);
    return cert;
}

static int verify(X509 *ca, X509 *leaf) {
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_STORE_add_cert(store, ca);
    X509_STORE_CTX_init(ctx, store, leaf, NULL);
    int result = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return result;
}

static const struct authority_names lan = {
    .host = "porch", .addresses = {"192.168.1.20", "fe80::1"}, .count = 2};

static void makes_a_chain_that_verifies(void **state) {
    (void)state;
    bool changed = false;
    struct diag d;
    assert_int_equal(authority_make(folder, "porch", wall_now(), &d), ERR_OK);
    assert_int_equal(authority_issue(folder, &lan, wall_now(), &changed, &d), ERR_OK);
    assert_true(changed);
    X509 *ca = load("ca.crt"), *leaf = load("server.crt");
    assert_int_equal(verify(ca, leaf), X509_V_OK);
    assert_int_equal(X509_check_ip_asc(leaf, "192.168.1.20", 0), 1);
    assert_int_equal(X509_check_ip_asc(leaf, "fe80::1", 0), 1);
    assert_int_equal(X509_check_host(leaf, "porch.local", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(leaf, "porch", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(leaf, "localhost", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(leaf, "example.org", 0, 0, NULL), 0);
    X509_free(ca);
    X509_free(leaf);
    static const char *const keys[] = {"ca.key", "server.key"};
    for (size_t i = 0; i < 2; i++) {
        char path[PATH_TEXT_BYTES];
        struct stat info;
        assert_int_equal(path_join(path, folder, keys[i]), ERR_OK);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 0777, 0600);
    }
}

static void refuses_names_outside_the_constraints(void **state) {
    (void)state;
    bool changed = false;
    struct diag d;
    struct authority_names world = {.host = "porch", .addresses = {"203.0.113.7"}, .count = 1};
    assert_int_equal(authority_make(folder, "porch", wall_now(), &d), ERR_OK);
    assert_int_not_equal(authority_issue(folder, &world, wall_now(), &changed, &d), ERR_OK);
}

static void keeps_a_good_certificate_and_renews_before_it_ends(void **state) {
    (void)state;
    bool changed = false;
    struct diag d;
    struct wall_us now = wall_now();
    char first[AUTHORITY_FINGERPRINT_BYTES], second[AUTHORITY_FINGERPRINT_BYTES];
    assert_int_equal(authority_make(folder, "porch", now, &d), ERR_OK);
    assert_int_equal(authority_fingerprint(folder, first, &d), ERR_OK);
    assert_int_equal(authority_issue(folder, &lan, now, &changed, &d), ERR_OK);
    assert_int_equal(authority_issue(folder, &lan, now, &changed, &d), ERR_OK);
    assert_false(changed);
    struct wall_us before = {now.us + 59LL * 86400 * 1000000}, after = {now.us + 61LL * 86400 * 1000000};
    assert_int_equal(authority_issue(folder, &lan, before, &changed, &d), ERR_OK);
    assert_false(changed);
    assert_int_equal(authority_issue(folder, &lan, after, &changed, &d), ERR_OK);
    assert_true(changed);
    struct authority_names moved = {.host = "porch", .addresses = {"10.1.2.3"}, .count = 1};
    assert_int_equal(authority_issue(folder, &moved, after, &changed, &d), ERR_OK);
    assert_true(changed);
    assert_int_equal(authority_make(folder, "porch", after, &d), ERR_OK);
    assert_int_equal(authority_fingerprint(folder, second, &d), ERR_OK);
    assert_string_equal(first, second);
}

static void a_renamed_host_keeps_its_authority(void **state) {
    (void)state;
    bool changed = false;
    struct diag d;
    struct authority_names renamed = {.host = "garage"};
    assert_int_equal(authority_make(folder, "porch", wall_now(), &d), ERR_OK);
    assert_int_equal(authority_issue(folder, &renamed, wall_now(), &changed, &d), ERR_OK);
    X509 *ca = load("ca.crt"), *leaf = load("server.crt");
    assert_int_equal(verify(ca, leaf), X509_V_OK);
    assert_int_equal(X509_check_host(leaf, "garage.local", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(leaf, "garage", 0, 0, NULL), 0);
    X509_free(ca);
    X509_free(leaf);
}

static void a_damaged_authority_is_named(void **state) {
    (void)state;
    struct diag d;
    char path[PATH_TEXT_BYTES];
    assert_int_equal(authority_make(folder, "porch", wall_now(), &d), ERR_OK);
    assert_int_equal(path_join(path, folder, "ca.crt"), ERR_OK);
    assert_int_equal(file_replace(path, bytes_text("nonsense"), 0644, &d), ERR_OK);
    assert_int_equal(authority_make(folder, "porch", wall_now(), &d), ERR_INVALID);
    assert_non_null(strstr(d.text, "ca.crt"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(makes_a_chain_that_verifies, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(refuses_names_outside_the_constraints, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(keeps_a_good_certificate_and_renews_before_it_ends, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_renamed_host_keeps_its_authority, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_damaged_authority_is_named, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
