#include <stdlib.h>

#include "camera/feed.h"
#include "media/rtsp.h"

#define PEERS_MAX 4 /* two sockets of each of two tracks */

struct feed {
    struct rtsp_client *client;
    struct blob *out;
    uint32_t peers[PEERS_MAX]; /* requests whose socket is here and gets its peer */
    size_t peer_count;
};

static err want(void *context, const struct rtsp_want *w, struct diag *d) {
    struct feed *f = context;
    static const enum worker_want_kind kinds[] = {[RTSP_WANT_TCP] = WORKER_WANT_TCP,
                                                  [RTSP_WANT_UDP] = WORKER_WANT_UDP,
                                                  [RTSP_WANT_PEER] = WORKER_WANT_PEER};
    if (w->kind == RTSP_WANT_PEER) {
        if (f->peer_count == PEERS_MAX) return diag_fail(d, ERR_LIMIT, "too many UDP sockets");
        f->peers[f->peer_count++] = w->request;
    }
    const struct worker_want message = {w->request, kinds[w->kind], w->port};
    err e = worker_want_append(f->out, &message);
    return e ? diag_fail(d, e, "no memory to ask for a connection") : ERR_OK;
}

static err open_rtsp(const struct feed_start *start, void **out, struct diag *d) {
    static const enum rtsp_transport transports[] = {[WORKER_TRANSPORT_AUTO] = RTSP_TRANSPORT_AUTO,
                                                     [WORKER_TRANSPORT_TCP] = RTSP_TRANSPORT_TCP,
                                                     [WORKER_TRANSPORT_UDP] = RTSP_TRANSPORT_UDP};
    struct feed *f = calloc(1, sizeof *f);
    if (!f) return diag_fail(d, ERR_NO_MEMORY, "no memory for a camera");
    f->out = start->out;
    const struct rtsp_options options = {.transport = transports[start->config->transport],
                                         .audio = start->config->audio,
                                         .context = f,
                                         .want = want};
    err e = rtsp_client_new(start->config->url, &options, start->sink, &f->client, d);
    if (e)
        free(f);
    else
        *out = f;
    return e;
}

/* Answers come in the order of requests, so the first one to a request brought the socket. */
static bool brings(const void *feed, uint32_t request) {
    const struct feed *f = feed;
    for (size_t i = 0; i < f->peer_count; i++)
        if (f->peers[i] == request) return false;
    return true;
}

/* Answers that nobody waits for any more are not an error: the client may have moved on. */
static err answer(void *feed, const struct worker_descriptor *a, int fd, struct diag *d) {
    (void)d;
    struct feed *f = feed;
    for (size_t i = 0; i < f->peer_count; i++)
        if (f->peers[i] == a->request) f->peers[i] = f->peers[--f->peer_count];
    err e = a->ok ? rtsp_client_give(f->client, a->request, fd, a->port)
                  : rtsp_client_refuse(f->client, a->request, a->message);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static size_t poll_rtsp(const void *feed, struct pollfd *fds, size_t max) {
    return rtsp_client_poll(((const struct feed *)feed)->client, fds, max);
}

static struct steady_us deadline(const void *feed) {
    return rtsp_client_deadline(((const struct feed *)feed)->client);
}

static err ready(void *feed, struct steady_us now, struct diag *d) {
    return rtsp_client_ready(((struct feed *)feed)->client, now, d);
}

static void stop(void *feed) {
    rtsp_client_stop(((struct feed *)feed)->client);
}

static bool camera_wall(const void *feed, uint8_t track, int64_t pts_ticks, struct wall_us *out) {
    return rtsp_client_wall(((const struct feed *)feed)->client, track, pts_ticks, out);
}

static void free_rtsp(void *feed) {
    struct feed *f = feed;
    rtsp_client_free(f->client);
    free(f);
}

const struct feed_ops feed_rtsp = {"rtsp",   open_rtsp, brings, answer,      poll_rtsp,
                                   deadline, ready,     stop,   camera_wall, free_rtsp};
