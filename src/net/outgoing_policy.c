/* Which servers are spoken to, and how. */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <strings.h>

#include "net/outgoing.h"

static bool home_v4(uint32_t a) {
    return a >> 24 == 127 || a >> 24 == 10 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 || a >> 16 == 0xa9fe;
}

static bool home_v6(const struct in6_addr *a) {
    if (IN6_IS_ADDR_V4MAPPED(a)) return home_v4(be32_get(a->s6_addr + 12));
    return IN6_IS_ADDR_LOOPBACK(a) || IN6_IS_ADDR_LINKLOCAL(a) || (a->s6_addr[0] & 0xfe) == 0xfc;
}

bool outgoing_at_home(const struct sockaddr *address) {
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        return home_v4(ntohl(v4.sin_addr.s_addr));
    }
    if (address->sa_family != AF_INET6) return false;
    struct sockaddr_in6 v6;
    memcpy(&v6, address, sizeof v6);
    return home_v6(&v6.sin6_addr);
}

/* An address without its brackets and its zone. */
static bool numeric(const char *host, struct in_addr *v4, struct in6_addr *v6, bool *is_v6) {
    char plain[INET6_ADDRSTRLEN + 1];
    size_t skip = *host == '[', len = strcspn(host + skip, "]%");
    *is_v6 = false;
    if (len >= sizeof plain) return false;
    memcpy(plain, host + skip, len);
    plain[len] = 0;
    if (inet_pton(AF_INET, plain, v4) == 1) return true;
    *is_v6 = inet_pton(AF_INET6, plain, v6) == 1;
    return *is_v6;
}

bool outgoing_home_name(const char *host) {
    static const char *const ends[] = {".local", ".lan", ".home", ".internal", ".home.arpa"};
    struct in_addr v4;
    struct in6_addr v6;
    bool is_v6;
    if (numeric(host, &v4, &v6, &is_v6)) return is_v6 ? home_v6(&v6) : home_v4(ntohl(v4.s_addr));
    size_t len = strlen(host);
    if (!strchr(host, '.')) return len > 0;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t end = strlen(ends[i]);
        if (len > end && strcasecmp(host + len - end, ends[i]) == 0) return true;
    }
    return false;
}

bool outgoing_loopback_name(const char *host) {
    struct in_addr v4;
    struct in6_addr v6;
    bool is_v6;
    if (numeric(host, &v4, &v6, &is_v6))
        return is_v6 ? IN6_IS_ADDR_LOOPBACK(&v6) : ntohl(v4.s_addr) >> 24 == 127;
    return strcasecmp(host, "localhost") == 0;
}

static unsigned scheme_of(const char *scheme) {
    static const struct {
        const char *name;
        unsigned bit;
    } all[] = {{"https", OUTGOING_HTTPS},
               {"http", OUTGOING_HTTP},
               {"smtps", OUTGOING_SMTPS},
               {"smtp", OUTGOING_SMTP}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(scheme, all[i].name) == 0) return all[i].bit;
    return 0;
}

static const char *right_form(unsigned schemes) {
    return schemes & OUTGOING_SMTPS ? "smtps://mail.example:465 or smtp://mail.example:587"
                                    : "https://server.example/path";
}

static bool printable(const char *url) {
    for (; *url; url++)
        if (*url <= ' ' || *url > '~') return false;
    return true;
}

err outgoing_check_url(const char *url, unsigned schemes, struct diag *d) {
    if (strlen(url) > OUTGOING_URL_MAX_BYTES)
        return diag_fail(d, ERR_INVALID, "the address is longer than %d bytes", OUTGOING_URL_MAX_BYTES);
    CURLU *parts = curl_url();
    char *scheme = NULL, *host = NULL, *user = NULL;
    if (!parts) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    bool good = printable(url) && !curl_url_set(parts, CURLUPART_URL, url, 0) &&
                !curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) &&
                !curl_url_get(parts, CURLUPART_HOST, &host, 0) && (scheme_of(scheme) & schemes);
    err e = ERR_OK;
    if (!good)
        e = diag_fail(d, ERR_INVALID, "the address must look like %s", right_form(schemes));
    else if (curl_url_get(parts, CURLUPART_USER, &user, 0) == CURLUE_OK)
        e = diag_fail(d, ERR_INVALID,
                      "no user name or password may stand in the address: addresses are shown");
    else if (scheme_of(scheme) == OUTGOING_HTTP && !outgoing_home_name(host))
        e = diag_fail(
            d, ERR_INVALID,
            "http:// is for servers of this home alone (192.168.…, name.local): use https:// for %.100s",
            host);
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_url_cleanup(parts);
    return e;
}
