/* E-mail: to the household's own mail server, over TLS from the first byte or by STARTTLS. */
#include <stdio.h>
#include <stdlib.h>

#include "hub/notify_channel.h"
#include "net/mail.h"

#define TO_MAX_BYTES (OUTGOING_MAIL_TO_MAX * (MAIL_ADDRESS_MAX_BYTES + 2))
#define USER_MAX_BYTES 128

struct smtp {
    struct request_channel request;
    char url[OUTGOING_URL_MAX_BYTES + 1];
    char from[MAIL_ADDRESS_MAX_BYTES + 1];
    char to_text[TO_MAX_BYTES + 1]; /* cut into `to` */
    const char *to[OUTGOING_MAIL_TO_MAX + 1];
    char user[USER_MAX_BYTES + 1], password[CHANNEL_SECRET_MAX_BYTES + 1];
};

struct settings {
    const char *url, *from, *to, *user, *password;
};

static err read_settings(json_t *settings, struct settings *s, struct diag *d) {
    const struct json_field fields[] = {
        {.name = "url",
         .kind = JSON_KIND_TEXT,
         .required = true,
         .min = 1,
         .max = OUTGOING_URL_MAX_BYTES,
         .out = &s->url},
        {.name = "from",
         .kind = JSON_KIND_TEXT,
         .required = true,
         .min = 3,
         .max = MAIL_ADDRESS_MAX_BYTES,
         .out = &s->from},
        {.name = "to",
         .kind = JSON_KIND_TEXT,
         .required = true,
         .min = 3,
         .max = TO_MAX_BYTES,
         .out = &s->to},
        {.name = "user", .kind = JSON_KIND_TEXT, .min = 1, .max = USER_MAX_BYTES, .out = &s->user},
        {.name = "password",
         .kind = JSON_KIND_TEXT,
         .min = 1,
         .max = CHANNEL_SECRET_MAX_BYTES,
         .out = &s->password},
    };
    return JSON_READ(settings, fields, d);
}

/* Cuts "a@x, b@y" in place. */
static err cut_addresses(char *text, const char *to[OUTGOING_MAIL_TO_MAX + 1], struct diag *d) {
    size_t count = 0;
    for (char *at = text, *next; at; at = next) {
        next = strchr(at, ',');
        if (next) *next++ = 0;
        while (*at == ' ') at++;
        size_t len = strlen(at);
        while (len && at[len - 1] == ' ') at[--len] = 0;
        if (count == OUTGOING_MAIL_TO_MAX)
            return diag_fail(d, ERR_INVALID, "\"to\" holds more than %d addresses", OUTGOING_MAIL_TO_MAX);
        if (!mail_address_valid(at, len))
            return diag_fail(d, ERR_INVALID,
                             "\"to\" must be addresses like user@host.example, with commas between them");
        to[count++] = at;
    }
    to[count] = NULL;
    return ERR_OK;
}

static err check(json_t *settings, json_t *shown, struct diag *d) {
    struct settings s = {0};
    char to_text[TO_MAX_BYTES + 1];
    const char *to[OUTGOING_MAIL_TO_MAX + 1];
    (void)shown;
    err e = read_settings(settings, &s, d);
    if (!e) e = outgoing_check_url(s.url, OUTGOING_SMTPS | OUTGOING_SMTP, d);
    if (!e && !mail_address_valid(s.from, strlen(s.from)))
        e = diag_fail(d, ERR_INVALID, "\"from\" must be an address like user@host.example");
    if (!e && !s.user != !s.password)
        e = diag_fail(d, ERR_INVALID, "\"user\" and \"password\" belong together");
    if (e) return e;
    snprintf(to_text, sizeof to_text, "%s", s.to);
    return cut_addresses(to_text, to, d);
}

static err open_channel(const struct channel_host *host, json_t *settings, struct channel **out,
                        struct diag *d) {
    struct settings read = {0};
    struct smtp *s =
        request_channel_new(sizeof *s, &channel_smtp, host, "set the user name and the password anew", d);
    if (!s) return ERR_NO_MEMORY;
    err e = read_settings(settings, &read, d);
    if (!e) {
        snprintf(s->to_text, sizeof s->to_text, "%s", read.to);
        e = cut_addresses(s->to_text, s->to, d);
    }
    if (e) {
        request_channel_close(&s->request.base);
        return e;
    }
    snprintf(s->url, sizeof s->url, "%s", read.url);
    snprintf(s->from, sizeof s->from, "%s", read.from);
    snprintf(s->user, sizeof s->user, "%s", read.user ? read.user : "");
    snprintf(s->password, sizeof s->password, "%s", read.password ? read.password : "");
    *out = &s->request.base;
    return ERR_OK;
}

static err send_alert(struct channel *c, const struct alert_message *m, struct diag *d) {
    struct smtp *s = (struct smtp *)c;
    AUTO(blob_clear) struct blob body = {0};
    const struct mail mail = {.from = s->from,
                              .to = s->to,
                              .subject = alert_text(m, "title"),
                              .text = alert_text(m, "text"),
                              .id = alert_text(m, "id"),
                              .date = {json_integer_value(json_object_get(m->json, "at"))},
                              .jpeg = blob_bytes(&m->jpeg)};
    err e = mail_write(&mail, &body, d);
    if (e) return e;
    const struct outgoing_request request = {.url = s->url,
                                             .from = s->from,
                                             .to = s->to,
                                             .user = s->user[0] ? s->user : NULL,
                                             .password = s->user[0] ? s->password : NULL,
                                             .body = blob_bytes(&body),
                                             .timeout_ms = CHANNEL_TIMEOUT_MS};
    return request_send(&s->request, &request, d);
}

static const char *const secrets[] = {"password", NULL};

const struct channel_ops channel_smtp = {
    .kind = "smtp",
    .secrets = secrets,
    .check = check,
    .open = open_channel,
    .close = request_channel_close,
    .send = send_alert,
};
