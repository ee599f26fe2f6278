#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"

static void test_hex(void **state) {
    (void)state;
    static const struct {
        const char *label, *text;
        err expected;
    } cases[] = {
        {"two bytes", "00ff", ERR_OK},        {"upper case", "00FF", ERR_INVALID},
        {"odd", "00f", ERR_INVALID},          {"too long", "00ff00", ERR_INVALID},
        {"not a digit", "00fg", ERR_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t out[2] = {1, 2};
        err e = hex_decode(cases[i].text, (struct buffer){out, sizeof out});
        if (e != cases[i].expected) fail_msg("%s: %s", cases[i].label, err_text(e));
        assert_int_equal(out[0], e ? 1 : 0);
    }
}

static void test_text_mend(void **state) {
    static const char *const cases[][2] = {
        {"", ""},
        {"plain", "plain"},
        {"T\xc3\xbcr \xe2\x82\xac \xf0\x9f\x94\x91", "T\xc3\xbcr \xe2\x82\xac \xf0\x9f\x94\x91"},
        {"cut \xc3", "cut ?"},
        {"cut \xf0\x9f\x94", "cut ???"},
        {"\xbc alone", "? alone"},
        {"\xc0\xaf\xe0\x80\xaf overlong", "????? overlong"},
        {"\xed\xa0\x80 surrogate", "??? surrogate"},
        {"\xf4\x90\x80\x80\xf5\xff past the end", "?????? past the end"},
        {"\xef\xbf\xbf\xf4\x8f\xbf\xbf", "\xef\xbf\xbf\xf4\x8f\xbf\xbf"},
    };
    struct diag d;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64];
        snprintf(text, sizeof text, "%s", cases[i][0]);
        text_mend(text);
        assert_string_equal(text, cases[i][1]);
        diag_fail(&d, ERR_INVALID, "%s", cases[i][0]);
        diag_prefix(&d, "%.1s", "\xc3\xbc");
        assert_int_equal(d.text[0], '?');
        assert_string_equal(d.text + 3, cases[i][1]);
    }
    /* Cut by the room that there is, within a character. */
    char long_text[2 * sizeof d.text];
    for (size_t i = 0; i < sizeof long_text - 1; i += 2) memcpy(long_text + i, "\xc3\xbc", 2);
    long_text[sizeof long_text - 1] = 0;
    diag_fail(&d, ERR_INVALID, "%s", long_text);
    assert_int_equal(d.text[sizeof d.text - 2], '?');
}

static void test_base64(void **state) {
    (void)state;
    /* RFC 4648 section 10, in the URL alphabet and without padding; and texts that are no encoding. */
    static const struct {
        const char *plain, *text;
    } cases[] = {{"", ""},           {"f", "Zg"},          {"fo", "Zm8"},         {"foo", "Zm9v"},
                 {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[BASE64_CHARS(8)];
        base64_encode(bytes_text(cases[i].plain), text);
        assert_string_equal(text, cases[i].text);
        AUTO(blob_clear) struct blob back = {0};
        assert_int_equal(base64_decode(text, strlen(text), &back), ERR_OK);
        assert_true(bytes_equal(blob_bytes(&back), bytes_text(cases[i].plain)));
    }
    static const char *const wrong[] = {"Z", "Zg==", "Zh", "Zm9+", "Zm 9", "Zm9vYmF\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        AUTO(blob_clear) struct blob back = {0};
        assert_int_equal(base64_decode(wrong[i], strlen(wrong[i]), &back), ERR_INVALID);
    }
}

static void test_times(void **state) {
    (void)state;
    const struct wall_us now = {1700000000000000};
    static const struct {
        const char *text;
        err expected;
        int64_t us;
    } cases[] = {
        {"now", ERR_OK, 1700000000000000},
        {"-5m", ERR_OK, 1699999700000000},
        {"-1h30m", ERR_OK, 1699994600000000},
        {"+10s", ERR_OK, 1700000010000000},
        {"2023-11-14T22:13:20Z", ERR_OK, 1700000000000000},
        {"2023-11-14T22:13:20.25Z", ERR_OK, 1700000000250000},
        {"2023-11-14T23:13:20+01:00", ERR_OK, 1700000000000000},
        {"2024-02-29T00:00Z", ERR_OK, 1709164800000000},
        {"2023-02-29T00:00Z", ERR_INVALID, 0},
        {"2023-13-01", ERR_INVALID, 0},
        {"2023-11-14T25:00Z", ERR_INVALID, 0},
        {"2023-11-14T22:13:20Zx", ERR_INVALID, 0},
        {"-5", ERR_INVALID, 0},
        {"", ERR_INVALID, 0},
        {"yesterday", ERR_INVALID, 0},
        {"-99999999999999999999s", ERR_INVALID, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wall_us out = {0};
        struct diag d = {0};
        err e = wall_parse(cases[i].text, now, &out, &d);
        if (e != cases[i].expected || (!e && out.us != cases[i].us))
            fail_msg("\"%s\": %s, %lld", cases[i].text, err_text(e), (long long)out.us);
    }
    char text[WALL_TEXT_BYTES];
    wall_format(now, text);
    assert_string_equal(text, "2023-11-14T22:13:20.000Z");
    assert_int_equal(wall_slot((struct wall_us){-1}), 0);
    assert_int_equal(wall_slot((struct wall_us){INT64_MAX}), UINT32_MAX);
}

static void test_json_refuses_by_name(void **state) {
    (void)state;
    static const struct {
        const char *text, *names;
    } cases[] = {
        {"{\"id\":\"00ff\",\"n\":5}", NULL},
        {"{\"id\":\"00ff\"}", "\"n\" is missing"},
        {"{\"id\":\"00ff\",\"n\":\"5\"}", "\"n\" must be a whole number"},
        {"{\"id\":\"00ff\",\"n\":11}", "\"n\" must lie"},
        {"{\"id\":\"00f\",\"n\":5}", "\"id\" must be 4"},
        {"{\"id\":\"00ff\",\"n\":5,\"x\":1}", "\"x\" is not a field"},
        {"{\"id\":\"00ff\",\"n\":5,\"n\":6}", "not JSON"},
        {"[1]", "object is expected"},
        {"{\"a\":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}", "nested deeper"},
        {"", "not JSON"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct diag d = {0};
        uint8_t id[2];
        int64_t n = 0;
        const struct json_field fields[] = {
            {"id", JSON_KIND_HEX, true, 0, 2, id, NULL},
            {"n", JSON_KIND_INT, true, 0, 10, &n, NULL},
        };
        AUTO(json_release) json_t *value = NULL;
        err e = json_parse(bytes_text(cases[i].text), &value, &d);
        if (!e) e = JSON_READ(value, fields, &d);
        if (!cases[i].names)
            assert_int_equal(e, ERR_OK);
        else if (e != ERR_INVALID || !strstr(d.text, cases[i].names))
            fail_msg("%s: %s", cases[i].text, d.text);
    }
}

static void test_file_replace(void **state) {
    (void)state;
    char folder[] = "/tmp/cardea-file-XXXXXX", path[PATH_TEXT_BYTES], temporary[PATH_TEXT_BYTES];
    assert_non_null(mkdtemp(folder));
    assert_int_equal(path_join(path, folder, "state"), ERR_OK);
    assert_int_equal(path_join(temporary, folder, "state.new"), ERR_OK);
    struct diag d = {0};
    AUTO(blob_clear) struct blob back = {0};
    assert_int_equal(file_read(path, 10, &back, &d), ERR_NOT_FOUND);
    assert_int_equal(file_replace(path, bytes_text("one"), 0600, &d), ERR_OK);
    assert_int_equal(file_replace(path, bytes_text("two"), 0600, &d), ERR_OK);
    assert_int_equal(file_read(path, 3, &back, &d), ERR_OK);
    assert_true(bytes_equal(blob_bytes(&back), bytes_text("two")));
    assert_int_equal(file_read(path, 2, &back, &d), ERR_LIMIT);
    assert_int_equal(access(temporary, F_OK), -1);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_text_mend),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_json_refuses_by_name),
        cmocka_unit_test(test_file_replace),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
