/* text.c: how times, sizes and spans read for people. */
#include <time.h>

#include "cli/cli.h"

void cli_time_text(struct wall_us t, char out[48]) {
    time_t seconds = (time_t)(t.us / 1000000);
    struct tm local;
    localtime_r(&seconds, &local);
    strftime(out, 48, "%Y-%m-%d %H:%M:%S", &local);
}

void cli_bytes_text(uint64_t bytes, char out[24]) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 999.5 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1000;
        unit++;
    }
    snprintf(out, 24, unit && value < 10 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

void cli_span_text(int64_t seconds, char out[32]) {
    long long s = seconds;
    if (s < 120)
        snprintf(out, 32, "%lld s", s);
    else if (s < 7200)
        snprintf(out, 32, "%lld min", s / 60);
    else if (s < 172800)
        snprintf(out, 32, "%lld h %02lld min", s / 3600, s % 3600 / 60);
    else
        snprintf(out, 32, "%lld days", s / 86400);
}
