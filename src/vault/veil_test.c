#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/hash.h"
#include "vault/veil.h"

#define BLOB_BYTES 100003

/* NIST SP 800-38A, F.5.5: CTR-AES256. */
static void test_published_vector(void **state) {
    (void)state;
    static const char key_text[] = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
    static const char nonce_text[] = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
    static const char plain_text[] = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51";
    static const char sealed_text[] = "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5";
    uint8_t key[32], nonce[16], data[32], expected[32];
    assert_int_equal(hex_decode(key_text, (struct buffer){key, 32}), ERR_OK);
    assert_int_equal(hex_decode(nonce_text, (struct buffer){nonce, 16}), ERR_OK);
    assert_int_equal(hex_decode(sealed_text, (struct buffer){expected, 32}), ERR_OK);
    for (size_t split = 0; split <= 32; split++) { /* and at any offset */
        struct keystream *k = keystream_new(key, nonce);
        assert_int_equal(hex_decode(plain_text, (struct buffer){data, 32}), ERR_OK);
        keystream_apply(k, split, (struct buffer){data + split, 32 - split});
        keystream_apply(k, 0, (struct buffer){data, split});
        assert_memory_equal(data, expected, 32);
        keystream_free(k);
    }
}

static void test_what_is_veiled_reads_back(void **state) {
    (void)state;
    struct diag d = {0};
    struct blob_store *inner = NULL, *store = NULL;
    uint8_t key[KEYSTREAM_KEY_BYTES];
    static uint8_t data[BLOB_BYTES], back[BLOB_BYTES];
    struct store_id name;
    random_bytes(key, sizeof key);
    random_bytes(&name, sizeof name);
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i / 100);
    assert_int_equal(blob_memory_open(1u << 20, &inner, &d), ERR_OK);
    assert_int_equal(veil_open(inner, key, &store), ERR_OK);
    struct blob_writer *w = NULL;
    uint64_t held = 0, bytes = 0;
    assert_int_equal(store->ops->begin(store, &name, &w, &held, &d), ERR_OK);
    for (size_t at = 0, n = 1; at < sizeof data; at += n, n = n * 3 + 1) {
        if (n > sizeof data - at) n = sizeof data - at;
        assert_int_equal(store->ops->append(w, BYTES(data + at, n), &d), ERR_OK);
    }
    assert_int_equal(store->ops->truncate(w, 50001, &d),
                     ERR_OK); /* a torn segment is dropped and comes again */
    assert_int_equal(store->ops->append(w, BYTES(data + 50001, sizeof data - 50001), &d), ERR_OK);
    size_t got = 0;
    assert_int_equal(store->ops->read_back(w, 777, (struct buffer){back, 1000}, &got, &d), ERR_OK);
    assert_memory_equal(back, data + 777, got);
    assert_int_equal(store->ops->commit(w, &d), ERR_OK);

    struct blob_reader *r = NULL;
    assert_int_equal(store->ops->open(store, &name, &r, &bytes, &d), ERR_OK);
    assert_int_equal(bytes, sizeof data);
    for (size_t at = 0; at < sizeof data; at += 7919) {
        assert_int_equal(store->ops->read(r, at, (struct buffer){back, 5000}, &got, &d), ERR_OK);
        assert_memory_equal(back, data + at, got);
    }
    store->ops->done(r);

    AUTO(blob_clear) struct blob raw = {0}; /* what the driver holds is something else, all of it */
    assert_int_equal(blob_read_all(inner, &name, BLOB_BYTES, &raw, &d), ERR_OK);
    size_t same = 0;
    for (size_t i = 0; i < sizeof data; i++) same += raw.data[i] == data[i];
    assert_true(same < sizeof data / 128);
    store->ops->close(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_vector),
        cmocka_unit_test(test_what_is_veiled_reads_back),
    };
    return cmocka_run_group_tests_name("veil", tests, NULL, NULL);
}
