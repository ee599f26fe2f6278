#include "hub/camera_address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#define HOST_BYTES 256

bool camera_host_is_address(const char *host) {
    char plain[HOST_BYTES];
    struct in6_addr any;
    size_t len = strcspn(host, "%");
    if (inet_pton(AF_INET, host, &any) == 1) return true;
    if (len >= sizeof plain) return false;
    memcpy(plain, host, len);
    plain[len] = 0;
    return inet_pton(AF_INET6, plain, &any) == 1;
}

/* IPv4 as it is, and out of ::ffff:a.b.c.d. False: it is IPv6 alone. */
static bool as_v4(const struct sockaddr *a, uint32_t *out) {
    if (a->sa_family == AF_INET) {
        *out = ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr);
        return true;
    }
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
    if (!IN6_IS_ADDR_V4MAPPED(v6)) return false;
    memcpy(out, v6->s6_addr + 12, sizeof *out);
    *out = ntohl(*out);
    return true;
}

static bool same_host(const struct sockaddr *a, const struct sockaddr *b) {
    uint32_t x, y;
    bool v4 = as_v4(a, &x);
    if (v4 != as_v4(b, &y)) return false;
    if (v4) return x == y;
    return memcmp(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr,
                  &((const struct sockaddr_in6 *)(const void *)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

static bool is_of_this_machine(const struct sockaddr *a) {
    struct ifaddrs *list = NULL;
    bool found = false;
    if (getifaddrs(&list)) return true; /* nobody can tell: a name is then no proof that it is elsewhere */
    for (const struct ifaddrs *i = list; i && !found; i = i->ifa_next)
        found = i->ifa_addr && (i->ifa_addr->sa_family == AF_INET || i->ifa_addr->sa_family == AF_INET6) &&
                same_host(i->ifa_addr, a);
    freeifaddrs(list);
    return found;
}

/* 0.0.0.0/8 and ::, which the kernel takes for this machine, and what is no one machine. */
static bool is_none(const struct sockaddr *a) {
    uint32_t v4;
    if (as_v4(a, &v4)) return v4 >> 24 == 0 || v4 >> 28 >= 14;
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
    return IN6_IS_ADDR_UNSPECIFIED(v6) || IN6_IS_ADDR_MULTICAST(v6);
}

bool camera_address_is_near(const struct sockaddr *a) {
    uint32_t v4;
    if (a->sa_family != AF_INET && a->sa_family != AF_INET6) return true;
    if (is_none(a)) return true;
    if (as_v4(a, &v4)) {
        if (v4 >> 24 == 127 || v4 >> 16 == 0xa9fe) return true; /* 127/8, 169.254/16 */
    } else {
        const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
        if (IN6_IS_ADDR_LOOPBACK(v6) || IN6_IS_ADDR_LINKLOCAL(v6)) return true;
    }
    return is_of_this_machine(a);
}

static err refuse(const char *host, bool typed, struct diag *d) {
    if (typed) return diag_fail(d, ERR_DENIED, "%.60s is no camera's address", host);
    return diag_fail(
        d, ERR_DENIED,
        "the camera's host name leads to this machine itself: if the camera is really there, write its "
        "address in numbers");
}

err camera_address_find(const char *host, struct camera_address *out, struct diag *d) {
    bool typed = camera_host_is_address(host);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = typed ? AI_NUMERICHOST : AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    if (getaddrinfo(host, NULL, &hints, &list) || !list)
        return diag_fail(d, ERR_NOT_FOUND, "the camera's host name is not known");
    bool found = false;
    for (const struct addrinfo *i = list; i && !found; i = i->ai_next) {
        if (i->ai_addrlen > sizeof out->address) continue;
        found = typed ? !is_none(i->ai_addr) : !camera_address_is_near(i->ai_addr);
        if (!found) continue;
        memcpy(&out->address, i->ai_addr, i->ai_addrlen);
        out->len = i->ai_addrlen;
    }
    freeaddrinfo(list);
    return found ? ERR_OK : refuse(host, typed, d);
}
