/* rtsp_exchange.c: what is asked of the camera, in which order, and what its answers mean. */
#include <stdio.h>
#include <strings.h>
#include <sys/random.h>

#include "media/rtsp_internal.h"

static err append_text(struct blob *b, const char *text) {
    return blob_append(b, bytes_text(text));
}

static err append_header(struct blob *b, const char *name, const char *value) {
    err e = append_text(b, name);
    if (!e) e = append_text(b, ": ");
    if (!e) e = append_text(b, value);
    return e ? e : append_text(b, "\r\n");
}

static err append_authorization(struct rtsp_client *c, struct blob *b) {
    c->request.authorised = c->auth.scheme != RTSP_AUTH_NONE && c->url.has_user;
    if (!c->request.authorised) return ERR_OK;
    uint8_t raw[8];
    char cnonce[17], value[RTSP_AUTH_HEADER_BYTES];
    if (getrandom(raw, sizeof raw, 0) != sizeof raw) return ERR_IO;
    hex_encode(BYTES_OF(raw), cnonce);
    err e = rtsp_auth_answer(&c->auth, c->url.user, c->url.password, c->request.method, c->request.url,
                             cnonce, value);
    if (!e) e = append_header(b, "Authorization", value);
    wipe(value, sizeof value);
    return e;
}

/* Writes the kept request, under a new number. */
static err request_write(struct rtsp_client *c, struct diag *d) {
    struct rtsp_request *r = &c->request;
    char number[16];
    r->number = ++c->number;
    snprintf(number, sizeof number, "%u", r->number);
    AUTO(blob_clear) struct blob b = {0};
    err e = append_text(&b, r->method);
    if (!e) e = append_text(&b, " ");
    if (!e) e = append_text(&b, r->url);
    if (!e) e = append_text(&b, " RTSP/1.0\r\n");
    if (!e) e = append_header(&b, "CSeq", number);
    if (!e) e = append_header(&b, "User-Agent", "Cardea/" CARDEA_VERSION);
    if (!e && c->session[0]) e = append_header(&b, "Session", c->session);
    if (!e) e = append_text(&b, r->extra);
    if (!e) e = append_authorization(c, &b);
    if (!e) e = append_text(&b, "\r\n");
    if (!e) e = rtsp_link_send(&c->link, blob_bytes(&b));
    if (e) return diag_fail(d, e, "a request to the camera could not be written: %s", err_text(e));
    r->waiting = true;
    r->deadline.us = c->now.us + RTSP_ANSWER_DEADLINE_S * SECOND_US;
    return rtsp_link_flush(&c->link, d);
}

err rtsp_request_send(struct rtsp_client *c, const char *method, const char *url, const char *extra,
                      struct diag *d) {
    struct rtsp_request *r = &c->request;
    r->method = method;
    r->resends = 0;
    c->auth_tries = 0;
    snprintf(r->url, sizeof r->url, "%s", url);
    snprintf(r->extra, sizeof r->extra, "%s", extra);
    return request_write(c, d);
}

static err request_again(struct rtsp_client *c, struct diag *d) {
    if (++c->request.resends > RTSP_RESENDS_MAX)
        return diag_fail(d, ERR_DENIED, "the camera keeps refusing %s", c->request.method);
    return request_write(c, d);
}

static struct steady_us keepalive_time(const struct rtsp_client *c) {
    int64_t after_s = c->session_s / 2;
    if (after_s > RTSP_KEEPALIVE_MAX_S) after_s = RTSP_KEEPALIVE_MAX_S;
    if (after_s < 1) after_s = 1;
    return (struct steady_us){c->now.us + after_s * SECOND_US};
}

err rtsp_keepalive_send(struct rtsp_client *c, struct diag *d) {
    c->keepalive_at = keepalive_time(c);
    return rtsp_request_send(c, c->has_get_parameter ? "GET_PARAMETER" : "OPTIONS", c->aggregate, "", d);
}

/* After a 401: answers the challenge, unless that was tried. */
static err authenticate(struct rtsp_client *c, const struct rtsp_message *m, struct diag *d) {
    if (!c->url.has_user)
        return diag_fail(d, ERR_DENIED,
                         "the camera asks for a user name and password: write rtsp://USER:PASSWORD@…");
    bool tried = c->request.authorised;
    struct bytes value;
    rtsp_auth_forget(&c->auth);
    size_t offers = 0;
    while (offers < 8 && rtsp_message_header(m, "WWW-Authenticate", offers, &value)) {
        err e = rtsp_auth_challenge(&c->auth, value);
        if (e && e != ERR_UNSUPPORTED)
            return diag_fail(d, e, "the camera's challenge for a password is malformed");
        offers++;
    }
    if (c->auth.scheme == RTSP_AUTH_NONE)
        return diag_fail(d, ERR_UNSUPPORTED,
                         offers ? "the camera asks for a password in a way that is neither Basic nor Digest"
                                : "the camera refuses without asking for a password (401)");
    if (tried && !c->auth.stale && ++c->auth_tries >= RTSP_AUTH_TRIES_MAX)
        return diag_fail(d, ERR_DENIED, "the camera refused the user name or the password");
    return request_again(c, d);
}

static err redirect(struct rtsp_client *c, const struct rtsp_message *m, struct diag *d) {
    struct bytes value;
    char text[RTSP_URL_MAX_BYTES + 1];
    if (!rtsp_message_header(m, "Location", 0, &value) || value.len >= sizeof text)
        return diag_fail(d, ERR_INVALID, "the camera redirects (%u) and does not say where", m->status);
    memcpy(text, value.data, value.len);
    text[value.len] = 0;
    struct rtsp_url to;
    if (rtsp_url_parse(text, &to, NULL))
        return diag_fail(d, ERR_INVALID, "the camera redirects to no RTSP address");
    bool same = strcasecmp(to.host, c->url.host) == 0, weaker = c->url.tls && !to.tls;
    char host[64];
    rtsp_printable(bytes_text(to.host), host);
    if (same && !weaker) {
        c->url.tls = to.tls;
        c->url.port = to.port;
        memcpy(c->url.text, to.text, sizeof to.text);
    }
    wipe(&to, sizeof to);
    if (!same)
        return diag_fail(d, ERR_DENIED, "the camera redirects to another host, %s: add that address instead",
                         host);
    if (weaker) return diag_fail(d, ERR_DENIED, "the camera redirects from rtsps to rtsp");
    if (++c->redirects > RTSP_REDIRECTS_MAX)
        return diag_fail(d, ERR_LIMIT, "the camera redirects more than %d times", RTSP_REDIRECTS_MAX);
    return rtsp_restart(c, d);
}

static err refused(const struct rtsp_client *c, const struct rtsp_message *m, struct diag *d) {
    char reason[64];
    rtsp_printable(m->reason, reason);
    switch (m->status) {
        case 403: return diag_fail(d, ERR_DENIED, "the camera forbids this user the stream (403 %s)", reason);
        case 404:
            return diag_fail(d, ERR_NOT_FOUND,
                             "the camera knows no such stream (404 %s): check the address' path", reason);
        case 461:
            return diag_fail(d, ERR_UNSUPPORTED, "the camera does not send by %s (461 %s)",
                             c->udp ? "UDP" : "TCP", reason);
        default: break;
    }
    err e = m->status >= 500 || m->status == 453 ? ERR_UNREACHABLE : ERR_UNSUPPORTED;
    return diag_fail(d, e, "the camera refuses %s (%u %s)", c->request.method, m->status, reason);
}

static bool copy_text(struct bytes from, char *out, size_t cap) {
    if (from.len == 0 || from.len >= cap) return false;
    for (size_t i = 0; i < from.len; i++)
        if (from.data[i] <= ' ' || from.data[i] >= 127) return false;
    memcpy(out, from.data, from.len);
    out[from.len] = 0;
    return true;
}

static err session_take(struct rtsp_client *c, const struct rtsp_message *m, struct diag *d) {
    struct bytes value, timeout;
    if (!rtsp_message_header(m, "Session", 0, &value)) return ERR_OK; /* a few cameras have none */
    uint64_t seconds;
    if (rtsp_field(value, "timeout", &timeout) && text_number(timeout, 86400, &seconds) && seconds)
        c->session_s = (uint32_t)seconds;
    const uint8_t *end = memchr(value.data, ';', value.len);
    struct bytes id = text_trim(BYTES(value.data, end ? (size_t)(end - value.data) : value.len));
    if (!copy_text(id, c->session, sizeof c->session))
        return diag_fail(d, ERR_INVALID, "the camera's session name is malformed");
    return ERR_OK;
}

static err describe_send(struct rtsp_client *c, struct diag *d) {
    rtsp_step_to(c, STEP_DESCRIBE);
    return rtsp_request_send(c, "DESCRIBE", c->url.text, "Accept: application/sdp\r\n", d);
}

static err options_taken(struct rtsp_client *c, const struct rtsp_message *m, struct diag *d) {
    struct bytes methods;
    if (rtsp_message_header(m, "Public", 0, &methods))
        c->has_get_parameter = memmem(methods.data, methods.len, "GET_PARAMETER", 13) != NULL;
    return describe_send(c, d); /* even if OPTIONS was refused: some cameras do not have it */
}

static err ports_want(struct rtsp_client *c, struct diag *d) {
    rtsp_step_to(c, STEP_PORTS);
    for (size_t i = 0; i < c->track_count; i++) {
        err e = rtsp_want_socket(c, &c->tracks[i].rtp, RTSP_WANT_UDP, RTSP_PORT_ANY, d);
        if (!e) e = rtsp_want_socket(c, &c->tracks[i].rtcp, RTSP_WANT_UDP, RTSP_PORT_ANY, d);
        if (e) return e;
    }
    return ERR_OK;
}

static err describe_taken(struct rtsp_client *c, const struct rtsp_message *m, struct diag *d) {
    struct bytes base;
    bool told = rtsp_message_header(m, "Content-Base", 0, &base) && copy_text(base, c->base, sizeof c->base);
    if (!told && rtsp_message_header(m, "Content-Location", 0, &base) &&
        strncasecmp((const char *)base.data, "rtsp", base.len < 4 ? base.len : 4) == 0)
        told = copy_text(base, c->base, sizeof c->base);
    if (!told) snprintf(c->base, sizeof c->base, "%s", c->url.text);
    if (m->body.len == 0) return diag_fail(d, ERR_INVALID, "the camera's description (SDP) is empty");
    err e = rtsp_tracks_choose(c, m->body, d);
    if (e) return e;
    c->setup_at = 0;
    return c->udp ? ports_want(c, d) : rtsp_setup_next(c, d);
}

static err play_send(struct rtsp_client *c, struct diag *d) {
    rtsp_step_to(c, STEP_PLAY);
    return rtsp_request_send(c, "PLAY", c->aggregate, c->no_range ? "" : "Range: npt=0.000-\r\n", d);
}

/* Sets up the next track, or plays when all are. */
err rtsp_setup_next(struct rtsp_client *c, struct diag *d) {
    if (c->setup_at == c->track_count) return play_send(c, d);
    const struct rtsp_track *t = &c->tracks[c->setup_at];
    char extra[RTSP_EXTRA_BYTES];
    if (c->udp)
        snprintf(extra, sizeof extra, "Transport: RTP/AVP;unicast;client_port=%u-%u\r\n", t->rtp.local_port,
                 t->rtcp.local_port);
    else
        snprintf(extra, sizeof extra, "Transport: RTP/AVP/TCP;unicast;interleaved=%u-%u\r\n", 2u * t->index,
                 2u * t->index + 1);
    rtsp_step_to(c, STEP_SETUP);
    return rtsp_request_send(c, "SETUP", t->control, extra, d);
}

static err setup_taken(struct rtsp_client *c, const struct rtsp_message *m, struct diag *d) {
    struct rtsp_track *t = &c->tracks[c->setup_at];
    if (m->status == 200) {
        err e = session_take(c, m, d);
        if (!e) e = rtsp_transport_take(c, t, m, d);
        if (e) return e;
    } else if (m->status == 461 && t->video && !c->udp && c->transport == RTSP_TRANSPORT_AUTO &&
               !c->udp_failed) {
        c->udp = true;
        return ports_want(c, d);
    } else if (t->video) {
        return refused(c, m, d);
    }
    c->setup_at++; /* a camera that will not send its sound is recorded without */
    return rtsp_setup_next(c, d);
}

static err play_taken(struct rtsp_client *c, const struct rtsp_message *m, struct diag *d) {
    if (m->status != 200 && !c->no_range && (m->status == 457 || m->status == 400)) {
        c->no_range = true;
        return play_send(c, d);
    }
    if (m->status != 200) return refused(c, m, d);
    rtsp_step_to(c, STEP_STREAM);
    c->packet_at = c->picture_at = c->now;
    c->keepalive_at = keepalive_time(c);
    return ERR_OK;
}

/* An answer to a keepalive: only that it is not refused for good matters. */
static err keepalive_taken(struct rtsp_client *c, const struct rtsp_message *m, struct diag *d) {
    if (m->status == 454) return diag_fail(d, ERR_UNREACHABLE, "the camera forgot the session");
    if (m->status == 200 || !c->has_get_parameter) return ERR_OK;
    c->has_get_parameter = false; /* it claimed more than it can: OPTIONS from now on */
    return rtsp_keepalive_send(c, d);
}

err rtsp_answer_take(struct rtsp_client *c, const struct rtsp_message *m, struct diag *d) {
    uint64_t number;
    if (!c->request.waiting) return ERR_OK;
    if (rtsp_message_number(m, "CSeq", UINT32_MAX, &number) && number < c->request.number) return ERR_OK;
    if (m->status < 200) return ERR_OK; /* provisional */
    c->request.waiting = false;
    struct bytes server;
    if (rtsp_message_header(m, "Server", 0, &server)) rtsp_printable(server, c->status.server);
    if (c->step == STEP_TEARDOWN) {
        c->link.ended = true;
        return ERR_OK;
    }
    if (m->status == 401) return authenticate(c, m, d);
    bool redirects = m->status == 301 || m->status == 302 || m->status == 303 || m->status == 307;
    if (redirects && c->step < STEP_STREAM) return redirect(c, m, d);
    switch (c->step) {
        case STEP_OPTIONS: return options_taken(c, m, d);
        case STEP_DESCRIBE: return m->status == 200 ? describe_taken(c, m, d) : refused(c, m, d);
        case STEP_SETUP: return setup_taken(c, m, d);
        case STEP_PLAY: return play_taken(c, m, d);
        case STEP_STREAM: return keepalive_taken(c, m, d);
        default: return ERR_OK;
    }
}

err rtsp_camera_asks(struct rtsp_client *c, const struct rtsp_message *m, struct diag *d) {
    uint64_t number = 0;
    if (!rtsp_message_number(m, "CSeq", UINT32_MAX, &number)) return ERR_OK;
    bool harmless = text_equal_nocase(m->method, "OPTIONS") ||
                    text_equal_nocase(m->method, "GET_PARAMETER") ||
                    text_equal_nocase(m->method, "SET_PARAMETER") || text_equal_nocase(m->method, "ANNOUNCE");
    char answer[96];
    snprintf(answer, sizeof answer, "RTSP/1.0 %s\r\nCSeq: %u\r\n\r\n",
             harmless ? "200 OK" : "501 Not Implemented", (uint32_t)number);
    if (c->link.out.len > RTSP_OUT_MAX_BYTES / 2)
        return diag_fail(d, ERR_LIMIT, "the camera asks and does not listen to answers");
    err e = rtsp_link_send(&c->link, bytes_text(answer));
    return e ? e : rtsp_link_flush(&c->link, d);
}
