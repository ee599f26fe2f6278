/* must.h: what small benches do when something fails, and their clock. */
#ifndef CARDEA_BENCH_MUST_H
#define CARDEA_BENCH_MUST_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"

/* Says what failed, with d's text (NULL: none), and ends the program. */
static inline _Noreturn void stop(const char *what, const struct diag *d) {
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, d ? d->text : "failed");
    exit(1);
}

static inline void must(err e, const struct diag *d) {
    if (e) stop(err_text(e), d);
}

static inline double now_s(void) {
    return (double)steady_now().us / 1e6;
}

#endif
