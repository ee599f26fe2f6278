/* Second factors and sessions, over HTTP, against the real daemon: codes by the clock, and an authenticator
 * of the test's own that signs as one of metal does. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "base/clock.h"
#include "crypto/hash.h"
#include "crypto/totp.h"
#include "vault/factor.h"
#include "vault/vault_fixture.h"

#define HOST "Host: localhost:4711"
#define ORIGIN "http://localhost:4711"
#define AUTH 1
#define RECOVERY 2

/* --- people --- */

static json_t *sign_in_json(const char *login, uint8_t byte, json_t *factor) {
    uint8_t auth[32] = {byte};
    json_t *o = json_pack("{s:s,s:o}", "login", login, "auth", json_base64(BYTES_OF(auth)));
    if (factor) json_object_set_new(o, "factor", factor);
    return o;
}

/* What a session alone does not have. */
static json_t *proof_json(void) {
    uint8_t auth[32] = {AUTH};
    return json_pack("{s:o}", "present_auth", json_base64(BYTES_OF(auth)));
}

static json_t *totp_json(const char *code) {
    return json_pack("{s:s}", "totp", code);
}

static void session_of(const struct answer *a, char out[128]) {
    snprintf(out, 128, "Session %s", answer_text(a, "token"));
}

static void sign_up(const char *login, char session[128]) {
    AUTO(answer_clear) struct answer a = {0};
    ASK(&vault, 201, NULL, "POST", "/v1/accounts", .json = account_json(login, AUTH, NULL));
    ASK(&vault, 200, &a, "POST", "/v1/sessions", .json = sign_in_json(login, AUTH, NULL));
    session_of(&a, session);
}

/* --- codes --- */

static uint64_t step_now(void) {
    return (uint64_t)(wall_now().us / 1000000) / TOTP_STEP_S;
}

static void code_at(const struct blob *secret, uint64_t step, char out[TOTP_TEXT_BYTES]) {
    totp_code(blob_bytes(secret), step, TOTP_DIGITS, out);
}

/* Leaves some seconds before the next step, so that what a test does falls in one. */
static void early_in_step(void) {
    const struct timespec tick = {0, 100000000};
    while (wall_now().us / 1000000 % TOTP_STEP_S > TOTP_STEP_S - 8) nanosleep(&tick, NULL);
}

static json_t *confirm_json(const char *pending, const char *code) {
    return json_pack("{s:s,s:s,s:s}", "pending", pending, "code", code, "label", "c2VhbGVk");
}

/* Sets one up with the code of the step before, which is spent then. */
static void totp_add(const char *session, struct blob *secret, char id[33]) {
    AUTO(answer_clear) struct answer a = {0}, b = {0};
    char code[TOTP_TEXT_BYTES];
    early_in_step();
    ASK(&vault, 200, &a, "POST", "/v1/factors/totp", session, .json = proof_json());
    assert_int_equal(base32_decode(answer_text(&a, "secret"), TOTP_SECRET_BYTES, secret), ERR_OK);
    assert_int_equal(secret->len, TOTP_SECRET_BYTES);
    code_at(secret, step_now() - 1, code);
    ASK(&vault, 201, &b, "POST", "/v1/factors/totp/confirm", session,
        .json = confirm_json(answer_text(&a, "pending"), code));
    snprintf(id, 33, "%s", answer_text(&b, "id"));
}

/* Nothing is said of a factor before the passphrase is right; then the code is, each once. */
static void test_totp(void **state) {
    char session[128], code[TOTP_TEXT_BYTES], id[33];
    AUTO(blob_clear) struct blob secret = {0};
    AUTO(answer_clear) struct answer a = {0}, b = {0};
    sign_up("tess", session);
    totp_add(session, &secret, id);
    ASK(&vault, 200, &a, "GET", "/v1/factors", session);
    json_t *first = json_array_get(json_object_get(a.json, "factors"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "kind")), "totp");
    assert_string_equal(json_string_value(json_object_get(first, "label")), "c2VhbGVk");

    code_at(&secret, step_now(), code);
    ASK(&vault, 403, &a, "POST", "/v1/sessions", .json = sign_in_json("tess", 99, NULL));
    ASK(&vault, 403, &b, "POST", "/v1/sessions", .json = sign_in_json("nobody at all", 99, totp_json(code)));
    assert_true(bytes_equal(blob_bytes(&a.body), blob_bytes(&b.body)));
    ASK(&vault, 403, &b, "POST", "/v1/sessions", .json = sign_in_json("tess", 99, totp_json(code)));
    assert_true(bytes_equal(blob_bytes(&a.body), blob_bytes(&b.body)));

    ASK(&vault, 401, &a, "POST", "/v1/sessions", .json = sign_in_json("tess", AUTH, NULL));
    assert_string_equal(answer_text(&a, "error"), "factor");
    assert_int_equal(json_array_size(json_object_get(a.json, "factors")), 1);
    assert_string_equal(answer_text(&a, "token"), "");
    assert_string_equal(answer_text(&a, "keyring"), "");
    ASK(&vault, 401, NULL, "POST", "/v1/sessions", .json = sign_in_json("tess", AUTH, totp_json("000000")));
    ASK(&vault, 200, &a, "POST", "/v1/sessions", .json = sign_in_json("tess", AUTH, totp_json(code)));
    ASK(&vault, 401, &b, "POST", "/v1/sessions", .json = sign_in_json("tess", AUTH, totp_json(code)));
    assert_non_null(strstr(answer_text(&b, "message"), "used already"));
    char passed[128];
    session_of(&a, passed);
    ASK(&vault, 200, &b, "GET", "/v1/sessions", passed);
    size_t i, factors = 0;
    json_t *item;
    json_array_foreach(json_object_get(b.json, "sessions"), i, item) {
        bool factor = json_is_true(json_object_get(item, "factor"));
        factors += factor;
        if (json_is_true(json_object_get(item, "current"))) assert_true(factor);
    }
    assert_int_equal(factors, 1);
    /* One step ahead passes, two do not. */
    code_at(&secret, step_now() + 2, code);
    ASK(&vault, 401, NULL, "POST", "/v1/sessions", .json = sign_in_json("tess", AUTH, totp_json(code)));
    code_at(&secret, step_now() + 1, code);
    ASK(&vault, 200, NULL, "POST", "/v1/sessions", .json = sign_in_json("tess", AUTH, totp_json(code)));
    /* The recovery code is a factor of its own. */
    uint8_t recovery[32] = {RECOVERY};
    ASK(&vault, 200, NULL, "POST", "/v1/sessions/recover",
        .json = json_pack("{s:s,s:o}", "login", "tess", "recovery_auth", json_base64(BYTES_OF(recovery))));
    ASK(&vault, 400, NULL, "POST", "/v1/sessions/recover",
        .json = json_pack("{s:s,s:o,s:{s:s}}", "login", "tess", "recovery_auth",
                          json_base64(BYTES_OF(recovery)), "factor", "totp", "000000"));
}

static void test_confirming(void **state) {
    char session[128], other[128], code[TOTP_TEXT_BYTES];
    AUTO(blob_clear) struct blob secret = {0};
    AUTO(answer_clear) struct answer a = {0};
    sign_up("conny", session);
    sign_up("otto", other);
    early_in_step();
    ASK(&vault, 200, &a, "POST", "/v1/factors/totp", session, .json = proof_json());
    assert_int_equal(base32_decode(answer_text(&a, "secret"), TOTP_SECRET_BYTES, &secret), ERR_OK);
    code_at(&secret, step_now(), code);
    const char *pending = answer_text(&a, "pending");
    ASK(&vault, 403, NULL, "POST", "/v1/factors/totp/confirm", session, .json = confirm_json(pending, "123"));
    ASK(&vault, 403, NULL, "POST", "/v1/factors/totp/confirm", other, .json = confirm_json(pending, code));
    char bent[256];
    snprintf(bent, sizeof bent, "%s", pending);
    bent[30] = bent[30] == 'A' ? 'B' : 'A';
    ASK(&vault, 403, NULL, "POST", "/v1/factors/totp/confirm", session, .json = confirm_json(bent, code));
    ASK(&vault, 400, NULL, "POST", "/v1/factors/totp/confirm", session, .json = confirm_json("AAAA", code));
    ASK(&vault, 401, NULL, "POST", "/v1/factors/totp", .json = proof_json());
    /* Nothing of that made a factor. */
    ASK(&vault, 200, NULL, "POST", "/v1/sessions", .json = sign_in_json("conny", AUTH, NULL));
    ASK(&vault, 201, NULL, "POST", "/v1/factors/totp/confirm", session, .json = confirm_json(pending, code));
    ASK(&vault, 401, NULL, "POST", "/v1/sessions", .json = sign_in_json("conny", AUTH, NULL));
}

static void try_code(const char *login, const char *from, const char *code, long status, struct answer *out) {
    ASK(&vault, status, out, "POST", "/v1/sessions", .from = from,
        .json = sign_in_json(login, AUTH, totp_json(code)));
}

static void wrong_codes(const char *login, const char *from, unsigned count) {
    for (unsigned i = 0; i < count; i++) try_code(login, from, "00000", 401, NULL);
}

static long retry_after(const struct answer *a) {
    char text[200];
    return strtol(answer_header(a, "Retry-After", text), NULL, 10);
}

/* Who has no passphrase can try as often as the limits of sign-in let them, and who has it as often as those
 * of an address: the owner gets in elsewhere, at once. */
static void test_factor_limit(void **state) {
    char session[128], code[TOTP_TEXT_BYTES], id[33];
    AUTO(blob_clear) struct blob secret = {0};
    AUTO(answer_clear) struct answer a = {0};
    sign_up("lisa", session);
    totp_add(session, &secret, id);
    for (int i = 0; i < 9; i++)
        ASK(&vault, 403, NULL, "POST", "/v1/sessions", .json = sign_in_json("lisa", 77, totp_json("111111")));
    early_in_step();
    code_at(&secret, step_now(), code);
    try_code("lisa", NULL, code, 200, NULL);
    try_code("lisa", NULL, code, 401, NULL); /* used already: no guess, and not counted */
    wrong_codes("lisa", "127.0.0.2", FACTOR_ADDRESS_TRIES);
    code_at(&secret, step_now() + 1, code);
    try_code("lisa", "127.0.0.2", code, 429, &a);
    assert_true(retry_after(&a) > FACTOR_ADDRESS_SLOW_S - 60 && retry_after(&a) <= FACTOR_ADDRESS_SLOW_S);
    ASK(&vault, 401, &a, "POST", "/v1/sessions", .from = "127.0.0.2",
        .json = sign_in_json("lisa", AUTH, NULL)); /* still asked, not told */
    assert_string_equal(answer_text(&a, "error"), "factor");
    try_code("lisa", "127.0.0.3", code, 200, NULL);
    /* One that has passed is counted all the same: somebody may be under the same roof. */
    wrong_codes("lisa", "127.0.0.3", FACTOR_ADDRESS_TRIES);
    try_code("lisa", "127.0.0.3", "00000", 429, NULL);
}

/* A session that was left open somewhere takes no factor away. */
static void test_removing(void **state) {
    char session[128], id[33], path[64], code[TOTP_TEXT_BYTES];
    uint8_t recovery[32] = {RECOVERY}, wrong[32] = {50};
    AUTO(blob_clear) struct blob secret = {0};
    AUTO(answer_clear) struct answer a = {0};
    sign_up("remo", session);
    totp_add(session, &secret, id);
    snprintf(path, sizeof path, "/v1/factors/%s", id);
    ASK(&vault, 403, &a, "DELETE", path, session, .json = json_object());
    assert_string_equal(answer_text(&a, "error"), "denied");
    ASK(&vault, 403, NULL, "DELETE", path, session,
        .json = json_pack("{s:o}", "present_auth", json_base64(BYTES_OF(wrong))));
    code_at(&secret, step_now(), code); /* whoever has the open device often has the app on it too */
    ASK(&vault, 400, NULL, "DELETE", path, session, .json = json_pack("{s:{s:s}}", "factor", "totp", code));
    ASK(&vault, 401, NULL, "POST", "/v1/sessions", .json = sign_in_json("remo", AUTH, NULL));
    ASK(&vault, 404, NULL, "DELETE", "/v1/factors/00000000000000000000000000000000", session,
        .json = proof_json());
    ASK(&vault, 204, NULL, "DELETE", path, session, .json = proof_json());
    ASK(&vault, 200, NULL, "POST", "/v1/sessions", .json = sign_in_json("remo", AUTH, NULL));
    totp_add(session, &secret, id);
    snprintf(path, sizeof path, "/v1/factors/%s", id);
    ASK(&vault, 204, NULL, "DELETE", path, session,
        .json = json_pack("{s:o}", "present_recovery_auth", json_base64(BYTES_OF(recovery))));
    ASK(&vault, 200, NULL, "POST", "/v1/sessions", .json = sign_in_json("remo", AUTH, NULL));
}

/* Whoever came by a session adds nothing that would shut its owner out. */
static void test_a_session_adds_no_factor(void **state) {
    static const char *const paths[] = {"/v1/factors/totp", "/v1/factors/webauthn/begin"};
    static const struct {
        const char *field;
        uint8_t by;
        long status;
    } tries[] = {
        {NULL, 0, 403},
        {"present_auth", RECOVERY, 403}, /* each secret is a proof as itself alone */
        {"present_recovery_auth", AUTH, 403},
        {"auth", AUTH, 400},
        {"present_auth", AUTH, 200},
        {"present_recovery_auth", RECOVERY, 200},
    };
    char session[128];
    AUTO(answer_clear) struct answer a = {0};
    sign_up("stella", session);
    for (size_t p = 0; p < sizeof paths / sizeof *paths; p++)
        for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
            uint8_t by[32] = {tries[i].by};
            json_t *o = json_object();
            if (tries[i].field) json_object_set_new(o, tries[i].field, json_base64(BYTES_OF(by)));
            ASK(&vault, tries[i].status, &a, "POST", paths[p], session, .headers = {HOST}, .json = o);
            assert_int_equal(*answer_text(&a, "secret") || *answer_text(&a, "challenge"),
                             tries[i].status == 200);
        }
    ASK(&vault, 400, NULL, "POST", paths[0], session);
    /* Guessing is limited, together with guessing at sign-in; it costs the second factor nothing. */
    uint8_t wrong[32] = {60};
    for (int i = 0; i < 10; i++)
        ASK(&vault, 403, NULL, "POST", paths[0], session,
            .json = json_pack("{s:o}", "present_auth", json_base64(BYTES_OF(wrong))));
    for (size_t p = 0; p < sizeof paths / sizeof *paths; p++)
        ASK(&vault, 429, NULL, "POST", paths[p], session, .headers = {HOST}, .json = proof_json());
    ASK(&vault, 429, NULL, "DELETE", "/v1/factors/00000000000000000000000000000000", session,
        .json = proof_json());
    ASK(&vault, 429, NULL, "POST", "/v1/sessions", .json = sign_in_json("stella", AUTH, NULL));
    ASK(&vault, 200, NULL, "POST", "/v1/sessions", .from = "127.0.0.2",
        .json = sign_in_json("stella", AUTH, NULL));
}

/* --- an authenticator --- */

struct authenticator {
    EVP_PKEY *key;
    uint8_t id[24], point[65];
    uint32_t counter;
    const char *rp;
    uint8_t flags;
    bool wrong_key, prf;
};

static void authenticator_make(struct authenticator *a, uint8_t number) {
    size_t len = 0;
    *a = (struct authenticator){
        .key = EVP_EC_gen("P-256"), .id = {number, 1, 2, 3}, .rp = "localhost", .flags = 0x05};
    assert_non_null(a->key);
    assert_int_equal(EVP_PKEY_get_octet_string_param(a->key, "pub", a->point, sizeof a->point, &len), 1);
    assert_int_equal(len, sizeof a->point);
}

static void append(struct blob *out, const void *data, size_t len) {
    assert_int_equal(blob_append(out, BYTES(data, len)), ERR_OK);
}

static void head(const struct authenticator *a, uint8_t more_flags, struct blob *out) {
    uint8_t hash[32], rest[5];
    hash_sha256(bytes_text(a->rp), hash);
    rest[0] = a->flags | more_flags;
    be32_put(rest + 1, a->counter);
    append(out, hash, sizeof hash);
    append(out, rest, sizeof rest);
}

/* A COSE key: {1: 2, 3: -7, -1: 1, -2: x, -3: y}. */
static void attested(const struct authenticator *a, struct blob *out) {
    static const uint8_t aaguid[16], before_x[] = {0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 0x20},
                                     before_y[] = {0x22, 0x58, 0x20}, len[] = {0, 24};
    head(a, 0x40, out);
    append(out, aaguid, sizeof aaguid);
    append(out, len, sizeof len);
    append(out, a->id, sizeof a->id);
    append(out, before_x, sizeof before_x);
    append(out, a->point + 1, 32);
    append(out, before_y, sizeof before_y);
    append(out, a->point + 33, 32);
}

static void client_data(const char *type, const char *challenge, const char *origin, char out[400]) {
    snprintf(out, 400, "{\"type\":\"%s\",\"challenge\":\"%s\",\"origin\":\"%s\",\"crossOrigin\":false}", type,
             challenge, origin);
}

static void sign(const struct authenticator *a, struct bytes data, const char *client, struct blob *out) {
    AUTO(blob_clear) struct blob text = {0};
    uint8_t hash[32], signature[128];
    size_t len = sizeof signature;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY *key = a->wrong_key ? EVP_EC_gen("P-256") : a->key;
    hash_sha256(bytes_text(client), hash);
    append(&text, data.data, data.len);
    append(&text, hash, sizeof hash);
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(ctx, signature, &len, text.data, text.len), 1);
    append(out, signature, len);
    EVP_MD_CTX_free(ctx);
    if (a->wrong_key) EVP_PKEY_free(key);
}

static json_t *registration(const struct authenticator *a, const char *challenge, const char *origin) {
    AUTO(blob_clear) struct blob data = {0};
    char client[400];
    attested(a, &data);
    client_data("webauthn.create", challenge, origin, client);
    return json_pack("{s:o,s:i,s:o,s:o}", "credential", json_base64(BYTES_OF(a->id)), "algorithm", -7,
                     "authenticator_data", json_base64(blob_bytes(&data)), "client_data",
                     json_base64(bytes_text(client)));
}

static json_t *assertion(struct authenticator *a, const char *challenge, const char *origin) {
    AUTO(blob_clear) struct blob data = {0}, signature = {0};
    /* The extension's output as security keys send it: {"hmac-secret": 48 bytes}. */
    static const uint8_t prf[] = {0xa1, 0x6b, 'h', 'm', 'a', 'c',  '-', 's',
                                  'e',  'c',  'r', 'e', 't', 0x58, 48};
    static const uint8_t sealed[48];
    char client[400];
    head(a, a->prf ? 0x80 : 0, &data);
    if (a->prf) append(&data, prf, sizeof prf), append(&data, sealed, sizeof sealed);
    client_data("webauthn.get", challenge, origin, client);
    sign(a, blob_bytes(&data), client, &signature);
    return json_pack("{s:o,s:o,s:o,s:o}", "credential", json_base64(BYTES_OF(a->id)), "authenticator_data",
                     json_base64(blob_bytes(&data)), "client_data", json_base64(bytes_text(client)),
                     "signature", json_base64(blob_bytes(&signature)));
}

static void key_add(const char *session, const struct authenticator *key, char user[64], char id[33]) {
    AUTO(answer_clear) struct answer a = {0}, b = {0};
    ASK(&vault, 200, &a, "POST", "/v1/factors/webauthn/begin", session, .headers = {HOST},
        .json = proof_json());
    assert_string_equal(answer_text(&a, "rp"), "localhost");
    snprintf(user, 64, "%s", answer_text(&a, "user"));
    ASK(&vault, 201, &b, "POST", "/v1/factors/webauthn/finish", session, .headers = {HOST},
        .json = registration(key, answer_text(&a, "challenge"), ORIGIN));
    snprintf(id, 33, "%s", answer_text(&b, "id"));
}

/* The challenge of a fresh question, with the right passphrase. */
static void asked(const char *login, char challenge[64]) {
    AUTO(answer_clear) struct answer a = {0};
    ASK(&vault, 401, &a, "POST", "/v1/sessions", .json = sign_in_json(login, AUTH, NULL));
    snprintf(challenge, 64, "%s", answer_text(&a, "challenge"));
}

static void key_sign_in(const char *login, json_t *proof, long status) {
    ASK(&vault, status, NULL, "POST", "/v1/sessions",
        .json = sign_in_json(login, AUTH, json_pack("{s:o}", "webauthn", proof)));
}

static void test_registering(void **state) {
    char session[128], other[128], user[64], id[33];
    struct authenticator key;
    AUTO(answer_clear) struct answer a = {0};
    sign_up("reggie", session);
    sign_up("ralph", other);
    authenticator_make(&key, 1);
    ASK(&vault, 409, &a, "POST", "/v1/factors/webauthn/begin", session,
        .json = proof_json()); /* by its numeric address */
    assert_string_equal(answer_text(&a, "error"), "unsupported");
    ASK(&vault, 200, &a, "POST", "/v1/factors/webauthn/begin", session, .headers = {HOST},
        .json = proof_json());
    const char *challenge = answer_text(&a, "challenge");
    const struct {
        const char *why, *session, *challenge, *origin;
        long status;
        uint8_t flags;
    } wrong[] = {
        {"another account's challenge", other, challenge, ORIGIN, 403, 5},
        {"no challenge of ours", session, "AAAA", ORIGIN, 403, 5},
        {"another page", session, challenge, "https://evil.example", 403, 5},
        {"plain http elsewhere", session, challenge, "http://vault.example", 400, 5},
        {"nobody there", session, challenge, ORIGIN, 403, 0},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        print_message("# %s\n", wrong[i].why);
        key.flags = wrong[i].flags;
        ASK(&vault, wrong[i].status, NULL, "POST", "/v1/factors/webauthn/finish", wrong[i].session,
            .headers = {HOST}, .json = registration(&key, wrong[i].challenge, wrong[i].origin));
    }
    key.flags = 5;
    key.rp = "vault.example";
    ASK(&vault, 403, NULL, "POST", "/v1/factors/webauthn/finish", session, .headers = {HOST},
        .json = registration(&key, challenge, ORIGIN));
    key.rp = "localhost";
    json_t *swapped = registration(&key, challenge, ORIGIN);
    json_object_set_new(swapped, "credential", json_string("AAAA"));
    ASK(&vault, 403, NULL, "POST", "/v1/factors/webauthn/finish", session, .headers = {HOST},
        .json = swapped);
    json_t *get = registration(&key, challenge, ORIGIN);
    char client[400];
    client_data("webauthn.get", challenge, ORIGIN, client);
    json_object_set_new(get, "client_data", json_base64(bytes_text(client)));
    ASK(&vault, 400, NULL, "POST", "/v1/factors/webauthn/finish", session, .headers = {HOST}, .json = get);
    ASK(&vault, 201, NULL, "POST", "/v1/factors/webauthn/finish", session, .headers = {HOST},
        .json = registration(&key, challenge, ORIGIN));
    ASK(&vault, 403, NULL, "POST", "/v1/factors/webauthn/finish", session, .headers = {HOST},
        .json = registration(&key, challenge, ORIGIN)); /* spent */
    ASK(&vault, 200, &a, "POST", "/v1/factors/webauthn/begin", other, .headers = {HOST},
        .json = proof_json());
    ASK(&vault, 409, NULL, "POST", "/v1/factors/webauthn/finish", other, .headers = {HOST},
        .json = registration(&key, answer_text(&a, "challenge"), ORIGIN)); /* one key, one account */
    struct authenticator second;
    authenticator_make(&second, 2);
    key_add(session, &second, user, id);
    EVP_PKEY_free(key.key);
    EVP_PKEY_free(second.key);
}

static void test_security_key(void **state) {
    char session[128], user[64], id[33], challenge[64], old[64];
    struct authenticator key, stranger;
    sign_up("kay", session);
    authenticator_make(&key, 11);
    authenticator_make(&stranger, 12);
    key.counter = 4;
    key_add(session, &key, user, id);
    asked("kay", challenge);
    key_sign_in("kay", assertion(&key, challenge, ORIGIN), 401); /* the counter stands still */
    key.counter = 5;
    asked("kay", challenge);
    key_sign_in("kay", assertion(&key, challenge, ORIGIN), 200);
    snprintf(old, sizeof old, "%s", challenge);
    key.counter = 6;
    key_sign_in("kay", assertion(&key, old, ORIGIN), 401); /* a challenge passes once */
    asked("kay", challenge);
    key_sign_in("kay", assertion(&key, challenge, "https://evil.example"), 401);
    key_sign_in("kay", assertion(&stranger, challenge, ORIGIN), 401);
    key.wrong_key = true;
    key_sign_in("kay", assertion(&key, challenge, ORIGIN), 401);
    key.wrong_key = false;
    key.rp = "vault.example";
    key_sign_in("kay", assertion(&key, challenge, ORIGIN), 401);
    key.rp = "localhost";
    key.flags = 0;
    key_sign_in("kay", assertion(&key, challenge, ORIGIN), 401);
    key.flags = 1; /* touched; who it was is what the passphrase is for */
    key.prf = true;
    key_sign_in("kay", assertion(&key, challenge, ORIGIN), 200);
    EVP_PKEY_free(key.key);
    EVP_PKEY_free(stranger.key);
}

/* Somebody with the passphrase and many addresses guesses no more than a hundred codes a day; meanwhile the
 * owner goes on where they were before, with a key, or with the recovery code. */
static void test_many_addresses(void **state) {
    char session[128], code[TOTP_TEXT_BYTES], id[33], user[64], challenge[64];
    uint8_t recovery[32] = {RECOVERY};
    struct authenticator key;
    AUTO(blob_clear) struct blob secret = {0};
    AUTO(answer_clear) struct answer a = {0}, b = {0};
    sign_up("mona", session);
    totp_add(session, &secret, id);
    authenticator_make(&key, 41);
    key_add(session, &key, user, id);
    char from[20];
    for (unsigned n = 0; n < FACTOR_ACCOUNT_TRIES / FACTOR_ADDRESS_TRIES; n++) {
        snprintf(from, sizeof from, "127.0.1.%u", n + 1);
        wrong_codes("mona", from, FACTOR_ADDRESS_TRIES - (n == 0));
    }
    try_code("mona", "127.0.1.1", "00000", 401, NULL); /* the hundredth */
    early_in_step();
    code_at(&secret, step_now(), code);
    try_code("mona", "127.0.2.1", code, 429, &a);
    assert_true(retry_after(&a) > FACTOR_TRIES_S - 600 && retry_after(&a) <= FACTOR_TRIES_S);
    /* Where it was set up, it passes. */
    try_code("mona", NULL, code, 200, &b);
    session_of(&b, session);
    code_at(&secret, step_now() + 1, code);
    /* Nobody guesses a signature. */
    ASK(&vault, 401, &a, "POST", "/v1/sessions", .from = "127.0.2.2",
        .json = sign_in_json("mona", AUTH, NULL));
    snprintf(challenge, sizeof challenge, "%s", answer_text(&a, "challenge"));
    ASK(&vault, 200, NULL, "POST", "/v1/sessions", .from = "127.0.2.2",
        .json =
            sign_in_json("mona", AUTH, json_pack("{s:o}", "webauthn", assertion(&key, challenge, ORIGIN))));
    ASK(&vault, 200, NULL, "POST", "/v1/sessions/recover", .from = "127.0.2.3",
        .json = json_pack("{s:s,s:o}", "login", "mona", "recovery_auth", json_base64(BYTES_OF(recovery))));
    ASK(&vault, 200, NULL, "GET", "/v1/sessions", session, .from = "127.0.2.4");
    static const char *const known[] = {"127.0.0.1", "127.0.2.2", "127.0.2.3", "127.0.2.4"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) try_code("mona", known[i], "00000", 401, NULL);
    try_code("mona", "127.0.2.4", code, 200, NULL);
    /* Another account is not concerned. */
    sign_up("moritz", session);
    totp_add(session, &secret, id);
    code_at(&secret, step_now(), code);
    try_code("moritz", "127.0.2.1", code, 200, NULL);
    EVP_PKEY_free(key.key);
}

static void keyring_with_wrap(const char *session, const char *id, int version, const uint8_t wrap[60],
                              bool proven, long status) {
    uint8_t keyring[500] = "CRDK\x01\x01";
    json_t *o = proof_json();
    json_object_update_missing_new(o, json_pack("{s:o,s:i,s:[{s:s,s:o}]}", "keyring",
                                                json_base64(BYTES_OF(keyring)), "version", version, "wraps",
                                                "id", id, "wrap", json_base64(BYTES(wrap, 60))));
    if (!proven) json_object_del(o, "present_auth");
    ASK(&vault, status, NULL, "PUT", "/v1/keyring", session, .json = o);
}

static void passkey(struct authenticator *key, const char *user, const char *challenge, long status,
                    struct answer *out) {
    json_t *o = assertion(key, challenge, ORIGIN);
    json_object_set_new(o, "user", json_string(user));
    ASK(&vault, status, out, "POST", "/v1/sessions/passkey", .json = o);
}

static void fresh(char challenge[64]) {
    AUTO(answer_clear) struct answer a = {0};
    ASK(&vault, 200, &a, "GET", "/v1/sessions/passkey");
    snprintf(challenge, 64, "%s", answer_text(&a, "challenge"));
}

/* No name is sent, and what is wrong is answered as what is not known. */
static void test_passkey(void **state) {
    char session[128], user[64], id[33], challenge[64];
    uint8_t wrap[60] = {9, 8, 7};
    struct authenticator key, unknown;
    AUTO(answer_clear) struct answer a = {0}, b = {0};
    AUTO(blob_clear) struct blob got = {0};
    sign_up("pia", session);
    authenticator_make(&key, 21);
    authenticator_make(&unknown, 22);
    key_add(session, &key, user, id);
    fresh(challenge);
    passkey(&key, user, challenge, 403, &a); /* without a wrap it opens nothing */
    keyring_with_wrap(session, "ffffffffffffffffffffffffffffffff", 2, wrap, true, 404);
    keyring_with_wrap(session, id, 2, wrap, false, 403); /* a session alone makes no passkey */
    fresh(challenge);
    passkey(&key, user, challenge, 403, NULL);
    keyring_with_wrap(session, id, 2, wrap, true, 200);
    fresh(challenge);
    passkey(&unknown, user, challenge, 403, &b);
    assert_true(bytes_equal(blob_bytes(&a.body), blob_bytes(&b.body)));
    passkey(&key, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", challenge, 403, &b);
    assert_true(bytes_equal(blob_bytes(&a.body), blob_bytes(&b.body)));
    key.flags = 1; /* touched by anybody: not enough where there is no passphrase */
    passkey(&key, user, challenge, 403, &b);
    assert_true(bytes_equal(blob_bytes(&a.body), blob_bytes(&b.body)));
    key.flags = 5;
    passkey(&key, user, challenge, 200, &b);
    const char *text = answer_text(&b, "wrap");
    assert_int_equal(base64_decode(text, strlen(text), &got), ERR_OK);
    assert_true(bytes_equal(blob_bytes(&got), BYTES_OF(wrap)));
    assert_true(strlen(answer_text(&b, "keyring")) > 0);
    passkey(&key, user, challenge, 403, NULL); /* spent */
    char by_key[128];
    session_of(&b, by_key);
    ASK(&vault, 200, &a, "GET", "/v1/factors", by_key);
    /* A challenge of sign-in is none for a passkey. */
    asked("pia", challenge);
    passkey(&key, user, challenge, 403, NULL);
    EVP_PKEY_free(key.key);
    EVP_PKEY_free(unknown.key);
}

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* A credential that is registered here, with a signature that is not right, and one that is not: the same
 * answer, and the same time within what the loopback's noise allows. */
static void test_nobody_learns_which_passkeys_are_here(void **state) {
    enum { ROUNDS = 40 };
    int64_t known[ROUNDS], unknown[ROUNDS];
    char session[128], user[64], id[33], challenge[64];
    uint8_t wrap[60] = {1};
    struct authenticator key, stranger;
    sign_up("timo", session);
    authenticator_make(&key, 31);
    authenticator_make(&stranger, 32);
    key_add(session, &key, user, id);
    keyring_with_wrap(session, id, 2, wrap, true, 200);
    key.wrong_key = true;
    fresh(challenge);
    for (int i = 0; i < ROUNDS; i++) {
        AUTO(answer_clear) struct answer a = {0}, b = {0};
        struct steady_us t0 = steady_now();
        passkey(&key, user, challenge, 403, &a);
        struct steady_us t1 = steady_now();
        passkey(&stranger, user, challenge, 403, &b);
        known[i] = t1.us - t0.us;
        unknown[i] = steady_now().us - t1.us;
        assert_true(bytes_equal(blob_bytes(&a.body), blob_bytes(&b.body)));
    }
    qsort(known, ROUNDS, sizeof *known, by_value);
    qsort(unknown, ROUNDS, sizeof *unknown, by_value);
    int64_t apart = known[ROUNDS / 2] - unknown[ROUNDS / 2];
    print_message("# passkeys, known and unknown, medians in us: %lld %lld\n", (long long)known[ROUNDS / 2],
                  (long long)unknown[ROUNDS / 2]);
    assert_true(apart < 5000 && apart > -5000);
    EVP_PKEY_free(key.key);
    EVP_PKEY_free(stranger.key);
}

static json_t *session_called(const struct answer *a, const char *label) {
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(a->json, "sessions"), i,
                       item) if (strcmp(json_string_value(json_object_get(item, "label")), label) ==
                                 0) return item;
    return NULL;
}

static void test_sessions(void **state) {
    char session[128], second[128], third[128], other[128], path[64];
    AUTO(answer_clear) struct answer a = {0};
    sign_up("sess", session);
    sign_up("else", other);
    ASK(&vault, 204, NULL, "PUT", "/v1/sessions/current", session,
        .json = json_pack("{s:s}", "label", "b25l"));
    json_t *with_label = sign_in_json("sess", AUTH, NULL);
    json_object_set_new(with_label, "label", json_string("dHdv"));
    ASK(&vault, 200, &a, "POST", "/v1/sessions", .json = with_label);
    session_of(&a, second);
    ASK(&vault, 201, &a, "POST", "/v1/sessions/another", second,
        .json = json_pack("{s:s}", "label", "dGhyZWU"));
    session_of(&a, third);
    ASK(&vault, 200, NULL, "GET", "/v1/keyring", third);
    ASK(&vault, 200, &a, "GET", "/v1/sessions", session);
    assert_true(json_is_true(json_object_get(session_called(&a, "b25l"), "current")));
    assert_false(json_is_true(json_object_get(session_called(&a, "dHdv"), "current")));
    assert_non_null(session_called(&a, "dGhyZWU"));
    snprintf(path, sizeof path, "/v1/sessions/%s",
             json_string_value(json_object_get(session_called(&a, "dHdv"), "id")));
    ASK(&vault, 404, NULL, "DELETE", path, other); /* another's is not there */
    ASK(&vault, 204, NULL, "DELETE", path, session);
    ASK(&vault, 404, NULL, "DELETE", path, session);
    ASK(&vault, 401, NULL, "GET", "/v1/keyring", second);
    ASK(&vault, 200, NULL, "GET", "/v1/keyring", third);
    /* The longest name, and one byte more. */
    uint8_t name[257] = {1};
    ASK(&vault, 204, NULL, "PUT", "/v1/sessions/current", session,
        .json = json_pack("{s:o}", "label", json_base64(BYTES(name, 256))));
    ASK(&vault, 400, NULL, "PUT", "/v1/sessions/current", session,
        .json = json_pack("{s:o}", "label", json_base64(BYTES(name, 257))));
    ASK(&vault, 401, NULL, "GET", "/v1/sessions");
}

/* What rests in the file gives no secret away to whoever has the file alone, and outlives a restart. */
static void test_at_rest(void **state) {
    char session[128], code[TOTP_TEXT_BYTES], id[33];
    AUTO(blob_clear) struct blob secret = {0};
    sign_up("rest", session);
    totp_add(session, &secret, id);
    daemon_stop(&vault, SIGTERM);
    daemon_start(&vault);
    early_in_step();
    code_at(&secret, step_now(), code);
    ASK(&vault, 401, NULL, "POST", "/v1/sessions", .json = sign_in_json("rest", AUTH, NULL));
    ASK(&vault, 200, NULL, "POST", "/v1/sessions", .json = sign_in_json("rest", AUTH, totp_json(code)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_totp),
        cmocka_unit_test(test_confirming),
        cmocka_unit_test(test_factor_limit),
        cmocka_unit_test(test_many_addresses),
        cmocka_unit_test(test_a_session_adds_no_factor),
        cmocka_unit_test(test_removing),
        cmocka_unit_test(test_registering),
        cmocka_unit_test(test_security_key),
        cmocka_unit_test(test_passkey),
        cmocka_unit_test(test_nobody_learns_which_passkeys_are_here),
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_at_rest),
    };
    return cmocka_run_group_tests_name("second factors", tests, vault_start, vault_stop);
}
