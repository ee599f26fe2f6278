/* worker.h: one cardea-camera process for one stream (docs/worker.md): started, given what it wants, listened
 * to, ended when it breaks the protocol or falls silent, and started again after 1 s doubling to 60 s.
 *
 * A worker gets descriptor 3, a log pipe, /dev/null, and nothing else: no environment, no other descriptor.
 * It dies with the hub. Threads: the recording loop; names are resolved on a thread of their own. */
#ifndef CARDEA_HUB_WORKER_H
#define CARDEA_HUB_WORKER_H

#include "hub/camera_url.h"
#include "hub/event_loop.h"
#include "media/worker_message.h"

#define WORKER_SILENCE_US 30000000
#define WORKER_RESTART_MIN_US 1000000
#define WORKER_RESTART_MAX_US 60000000
#define WORKER_LOG_LINES 20 /* in ten seconds; the rest is counted */
#define WORKER_CONNECT_US 10000000
#define WORKER_ROUND_READS 32 /* before others get their turn */

struct worker;

/* What arrives. An error from init, fragment, picture or motion ends the worker. */
struct worker_events {
    void *context;
    err (*init)(void *context, const struct worker_init *m, struct diag *d);
    err (*fragment)(void *context, const struct worker_fragment *m, struct diag *d);
    err (*picture)(void *context, const struct worker_picture *m, struct diag *d);
    void (*motion)(void *context, const struct worker_motion *m);
    /* Either may be NULL. */
    void (*frame)(void *context, const struct worker_frame *m);
    void (*ring)(void *context, const struct worker_ring *m);
    void (*paused)(void *context); /* nothing more at the moment */
    void (*ended)(void *context);  /* the process is gone, or its stream is over */
};

struct worker_options {
    const char *program, *name; /* name: for log lines */
    const char *url;
    bool audio, motion, sub;
    bool see;                  /* frames for recognition */
    struct worker_masks masks; /* worker_masks_read makes them of JSON; a change wants a new worker */
    uint32_t picture_s;
    struct event_loop *loop;
    struct worker_events events;
};

/* Copies the options; starts at the next tick. ERR_INVALID: the URL. */
err worker_new(const struct worker_options *options, struct worker **out, struct diag *d) CHECKED;
/* Asks it to end, kills it at once if it does not listen; freed after the round. */
void worker_free(struct worker *w);
/* Asks it to end; worker_free later kills what is left. */
void worker_stop(struct worker *w);
/* Tells it whether somebody watches; frames come several at a time while nobody does. */
void worker_pace(struct worker *w, bool watched);
/* About once a second: starts, restarts, notices silence. */
void worker_tick(struct worker *w, struct steady_us now);
/* Ends it, to start again at once: settings have changed, or the clock. */
void worker_restart(struct worker *w);

/* Borrowed until the next call. `state` is "connecting", "streaming", "failed" or "stopped". */
struct worker_view {
    const char *state, *message;
    struct wall_us since;
    const struct worker_status *status;
    uint16_t width, height;
    uint32_t restarts;
    int pid; /* 0: not running */
};
void worker_view(const struct worker *w, struct worker_view *out);

/* Reaps children that took a moment to die. */
void worker_reap(void);

#endif
