/* check_log.c: log_entry, log_proof. */
#include <string.h>

#include "check.h"
#include "crypto/unbox.h"
#include "tlog/log_entry.h"
#include "tlog/log_proof.h"

static void check_optional(json_t *one, const char *field, bool there, struct bytes value) {
    assert_int_equal(!json_is_null(json_object_get(one, field)), there);
    if (there) check_equal(one, field, value);
}

static void check_bytes(json_t *one) {
    AUTO(blob_clear) struct blob raw = check_hex(one, "entry");
    AUTO(blob_clear) struct blob again = {0};
    struct log_entry e;
    struct diag d = {0};
    err failed = log_entry_decode(blob_bytes(&raw), &e, &d);
    check_error(one, failed, &d);
    if (failed) return;
    assert_int_equal(check_int(one, "version"), e.version);
    assert_int_equal(check_int(one, "time"), e.time.us);
    assert_string_equal(check_text(one, "kind"), e.kind);
    check_optional(one, "tag", e.tagged, BYTES_OF(e.tag));
    check_optional(one, "actor", e.acted, BYTES_OF(e.actor));
    check_equal(one, "details", e.details);
    json_t *facts = json_object_get(one, "facts");
    assert_int_equal(json_object_size(facts), e.fact_count);
    for (size_t i = 0; i < e.fact_count; i++)
        assert_int_equal(check_int(facts, e.facts[i].name), e.facts[i].value);
    if (e.version == 1) return;
    assert_int_equal(log_entry_encode(&e, &again), ERR_OK);
    check_equal(one, "entry", blob_bytes(&again));
}

static void check_keys(json_t *one) {
    uint8_t seed[32], sign[SIGN_PUBLIC_BYTES], log_key[LOG_KEY_BYTES], tag[LOG_TAG_BYTES],
        actor[LOG_ACTOR_BYTES];
    check_hex_into(one, "seed", seed, sizeof seed);
    check_hex_into(one, "sign", sign, sizeof sign);
    log_key_derive(seed, log_key);
    check_equal(one, "log_key", BYTES_OF(log_key));
    log_tag(log_key, (uint64_t)check_int(one, "n"), tag);
    check_equal(one, "tag", BYTES_OF(tag));
    log_actor_private(log_key, sign, actor);
    check_equal(one, "actor", BYTES_OF(actor));
    log_actor_staff(sign, actor);
    check_equal(one, "staff", BYTES_OF(actor));
}

static void check_details(json_t *one) {
    uint8_t secret[BOX_SECRET_BYTES], log_key[LOG_KEY_BYTES], tag[LOG_TAG_BYTES];
    AUTO(blob_clear) struct blob raw = check_hex(one, "entry");
    AUTO(blob_clear) struct blob plain = {0};
    struct box_key box;
    struct log_entry e;
    struct diag d = {0};
    check_hex_into(one, "household_secret", secret, sizeof secret);
    check_hex_into(one, "log_key", log_key, sizeof log_key);
    box_key_from_secret(secret, &box);
    if (log_entry_decode(blob_bytes(&raw), &e, &d)) fail_msg("%s", d.text);
    log_tag(log_key, (uint64_t)check_int(one, "n"), tag);
    assert_memory_equal(tag, e.tag, sizeof tag);
    assert_int_equal(box_open(&box, LOG_BOX_INFO, BYTES_OF(e.tag), e.details, &plain), ERR_OK);
    assert_true(bytes_equal(blob_bytes(&plain), bytes_text(check_text(one, "plain"))));
}

static void check_opening(json_t *one) {
    uint8_t nonce[LOG_OPENING_NONCE_BYTES], signature[SIGNATURE_BYTES];
    AUTO(blob_clear) struct blob raw = check_hex(one, "entry");
    struct log_entry e;
    struct diag d = {0};
    uint64_t said = 0, made;
    check_hex_into(one, "nonce", nonce, sizeof nonce);
    check_hex_into(one, "signature", signature, sizeof signature);
    if (log_entry_decode(blob_bytes(&raw), &e, &d)) fail_msg("%s", d.text);
    made = log_opening_fact(nonce, signature);
    assert_int_equal(check_int(one, "opening"), made);
    assert_true(log_entry_fact(&e, LOG_OPENING_FACT, &said) && said == made);
    assert_false(log_entry_by_staff(&e));
    nonce[0] ^= 1;
    assert_true(log_opening_fact(nonce, signature) != made);
    nonce[0] ^= 1;
    signature[SIGNATURE_BYTES - 1] ^= 1;
    assert_true(log_opening_fact(nonce, signature) != made);
}

static void check_entry(json_t *one) {
    const char *what = check_text(one, "what");
    if (strcmp(what, "keys") == 0)
        check_keys(one);
    else if (strcmp(what, "details") == 0)
        check_details(one);
    else if (strcmp(what, "opening") == 0)
        check_opening(one);
    else
        check_bytes(one);
}

static size_t take_list(json_t *one, const char *field, uint8_t (*out)[HASH_BYTES], size_t most) {
    json_t *list = json_object_get(one, field);
    assert_true(json_is_array(list) && json_array_size(list) <= most);
    for (size_t i = 0; i < json_array_size(list); i++)
        assert_int_equal(
            hex_decode(json_string_value(json_array_get(list, i)), (struct buffer){out[i], HASH_BYTES}),
            ERR_OK);
    return json_array_size(list);
}

static void check_proof(json_t *one) {
    uint8_t key[SIGN_PUBLIC_BYTES], proof[TLOG_PROOF_MAX][HASH_BYTES],
        witnesses[LOG_WITNESSES_MAX][HASH_BYTES];
    AUTO(blob_clear) struct blob leaf = check_hex(one, "leaf");
    struct checkpoint c;
    struct diag d = {0};
    check_hex_into(one, "log_key", key, sizeof key);
    size_t count = take_list(one, "proof", proof, TLOG_PROOF_MAX);
    size_t wanted = take_list(one, "witnesses", witnesses, LOG_WITNESSES_MAX);
    const char *text = check_text(one, "checkpoint");
    err e = log_proof_check(key, text, strlen(text), (uint64_t)check_int(one, "index"), blob_bytes(&leaf),
                            (const uint8_t(*)[HASH_BYTES])proof, count,
                            (const uint8_t(*)[SIGN_PUBLIC_BYTES])witnesses, wanted, &c, &d);
    check_error(one, e, &d);
    if (e) return;
    assert_int_equal(check_int(one, "size"), c.size);
    check_equal(one, "root", BYTES_OF(c.root));
}

void check_log_files(void **state) {
    (void)state;
    check_file("log_entry.json", check_entry);
    check_file("log_proof.json", check_proof);
}
