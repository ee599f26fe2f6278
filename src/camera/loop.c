#include "camera/loop.h"

#include <stdio.h>
#include <time.h>

#include "camera/read_plan.h"
#include "media/masker.h"

#define STATUS_EACH_US 5000000
#define RATES_LEAST_US 2000000 /* over less than this, a rate says nothing */
#define FAREWELL_US 1500000    /* for the camera to take its TEARDOWN */

struct loop {
    struct hub_link *hub;
    const struct feed_ops *ops;
    void *feed;
    struct cutter *cutter;
    struct worker_status status;
    struct cutter_counts before; /* when rates were last taken */
    struct steady_us status_at, rates_at, stop_by;
    bool stopping;
    bool has_sockets; /* a file has none */
    struct read_plan plan;
};

/* --- Status --- */

/* Words of docs/protocol.md. */
static const char *error_word(err e) {
    switch (e) {
        case ERR_INVALID:
        case ERR_FORGED: return "invalid";
        case ERR_DENIED: return "denied";
        case ERR_NOT_FOUND: return "not_found";
        case ERR_LIMIT: return "limit";
        case ERR_NO_MEMORY: return "no_memory";
        case ERR_UNREACHABLE:
        case ERR_CUT_SHORT: return "unreachable";
        case ERR_TIMEOUT: return "timeout";
        case ERR_UNSUPPORTED: return "unsupported";
        default: return "internal";
    }
}

static void take_rates(struct loop *l, const struct cutter_counts *counts, struct steady_us now) {
    int64_t passed = now.us - l->rates_at.us;
    if (l->rates_at.us && passed < RATES_LEAST_US) return;
    if (l->rates_at.us) {
        l->status.fps = (double)((counts->frames - l->before.frames) * 10000000 / (uint64_t)passed) / 10;
        l->status.kbit_s = (uint32_t)((counts->bytes - l->before.bytes) * 8000 / (uint64_t)passed);
    }
    l->before = *counts;
    l->rates_at = now;
}

static err send_status(struct loop *l, struct steady_us now) {
    struct cutter_counts counts;
    cutter_counts(l->cutter, &counts);
    take_rates(l, &counts, now);
    struct worker_status *s = &l->status;
    s->lost = counts.lost;
    s->clock_steps = counts.clock_steps;
    memcpy(s->codec, counts.codec, sizeof s->codec);
    memcpy(s->audio_codec, counts.audio_codec, sizeof s->audio_codec);
    l->status_at = now;
    return worker_status_append(&l->hub->out, s);
}

static err watch_state(struct loop *l, struct steady_us now) {
    struct cutter_counts counts;
    cutter_counts(l->cutter, &counts);
    bool streams = counts.frames > 0, changed = streams != (l->status.state == WORKER_STATE_STREAMING);
    changed |= counts.clock_steps != l->status.clock_steps;
    if (streams) l->status.state = WORKER_STATE_STREAMING;
    if (!changed && l->status_at.us && now.us - l->status_at.us < STATUS_EACH_US) return ERR_OK;
    return send_status(l, now);
}

void loop_tell_failure(struct hub_link *hub, err e, const struct diag *d, uint8_t sandbox) {
    struct worker_status s = {.state = WORKER_STATE_FAILED, .sandbox = sandbox};
    snprintf(s.error, sizeof s.error, "%s", error_word(e));
    snprintf(s.message, sizeof s.message, "%s", d->text[0] ? d->text : err_text(e));
    if (worker_status_append(&hub->out, &s)) return;
    struct diag ignored;
    for (int i = 0; i < 10 && !hub_link_flush(hub, &ignored) && !hub_link_idle(hub); i++)
        if (hub_link_wait(hub, 100) == ERR_IO) return;
}

/* --- Messages --- */

static err take_descriptor(struct loop *l, struct bytes payload, struct diag *d) {
    struct worker_descriptor answer;
    err e = worker_descriptor_decode(payload, &answer, d);
    if (e) return e;
    /* An answer to `peer` brings none, and the one that waits in the reader may belong to the answer after
     * it. */
    int fd = answer.ok && l->ops->brings(l->feed, answer.request)
                 ? worker_reader_take_descriptor(&l->hub->reader)
                 : -1;
    return l->ops->answer(l->feed, &answer, fd, d);
}

static err take_pace(struct loop *l, struct bytes payload, struct diag *d) {
    bool watched;
    err e = worker_pace_decode(payload, &watched, d);
    if (!e) read_plan_relax(&l->plan, !watched);
    return e;
}

static void begin_stop(struct loop *l, struct steady_us now) {
    if (l->stopping) return;
    l->stopping = true;
    l->stop_by.us = now.us + FAREWELL_US;
    l->ops->stop(l->feed);
}

static err take_messages(struct loop *l, struct steady_us now, struct diag *d) {
    for (;;) {
        struct worker_message m;
        err e = hub_link_next(l->hub, &m, d);
        if (e == ERR_BUSY) return ERR_OK;
        if (e == ERR_CUT_SHORT) return ERR_CANCELLED;
        if (e) return e;
        if (m.type == WORKER_TYPE_DESCRIPTOR)
            e = take_descriptor(l, m.payload, d);
        else if (m.type == WORKER_TYPE_STOP)
            begin_stop(l, now);
        else if (m.type == WORKER_TYPE_PACE)
            e = take_pace(l, m.payload, d);
        else
            return diag_fail(d, ERR_INVALID, "the hub sent a message of type %d", (int)m.type);
        if (e) return e;
    }
}

/* --- Waiting --- */

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* To the microsecond: milliseconds, rounded up each time, would let reads fall behind frames. */
static struct timespec wait_time(const struct loop *l, struct steady_us now) {
    int64_t until = l->status_at.us + STATUS_EACH_US;
    if (!hub_link_full(l->hub)) {
        if (!l->plan.watching) until = earlier(until, l->plan.at.us);
        until = earlier(until, l->ops->deadline(l->feed).us);
    }
    if (l->stopping) until = earlier(until, l->stop_by.us);
    int64_t us = until - now.us;
    us = us < 0 ? 0 : earlier(us, STATUS_EACH_US);
    return (struct timespec){.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000 * 1000)};
}

struct woken {
    bool hub, feed;
};

/* While not watching, the camera's sockets are left to fill. */
static struct woken wait_for_work(struct loop *l, struct steady_us now) {
    struct pollfd fds[1 + FEED_POLL_MAX];
    fds[0] = (struct pollfd){.fd = l->hub->socket,
                             .events = (short)(POLLIN | (hub_link_idle(l->hub) ? 0 : POLLOUT))};
    size_t count = 0;
    if (l->plan.watching && !hub_link_full(l->hub)) {
        count = l->ops->poll(l->feed, fds + 1, FEED_POLL_MAX);
        l->has_sockets = count > 0;
    }
    struct woken woken = {false, false};
    const struct timespec wait = wait_time(l, now);
    if (ppoll(fds, count + 1, &wait, NULL) <= 0) return woken;
    woken.hub = (fds[0].revents & ~POLLOUT) != 0;
    for (size_t i = 1; i <= count; i++) woken.feed |= fds[i].revents != 0;
    return woken;
}

static err read_feed(struct loop *l, struct steady_us now, struct diag *d) {
    struct cutter_counts before, after;
    cutter_counts(l->cutter, &before);
    err e = l->ops->ready(l->feed, now, d);
    cutter_counts(l->cutter, &after);
    if (l->has_sockets) read_plan_done(&l->plan, after.frames - before.frames, after.frame_us, now);
    return e;
}

static err turn(struct loop *l, struct diag *d) {
    struct steady_us now = steady_now();
    err e = watch_state(l, now);
    if (!e) e = hub_link_flush(l->hub, d);
    if (e) return e;
    struct woken woken = wait_for_work(l, now);
    now = steady_now();
    if (woken.hub) e = take_messages(l, now, d);
    if (!e && l->stopping && now.us >= l->stop_by.us) e = ERR_CANCELLED;
    if (e || hub_link_full(l->hub)) return e;
    if (woken.feed && l->status.state == WORKER_STATE_STREAMING) {
        read_plan_readable(&l->plan, now);
        return ERR_OK;
    }
    bool due = woken.feed || woken.hub || now.us >= l->ops->deadline(l->feed).us ||
               (!l->plan.watching && now.us >= l->plan.at.us);
    return due ? read_feed(l, now, d) : ERR_OK;
}

static bool hub_behind(void *context) {
    return hub_link_behind(context);
}

err loop_run(struct hub_link *hub, const struct worker_config *config, const struct feed_ops *ops,
             uint8_t sandbox, struct diag *d) {
    struct loop l = {.hub = hub, .ops = ops};
    read_plan_init(&l.plan);
    l.status = (struct worker_status){.state = WORKER_STATE_CONNECTING, .sandbox = sandbox};
    const struct cutter_options options = {.audio = config->audio,
                                           .motion = config->motion,
                                           .see = config->see,
                                           .picture_s = config->picture_s,
                                           .context = hub,
                                           .behind = hub_behind};
    err e = cutter_new(&options, &hub->out, &l.cutter, d);
    const struct media_sink *sink = e ? NULL : cutter_sink(l.cutter);
    struct masker *masker = NULL;
    if (!e && config->masks.count) e = masker_new(&config->masks, sink, &masker, d);
    const struct feed_start start = {config, masker ? masker_sink(masker) : sink, &hub->out};
    if (!e) e = ops->open(&start, &l.feed, d);
    if (!e) cutter_set_clock(l.cutter, ops->camera_wall, l.feed);
    while (!e) e = turn(&l, d);
    struct diag ignored;
    if (hub_link_flush(hub, &ignored)) e = ERR_CANCELLED; /* nobody is left to tell */
    if (l.feed) ops->free(l.feed);
    masker_free(masker);
    cutter_free(l.cutter);
    return e;
}
