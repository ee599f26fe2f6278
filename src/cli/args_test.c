#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cli.h"

static const struct option_spec options[] = {{"from", 0, true, false},
                                             {"to", 0, true, false},
                                             {"output", 'o', true, false},
                                             {"yes", 'y', false, false},
                                             {0}};
static const struct option_spec common[] = {{"data", 0, true, false}, {"json", 0, false, false}, {0}};

static err parse(const char *const *argv, struct args *out, struct diag *d) {
    int argc = 0;
    while (argv[argc]) argc++;
    return args_parse(argc, (char *const *)(uintptr_t)argv, options, common, out, d);
}
#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

static void values_and_positionals(void **state) {
    (void)state;
    struct args a;
    struct diag d;
    assert_int_equal(
        parse(ARGV("porch", "--from", "-5m", "--to=now", "-o", "-", "--json", "--data", "/d"), &a, &d),
        ERR_OK);
    assert_int_equal(a.count, 1);
    assert_string_equal(a.positional[0], "porch");
    assert_string_equal(args_value(&a, "from"), "-5m");
    assert_string_equal(args_value(&a, "to"), "now");
    assert_string_equal(args_value(&a, "output"), "-");
    assert_string_equal(args_value(&a, "data"), "/d");
    assert_true(args_has(&a, "json"));
    assert_false(args_has(&a, "yes"));
    assert_null(args_value(&a, "yes"));
    assert_int_equal(parse(ARGV("--", "--from", "-"), &a, &d), ERR_OK);
    assert_int_equal(a.count, 2);
}

static void wrong_use_is_named(void **state) {
    (void)state;
    static const struct {
        const char *argv[4], *says;
    } cases[] = {
        {{"--form", "x"}, "--form"},
        {{"--from"}, "needs a value"},
        {{"-o"}, "needs a value"},
        {{"-x"}, "-x"},
        {{"-yo"}, "-yo"},
        {{"--yes=1"}, "takes no value"},
        {{"--yes", "--yes"}, "twice"},
        {{"--from=1", "--from=2"}, "twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct args a;
        struct diag d = {{0}};
        assert_int_equal(parse(cases[i].argv, &a, &d), ERR_INVALID);
        if (!strstr(d.text, cases[i].says)) fail_msg("'%s' does not say '%s'", d.text, cases[i].says);
    }
}

static void too_many_are_refused(void **state) {
    (void)state;
    struct args a;
    struct diag d;
    assert_int_equal(parse(ARGV("1", "2", "3", "4", "5", "6", "7", "8"), &a, &d), ERR_OK);
    assert_int_equal(parse(ARGV("1", "2", "3", "4", "5", "6", "7", "8", "9"), &a, &d), ERR_INVALID);
}

static void addresses(void **state) {
    (void)state;
    static const struct {
        const char *text;
        err e;
        const char *host;
        unsigned port;
        bool loopback, any;
    } cases[] = {
        {"127.0.0.1:8440", ERR_OK, "127.0.0.1", 8440, true, false},
        {"localhost:0", ERR_OK, "127.0.0.1", 0, true, false},
        {"127.9.9.9:1", ERR_OK, "127.9.9.9", 1, true, false},
        {"0.0.0.0:8443", ERR_OK, "0.0.0.0", 8443, false, true},
        {":8443", ERR_OK, "0.0.0.0", 8443, false, true},
        {"192.168.1.2:65535", ERR_OK, "192.168.1.2", 65535, false, false},
        {"[::1]:8440", ERR_OK, "::1", 8440, true, false},
        {"[::]:8440", ERR_OK, "::", 8440, false, true},
        {"127.0.0.1", ERR_INVALID, NULL, 0, false, false},
        {"127.0.0.1:", ERR_INVALID, NULL, 0, false, false},
        {"127.0.0.1:65536", ERR_INVALID, NULL, 0, false, false},
        {"127.0.0.1:-1", ERR_INVALID, NULL, 0, false, false},
        {"127.0.0.1:80x", ERR_INVALID, NULL, 0, false, false},
        {"::1:8440", ERR_INVALID, NULL, 0, false, false},
        {"example.org:80", ERR_INVALID, NULL, 0, false, false},
        {"", ERR_INVALID, NULL, 0, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct listen_address a = {.port = 7};
        struct diag d;
        assert_int_equal(listen_parse(cases[i].text, &a, &d), cases[i].e);
        if (cases[i].e) {
            assert_int_equal(a.port, 7); /* outputs are left alone */
            continue;
        }
        assert_string_equal(a.host, cases[i].host);
        assert_int_equal(a.port, cases[i].port);
        assert_int_equal(a.loopback, cases[i].loopback);
        assert_int_equal(a.any, cases[i].any);
        char text[ADDRESS_TEXT_BYTES + 16];
        struct listen_address again;
        listen_format(&a, text);
        assert_int_equal(listen_parse(text, &again, &d), ERR_OK);
        assert_string_equal(again.host, a.host);
    }
}

static void ranges(void **state) {
    (void)state;
    struct args a;
    struct diag d;
    struct wall_us from, to, now = wall_now();
    assert_int_equal(parse(ARGV("--from", "-5m", "--to", "now"), &a, &d), ERR_OK);
    assert_int_equal(cli_range(&a, (struct wall_us){0}, now, &from, &to, &d), ERR_OK);
    assert_in_range(to.us - from.us, 299000000, 301000000);
    assert_int_equal(parse(ARGV("--from", "now", "--to", "-5m"), &a, &d), ERR_OK);
    assert_int_equal(cli_range(&a, (struct wall_us){0}, now, &from, &to, &d), ERR_INVALID);
    assert_int_equal(parse(ARGV("--from", "yesterday"), &a, &d), ERR_OK);
    assert_int_equal(cli_range(&a, (struct wall_us){0}, now, &from, &to, &d), ERR_INVALID);
    assert_non_null(strstr(d.text, "--from"));
}

static void texts(void **state) {
    (void)state;
    char bytes[24], span[32];
    cli_bytes_text(0, bytes);
    assert_string_equal(bytes, "0 B");
    cli_bytes_text(3400000000, bytes);
    assert_string_equal(bytes, "3.4 GB");
    cli_bytes_text(999, bytes);
    assert_string_equal(bytes, "999 B");
    cli_span_text(90, span);
    assert_string_equal(span, "90 s");
    cli_span_text(7500, span);
    assert_string_equal(span, "2 h 05 min");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_positionals),
        cmocka_unit_test(wrong_use_is_named),
        cmocka_unit_test(too_many_are_refused),
        cmocka_unit_test(addresses),
        cmocka_unit_test(ranges),
        cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
