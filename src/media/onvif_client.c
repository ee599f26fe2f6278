#include "media/onvif_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "media/onvif_events.h"
#include "media/rtsp_auth.h"
#include "media/rtsp_message.h"
#include "media/rtsp_url.h"
#include "media/sdp.h"

#define HTTP_MAX_BYTES (RTSP_HEAD_MAX_BYTES + 2 * ONVIF_REPLY_MAX_BYTES) /* chunks carry their lengths */

#define PULL_AGAIN_US 1000000 /* after an answer that came sooner: there are cameras that never wait */

enum step {
    STEP_TIME,
    STEP_MEDIA,
    STEP_PROFILES,
    STEP_STREAM,
    STEP_EVENTS,
    STEP_SUBSCRIBE,
    STEP_PULL,
    STEP_DONE
};

struct onvif_client {
    struct rtsp_url url;
    bool sub, listen;
    void *context;
    err (*want)(void *context, const struct rtsp_want *want, struct diag *d);
    void (*pressed)(void *context, const char *topic);
    struct onvif_pull_point point;
    struct steady_us asked_at, pause; /* pause: until the next pull; 0: none */
    enum step step;
    bool asked, kick;
    uint32_t request;
    int fd;
    char refusal[200];
    struct steady_us deadline, now;
    int64_t clock_ahead_us; /* the camera's wall clock, against ours */
    uint16_t port;          /* of the service that is asked */
    char path[ONVIF_ADDRESS_BYTES];
    struct rtsp_auth auth;
    bool authorised;
    unsigned auth_tries;
    struct blob out, in;
    size_t scanned;
    struct onvif_profile profiles[ONVIF_PROFILES_MAX];
    const struct onvif_profile *profile;
    char found[ONVIF_ADDRESS_BYTES];
};

void onvif_client_free(struct onvif_client *c) {
    if (!c) return;
    if (c->fd >= 0) close(c->fd);
    blob_clear(&c->out);
    blob_clear(&c->in);
    wipe(c, sizeof *c);
    free(c);
}

err onvif_client_new(const char *url, const struct onvif_options *options, struct onvif_client **out,
                     struct diag *d) {
    struct onvif_client *c = calloc(1, sizeof *c);
    if (!c) return ERR_NO_MEMORY;
    c->fd = -1;
    err e = onvif_url_parse(url, &c->url, d);
    if (e) {
        onvif_client_free(c);
        return e;
    }
    c->sub = options->sub;
    c->context = options->context;
    c->want = options->want;
    c->listen = options->listen;
    c->pressed = options->pressed;
    c->port = c->url.port;
    c->kick = true;
    const char *path =
        strchr(c->url.text + strlen("rtsp://"), '/'); /* none or "/": the one that ONVIF names */
    snprintf(c->path, sizeof c->path, "%.*s", ONVIF_ADDRESS_BYTES - 1,
             path && path[1] ? path : ONVIF_DEVICE_PATH);
    *out = c;
    return ERR_OK;
}

err onvif_client_give(struct onvif_client *c, uint32_t request, int fd) {
    if (!c->asked || c->fd >= 0 || request != c->request || fd < 0) {
        if (fd >= 0) close(fd);
        return ERR_NOT_FOUND;
    }
    c->fd = fd;
    c->kick = true;
    return ERR_OK;
}

err onvif_client_refuse(struct onvif_client *c, uint32_t request, const char *message) {
    if (!c->asked || c->fd >= 0 || request != c->request) return ERR_NOT_FOUND;
    snprintf(c->refusal, sizeof c->refusal, "%s", message);
    c->kick = true;
    return ERR_OK;
}

size_t onvif_client_poll(const struct onvif_client *c, struct pollfd *fds, size_t max) {
    if (c->fd < 0 || max == 0) return 0;
    fds[0] = (struct pollfd){.fd = c->fd, .events = (short)(POLLIN | (c->out.len ? POLLOUT : 0))};
    return 1;
}

struct steady_us onvif_client_deadline(const struct onvif_client *c) {
    if (c->kick) return (struct steady_us){0};
    if (c->pause.us) return c->pause;
    return c->step == STEP_DONE ? (struct steady_us){INT64_MAX} : c->deadline;
}

const char *onvif_client_url(const struct onvif_client *c) {
    return c->step == STEP_DONE ? c->found : NULL;
}

static err pull_body(const struct onvif_client *c, const struct onvif_login *login, struct blob *out) {
    char address[ONVIF_ADDRESS_BYTES + 300];
    bool v6 = strchr(c->url.host, ':') != NULL;
    snprintf(address, sizeof address, "http://%s%s%s:%u%s", v6 ? "[" : "", c->url.host, v6 ? "]" : "",
             c->port, c->path);
    return onvif_pull_request(login, &c->point, address, out);
}

static err soap_body(struct onvif_client *c, struct blob *out) {
    struct onvif_login login = {.user = c->url.has_user ? c->url.user : NULL, .password = c->url.password};
    if (getrandom(login.nonce, sizeof login.nonce, 0) != sizeof login.nonce) return ERR_IO;
    login.camera_now.us = wall_now().us + c->clock_ahead_us;
    switch (c->step) {
        case STEP_TIME: return onvif_time_request(out);
        case STEP_MEDIA: return onvif_service_request(&login, "Media", out);
        case STEP_EVENTS: return onvif_service_request(&login, "Events", out);
        case STEP_SUBSCRIBE: return onvif_subscribe_request(&login, out);
        case STEP_PULL: return pull_body(c, &login, out);
        case STEP_PROFILES: return onvif_profiles_request(&login, out);
        case STEP_STREAM: return onvif_stream_request(&login, c->profile->token, out);
        case STEP_DONE: break;
    }
    return ERR_INVALID;
}

static err authorization(struct onvif_client *c, struct blob *out) {
    c->authorised = c->auth.scheme != RTSP_AUTH_NONE && c->url.has_user;
    if (!c->authorised) return ERR_OK;
    uint8_t raw[8];
    char cnonce[17], value[RTSP_AUTH_HEADER_BYTES];
    if (getrandom(raw, sizeof raw, 0) != sizeof raw) return ERR_IO;
    hex_encode(BYTES_OF(raw), cnonce);
    err e = rtsp_auth_answer(&c->auth, c->url.user, c->url.password, "POST", c->path, cnonce, value);
    if (!e) e = blob_append(out, bytes_text("Authorization: "));
    if (!e) e = blob_append(out, bytes_text(value));
    if (!e) e = blob_append(out, bytes_text("\r\n"));
    wipe(value, sizeof value);
    return e;
}

/* Writes the question of this step, and asks for a connection to put it on. */
static err ask(struct onvif_client *c, struct diag *d) {
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    blob_clear(&c->out);
    blob_clear(&c->in);
    c->scanned = 0;
    AUTO(blob_clear) struct blob body = {0};
    char head[ONVIF_ADDRESS_BYTES + 512];
    err e = soap_body(c, &body);
    bool v6 = strchr(c->url.host, ':') != NULL;
    int n = snprintf(
        head, sizeof head,
        "POST %s HTTP/1.1\r\nHost: %s%s%s:%u\r\nContent-Type: application/soap+xml; charset=utf-8\r\n"
        "Content-Length: %zu\r\nConnection: close\r\n",
        c->path, v6 ? "[" : "", c->url.host, v6 ? "]" : "", c->port, body.len);
    if (!e && n >= (int)sizeof head) e = ERR_LIMIT;
    if (!e) e = blob_append(&c->out, bytes_text(head));
    if (!e) e = authorization(c, &c->out);
    if (!e) e = blob_append(&c->out, bytes_text("\r\n"));
    if (!e) e = blob_append(&c->out, blob_bytes(&body));
    if (e) return diag_fail(d, e, "a question to the camera could not be written: %s", err_text(e));
    c->asked = true;
    c->asked_at = c->now;
    c->pause.us = 0;
    int64_t may_take_s = ONVIF_ANSWER_DEADLINE_S + (c->step == STEP_PULL ? ONVIF_PULL_S : 0);
    c->deadline.us = c->now.us + may_take_s * 1000000;
    const struct rtsp_want want = {++c->request, RTSP_WANT_TCP, c->port};
    return c->want(c->context, &want, d);
}

static err step_to(struct onvif_client *c, enum step step, struct diag *d) {
    c->step = step;
    c->auth_tries = 0;
    if (step != STEP_DONE) return ask(c, d);
    close(c->fd);
    c->fd = -1;
    return ERR_OK;
}

static err time_taken(struct onvif_client *c, struct bytes body, struct diag *d) {
    struct wall_us camera;
    if (!onvif_time_parse(body, &camera, NULL)) c->clock_ahead_us = camera.us - wall_now().us;
    return step_to(c, c->listen ? STEP_EVENTS : STEP_MEDIA,
                   d); /* a camera that does not tell the time may know it all the same */
}

static err profiles_taken(struct onvif_client *c, struct bytes body, struct diag *d) {
    size_t count;
    err e = onvif_profiles_parse(body, c->profiles, &count, d);
    if (e) return e;
    c->profile = onvif_profile_choose(c->profiles, count, c->sub);
    if (!c->profile)
        return diag_fail(d, ERR_UNSUPPORTED,
                         "the camera has no ONVIF profile with H.264 or H.265: set one up");
    return step_to(c, STEP_STREAM, d);
}

/* The next question follows at once, unless the camera did not wait for something to tell. */
static err pulled(struct onvif_client *c, struct bytes body, struct diag *d) {
    err e = onvif_pull_parse(body, c->pressed, c->context, d);
    if (e) return e;
    if (c->now.us - c->asked_at.us >= PULL_AGAIN_US) return step_to(c, STEP_PULL, d);
    close(c->fd);
    c->fd = -1;
    c->pause.us = c->now.us + PULL_AGAIN_US;
    return ERR_OK;
}

static err body_taken(struct onvif_client *c, struct bytes body, struct diag *d) {
    const char *user = c->url.has_user ? c->url.user : NULL;
    err e;
    switch (c->step) {
        case STEP_TIME: return time_taken(c, body, d);
        case STEP_MEDIA:
            e = onvif_service_parse(body, "Media", &c->port, c->path, d);
            return e ? e : step_to(c, STEP_PROFILES, d);
        case STEP_EVENTS:
            e = onvif_service_parse(body, "Events", &c->port, c->path, d);
            return e ? e : step_to(c, STEP_SUBSCRIBE, d);
        case STEP_SUBSCRIBE:
            e = onvif_subscribe_parse(body, &c->point, d);
            if (e) return e;
            c->port = c->point.port;
            memcpy(c->path, c->point.path, sizeof c->path);
            return step_to(c, STEP_PULL, d);
        case STEP_PULL: return pulled(c, body, d);
        case STEP_PROFILES: return profiles_taken(c, body, d);
        case STEP_STREAM:
            e = onvif_stream_parse(body, c->url.host, user, c->url.password, c->found, d);
            return e ? e : step_to(c, STEP_DONE, d);
        case STEP_DONE: break;
    }
    return ERR_OK;
}

static err challenged(struct onvif_client *c, const struct rtsp_message *m, struct diag *d) {
    if (!c->url.has_user)
        return diag_fail(d, ERR_DENIED,
                         "the camera asks for a user name and password: write onvif://USER:PASSWORD@…");
    bool tried = c->authorised;
    struct bytes value;
    rtsp_auth_forget(&c->auth);
    for (size_t i = 0; i < 8 && rtsp_message_header(m, "WWW-Authenticate", i, &value); i++) {
        err e = rtsp_auth_challenge(&c->auth, value);
        if (e && e != ERR_UNSUPPORTED)
            return diag_fail(d, e, "the camera's challenge for a password is malformed");
    }
    if (c->auth.scheme == RTSP_AUTH_NONE || (tried && !c->auth.stale) ||
        ++c->auth_tries > RTSP_AUTH_TRIES_MAX)
        return diag_fail(d, ERR_DENIED, "the camera refused the ONVIF user name or password");
    return ask(c, d);
}

/* Puts the chunks of RFC 9112 section 7.1 together. ERR_BUSY: not all there. */
static err chunks_join(struct bytes in, struct blob *out) {
    for (;;) {
        const uint8_t *end = in.len ? memchr(in.data, '\n', in.len) : NULL;
        if (!end) return in.len > 64 ? ERR_INVALID : ERR_BUSY;
        uint32_t size = 0;
        size_t digits = 0;
        for (const uint8_t *p = in.data; p < end && digits < 7; p++, digits++) {
            uint8_t low = *p | 32;
            if (*p >= '0' && *p <= '9')
                size = size << 4 | (uint32_t)(*p - '0');
            else if (low >= 'a' && low <= 'f')
                size = size << 4 | (uint32_t)(low - 'a' + 10);
            else
                break;
        }
        if (digits == 0 || size > ONVIF_REPLY_MAX_BYTES - out->len) return ERR_INVALID;
        if (size == 0) return ERR_OK;
        size_t head = (size_t)(end - in.data) + 1;
        if (in.len - head < size + 2) return ERR_BUSY;
        err e = blob_append(out, BYTES(in.data + head, size));
        if (e) return e;
        in = BYTES(in.data + head + size, in.len - head - size);
        in = in.data[0] == '\r' ? BYTES(in.data + 2, in.len - 2) : BYTES(in.data + 1, in.len - 1);
    }
}

/* Takes the answer if it is whole: ERR_BUSY if not. */
static err answer_take(struct onvif_client *c, bool ended, struct diag *d) {
    struct rtsp_message m;
    struct bytes value, body;
    size_t head = 0;
    err e = rtsp_message_head(blob_bytes(&c->in), &c->scanned, &m, &head, d);
    if (e) return e;
    body = BYTES(c->in.data + head, c->in.len - head);
    uint64_t len;
    AUTO(blob_clear) struct blob joined = {0};
    if (rtsp_message_header(&m, "Transfer-Encoding", 0, &value) && text_equal_nocase(value, "chunked")) {
        e = chunks_join(body, &joined);
        if (e == ERR_INVALID) return diag_fail(d, e, "the camera's ONVIF answer comes in malformed chunks");
        body = blob_bytes(&joined);
    } else if (rtsp_message_header(&m, "Content-Length", 0, &value)) {
        if (!text_number(value, ONVIF_REPLY_MAX_BYTES, &len))
            return diag_fail(d, ERR_LIMIT, "the camera announces an ONVIF answer of more than %u KiB",
                             ONVIF_REPLY_MAX_BYTES >> 10);
        if (body.len < len) return ERR_BUSY;
        body.len = (size_t)len;
    } else if (!ended) {
        return ERR_BUSY;
    }
    if (e) return e;
    if (m.status == 401 && c->step != STEP_TIME) return challenged(c, &m, d);
    if (m.status == 404 && c->step != STEP_TIME)
        return diag_fail(d, ERR_NOT_FOUND,
                         "the camera speaks no ONVIF at port %u: is it switched on in its settings?",
                         c->port);
    AUTO(blob_clear) struct blob own = {0}; /* the next question clears what body points into */
    e = blob_append(&own, body);
    return e ? e : body_taken(c, blob_bytes(&own), d);
}

static err exchange(struct onvif_client *c, struct diag *d) {
    while (c->out.len) {
        ssize_t n = send(c->fd, c->out.data, c->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n <= 0) break; /* nothing fits now; or it broke, which reading will tell */
        blob_drop_front(&c->out, (size_t)n);
    }
    for (;;) {
        uint8_t raw[16384];
        ssize_t n = recv(c->fd, raw, sizeof raw, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return ERR_OK;
        err e = n > 0 ? blob_append(&c->in, BYTES(raw, (size_t)n)) : ERR_OK;
        uint32_t request = c->request;
        if (!e) e = answer_take(c, n <= 0, d);
        if (e != ERR_BUSY || c->request != request) return e;
        if (n <= 0)
            return diag_fail(d, ERR_UNREACHABLE,
                             "the camera closed the ONVIF connection without a whole answer");
        if (c->in.len > HTTP_MAX_BYTES)
            return diag_fail(d, ERR_LIMIT, "the camera's ONVIF answer has no end");
    }
}

err onvif_client_ready(struct onvif_client *c, struct steady_us now, struct diag *d) {
    c->now = now;
    c->kick = false;
    if (c->step == STEP_DONE) return ERR_OK;
    if (!c->asked || (c->pause.us && now.us >= c->pause.us)) {
        err e = ask(c, d);
        if (e) return e;
    }
    if (c->pause.us) return ERR_OK;
    if (c->refusal[0]) return diag_fail(d, ERR_UNREACHABLE, "%s", c->refusal);
    for (uint32_t before = 0;
         c->fd >= 0 && before != c->request;) { /* a new question may have its socket at once */
        before = c->request;
        err e = exchange(c, d);
        if (e) return e;
    }
    if (c->step != STEP_DONE && now.us >= c->deadline.us)
        return diag_fail(d, ERR_TIMEOUT, "the camera does not answer over ONVIF within %d s",
                         ONVIF_ANSWER_DEADLINE_S);
    return ERR_OK;
}
