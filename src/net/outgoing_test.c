/* Which addresses are the home's, and which URLs are spoken to. Exchanges: tests/e2e/notify_test.py. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "net/outgoing.h"

static bool at_home(const char *text) {
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) return outgoing_at_home((struct sockaddr *)(void *)&v4);
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return outgoing_at_home((struct sockaddr *)(void *)&v6);
}

static void test_addresses(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool home;
    } cases[] = {
        {"127.0.0.1", true},
        {"127.255.255.255", true},
        {"126.255.255.255", false},
        {"128.0.0.0", false},
        {"10.0.0.0", true},
        {"10.255.255.255", true},
        {"9.255.255.255", false},
        {"11.0.0.0", false},
        {"172.15.255.255", false},
        {"172.16.0.0", true},
        {"172.31.255.255", true},
        {"172.32.0.0", false},
        {"192.167.255.255", false},
        {"192.168.0.0", true},
        {"192.168.255.255", true},
        {"192.169.0.0", false},
        {"169.254.0.1", true},
        {"169.253.255.255", false},
        {"169.255.0.0", false},
        {"0.0.0.0", false},
        {"8.8.8.8", false},
        {"255.255.255.255", false},
        {"::1", true},
        {"::", false},
        {"::2", false},
        {"fe80::1", true},
        {"febf::1", true},
        {"fec0::1", false},
        {"fc00::1", true},
        {"fdff::1", true},
        {"fe00::1", false},
        {"2001:db8::1", false},
        {"::ffff:10.0.0.1", true},
        {"::ffff:8.8.8.8", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (at_home(cases[i].text) != cases[i].home) fail_msg("%s", cases[i].text);
    struct sockaddr_storage other = {.ss_family = AF_UNIX};
    assert_false(outgoing_at_home((struct sockaddr *)(void *)&other));
}

static void test_names(void **state) {
    (void)state;
    static const struct {
        const char *name;
        bool home, loopback;
    } cases[] = {
        {"localhost", true, true},
        {"LOCALHOST", true, true},
        {"127.0.0.1", true, true},
        {"[::1]", true, true},
        {"::1", true, true},
        {"192.168.1.2", true, false},
        {"[fe80::1%eth0]", true, false},
        {"homeassistant", true, false},
        {"ha.local", true, false},
        {"ha.LAN", true, false},
        {"ha.home.arpa", true, false},
        {"example.com", false, false},
        {"local", true, false},
        {".local", false, false},
        {"local.example.com", false, false},
        {"8.8.8.8", false, false},
        {"[2001:db8::1]", false, false},
        {"localhost.example.com", false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (outgoing_home_name(cases[i].name) != cases[i].home) fail_msg("home: %s", cases[i].name);
        if (outgoing_loopback_name(cases[i].name) != cases[i].loopback)
            fail_msg("loopback: %s", cases[i].name);
    }
}

static void test_urls(void **state) {
    (void)state;
    static const struct {
        const char *url;
        unsigned schemes;
        err expected;
    } cases[] = {
        {"https://example.com/a?b=c", OUTGOING_HTTPS | OUTGOING_HTTP, ERR_OK},
        {"https://example.com:8443", OUTGOING_HTTPS, ERR_OK},
        {"http://192.168.1.2:8123/api", OUTGOING_HTTPS | OUTGOING_HTTP, ERR_OK},
        {"http://[fd00::2]/", OUTGOING_HTTPS | OUTGOING_HTTP, ERR_OK},
        {"http://192.168.1.2/", OUTGOING_HTTPS, ERR_INVALID},
        {"http://example.com/", OUTGOING_HTTPS | OUTGOING_HTTP, ERR_INVALID},
        /* What looks like a number of the home and is another's: the parser's own reading counts. */
        {"http://0x8080808/", OUTGOING_HTTPS | OUTGOING_HTTP, ERR_INVALID},
        {"http://134744072/", OUTGOING_HTTPS | OUTGOING_HTTP, ERR_INVALID},
        {"http://192.168.1.2@example.com/", OUTGOING_HTTPS | OUTGOING_HTTP, ERR_INVALID},
        {"https://user@example.com/", OUTGOING_HTTPS, ERR_INVALID},
        {"https://", OUTGOING_HTTPS, ERR_INVALID},
        {"", OUTGOING_HTTPS, ERR_INVALID},
        {"example.com", OUTGOING_HTTPS, ERR_INVALID},
        {"ftp://example.com/", OUTGOING_HTTPS, ERR_INVALID},
        {"gopher://example.com/", OUTGOING_HTTPS | OUTGOING_HTTP, ERR_INVALID},
        {"file:///etc/passwd", OUTGOING_HTTPS | OUTGOING_HTTP, ERR_INVALID},
        {"https://exam ple.com/", OUTGOING_HTTPS, ERR_INVALID},
        {"https://example.com/\r\nX: y", OUTGOING_HTTPS, ERR_INVALID},
        {"smtps://mail.example.com", OUTGOING_SMTPS | OUTGOING_SMTP, ERR_OK},
        {"smtp://mail.example.com:587", OUTGOING_SMTPS | OUTGOING_SMTP, ERR_OK},
        {"https://mail.example.com", OUTGOING_SMTPS | OUTGOING_SMTP, ERR_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct diag d = {{0}};
        if (outgoing_check_url(cases[i].url, cases[i].schemes, &d) != cases[i].expected)
            fail_msg("%s: %s", cases[i].url, d.text);
    }
    char url[OUTGOING_URL_MAX_BYTES + 2];
    memset(url, 'a', sizeof url);
    memcpy(url, "https://example.com/", 20);
    url[OUTGOING_URL_MAX_BYTES] = 0;
    assert_int_equal(outgoing_check_url(url, OUTGOING_HTTPS, NULL), ERR_OK);
    url[OUTGOING_URL_MAX_BYTES] = 'a';
    url[OUTGOING_URL_MAX_BYTES + 1] = 0;
    assert_int_equal(outgoing_check_url(url, OUTGOING_HTTPS, NULL), ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
