/* Request targets, ranges and hosts: what strangers write into the first lines of a request. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "net/http_server.h"

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Decodes [from, to) to *at and ends it with a zero. */
static err decode(const char *from, const char *to, char **at, struct diag *d) {
    for (; from < to; from++) {
        int c = (unsigned char)*from;
        if (c == '%') {
            int high = to - from > 2 ? hex_digit(from[1]) : -1;
            int low = high >= 0 ? hex_digit(from[2]) : -1;
            if (low < 0) return diag_fail(d, ERR_INVALID, "the address holds a broken %% escape");
            c = high << 4 | low;
            from += 2;
        }
        if (c < 32 || c == 127) return diag_fail(d, ERR_INVALID, "the address holds a control character");
        *(*at)++ = (char)c;
    }
    *(*at)++ = 0;
    return ERR_OK;
}

static err parse_query(const char *query, struct http_target *out, char **at, struct diag *d) {
    while (*query) {
        const char *end = strchrnul(query, '&'), *equals = memchr(query, '=', (size_t)(end - query));
        if (out->query_count == HTTP_QUERY_MAX)
            return diag_fail(d, ERR_LIMIT, "the address has more than %d parameters", HTTP_QUERY_MAX);
        struct http_pair *pair = &out->query[out->query_count];
        pair->name = *at;
        err e = decode(query, equals ? equals : end, at, d);
        if (e) return e;
        pair->value = *at;
        e = equals ? decode(equals + 1, end, at, d) : decode(end, end, at, d);
        if (e) return e;
        if (!*pair->name) return diag_fail(d, ERR_INVALID, "the address has a parameter without a name");
        for (size_t i = 0; i < out->query_count; i++)
            if (strcmp(out->query[i].name, pair->name) == 0)
                return diag_fail(d, ERR_INVALID, "the parameter \"%.60s\" is given twice", pair->name);
        out->query_count++;
        query = *end ? end + 1 : end;
    }
    return ERR_OK;
}

static bool climbs(const char *path) {
    for (const char *p = path; (p = strstr(p, "/..")); p += 3)
        if (p[3] == '/' || p[3] == 0) return true;
    return false;
}

err http_target_parse(const char *raw, struct http_target *out, struct diag *d) {
    out->query_count = 0;
    out->path = "";
    size_t len = strlen(raw);
    if (len > HTTP_TARGET_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "the address is longer than %d bytes", HTTP_TARGET_MAX_BYTES);
    const char *question = strchrnul(raw, '?');
    char *at = out->text;
    err e = decode(raw, question, &at, d);
    if (e) return e;
    if (out->text[0] != '/') return diag_fail(d, ERR_INVALID, "the address must begin with a slash");
    if (climbs(out->text)) return diag_fail(d, ERR_INVALID, "the address must not hold \"..\"");
    e = *question ? parse_query(question + 1, out, &at, d) : ERR_OK;
    if (e) return e;
    out->path = out->text;
    return ERR_OK;
}

const char *http_header(const struct http_request *request, const char *name) {
    return request->header_get ? request->header_get(request, name) : NULL;
}

const char *http_query(const struct http_request *request, const char *name) {
    for (size_t i = 0; i < request->target.query_count; i++)
        if (strcmp(request->target.query[i].name, name) == 0) return request->target.query[i].value;
    return NULL;
}

bool http_host_is_loopback(const char *host) {
    if (!host) return false;
    size_t len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    if (len > strlen(host)) return false;
    const char *rest = host + len;
    if (*rest && (*rest != ':' || strspn(rest + 1, "0123456789") != strlen(rest + 1))) return false;
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == len && strncasecmp(names[i], host, len) == 0) return true;
    return false;
}

/* Digits alone, so that signs and spaces do not pass. */
static bool read_number(const char **at, uint64_t *out) {
    const char *p = *at;
    uint64_t v = 0;
    while (*p >= '0' && *p <= '9') {
        if (v > (UINT64_MAX - 9) / 10) return false;
        v = v * 10 + (uint64_t)(*p++ - '0');
    }
    if (p == *at) return false;
    *at = p;
    *out = v;
    return true;
}

err http_range_parse(const char *value, uint64_t total, uint64_t *begin, uint64_t *end) {
    if (strncasecmp(value, "bytes=", 6) != 0) return ERR_INVALID;
    const char *p = value + 6;
    uint64_t first = 0, last = UINT64_MAX - 1;
    bool suffix = *p == '-';
    if (!suffix && !read_number(&p, &first)) return ERR_INVALID;
    if (*p++ != '-') return ERR_INVALID;
    if (*p && !read_number(&p, &last)) return ERR_INVALID;
    if (*p || (suffix && last == UINT64_MAX - 1) || (!suffix && last < first)) return ERR_INVALID;
    if (suffix) {
        if (last == 0 || total == 0) return ERR_LIMIT;
        first = last < total ? total - last : 0;
        last = total - 1;
    }
    if (first >= total) return ERR_LIMIT;
    *begin = first;
    *end = last < total - 1 ? last + 1 : total;
    return ERR_OK;
}
