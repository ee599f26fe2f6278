#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/file_box.h"
#include "crypto/hash.h"
#include "crypto/open.h"
#include "crypto/passphrase.h"
#include "crypto/sign.h"
#include "crypto/unbox.h"

static void test_aead_keeps_its_key_and_refuses_changes(void **state) {
    (void)state;
    struct aead_sealer *s = aead_sealer_new();
    struct aead_opener *o = aead_opener_new();
    uint8_t key[AEAD_KEY_BYTES], sealed[1000 + AEAD_TAG_BYTES], plain[1000], back[1000];
    random_bytes(key, sizeof key);
    random_bytes(plain, sizeof plain);
    aead_sealer_key(s, key);
    aead_opener_key(o, key);
    for (size_t len = 0; len <= sizeof plain; len += 1 + len / 3) {
        uint8_t nonce[AEAD_NONCE_BYTES] = {(uint8_t)len, (uint8_t)(len >> 8)};
        struct bytes aad = BYTES(plain, len % 40);
        struct bytes text = BYTES(sealed, len + AEAD_TAG_BYTES);
        assert_int_equal(aead_seal(s, nonce, aad, BYTES(plain, len), (struct buffer){sealed, text.len - 1}),
                         ERR_INVALID);
        assert_int_equal(aead_seal(s, nonce, aad, BYTES(plain, len), (struct buffer){sealed, sizeof sealed}),
                         ERR_OK);
        assert_int_equal(aead_open(o, nonce, aad, text, (struct buffer){back, len}), ERR_OK);
        assert_memory_equal(back, plain, len);
        sealed[len / 2] ^= 0x40;
        memset(back, 7, sizeof back);
        assert_int_equal(aead_open(o, nonce, aad, text, (struct buffer){back, len}), ERR_FORGED);
        for (size_t i = 0; i < len; i++) assert_int_equal(back[i], 0);
        sealed[len / 2] ^= 0x40;
        nonce[11] = 1;
        assert_int_equal(aead_open(o, nonce, aad, text, (struct buffer){back, len}), ERR_FORGED);
    }
    assert_int_equal(aead_open(o, key, (struct bytes){0}, BYTES(sealed, 15), (struct buffer){back, 9}),
                     ERR_INVALID);
    aead_sealer_free(s);
    aead_opener_free(o);
}

static void test_box_between_strangers(void **state) {
    (void)state;
    struct box_key mine, other;
    box_key_generate(&mine);
    box_key_generate(&other);
    AUTO(blob_clear) struct blob sealed = {0};
    AUTO(blob_clear) struct blob plain = {0};
    struct bytes aad = bytes_text("aad");
    assert_int_equal(blob_append(&sealed, bytes_text("before")), ERR_OK);
    assert_int_equal(box_seal(mine.public_key, "cardea/1 test", aad, bytes_text("hello"), &sealed), ERR_OK);
    assert_int_equal(sealed.len, 6 + 5 + BOX_OVERHEAD_BYTES);
    struct bytes box = BYTES(sealed.data + 6, sealed.len - 6);
    assert_int_equal(box_open(&other, "cardea/1 test", aad, box, &plain), ERR_FORGED);
    assert_int_equal(plain.len, 0);
    assert_int_equal(box_open(&mine, "cardea/1 test", aad, box, &plain), ERR_OK);
    assert_int_equal(box_open(&mine, "cardea/1 test", aad, box, &plain), ERR_OK);
    assert_true(bytes_equal(blob_bytes(&plain), bytes_text("hellohello")));
    /* Every bit of a box counts, but the highest of the encapsulated key, which RFC 7748 masks. It is bound
     * by the key schedule all the same. */
    for (size_t bit = 0; bit < 8 * box.len; bit++) {
        sealed.data[6 + bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(box_open(&mine, "cardea/1 test", aad, box, &plain), ERR_FORGED);
        sealed.data[6 + bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void test_file_box(void **state) {
    (void)state;
    uint8_t key[FILE_BOX_KEY_BYTES], other[FILE_BOX_KEY_BYTES], plain[1000];
    random_bytes(key, sizeof key);
    random_bytes(other, sizeof other);
    random_bytes(plain, sizeof plain);
    for (size_t len = 0; len <= sizeof plain; len += 1 + len / 2) {
        AUTO(blob_clear) struct blob sealed = {0};
        AUTO(blob_clear) struct blob again = {0};
        AUTO(blob_clear) struct blob back = {0};
        assert_int_equal(file_box_seal(key, "faces", BYTES(plain, len), &sealed), ERR_OK);
        assert_int_equal(sealed.len, len + FILE_BOX_OVERHEAD_BYTES);
        assert_int_equal(file_box_open(key, "faces", blob_bytes(&sealed), &back), ERR_OK);
        assert_true(bytes_equal(blob_bytes(&back), BYTES(plain, len)));
        assert_int_equal(file_box_seal(key, "faces", BYTES(plain, len), &again), ERR_OK);
        assert_false(bytes_equal(blob_bytes(&sealed), blob_bytes(&again))); /* never the same twice */
        assert_int_equal(file_box_open(other, "faces", blob_bytes(&sealed), &back), ERR_FORGED);
        assert_int_equal(file_box_open(key, "others", blob_bytes(&sealed), &back), ERR_FORGED);
        for (size_t i = 0; i < sealed.len; i += 1 + sealed.len / 9) {
            sealed.data[i] ^= 0x20;
            assert_int_equal(file_box_open(key, "faces", blob_bytes(&sealed), &back),
                             i < 6 ? ERR_INVALID : ERR_FORGED);
            sealed.data[i] ^= 0x20;
        }
        assert_int_equal(file_box_open(key, "faces", BYTES(sealed.data, FILE_BOX_OVERHEAD_BYTES - 1), &back),
                         ERR_INVALID);
        assert_int_equal(back.len, len); /* nothing was added by what was refused */
        /* The key itself opens nothing: what is sealed under it plainly is not of this format. */
        struct aead_opener *o = aead_opener_new();
        uint8_t nothing[1000];
        aead_opener_key(o, key);
        assert_int_equal(aead_open(o, sealed.data + 6, BYTES(sealed.data, FILE_BOX_HEAD_BYTES),
                                   BYTES(sealed.data + FILE_BOX_HEAD_BYTES, sealed.len - FILE_BOX_HEAD_BYTES),
                                   (struct buffer){nothing, sizeof nothing}),
                         ERR_FORGED);
        aead_opener_free(o);
    }
}

static void test_signatures(void **state) {
    (void)state;
    struct sign_key key;
    uint8_t signature[SIGNATURE_BYTES];
    sign_key_generate(&key);
    for (size_t len = 0; len < 200; len += 37) {
        uint8_t message[200] = {0};
        struct bytes m = BYTES(message, len);
        sign_message(&key, "cardea/1 test", m, signature);
        assert_int_equal(verify_message(key.public_key, "cardea/1 test", m, signature), ERR_OK);
        assert_int_equal(verify_message(key.public_key, "cardea/1 tes", m, signature), ERR_FORGED);
        /* S + L is the same scalar: a second signature that RFC 8032 refuses. */
        static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                          0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                          0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
        unsigned carry = 0;
        for (size_t i = 0; i < 32; i++) {
            carry += signature[32 + i] + order[i];
            signature[32 + i] = (uint8_t)carry;
            carry >>= 8;
        }
        assert_int_equal(verify_message(key.public_key, "cardea/1 test", m, signature), ERR_FORGED);
    }
}

static void test_hash_in_pieces(void **state) {
    (void)state;
    /* FIPS 180-4's one-block example. */
    uint8_t expected[HASH_BYTES], got[HASH_BYTES];
    assert_int_equal(hex_decode("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                                (struct buffer){expected, sizeof expected}),
                     ERR_OK);
    hash_sha256(bytes_text("abc"), got);
    assert_memory_equal(got, expected, HASH_BYTES);
    struct hash *h = hash_new();
    for (unsigned i = 0; i < 2; i++) {
        hash_start(h);
        hash_update(h, bytes_text("a"));
        hash_update(h, (struct bytes){0});
        hash_update(h, bytes_text("bc"));
        hash_finish(h, got);
        assert_memory_equal(got, expected, HASH_BYTES);
    }
    hash_free(h);
    /* RFC 4231 test case 6: a key longer than a block. */
    uint8_t key[131];
    memset(key, 0xaa, sizeof key);
    assert_int_equal(hex_decode("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
                                (struct buffer){expected, sizeof expected}),
                     ERR_OK);
    hash_hmac(BYTES_OF(key), bytes_text("Test Using Larger Than Block-Size Key - Hash Key First"), got);
    assert_memory_equal(got, expected, HASH_BYTES);
}

/* One letter wrong in any place: named at its word, or, when its five check bits happen to fit, at a later
 * one. */
static void test_recovery_names_the_word(void **state) {
    (void)state;
    char text[RECOVERY_TEXT_BYTES];
    uint8_t secret[RECOVERY_SECRET_BYTES], back[RECOVERY_SECRET_BYTES];
    unsigned at_word = 0, later = 0;
    for (unsigned round = 0; round < 20; round++) {
        recovery_generate(text);
        assert_int_equal(recovery_parse(text, secret, NULL), ERR_OK);
        char again[RECOVERY_TEXT_BYTES];
        recovery_format(secret, again);
        assert_string_equal(text, again);
        for (unsigned i = 0; i < RECOVERY_TEXT_BYTES - 1; i++) {
            if (text[i] == '-') continue;
            char was = text[i];
            bool vowel = strchr("aiou", was) != NULL;
            text[i] = vowel ? (was == 'a' ? 'u' : 'a') : (was == 'b' ? 'z' : 'b');
            struct diag d = {0};
            memset(back, 7, sizeof back);
            if (recovery_parse(text, back, &d)) {
                unsigned word = 0;
                assert_int_equal(sscanf(d.text, "word %u ", &word), 1);
                assert_true(word >= i / 6 + 1);
                *(word == i / 6 + 1 ? &at_word : &later) += 1;
                assert_int_equal(back[0], 7);
            } else {
                later++; /* the last word's check may fit by chance, 1 in 32 */
            }
            text[i] = was;
        }
    }
    assert_true(at_word > 20 * later);
}

static void test_passphrase_limits(void **state) {
    (void)state;
    static const struct {
        const char *label;
        struct passphrase_cost cost;
        size_t len;
        err expected;
    } cases[] = {{"the least", {8192, 1}, 1024, ERR_OK},
                 {"a byte too long", {8192, 1}, 1025, ERR_LIMIT},
                 {"too little memory", {8191, 1}, 1, ERR_LIMIT},
                 {"too much memory", {(1u << 20) + 1, 1}, 1, ERR_LIMIT},
                 {"no passes", {8192, 0}, 1, ERR_LIMIT},
                 {"too many passes", {8192, 17}, 1, ERR_LIMIT}};
    uint8_t salt[PASSPHRASE_SALT_BYTES] = {0}, text[1025];
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct passphrase_keys keys;
        struct diag d = {0};
        err e = passphrase_derive(BYTES(text, cases[i].len), salt, cases[i].cost, &keys, &d);
        if (e != cases[i].expected) fail_msg("%s: %s", cases[i].label, err_text(e));
        if (e) assert_true(d.text[0]);
    }
}

/* First uses of everything that is fetched once, from several threads at a time. */
static void *use_all(void *context) {
    struct box_key key;
    struct sign_key sign;
    uint8_t signature[SIGNATURE_BYTES];
    AUTO(blob_clear) struct blob sealed = {0};
    AUTO(blob_clear) struct blob plain = {0};
    box_key_generate(&key);
    sign_key_generate(&sign);
    sign_message(&sign, "cardea/1 test", bytes_text("x"), signature);
    err e = verify_message(sign.public_key, "cardea/1 test", bytes_text("x"), signature);
    if (!e) e = box_seal(key.public_key, "cardea/1 test", (struct bytes){0}, bytes_text("x"), &sealed);
    if (!e) e = box_open(&key, "cardea/1 test", (struct bytes){0}, blob_bytes(&sealed), &plain);
    *(err *)context = e;
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    pthread_t threads[4];
    err results[4];
    for (size_t i = 0; i < 4; i++) {
        results[i] = ERR_IO;
        assert_int_equal(pthread_create(&threads[i], NULL, use_all, &results[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(results[i], ERR_OK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_aead_keeps_its_key_and_refuses_changes),
        cmocka_unit_test(test_box_between_strangers),
        cmocka_unit_test(test_file_box),
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_hash_in_pieces),
        cmocka_unit_test(test_recovery_names_the_word),
        cmocka_unit_test(test_passphrase_limits),
    };
    return cmocka_run_group_tests_name("crypto", tests, NULL, NULL);
}
