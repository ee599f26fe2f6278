/* A camera whose every byte is the input: answers, packets, and what lies between. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "media/rtsp.h"

#define STEP_BYTES 1500
#define STEP_US 40000
#define TURNS_MAX 4000

struct camera {
    struct rtsp_client *client;
    int ours;
    uint64_t samples;
};

static err want(void *context, const struct rtsp_want *w, struct diag *d) {
    struct camera *c = context;
    (void)d;
    if (w->kind == RTSP_WANT_PEER) return rtsp_client_give(c->client, w->request, -1, 0);
    int pair[2];
    if (socketpair(AF_UNIX, w->kind == RTSP_WANT_TCP ? SOCK_STREAM : SOCK_DGRAM, 0, pair)) return ERR_IO;
    if (w->kind == RTSP_WANT_TCP) {
        if (c->ours >= 0) close(c->ours);
        c->ours = pair[1];
    } else {
        close(pair[1]);
    }
    return rtsp_client_give(c->client, w->request, pair[0], (uint16_t)(5000 + w->request));
}

static err tracks(void *context, const struct media_track *t, size_t count, struct diag *d) {
    (void)context, (void)d;
    if (count == 0 || count > MEDIA_TRACKS_MAX || t[0].width == 0 || t[0].config.len == 0) abort();
    return ERR_OK;
}

static err sample(void *context, const struct media_sample *s, struct diag *d) {
    struct camera *c = context;
    (void)d;
    if (s->data.len == 0 || s->data.len > MEDIA_SAMPLE_MAX_BYTES + 4 || s->pts_ticks < s->dts_ticks) abort();
    c->samples++;
    return ERR_OK;
}

static void lost(void *context, uint64_t packets) {
    (void)context;
    if (packets == 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct camera c = {.ours = -1};
    const struct media_sink sink = {&c, tracks, sample, lost};
    const struct rtsp_options options = {.audio = true, .context = &c, .want = want};
    struct diag d = {0};
    if (rtsp_client_new("rtsp://user:secret@camera.example/stream", &options, &sink, &c.client, &d)) abort();
    struct steady_us now = {1000000};
    size_t at = 0;
    err e = ERR_OK;
    for (unsigned turn = 0; turn < TURNS_MAX && !e; turn++) {
        e = rtsp_client_ready(c.client, now, &d);
        if (e || c.ours < 0) break;
        uint8_t asked[4096];
        while (recv(c.ours, asked, sizeof asked, MSG_DONTWAIT) > 0) continue;
        size_t n = size - at < STEP_BYTES ? size - at : STEP_BYTES;
        ssize_t sent = n ? send(c.ours, data + at, n, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
        if (sent > 0) at += (size_t)sent;
        if (at == size) { /* the camera falls silent: whatever is left must end in time */
            struct steady_us next = rtsp_client_deadline(c.client);
            now.us = next.us > now.us + STEP_US ? next.us : now.us + STEP_US;
            if (turn > TURNS_MAX / 2) rtsp_client_stop(c.client);
        } else {
            now.us += STEP_US;
        }
    }
    if (e && !d.text[0]) abort();
    if (strstr(d.text, "secret") && !memmem(data, size, "secret", 6)) abort();
    rtsp_client_free(c.client);
    if (c.ours >= 0) close(c.ours);
    return 0;
}
