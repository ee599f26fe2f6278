/* check_people.c: passphrase, recovery, keyring. */
#include <string.h>

#include "check.h"
#include "crypto/passphrase.h"
#include "format/device_name.h"
#include "format/keyring.h"

static void check_passphrase(json_t *one) {
    uint8_t salt[PASSPHRASE_SALT_BYTES];
    struct passphrase_keys keys;
    struct diag d = {0};
    struct passphrase_cost cost = {(uint32_t)check_int(one, "memory_kib"),
                                   (uint32_t)check_int(one, "passes")};
    check_hex_into(one, "salt", salt, sizeof salt);
    err e = passphrase_derive(bytes_text(check_text(one, "passphrase")), salt, cost, &keys, &d);
    check_error(one, e, &d);
    if (e) return;
    check_equal(one, "auth", BYTES_OF(keys.auth));
    check_equal(one, "wrap", BYTES_OF(keys.wrap));
}

static void check_recovery(json_t *one) {
    uint8_t secret[RECOVERY_SECRET_BYTES];
    struct passphrase_keys keys;
    struct diag d = {0};
    err e = recovery_parse(check_text(one, "text"), secret, &d);
    check_error(one, e, &d);
    if (e) {
        char named[24];
        snprintf(named, sizeof named, "word %d ", (int)check_int(one, "word"));
        if (!strstr(d.text, named)) fail_msg("%s: %s", check_name(one), d.text);
        return;
    }
    check_equal(one, "secret", BYTES_OF(secret));
    recovery_keys(secret, &keys);
    check_equal(one, "auth", BYTES_OF(keys.auth));
    check_equal(one, "wrap", BYTES_OF(keys.wrap));
}

static void check_contents(json_t *one, const struct keyring *k) {
    json_t *expected = json_object_get(one, "expected"), *account = json_object_get(expected, "account");
    check_equal(account, "box", BYTES_OF(k->box.secret));
    check_equal(account, "sign", BYTES_OF(k->sign.seed));
    json_t *households = json_object_get(expected, "households");
    assert_int_equal(json_array_size(households), k->count);
    for (size_t i = 0; i < k->count; i++) {
        json_t *h = json_array_get(households, i);
        check_equal(h, "id", BYTES_OF(k->households[i].id));
        const struct keyring_household *got = &k->households[i];
        const char *role = json_string_value(json_object_get(h, "role"));
        check_equal(h, "capability",
                    BYTES(got->capability.seed, got->role == KEYRING_OWNER ? SIGN_SEED_BYTES : 0));
        assert_string_equal(role ? role : "owner", keyring_roles[got->role]);
        assert_int_equal(json_object_get(h, "sign") != NULL, got->has_sign);
        assert_int_equal(json_object_get(h, "grant") != NULL, got->has_grant);
        if (got->has_sign) check_equal(h, "sign", BYTES_OF(got->sign));
        if (got->has_grant) check_equal(h, "grant", BYTES_OF(got->grant));
        assert_string_equal(check_text(h, "name"), k->households[i].name);
    }
}

static void check_passkeys(json_t *one, struct bytes raw) {
    size_t i;
    json_t *p;
    json_array_foreach(json_object_get(one, "passkeys"), i, p) {
        struct keyring k;
        struct diag d = {0};
        uint8_t prf[KEYRING_PRF_BYTES], key[32], wrap[KEYRING_WRAP_BYTES], again[KEYRING_WRAP_BYTES];
        check_hex_into(p, "prf", prf, sizeof prf);
        check_hex_into(p, "wrap", wrap, sizeof wrap);
        keyring_passkey_key(prf, key);
        check_equal(p, "key", BYTES_OF(key));
        assert_int_equal(keyring_unlock_passkey(raw, wrap, key, &k, &d), ERR_OK);
        check_contents(one, &k);
        assert_int_equal(k.passkey_count, json_array_size(json_object_get(one, "passkeys")));
        check_equal(p, "id", BYTES_OF(k.passkeys[i].id));
        check_equal(p, "key", BYTES_OF(k.passkeys[i].wrap));
        assert_int_equal(keyring_passkey_wrap_with(&k, i, wrap, again), ERR_OK);
        assert_memory_equal(again, wrap, sizeof wrap);
    }
}

static void check_keyring_good(json_t *one, struct bytes raw) {
    uint8_t salt[PASSPHRASE_SALT_BYTES], secret[RECOVERY_SECRET_BYTES], nonce[12];
    struct passphrase_cost cost;
    struct passphrase_keys keys;
    struct keyring k;
    struct diag d = {0};
    assert_int_equal(keyring_cost(raw, salt, &cost, &d), ERR_OK);
    check_equal(one, "salt", BYTES_OF(salt));
    assert_int_equal(check_int(one, "memory_kib"), cost.memory_kib);
    assert_int_equal(check_int(one, "passes"), cost.passes);
    assert_int_equal(passphrase_derive(bytes_text(check_text(one, "passphrase")), salt, cost, &keys, &d),
                     ERR_OK);
    check_equal(one, "auth", BYTES_OF(keys.auth));
    check_equal(one, "wrap", BYTES_OF(keys.wrap));
    check_error(one, keyring_unlock(raw, KEYRING_BY_PASSPHRASE, &keys, &k, &d), &d);
    check_contents(one, &k);
    assert_int_equal(recovery_parse(check_text(one, "recovery"), secret, &d), ERR_OK);
    recovery_keys(secret, &keys);
    check_equal(one, "recovery_auth", BYTES_OF(keys.auth));
    check_equal(one, "recovery_wrap", BYTES_OF(keys.wrap));
    check_error(one, keyring_unlock(raw, KEYRING_BY_RECOVERY, &keys, &k, &d), &d);
    check_contents(one, &k);
    check_equal(one, "keyring_key", BYTES_OF(k.key));
    check_hex_into(one, "body_nonce", nonce, sizeof nonce);
    AUTO(blob_clear) struct blob again = {0};
    assert_int_equal(keyring_seal_with(&k, nonce, &again), ERR_OK);
    check_equal(one, "keyring", blob_bytes(&again));
    const char *login = json_string_value(json_object_get(one, "login"));
    assert_string_equal(k.login, login ? login : "");
    check_passkeys(one, raw);
}

static void check_keyring(json_t *one) {
    AUTO(blob_clear) struct blob raw = check_hex(one, "keyring");
    if (!json_object_get(one, "error")) {
        check_keyring_good(one, blob_bytes(&raw));
        return;
    }
    struct passphrase_keys keys = {0};
    struct keyring k;
    struct diag d = {0};
    check_hex_into(one, "wrap", keys.wrap, sizeof keys.wrap);
    if (strcmp(check_text(one, "way"), "passkey") == 0) {
        uint8_t sealed[KEYRING_WRAP_BYTES];
        check_hex_into(one, "sealed", sealed, sizeof sealed);
        check_error(one, keyring_unlock_passkey(blob_bytes(&raw), sealed, keys.wrap, &k, &d), &d);
        return;
    }
    bool recovery = strcmp(check_text(one, "way"), "recovery") == 0;
    check_error(one,
                keyring_unlock(blob_bytes(&raw), recovery ? KEYRING_BY_RECOVERY : KEYRING_BY_PASSPHRASE,
                               &keys, &k, &d),
                &d);
}

static void check_device_name(json_t *one) {
    AUTO(blob_clear) struct blob sealed = check_hex(one, "sealed");
    uint8_t seed[SIGN_SEED_BYTES], nonce[12], again[DEVICE_NAME_SEALED_BYTES];
    char name[DEVICE_NAME_MAX_BYTES + 1];
    struct sign_key account;
    struct diag d = {.text = "the name"};
    check_hex_into(one, "account", seed, sizeof seed);
    sign_key_from_seed(seed, &account);
    check_error(one, device_name_open(&account, blob_bytes(&sealed), name), &d);
    if (json_object_get(one, "error")) return;
    assert_string_equal(name, check_text(one, "expected"));
    check_hex_into(one, "nonce", nonce, sizeof nonce);
    assert_int_equal(device_name_seal_with(&account, check_text(one, "device"), nonce, again), ERR_OK);
    check_equal(one, "sealed", BYTES_OF(again));
}

void check_people_files(void **state) {
    (void)state;
    check_file("passphrase.json", check_passphrase);
    check_file("recovery.json", check_recovery);
    check_file("keyring.json", check_keyring);
    check_file("device.json", check_device_name);
}
