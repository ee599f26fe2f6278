#include "media/rtsp.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/random.h>
#include <unistd.h>

#include "media/rtsp_internal.h"

void rtsp_printable(struct bytes text, char out[64]) {
    size_t n = 0;
    for (size_t i = 0; i < text.len && n < 63; i++)
        out[n++] = text.data[i] >= ' ' && text.data[i] < 127 ? (char)text.data[i] : '?';
    out[n] = 0;
}

err rtsp_prepare(struct diag *d) {
    return rtsp_tls_prepare(d);
}

void rtsp_client_free(struct rtsp_client *c) {
    if (!c) return;
    rtsp_link_close(&c->link);
    free(c->link.in);
    for (size_t i = 0; i < MEDIA_TRACKS_MAX; i++) rtsp_track_clear(&c->tracks[i]);
    wipe(c, sizeof *c);
    free(c);
}

static err pin_take(struct rtsp_client *c, const char *pin, struct diag *d) {
    size_t n = 0;
    for (; pin && *pin; pin++) {
        if (*pin == ':') continue; /* as openssl prints it */
        if (n == RTSP_FINGERPRINT_CHARS - 1)
            return diag_fail(d, ERR_INVALID, "the certificate's pin is longer than SHA-256");
        c->pin[n++] = *pin >= 'A' && *pin <= 'F' ? (char)(*pin - 'A' + 'a') : *pin;
    }
    uint8_t raw[32];
    if (n && hex_decode(c->pin, (struct buffer){raw, sizeof raw}))
        return diag_fail(d, ERR_INVALID, "the certificate's pin is no SHA-256 in hex");
    return ERR_OK;
}

err rtsp_client_new(const char *url, const struct rtsp_options *options, const struct media_sink *sink,
                    struct rtsp_client **out, struct diag *d) {
    struct rtsp_client *c = calloc(1, sizeof *c);
    if (!c) return ERR_NO_MEMORY;
    c->link.socket.fd = -1;
    for (size_t i = 0; i < MEDIA_TRACKS_MAX; i++) c->tracks[i].rtp.fd = c->tracks[i].rtcp.fd = -1;
    err e = rtsp_url_parse(url, &c->url, d);
    if (!e) e = pin_take(c, options->pin, d);
    if (!e && getrandom(&c->own_ssrc, sizeof c->own_ssrc, 0) != sizeof c->own_ssrc) e = ERR_IO;
    if (e) {
        rtsp_client_free(c);
        return e;
    }
    c->transport = options->transport;
    c->udp = options->transport == RTSP_TRANSPORT_UDP;
    c->audio = options->audio;
    c->want = options->want;
    c->want_context = options->context;
    c->sink = *sink;
    c->session_s = RTSP_SESSION_DEFAULT_S;
    c->kick = true;
    *out = c;
    return ERR_OK;
}

void rtsp_step_to(struct rtsp_client *c, enum rtsp_step step) {
    c->step = step;
    c->step_deadline.us = c->now.us + RTSP_ANSWER_DEADLINE_S * SECOND_US;
}

err rtsp_want_socket(struct rtsp_client *c, struct rtsp_socket *s, enum rtsp_want_kind kind, uint16_t port,
                     struct diag *d) {
    if (kind == RTSP_WANT_PEER) {
        if (s->state != SOCKET_HELD) return ERR_OK;
        s->peer = PEER_ASKED;
    } else {
        rtsp_socket_close(s);
        s->state = SOCKET_ASKED;
        s->request = ++c->next_request;
    }
    const struct rtsp_want want = {s->request, kind, port};
    return c->want(c->want_context, &want, d);
}

/* The i-th of all sockets; NULL past the last. */
static struct rtsp_socket *socket_at(struct rtsp_client *c, size_t i) {
    if (i == 0) return &c->link.socket;
    if (i > 2 * MEDIA_TRACKS_MAX) return NULL;
    struct rtsp_track *t = &c->tracks[(i - 1) / 2];
    return i % 2 ? &t->rtp : &t->rtcp;
}

static struct rtsp_socket *socket_waiting(struct rtsp_client *c, uint32_t request) {
    struct rtsp_socket *s;
    for (size_t i = 0; (s = socket_at(c, i)); i++)
        if (s->request == request && (s->state == SOCKET_ASKED || s->peer == PEER_ASKED)) return s;
    return NULL;
}

err rtsp_client_give(struct rtsp_client *c, uint32_t request, int fd, uint16_t local_port) {
    struct rtsp_socket *s = socket_waiting(c, request);
    bool peer = s && s->state == SOCKET_HELD;
    if (!s || (!peer && fd < 0) || (peer && fd >= 0)) {
        if (fd >= 0) close(fd);
        return ERR_NOT_FOUND;
    }
    c->kick = true;
    if (peer) {
        s->peer = PEER_SET;
        return ERR_OK;
    }
    s->state = SOCKET_HELD;
    s->fd = fd;
    s->local_port = local_port;
    return ERR_OK;
}

err rtsp_client_refuse(struct rtsp_client *c, uint32_t request, const char *message) {
    struct rtsp_socket *s = socket_waiting(c, request);
    if (!s) return ERR_NOT_FOUND;
    if (s->state == SOCKET_HELD) {
        s->peer = PEER_NONE;
        return ERR_OK;
    }
    s->state = SOCKET_NONE;
    c->refused = c->kick = true;
    snprintf(c->refusal.text, sizeof c->refusal.text, "%s", message);
    return ERR_OK;
}

err rtsp_restart(struct rtsp_client *c, struct diag *d) {
    if (++c->restarts > RTSP_RESTARTS_MAX)
        return diag_fail(d, ERR_UNREACHABLE, "the camera closes the connection again and again");
    rtsp_link_close(&c->link);
    for (size_t i = 0; i < MEDIA_TRACKS_MAX; i++) rtsp_track_clear(&c->tracks[i]);
    c->track_count = 0;
    c->session[0] = 0;
    c->scanned = 0;
    c->request.waiting = false;
    c->first_packet = false;
    c->lost_told = 0;
    c->kick = true;
    rtsp_step_to(c, STEP_START);
    return ERR_OK;
}

static err certificate_check(struct rtsp_client *c, struct diag *d) {
    if (!c->link.tls) return ERR_OK;
    if (rtsp_tls_fingerprint(c->link.tls, c->status.fingerprint))
        return diag_fail(d, ERR_INVALID, "the camera shows no certificate");
    if (!c->pin[0] || strcmp(c->pin, c->status.fingerprint) == 0) return ERR_OK;
    return diag_fail(d, ERR_DENIED,
                     "the camera shows another certificate (%.16s…) than the pinned one (%.16s…)",
                     c->status.fingerprint, c->pin);
}

/* Takes the steps that need no answer of the camera's. */
static err advance(struct rtsp_client *c, struct diag *d) {
    err e = ERR_OK;
    if (c->refused) {
        c->refused = false;
        return diag_fail(d, ERR_UNREACHABLE, "%s", c->refusal.text);
    }
    if (c->step == STEP_START) {
        rtsp_step_to(c, STEP_SOCKET);
        e = rtsp_want_socket(c, &c->link.socket, RTSP_WANT_TCP, c->url.port, d);
        if (e || c->refused) return e ? e : advance(c, d);
    }
    if (c->step == STEP_SOCKET && c->link.socket.state == SOCKET_HELD) rtsp_step_to(c, STEP_TLS);
    if (c->step == STEP_TLS) {
        e = rtsp_link_open(&c->link, &c->url, d);
        if (e) return e == ERR_BUSY ? ERR_OK : e;
        e = certificate_check(c, d);
        if (e) return e;
        rtsp_step_to(c, STEP_OPTIONS);
        return rtsp_request_send(c, "OPTIONS", c->url.text, "", d);
    }
    if (c->step == STEP_PORTS) {
        for (size_t i = 0; i < c->track_count; i++)
            if (c->tracks[i].rtp.state != SOCKET_HELD || c->tracks[i].rtcp.state != SOCKET_HELD)
                return ERR_OK;
        return rtsp_setup_next(c, d);
    }
    return e;
}

/* Whether an interleaved header can be believed: a channel that was agreed on, and a version that RTP and
 * RTCP share. */
static bool frame_plausible(struct rtsp_client *c, const uint8_t *at, struct rtsp_track **track,
                            bool *control) {
    if (be16_get(at + 2) < 8 || at[4] >> 6 != 2) return false;
    for (size_t i = 0; i < c->track_count; i++) {
        struct rtsp_track *t = &c->tracks[i];
        if (!t->set_up || (at[1] != t->channel && at[1] != t->rtcp_channel)) continue;
        *track = t;
        *control = at[1] != t->channel;
        return true;
    }
    return false;
}

/* How much to skip to the next byte that can begin something. */
static size_t garbage_len(const uint8_t *data, size_t len) {
    for (size_t i = 1; i < len; i++)
        if (data[i] == '$' || data[i] == 'R') return i;
    return len;
}

static err garbage(struct rtsp_client *c, size_t len, struct diag *d) {
    c->status.garbage_bytes += len;
    c->garbage_run += len;
    if (c->garbage_run <= RTSP_GARBAGE_MAX_BYTES) return ERR_OK;
    return diag_fail(d, ERR_INVALID, "the camera sent %u MiB that are neither RTSP nor RTP",
                     RTSP_GARBAGE_MAX_BYTES >> 20);
}

/* Takes what stands at `at`; *used 0: it is incomplete. */
static err frame_take(struct rtsp_client *c, struct bytes at, size_t *used, struct diag *d) {
    struct rtsp_track *track = NULL;
    bool control = false;
    if (at.len < 5) return ERR_OK;
    if (!frame_plausible(c, at.data, &track, &control)) {
        size_t whole = 4 + (size_t)be16_get(at.data + 2);
        bool followed = whole < at.len && (at.data[whole] == '$' || at.data[whole] == 'R');
        *used = followed ? whole
                         : garbage_len(at.data, at.len); /* a channel nobody asked for; or no frame at all */
        return garbage(c, *used, d);
    }
    size_t len = be16_get(at.data + 2);
    if (at.len < 4 + len) return ERR_OK;
    *used = 4 + len;
    c->garbage_run = 0;
    struct bytes raw = BYTES(at.data + 4, len);
    return control ? rtsp_track_control_packet(track, raw, d) : rtsp_track_packet(track, raw, d);
}

/* Between packets a message is only what begins like one: what follows a torn packet can be anything. */
static bool message_begins(struct bytes at) {
    static const char *const starts[] = {"RTSP/1.", "OPTIONS ", "GET_PARAMETER ", "SET_PARAMETER ",
                                         "ANNOUNCE "};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        size_t len = strlen(starts[i]);
        if (memcmp(at.data, starts[i], at.len < len ? at.len : len) == 0) return true;
    }
    return false;
}

static err message_take(struct rtsp_client *c, struct bytes at, size_t *used, struct diag *d) {
    bool streaming = c->step >= STEP_PLAY;
    if (streaming && !message_begins(at)) {
        *used = garbage_len(at.data, at.len);
        return garbage(c, *used, d);
    }
    struct rtsp_message m;
    err e = rtsp_message_read(at, &c->scanned, &m, d);
    if (e == ERR_BUSY) return ERR_OK;
    c->scanned = 0;
    if (e == ERR_INVALID && streaming) {
        *used = garbage_len(at.data, at.len);
        return garbage(c, *used, d);
    }
    if (e) return e;
    *used = m.total;
    return m.request ? rtsp_camera_asks(c, &m, d) : rtsp_answer_take(c, &m, d);
}

/* Takes all that is whole in the buffer. */
static err buffer_take(struct rtsp_client *c, struct diag *d) {
    struct rtsp_link *l = &c->link;
    size_t done = 0;
    err e = ERR_OK;
    while (!e && done < l->in_len) {
        struct bytes at = BYTES(l->in + done, l->in_len - done);
        size_t used = 0;
        unsigned restarts = c->restarts;
        if (at.data[0] == '$' && c->step >= STEP_SETUP)
            e = frame_take(c, at, &used, d);
        else if (at.data[0] == '\r' || at.data[0] == '\n')
            used = 1;
        else
            e = message_take(c, at, &used, d);
        if (c->restarts != restarts) return e; /* the buffer is gone */
        if (used == 0) break;
        done += used;
    }
    rtsp_link_consume(l, done);
    return e;
}

static err connection_ended(struct rtsp_client *c, struct diag *d) {
    if (c->step == STEP_TEARDOWN) return ERR_CANCELLED;
    if (c->step < STEP_STREAM) {
        /* Some cameras close after each refusal. The challenge is kept, so the next connection brings the
         * answer. */
        bool answered = c->auth.scheme != RTSP_AUTH_NONE && c->request.authorised;
        if (answered && c->auth_tries == 0) return rtsp_restart(c, d);
        if (answered) return diag_fail(d, ERR_DENIED, "the camera refused the user name or the password");
        return diag_fail(d, ERR_UNREACHABLE, "the camera closed the connection before the stream began");
    }
    for (size_t i = 0; i < c->track_count; i++) {
        err e = rtsp_track_flush(&c->tracks[i], d);
        if (e) return e;
    }
    return diag_fail(d, ERR_UNREACHABLE, "the camera closed the connection");
}

static err connection_receive(struct rtsp_client *c, struct diag *d) {
    bool more = c->link.open;
    for (unsigned i = 0; more && i < RTSP_READS_MAX; i++) {
        size_t len = 0;
        unsigned restarts = c->restarts;
        err e = rtsp_link_receive(&c->link, &len, &more, d);
        c->status.bytes += len;
        if (!e && len) e = buffer_take(c, d);
        if (e || c->restarts != restarts) return e;
        if (c->link.ended) return connection_ended(c, d);
    }
    return ERR_OK;
}

static err stream_deadlines(struct rtsp_client *c, struct diag *d) {
    int64_t silent = c->now.us - c->packet_at.us;
    if (c->udp && !c->first_packet && silent >= RTSP_UDP_SILENCE_S * SECOND_US &&
        c->transport == RTSP_TRANSPORT_AUTO) {
        c->udp = false;
        c->udp_failed = true;
        return rtsp_restart(c, d);
    }
    if (silent >= RTSP_SILENCE_S * SECOND_US)
        return diag_fail(d, ERR_TIMEOUT,
                         c->udp && !c->first_packet
                             ? "the camera sends nothing by UDP: does a firewall stop it? Try TCP"
                             : "the camera sends nothing");
    if (c->now.us - c->picture_at.us >= RTSP_PICTURE_DEADLINE_S * SECOND_US)
        return diag_fail(d, ERR_TIMEOUT, "the camera sends packets, but no whole picture in %d s",
                         RTSP_PICTURE_DEADLINE_S);
    if (c->request.waiting && c->now.us >= c->request.deadline.us)
        c->request.waiting = false; /* pictures prove life */
    if (c->now.us >= c->keepalive_at.us && !c->request.waiting) {
        err e = rtsp_keepalive_send(c, d);
        if (e) return e;
    }
    for (size_t i = 0; i < c->track_count; i++) {
        err e = rtsp_track_report(&c->tracks[i], d);
        if (e) return e;
    }
    return ERR_OK;
}

static err deadlines(struct rtsp_client *c, struct diag *d) {
    if (c->step == STEP_STREAM) return stream_deadlines(c, d);
    if (c->step == STEP_TEARDOWN) return c->now.us >= c->step_deadline.us ? ERR_CANCELLED : ERR_OK;
    bool late = c->now.us >= c->step_deadline.us;
    if (c->step == STEP_SOCKET && late)
        return diag_fail(d, ERR_TIMEOUT, "no connection to the camera in %d s", RTSP_ANSWER_DEADLINE_S);
    if (c->step == STEP_TLS && late)
        return diag_fail(d, ERR_TIMEOUT, "the camera does not finish the TLS handshake");
    if (c->step == STEP_PORTS && late)
        return diag_fail(d, ERR_TIMEOUT, "no UDP ports in %d s", RTSP_ANSWER_DEADLINE_S);
    if (c->request.waiting && c->now.us >= c->request.deadline.us)
        return diag_fail(d, ERR_TIMEOUT, "the camera does not answer %s within %d s", c->request.method,
                         RTSP_ANSWER_DEADLINE_S);
    return ERR_OK;
}

static err stop_begin(struct rtsp_client *c, struct diag *d) {
    c->stop_asked = false;
    if (!c->session[0] || !c->link.open || c->link.ended) return ERR_CANCELLED;
    c->step = STEP_TEARDOWN;
    c->step_deadline.us = c->now.us + RTSP_STOP_DEADLINE_MS * 1000;
    err e = rtsp_request_send(c, "TEARDOWN", c->aggregate, "", d);
    return e ? ERR_CANCELLED : ERR_OK;
}

static err turn(struct rtsp_client *c, struct diag *d) {
    err e = c->stop_asked ? stop_begin(c, d) : ERR_OK;
    if (!e) e = advance(c, d);
    if (!e) e = rtsp_link_flush(&c->link, d);
    if (!e) e = connection_receive(c, d);
    if (!e) e = advance(c, d); /* sockets may have been given from within want */
    for (size_t i = 0; i < c->track_count && !e && c->udp && c->step >= STEP_SETUP; i++)
        e = rtsp_track_receive(&c->tracks[i], d);
    if (!e) e = deadlines(c, d);
    return e ? e : rtsp_link_flush(&c->link, d);
}

static void lost_tell(struct rtsp_client *c) {
    uint64_t lost = 0;
    for (size_t i = 0; i < c->track_count; i++) lost += rtsp_track_lost(&c->tracks[i]);
    if (lost > c->lost_told) c->sink.lost(c->sink.context, lost - c->lost_told);
    c->lost_told = lost;
}

err rtsp_client_ready(struct rtsp_client *c, struct steady_us now, struct diag *d) {
    if (c->step == STEP_ENDED) return c->ended_with;
    c->now = now;
    c->kick = false;
    if (d) d->text[0] = 0;
    err e = turn(c, d);
    lost_tell(c);
    if (!e) return ERR_OK;
    if (d && !d->text[0]) (void)diag_fail(d, e, "%s", err_text(e));
    c->ended_with = e;
    c->step = STEP_ENDED;
    return e;
}

void rtsp_client_stop(struct rtsp_client *c) {
    if (c->step < STEP_TEARDOWN) c->stop_asked = c->kick = true;
}

size_t rtsp_client_poll(const struct rtsp_client *c, struct pollfd *fds, size_t max) {
    size_t n = 0;
    const struct rtsp_link *l = &c->link;
    if (c->step != STEP_ENDED && l->socket.state == SOCKET_HELD && n < max) {
        bool out = l->tls && rtsp_tls_wants_write(l->tls);
        out |= l->open && l->out.len > 0;
        fds[n++] = (struct pollfd){.fd = l->socket.fd, .events = (short)(POLLIN | (out ? POLLOUT : 0))};
    }
    for (size_t i = 0; i < c->track_count && c->step != STEP_ENDED; i++) {
        const struct rtsp_socket *pair[] = {&c->tracks[i].rtp, &c->tracks[i].rtcp};
        for (size_t k = 0; k < 2; k++)
            if (pair[k]->state == SOCKET_HELD && n < max)
                fds[n++] = (struct pollfd){.fd = pair[k]->fd, .events = POLLIN};
    }
    return n;
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

struct steady_us rtsp_client_deadline(const struct rtsp_client *c) {
    if (c->kick || c->step == STEP_ENDED) return (struct steady_us){0};
    int64_t at = INT64_MAX;
    bool timed =
        c->step == STEP_SOCKET || c->step == STEP_TLS || c->step == STEP_PORTS || c->step == STEP_TEARDOWN;
    if (timed) at = c->step_deadline.us;
    if (c->request.waiting) at = earlier(at, c->request.deadline.us);
    if (c->step != STEP_STREAM) return (struct steady_us){at};
    bool may_fall_back = c->udp && !c->first_packet && c->transport == RTSP_TRANSPORT_AUTO;
    at = earlier(at, c->packet_at.us + (may_fall_back ? RTSP_UDP_SILENCE_S : RTSP_SILENCE_S) * SECOND_US);
    at = earlier(at, c->picture_at.us + RTSP_PICTURE_DEADLINE_S * SECOND_US);
    if (!c->request.waiting) at = earlier(at, c->keepalive_at.us);
    for (size_t i = 0; i < c->track_count; i++) {
        const struct rtsp_track *t = &c->tracks[i];
        if (t->set_up) at = earlier(at, t->report_at.us);
        if (t->queue) at = earlier(at, rtp_queue_deadline(t->queue).us);
    }
    return (struct steady_us){at};
}

void rtsp_client_status(const struct rtsp_client *c, struct rtsp_status *out) {
    *out = c->status;
    out->udp = c->udp;
    out->state = c->step < STEP_OPTIONS     ? RTSP_CONNECTING
                 : c->step < STEP_STREAM    ? RTSP_ASKING
                 : c->step == STEP_STREAM   ? RTSP_STREAMING
                 : c->step == STEP_TEARDOWN ? RTSP_STOPPING
                                            : RTSP_ENDED;
    out->lost = c->lost_told;
    out->dropped_units = 0;
    for (size_t i = 0; i < c->track_count; i++) out->dropped_units += c->tracks[i].coded_video.dropped;
}

bool rtsp_client_wall(const struct rtsp_client *c, uint8_t track, int64_t pts_ticks, struct wall_us *out) {
    for (size_t i = 0; i < c->track_count; i++)
        if (c->tracks[i].set_up && c->tracks[i].index == track)
            return media_time_wall(&c->tracks[i].time, pts_ticks, out);
    return false;
}
