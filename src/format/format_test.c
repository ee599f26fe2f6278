#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/hash.h"
#include "format/command.h"
#include "format/device_name.h"
#include "format/event.h"
#include "format/grant.h"
#include "format/keyring.h"
#include "format/object.h"
#include "format/pairing.h"

static const struct passphrase_cost low = {8192, 1};

static err unlock(const struct keyring *k, enum keyring_way way, const char *secret, struct keyring *out) {
    AUTO(blob_clear) struct blob raw = {0};
    uint8_t salt[PASSPHRASE_SALT_BYTES], code[RECOVERY_SECRET_BYTES];
    struct passphrase_cost cost;
    struct passphrase_keys keys;
    struct diag d = {0};
    assert_int_equal(keyring_seal(k, &raw), ERR_OK);
    assert_int_equal(keyring_cost(blob_bytes(&raw), salt, &cost, &d), ERR_OK);
    if (way == KEYRING_BY_PASSPHRASE) {
        assert_int_equal(passphrase_derive(bytes_text(secret), salt, cost, &keys, &d), ERR_OK);
    } else {
        assert_int_equal(recovery_parse(secret, code, &d), ERR_OK);
        recovery_keys(code, &keys);
    }
    return keyring_unlock(blob_bytes(&raw), way, &keys, out, &d);
}

static void test_keyring_life(void **state) {
    (void)state;
    struct keyring k, back;
    struct keyring_access access, changed;
    char first[RECOVERY_TEXT_BYTES], second[RECOVERY_TEXT_BYTES];
    assert_int_equal(keyring_create(bytes_text("first passphrase"), low, &k, first, &access, NULL), ERR_OK);
    assert_int_equal(unlock(&k, KEYRING_BY_PASSPHRASE, "first passphrase", &back), ERR_OK);
    assert_memory_equal(&back.box, &k.box, sizeof k.box);
    assert_memory_equal(&back.sign, &k.sign, sizeof k.sign);
    assert_int_equal(unlock(&k, KEYRING_BY_PASSPHRASE, "First passphrase", &back), ERR_FORGED);
    assert_int_equal(unlock(&k, KEYRING_BY_RECOVERY, first, &back), ERR_OK);

    uint8_t old_key[KEYRING_KEY_BYTES];
    memcpy(old_key, k.key, sizeof old_key);
    assert_int_equal(keyring_change_passphrase(&k, bytes_text("second passphrase"), low, &changed, NULL),
                     ERR_OK);
    assert_memory_not_equal(changed.salt, access.salt, sizeof access.salt);
    assert_memory_not_equal(changed.auth, access.auth, sizeof access.auth);
    assert_memory_not_equal(k.key, old_key, sizeof old_key);
    assert_int_equal(unlock(&k, KEYRING_BY_PASSPHRASE, "first passphrase", &back), ERR_FORGED);
    assert_int_equal(unlock(&k, KEYRING_BY_PASSPHRASE, "second passphrase", &back), ERR_OK);
    assert_int_equal(unlock(&k, KEYRING_BY_RECOVERY, first, &back), ERR_OK);

    assert_int_equal(
        keyring_change_recovery(&back, bytes_text("third passphrase"), low, second, &changed, NULL), ERR_OK);
    k = back;
    assert_string_not_equal(first, second);
    assert_memory_not_equal(changed.recovery_auth, access.recovery_auth, sizeof access.recovery_auth);
    assert_int_equal(unlock(&k, KEYRING_BY_RECOVERY, first, &back), ERR_FORGED);
    assert_int_equal(unlock(&k, KEYRING_BY_RECOVERY, second, &back), ERR_OK);
    assert_int_equal(unlock(&k, KEYRING_BY_PASSPHRASE, "third passphrase", &back), ERR_OK);

    struct keyring before = k;
    const struct passphrase_cost wrong = {1, 1};
    assert_int_equal(keyring_change_passphrase(&k, bytes_text("x"), wrong, &changed, NULL), ERR_LIMIT);
    assert_memory_equal(&k, &before, sizeof k);
}

static void test_keyring_households(void **state) {
    (void)state;
    struct keyring k, back;
    struct keyring_access access;
    struct sign_key capability;
    char recovery[RECOVERY_TEXT_BYTES], name[HOUSEHOLD_NAME_MAX_BYTES + 2];
    memset(name, 'n', sizeof name);
    name[HOUSEHOLD_NAME_MAX_BYTES + 1] = 0;
    sign_key_generate(&capability);
    assert_int_equal(keyring_create(bytes_text("a passphrase"), low, &k, recovery, &access, NULL), ERR_OK);
    uint8_t id[HOUSEHOLD_ID_BYTES] = {0};
    assert_int_equal(keyring_add_household(&k, id, &capability, name), ERR_INVALID);
    name[HOUSEHOLD_NAME_MAX_BYTES] = 0;
    for (uint8_t i = 0; i < KEYRING_HOUSEHOLDS_MAX; i++) {
        id[0] = i;
        assert_int_equal(keyring_add_household(&k, id, &capability, name), ERR_OK);
        assert_int_equal(keyring_add_household(&k, id, &capability, name), ERR_EXISTS);
    }
    id[0] = 99;
    assert_int_equal(keyring_add_household(&k, id, &capability, name), ERR_LIMIT);
    assert_null(keyring_find_household(&k, id));
    assert_int_equal(unlock(&k, KEYRING_BY_RECOVERY, recovery, &back), ERR_OK);
    assert_int_equal(back.count, KEYRING_HOUSEHOLDS_MAX);
    id[0] = 7;
    assert_non_null(keyring_find_household(&back, id));
    assert_string_equal(keyring_find_household(&back, id)->name, name);
}

static void test_object_keys_and_limits(void **state) {
    (void)state;
    char longest[OBJECT_KEY_MAX_BYTES + 2];
    memset(longest, 'k', sizeof longest);
    longest[OBJECT_KEY_MAX_BYTES + 1] = 0;
    assert_false(object_key_valid(longest));
    longest[OBJECT_KEY_MAX_BYTES] = 0;
    assert_true(object_key_valid(longest));
    static const char *const good[] = {"a", "camera/00ff/root/0", "a-b/c-d", "9"};
    static const char *const bad[] = {"",    "/",   "/a", "a/",  "a//b",   "A",
                                      "a b", "a.b", "..", "a_b", "a/../b", "\xc3\xa9"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_true(object_key_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (object_key_valid(bad[i])) fail_msg("\"%s\"", bad[i]);
    struct sign_key key;
    AUTO(blob_clear) struct blob payload = {0};
    AUTO(blob_clear) struct blob raw = {0};
    sign_key_generate(&key);
    size_t most = OBJECT_MAX_BYTES - ENVELOPE_OVERHEAD_BYTES - 2 - 8 - 1;
    assert_int_equal(blob_reserve(&payload, most + 1), ERR_OK);
    memset(payload.data, 0, most + 1);
    assert_int_equal(object_sign(&key, "a", 1, BYTES(payload.data, most + 1), &raw), ERR_LIMIT);
    assert_int_equal(object_sign(&key, "a", 0, BYTES(payload.data, 1), &raw), ERR_INVALID);
    assert_int_equal(object_sign(&key, "a", 1, BYTES(payload.data, most), &raw), ERR_OK);
    struct object object;
    struct diag d = {0};
    assert_int_equal(raw.len, OBJECT_MAX_BYTES);
    assert_int_equal(object_verify(blob_bytes(&raw), &object, &d), ERR_OK);
    assert_int_equal(blob_append_u8(&raw, 0), ERR_OK);
    assert_int_equal(object_verify(blob_bytes(&raw), &object, &d), ERR_LIMIT);
}

static void test_event_limit_and_neighbours(void **state) {
    (void)state;
    AUTO(timekey_set_clear) struct timekey_set keys = {0};
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(blob_clear) struct blob json = {0};
    const uint8_t camera[CAMERA_ID_BYTES] = {1};
    static const struct {
        enum event_kind kind;
        size_t most, most_raw;
    } kinds[] = {{EVENT_KIND_EVENT, EVENT_DATA_MAX_BYTES, EVENT_MAX_BYTES},
                 {EVENT_KIND_PICTURE, EVENT_PICTURE_MAX_BYTES, EVENT_PICTURE_ENTRY_MAX_BYTES}};
    static uint8_t data[EVENT_PICTURE_MAX_BYTES + 1];
    uint8_t id[EVENT_ID_BYTES];
    struct event_head head;
    struct diag d = {0};
    memset(data, 'x', sizeof data);
    assert_int_equal(timekey_generate(&keys), ERR_OK);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        enum event_kind kind = kinds[k].kind;
        size_t most = kinds[k].most;
        raw.len = json.len = 0;
        assert_int_equal(event_seal(&keys, kind, camera, 1, 1000, BYTES(data, most + 1), id, &raw),
                         ERR_LIMIT);
        assert_int_equal(event_seal(&keys, kind, camera, 1, 1000, BYTES(data, most), id, &raw), ERR_OK);
        assert_true(raw.len <= kinds[k].most_raw);
        for (uint32_t begin = 997; begin <= 1003; begin++) {
            AUTO(timekey_set_clear) struct timekey_set one = {0};
            assert_int_equal(timekey_cover(&keys, begin, begin + 1, &one), ERR_OK);
            assert_int_equal(event_open(&one, kind, blob_bytes(&raw), &head, &json, &d),
                             begin == 1000 ? ERR_OK : ERR_NOT_FOUND);
        }
        assert_int_equal(json.len, most);
        assert_int_equal(head.kind, kind);
        assert_memory_equal(head.id, id, sizeof id);
        /* One is not taken for the other, not even with another magic: the head is authenticated. */
        enum event_kind other = kind == EVENT_KIND_EVENT ? EVENT_KIND_PICTURE : EVENT_KIND_EVENT;
        assert_int_equal(event_open(&keys, other, blob_bytes(&raw), &head, &json, &d), ERR_INVALID);
        raw.data[3] = kind == EVENT_KIND_EVENT ? 'P' : 'V';
        assert_int_equal(event_open(&keys, other, blob_bytes(&raw), &head, &json, &d),
                         kind == EVENT_KIND_EVENT ? ERR_FORGED : ERR_LIMIT);
    }
    assert_int_equal(timekey_forward(&keys, 1001), ERR_OK);
    assert_int_equal(event_seal(&keys, EVENT_KIND_EVENT, camera, 1, 1000, BYTES(data, 1), id, &raw),
                     ERR_NOT_FOUND);
}

static void test_grant_opens_exactly_its_seconds(void **state) {
    (void)state;
    struct sign_key household;
    struct box_key grantee;
    struct grant_part part = {.epoch = 3};
    struct grant_statement s = {.camera_count = 1, .from = 5000, .to = 5007, .expires = 9000};
    struct diag d = {0};
    sign_key_generate(&household);
    box_key_generate(&grantee);
    assert_int_equal(timekey_generate(&part.keys), ERR_OK);
    memcpy(s.grantee, grantee.public_key, sizeof s.grantee);
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(grant_parts_clear) struct grant_parts opened = {0};
    assert_int_equal(grant_issue(&s, &household, (struct bytes){0}, &part, 1, &raw, &d), ERR_OK);
    struct grant_statement read;
    assert_int_equal(grant_open(blob_bytes(&raw), household.public_key, &grantee, &read, &opened, &d),
                     ERR_OK);
    assert_int_equal(opened.count, 1);
    for (uint32_t slot = 4990; slot < 5020; slot++) {
        uint8_t leaf[TIMEKEY_BYTES];
        err e = timekey_leaf(&opened.parts[0].keys, slot, leaf);
        assert_int_equal(e, slot >= 5000 && slot < 5007 ? ERR_OK : ERR_NOT_FOUND);
    }
    timekey_set_clear(&part.keys);
}

static void test_grants_that_cannot_be(void **state) {
    (void)state;
    struct sign_key household;
    struct grant_part part = {.epoch = 3};
    struct box_key grantee;
    sign_key_generate(&household);
    box_key_generate(&grantee);
    assert_int_equal(timekey_generate(&part.keys), ERR_OK);
    static const struct {
        const char *label, *names;
        size_t cameras;
        uint64_t from, to, not_before, expires;
        uint8_t camera;
    } cases[] = {{"no camera", "\"cameras\"", 0, 1, 2, 0, 9, 0},
                 {"too many cameras", "\"cameras\"", GRANT_CAMERAS_MAX + 1, 1, 2, 0, 9, 0},
                 {"no seconds", "\"to\"", 1, 2, 2, 0, 9, 0},
                 {"past the end of time", "\"to\"", 1, 2, TIMEKEY_SLOT_END + 1, 0, 9, 0},
                 {"expired before it begins", "\"expires\"", 1, 1, 2, 9, 9, 0},
                 {"keys of another camera", "\"cameras\"", 1, 1, 2, 0, 9, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct grant_statement s = {.camera_count = cases[i].cameras,
                                    .from = cases[i].from,
                                    .to = cases[i].to,
                                    .not_before = cases[i].not_before,
                                    .expires = cases[i].expires};
        struct diag d = {0};
        AUTO(blob_clear) struct blob raw = {0};
        memcpy(s.grantee, grantee.public_key, sizeof s.grantee);
        for (size_t c = 0; c < cases[i].cameras && c < GRANT_CAMERAS_MAX; c++) s.cameras[c][0] = (uint8_t)c;
        part.camera[0] = cases[i].camera;
        err e = grant_issue(&s, &household, (struct bytes){0}, &part, 1, &raw, &d);
        if (e != ERR_INVALID || !strstr(d.text, cases[i].names)) fail_msg("%s: %s", cases[i].label, d.text);
        assert_int_equal(raw.len, 0);
    }
    AUTO(blob_clear) struct blob large = {0};
    struct grant_statement read;
    struct diag d = {0};
    assert_int_equal(blob_reserve(&large, GRANT_MAX_BYTES + 1), ERR_OK);
    memset(large.data, 0, GRANT_MAX_BYTES + 1);
    assert_int_equal(grant_read(BYTES(large.data, GRANT_MAX_BYTES + 1), NULL, &read, &d), ERR_LIMIT);
    assert_int_equal(grant_read(BYTES(large.data, GRANT_MAX_BYTES), NULL, &read, &d), ERR_INVALID);
    timekey_set_clear(&part.keys);
}

static void test_commands_are_carried_out_once(void **state) {
    (void)state;
    struct command_seen *seen = calloc(1, sizeof *seen);
    struct diag d = {0};
    struct wall_us now = {1700000000000000};
    seen->since = (struct wall_us){now.us - 1000000};
    struct command c = {.time = now};
    assert_int_equal(command_seen_add(seen, &c, now, &d), ERR_OK);
    assert_int_equal(command_seen_add(seen, &c, now, &d), ERR_EXISTS);
    struct wall_us last = {now.us + COMMAND_SKEW_US};
    assert_int_equal(command_seen_add(seen, &c, last, &d), ERR_EXISTS); /* until its time alone refuses it */
    c.id[0] = 1;
    c.time.us = seen->since.us - 1;
    assert_int_equal(command_seen_add(seen, &c, now, &d), ERR_EXISTS);
    c.time = now;
    for (uint32_t i = 1; i < COMMAND_SEEN_MAX; i++) {
        be32_put(c.id, i << 8 | 1);
        assert_int_equal(command_seen_add(seen, &c, now, &d), ERR_OK);
    }
    be32_put(c.id, 7);
    assert_int_equal(command_seen_add(seen, &c, now, &d), ERR_BUSY);
    c.time.us = last.us + 1;
    assert_int_equal(command_seen_add(seen, &c, c.time, &d), ERR_OK);
    assert_int_equal(seen->count, 1);
    free(seen);
}

static void test_command_limit(void **state) {
    (void)state;
    struct sign_key household;
    struct box_key hub_box;
    uint8_t hub[HUB_ID_BYTES] = {0};
    struct diag d = {0};
    sign_key_generate(&household);
    box_key_generate(&hub_box);
    char *text = malloc(COMMAND_MAX_BYTES + 1);
    memset(text, 'x', COMMAND_MAX_BYTES);
    text[COMMAND_MAX_BYTES] = 0;
    struct command c = {.verb = "status", .time = {1000}};
    c.args = json_pack("{s:s}", "text", text);
    AUTO(blob_clear) struct blob raw = {0};
    assert_int_equal(command_seal(&c, &household, hub_box.public_key, hub, &raw), ERR_LIMIT);
    text[COMMAND_MAX_BYTES / 2] = 0;
    json_object_set_new(c.args, "text", json_string(text));
    assert_int_equal(command_seal(&c, &household, hub_box.public_key, hub, &raw), ERR_OK);
    struct command back = {0};
    assert_int_equal(
        command_open(blob_bytes(&raw), c.id, &hub_box, hub, household.public_key, c.time, &back, &d), ERR_OK);
    assert_true(json_equal(back.args, c.args));
    command_clear(&back);
    command_clear(&c);
    free(text);
}

static void test_pairing_codes(void **state) {
    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        uint8_t secret[PAIRING_SECRET_BYTES], back[PAIRING_SECRET_BYTES];
        char text[PAIRING_TEXT_BYTES];
        random_bytes(secret, sizeof secret);
        pairing_format(secret, text);
        assert_int_equal(strlen(text), 19);
        assert_int_equal(pairing_parse(text, back, NULL), ERR_OK);
        assert_memory_equal(secret, back, sizeof secret);
    }
}

/* The same texts as in web/test/formats.test.ts. */
static void test_session_labels(void **state) {
    (void)state;
    struct session_label l = {.name = "Chromium on Linux",
                              .how = SESSION_PASSKEY,
                              .since = 0x6a2b3c4d,
                              .used = 0xffffffff},
                         back;
    char text[DEVICE_NAME_MAX_BYTES + 1];
    session_label_text(&l, text);
    assert_string_equal(text, "Chromium on Linux #k6a2b3c4dffffffff");
    session_label_read(text, &back);
    assert_string_equal(back.name, l.name);
    assert_true(back.how == l.how && back.since == l.since && back.used == l.used);
    /* A name of 45 bytes is whole, one more is cut, and never within a character. */
    memset(l.name, 'n', 45);
    l.name[45] = 0;
    session_label_text(&l, text);
    assert_int_equal(strlen(text), DEVICE_NAME_MAX_BYTES);
    session_label_read(text, &back);
    assert_string_equal(back.name, l.name);
    memcpy(l.name + 44, "\xc3\xa4", 3);
    session_label_text(&l, text);
    session_label_read(text, &back);
    assert_int_equal(strlen(back.name), 44);
    /* What is not one is a name, to its last letter. */
    static const char *const names[] = {"",
                                        "x",
                                        " #k6a2b3c4d0000000",
                                        "Phone #x6a2b3c4d00000000",
                                        "Phone #k6A2b3c4d00000000",
                                        "Phone #k6a2b3c4d0000000g",
                                        "Phone#k6a2b3c4d00000000",
                                        "Phone #k6a2b3c4d00000000 "};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char given[DEVICE_NAME_MAX_BYTES + 1] = {0};
        snprintf(given, sizeof given, "%s", names[i]);
        session_label_read(given, &back);
        assert_true(back.how == SESSION_UNSAID && back.since == 0 && back.used == 0);
        assert_string_equal(back.name, names[i]);
        session_label_text(&back, text);
        assert_string_equal(text, names[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session_labels),
        cmocka_unit_test(test_keyring_life),
        cmocka_unit_test(test_keyring_households),
        cmocka_unit_test(test_object_keys_and_limits),
        cmocka_unit_test(test_event_limit_and_neighbours),
        cmocka_unit_test(test_grant_opens_exactly_its_seconds),
        cmocka_unit_test(test_grants_that_cannot_be),
        cmocka_unit_test(test_commands_are_carried_out_once),
        cmocka_unit_test(test_command_limit),
        cmocka_unit_test(test_pairing_codes),
    };
    return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
