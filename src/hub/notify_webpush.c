/* Web Push: to one browser, sealed under its subscription's key; the push service carries it and reads
 * nothing.
 *
 * The message: {"v":1,"id","event","camera","camera_name","title","text","at","picture"?: base64url JPEG}.
 * The id is also the topic, so that an alert that is sent again replaces itself while it waits for the
 * browser. */
#include <stdio.h>
#include <stdlib.h>

#include "hub/notify_channel.h"

#define TTL_S 86400
/* Whom a push service may write to about our messages (RFC 8292 section 2.1). Of the project, not of the
 * household: it must not tell who lives there. */
#define CONTACT "mailto:push@cardea.example"

struct webpush {
    struct request_channel request;
    char endpoint[WEB_PUSH_ENDPOINT_MAX_BYTES + 1];
    struct web_push_receiver to;
};

struct subscription {
    const char *endpoint, *p256dh, *auth;
};

static err read_settings(json_t *settings, struct subscription *s, struct diag *d) {
    const struct json_field fields[] = {
        {.name = "endpoint",
         .kind = JSON_KIND_TEXT,
         .required = true,
         .min = 1,
         .max = WEB_PUSH_ENDPOINT_MAX_BYTES,
         .out = &s->endpoint},
        {.name = "p256dh", .kind = JSON_KIND_TEXT, .required = true, .min = 1, .max = 100, .out = &s->p256dh},
        {.name = "auth", .kind = JSON_KIND_TEXT, .required = true, .min = 1, .max = 40, .out = &s->auth},
    };
    return JSON_READ(settings, fields, d);
}

static err check(json_t *settings, json_t *shown, struct diag *d) {
    struct subscription s = {0};
    struct web_push_receiver to;
    (void)shown;
    err e = read_settings(settings, &s, d);
    if (!e) e = outgoing_check_url(s.endpoint, OUTGOING_HTTPS | OUTGOING_HTTP, d);
    if (!e) e = web_push_receiver_read(s.p256dh, s.auth, &to, d);
    if (!e) wipe(&to, sizeof to);
    return e;
}

static enum channel_result judge(struct request_channel *c, int status, enum channel_result usual) {
    (void)c;
    return status == 404 || status == 410 ? CHANNEL_GONE : usual; /* RFC 8030 section 7.3 */
}

static err open_channel(const struct channel_host *host, json_t *settings, struct channel **out,
                        struct diag *d) {
    struct subscription s = {0};
    struct webpush *w = request_channel_new(sizeof *w, &channel_webpush, host,
                                            "turn notifications off and on again in that browser", d);
    if (!w) return ERR_NO_MEMORY;
    err e = read_settings(settings, &s, d);
    if (!e) e = web_push_receiver_read(s.p256dh, s.auth, &w->to, d);
    if (e) {
        request_channel_close(&w->request.base);
        return e;
    }
    w->request.judge = judge;
    snprintf(w->endpoint, sizeof w->endpoint, "%s", s.endpoint);
    *out = &w->request.base;
    return ERR_OK;
}

/* The message with its small picture, or without where it would not fit. The caller frees. */
static char *message_text(const struct alert_message *m) {
    static const char *const names[] = {"id", "event", "camera", "camera_name", "title", "text", "at"};
    AUTO(json_release) json_t *o = json_pack("{s:i}", "v", 1);
    for (size_t i = 0; o && i < sizeof names / sizeof *names; i++)
        json_object_set(o, names[i], json_object_get(m->json, names[i]));
    if (!o) return NULL;
    const struct blob *picture = m->jpeg_small.len                           ? &m->jpeg_small
                                 : m->jpeg.len <= ALERT_JPEG_SMALL_MAX_BYTES ? &m->jpeg
                                                                             : NULL;
    if (picture && picture->len && json_object_set_new(o, "picture", json_base64(blob_bytes(picture))))
        return NULL;
    char *text = json_dumps(o, JSON_COMPACT);
    if (!text || strlen(text) <= WEB_PUSH_PLAIN_MAX_BYTES) return text;
    wipe(text, strlen(text));
    free(text);
    json_object_del(o, "picture");
    return json_dumps(o, JSON_COMPACT);
}

static err send_alert(struct channel *c, const struct alert_message *m, struct diag *d) {
    struct webpush *w = (struct webpush *)c;
    AUTO(blob_clear) struct blob body = {0};
    char token[WEB_PUSH_AUTHORIZATION_BYTES], authorization[WEB_PUSH_AUTHORIZATION_BYTES + 20], ttl[20],
        topic[48];
    char *text = message_text(m);
    if (!text) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    err e = web_push_seal(&w->to, bytes_text(text), &body, d);
    wipe(text, strlen(text));
    free(text);
    if (!e) e = web_push_authorization(c->host->vapid, w->endpoint, CONTACT, wall_now(), token, d);
    if (e) return e;
    snprintf(authorization, sizeof authorization, "Authorization: %s", token);
    snprintf(topic, sizeof topic, "Topic: %.32s", alert_text(m, "id"));
    snprintf(ttl, sizeof ttl, "TTL: %d", TTL_S);
    const char *const headers[] = {authorization,
                                   topic,
                                   ttl,
                                   "Urgency: high",
                                   "Content-Encoding: aes128gcm",
                                   "Content-Type: application/octet-stream",
                                   NULL};
    const struct outgoing_request request = {.url = w->endpoint,
                                             .method = "POST",
                                             .headers = headers,
                                             .body = blob_bytes(&body),
                                             .timeout_ms = CHANNEL_TIMEOUT_MS};
    return request_send(&w->request, &request, d);
}

/* Who knows the endpoint's path can send to it; lists show where it leads, and no more. */
static const char *const secrets[] = {"p256dh", "auth", "endpoint", NULL};

const struct channel_ops channel_webpush = {
    .kind = "webpush",
    .secrets = secrets,
    .check = check,
    .open = open_channel,
    .close = request_channel_close,
    .send = send_alert,
};
