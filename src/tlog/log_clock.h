/* log_clock.h: the times of a log's entries, held against each other and against one's own clock.
 *
 * Entries are dated by the vault, so what a time says is the vault's word; but a log is read in its order,
 * and an order in which time goes back, or an entry that is not yet, is a date that was made up: somebody who
 * looked today would stand there as of last year. Clocks are set, and are not alike: LOG_CLOCK_OFF_S is
 * allowed everywhere (by grantees too). Threads: no shared state. */
#ifndef CARDEA_TLOG_LOG_CLOCK_H
#define CARDEA_TLOG_LOG_CLOCK_H

#include "base/clock.h"

#define LOG_CLOCK_OFF_S 300

enum log_clock_fault {
    LOG_CLOCK_FINE,
    LOG_CLOCK_BACK,  /* older than an entry before it, by more than that */
    LOG_CLOCK_AHEAD, /* later than our own clock, by more than that */
};

/* Zeros at first; it may be kept between two readings of the same log. */
struct log_clock {
    struct wall_us latest; /* of the entries so far */
};

/* The next entry's time. After a fault it goes on: from the time that went back, or without the one that is
 * ahead, so that each setting of a clock is found once. */
enum log_clock_fault log_clock_take(struct log_clock *c, struct wall_us entry, struct wall_us now);

#endif
