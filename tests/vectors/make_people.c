/* make_people.c: passphrases, recovery codes, keyrings. */
#include <sodium.h>
#include <string.h>

#include "crypto/passphrase.h"
#include "format/device_name.h"
#include "format/keyring.h"
#include "make.h"

static const struct passphrase_cost low = {8192, 1}, usual = {PASSPHRASE_MEMORY_KIB, PASSPHRASE_PASSES};

static void passphrase_case(json_t *cases, const char *name, const char *passphrase,
                            struct passphrase_cost cost) {
    uint8_t salt[PASSPHRASE_SALT_BYTES], argon[32];
    struct passphrase_keys keys;
    make_bytes(name, salt, sizeof salt);
    json_t *one = json_pack("{s:s, s:s, s:o, s:I, s:I}", "name", name, "passphrase", passphrase, "salt",
                            make_hex(BYTES_OF(salt)), "memory_kib", (json_int_t)cost.memory_kib, "passes",
                            (json_int_t)cost.passes);
    if (passphrase_derive(bytes_text(passphrase), salt, cost, &keys, NULL)) {
        make_case(cases, "limit", one);
        return;
    }
    if (crypto_pwhash_argon2id(argon, sizeof argon, passphrase, strlen(passphrase), salt, cost.passes,
                               (size_t)cost.memory_kib * 1024, crypto_pwhash_argon2id_ALG_ARGON2ID13))
        MUST(ERR_NO_MEMORY);
    json_object_set_new(one, "argon2id", make_hex(BYTES_OF(argon)));
    json_object_set_new(one, "auth", make_hex(BYTES_OF(keys.auth)));
    json_object_set_new(one, "wrap", make_hex(BYTES_OF(keys.wrap)));
    make_case(cases, NULL, one);
}

static void make_passphrase(const char *folder) {
    json_t *cases = json_array();
    passphrase_case(cases, "the least cost", "correct horse battery staple", low);
    passphrase_case(cases, "not ASCII", "Fenêtre ouverte, größe 7 ✓", low);
    passphrase_case(cases, "empty", "", low);
    passphrase_case(cases, "the usual cost", "correct horse battery staple", usual);
    passphrase_case(cases, "less memory than a reader accepts", "x", (struct passphrase_cost){8191, 1});
    passphrase_case(cases, "more memory than a reader accepts", "x", (struct passphrase_cost){1048577, 1});
    passphrase_case(cases, "no pass", "x", (struct passphrase_cost){8192, 0});
    passphrase_case(cases, "more passes than a reader accepts", "x", (struct passphrase_cost){8192, 17});
    make_file(folder, "passphrase.json",
              "Argon2id (version 1.3, parallelism 1, 32 bytes) of the passphrase's UTF-8, then HKDF-Expand "
              "to \"auth\" "
              "and \"wrap\".",
              "RFC 9106; src/crypto/passphrase.h", cases);
}

static void recovery_good(json_t *cases, const char *name, const char *text,
                          const uint8_t secret[RECOVERY_SECRET_BYTES]) {
    struct passphrase_keys keys;
    recovery_keys(secret, &keys);
    make_case(cases, NULL,
              json_pack("{s:s, s:s, s:o, s:o, s:o}", "name", name, "text", text, "secret",
                        make_hex(BYTES(secret, RECOVERY_SECRET_BYTES)), "auth", make_hex(BYTES_OF(keys.auth)),
                        "wrap", make_hex(BYTES_OF(keys.wrap))));
}

static void recovery_bad(json_t *cases, const char *name, const char *text, unsigned word) {
    uint8_t secret[RECOVERY_SECRET_BYTES];
    struct diag d = {0};
    char named[24];
    snprintf(named, sizeof named, "word %u ", word);
    if (recovery_parse(text, secret, &d) != ERR_INVALID || !strstr(d.text, named)) {
        fprintf(stderr, "%s: %s\n", name, d.text);
        exit(1);
    }
    make_case(cases, "invalid", json_pack("{s:s, s:s, s:i}", "name", name, "text", text, "word", (int)word));
}

static void make_recovery(const char *folder) {
    json_t *cases = json_array();
    uint8_t secret[RECOVERY_SECRET_BYTES], zero[RECOVERY_SECRET_BYTES] = {0}, ones[RECOVERY_SECRET_BYTES];
    char text[RECOVERY_TEXT_BYTES], changed[128];
    make_bytes("recovery", secret, sizeof secret);
    secret[16] &= 0xf0;
    memset(ones, 0xff, sizeof ones);
    ones[16] = 0xf0;
    recovery_format(zero, text);
    recovery_good(cases, "all bits zero", text, zero);
    recovery_format(ones, text);
    recovery_good(cases, "all bits one", text, ones);
    recovery_format(secret, text);
    recovery_good(cases, "an ordinary code", text, secret);
    for (size_t i = 0; i <= strlen(text); i++)
        changed[i] = (char)(text[i] >= 'a' && text[i] <= 'z' ? text[i] - 32 : text[i] == '-' ? ' ' : text[i]);
    recovery_good(cases, "upper case, and spaces between the words", changed, secret);
    snprintf(changed, sizeof changed, "  %s \n", text);
    recovery_good(cases, "spaces around it", changed, secret);

    memcpy(changed, text, sizeof text);
    changed[6 * 6 + 1] = 'e';
    recovery_bad(cases, "a letter that is in no word", changed, 7);
    memcpy(changed, text, sizeof text);
    changed[4 * 6 + 4] = changed[4 * 6 + 4] == 'b' ? 'd' : 'b';
    recovery_bad(cases, "one letter of the fifth word is another", changed, 5);
    memcpy(changed, text, sizeof text);
    memcpy(changed + 2 * 6, text + 3 * 6, 5);
    memcpy(changed + 3 * 6, text + 2 * 6, 5);
    recovery_bad(cases, "the third and fourth word exchanged", changed, 3);
    snprintf(changed, sizeof changed, "%.*s", 11 * 6 - 1, text);
    recovery_bad(cases, "the last word is missing", changed, 12);
    snprintf(changed, sizeof changed, "%s-lusab", text);
    recovery_bad(cases, "a word too many", changed, 12);
    snprintf(changed, sizeof changed, "%.*s%s", 6, text, text + 7);
    recovery_bad(cases, "a letter of the second word is missing", changed, 2);
    recovery_bad(cases, "empty", "", 1);
    make_file(
        folder, "recovery.json",
        "Recovery codes. \"word\" is the number, from 1, of the word that the message names (after the last "
        "word, when there is one too many).",
        "src/crypto/passphrase.h", cases);
}

static void keyring_bad(json_t *cases, const char *name, const char *error, const char *way, struct bytes raw,
                        const uint8_t wrap[32]) {
    make_case(cases, error,
              json_pack("{s:s, s:s, s:o, s:o}", "name", name, "way", way, "keyring", make_hex(raw), "wrap",
                        make_hex(BYTES(wrap, 32))));
}

static json_t *households(const struct keyring *k) {
    json_t *list = json_array();
    for (size_t i = 0; i < k->count; i++) {
        const struct keyring_household *h = &k->households[i];
        json_t *one =
            json_pack("{s:o, s:o, s:s}", "id", make_hex(BYTES_OF(h->id)), "capability",
                      make_hex(BYTES(h->capability.seed, h->role == KEYRING_OWNER ? SIGN_SEED_BYTES : 0)),
                      "name", h->name);
        if (h->role != KEYRING_OWNER || h->has_sign)
            json_object_set_new(one, "role", json_string(keyring_roles[h->role]));
        if (h->has_sign) json_object_set_new(one, "sign", make_hex(BYTES_OF(h->sign)));
        if (h->has_grant) json_object_set_new(one, "grant", make_hex(BYTES_OF(h->grant)));
        json_array_append_new(list, one);
    }
    return list;
}

static void keyring_good(json_t *cases, const char *name, const struct keyring_seeds *seeds,
                         const struct keyring *k, const char *passphrase, const char *recovery,
                         const struct keyring_access *access, struct bytes raw) {
    struct passphrase_keys keys;
    MUST(passphrase_derive(bytes_text(passphrase), access->salt, access->cost, &keys, NULL));
    json_t *one = json_pack(
        "{s:s, s:s, s:s, s:o, s:I, s:I, s:o, s:o, s:o, s:o}", "name", name, "passphrase", passphrase,
        "recovery", recovery, "salt", make_hex(BYTES_OF(access->salt)), "memory_kib",
        (json_int_t)access->cost.memory_kib, "passes", (json_int_t)access->cost.passes, "auth",
        make_hex(BYTES_OF(access->auth)), "recovery_auth", make_hex(BYTES_OF(access->recovery_auth)), "wrap",
        make_hex(BYTES_OF(keys.wrap)), "recovery_wrap", make_hex(BYTES_OF(k->recovery_wrap)));
    json_object_set_new(one, "keyring_key", make_hex(BYTES_OF(k->key)));
    json_object_set_new(one, "wrap_nonces",
                        json_pack("[o, o]", make_hex(BYTES_OF(seeds->wrap_nonce[0])),
                                  make_hex(BYTES_OF(seeds->wrap_nonce[1]))));
    json_object_set_new(one, "body_nonce", make_hex(BYTES_OF(seeds->body_nonce)));
    json_object_set_new(one, "keyring", make_hex(raw));
    json_object_set_new(one, "expected",
                        json_pack("{s:{s:o, s:o}, s:o}", "account", "box", make_hex(BYTES_OF(k->box.secret)),
                                  "sign", make_hex(BYTES_OF(k->sign.seed)), "households", households(k)));
    make_case(cases, NULL, one);
}

static void keyring_refusals(json_t *cases, struct blob *raw, const struct keyring *k,
                             const struct passphrase_keys *right) {
    const uint8_t wrong[32] = {0};
    struct bytes whole = blob_bytes(raw);
    keyring_bad(cases, "another passphrase", "forged", "passphrase", whole, wrong);
    keyring_bad(cases, "another recovery code", "forged", "recovery", whole, wrong);
    keyring_bad(cases, "the passphrase's key in the recovery code's place", "forged", "recovery", whole,
                right->wrap);
    keyring_bad(cases, "cut short", "invalid", "passphrase", BYTES(raw->data, raw->len - 1), right->wrap);
    static const struct {
        const char *name, *error;
        size_t at;
    } flips[] = {{"another magic", "invalid", 0},
                 {"another version", "invalid", 4},
                 {"another suite", "invalid", 5},
                 {"a lower memory cost written in", "forged", 8},
                 {"another salt", "forged", 14},
                 {"a flipped bit in the first wrap", "forged", 30 + 12},
                 {"a flipped bit in the body", "forged", 30 + 120 + 16},
                 {"a flipped bit in the body's length", "invalid", 30 + 120 + 15}};
    for (size_t i = 0; i < sizeof flips / sizeof *flips; i++) {
        raw->data[flips[i].at] ^= 0x10;
        keyring_bad(cases, flips[i].name, flips[i].error, "passphrase", whole, right->wrap);
        raw->data[flips[i].at] ^= 0x10;
    }
    (void)k;
}

/* The last byte of a passkey's wrap is flipped in the bad ones. */
static void keyring_passkeys(json_t *cases, struct keyring *k, struct keyring_seeds *seeds,
                             const char *passphrase, const char *recovery,
                             const struct keyring_access *access) {
    AUTO(blob_clear) struct blob raw = {0};
    uint8_t prf[2][KEYRING_PRF_BYTES], nonce[12], wrap[KEYRING_WRAP_BYTES];
    json_t *list = json_array();
    k->passkey_count = 2;
    memcpy(k->login, "Jörg", sizeof "Jörg");
    for (size_t i = 0; i < 2; i++) {
        make_bytes(i ? "passkey prf 2" : "passkey prf", prf[i], sizeof prf[i]);
        make_bytes(i ? "passkey id 2" : "passkey id", k->passkeys[i].id, sizeof k->passkeys[i].id);
        make_bytes(i ? "passkey nonce 2" : "passkey nonce", nonce, sizeof nonce);
        keyring_passkey_key(prf[i], k->passkeys[i].wrap);
        MUST(keyring_passkey_wrap_with(k, i, nonce, wrap));
        json_array_append_new(
            list, json_pack("{s:o, s:o, s:o, s:o}", "id", make_hex(BYTES_OF(k->passkeys[i].id)), "prf",
                            make_hex(BYTES_OF(prf[i])), "key", make_hex(BYTES_OF(k->passkeys[i].wrap)),
                            "wrap", make_hex(BYTES_OF(wrap))));
    }
    make_bytes("keyring body nonce 4", seeds->body_nonce, sizeof seeds->body_nonce);
    MUST(keyring_seal_with(k, seeds->body_nonce, &raw));
    keyring_good(cases, "two passkeys", seeds, k, passphrase, recovery, access, blob_bytes(&raw));
    json_object_set_new(json_array_get(cases, json_array_size(cases) - 1), "passkeys", list);
    json_object_set_new(json_array_get(cases, json_array_size(cases) - 1), "login", json_string(k->login));
    for (int i = 0; i < 2; i++) { /* the second wrap with the first one's key, and altered */
        if (i) wrap[KEYRING_WRAP_BYTES - 1] ^= 1;
        keyring_bad(cases, i ? "a passkey's wrap that was altered" : "another passkey's wrap", "forged",
                    "passkey", blob_bytes(&raw), k->passkeys[i].wrap);
        json_object_set_new(json_array_get(cases, json_array_size(cases) - 1), "sealed",
                            make_hex(BYTES_OF(wrap)));
    }
}

static void make_keyring(const char *folder) {
    static const char passphrase[] = "correct horse battery staple";
    json_t *cases = json_array();
    struct keyring_seeds seeds;
    struct keyring k = {0};
    struct keyring_access access;
    struct passphrase_keys keys;
    struct sign_key capability;
    char recovery[RECOVERY_TEXT_BYTES];
    uint8_t id[HOUSEHOLD_ID_BYTES];
    make_bytes("keyring", &seeds, sizeof seeds);
    seeds.recovery[RECOVERY_SECRET_BYTES - 1] &= 0xf0;
    MUST(keyring_create_with(&seeds, bytes_text(passphrase), low, &k, recovery, &access, NULL));
    AUTO(blob_clear) struct blob raw = {0};
    MUST(keyring_seal_with(&k, seeds.body_nonce, &raw));
    keyring_good(cases, "a fresh keyring", &seeds, &k, passphrase, recovery, &access, blob_bytes(&raw));
    make_bytes("keyring household", id, sizeof id);
    make_sign_key("keyring capability", &capability);
    MUST(keyring_add_household(&k, id, &capability, "Home, sweet \"home\" ☂"));
    make_bytes("keyring household 2", id, sizeof id);
    MUST(keyring_add_household(&k, id, &capability, ""));
    make_bytes("keyring body nonce 2", seeds.body_nonce, sizeof seeds.body_nonce);
    raw.len = 0;
    MUST(keyring_seal_with(&k, seeds.body_nonce, &raw));
    keyring_good(cases, "two households", &seeds, &k, passphrase, recovery, &access, blob_bytes(&raw));
    MUST(passphrase_derive(bytes_text(passphrase), access.salt, access.cost, &keys, NULL));
    struct keyring_household joined = {
        .role = KEYRING_MEMBER, .has_sign = true, .has_grant = true, .name = "next door"};
    make_bytes("keyring household 3", joined.id, sizeof joined.id);
    make_bytes("household sign", joined.sign, sizeof joined.sign);
    make_bytes("grant id", joined.grant, sizeof joined.grant);
    MUST(keyring_join_household(&k, &joined));
    make_bytes("keyring household 4", joined.id, sizeof joined.id);
    joined.role = KEYRING_OWNER;
    joined.has_grant = false;
    joined.capability = capability;
    MUST(keyring_join_household(&k, &joined));
    make_bytes("keyring body nonce 3", seeds.body_nonce, sizeof seeds.body_nonce);
    AUTO(blob_clear) struct blob invited = {0};
    MUST(keyring_seal_with(&k, seeds.body_nonce, &invited));
    keyring_good(cases, "invited: a member of one household, an owner of another", &seeds, &k, passphrase,
                 recovery, &access, blob_bytes(&invited));
    keyring_refusals(cases, &raw, &k, &keys);
    keyring_passkeys(cases, &k, &seeds, passphrase, recovery, &access);
    make_file(
        folder, "keyring.json",
        "Keyrings at the least cost. A good case opens by \"wrap\" and by \"recovery_wrap\"; a bad one is "
        "tried "
        "with \"wrap\" in the \"way\" it names (\"passkey\": on \"sealed\"). Each of \"passkeys\" opens it "
        "by \"key\" and "
        "\"wrap\". The body is JSON in the order of docs/formats.md, compact.",
        "docs/formats.md, \"Keyring\"", cases);
}

static void make_device_names(const char *folder) {
    static const char long_name[] = "sixty-four bytes are what a device's name has, and this has more";
    static const struct {
        const char *label, *name, *opens;
    } names[] = {{"a browser", "Chromium on Linux", "Chromium on Linux"},
                 {"no name", "", ""},
                 {"64 bytes", long_name, long_name},
                 {"longer, cut between characters",
                  "sixty-four bytes are what a device's name has, and this has \u00fc\u00fc\u00fc",
                  "sixty-four bytes are what a device's name has, and this has \u00fc\u00fc"}};
    json_t *cases = json_array();
    struct sign_key account, other;
    uint8_t nonce[12], sealed[DEVICE_NAME_SEALED_BYTES];
    make_sign_key("device account", &account);
    make_sign_key("device stranger", &other);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        make_bytes(names[i].label, nonce, sizeof nonce);
        MUST(device_name_seal_with(&account, names[i].name, nonce, sealed));
        make_case(cases, NULL,
                  json_pack("{s:s, s:o, s:s, s:s, s:o, s:o}", "name", names[i].label, "account",
                            make_hex(BYTES_OF(account.seed)), "device", names[i].name, "expected",
                            names[i].opens, "nonce", make_hex(BYTES_OF(nonce)), "sealed",
                            make_hex(BYTES_OF(sealed))));
    }
    for (int i = 0; i < 3; i++) {
        const struct sign_key *by = i == 0 ? &other : &account;
        MUST(device_name_seal_with(by, i == 2 ? "a\nb" : "x", nonce, sealed));
        if (i == 1) sealed[40] ^= 1;
        make_case(cases, i == 2 ? "invalid" : "forged",
                  json_pack("{s:s, s:o, s:o}", "name",
                            i == 0   ? "another account's"
                            : i == 1 ? "a flipped bit"
                                     : "a control character",
                            "account", make_hex(BYTES_OF(account.seed)), "sealed",
                            make_hex(BYTES_OF(sealed))));
    }
    make_file(folder, "device.json",
              "Names of devices, sealed for an account's own: \"device\" is what was to be sealed, "
              "\"expected\" what opens.",
              "docs/formats.md, \"A device's name\"", cases);
}

void make_people(const char *folder) {
    make_device_names(folder);
    make_passphrase(folder);
    make_recovery(folder);
    make_keyring(folder);
}
