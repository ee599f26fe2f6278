/* The examples of RFC 8291 (section 5 and appendix A) and RFC 8292 (section 2.4), and hostile subscriptions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "net/web_push.h"

#define RECEIVER_PUBLIC                                                                                      \
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
#define RECEIVER_AUTH "BTBZMqHH6r4Tts7J_aSIgg"
#define SENDER_SECRET "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
#define SENDER_PUBLIC                                                                                        \
    "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"
#define SALT "DGv6ra1nlYgDCS1FRnbzlw"
#define BODY                                                                                                 \
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_"                                                         \
    "c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru"                                        \
    "3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"

static void decode(const char *text, struct blob *out) {
    assert_int_equal(base64_decode(text, strlen(text), out), ERR_OK);
}

static void test_message(void **state) {
    (void)state;
    AUTO(blob_clear) struct blob secret = {0}, salt = {0}, expected = {0}, body = {0};
    struct web_push_receiver to;
    struct web_push_key sender;
    struct diag d = {{0}};
    char public_text[BASE64_CHARS(WEB_PUSH_PUBLIC_BYTES)];
    decode(SENDER_SECRET, &secret);
    decode(SALT, &salt);
    decode(BODY, &expected);
    assert_int_equal(web_push_key_from_secret(secret.data, &sender), ERR_OK);
    base64_encode(BYTES_OF(sender.public_key), public_text);
    assert_string_equal(public_text, SENDER_PUBLIC);
    assert_int_equal(web_push_receiver_read(RECEIVER_PUBLIC, RECEIVER_AUTH, &to, &d), ERR_OK);
    struct bytes plain = bytes_text("When I grow up, I want to be a watermelon");
    assert_int_equal(web_push_seal_with(&to, &sender, salt.data, plain, 0, &body, &d), ERR_OK);
    assert_int_equal(body.len, expected.len);
    assert_memory_equal(body.data, expected.data, body.len);
}

static void test_sizes(void **state) {
    (void)state;
    static uint8_t zeros[WEB_PUSH_PLAIN_MAX_BYTES + 1];
    struct web_push_receiver to;
    struct diag d = {{0}};
    assert_int_equal(web_push_receiver_read(RECEIVER_PUBLIC "=", RECEIVER_AUTH "==", &to, &d), ERR_OK);
    static const size_t sizes[] = {0, 1, 2000, WEB_PUSH_PLAIN_MAX_BYTES};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        AUTO(blob_clear) struct blob body = {0};
        assert_int_equal(web_push_seal(&to, BYTES(zeros, sizes[i]), &body, &d), ERR_OK);
        assert_int_equal(body.len, WEB_PUSH_BODY_BYTES);
    }
    AUTO(blob_clear) struct blob none = {0};
    assert_int_equal(web_push_seal(&to, BYTES(zeros, sizeof zeros), &none, &d), ERR_LIMIT);
    assert_int_equal(none.len, 0);
}

static void test_hostile_subscriptions(void **state) {
    (void)state;
    static const struct {
        const char *p256dh, *auth, *names;
    } cases[] = {
        {"", RECEIVER_AUTH, "p256dh"},
        {"AAAA", RECEIVER_AUTH, "p256dh"},
        {RECEIVER_PUBLIC "AA", RECEIVER_AUTH, "p256dh"},
        {"+CVxsr7N", RECEIVER_AUTH, "p256dh"},
        /* A point that is not on the curve, one at infinity, a compressed one. */
        {"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw8",
         RECEIVER_AUTH, "P-256"},
        {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
         RECEIVER_AUTH, "P-256"},
        {"AiVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcx", RECEIVER_AUTH, "p256dh"},
        {RECEIVER_PUBLIC, "", "auth"},
        {RECEIVER_PUBLIC, "BTBZMqHH6r4Tts7J_aSI", "auth"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct web_push_receiver to;
        struct diag d = {{0}};
        if (web_push_receiver_read(cases[i].p256dh, cases[i].auth, &to, &d) != ERR_INVALID)
            fail_msg("%s was taken", cases[i].p256dh);
        if (!strstr(d.text, cases[i].names)) fail_msg("%s: %s", cases[i].p256dh, d.text);
    }
    static const uint8_t zero[WEB_PUSH_SECRET_BYTES];
    uint8_t ones[WEB_PUSH_SECRET_BYTES];
    memset(ones, 0xff, sizeof ones);
    struct web_push_key k;
    assert_int_equal(web_push_key_from_secret(zero, &k), ERR_INVALID);
    assert_int_equal(web_push_key_from_secret(ones, &k), ERR_INVALID);
}

/* --- RFC 8292: a signature is different each time, so what is signed is compared, and who signed it --- */

#define EXAMPLE_HEAD "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9"
#define EXAMPLE_CLAIMS                                                                                       \
    "eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE0NTM1MjM3NjgsInN1YiI6Im1haWx0bzpwdXNoQGV4YW1wbG" \
    "UuY29tIn0"
#define EXAMPLE_SIGNATURE                                                                                    \
    "i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjjvW2L9OkSSHzvoD1oA"
#define EXAMPLE_KEY "BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs"

static bool verifies(const char *text, size_t len, const char *signature, const char *key) {
    AUTO(blob_clear) struct blob raw = {0}, point = {0};
    decode(signature, &raw);
    decode(key, &point);
    assert_int_equal(raw.len, 64);
    ECDSA_SIG *parts = ECDSA_SIG_new();
    ECDSA_SIG_set0(parts, BN_bin2bn(raw.data, 32, NULL), BN_bin2bn(raw.data + 32, 32, NULL));
    uint8_t *der = NULL;
    int der_len = i2d_ECDSA_SIG(parts, &der);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char[]){"P-256"}, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data, point.len),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_fromdata_init(make);
    assert_int_equal(EVP_PKEY_fromdata(make, &pkey, EVP_PKEY_PUBLIC_KEY, params), 1);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey);
    bool good = EVP_DigestVerify(ctx, der, (size_t)der_len, (const uint8_t *)text, len) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    EVP_PKEY_CTX_free(make);
    OPENSSL_free(der);
    ECDSA_SIG_free(parts);
    return good;
}

static void test_token(void **state) {
    (void)state;
    static const char example[] = EXAMPLE_HEAD "." EXAMPLE_CLAIMS;
    assert_true(verifies(example, strlen(example), EXAMPLE_SIGNATURE, EXAMPLE_KEY));
    struct web_push_key vapid;
    struct diag d = {{0}};
    char out[WEB_PUSH_AUTHORIZATION_BYTES], own_key[BASE64_CHARS(WEB_PUSH_PUBLIC_BYTES)];
    web_push_key_generate(&vapid);
    base64_encode(BYTES_OF(vapid.public_key), own_key);
    const struct wall_us now = {(INT64_C(1453523768) - WEB_PUSH_TOKEN_LIFE_S) * 1000000};
    assert_int_equal(web_push_authorization(&vapid,
                                            "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV",
                                            "mailto:push@example.com", now, out, &d),
                     ERR_OK);
    assert_memory_equal(out, "vapid t=", 8);
    char *token = out + 8, *comma = strstr(token, ", k=");
    assert_non_null(comma);
    *comma = 0;
    assert_string_equal(comma + 4, own_key);
    char *dot = strrchr(token, '.');
    assert_non_null(dot);
    *dot = 0;
    assert_string_equal(token, example); /* byte for byte the RFC's header and claims */
    assert_true(verifies(token, strlen(token), dot + 1, own_key));
    assert_false(verifies(token, strlen(token) - 1, dot + 1, own_key));
    assert_false(verifies(token, strlen(token), dot + 1, EXAMPLE_KEY));
    static const char *const wrong[] = {"ftp://push.example", "https://",   "https://a\"b/x",
                                        "https://u@host/x",   "https:///x", "https://a\nb/x",
                                        "push.example/x"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (web_push_authorization(&vapid, wrong[i], "mailto:a@b.c", now, out, &d) != ERR_INVALID)
            fail_msg("%s was taken", wrong[i]);
    assert_int_equal(web_push_authorization(&vapid, "https://a/", "mailto:a\"b", now, out, &d), ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_hostile_subscriptions),
        cmocka_unit_test(test_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
