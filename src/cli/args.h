/* args.h: a command's arguments, read against its table of options.
 *
 * "--name value", "--name=value", "-o value"; a value may begin with a dash ("--from -5m"); "--" ends the
 * options and "-" alone is a positional. Everything is borrowed from argv. Threads: no shared state. */
#ifndef CARDEA_CLI_ARGS_H
#define CARDEA_CLI_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define ARGS_POSITIONAL_MAX 8
#define ARGS_OPTIONS_MAX 32 /* given ones; of a repeatable option each counts */

struct option_spec {
    const char *name; /* without dashes; NULL ends a table */
    char letter;      /* 0: no short form */
    bool value;       /* takes one */
    bool repeats;     /* may be given more than once */
};

struct args {
    const char *positional[ARGS_POSITIONAL_MAX];
    size_t count;
    struct {
        const char *name, *value;
    } given[ARGS_OPTIONS_MAX];
    size_t given_count;
};

/* Options come from both tables; the second may be NULL. ERR_INVALID: d says which argument is wrong. */
err args_parse(int argc, char *const *argv, const struct option_spec *options, const struct option_spec *more,
               struct args *out, struct diag *d) CHECKED;

bool args_has(const struct args *a, const char *name);
/* The last value given, or NULL. */
const char *args_value(const struct args *a, const char *name);
/* The value, or `otherwise` when it is not given; ERR_INVALID outside [min, max]. */
err args_number(const struct args *a, const char *name, int64_t min, int64_t max, int64_t otherwise,
                int64_t *out, struct diag *d) CHECKED;

/* Splits "127.0.0.1:8440", "[::1]:8440" or ":8440" (all addresses). ERR_INVALID. */
#define ADDRESS_TEXT_BYTES 64
struct listen_address {
    char host[ADDRESS_TEXT_BYTES]; /* a numeric address, without brackets */
    uint16_t port;                 /* 0: any free one */
    bool loopback, any, v6;
};
err listen_parse(const char *text, struct listen_address *out, struct diag *d) CHECKED;
/* "127.0.0.1:8440", "[::1]:8440": as programs take it. */
void listen_format(const struct listen_address *a, char out[ADDRESS_TEXT_BYTES + 16]);

#endif
