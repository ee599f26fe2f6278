/* Where workers may be connected to: what the owner typed in numbers, and names that lead elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include "hub/camera_address.h"

static struct sockaddr_storage address_of(const char *text) {
    struct sockaddr_storage a = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&a;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&a;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        a.ss_family = AF_INET;
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
        a.ss_family = AF_INET6;
    }
    return a;
}

static void test_near(void **state) {
    (void)state;
    static const struct {
        const char *address;
        bool near;
    } cases[] = {
        {"127.0.0.1", true},
        {"127.255.1.2", true},
        {"126.255.255.255", false},
        {"128.0.0.1", false},
        {"169.254.0.1", true},
        {"169.253.255.255", false},
        {"169.255.0.0", false},
        {"0.0.0.0", true},
        {"0.1.2.3", true},
        {"224.0.0.1", true},
        {"239.255.255.250", true},
        {"255.255.255.255", true},
        {"203.0.113.9", false},
        {"::", true},
        {"::1", true},
        {"fe80::1", true},
        {"febf::1", true},
        {"fec0::1", false},
        {"ff02::1", true},
        {"2001:db8::1", false},
        {"::ffff:127.0.0.1", true},
        {"::ffff:169.254.9.9", true},
        {"::ffff:0.0.0.0", true},
        {"::ffff:203.0.113.9", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sockaddr_storage a = address_of(cases[i].address);
        if (camera_address_is_near((struct sockaddr *)&a) != cases[i].near) fail_msg("%s", cases[i].address);
    }
}

static void test_own_interfaces(void **state) {
    (void)state;
    struct ifaddrs *list = NULL;
    assert_int_equal(getifaddrs(&list), 0);
    for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
        if (!i->ifa_addr || (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
            continue;
        assert_true(camera_address_is_near(i->ifa_addr));
        if (i->ifa_addr->sa_family != AF_INET) continue;
        struct sockaddr_storage mapped = address_of("::ffff:0.0.0.0"); /* the same by IPv6 */
        memcpy(((struct sockaddr_in6 *)(void *)&mapped)->sin6_addr.s6_addr + 12,
               &((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr, 4);
        assert_true(camera_address_is_near((struct sockaddr *)&mapped));
    }
    freeifaddrs(list);
}

static void test_find(void **state) {
    (void)state;
    static const struct {
        const char *host;
        bool typed;
        err expected;
        const char *says;
    } cases[] = {
        {"127.0.0.1", true, ERR_OK, ""},
        {"::1", true, ERR_OK, ""},
        {"::ffff:127.0.0.1", true, ERR_OK, ""},
        {"192.0.2.7", true, ERR_OK, ""},
        {"169.254.3.4", true, ERR_OK, ""}, /* a camera on a cable of its own */
        {"0.0.0.0", true, ERR_DENIED, "no camera's address"},
        {"::", true, ERR_DENIED, "no camera's address"},
        {"224.0.0.1", true, ERR_DENIED, "no camera's address"},
        {"localhost", false, ERR_DENIED, "leads to this machine"},
        {"127.1", false, ERR_DENIED, "in numbers"},
        {"0x7f000001", false, ERR_DENIED, "in numbers"},
        {"2130706433", false, ERR_DENIED, "in numbers"},
        {"0", false, ERR_DENIED, "leads to this machine"},
        {"no-such-host.invalid", false, ERR_NOT_FOUND, "not known"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct camera_address a = {0};
        struct diag d = {{0}};
        err e = camera_address_find(cases[i].host, &a, &d);
        if (e != cases[i].expected) fail_msg("%s: %s (%s)", cases[i].host, err_text(e), d.text);
        assert_int_equal(camera_host_is_address(cases[i].host), cases[i].typed);
        assert_int_equal(a.len != 0, e == ERR_OK);
        assert_non_null(strstr(d.text, cases[i].says));
    }
    assert_true(camera_host_is_address("fe80::1%eth0"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_near),
        cmocka_unit_test(test_own_interfaces),
        cmocka_unit_test(test_find),
    };
    return cmocka_run_group_tests_name("camera addresses", tests, NULL, NULL);
}
