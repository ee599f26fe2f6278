/* Successions of a household's keys: their limits, and what former keys still open. (Vectors: tests/vectors.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/hash.h"
#include "format/envelope.h"
#include "format/household.h"
#include "format/object.h"

static const uint8_t log_key[HOUSEHOLD_LOG_KEY_BYTES] = {9};

static struct household_keys *keys_new(size_t successions) {
    struct household_keys *k = calloc(1, sizeof *k), *next = malloc(sizeof *next);
    struct diag d = {0};
    assert_true(k && next);
    box_key_generate(&k->box);
    sign_key_generate(&k->sign);
    random_bytes(k->id, sizeof k->id);
    memcpy(k->name, "Home", 5);
    for (size_t i = 0; i < successions; i++) {
        if (household_keys_succeed(k, log_key, 1700000000 + i, next, &d)) fail_msg("%s", d.text);
        *k = *next;
    }
    household_keys_clear(next);
    free(next);
    return k;
}

static void keys_free(struct household_keys *k) {
    household_keys_clear(k);
    free(k);
}

static void test_the_most_successions(void **state) {
    (void)state;
    struct household_keys *k = keys_new(SUCCESSIONS_MAX), *next = malloc(sizeof *next);
    struct diag d = {0};
    assert_non_null(next);
    assert_int_equal(k->chain.count, SUCCESSIONS_MAX);
    assert_int_equal(household_keys_succeed(k, log_key, 1700000000, next, &d), ERR_LIMIT);
    assert_non_null(strstr(d.text, "new household"));
    /* A statement of number 65 is none, and nothing comes after the 64th. */
    AUTO(blob_clear) struct blob raw = {0};
    struct succession s = {.n = SUCCESSIONS_MAX + 1};
    assert_int_equal(succession_make(&s, &k->sign, &next->sign, &raw), ERR_INVALID);
    s.n = 0;
    assert_int_equal(succession_make(&s, &k->sign, &next->sign, &raw), ERR_INVALID);
    struct succession_link *last = &k->chain.links[SUCCESSIONS_MAX - 1];
    assert_int_equal(succession_chain_add(&k->chain, BYTES(last->raw, last->len), &d), ERR_LIMIT);
    free(next);
    keys_free(k);
}

/* Blanks in its JSON are no reason to refuse one; that it is too long is. */
static void test_the_largest_statement(void **state) {
    (void)state;
    struct household_keys *k = keys_new(0), *after = malloc(sizeof *after);
    AUTO(blob_clear) struct blob good = {0}, text = {0}, raw = {0};
    struct succession s = {.n = 1, .time = UINT32_MAX}, back;
    assert_non_null(after);
    after->sign = k->sign;
    sign_key_generate(&after->sign);
    assert_int_equal(succession_make(&s, &k->sign, &after->sign, &good), ERR_OK);
    struct bytes message = BYTES(good.data + ENVELOPE_OVERHEAD_BYTES, good.len - ENVELOPE_OVERHEAD_BYTES);
    for (int more = 0; more < 2; more++) {
        text.len = raw.len = 0;
        assert_int_equal(blob_append(&text, message), ERR_OK);
        while (text.len < SUCCESSION_MAX_BYTES - ENVELOPE_OVERHEAD_BYTES + (size_t)more)
            assert_int_equal(blob_append_u8(&text, ' '), ERR_OK);
        assert_int_equal(envelope_sign(&k->sign, SUCCESSION_DOMAIN, blob_bytes(&text), &raw), ERR_OK);
        assert_int_equal(succession_read(blob_bytes(&raw), &back, NULL), more ? ERR_LIMIT : ERR_OK);
    }
    assert_int_equal(back.time, UINT32_MAX);
    s.time++;
    assert_int_equal(succession_make(&s, &k->sign, &after->sign, &raw), ERR_INVALID);
    free(after);
    keys_free(k);
}

static void test_former_keys_open(void **state) {
    (void)state;
    struct household_keys *k = keys_new(3), *back = malloc(sizeof *back);
    AUTO(blob_clear) struct blob payload = {0}, object = {0};
    struct box_key account, stranger;
    struct diag d = {0};
    char key[HOUSEHOLD_KEY_TEXT_BYTES];
    assert_non_null(back);
    box_key_generate(&account);
    box_key_generate(&stranger);
    household_keys_key(account.public_key, key);
    assert_int_equal(household_keys_seal(k, account.public_key, &payload), ERR_OK);
    assert_int_equal(object_sign(&k->sign, key, 4, blob_bytes(&payload), &object), ERR_OK);
    if (household_keys_open(&account, k->id, blob_bytes(&object), back, &d)) fail_msg("%s", d.text);
    assert_int_equal(back->chain.count, 3);
    assert_memory_equal(back->log_key, log_key, sizeof log_key);
    for (size_t i = 0; i < 5; i++) {
        AUTO(blob_clear) struct blob sealed = {0}, plain = {0};
        const struct box_key *to = i < 4 ? household_keys_box(back, i) : &stranger;
        assert_non_null(to);
        assert_int_equal(box_seal(to->public_key, "x", (struct bytes){0}, bytes_text("y"), &sealed), ERR_OK);
        assert_int_equal(household_keys_unbox(back, "x", (struct bytes){0}, blob_bytes(&sealed), &plain),
                         i < 4 ? ERR_OK : ERR_FORGED);
    }
    assert_null(household_keys_box(back, 4));
    keys_free(back);
    keys_free(k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_most_successions),
        cmocka_unit_test(test_the_largest_statement),
        cmocka_unit_test(test_former_keys_open),
    };
    return cmocka_run_group_tests_name("succession", tests, NULL, NULL);
}
