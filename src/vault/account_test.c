/* Accounts, sessions, keyrings, households, capabilities, objects: over HTTP, against the real daemon. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "crypto/hash.h"
#include "format/object.h"
#include "vault/vault_fixture.h"

static json_t *sign_in_json(const char *login, const char *field, uint8_t byte) {
    uint8_t auth[32] = {byte};
    return json_pack("{s:s,s:o}", "login", login, field, json_base64(BYTES_OF(auth)));
}

static void session_of(const struct answer *a, char out[128]) {
    snprintf(out, 128, "Session %s", answer_text(a, "token"));
}

static void test_account(void **state) {
    AUTO(answer_clear) struct answer a = {0}, b = {0};
    char session[128], second[128];
    ASK(&vault, 201, &a, "POST", "/v1/accounts", .json = account_json("Ada@Example.org ", 1, NULL));
    session_of(&a, session);
    ASK(&vault, 200, &a, "GET", "/v1/keyring", session);
    assert_int_equal(json_integer_value(json_object_get(a.json, "version")), 1);

    /* The same name, however it is written, and nobody learns that it is taken. */
    ASK(&vault, 201, &a, "POST", "/v1/accounts", .json = account_json("ada@example.org", 9, NULL));
    session_of(&a, second);
    ASK(&vault, 401, NULL, "GET", "/v1/keyring", second);
    ASK(&vault, 403, NULL, "POST", "/v1/sessions", .json = sign_in_json("ada@example.org", "auth", 9));
    ASK(&vault, 200, &a, "POST", "/v1/sessions", .json = sign_in_json(" ADA@example.org", "auth", 1));
    session_of(&a, second);
    ASK(&vault, 200, NULL, "POST", "/v1/sessions/recover",
        .json = sign_in_json("ada@example.org", "recovery_auth", 2));

    /* A new keyring: the version must follow, and a new secret ends the other sessions. */
    uint8_t keyring[500] = "CRDK\x01\x01", salt[16] = {7}, auth[32] = {5}, present[32] = {1};
    ASK(&vault, 409, NULL, "PUT", "/v1/keyring", session,
        .json = json_pack("{s:o,s:i}", "keyring", json_base64(BYTES_OF(keyring)), "version", 3));
    ASK(&vault, 200, NULL, "PUT", "/v1/keyring", session,
        .json = json_pack("{s:o,s:i}", "keyring", json_base64(BYTES_OF(keyring)), "version", 2));
    ASK(&vault, 200, NULL, "GET", "/v1/keyring", second);
    ASK(&vault, 400, NULL, "PUT", "/v1/keyring", session,
        .json = json_pack("{s:o,s:i,s:o}", "keyring", json_base64(BYTES_OF(keyring)), "version", 3, "salt",
                          json_base64(BYTES_OF(salt))));
    ASK(&vault, 200, NULL, "PUT", "/v1/keyring", session,
        .json = json_pack("{s:o,s:i,s:o,s:o,s:o}", "keyring", json_base64(BYTES_OF(keyring)), "version", 3,
                          "salt", json_base64(BYTES_OF(salt)), "auth", json_base64(BYTES_OF(auth)),
                          "present_auth", json_base64(BYTES_OF(present))));
    ASK(&vault, 401, NULL, "GET", "/v1/keyring", second);
    ASK(&vault, 200, &b, "GET", "/v1/keyring", session);
    assert_int_equal(json_integer_value(json_object_get(b.json, "version")), 3);
    ASK(&vault, 403, NULL, "POST", "/v1/sessions", .json = sign_in_json("ada@example.org", "auth", 1));
    ASK(&vault, 200, NULL, "POST", "/v1/sessions", .json = sign_in_json("ada@example.org", "auth", 5));
    ASK(&vault, 204, NULL, "DELETE", "/v1/sessions/current", session);
    ASK(&vault, 401, NULL, "GET", "/v1/keyring", session);
}

/* A keyring with a new secret; `proof` NULL: nothing but the session. */
static json_t *new_secret_json(int version, const char *secret, uint8_t byte, const char *proof, uint8_t by) {
    uint8_t keyring[500] = "CRDK\x01\x01", given[32] = {byte}, present[32] = {by};
    json_t *o = json_pack("{s:o,s:i,s:o}", "keyring", json_base64(BYTES_OF(keyring)), "version", version,
                          secret, json_base64(BYTES_OF(given)));
    if (proof) json_object_set_new(o, proof, json_base64(BYTES_OF(present)));
    return o;
}

/* Whoever came by a session can neither take the account over nor lock its owner out. */
static void test_a_session_changes_no_secret(void **state) {
    static const struct {
        const char *secret, *proof;
        uint8_t by;
    } wrong[] = {
        {"auth", NULL, 0},
        {"recovery_auth", NULL, 0},
        {"auth", "present_auth", 2}, /* each secret is a proof as itself alone */
        {"auth", "present_recovery_auth", 1},
        {"recovery_auth", "present_auth", 9},
    };
    char session[128], second[128];
    AUTO(answer_clear) struct answer a = {0};
    ASK(&vault, 201, NULL, "POST", "/v1/accounts", .json = account_json("stolen", 1, NULL));
    ASK(&vault, 200, &a, "POST", "/v1/sessions", .json = sign_in_json("stolen", "auth", 1));
    session_of(&a, session);
    ASK(&vault, 200, &a, "POST", "/v1/sessions", .json = sign_in_json("stolen", "auth", 1));
    session_of(&a, second);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ASK(&vault, 403, &a, "PUT", "/v1/keyring", session,
            .json = new_secret_json(2, wrong[i].secret, 5, wrong[i].proof, wrong[i].by));
        assert_string_equal(answer_text(&a, "error"), "denied");
    }
    ASK(&vault, 200, &a, "GET", "/v1/keyring", second);
    assert_int_equal(json_integer_value(json_object_get(a.json, "version")), 1);
    ASK(&vault, 200, NULL, "POST", "/v1/sessions", .json = sign_in_json("stolen", "auth", 1));
    ASK(&vault, 200, NULL, "POST", "/v1/sessions/recover",
        .json = sign_in_json("stolen", "recovery_auth", 2));

    /* What was proven is of the keyring that is replaced. */
    ASK(&vault, 409, NULL, "PUT", "/v1/keyring", session,
        .json = new_secret_json(3, "auth", 5, "present_auth", 1));
    ASK(&vault, 200, NULL, "PUT", "/v1/keyring", session,
        .json = new_secret_json(2, "recovery_auth", 6, "present_auth", 1));
    ASK(&vault, 403, NULL, "PUT", "/v1/keyring", session,
        .json = new_secret_json(3, "auth", 5, "present_recovery_auth", 2));
    ASK(&vault, 200, NULL, "PUT", "/v1/keyring", session,
        .json = new_secret_json(3, "auth", 5, "present_recovery_auth", 6));
    ASK(&vault, 200, NULL, "POST", "/v1/sessions", .json = sign_in_json("stolen", "auth", 5));

    /* Guessing is limited, together with guessing at sign-in. */
    for (int i = 0; i < 10; i++)
        ASK(&vault, 403, NULL, "PUT", "/v1/keyring", session,
            .json = new_secret_json(4, "auth", 7, "present_auth", 100));
    ASK(&vault, 429, NULL, "PUT", "/v1/keyring", session,
        .json = new_secret_json(4, "auth", 7, "present_auth", 5));
    ASK(&vault, 429, NULL, "POST", "/v1/sessions", .json = sign_in_json("stolen", "auth", 5));
}

static int compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Known and unknown names: the same bytes, and the same time within what the loopback's noise allows. */
static void test_nobody_learns_who_is_here(void **state) {
    enum { ROUNDS = 40 };
    int64_t known[ROUNDS], unknown[ROUNDS];
    AUTO(answer_clear) struct answer a = {0}, b = {0};
    ASK(&vault, 201, NULL, "POST", "/v1/accounts", .json = account_json("known", 1, NULL));
    ASK(&vault, 200, &a, "POST", "/v1/sessions/params", .json = json_pack("{s:s}", "login", "known"));
    ASK(&vault, 200, &b, "POST", "/v1/sessions/params", .json = json_pack("{s:s}", "login", "nobody"));
    assert_int_equal(a.body.len, b.body.len);
    char salt[64];
    snprintf(salt, sizeof salt, "%s", answer_text(&b, "salt"));
    ASK(&vault, 200, &b, "POST", "/v1/sessions/params", .json = json_pack("{s:s}", "login", "nobody"));
    assert_string_equal(salt, answer_text(&b, "salt")); /* made up, and the same each time */
    ASK(&vault, 403, &a, "POST", "/v1/sessions", .json = sign_in_json("known", "auth", 200));
    ASK(&vault, 403, &b, "POST", "/v1/sessions", .json = sign_in_json("nobody", "auth", 200));
    assert_true(bytes_equal(blob_bytes(&a.body), blob_bytes(&b.body)));
    for (int i = 0; i < ROUNDS; i++) {
        struct steady_us t0 = steady_now();
        ASK(&vault, 200, NULL, "POST", "/v1/sessions/params", .json = json_pack("{s:s}", "login", "known"));
        struct steady_us t1 = steady_now();
        ASK(&vault, 200, NULL, "POST", "/v1/sessions/params", .json = json_pack("{s:s}", "login", "nobody"));
        known[i] = t1.us - t0.us;
        unknown[i] = steady_now().us - t1.us;
    }
    qsort(known, ROUNDS, sizeof *known, compare);
    qsort(unknown, ROUNDS, sizeof *unknown, compare);
    int64_t apart = known[ROUNDS / 2] - unknown[ROUNDS / 2];
    print_message("# params, known and unknown, medians in us: %lld %lld\n", (long long)known[ROUNDS / 2],
                  (long long)unknown[ROUNDS / 2]);
    assert_true(apart < 5000 && apart > -5000);
}

static void test_guessing_slows_down(void **state) {
    char retry[200];
    AUTO(answer_clear) struct answer a = {0};
    ASK(&vault, 201, NULL, "POST", "/v1/accounts", .json = account_json("guessed", 1, NULL));
    for (int i = 0; i < 10; i++)
        ASK(&vault, 403, NULL, "POST", "/v1/sessions", .json = sign_in_json("guessed", "auth", 100));
    ASK(&vault, 429, &a, "POST", "/v1/sessions", .json = sign_in_json("guessed", "auth", 1));
    long seconds = strtol(answer_header(&a, "Retry-After", retry), NULL, 10);
    assert_true(seconds > 0 && seconds <= 30);
    ASK(&vault, 403, NULL, "POST", "/v1/sessions", .json = sign_in_json("somebody else", "auth", 1));
}

static void test_household(void **state) {
    struct household h;
    struct sign_key stranger;
    char token[128];
    AUTO(answer_clear) struct answer a = {0}, b = {0};
    household_make(&vault, &h);
    sign_key_generate(&stranger);
    access_get(&vault, &stranger, token, 403);

    /* A challenge opens once. */
    uint8_t signature[SIGNATURE_BYTES];
    AUTO(blob_clear) struct blob challenge = {0};
    ASK(&vault, 200, &a, "GET", "/v1/access/challenge");
    const char *text = answer_text(&a, "challenge");
    assert_int_equal(base64_decode(text, strlen(text), &challenge), ERR_OK);
    sign_message(&h.owner, "cardea/1 access", blob_bytes(&challenge), signature);
    for (int i = 0; i < 2; i++)
        ASK(&vault, i ? 403 : 200, NULL, "POST", "/v1/access",
            .json = json_pack("{s:o,s:s,s:o}", "capability", json_base64(BYTES_OF(h.owner.public_key)),
                              "challenge", text, "signature", json_base64(BYTES_OF(signature))));

    /* Roles. */
    ASK(&vault, 403, NULL, "GET", "/v1/hubs", h.writer_auth);
    ASK(&vault, 403, NULL, "GET", "/v1/hub/commands?instance=a", h.owner_auth);
    ASK(&vault, 401, NULL, "GET", "/v1/usage");
    ASK(&vault, 401, NULL, "GET", "/v1/usage", "Access AAAA");
    ASK(&vault, 401, NULL, "GET", "/v1/keyring", h.owner_auth);
    ASK(&vault, 200, &b, "GET", "/v1/usage", h.writer_auth);
    char forged[128];
    snprintf(forged, sizeof forged, "%s", h.owner_auth);
    forged[20] = forged[20] == 'A' ? 'B' : 'A';
    ASK(&vault, 401, NULL, "GET", "/v1/usage", forged);

    /* Another owner has a capability of their own, of no hub, and loses it as anybody does. */
    char path[128], hex[65], second_auth[128];
    struct sign_key second;
    sign_key_generate(&second);
    ASK(&vault, 400, NULL, "POST", "/v1/capabilities", h.owner_auth,
        .json =
            json_pack("{s:o,s:s}", "capability", json_base64(BYTES_OF(second.public_key)), "role", "writer"));
    ASK(&vault, 400, NULL, "POST", "/v1/capabilities", h.owner_auth,
        .json = json_pack("{s:o,s:s,s:s}", "capability", json_base64(BYTES_OF(second.public_key)), "role",
                          "owner", "hub", "000102030405060708090a0b0c0d0e0f"));
    ASK(&vault, 201, NULL, "POST", "/v1/capabilities", h.owner_auth,
        .json =
            json_pack("{s:o,s:s}", "capability", json_base64(BYTES_OF(second.public_key)), "role", "owner"));
    access_get(&vault, &second, second_auth, 200);
    ASK(&vault, 200, NULL, "GET", "/v1/hubs", second_auth);
    hex_encode(BYTES_OF(second.public_key), hex);
    snprintf(path, sizeof path, "/v1/capabilities/%s", hex);
    ASK(&vault, 204, NULL, "DELETE", path, h.owner_auth);
    ASK(&vault, 401, NULL, "GET", "/v1/hubs", second_auth);

    /* A capability that is removed is nobody at once; the last owner's stays. */
    hex_encode(BYTES_OF(h.owner.public_key), hex);
    snprintf(path, sizeof path, "/v1/capabilities/%s", hex);
    ASK(&vault, 403, NULL, "DELETE", path, h.owner_auth);
    hex_encode(BYTES_OF(h.writer.public_key), hex);
    snprintf(path, sizeof path, "/v1/capabilities/%s", hex);
    ASK(&vault, 204, NULL, "DELETE", path, h.owner_auth);
    ASK(&vault, 404, NULL, "DELETE", path, h.owner_auth);
    ASK(&vault, 401, NULL, "GET", "/v1/usage", h.writer_auth);
}

static void put_object(const struct household *h, const struct sign_key *signer, const char *auth,
                       const char *key, const char *inner_key, uint64_t version, const char *if_match,
                       long status) {
    AUTO(blob_clear) struct blob envelope = {0};
    char path[256], match[64];
    assert_int_equal(object_sign(signer, inner_key, version, bytes_text("sealed"), &envelope), ERR_OK);
    snprintf(path, sizeof path, "/v1/objects/%s", key);
    snprintf(match, sizeof match, "If-Match: %s", if_match);
    ASK(&vault, status, NULL, "PUT", path, auth, .body = blob_bytes(&envelope),
        .headers = {if_match[0] ? match : NULL});
}

static void test_objects(void **state) {
    struct household h, other;
    char etag[200];
    AUTO(answer_clear) struct answer a = {0};
    household_make(&vault, &h);
    household_make(&vault, &other);
    put_object(&h, &h.owner, h.owner_auth, "household/keys/a", "household/keys/a", 1, "\"0\"", 204);
    put_object(&h, &h.owner, h.owner_auth, "household/keys/a", "household/keys/a", 1, "\"0\"", 409);
    put_object(&h, &h.owner, h.owner_auth, "household/keys/a", "household/keys/a", 3, "\"1\"", 400);
    put_object(&h, &h.owner, h.owner_auth, "household/keys/a", "household/keys/b", 2, "\"1\"", 400);
    put_object(&h, &h.owner, h.owner_auth, "household/keys/a", "household/keys/a", 2, "1", 400);
    put_object(&h, &h.owner, h.owner_auth, "household/keys/a", "household/keys/a", 2, "", 400);
    put_object(&h, &h.owner, h.owner_auth, "household/keys/a", "household/keys/a", 2, "\"1\"", 204);
    put_object(&h, &h.writer, h.writer_auth, "household/keys/b", "household/keys/b", 1, "\"0\"", 403);
    put_object(&h, &h.writer, h.writer_auth, "camera/c/profile", "camera/c/profile", 1, "\"0\"", 204);
    /* A camera is its hub's: another one of the household, or what signs in its name, writes nothing of it.
     */
    struct sign_key second;
    char second_auth[128];
    sign_key_generate(&second);
    ASK(&vault, 201, NULL, "POST", "/v1/capabilities", h.owner_auth,
        .json = json_pack("{s:o,s:s,s:s}", "capability", json_base64(BYTES_OF(second.public_key)), "role",
                          "writer", "hub", "000102030405060708090a0b0c0d0e0f"));
    access_get(&vault, &second, second_auth, 200);
    put_object(&h, &second, second_auth, "camera/c/profile", "camera/c/profile", 2, "\"1\"", 403);
    put_object(&h, &second, second_auth, "camera/c/root/1", "camera/c/root/1", 1, "\"0\"", 403);
    put_object(&h, &second, second_auth, "camera/d/profile", "camera/d/profile", 1, "\"0\"", 204);
    put_object(&h, &h.writer, h.writer_auth, "camera/d/profile", "camera/d/profile", 2, "\"1\"", 403);
    ASK(&vault, 204, NULL, "DELETE", "/v1/objects/camera/d/profile", h.owner_auth);
    put_object(&h, &h.writer, h.writer_auth, "camera/c/profile", "camera/c/profile", 2, "\"1\"", 204);
    put_object(&h, &h.owner, h.owner_auth, "camera/c/profile", "camera/c/profile", 3, "\"2\"", 204);
    put_object(&h, &h.writer, h.writer_auth, "camera/c/profile", "camera/c/profile", 4, "\"3\"", 403);
    ASK(&vault, 204, NULL, "DELETE", "/v1/objects/camera/c/profile", h.owner_auth);
    put_object(&h, &h.writer, h.writer_auth, "camera/c/profile", "camera/c/profile", 1, "\"0\"", 204);
    /* A stolen hub must not be able to destroy what its keys open. */
    put_object(&h, &h.writer, h.writer_auth, "camera/c/root/1", "camera/c/root/1", 1, "\"0\"", 204);
    put_object(&h, &h.writer, h.writer_auth, "camera/c/root/1", "camera/c/root/1", 2, "\"1\"", 403);
    ASK(&vault, 403, NULL, "DELETE", "/v1/objects/camera/c/root/1", h.writer_auth);
    put_object(&h, &h.owner, h.owner_auth, "camera/c/root/1", "camera/c/root/1", 2, "\"1\"", 204);
    ASK(&vault, 204, NULL, "DELETE", "/v1/objects/camera/c/root/1", h.owner_auth);
    ASK(&vault, 400, NULL, "PUT", "/v1/objects/a", h.owner_auth, .body = bytes_text("not an envelope"),
        .headers = {"If-Match: \"0\""});
    ASK(&vault, 400, NULL, "GET", "/v1/objects/A%20b", h.owner_auth);
    ASK(&vault, 200, &a, "GET", "/v1/objects/household/keys/a", h.writer_auth);
    assert_string_equal(answer_header(&a, "ETag", etag), "\"2\"");
    struct object o;
    assert_int_equal(object_verify(blob_bytes(&a.body), &o, NULL), ERR_OK);
    ASK(&vault, 200, &a, "GET", "/v1/objects?prefix=camera/", h.owner_auth);
    assert_int_equal(json_array_size(json_object_get(a.json, "objects")), 1);
    ASK(&vault, 200, &a, "GET", "/v1/objects", h.owner_auth);
    assert_int_equal(json_array_size(json_object_get(a.json, "objects")), 2);

    /* What is another household's is not there. */
    ASK(&vault, 404, NULL, "GET", "/v1/objects/household/keys/a", other.owner_auth);
    ASK(&vault, 404, NULL, "DELETE", "/v1/objects/household/keys/a", other.owner_auth);
    ASK(&vault, 204, NULL, "DELETE", "/v1/objects/household/keys/a", h.owner_auth);
    ASK(&vault, 404, NULL, "GET", "/v1/objects/household/keys/a", h.owner_auth);
}

/* The setup code is for who sits at this machine, until there is a household. */
static void test_setup_code(void **state) {
    struct daemon d;
    struct household h;
    char file[128];
    struct stat info;
    AUTO(answer_clear) struct answer a = {0};
    daemon_make(&d, true);
    snprintf(file, sizeof file, "%s/code", d.folder);
    d.more[0] = "--signup", d.more[1] = "code", d.more[2] = "--setup-code-file", d.more[3] = file;
    daemon_start(&d);
    assert_int_equal(stat(file, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    ASK(&d, 200, &a, "GET", "/v1/vault", .headers = {"Host: rebound.example"});
    assert_string_equal(answer_text(&a, "setup_code"), "");
    ASK(&d, 200, &a, "GET", "/v1/vault");
    char code[64];
    snprintf(code, sizeof code, "%s", answer_text(&a, "setup_code"));
    assert_int_equal(strlen(code), 19);
    ASK(&d, 403, NULL, "POST", "/v1/accounts", .json = account_json("a", 1, NULL));
    ASK(&d, 403, NULL, "POST", "/v1/accounts", .json = account_json("a", 1, "0000-0000-0000-0000"));
    ASK(&d, 201, NULL, "POST", "/v1/accounts", .json = account_json("a", 1, code));
    ASK(&d, 409, NULL, "POST", "/v1/accounts", .json = account_json("a", 1, code));
    uint8_t signature[SIGNATURE_BYTES];
    random_bytes(h.id, sizeof h.id);
    sign_key_generate(&h.owner);
    sign_message(&h.owner, "cardea/1 household", BYTES_OF(h.id), signature);
    for (int i = 0; i < 2; i++) {
        json_t *o = json_pack("{s:o,s:o,s:o}", "id", json_hex(BYTES_OF(h.id)), "capability",
                              json_base64(BYTES_OF(h.owner.public_key)), "signature",
                              json_base64(BYTES_OF(signature)));
        if (i) json_object_set_new(o, "setup_code", json_string(code));
        ASK(&d, i ? 201 : 403, NULL, "POST", "/v1/households", .json = o);
    }
    ASK(&d, 200, &a, "GET", "/v1/vault");
    assert_string_equal(answer_text(&a, "setup_code"), "");
    /* Another start of the same home keeps what it had, and the code opens nothing any more. */
    daemon_stop(&d, SIGTERM);
    daemon_start(&d);
    ASK(&d, 403, NULL, "POST", "/v1/accounts", .json = account_json("b", 1, code));
    ASK(&d, 200, NULL, "POST", "/v1/sessions", .json = sign_in_json("a", "auth", 1));
    access_get(&d, &h.owner, h.owner_auth, 200);
    /* An owner's invitation opens sign-up, and only to an account. */
    ASK(&d, 401, NULL, "POST", "/v1/accounts/invitations");
    ASK(&d, 201, &a, "POST", "/v1/accounts/invitations", h.owner_auth);
    snprintf(code, sizeof code, "%s", answer_text(&a, "setup_code"));
    ASK(&d, 201, NULL, "POST", "/v1/accounts", .json = account_json("b", 1, code));
    code[18] = code[18] == '0' ? '1' : '0';
    ASK(&d, 403, NULL, "POST", "/v1/accounts", .json = account_json("c", 1, code));
    code[0] = 'Z'; /* an hour that no vault would give */
    ASK(&d, 403, NULL, "POST", "/v1/accounts", .json = account_json("c", 1, code));
    daemon_clean(&d);
}

static void test_refuses_to_start(void **state) {
    static const struct {
        const char *args[10], *says;
    } cases[] = {
        {{"--listen", "0.0.0.0:0", "--index", "memory", "--blobs", "memory"}, "--tls-cert"},
        {{"--listen", "127.0.0.1:x", "--index", "memory", "--blobs", "memory"}, "127.0.0.1:x"},
        {{"--index", "memory", "--blobs", "memory"}, "--listen is needed"},
        {{"--listen", "127.0.0.1:0", "--index", "postgres://x", "--blobs", "memory"}, "not in this build"},
        {{"--listen", "127.0.0.1:0", "--index", "memory", "--blobs", "s3://x"}, "not in this build"},
        {{"--listen", "127.0.0.1:0", "--index", "memory", "--blobs", "memory", "--bus", "redis://x"},
         "not in this build"},
        {{"--listen", "127.0.0.1:0", "--index", "memory", "--blobs", "memory", "--web", "/no/such"},
         "/no/such"},
        {{"--listen", "127.0.0.1:0", "--index", "memory", "--blobs", "memory", "--colour", "red"}, "unknown"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        AUTO(blob_clear) struct blob text = {0};
        int status = daemon_refused(cases[i].args, &text);
        assert_int_equal(blob_append_u8(&text, 0), ERR_OK);
        if ((status != 1 && status != 2) || !strstr((char *)text.data, cases[i].says))
            fail_msg("case %zu: %d, %s", i, status, (char *)text.data);
    }
}

static void test_plain_errors(void **state) {
    char value[200];
    AUTO(answer_clear) struct answer a = {0};
    ASK(&vault, 404, NULL, "GET", "/v1/nothing");
    ASK(&vault, 405, &a, "DELETE", "/v1/vault");
    assert_string_equal(answer_header(&a, "Allow", value), "GET");
    ASK(&vault, 400, NULL, "POST", "/v1/sessions", .body = bytes_text("{"));
    AUTO(blob_clear) struct blob large = {0};
    assert_int_equal(blob_reserve(&large, 300000), ERR_OK);
    memset(large.data, ' ', 300000);
    ASK(&vault, 413, NULL, "POST", "/v1/sessions", .body = BYTES(large.data, 300000));
    ASK(&vault, 413, NULL, "POST", "/v1/sessions", .body = BYTES(large.data, 300000), .chunked = true);
    ASK(&vault, 200, &a, "GET", "/healthz");
    assert_string_equal(answer_header(&a, "X-Content-Type-Options", value), "nosniff");
    ASK(&vault, 200, &a, "GET", "/metrics");
    assert_int_equal(blob_append_u8(&a.body, 0), ERR_OK);
    assert_non_null(strstr((char *)a.body.data, "cardea_http_answers_total{status=\"4xx\"}"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_account),
        cmocka_unit_test(test_a_session_changes_no_secret),
        cmocka_unit_test(test_nobody_learns_who_is_here),
        cmocka_unit_test(test_guessing_slows_down),
        cmocka_unit_test(test_household),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_setup_code),
        cmocka_unit_test(test_refuses_to_start),
        cmocka_unit_test(test_plain_errors),
    };
    return cmocka_run_group_tests_name("vault accounts", tests, vault_start, vault_stop);
}
