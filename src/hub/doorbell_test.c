/* Doorbells by HTTP: tokens are shown once, kept as hashes, and ring for their own camera. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto/hash.h"
#include "hub/doorbell.h"

static err command(struct doorbells *b, const char *verb, int camera, json_t **result, struct diag *d) {
    char hex[33];
    bool changed;
    snprintf(hex, sizeof hex, "%032x", (unsigned)camera);
    AUTO(json_release) json_t *args = json_pack("{s:s}", "camera", hex);
    return doorbells_command(b, verb, args, result, &changed, d);
}

static void test_doorbells(void **state) {
    (void)state;
    char folder[] = "/tmp/cardea-doorbell-XXXXXX";
    struct doorbells b, again;
    struct diag d = {{0}};
    uint8_t hash[HASH_BYTES], camera[16];
    assert_non_null(mkdtemp(folder));
    assert_int_equal(doorbells_load(folder, &b, &d), ERR_OK);
    AUTO(json_release) json_t *one = NULL;
    assert_int_equal(command(&b, "doorbell.add", 7, &one, &d), ERR_OK);
    const char *path = json_string_value(json_object_get(one, "path"));
    assert_memory_equal(path, "/v1/ring/", 9);
    assert_int_equal(strlen(path + 9), 43);
    hash_sha256(bytes_text(path + 9), hash);
    struct steady_us now = {1};
    assert_true(doorbells_press(&b, hash, now, camera));
    assert_int_equal(camera[15], 7);
    now.us += DOORBELL_AGAIN_US - 1;
    assert_false(doorbells_press(&b, hash, now, camera));
    now.us += 1;
    assert_true(doorbells_press(&b, hash, now, camera));
    assert_int_equal(doorbells_load(folder, &again, &d), ERR_OK);
    assert_int_equal(again.count, 1);
    assert_true(doorbells_press(&again, hash, now, camera));

    AUTO(json_release) json_t *other = NULL; /* another token for the same camera: the old one is dead */
    assert_int_equal(command(&b, "doorbell.add", 7, &other, &d), ERR_OK);
    assert_int_equal(b.count, 1);
    now.us += DOORBELL_AGAIN_US;
    assert_false(doorbells_press(&b, hash, now, camera));
    json_t *unused = NULL;
    for (int i = 1; i < DOORBELLS_MAX; i++) {
        assert_int_equal(command(&b, "doorbell.add", 100 + i, &unused, &d), ERR_OK);
        json_release(&unused);
    }
    assert_int_equal(command(&b, "doorbell.add", 200, &unused, &d), ERR_LIMIT);
    assert_int_equal(command(&b, "doorbell.remove", 200, &unused, &d), ERR_NOT_FOUND);
    assert_int_equal(command(&b, "doorbell.remove", 7, &unused, &d), ERR_OK);
    assert_true(doorbells_forget(&b, b.list[0].camera));
    assert_int_equal(b.count, DOORBELLS_MAX - 2);
    assert_int_equal(doorbells_load(folder, &again, &d), ERR_OK);
    assert_int_equal(again.count, DOORBELLS_MAX - 2);
    unlink(b.path);
    rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_doorbells)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
