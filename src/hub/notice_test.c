/* What the vault says by a notice, and what of it reaches the household's channels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hub/hub.h"

static struct {
    unsigned count;
    char title[200], text[ALERT_TEXT_MAX_BYTES + 1];
    uint8_t id[ALERT_ID_BYTES];
    bool of_no_camera, everywhere;
} told;

err __wrap_notify_alert(struct notify *n, const struct alert *a, struct diag *d);
err __wrap_notify_alert(struct notify *n, const struct alert *a, struct diag *d) {
    static const uint8_t none[16];
    told.count++;
    snprintf(told.title, sizeof told.title, "%s", a->title);
    snprintf(told.text, sizeof told.text, "%s", a->text);
    memcpy(told.id, a->id, sizeof told.id);
    told.of_no_camera = memcmp(a->camera, none, sizeof none) == 0 && strcmp(a->label, "system") == 0;
    told.everywhere = a->channel_count == 0;
    return ERR_OK;
}

static err notice(const char *json) {
    static struct hub h;
    struct diag d = {{0}};
    h.notify = (struct notify *)(void *)&h; /* never looked into: its one function is ours */
    told.count = 0;
    return hub_noticed(&h, bytes_text(json), &d);
}

static void test_told(void **state) {
    static const struct {
        const char *json, *title, *text;
    } cases[] = {
        {"{\"kind\":\"grant.use\",\"grant\":\"00\",\"purpose\":\"link\"}", "A link was opened",
         "end it there"},
        {"{\"kind\":\"grant.use\",\"grant\":\"00\",\"purpose\":\"support\",\"ticket\":\"11\"}",
         "The support desk is looking", "ends it"},
        {"{\"kind\":\"grant.use\",\"purpose\":\"labs\"}", "A donation was fetched", "donated"},
        {"{\"kind\":\"grant.use\",\"purpose\":\"request\"}", "What you sent was opened", "request"},
        {"{\"kind\":\"ticket\",\"ticket\":\"11\"}", "The support desk wrote to you", "answer"},
        {"{\"kind\":\"alarm\",\"rule\":4}", "Unusual use", "rule 4: scope"},
        {"{\"kind\":\"alarm\",\"rule\":77,\"grant\":\"00\"}", "Unusual use", "rule 77: a later one"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(notice(cases[i].json), ERR_OK);
        if (told.count != 1) fail_msg("%s: %u alerts", cases[i].json, told.count);
        assert_string_equal(told.title, cases[i].title);
        assert_non_null(strstr(told.text, cases[i].text));
        assert_true(told.of_no_camera && told.everywhere);
    }
}

/* A member's everyday use, and what a later vault may say. */
static void test_not_told(void **state) {
    static const char *const quiet[] = {"{\"kind\":\"grant.use\",\"purpose\":\"member\"}",
                                        "{\"kind\":\"grant.use\"}", "{\"kind\":\"weather\"}"};
    for (size_t i = 0; i < sizeof quiet / sizeof *quiet; i++) {
        assert_int_equal(notice(quiet[i]), ERR_OK);
        assert_int_equal(told.count, 0);
    }
}

/* A vault that wants to say something of its own is not heard. */
static void test_refused(void **state) {
    static const char *const wrong[] = {
        "",
        "[]",
        "{}",
        "{\"kind\":7}",
        "{\"kind\":\"ticket\",\"text\":\"call this number\"}",
        "{\"kind\":\"ticket\",\"title\":\"pay here\"}",
        "{\"kind\":\"alarm\",\"rule\":\"4\"}",
        "{\"kind\":\"alarm\",\"rule\":0}",
        "{\"kind\":\"alarm\",\"rule\":256}",
        "{\"kind\":\"grant.use\",\"purpose\":\"a purpose of many words\"}",
        "{\"kind\":\"ticket\"} {\"kind\":\"ticket\"}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (notice(wrong[i]) == ERR_OK) fail_msg("%s", wrong[i]);
        assert_int_equal(told.count, 0);
    }
}

/* The same link twice in a moment has one id, and so is one alert; another link has another. */
static void test_once(void **state) {
    uint8_t first[ALERT_ID_BYTES], again[ALERT_ID_BYTES];
    for (int i = 0; i < 3; i++) { /* at the border of two spans they may differ, but not twice */
        assert_int_equal(notice("{\"kind\":\"grant.use\",\"grant\":\"aa\",\"purpose\":\"link\"}"), ERR_OK);
        memcpy(first, told.id, sizeof first);
        assert_int_equal(notice("{\"kind\":\"grant.use\",\"grant\":\"aa\",\"purpose\":\"link\"}"), ERR_OK);
        memcpy(again, told.id, sizeof again);
        if (memcmp(first, again, sizeof first) == 0) break;
        assert_true(i < 2);
    }
    assert_int_equal(notice("{\"kind\":\"grant.use\",\"grant\":\"bb\",\"purpose\":\"link\"}"), ERR_OK);
    assert_memory_not_equal(told.id, again, sizeof again);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_told),
        cmocka_unit_test(test_not_told),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
