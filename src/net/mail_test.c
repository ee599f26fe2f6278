/* Messages of alerts: addresses, encoded words, and texts that try to become headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "net/mail.h"

static void test_addresses(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        {"anna@example.org", true},
        {"anna.b+home@mail.example.org", true},
        {"root@localhost", true},
        {"", false},
        {"anna", false},
        {"@example.org", false},
        {"anna@", false},
        {"anna@@example.org", false},
        {"an na@example.org", false},
        {"anna@exa mple.org", false},
        {"<anna@example.org>", false},
        {"anna@example.org\r\nBcc: x@y.z", false},
        {"anna@example.org,b@c", false},
        {".anna@example.org", false},
        {"an..na@example.org", false},
        {"anna@example.org.", false},
        {"\"a\"@example.org", false},
        {"anna@ex_ample.org", false},
        {"\xc3\xa4@example.org", false},
        {"anna@example.org\n", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (mail_address_valid(cases[i].text, strlen(cases[i].text)) != cases[i].valid)
            fail_msg("%s", cases[i].text);
    char longest[MAIL_ADDRESS_MAX_BYTES + 2];
    memset(longest, 'a', sizeof longest);
    longest[1] = '@';
    assert_true(mail_address_valid(longest, MAIL_ADDRESS_MAX_BYTES));
    assert_false(mail_address_valid(longest, MAIL_ADDRESS_MAX_BYTES + 1));
}

static void test_header_texts(void **state) {
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"A person at the door", "A person at the door"},
        {"", ""},
        {"T\xc3\xbcr", "=?UTF-8?B?VMO8cg==?="},
        {"=?UTF-8?B?VMO8cg==?=", "=?UTF-8?B?PT9VVEYtOD9CP1ZNTzhjZz09Pz0=?="},
        {"a\r\nBcc: x@y.z", "=?UTF-8?B?YSAgQmNjOiB4QHkueg==?="},
        {" a", "=?UTF-8?B?IGE=?="},
        /* 13 times three bytes fill a word; the 14th begins the next, whole. */
        {"\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
         "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac",
         "=?UTF-8?B?4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs4oKs?=|=?UTF-8?B?4oKs?="},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "\xe2\x82\xac",
         "=?UTF-8?B?YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=?=|=?UTF-8?B?4oKs?="},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        AUTO(blob_clear) struct blob out = {0};
        assert_int_equal(mail_header_text(cases[i].text, "|", &out), ERR_OK);
        assert_int_equal(blob_append_u8(&out, 0), ERR_OK);
        assert_string_equal((char *)out.data, cases[i].expected);
    }
}

static void check_lines(const char *text) {
    for (const char *at = text; *at;) {
        const char *eol = strstr(at, "\r\n");
        assert_non_null(eol);
        if (eol - at > 78) fail_msg("a line of %ld bytes", (long)(eol - at));
        for (const char *c = at; c < eol; c++)
            if (*c == '\r' || *c == '\n') fail_msg("a line's end within a line");
        at = eol + 2;
    }
}

static void test_message(void **state) {
    (void)state;
    static const char *const to[] = {"anna@example.org", "ben@example.org", NULL};
    static uint8_t jpeg[5000];
    struct mail m = {.from = "hub@example.org",
                     .to = to,
                     .subject = "x\r\nBcc: victim@example.org\r\n\r\nbody",
                     .text = "<b>\r\n.\r\n--parts\r\n",
                     .id = "00ff",
                     .date = {INT64_C(1700000000000000)},
                     .jpeg = BYTES_OF(jpeg)};
    AUTO(blob_clear) struct blob out = {0};
    struct diag d = {{0}};
    assert_int_equal(mail_write(&m, &out, &d), ERR_OK);
    assert_int_equal(blob_append_u8(&out, 0), ERR_OK);
    const char *text = (const char *)out.data;
    check_lines(text);
    assert_null(strstr(text, "Bcc"));
    assert_non_null(strstr(text, "\r\nMessage-ID:\r\n <00ff@example.org>\r\n"));
    assert_non_null(strstr(text, "\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\n"));
    assert_non_null(strstr(text, "To: anna@example.org,\r\n ben@example.org\r\n"));
    size_t parts = 0;
    for (const char *at = text; (at = strstr(at, "\r\n--parts")); at++) parts++;
    assert_int_equal(parts, 3);
    static const char *const ids[] = {"", "a b", "a@b", "a>\r\n"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        AUTO(blob_clear) struct blob none = {0};
        m.id = ids[i];
        assert_int_equal(mail_write(&m, &none, &d), ERR_INVALID);
    }
    static const char *const nobody[] = {NULL};
    m.id = "1";
    m.to = nobody;
    assert_int_equal(mail_write(&m, &out, &d), ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_header_texts),
        cmocka_unit_test(test_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
