/* One-time codes against the vectors of RFC 4226 (appendix D) and RFC 6238 (appendix B), and base32 against
 * those of RFC 4648 (section 10). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/totp.h"

static const char secret[] = "12345678901234567890";

static void test_hotp(void **state) {
    static const char *const codes[] = {"755224", "287082", "359152", "969429", "338314",
                                        "254676", "287922", "162583", "399871", "520489"};
    for (uint64_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        char code[TOTP_TEXT_BYTES];
        totp_code(bytes_text(secret), i, TOTP_DIGITS, code);
        assert_string_equal(code, codes[i]);
    }
}

static void test_totp(void **state) {
    static const struct {
        uint64_t time;
        const char *code;
    } cases[] = {
        {59, "94287082"},         {1111111109, "07081804"}, {1111111111, "14050471"},
        {1234567890, "89005924"}, {2000000000, "69279037"}, {20000000000, "65353130"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char code[TOTP_DIGITS_MAX + 1];
        totp_code(bytes_text(secret), cases[i].time / TOTP_STEP_S, 8, code);
        assert_string_equal(code, cases[i].code);
    }
}

/* The step itself, one to each side, and not two. */
static void test_window(void **state) {
    const uint64_t now = 1234567890, step = now / TOTP_STEP_S;
    for (int away = -3; away <= 3; away++) {
        char code[TOTP_TEXT_BYTES];
        uint64_t found = 0;
        totp_code(bytes_text(secret), step + (uint64_t)away, TOTP_DIGITS, code);
        bool within = away >= -1 && away <= 1;
        assert_int_equal(totp_find(bytes_text(secret), now, code, &found), within);
        if (within) assert_int_equal(found, step + (uint64_t)away);
    }
    static const char *const wrong[] = {"", "12345", "1234567", "abcdef", " 05924"};
    uint64_t found;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(totp_find(bytes_text(secret), now, wrong[i], &found));
}

static void test_base32(void **state) {
    static const char *const cases[][2] = {{"f", "MY"},           {"fo", "MZXQ"},
                                           {"foo", "MZXW6"},      {"foob", "MZXW6YQ"},
                                           {"fooba", "MZXW6YTB"}, {"foobar", "MZXW6YTBOI"}};
    AUTO(blob_clear) struct blob back = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[BASE32_CHARS(6)];
        base32_encode(bytes_text(cases[i][0]), text);
        assert_string_equal(text, cases[i][1]);
        assert_int_equal(base32_decode(text, 6, &back), ERR_OK);
        assert_true(bytes_equal(blob_bytes(&back), bytes_text(cases[i][0])));
    }
    assert_int_equal(base32_decode("mzxw 6ytb-OI======", 6, &back), ERR_OK);
    assert_true(bytes_equal(blob_bytes(&back), bytes_text("foobar")));
    assert_int_equal(base32_decode("MZXW6YTBOI", 5, &back), ERR_LIMIT);
    static const char *const wrong[] = {"", "M", "MZ1W", "MZ0W", "M!", "\xc3\xa9"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(base32_decode(wrong[i], 6, &back), ERR_INVALID);
    assert_true(bytes_equal(blob_bytes(&back), bytes_text("foobar"))); /* left alone */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hotp),
        cmocka_unit_test(test_totp),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_base32),
    };
    return cmocka_run_group_tests_name("one-time codes", tests, NULL, NULL);
}
