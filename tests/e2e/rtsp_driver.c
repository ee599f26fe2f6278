#include "rtsp_driver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "media/rtsp_url.h"

#define UDP_PAIR_TRIES 64

static int udp_bound(uint16_t port, uint16_t *out_port) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int room = 1 << 20;
    if (fd < 0) return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (bind(fd, (struct sockaddr *)&a, len) || getsockname(fd, (struct sockaddr *)&a, &len)) {
        close(fd);
        return -1;
    }
    *out_port = ntohs(a.sin_port);
    return fd;
}

static int peer_set(int fd, uint16_t port) {
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return connect(fd, (struct sockaddr *)&a, sizeof a);
}

static err tcp_give(struct rtsp_driver *r, const struct rtsp_want *w) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || peer_set(fd, w->port)) {
        close(fd);
        return rtsp_client_refuse(r->client, w->request, "connection refused");
    }
    return rtsp_client_give(r->client, w->request, fd, 0);
}

/* Descriptors by request number, kept to set their peers, as the hub does. */
static int udp_fds[256];

static err udp_pair_give(struct rtsp_driver *r, const struct rtsp_want *rtp, const struct rtsp_want *rtcp) {
    for (unsigned i = 0; i < UDP_PAIR_TRIES; i++) {
        uint16_t even = 0, odd = 0;
        int a = udp_bound(0, &even);
        int b = a >= 0 && even % 2 == 0 ? udp_bound((uint16_t)(even + 1), &odd) : -1;
        if (b < 0) {
            if (a >= 0) close(a);
            continue;
        }
        if (peer_set(a, 0) || peer_set(b, 0)) return ERR_IO;
        udp_fds[rtp->request % 256] = a;
        udp_fds[rtcp->request % 256] = b;
        err e = rtsp_client_give(r->client, rtp->request, a, even);
        return e ? e : rtsp_client_give(r->client, rtcp->request, b, odd);
    }
    return rtsp_client_refuse(r->client, rtp->request, "no two consecutive UDP ports are free");
}

static err want(void *context, const struct rtsp_want *w, struct diag *d) {
    struct rtsp_driver *r = context;
    if (r->want_count == sizeof r->wants / sizeof *r->wants) return diag_fail(d, ERR_LIMIT, "too many wants");
    r->wants[r->want_count++] = *w;
    return ERR_OK;
}

static err wants_answer(struct rtsp_driver *r) {
    err e = ERR_OK;
    for (size_t i = 0; i < r->want_count && !e; i++) {
        const struct rtsp_want *w = &r->wants[i];
        if (w->kind == RTSP_WANT_TCP) e = tcp_give(r, w);
        if (w->kind == RTSP_WANT_UDP && i + 1 < r->want_count) {
            e = udp_pair_give(r, w, w + 1);
            i++;
        }
        if (w->kind == RTSP_WANT_PEER)
            e = peer_set(udp_fds[w->request % 256], w->port)
                    ? rtsp_client_refuse(r->client, w->request, "no peer")
                    : rtsp_client_give(r->client, w->request, -1, 0);
    }
    r->want_count = 0;
    return e;
}

static err on_tracks(void *context, const struct media_track *tracks, size_t count, struct diag *d) {
    struct rtsp_driver *r = context;
    if (r->tracks_told++ == 0) r->first_width = tracks[0].width;
    r->track_count = count;
    for (size_t i = 0; i < count; i++) {
        r->tracks[i] = tracks[i];
        r->config[i].len = 0;
        if (blob_append(&r->config[i], tracks[i].config)) return ERR_NO_MEMORY;
        r->tracks[i].config = blob_bytes(&r->config[i]);
    }
    (void)d;
    return ERR_OK;
}

static err keep(struct rtsp_driver *r, const struct media_sample *s) {
    bool video = r->tracks[s->track].width > 0;
    struct reader in = reader_of(s->data);
    while (video && reader_left(&in)) {
        static const uint8_t start[] = {0, 0, 0, 1};
        uint32_t len;
        struct bytes nal;
        if (!reader_be32(&in, &len) || !reader_take(&in, len, &nal) || len == 0) return ERR_INVALID;
        err e = blob_append(&r->stream[s->track], BYTES_OF(start));
        if (!e) e = blob_append(&r->stream[s->track], nal);
        if (e) return e;
    }
    return video ? ERR_OK : blob_append(&r->stream[s->track], s->data);
}

static err on_sample(void *context, const struct media_sample *s, struct diag *d) {
    struct rtsp_driver *r = context;
    if (s->track >= r->track_count) return diag_fail(d, ERR_INVALID, "a sample of an unannounced track");
    bool first = r->samples[s->track]++ == 0;
    if ((!first && s->dts_ticks <= r->last_dts[s->track]) || s->pts_ticks < s->dts_ticks) r->time_faults++;
    if (first) r->first_pts[s->track] = s->pts_ticks;
    r->last_dts[s->track] = s->dts_ticks;
    r->last_pts[s->track] = s->pts_ticks;
    r->bytes += s->data.len;
    if (s->track == 0 && s->key) r->keys++;
    struct wall_us wall;
    r->wall[s->track] |= rtsp_client_wall(r->client, s->track, s->pts_ticks, &wall);
    if (r->stop_after_video && r->samples[0] >= r->stop_after_video) rtsp_client_stop(r->client);
    return r->keep ? keep(r, s) : ERR_OK;
}

static void on_lost(void *context, uint64_t packets) {
    struct rtsp_driver *r = context;
    r->lost += packets;
}

static void wait_turn(struct rtsp_driver *r) {
    struct pollfd fds[RTSP_POLL_MAX];
    size_t n = rtsp_client_poll(r->client, fds, RTSP_POLL_MAX);
    int64_t left = rtsp_client_deadline(r->client).us - steady_now().us;
    if (left > 100000) left = 100000;
    int ms = left <= 0 ? 0 : (int)((left + 999) / 1000);
    if (r->wake_us && left > 0) {
        struct timespec t = {r->wake_us / 1000000, r->wake_us % 1000000 * 1000};
        nanosleep(&t, NULL);
    }
    (void)poll(fds, (nfds_t)n, ms);
}

err rtsp_driver_run(struct rtsp_driver *r, struct diag *d) {
    const struct media_sink sink = {r, on_tracks, on_sample, on_lost};
    r->options.want = want;
    r->options.context = r;
    err e = rtsp_client_new(r->url, &r->options, &sink, &r->client, d);
    if (e) return e;
    int64_t begun = steady_now().us;
    while (!(e = rtsp_client_ready(r->client, steady_now(), d))) {
        r->turns++;
        e = wants_answer(r);
        if (e) break;
        if (r->stop_after_us && steady_now().us - begun > r->stop_after_us) rtsp_client_stop(r->client);
        wait_turn(r);
    }
    rtsp_client_status(r->client, &r->status);
    rtsp_client_free(r->client);
    r->client = NULL;
    return e;
}

void rtsp_driver_clear(struct rtsp_driver *r) {
    for (size_t i = 0; i < MEDIA_TRACKS_MAX; i++) {
        blob_clear(&r->config[i]);
        blob_clear(&r->stream[i]);
    }
}
