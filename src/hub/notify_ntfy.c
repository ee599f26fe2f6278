/* ntfy and what speaks like it (docs.ntfy.sh/publish): a PUT to the topic's address. With a picture the body
 * is the picture and the message a header; without, the body is the message. Texts in headers are encoded by
 * RFC 2047. The alert's id is the sequence id: a server from 2.16 on takes the same alert again for an update
 * of itself. */
#include <stdio.h>
#include <stdlib.h>

#include "hub/notify_channel.h"
#include "net/mail.h"

#define HEADER_MAX_BYTES 1024

struct ntfy {
    struct request_channel request;
    char url[OUTGOING_URL_MAX_BYTES + 1], click[OUTGOING_URL_MAX_BYTES + 1];
    char token[CHANNEL_SECRET_MAX_BYTES + 1];
    bool with_picture; /* the one under way */
    bool no_pictures;  /* the server does not take attachments */
};

struct settings {
    const char *url, *token, *click;
};

static err read_settings(json_t *settings, struct settings *s, struct diag *d) {
    const struct json_field fields[] = {
        {.name = "url",
         .kind = JSON_KIND_TEXT,
         .required = true,
         .min = 1,
         .max = OUTGOING_URL_MAX_BYTES,
         .out = &s->url},
        {.name = "token",
         .kind = JSON_KIND_TEXT,
         .min = 1,
         .max = CHANNEL_SECRET_MAX_BYTES,
         .out = &s->token},
        {.name = "click", .kind = JSON_KIND_TEXT, .min = 1, .max = OUTGOING_URL_MAX_BYTES, .out = &s->click},
    };
    return JSON_READ(settings, fields, d);
}

static bool has_topic(const char *url) {
    const char *host = strstr(url, "://"), *path = host ? strchr(host + 3, '/') : NULL;
    return path && path[1] && !strpbrk(path, "?#");
}

static err check(json_t *settings, json_t *shown, struct diag *d) {
    struct settings s = {0};
    (void)shown;
    err e = read_settings(settings, &s, d);
    if (!e) e = outgoing_check_url(s.url, OUTGOING_HTTPS | OUTGOING_HTTP, d);
    if (!e && s.click) e = outgoing_check_url(s.click, OUTGOING_HTTPS | OUTGOING_HTTP, d);
    if (!e && !has_topic(s.url))
        e = diag_fail(d, ERR_INVALID, "\"url\" must end with the topic: https://ntfy.example/topic");
    for (const char *c = s.token; !e && c && *c; c++)
        if (*c <= ' ' || *c > '~')
            e = diag_fail(d, ERR_INVALID, "\"token\" holds a character that no token has");
    return e;
}

/* Servers without a store for attachments refuse them: the alert goes again, without. */
static enum channel_result judge(struct request_channel *c, int status, enum channel_result usual) {
    struct ntfy *n = (struct ntfy *)c;
    (void)status;
    if (usual == CHANNEL_REFUSED && n->with_picture) n->no_pictures = true;
    return usual;
}

static err open_channel(const struct channel_host *host, json_t *settings, struct channel **out,
                        struct diag *d) {
    struct settings s = {0};
    err e = read_settings(settings, &s, d);
    if (e) return e;
    struct ntfy *n = request_channel_new(sizeof *n, &channel_ntfy, host,
                                         "set a new token, or one that may write to this topic", d);
    if (!n) return ERR_NO_MEMORY;
    n->request.judge = judge;
    snprintf(n->url, sizeof n->url, "%s", s.url);
    snprintf(n->click, sizeof n->click, "%s", s.click ? s.click : "");
    snprintf(n->token, sizeof n->token, "%s", s.token ? s.token : "");
    *out = &n->request.base;
    return ERR_OK;
}

/* Emoji of ntfy's list. */
static const char *tag_of(const char *label) {
    static const char *const tags[][2] = {{"person", "bust_in_silhouette"},
                                          {"ring", "bell"},
                                          {"car", "car"},
                                          {"truck", "truck"},
                                          {"bus", "bus"},
                                          {"motorcycle", "motorcycle"},
                                          {"bicycle", "bike"},
                                          {"dog", "dog"},
                                          {"cat", "cat"},
                                          {"bird", "bird"},
                                          {"package", "package"},
                                          {"animal", "paw_prints"}};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        if (strcmp(tags[i][0], label) == 0) return tags[i][1];
    return "eyes";
}

static err header(char out[HEADER_MAX_BYTES], const char *name, const char *text) {
    AUTO(blob_clear) struct blob value = {0};
    err e = mail_header_text(text, " ", &value);
    if (!e) e = blob_append_u8(&value, 0);
    if (!e && snprintf(out, HEADER_MAX_BYTES, "%s: %s", name, (char *)value.data) >= HEADER_MAX_BYTES)
        e = ERR_LIMIT;
    return e;
}

static err send_alert(struct channel *c, const struct alert_message *m, struct diag *d) {
    struct ntfy *n = (struct ntfy *)c;
    char title[HEADER_MAX_BYTES], message[HEADER_MAX_BYTES], tags[64], sequence[64], priority[16];
    char click[OUTGOING_URL_MAX_BYTES + 16], token[CHANNEL_SECRET_MAX_BYTES + 32];
    const char *headers[10] = {title, tags, sequence, priority};
    size_t count = 4;
    const char *label = alert_text(m, "label"), *text = alert_text(m, "text");
    bool urgent = strcmp(label, "person") == 0 || strcmp(label, "ring") == 0;
    n->with_picture = m->jpeg.len > 0 && !n->no_pictures;
    err e = header(title, "Title", alert_text(m, "title"));
    snprintf(tags, sizeof tags, "Tags: %s", tag_of(label));
    snprintf(sequence, sizeof sequence, "X-Sequence-ID: %.32s", alert_text(m, "id"));
    snprintf(priority, sizeof priority, "Priority: %d", urgent ? 4 : 3);
    if (n->with_picture) {
        if (!e) e = header(message, "Message", text);
        headers[count++] = message;
        headers[count++] = "Filename: alert.jpg";
    }
    if (n->click[0]) {
        snprintf(click, sizeof click, "Click: %s", n->click);
        headers[count++] = click;
    }
    if (n->token[0]) {
        snprintf(token, sizeof token, "Authorization: Bearer %s", n->token);
        headers[count++] = token;
    }
    if (e) return diag_fail(d, e, "the alert's text is too long for a header");
    const struct outgoing_request request = {.url = n->url,
                                             .method = "PUT",
                                             .headers = headers,
                                             .body =
                                                 n->with_picture ? blob_bytes(&m->jpeg) : bytes_text(text),
                                             .timeout_ms = CHANNEL_TIMEOUT_MS};
    e = request_send(&n->request, &request, d);
    wipe(token, sizeof token);
    return e;
}

static const char *const secrets[] = {"token", NULL};

const struct channel_ops channel_ntfy = {
    .kind = "ntfy",
    .secrets = secrets,
    .check = check,
    .open = open_channel,
    .close = request_channel_close,
    .send = send_alert,
};
