#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const texts[ERR_COUNT_] = {
    [ERR_OK] = "done",
    [ERR_INVALID] = "malformed",
    [ERR_FORGED] = "forged or damaged",
    [ERR_DENIED] = "refused",
    [ERR_NOT_FOUND] = "not found",
    [ERR_EXISTS] = "exists already",
    [ERR_CONFLICT] = "changed meanwhile",
    [ERR_LIMIT] = "over the limit",
    [ERR_NO_SPACE] = "no space left",
    [ERR_NO_MEMORY] = "out of memory",
    [ERR_BUSY] = "busy",
    [ERR_IO] = "input or output failed",
    [ERR_UNREACHABLE] = "unreachable",
    [ERR_TIMEOUT] = "no answer in time",
    [ERR_CUT_SHORT] = "cut short",
    [ERR_UNSUPPORTED] = "not supported",
    [ERR_CANCELLED] = "cancelled",
};

const char *err_text(err e) {
    if ((unsigned)e >= ERR_COUNT_) return "unknown error";
    return texts[e];
}

/* Bytes of the character at `at`; 0: there is none (RFC 3629, section 4). */
static size_t character(const unsigned char *at) {
    static const struct {
        unsigned char first, last, least, most; /* of the first byte; of the second */
        size_t bytes;
    } forms[] = {{0x01, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
                 {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
                 {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (*at < forms[i].first || *at > forms[i].last) continue;
        size_t n = 1;
        if (forms[i].bytes > 1 && at[1] >= forms[i].least && at[1] <= forms[i].most) n = 2;
        while (n > 1 && n < forms[i].bytes && (at[n] & 0xc0) == 0x80) n++;
        return n == forms[i].bytes ? n : 0;
    }
    return 0;
}

void text_mend(char *text) {
    for (size_t n; *text; text += n) {
        n = character((const unsigned char *)text);
        if (n) continue;
        *text = '?';
        n = 1;
    }
}

err diag_fail(struct diag *d, err e, const char *format, ...) {
    if (d) {
        va_list args;
        va_start(args, format);
        vsnprintf(d->text, sizeof d->text, format, args);
        va_end(args);
        text_mend(d->text);
    }
    return e;
}

void diag_prefix(struct diag *d, const char *format, ...) {
    if (!d) return;
    struct diag old = *d;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(d->text, sizeof d->text, format, args);
    va_end(args);
    int room = n < 0 ? 0 : (int)sizeof d->text - n - 3;
    if (room > 0) snprintf(d->text + n, sizeof d->text - (size_t)n, ": %.*s", room, old.text);
    text_mend(d->text);
}
