#include "cli/args.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option_spec *find(const struct option_spec *table, const char *name, size_t len,
                                      char letter) {
    for (; table && table->name; table++) {
        if (letter && table->letter == letter) return table;
        if (!letter && strlen(table->name) == len && memcmp(table->name, name, len) == 0) return table;
    }
    return NULL;
}

static err add(struct args *out, const struct option_spec *spec, const char *value, struct diag *d) {
    if (!spec->repeats && args_has(out, spec->name))
        return diag_fail(d, ERR_INVALID, "--%s is given twice", spec->name);
    if (out->given_count == ARGS_OPTIONS_MAX)
        return diag_fail(d, ERR_INVALID, "more than %d options", ARGS_OPTIONS_MAX);
    out->given[out->given_count].name = spec->name;
    out->given[out->given_count++].value = value;
    return ERR_OK;
}

/* Reads the option at argv[*i]; moves *i to its value if that stands in the next argument. */
static err parse_option(int argc, char *const *argv, int *i, const struct option_spec *options,
                        const struct option_spec *more, struct args *out, struct diag *d) {
    const char *arg = argv[*i];
    bool is_long = arg[1] == '-';
    const char *name = arg + (is_long ? 2 : 1);
    const char *equals = is_long ? strchr(name, '=') : NULL;
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    if (!is_long && len != 1) return diag_fail(d, ERR_INVALID, "unknown option %.80s", arg);
    char letter = is_long ? 0 : name[0];
    const struct option_spec *spec = find(options, name, len, letter);
    if (!spec) spec = find(more, name, len, letter);
    if (!spec) return diag_fail(d, ERR_INVALID, "unknown option %.80s", arg);
    if (!spec->value) {
        if (equals) return diag_fail(d, ERR_INVALID, "--%s takes no value", spec->name);
        return add(out, spec, NULL, d);
    }
    if (equals) return add(out, spec, equals + 1, d);
    if (*i + 1 >= argc) return diag_fail(d, ERR_INVALID, "%.80s needs a value", arg);
    return add(out, spec, argv[++*i], d);
}

err args_parse(int argc, char *const *argv, const struct option_spec *options, const struct option_spec *more,
               struct args *out, struct diag *d) {
    *out = (struct args){0};
    bool only_positional = false;
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];
        if (!only_positional && strcmp(arg, "--") == 0) {
            only_positional = true;
            continue;
        }
        if (!only_positional && arg[0] == '-' && arg[1]) {
            err e = parse_option(argc, argv, &i, options, more, out, d);
            if (e) return e;
            continue;
        }
        if (out->count == ARGS_POSITIONAL_MAX) return diag_fail(d, ERR_INVALID, "too many arguments");
        out->positional[out->count++] = arg;
    }
    return ERR_OK;
}

bool args_has(const struct args *a, const char *name) {
    for (size_t i = 0; i < a->given_count; i++)
        if (strcmp(a->given[i].name, name) == 0) return true;
    return false;
}

const char *args_value(const struct args *a, const char *name) {
    for (size_t i = a->given_count; i-- > 0;)
        if (strcmp(a->given[i].name, name) == 0) return a->given[i].value;
    return NULL;
}

err args_number(const struct args *a, const char *name, int64_t min, int64_t max, int64_t otherwise,
                int64_t *out, struct diag *d) {
    const char *text = args_value(a, name);
    if (!text) {
        *out = otherwise;
        return ERR_OK;
    }
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || end == text || *end || value < min || value > max)
        return diag_fail(d, ERR_INVALID, "--%s: '%.40s' is not a number from %lld to %lld", name, text,
                         (long long)min, (long long)max);
    *out = value;
    return ERR_OK;
}

static bool parse_port(const char *text, uint16_t *out) {
    char *end = NULL;
    if (!*text) return false;
    unsigned long port = strtoul(text, &end, 10);
    if (*end || text[0] < '0' || text[0] > '9' || port > 65535) return false;
    *out = (uint16_t)port;
    return true;
}

static bool is_any(const void *address, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (((const unsigned char *)address)[i]) return false;
    return true;
}

err listen_parse(const char *text, struct listen_address *out, struct diag *d) {
    static const char wrong[] = "'%.80s' is no address to listen on: write 127.0.0.1:8440, [::1]:8440, or "
                                "0.0.0.0:8440 for every network";
    struct listen_address a = {0};
    const char *colon = strrchr(text, ':');
    if (!colon || !parse_port(colon + 1, &a.port)) return diag_fail(d, ERR_INVALID, wrong, text);
    size_t len = (size_t)(colon - text);
    const char *host = text;
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
        a.v6 = true;
    }
    if (len >= sizeof a.host) return diag_fail(d, ERR_INVALID, wrong, text);
    memcpy(a.host, host, len);
    if (len == 0) snprintf(a.host, sizeof a.host, "0.0.0.0");
    if (strcmp(a.host, "localhost") == 0) snprintf(a.host, sizeof a.host, "127.0.0.1");
    struct in_addr v4;
    struct in6_addr v6;
    if (!a.v6 && inet_pton(AF_INET, a.host, &v4) == 1) {
        a.loopback = ntohl(v4.s_addr) >> 24 == 127;
        a.any = is_any(&v4, sizeof v4);
    } else if (a.v6 && inet_pton(AF_INET6, a.host, &v6) == 1) {
        a.loopback = IN6_IS_ADDR_LOOPBACK(&v6);
        a.any = is_any(&v6, sizeof v6);
    } else {
        return diag_fail(d, ERR_INVALID, wrong, text);
    }
    *out = a;
    return ERR_OK;
}

void listen_format(const struct listen_address *a, char out[ADDRESS_TEXT_BYTES + 16]) {
    snprintf(out, ADDRESS_TEXT_BYTES + 16, a->v6 ? "[%s]:%u" : "%s:%u", a->host, (unsigned)a->port);
}
