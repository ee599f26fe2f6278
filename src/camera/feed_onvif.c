/* feed_onvif.c: asks an ONVIF camera for its RTSP address, then is that RTSP feed; beside it, the main stream
 * listens to the camera's button. What goes wrong with the button never ends the stream. */
#include <stdlib.h>

#include "base/file.h"
#include "camera/feed.h"
#include "media/onvif_client.h"

#define LISTENING 0x80000000u /* in the numbers of requests that are for the button */
#define AGAIN_LEAST_US 5000000
#define AGAIN_MOST_US 600000000
#define RING_APART_US 1000000 /* a contact that bounces rings once */

struct feed {
    struct feed_start start;
    struct worker_config config;  /* with the address that was found */
    struct onvif_client *finding; /* until then */
    void *rtsp;                   /* from then on */
    struct onvif_client *button;  /* NULL: not listening now */
    struct steady_us listen_at;   /* when to begin (again) */
    int64_t again_us;
    struct steady_us now, rang;
};

static err want(void *context, const struct rtsp_want *w, struct diag *d) {
    struct feed *f = context;
    const struct worker_want message = {w->request, WORKER_WANT_TCP, w->port};
    err e = worker_want_append(f->start.out, &message);
    return e ? diag_fail(d, e, "no memory to ask for a connection") : ERR_OK;
}

/* --- The button --- */

static err want_listening(void *context, const struct rtsp_want *w, struct diag *d) {
    struct rtsp_want ours = *w;
    ours.request |= LISTENING;
    return want(context, &ours, d);
}

static void pressed(void *context, const char *topic) {
    struct feed *f = context;
    struct worker_ring ring = {{0}};
    size_t len = strlen(topic);
    f->again_us = AGAIN_LEAST_US;
    if (len > WORKER_TOPIC_MAX_BYTES || (f->rang.us && f->now.us - f->rang.us < RING_APART_US)) return;
    memcpy(ring.topic, topic, len);
    if (!worker_ring_append(f->start.out, &ring)) f->rang = f->now;
}

static bool listens(const struct feed *f) {
    return f->rtsp && f->start.config->stream == WORKER_STREAM_MAIN;
}

static void begin_listening(struct feed *f) {
    struct diag ignored;
    const struct onvif_options options = {
        .listen = true, .context = f, .want = want_listening, .pressed = pressed};
    if (onvif_client_new(f->start.config->url, &options, &f->button, &ignored)) f->button = NULL;
}

/* A camera without events, or one that ended them, is asked again later and later. */
static void listen_to_button(struct feed *f, struct steady_us now) {
    struct diag ignored;
    f->now = now;
    if (!f->button && now.us >= f->listen_at.us) begin_listening(f);
    if (f->button && !onvif_client_ready(f->button, now, &ignored)) return;
    if (f->button || now.us >= f->listen_at.us) {
        onvif_client_free(f->button);
        f->button = NULL;
        f->listen_at.us = now.us + f->again_us;
        f->again_us = f->again_us * 2 < AGAIN_MOST_US ? f->again_us * 2 : AGAIN_MOST_US;
    }
}

/* --- The feed --- */

static void free_onvif(void *feed) {
    struct feed *f = feed;
    if (f->rtsp) feed_rtsp.free(f->rtsp);
    onvif_client_free(f->finding);
    onvif_client_free(f->button);
    worker_config_clear(&f->config);
    free(f);
}

static err open_onvif(const struct feed_start *start, void **out, struct diag *d) {
    struct feed *f = calloc(1, sizeof *f);
    if (!f) return diag_fail(d, ERR_NO_MEMORY, "no memory for a camera");
    f->start = *start;
    f->config = *start->config;
    f->again_us = AGAIN_LEAST_US;
    const struct onvif_options options = {
        .sub = start->config->stream == WORKER_STREAM_SUB, .context = f, .want = want};
    err e = onvif_client_new(start->config->url, &options, &f->finding, d);
    if (e)
        free_onvif(f);
    else
        *out = f;
    return e;
}

static bool brings(const void *feed, uint32_t request) {
    const struct feed *f = feed;
    if (request & LISTENING) return true;
    return f->rtsp ? feed_rtsp.brings(f->rtsp, request) : true;
}

static err answer(void *feed, const struct worker_descriptor *a, int fd, struct diag *d) {
    struct feed *f = feed;
    bool button = a->request & LISTENING;
    if (f->rtsp && !button) return feed_rtsp.answer(f->rtsp, a, fd, d);
    struct onvif_client *client = button ? f->button : f->finding;
    if (!client) { /* it was given up in between */
        fd_close(&fd);
        return ERR_OK;
    }
    uint32_t request = a->request & ~LISTENING;
    err e = a->ok ? onvif_client_give(client, request, fd) : onvif_client_refuse(client, request, a->message);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static size_t poll_onvif(const void *feed, struct pollfd *fds, size_t max) {
    const struct feed *f = feed;
    if (f->rtsp) {
        size_t n = feed_rtsp.poll(f->rtsp, fds, max);
        return f->button ? n + onvif_client_poll(f->button, fds + n, max - n) : n;
    }
    return f->finding ? onvif_client_poll(f->finding, fds, max) : 0;
}

static struct steady_us deadline(const void *feed) {
    const struct feed *f = feed;
    if (f->rtsp) {
        struct steady_us stream = feed_rtsp.deadline(f->rtsp);
        if (!listens(f)) return stream;
        struct steady_us button = f->button ? onvif_client_deadline(f->button) : f->listen_at;
        return button.us < stream.us ? button : stream;
    }
    return f->finding ? onvif_client_deadline(f->finding) : (struct steady_us){0};
}

static err ready(void *feed, struct steady_us now, struct diag *d) {
    struct feed *f = feed;
    if (listens(f)) listen_to_button(f, now);
    if (f->rtsp) return feed_rtsp.ready(f->rtsp, now, d);
    if (!f->finding) return ERR_CANCELLED; /* stopped */
    err e = onvif_client_ready(f->finding, now, d);
    const char *url = e ? NULL : onvif_client_url(f->finding);
    if (e || !url) return e;
    if (strlen(url) >= sizeof f->config.url)
        return diag_fail(d, ERR_LIMIT, "the camera's stream address is too long");
    memset(f->config.url, 0, sizeof f->config.url);
    memcpy(f->config.url, url, strlen(url));
    const struct feed_start start = {&f->config, f->start.sink, f->start.out};
    e = feed_rtsp.open(&start, &f->rtsp, d);
    onvif_client_free(f->finding);
    f->finding = NULL;
    return e;
}

static void stop(void *feed) {
    struct feed *f = feed;
    if (f->rtsp)
        feed_rtsp.stop(f->rtsp);
    else
        onvif_client_free(f->finding);
    if (!f->rtsp) f->finding = NULL;
}

static bool camera_wall(const void *feed, uint8_t track, int64_t pts_ticks, struct wall_us *out) {
    const struct feed *f = feed;
    return f->rtsp && feed_rtsp.camera_wall(f->rtsp, track, pts_ticks, out);
}

const struct feed_ops feed_onvif = {"onvif",  open_onvif, brings, answer,      poll_onvif,
                                    deadline, ready,      stop,   camera_wall, free_onvif};
