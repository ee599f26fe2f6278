/* check_crypto.c: timekey, box, sign, hkdf. */
#include <string.h>

#include "check.h"
#include "crypto/hash.h"
#include "crypto/sign.h"
#include "crypto/unbox.h"

static void check_leaf(json_t *one, const struct timekey_set *set) {
    uint8_t leaf[TIMEKEY_BYTES], id[SEGMENT_ID_BYTES], key[32];
    err e = timekey_leaf(set, (uint32_t)check_int(one, "slot"), leaf);
    check_error(one, e, NULL);
    if (e) return;
    check_equal(one, "expected", BYTES_OF(leaf));
    check_hex_into(one, "id", id, sizeof id);
    timekey_segment_key(leaf, id, key);
    check_equal(one, "segment_key", BYTES_OF(key));
    timekey_segment_commitment(leaf, id, key);
    check_equal(one, "segment_commitment", BYTES_OF(key));
    timekey_event_key(leaf, id, key);
    check_equal(one, "event_key", BYTES_OF(key));
}

static void check_range(json_t *one, const char *op, struct timekey_set *set) {
    uint64_t begin = (uint64_t)check_int(one, "begin"), end = (uint64_t)check_int(one, "end");
    AUTO(timekey_set_clear) struct timekey_set out = {0};
    err e = ERR_OK;
    if (strcmp(op, "cover") == 0)
        e = timekey_cover(set, begin, end, &out);
    else if (strcmp(op, "intersect") == 0)
        e = timekey_intersect(set, begin, end, &out);
    else
        e = timekey_remove(set, begin, end);
    check_error(one, e, NULL);
    if (e) return;
    AUTO(blob_clear) struct blob raw = {0};
    assert_int_equal(timekey_encode(strcmp(op, "remove") == 0 ? set : &out, &raw), ERR_OK);
    check_equal(one, "expected", blob_bytes(&raw));
}

static void check_decode(json_t *one) {
    AUTO(blob_clear) struct blob raw = check_hex(one, "raw");
    AUTO(timekey_set_clear) struct timekey_set set = {0};
    struct diag d = {0};
    err e = timekey_decode(blob_bytes(&raw), &set, &d);
    check_error(one, e, &d);
    if (e) {
        assert_non_null(strstr(d.text, check_text(one, "names")));
        return;
    }
    json_t *nodes = json_object_get(one, "expected");
    assert_int_equal(json_array_size(nodes), set.count);
    for (size_t i = 0; i < set.count; i++) {
        json_t *node = json_array_get(nodes, i);
        assert_int_equal(check_int(node, "depth"), set.nodes[i].depth);
        assert_int_equal(check_int(node, "first"), set.nodes[i].first);
        check_equal(node, "key", BYTES_OF(set.nodes[i].key));
    }
}

static void check_timekey(json_t *one) {
    const char *op = check_text(one, "op");
    if (strcmp(op, "decode") == 0) {
        check_decode(one);
        return;
    }
    AUTO(timekey_set_clear) struct timekey_set set = {0};
    check_set(one, "set", &set);
    if (strcmp(op, "leaf") == 0)
        check_leaf(one, &set);
    else
        check_range(one, op, &set);
}

static void check_box_seal(json_t *one) {
    AUTO(blob_clear) struct blob plain = check_hex(one, "plain");
    AUTO(blob_clear) struct blob aad = check_hex(one, "aad");
    AUTO(blob_clear) struct blob sealed = {0};
    uint8_t recipient[BOX_PUBLIC_BYTES], ephemeral[BOX_SECRET_BYTES] = {1};
    check_hex_into(one, "recipient_public", recipient, sizeof recipient);
    if (json_object_get(one, "ephemeral")) check_hex_into(one, "ephemeral", ephemeral, sizeof ephemeral);
    err e = box_seal_with(recipient, ephemeral, check_text(one, "info"), blob_bytes(&aad), blob_bytes(&plain),
                          &sealed);
    check_error(one, e, NULL);
    if (!e) check_equal(one, "sealed", blob_bytes(&sealed));
}

static void check_box(json_t *one) {
    if (json_object_get(one, "recipient_public")) check_box_seal(one);
    if (!json_object_get(one, "recipient_secret")) return;
    AUTO(blob_clear) struct blob sealed = check_hex(one, "sealed");
    AUTO(blob_clear) struct blob aad = check_hex(one, "aad");
    AUTO(blob_clear) struct blob plain = {0};
    uint8_t secret[BOX_SECRET_BYTES];
    struct box_key key;
    check_hex_into(one, "recipient_secret", secret, sizeof secret);
    box_key_from_secret(secret, &key);
    err e = box_open(&key, check_text(one, "info"), blob_bytes(&aad), blob_bytes(&sealed), &plain);
    check_error(one, e, NULL);
    if (e) {
        assert_int_equal(plain.len, 0);
        return;
    }
    check_equal(one, "plain", blob_bytes(&plain));
    check_equal(one, "recipient_public", BYTES_OF(key.public_key));
}

static void check_sign(json_t *one) {
    bool raw = json_object_get(one, "raw") != NULL;
    AUTO(blob_clear) struct blob message = check_hex(one, raw ? "raw" : "message");
    uint8_t public_key[SIGN_PUBLIC_BYTES], signature[SIGNATURE_BYTES];
    check_hex_into(one, "public", public_key, sizeof public_key);
    check_hex_into(one, "signature", signature, sizeof signature);
    err e = raw ? verify_raw(public_key, blob_bytes(&message), signature)
                : verify_message(public_key, check_text(one, "domain"), blob_bytes(&message), signature);
    check_error(one, e, NULL);
    if (!json_object_get(one, "seed")) return;
    uint8_t seed[SIGN_SEED_BYTES], made[SIGNATURE_BYTES];
    struct sign_key key;
    check_hex_into(one, "seed", seed, sizeof seed);
    sign_key_from_seed(seed, &key);
    check_equal(one, "public", BYTES_OF(key.public_key));
    if (raw)
        sign_raw(&key, blob_bytes(&message), made);
    else
        sign_message(&key, check_text(one, "domain"), blob_bytes(&message), made);
    check_equal(one, "signature", BYTES_OF(made));
}

static void check_hkdf(json_t *one) {
    AUTO(blob_clear) struct blob secret = check_hex(one, "secret");
    AUTO(blob_clear) struct blob salt = check_hex(one, "salt");
    AUTO(blob_clear) struct blob info = check_hex(one, "info");
    AUTO(blob_clear) struct blob okm = check_hex(one, "okm");
    uint8_t prk[HASH_BYTES], out[128];
    hash_hkdf_extract(blob_bytes(&salt), blob_bytes(&secret), prk);
    check_equal(one, "prk", BYTES_OF(prk));
    assert_true(okm.len <= sizeof out);
    hash_hkdf_expand(prk, "", blob_bytes(&info), (struct buffer){out, okm.len});
    check_equal(one, "okm", BYTES(out, okm.len));
}

void check_crypto_files(void **state) {
    (void)state;
    check_file("timekey.json", check_timekey);
    check_file("box.json", check_box);
    check_file("sign.json", check_sign);
    check_file("hkdf.json", check_hkdf);
}
