#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "crypto/hash.h"
#include "hub/worker_internal.h"

#define LOG_WINDOW_US 10000000
#define STEADY_RUN_US 60000000 /* after so long of good work a failure starts the backoff anew */
#define DYING_MAX 64

static pid_t dying[DYING_MAX];
static size_t dying_count;

void worker_reap(void) {
    for (size_t i = 0; i < dying_count;) {
        if (waitpid(dying[i], NULL, WNOHANG) == 0)
            i++;
        else
            dying[i] = dying[--dying_count];
    }
}

void worker_bury(pid_t pid) {
    kill(pid, SIGKILL);
    if (waitpid(pid, NULL, WNOHANG) == 0) {
        if (dying_count < DYING_MAX)
            dying[dying_count++] = pid;
        else
            waitpid(pid, NULL, 0);
    }
}

static void set_state(struct worker *w, const char *state, const char *message) {
    if (strcmp(w->state, state) != 0) w->since = wall_now();
    w->state = state;
    char shown[CAMERA_URL_MAX_BYTES + 1]; /* a worker that quotes its address would show the password */
    if (strchr(message, '@')) {
        camera_url_redact(message, shown);
        message = shown;
    }
    snprintf(w->message, sizeof w->message, "%.*s", WORKER_TEXT_MAX_BYTES, message);
    text_mend(w->message);
}

/* --- Its log
 * ------------------------------------------------------------------------------------------------------ */

static void log_line(struct worker *w) {
    char shown[CAMERA_URL_MAX_BYTES + 1];
    struct steady_us now = steady_now();
    if (now.us - w->lines_since.us > LOG_WINDOW_US) {
        if (w->lines_lost) log_warning("camera %s: %u more lines", w->name, w->lines_lost);
        w->lines = w->lines_lost = 0;
        w->lines_since = now;
    }
    w->line[w->line_len] = 0;
    w->line_len = 0;
    if (w->lines++ >= WORKER_LOG_LINES) {
        w->lines_lost++;
        return;
    }
    camera_url_redact(w->line, shown);
    log_info("camera %s: %s", w->name, shown);
}

static void on_log(void *context, uint32_t events) {
    struct worker *w = context;
    char piece[4096];
    (void)events;
    ssize_t n = read(w->log.fd, piece, sizeof piece);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        event_loop_close(w->o.loop, &w->log);
        return;
    }
    for (ssize_t i = 0; i < n; i++) {
        if (piece[i] == '\n' || w->line_len == sizeof w->line - 1) log_line(w);
        if (piece[i] != '\n') w->line[w->line_len++] = piece[i];
    }
}

/* --- The end of a process
 * ------------------------------------------------------------------------------------------- */

static void end_process(struct worker *w) {
    if (!w->pid) return;
    worker_bury(w->pid);
    w->pid = 0;
    worker_want_clear(w);
    event_loop_close(w->o.loop, &w->socket);
    if (w->log.fd >= 0) on_log(w, 0); /* its last words */
    event_loop_close(w->o.loop, &w->log);
    worker_reader_clear(&w->reader);
    w->had_init = false;
    w->o.events.ended(w->o.events.context);
}

static void schedule_restart(struct worker *w) {
    struct steady_us now = steady_now();
    if (now.us - w->started.us > STEADY_RUN_US) w->backoff_us = 0;
    w->backoff_us = w->backoff_us ? w->backoff_us * 2 : WORKER_RESTART_MIN_US;
    if (w->backoff_us > WORKER_RESTART_MAX_US) w->backoff_us = WORKER_RESTART_MAX_US;
    uint8_t jitter;
    random_bytes(&jitter, 1);
    w->start_at.us = now.us + w->backoff_us * (224 + jitter / 4) / 256;
}

static void fail(struct worker *w, const char *message) {
    bool told = strcmp(w->state, "failed") == 0;
    if (!told || message[0]) set_state(w, "failed", message[0] ? message : "the worker ended");
    if (!w->stopping) log_warning("camera %s: %s", w->name, w->message);
    end_process(w);
    schedule_restart(w);
}

/* --- Messages
 * ----------------------------------------------------------------------------------------------------- */

static err take_status(struct worker *w, struct bytes payload, struct diag *d) {
    static const char *const names[] = {[WORKER_STATE_CONNECTING] = "connecting",
                                        [WORKER_STATE_STREAMING] = "streaming",
                                        [WORKER_STATE_FAILED] = "failed"};
    err e = worker_status_decode(payload, &w->status, d);
    if (!e) set_state(w, names[w->status.state], w->status.message);
    return e;
}

static err take_init(struct worker *w, struct bytes payload, struct diag *d) {
    struct worker_init m;
    err e = worker_init_decode(payload, &m, d);
    if (e) return e;
    w->width = m.width;
    w->height = m.height;
    w->had_init = true;
    return w->o.events.init(w->o.events.context, &m, d);
}

static err take(struct worker *w, const struct worker_message *m, struct diag *d) {
    const struct worker_events *ev = &w->o.events;
    union {
        struct worker_fragment fragment;
        struct worker_picture picture;
        struct worker_motion motion;
        struct worker_frame frame;
        struct worker_ring ring;
        struct worker_want want;
    } u;
    err e;
    switch (m->type) {
        case WORKER_TYPE_FRAGMENT:
            e = worker_fragment_decode(m->payload, &u.fragment, d);
            return e ? e : ev->fragment(ev->context, &u.fragment, d);
        case WORKER_TYPE_INIT: return take_init(w, m->payload, d);
        case WORKER_TYPE_PICTURE:
            e = worker_picture_decode(m->payload, &u.picture, d);
            return e ? e : ev->picture(ev->context, &u.picture, d);
        case WORKER_TYPE_MOTION:
            e = worker_motion_decode(m->payload, &u.motion, d);
            if (!e) ev->motion(ev->context, &u.motion);
            return e;
        case WORKER_TYPE_FRAME:
            e = worker_frame_decode(m->payload, &u.frame, d);
            if (!e && ev->frame) ev->frame(ev->context, &u.frame);
            return e;
        case WORKER_TYPE_RING:
            e = worker_ring_decode(m->payload, &u.ring, d);
            if (!e && ev->ring) ev->ring(ev->context, &u.ring);
            return e;
        case WORKER_TYPE_STATUS: return take_status(w, m->payload, d);
        case WORKER_TYPE_WANT:
            e = worker_want_decode(m->payload, &u.want, d);
            return e ? e : worker_want_serve(w, &u.want, d);
        case WORKER_TYPE_CONFIG:
        case WORKER_TYPE_DESCRIPTOR:
        case WORKER_TYPE_STOP:
        case WORKER_TYPE_PACE: break;
    }
    return diag_fail(d, ERR_INVALID, "message type %d is not for the hub", m->type);
}

/* All whole messages; ERR_BUSY when the next is not whole yet. */
static err take_all(struct worker *w, struct diag *d) {
    struct worker_message m;
    err e;
    while (!(e = worker_reader_next(&w->reader, &m, d))) {
        w->heard = steady_now();
        e = take(w, &m, d);
        if (e || w->freed || !w->pid) return e;
    }
    return e;
}

static void on_socket(void *context, uint32_t events) {
    struct worker *w = context;
    struct diag d = {{0}};
    (void)events;
    for (int i = 0; i < WORKER_ROUND_READS; i++) {
        err e = worker_reader_fill(&w->reader, w->socket.fd, false, &d);
        if (e == ERR_BUSY) break;
        if (e) {
            fail(w, e == ERR_CUT_SHORT ? "" : d.text);
            return;
        }
        e = take_all(w, &d);
        if (w->freed || !w->pid) return;
        if (e == ERR_BUSY) continue;
        diag_prefix(&d, "ended, since it broke the protocol");
        fail(w, d.text);
        return;
    }
    w->o.events.paused(w->o.events.context);
}

/* --- Starting
 * ----------------------------------------------------------------------------------------------------- */

static err send_config(struct worker *w) {
    struct worker_config c = {.audio = w->o.audio,
                              .motion = w->o.motion,
                              .see = w->o.see,
                              .masks = w->o.masks,
                              .picture_s = w->o.picture_s,
                              .stream = w->o.sub ? WORKER_STREAM_SUB : WORKER_STREAM_MAIN,
                              .transport = WORKER_TRANSPORT_AUTO};
    AUTO(blob_clear) struct blob out = {0};
    snprintf(c.url, sizeof c.url, "%s", w->url);
    err e = worker_config_append(&out, &c);
    worker_config_clear(&c);
    return e ? e : worker_message_send(w->socket.fd, blob_bytes(&out), -1);
}

static void start(struct worker *w) {
    struct diag d = {{0}};
    w->restarts += w->started.us != 0;
    w->started = w->heard = steady_now();
    w->status = (struct worker_status){0};
    w->watched = true;
    err e = worker_spawn(w->program, &w->pid, &w->socket.fd, &w->log.fd, &d);
    if (!e) {
        w->socket.ready = on_socket;
        w->log.ready = on_log;
        w->socket.context = w->log.context = w;
        e = event_loop_add(w->o.loop, &w->socket, EPOLLIN);
        if (!e) e = event_loop_add(w->o.loop, &w->log, EPOLLIN);
        if (!e) e = send_config(w);
        if (!e && strcmp(w->state, "failed") != 0) set_state(w, "connecting", "");
    }
    if (e) fail(w, d.text[0] ? d.text : err_text(e));
}

err worker_new(const struct worker_options *options, struct worker **out, struct diag *d) {
    struct worker *w = calloc(1, sizeof *w);
    if (!w) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    w->o = *options;
    w->socket.fd = w->log.fd = w->udp_next = -1;
    w->state = "connecting";
    w->since = wall_now();
    w->program = strdup(options->program);
    w->name = strdup(options->name);
    w->url = strdup(options->url);
    err e = w->program && w->name && w->url ? camera_url_parse(options->url, &w->parsed, d)
                                            : diag_fail(d, ERR_NO_MEMORY, "out of memory");
    if (e) {
        worker_free(w);
        return e;
    }
    *out = w;
    return ERR_OK;
}

static void release(void *context) {
    struct worker *w = context;
    if (w->url) wipe(w->url, strlen(w->url));
    free(w->url);
    free(w->name);
    free(w->program);
    free(w);
}

void worker_stop(struct worker *w) {
    AUTO(blob_clear) struct blob out = {0};
    w->stopping = true;
    if (w->pid && !worker_stop_append(&out) && worker_message_send(w->socket.fd, blob_bytes(&out), -1))
        kill(w->pid, SIGKILL);
}

void worker_pace(struct worker *w, bool watched) {
    AUTO(blob_clear) struct blob out = {0};
    if (!w->pid || w->stopping || w->watched == watched) return;
    if (!worker_pace_append(&out, watched) && !worker_message_send(w->socket.fd, blob_bytes(&out), -1))
        w->watched = watched;
}

void worker_free(struct worker *w) {
    if (!w) return;
    w->stopping = w->freed = true;
    end_process(w);
    if (w->o.loop)
        event_loop_later(w->o.loop, release, w);
    else
        release(w);
}

void worker_restart(struct worker *w) {
    end_process(w);
    w->backoff_us = 0;
    w->start_at.us = 0;
}

void worker_tick(struct worker *w, struct steady_us now) {
    if (w->freed) return;
    if (!w->pid) {
        if (!w->stopping && now.us >= w->start_at.us) start(w);
        return;
    }
    worker_want_tick(w, now);
    if (now.us - w->heard.us > WORKER_SILENCE_US) fail(w, "ended, since it said nothing for 30 s");
}

void worker_view(const struct worker *w, struct worker_view *out) {
    *out = (struct worker_view){
        .state = w->stopping ? "stopped" : w->state,
        .message = w->message,
        .since = w->since,
        .status = &w->status,
        .width = w->width,
        .height = w->height,
        .restarts = w->restarts,
        .pid = (int)w->pid,
    };
}
