#include "hub/hub.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/file.h"
#include "base/log.h"

#define GRACE_MS 2500        /* for uploads when the hub ends */
#define WORKERS_GRACE_MS 400 /* for their goodbyes to the cameras */

/* Something moves and is looked at: whoever is to be told of it waits for each step. */
static bool attentive(const struct hub_camera *c) {
    return seeing_on(c->hub->seeing) && recorder_moves(c->streams[0].recorder);
}

/* Frames may come several at a time from the streams that nobody watches. */
void hub_pace(struct hub *h) {
    struct worker_view v;
    for (struct hub_camera *c = h->list; c; c = c->next) {
        for (size_t i = 0; i < c->stream_count; i++) {
            worker_view(c->streams[i].worker, &v);
            bool streams = strcmp(v.state, "streaming") == 0;
            bool looked_at = attentive(c) && i == c->stream_count - 1; /* the smaller one, if there are two */
            worker_pace(c->streams[i].worker,
                        !streams || looked_at || link_viewers(h->link, c->streams[i].id) > 0);
        }
    }
}

static void noticed(struct hub *h, const struct link_mail *m) {
    struct diag d = {{0}};
    if (hub_noticed(h, blob_bytes(&m->box), &d))
        log_warning("the vault sent a notice that is none: %s", d.text);
}

/* What the vault's log has lost or changed. */
static void log_alarm(struct hub *h, const struct link_mail *m) {
    char text[ALERT_TEXT_MAX_BYTES];
    snprintf(text, sizeof text, "%.*s", (int)m->box.len, (const char *)m->box.data);
    hub_alert_system(h, "log", 60, "The log of who looked was changed", text);
}

static void on_mail(void *context, uint32_t events) {
    struct hub *h = context;
    struct link_mail m;
    (void)events;
    while (!link_next(h->link, &m)) {
        if (m.kind == LINK_MAIL_COMMAND) hub_command(h, m.command, blob_bytes(&m.box));
        if (m.kind == LINK_MAIL_RING) hub_pressed(h, m.ring);
        if (m.kind == LINK_MAIL_NOTICE) noticed(h, &m);
        if (m.kind == LINK_MAIL_LOG) log_alarm(h, &m);
        link_mail_clear(&m);
    }
    hub_pace(h);
}

static err open_parts(struct hub *h, const struct hub_options *o, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    err e = event_loop_new(&h->loop, d);
    if (!e) e = disk_thread_new(&h->disk, d);
    if (!e && path_join(path, o->data, "cameras.json")) e = diag_fail(d, ERR_LIMIT, "the path is too long");
    if (!e) e = cameras_load(path, &h->cameras, d);
    if (!e && path_join(path, o->data, "keys")) e = diag_fail(d, ERR_LIMIT, "the path is too long");
    if (!e) e = forward_keys_open(path, h->disk, &h->keys, d);
    if (!e && path_join(path, o->data, "outbox")) e = diag_fail(d, ERR_LIMIT, "the path is too long");
    if (!e) e = outbox_open(path, h->disk, &h->outbox, d);
    if (!e && path_join(path, o->data, "spool")) e = diag_fail(d, ERR_LIMIT, "the path is too long");
    if (!e) e = spool_open(path, o->spool_limit_bytes, h->disk, &h->spool, d);
    return e;
}

err hub_init(struct hub *h, const struct hub_options *options, struct diag *d) {
    *h = (struct hub){.identity = options->identity,
                      .camera_program = options->camera_program,
                      .data = options->data,
                      .vault = options->vault,
                      .mail.fd = -1,
                      .alerts.fd = -1};
    h->discovery.socket.fd = -1;
    h->started = steady_now();
    h->seen = calloc(1, sizeof *h->seen);
    if (!h->seen) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    h->seen->since = wall_now();
    err e = open_parts(h, options, d);
    if (!e) e = witness_open(options->data, &h->identity->sign, &h->witness, d);
    const struct link_options link = {.vault = options->vault,
                                      .ca_file = options->ca_file,
                                      .identity = h->identity,
                                      .spool = h->spool,
                                      .outbox = h->outbox,
                                      .witness = h->witness};
    if (!e) e = link_new(&link, &h->link, d);
    if (!e) e = hub_seeing_init(h, options, d); /* before the cameras: it knows what is masked */
    if (e) return e;
    h->mail = (struct watch){.fd = link_fd(h->link), .ready = on_mail, .context = h};
    e = event_loop_add(h->loop, &h->mail, EPOLLIN);
    if (e) return diag_fail(d, e, "cannot watch for commands");
    forward_keys_tick(h->keys, wall_now(), steady_now());
    hub_rekey_tick(h); /* before anything is sealed in an epoch of the former keys */
    for (size_t i = 0; i < h->cameras.count && !e; i++) {
        struct diag why = {{0}};
        /* One camera that cannot be started is no reason to leave the others out. */
        if (hub_camera_start(h, &h->cameras.list[i], &why))
            log_error("camera %s: not started: %s", h->cameras.list[i].name, why.text);
    }
    hub_seeing_start(h);
    hub_tick(h);
    return e;
}

void hub_tick(struct hub *h) {
    struct steady_us now = steady_now();
    forward_keys_tick(h->keys, wall_now(), now);
    for (struct hub_camera *c = h->list; c; c = c->next) {
        for (size_t i = 0; i < c->stream_count; i++) {
            worker_tick(c->streams[i].worker, now);
            recorder_tick(c->streams[i].recorder);
        }
    }
    hub_seeing_tick(h, now);
    hub_pace(h);
    hub_tests_tick(h);
    hub_discover_tick(h);
    hub_offline_tick(h, false);
    hub_rekey_tick(h);
    worker_reap();
}

/* Somebody waits for what the workers send: a viewer, a test, a camera that is being connected. */
static bool in_a_hurry(const struct hub *h) {
    struct worker_view v;
    if (link_any_viewers(h->link) || h->discovery.used) return true;
    for (size_t i = 0; i < HUB_TESTS_MAX; i++)
        if (h->tests[i].used) return true;
    for (const struct hub_camera *c = h->list; c; c = c->next) {
        if (attentive(c)) return true;
        for (size_t i = 0; i < c->stream_count; i++) {
            worker_view(c->streams[i].worker, &v);
            if (v.pid && strcmp(v.state, "streaming") != 0) return true;
        }
    }
    return false;
}

void hub_round(struct hub *h, int timeout_ms) {
    if (h->list && timeout_ms > 0 && !in_a_hurry(h)) {
        /* Mail ends the wait: a viewer has come. */
        struct pollfd mail = {.fd = h->mail.fd, .events = POLLIN};
        int wait = timeout_ms < HUB_BATCH_MS ? timeout_ms : HUB_BATCH_MS;
        if (poll(&mail, 1, wait) < 0) return; /* a signal */
        timeout_ms = 0;
    }
    event_loop_round(h->loop, timeout_ms);
}

static bool any_running(const struct hub *h) {
    struct worker_view v;
    for (const struct hub_camera *c = h->list; c; c = c->next) {
        for (size_t i = 0; i < c->stream_count; i++) {
            worker_view(c->streams[i].worker, &v);
            if (v.pid) return true;
        }
    }
    return false;
}

void hub_clear(struct hub *h) {
    if (h->link) hub_offline_tick(h, true);
    for (struct hub_camera *c = h->list; c; c = c->next)
        for (size_t i = 0; i < c->stream_count; i++) worker_stop(c->streams[i].worker);
    struct steady_us until = {steady_now().us + WORKERS_GRACE_MS * 1000};
    while (any_running(h) && steady_now().us < until.us) event_loop_round(h->loop, 50);
    hub_tests_clear(h);
    hub_discover_clear(h);
    hub_seeing_clear(h); /* events of what goes on are ended while there are keys */
    while (h->list) hub_camera_stop(h, h->list->streams[0].id);
    link_free(h->link, GRACE_MS);
    witness_free(h->witness);
    forward_keys_close(h->keys);
    outbox_close(h->outbox);
    spool_close(h->spool);
    disk_thread_free(h->disk);
    event_loop_free(h->loop);
    cameras_clear(&h->cameras);
    free(h->seen);
}
