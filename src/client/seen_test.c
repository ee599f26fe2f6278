/* What a device has seen, no vault takes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "client/seen.h"
#include "format/household.h"

static char path[64];
static const uint8_t home[SEEN_HOUSEHOLD_BYTES] = {1}, other[SEEN_HOUSEHOLD_BYTES] = {2};

static int setup(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/cardea-seen-XXXXXX");
    int fd = mkstemp(path);
    if (fd < 0) return 1;
    close(fd);
    return unlink(path);
}

static int teardown(void **state) {
    (void)state;
    unlink(path);
    return 0;
}

static struct object object_of(const char *key, uint64_t version, uint8_t signer) {
    struct object o = {.version = version};
    memset(o.signer, signer, sizeof o.signer);
    snprintf(o.key, sizeof o.key, "%s", key);
    return o;
}

static void reopen(struct seen **s) {
    struct diag d = {{0}};
    if (*s) assert_int_equal(seen_save(*s, &d), ERR_OK);
    seen_free(*s);
    *s = NULL;
    assert_int_equal(seen_open(path, s, &d), ERR_OK);
}

static void older_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *label;
        const uint8_t *household;
        const char *key;
        uint64_t version;
        uint8_t signer;
        err expected;
        const char *says;
    } steps[] = {
        {"the first", home, "hub/00", 3, 'h', ERR_OK, ""},
        {"again", home, "hub/00", 3, 'h', ERR_OK, ""},
        {"an older one", home, "hub/00", 2, 'h', ERR_FORGED,
         "version 2 of hub/00, of which this device has seen version 3"},
        {"the next", home, "hub/00", 4, 'h', ERR_OK, ""},
        {"back by one", home, "hub/00", 3, 'h', ERR_FORGED, "version 3 of hub/00"},
        {"of another household", other, "hub/00", 1, 'h', ERR_OK, ""},
        {"a root, by its hub", home, "camera/aa/root/1", 1, 'a', ERR_OK, ""},
        {"shredded, by the household", home, "camera/aa/root/1", 2, 'h', ERR_OK, ""},
        {"the one that was shredded", home, "camera/aa/root/1", 1, 'a', ERR_FORGED, "camera/aa/root/1"},
        {"a profile", home, "camera/aa/profile", 1, 'a', ERR_OK, ""},
        {"by another hub, newer", home, "camera/aa/profile", 2, 'b', ERR_FORGED, "signed by another key"},
        {"by another hub, the same", home, "camera/aa/profile", 1, 'b', ERR_FORGED, "camera/aa/profile"},
        {"by its hub, newer", home, "camera/aa/profile", 2, 'a', ERR_OK, ""},
        {"the household's keys", home, "household/keys/00", 1, 'h', ERR_OK, ""},
        {"made up by the vault", home, "household/keys/00", 1, 'v', ERR_FORGED, "household/keys/00"},
    };
    struct seen *s = NULL;
    reopen(&s);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct diag d = {{0}};
        struct object o = object_of(steps[i].key, steps[i].version, steps[i].signer);
        err e = seen_check(s, steps[i].household, &o, NULL, &d);
        if (e != steps[i].expected) fail_msg("%s: %s (%s)", steps[i].label, err_text(e), d.text);
        if (!strstr(d.text, steps[i].says)) fail_msg("%s: it says: %s", steps[i].label, d.text);
        reopen(&s); /* in the file as in memory */
    }
    seen_free(s);
}

/* The household's keys are signed by the key to which the one that was seen led; nothing else is. */
static void a_succession_is_followed(void **state) {
    (void)state;
    static const uint8_t log_key[HOUSEHOLD_LOG_KEY_BYTES];
    struct household_keys *before = calloc(1, sizeof *before), *next = calloc(1, sizeof *next);
    struct seen *s = NULL;
    struct diag d = {{0}};
    assert_true(before && next);
    sign_key_generate(&before->sign);
    assert_int_equal(household_keys_succeed(before, log_key, 1, next, &d), ERR_OK);
    struct object keys = object_of("household/keys/11", 1, 'x'),
                  profile = object_of("camera/bb/profile", 1, 'x');
    memcpy(keys.signer, before->sign.public_key, sizeof keys.signer);
    memcpy(profile.signer, before->sign.public_key, sizeof profile.signer);
    reopen(&s);
    assert_int_equal(seen_check(s, home, &keys, NULL, &d), ERR_OK);
    assert_int_equal(seen_check(s, home, &profile, NULL, &d), ERR_OK);
    assert_true(seen_knows(s, home, &keys));
    /* The same version by the same key, signed again by whoever kept it. */
    struct object forged = keys;
    forged.payload = bytes_text("another");
    assert_false(seen_knows(s, home, &forged));
    keys.version = profile.version = 2;
    assert_false(seen_knows(s, home, &keys));
    memcpy(keys.signer, next->sign.public_key, sizeof keys.signer);
    memcpy(profile.signer, next->sign.public_key, sizeof profile.signer);
    assert_int_equal(seen_check(s, home, &keys, NULL, &d), ERR_FORGED);
    assert_int_equal(seen_check(s, home, &profile, &next->chain, &d), ERR_FORGED);
    assert_int_equal(seen_check(s, home, &keys, &next->chain, &d), ERR_OK);
    reopen(&s);
    /* And is pinned: back it does not go. */
    keys.version = 3;
    memcpy(keys.signer, before->sign.public_key, sizeof keys.signer);
    assert_int_equal(seen_check(s, home, &keys, &next->chain, &d), ERR_FORGED);
    /* Compared alone, by version alone: nothing of it is remembered. */
    assert_int_equal(seen_not_older(s, home, &keys, &d), ERR_OK);
    keys.version = 1;
    assert_int_equal(seen_not_older(s, home, &keys, &d), ERR_FORGED);
    keys.version = 2;
    assert_int_equal(seen_not_older(s, home, &keys, &d), ERR_OK);
    seen_free(s);
    household_keys_clear(before);
    household_keys_clear(next);
    free(before);
    free(next);
}

/* Two commands at once: neither forgets what the other saw. */
static void writers_keep_each_others(void **state) {
    (void)state;
    struct seen *a = NULL, *b = NULL;
    struct diag d = {{0}};
    struct object newer = object_of("hub/00", 9, 'h'), older = object_of("hub/00", 5, 'h'),
                  more = object_of("hub/01", 1, 'h');
    reopen(&a);
    reopen(&b);
    assert_int_equal(seen_check(a, home, &newer, NULL, &d), ERR_OK);
    assert_int_equal(seen_check(b, home, &older, NULL, &d), ERR_OK); /* it has not heard of the newer one */
    assert_int_equal(seen_check(b, home, &more, NULL, &d), ERR_OK);
    assert_int_equal(seen_save(a, &d), ERR_OK);
    assert_int_equal(seen_save(b, &d), ERR_OK);
    reopen(&a);
    assert_int_equal(seen_check(a, home, &older, NULL, &d), ERR_FORGED);
    assert_int_equal(seen_check(a, home, &more, NULL, &d), ERR_OK);
    seen_free(a);
    seen_free(b);
}

static void what_is_damaged_is_said(void **state) {
    (void)state;
    static const char *const texts[] = {
        "", "{", "[]", "{\"v\":2,\"households\":{}}", "{\"v\":1}", "{\"v\":1,\"households\":[]}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct seen *s = NULL;
        struct diag d = {{0}};
        assert_int_equal(file_replace(path, bytes_text(texts[i]), 0600, &d), ERR_OK);
        assert_int_equal(seen_open(path, &s, &d), ERR_INVALID);
        assert_non_null(strstr(d.text, path));
        assert_null(s);
    }
    /* Entries that make no sense remember nothing, and are replaced. */
    struct seen *s = NULL;
    struct diag d = {{0}};
    const char *odd =
        "{\"v\":1,\"households\":{\"01000000000000000000000000000000\":{\"hub/00\":\"x\"},\"z\":7}}";
    assert_int_equal(file_replace(path, bytes_text(odd), 0600, &d), ERR_OK);
    reopen(&s);
    struct object o = object_of("hub/00", 4, 'h'), older = object_of("hub/00", 3, 'h');
    assert_int_equal(seen_check(s, home, &o, NULL, &d), ERR_OK);
    reopen(&s);
    assert_int_equal(seen_check(s, home, &older, NULL, &d), ERR_FORGED);
    seen_free(s);
}

static void at_the_limit(void **state) {
    (void)state;
    struct seen *s = NULL;
    struct diag d = {{0}};
    char key[64];
    reopen(&s);
    for (uint32_t i = 0; i <= SEEN_KEYS_MAX; i++) {
        snprintf(key, sizeof key, "camera/aa/root/%u", i);
        struct object o = object_of(key, 2, 'h');
        assert_int_equal(seen_check(s, home, &o, NULL, &d), ERR_OK);
    }
    reopen(&s);
    struct object first = object_of("camera/aa/root/0", 1, 'h'), last = object_of(key, 1, 'h');
    assert_int_equal(seen_check(s, home, &first, NULL, &d), ERR_FORGED);
    assert_int_equal(seen_check(s, home, &last, NULL, &d), ERR_OK); /* one past it is not remembered */
    first.version = 3;
    assert_int_equal(seen_check(s, home, &first, NULL, &d), ERR_OK); /* what is, goes on */
    first.version = 2;
    assert_int_equal(seen_check(s, home, &first, NULL, &d), ERR_FORGED);
    seen_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(older_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_succession_is_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(writers_keep_each_others, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_damaged_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(at_the_limit, setup, teardown),
    };
    return cmocka_run_group_tests_name("what was seen", tests, NULL, NULL);
}
