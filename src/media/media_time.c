#include "media/media_time.h"

#include <string.h>

#define LEAD_STEP_HZ                                                                                         \
    30 /* decoding times before the first picture's are spaced so, until real ones are known */

void media_time_init(struct media_time *t, uint32_t clock_hz) {
    memset(t, 0, sizeof *t);
    t->clock_hz = clock_hz ? clock_hz : 90000;
}

static void lead_in(struct media_time *t) {
    t->pending_count = 0;
    t->lead = 0;
}

void media_time_reorder(struct media_time *t, unsigned depth, bool known) {
    if (depth > MEDIA_TIME_REORDER_MAX) depth = MEDIA_TIME_REORDER_MAX;
    if (!known && t->reorder_known == known && t->begun) return; /* keep what was learned */
    if (t->reorder != depth) lead_in(t);
    t->reorder = (uint8_t)depth;
    t->reorder_known = known;
}

static void report_resolve(struct media_time *t) {
    if (!t->report_wall.us || !t->begun) return;
    t->report_pts = t->last_raw + (int32_t)(t->report_rtp - t->last_rtp) + t->offset;
    t->report_resolved = true;
}

/* Unwraps; where the camera's clock jumped, time goes on as it did here. */
static int64_t unwrap(struct media_time *t, uint32_t rtp, struct steady_us arrival) {
    if (!t->begun) {
        t->begun = true;
        t->last_raw = (1ll << 32) + rtp; /* room below, for decoding times before the first picture */
        t->last_rtp = rtp;
        t->last_arrival = arrival;
        t->last_dts = INT64_MIN;
        t->last_pts = t->last_raw;
        if (!t->report_resolved) report_resolve(t);
        return t->last_raw;
    }
    int64_t delta = (int32_t)(rtp - t->last_rtp), hz = t->clock_hz;
    int64_t elapsed_us = arrival.us > t->last_arrival.us ? arrival.us - t->last_arrival.us : 0;
    int64_t elapsed = elapsed_us / 1000000 * hz + elapsed_us % 1000000 * hz / 1000000;
    t->last_raw += delta;
    t->last_rtp = rtp;
    t->last_arrival = arrival;
    if (delta > elapsed + MEDIA_TIME_JUMP_S * hz || delta < -MEDIA_TIME_BACK_S * hz) {
        int64_t wanted = t->last_pts + (elapsed > 0 ? elapsed : 1);
        t->offset = wanted - t->last_raw;
        t->mended++;
        t->report_resolved = false; /* it told of the clock before the jump */
        t->report_wall.us = 0;
        lead_in(t);
    }
    return t->last_raw + t->offset;
}

static void pending_insert(struct media_time *t, int64_t pts) {
    uint8_t at = t->pending_count++;
    while (at > 0 && t->pending[at - 1] > pts) {
        t->pending[at] = t->pending[at - 1];
        at--;
    }
    t->pending[at] = pts;
}

/* The n-th picture to be decoded gets the time of the (n - depth)-th to be shown; those before are made up.
 */
static int64_t decode_time(struct media_time *t, int64_t pts) {
    pending_insert(t, pts);
    if (t->pending_count <= t->reorder) {
        if (t->lead == 0) t->lead_base = pts;
        int64_t step = t->clock_hz / LEAD_STEP_HZ;
        return t->lead_base - (t->reorder - t->lead++) * step;
    }
    int64_t dts = t->pending[0];
    memmove(t->pending, t->pending + 1, --t->pending_count * sizeof *t->pending);
    return dts;
}

void media_time_next(struct media_time *t, uint32_t rtp, struct steady_us arrival, int64_t *out_pts,
                     int64_t *out_dts) {
    int64_t pts = unwrap(t, rtp, arrival), dts;
    if (t->reorder == 0) {
        if (pts < t->last_dts && !t->reorder_known) {
            t->reorder = 1; /* silent parameter sets, and now it is seen that pictures are reordered */
            lead_in(t);
        }
        dts = pts;
    } else {
        dts = decode_time(t, pts);
        if (dts > pts && !t->reorder_known && t->reorder < MEDIA_TIME_REORDER_LEARNED_MAX) {
            t->reorder++;
            lead_in(t);
        }
    }
    bool mended = false;
    if (t->last_dts != INT64_MIN && dts <= t->last_dts) {
        dts = t->last_dts + 1;
        mended = true;
    }
    if (pts < dts) {
        pts = dts;
        mended = true;
    }
    t->mended += mended;
    t->last_dts = dts;
    if (pts > t->last_pts) t->last_pts = pts;
    *out_pts = pts;
    *out_dts = dts;
}

void media_time_report(struct media_time *t, uint32_t rtp, struct wall_us wall) {
    t->report_rtp = rtp;
    t->report_wall = wall;
    t->report_resolved = false;
    report_resolve(t);
}

bool media_time_wall(const struct media_time *t, int64_t pts, struct wall_us *out) {
    if (!t->report_resolved) return false;
    int64_t ticks = pts - t->report_pts, hz = t->clock_hz;
    out->us = t->report_wall.us + ticks / hz * 1000000 + ticks % hz * 1000000 / hz;
    return true;
}
