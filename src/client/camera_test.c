/* A camera is its hub's: what another hub of the same household signs of it is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "client/camera.h"
#include "crypto/hash.h"
#include "format/camera_object.h"
#include "format/mark.h"

enum signer { SIGNER_OWN, SIGNER_OTHER, SIGNER_HOUSEHOLD, SIGNER_STRANGER, SIGNER_COUNT };

static struct client client;
static struct sign_key keys[SIGNER_COUNT];
static uint8_t camera[CAMERA_ID_BYTES] = {0xca};

static int setup(void **state) {
    (void)state;
    for (size_t i = 0; i < SIGNER_COUNT; i++) sign_key_generate(&keys[i]);
    client.household.sign = keys[SIGNER_HOUSEHOLD];
    box_key_generate(&client.household.box);
    for (size_t i = 0; i < 2; i++) {
        memcpy(client.hubs[i].sign, keys[i].public_key, sizeof client.hubs[i].sign);
        hub_id_of(keys[i].public_key, client.hubs[i].hub);
    }
    client.hub_count = 2;
    return 0;
}

/* The object as the vault would hand it out; `raw` holds it. */
static struct object object_by(enum signer signer, const char *key, struct bytes payload, struct blob *raw) {
    struct object o;
    raw->len = 0;
    assert_int_equal(object_sign(&keys[signer], key, 1, payload, raw), ERR_OK);
    assert_int_equal(object_verify(blob_bytes(raw), &o, NULL), ERR_OK);
    return o;
}

static void profile_of(const char *kind, enum signer names, struct blob *out) {
    char text[200], hex[2 * HUB_ID_BYTES + 1] = "";
    uint8_t id[HUB_ID_BYTES];
    hub_id_of(keys[names].public_key, id);
    hex_encode(BYTES_OF(id), hex);
    snprintf(text, sizeof text, "{\"v\":1,\"name\":\"porch\",\"kind\":\"%s\",\"hub\":\"%s\"}", kind, hex);
    out->len = 0;
    assert_int_equal(camera_profile_seal(client.household.box.public_key, camera, bytes_text(text), out),
                     ERR_OK);
}

static void profiles(void **state) {
    (void)state;
    static const struct {
        const char *label, *kind;
        enum signer by, names;
        err expected;
    } cases[] = {
        {"its own", "main", SIGNER_OWN, SIGNER_OWN, ERR_OK},
        {"its own, a substream's", "sub", SIGNER_OWN, SIGNER_OWN, ERR_OK},
        {"another hub in its name", "main", SIGNER_OTHER, SIGNER_OWN, ERR_FORGED},
        {"another hub in its name, a substream's", "sub", SIGNER_OTHER, SIGNER_OWN, ERR_FORGED},
        {"in another hub's name", "main", SIGNER_OWN, SIGNER_OTHER, ERR_FORGED},
        {"the household", "main", SIGNER_HOUSEHOLD, SIGNER_OWN, ERR_FORGED},
        {"a stranger", "main", SIGNER_STRANGER, SIGNER_STRANGER, ERR_FORGED},
    };
    AUTO(blob_clear) struct blob payload = {0}, raw = {0};
    char key[CAMERA_KEY_TEXT_BYTES];
    camera_profile_key(camera, key);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct camera cam = {0};
        struct diag d = {{0}};
        memcpy(cam.id, camera, sizeof cam.id);
        profile_of(cases[i].kind, cases[i].names, &payload);
        struct object o = object_by(cases[i].by, key, blob_bytes(&payload), &raw);
        err e = camera_take_profile(&client, &o, &cam, &d);
        if (e != cases[i].expected) fail_msg("%s: %s (%s)", cases[i].label, err_text(e), d.text);
        if (e) assert_non_null(strstr(d.text, "signed by"));
        camera_clear(&cam);
    }
}

static void roots(void **state) {
    (void)state;
    static const struct {
        enum signer by;
        err expected;
    } cases[] = {{SIGNER_OWN, ERR_OK},
                 {SIGNER_HOUSEHOLD, ERR_OK},
                 {SIGNER_OTHER, ERR_FORGED},
                 {SIGNER_STRANGER, ERR_FORGED}};
    AUTO(blob_clear) struct blob payload = {0}, raw = {0};
    AUTO(timekey_set_clear) struct timekey_set root = {0};
    struct camera cam = {0};
    char key[CAMERA_KEY_TEXT_BYTES];
    memcpy(cam.id, camera, sizeof cam.id);
    memcpy(cam.hub, client.hubs[SIGNER_OWN].hub, sizeof cam.hub);
    camera_root_key(camera, 3, key);
    assert_int_equal(timekey_generate(&root), ERR_OK);
    assert_int_equal(camera_root_seal(client.household.box.public_key, camera, 3, &root, &payload), ERR_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        AUTO(timekey_set_clear) struct timekey_set got = {0};
        struct diag d = {{0}};
        struct object o = object_by(cases[i].by, key, blob_bytes(&payload), &raw);
        assert_int_equal(camera_take_root(&client, &cam, 3, &o, &got, &d), cases[i].expected);
        assert_int_equal(got.count, cases[i].expected ? 0 : 1);
        if (cases[i].expected) assert_non_null(strstr(d.text, "another hub than the camera's"));
    }
}

static void marks(void **state) {
    (void)state;
    static const struct {
        enum signer by;
        err expected;
        const char *says;
    } cases[] = {{SIGNER_OWN, ERR_OK, ""},
                 {SIGNER_OTHER, ERR_FORGED, "another hub than the camera's"},
                 {SIGNER_STRANGER, ERR_FORGED, "not this household's"}};
    struct camera cam = {0};
    uint8_t hashes[MARK_HASH_BYTES] = {1};
    memcpy(cam.hub, client.hubs[SIGNER_OWN].hub, sizeof cam.hub);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        AUTO(blob_clear) struct blob raw = {0};
        const struct hub_certificate *hub = NULL;
        struct diag d = {{0}};
        struct mark mark = {.slot = 7, .count = 1, .hashes = hashes};
        memcpy(mark.camera, camera, sizeof mark.camera);
        assert_int_equal(mark_sign(&mark, &keys[cases[i].by], &raw), ERR_OK);
        assert_int_equal(camera_take_mark(&client, &cam, blob_bytes(&raw), &hub, &d), cases[i].expected);
        assert_ptr_equal(hub, cases[i].expected ? NULL : &client.hubs[SIGNER_OWN]);
        assert_non_null(strstr(d.text, cases[i].says));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(profiles), cmocka_unit_test(roots),
                                       cmocka_unit_test(marks)};
    return cmocka_run_group_tests_name("cameras of hubs", tests, setup, NULL);
}
