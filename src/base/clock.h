/* clock.h: wall time and steady time are different types.
 *
 * Wall time can jump; it says when something happened. Steady time only goes
 * forward; it says how long something took. Slots are the seconds of the key
 * tree (docs/keys.md). */
#ifndef CARDEA_BASE_CLOCK_H
#define CARDEA_BASE_CLOCK_H

#include <stdint.h>

#include "base/err.h"

struct wall_us {
    int64_t us; /* microseconds since 1970-01-01T00:00:00Z */
};
struct steady_us {
    int64_t us; /* microseconds since an arbitrary start, CLOCK_BOOTTIME */
};

struct wall_us wall_now(void);
struct steady_us steady_now(void);

/* The slot that holds a wall time; clamped to [0, 2^32). */
uint32_t wall_slot(struct wall_us t);

/* ISO 8601 in UTC with milliseconds, "2026-11-22T14:03:00.250Z". */
#define WALL_TEXT_BYTES 32
void wall_format(struct wall_us t, char out[WALL_TEXT_BYTES]);

/* Parses ISO 8601 ("2026-11-22", "2026-11-22T14:03", "…:00", with fraction, with Z or
 * +hh:mm; without a zone it is local time), "now", or relative to now ("-5m", "-1h30m",
 * "+10s"). ERR_INVALID with the accepted forms in d. */
err wall_parse(const char *text, struct wall_us now, struct wall_us *out, struct diag *d) CHECKED;

/* "30s", "10m", "2h", "7d", "1h30m" to seconds. ERR_INVALID. */
err duration_parse(const char *text, int64_t *out_s, struct diag *d) CHECKED;

#endif
