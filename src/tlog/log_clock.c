#include "tlog/log_clock.h"

#define OFF_US (LOG_CLOCK_OFF_S * INT64_C(1000000))

enum log_clock_fault log_clock_take(struct log_clock *c, struct wall_us entry, struct wall_us now) {
    if (entry.us > now.us && entry.us - now.us > OFF_US) return LOG_CLOCK_AHEAD;
    if (entry.us < c->latest.us && c->latest.us - entry.us > OFF_US) {
        c->latest = entry;
        return LOG_CLOCK_BACK;
    }
    if (entry.us > c->latest.us) c->latest = entry;
    return LOG_CLOCK_FINE;
}
