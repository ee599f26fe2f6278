/* feed_onvif.c: asks an ONVIF camera for its RTSP address, then is that RTSP feed. */
#include <stdlib.h>

#include "camera/feed.h"
#include "media/onvif_client.h"

struct feed {
    struct feed_start start;
    struct worker_config config;  /* with the address that was found */
    struct onvif_client *finding; /* until then */
    void *rtsp;                   /* from then on */
};

static err want(void *context, const struct rtsp_want *w, struct diag *d) {
    struct feed *f = context;
    const struct worker_want message = {w->request, WORKER_WANT_TCP, w->port};
    err e = worker_want_append(f->start.out, &message);
    return e ? diag_fail(d, e, "no memory to ask for a connection") : ERR_OK;
}

static void free_onvif(void *feed) {
    struct feed *f = feed;
    if (f->rtsp) feed_rtsp.free(f->rtsp);
    onvif_client_free(f->finding);
    worker_config_clear(&f->config);
    free(f);
}

static err open_onvif(const struct feed_start *start, void **out, struct diag *d) {
    struct feed *f = calloc(1, sizeof *f);
    if (!f) return diag_fail(d, ERR_NO_MEMORY, "no memory for a camera");
    f->start = *start;
    f->config = *start->config;
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
    return f->rtsp ? feed_rtsp.brings(f->rtsp, request) : true;
}

static err answer(void *feed, const struct worker_descriptor *a, int fd, struct diag *d) {
    struct feed *f = feed;
    if (f->rtsp) return feed_rtsp.answer(f->rtsp, a, fd, d);
    err e = a->ok ? onvif_client_give(f->finding, a->request, fd)
                  : onvif_client_refuse(f->finding, a->request, a->message);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static size_t poll_onvif(const void *feed, struct pollfd *fds, size_t max) {
    const struct feed *f = feed;
    if (f->rtsp) return feed_rtsp.poll(f->rtsp, fds, max);
    return f->finding ? onvif_client_poll(f->finding, fds, max) : 0;
}

static struct steady_us deadline(const void *feed) {
    const struct feed *f = feed;
    if (f->rtsp) return feed_rtsp.deadline(f->rtsp);
    return f->finding ? onvif_client_deadline(f->finding) : (struct steady_us){0};
}

static err ready(void *feed, struct steady_us now, struct diag *d) {
    struct feed *f = feed;
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
