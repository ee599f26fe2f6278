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

err diag_fail(struct diag *d, err e, const char *format, ...) {
    if (d) {
        va_list args;
        va_start(args, format);
        vsnprintf(d->text, sizeof d->text, format, args);
        va_end(args);
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
    if (n < 0 || (size_t)n >= sizeof d->text) return;
    int room = (int)sizeof d->text - n - 3;
    if (room > 0) snprintf(d->text + n, sizeof d->text - (size_t)n, ": %.*s", room, old.text);
}
