#include "media/timeline.h"

static int64_t clamp(int64_t v, int64_t limit) {
    return v > limit ? limit : v < -limit ? -limit : v;
}

bool wall_base_update(struct wall_base *b, struct wall_us wall, struct steady_us steady) {
    int64_t now = wall.us - steady.us, off = now - b->offset_us;
    bool first = !b->set, jumped = !first && (off > TIMELINE_STEP_US || off < -TIMELINE_STEP_US);
    if (first || jumped) {
        b->offset_us = now;
        b->set = true;
        if (jumped) b->jumps++;
    } else {
        int64_t passed = steady.us - b->last.us;
        b->offset_us += clamp(off, passed > 0 ? passed * TIMELINE_CORRECTION_PPM / 1000000 : 0);
    }
    b->last = steady;
    return jumped;
}

struct wall_us wall_base_at(const struct wall_base *b, struct steady_us t) {
    return (struct wall_us){t.us + b->offset_us};
}

void timeline_init(struct timeline *t, uint32_t clock_hz) {
    *t = (struct timeline){.clock_hz = clock_hz};
}

void timeline_reset(struct timeline *t) {
    t->set = t->seen = t->aligned = false;
}

static void restart(struct timeline *t, int64_t media_us, int64_t latency_us) {
    t->set = t->seen = true;
    t->offset_us = latency_us;
    t->best_us[0] = t->best_us[1] = latency_us;
    t->window_start_us = t->corrected_media_us = media_us;
}

static void take_latency(struct timeline *t, int64_t media_us, int64_t latency_us) {
    if (media_us - t->window_start_us > TIMELINE_WINDOW_US) {
        t->best_us[1] = t->best_us[0];
        t->best_us[0] = latency_us;
        t->window_start_us = media_us;
    }
    if (latency_us < t->best_us[0]) t->best_us[0] = latency_us;
}

static int64_t best(const struct timeline *t) {
    return t->best_us[0] < t->best_us[1] ? t->best_us[0] : t->best_us[1];
}

static int64_t ticks_to_us(int64_t ticks, uint32_t hz) {
    return ticks / (int64_t)hz * 1000000 + ticks % (int64_t)hz * 1000000 / (int64_t)hz;
}

void timeline_observe(struct timeline *t, int64_t ticks, struct wall_us arrived) {
    int64_t media_us = ticks_to_us(ticks, t->clock_hz), latency_us = arrived.us - media_us;
    if (t->set) return;
    if (!t->seen) restart(t, media_us, latency_us);
    t->set = false;
    take_latency(t, media_us, latency_us);
}

void timeline_align(struct timeline *t, int64_t offset_us) {
    int64_t off = t->seen ? offset_us - best(t) : 0;
    t->aligned = off <= TIMELINE_STEP_US && off >= -TIMELINE_STEP_US;
    t->aligned_us = offset_us;
}

static void correct(struct timeline *t, int64_t media_us, int64_t off) {
    bool at_once = t->aligned && (off > TIMELINE_ALIGN_US || off < -TIMELINE_ALIGN_US);
    int64_t most = (media_us - t->corrected_media_us) * TIMELINE_CORRECTION_PPM / 1000000;
    t->offset_us += at_once ? off : clamp(off, most > 0 ? most : 0);
    t->corrected_media_us = media_us;
}

enum timeline_fit timeline_map(struct timeline *t, int64_t ticks, struct wall_us arrived, bool may_correct,
                               struct wall_us *out) {
    int64_t media_us = ticks_to_us(ticks, t->clock_hz), latency_us = arrived.us - media_us;
    bool first = !t->set, step = first && !t->seen;
    if (first && t->seen) {
        take_latency(t, media_us, latency_us);
        t->set = true;
        t->offset_us = t->aligned ? t->aligned_us : best(t);
        t->corrected_media_us = media_us;
    } else if (!first) {
        take_latency(t, media_us, latency_us);
        int64_t off = (t->aligned ? t->aligned_us : best(t)) - t->offset_us;
        /* Late by seconds counts only when all of the last seconds were (a stall is no step). Early counts at
         * once, since nothing arrives before it was made. */
        bool early = latency_us - t->offset_us < -TIMELINE_STEP_US;
        if (early && !may_correct) return TIMELINE_BROKEN;
        step = early || (may_correct && best(t) - t->offset_us > TIMELINE_STEP_US);
        if (!step && may_correct) correct(t, media_us, off);
    }
    if (step) restart(t, media_us, latency_us);
    int64_t wall_us = media_us + t->offset_us;
    if (!step && wall_us <= t->last_wall_us) wall_us = t->last_wall_us + 1;
    if (step && !first) t->steps++;
    t->last_wall_us = wall_us;
    *out = (struct wall_us){wall_us};
    return step && !first ? TIMELINE_STEPPED : TIMELINE_FITS;
}
