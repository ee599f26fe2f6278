/* media_time.h: makes of a camera's 32-bit RTP timestamps the times that a file needs: 64 bits, decoding
 * times that only go forward, presentation times never before them. Threads: no shared state. */
#ifndef CARDEA_MEDIA_MEDIA_TIME_H
#define CARDEA_MEDIA_MEDIA_TIME_H

#include <stdbool.h>

#include "base/clock.h"

#define MEDIA_TIME_REORDER_MAX 16
#define MEDIA_TIME_REORDER_LEARNED_MAX 4 /* when the parameter sets do not say */
#define MEDIA_TIME_JUMP_S                                                                                    \
    10 /* further ahead of real time than this is no pause but a jump of the camera's clock */
#define MEDIA_TIME_BACK_S 2 /* further back than this, too */

struct media_time {
    uint32_t clock_hz;
    bool begun;
    uint32_t last_rtp;
    int64_t last_raw; /* unwrapped, as the camera counts */
    int64_t offset;   /* added to it, for jumps that were mended */
    struct steady_us last_arrival;
    int64_t last_pts, last_dts;
    uint64_t mended; /* samples whose times were not usable as sent */

    uint8_t reorder; /* depth */
    bool reorder_known;
    uint8_t pending_count;
    int64_t
        pending[MEDIA_TIME_REORDER_MAX + 1]; /* ascending presentation times whose decoding time is to come */
    uint8_t lead;                            /* samples of the lead-in that were numbered */
    int64_t lead_base;                       /* presentation time of the first */

    uint32_t report_rtp; /* the last sender report */
    struct wall_us report_wall;
    bool report_resolved; /* report_pts is valid: a packet has come to unwrap against */
    int64_t report_pts;
};

void media_time_init(struct media_time *t, uint32_t clock_hz);
/* `depth` as the parameter sets say; `known` false when they are silent and it is to be learned. */
void media_time_reorder(struct media_time *t, unsigned depth, bool known);
void media_time_next(struct media_time *t, uint32_t rtp, struct steady_us arrival, int64_t *out_pts,
                     int64_t *out_dts);

void media_time_report(struct media_time *t, uint32_t rtp, struct wall_us wall);
bool media_time_wall(const struct media_time *t, int64_t pts, struct wall_us *out);

#endif
