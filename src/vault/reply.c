/* Answers in the one form that the protocol knows, and requests taken apart by tables. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "vault/vault.h"

enum http_outcome reply_empty(struct http_reply *r, unsigned status) {
    r->status = status;
    return HTTP_DONE;
}

enum http_outcome reply_text(struct http_reply *r, unsigned status, const char *type, struct blob *text) {
    blob_clear(&r->body);
    r->status = status;
    r->type = type;
    r->body = *text;
    *text = (struct blob){0};
    return HTTP_DONE;
}

static int append_json(const char *data, size_t len, void *arg) {
    return blob_append(arg, BYTES(data, len)) ? -1 : 0;
}

enum http_outcome reply_json(struct http_reply *r, unsigned status, json_t *value) {
    blob_clear(&r->body);
    r->status = status;
    r->type = "application/json";
    if (!value || json_dump_callback(value, append_json, &r->body, JSON_COMPACT)) {
        static const char sorry[] = "{\"error\":\"internal\",\"message\":\"the vault is out of memory\"}";
        blob_clear(&r->body);
        r->status = 500;
        if (blob_append(&r->body, BYTES(sorry, sizeof sorry - 1))) r->body.len = 0;
    }
    json_decref(value);
    return HTTP_DONE;
}

/* Messages may quote what a stranger sent, or half of it: what is not UTF-8 is not repeated. */
static enum http_outcome reply_error_text(struct http_reply *r, unsigned status, const char *word,
                                          char *message) {
    json_t *text = json_string(message);
    for (char *c = message; !text && *c; c++)
        if ((unsigned char)*c >= 0x80) *c = '?';
    if (!text) text = json_string(message);
    return reply_json(r, status, json_pack("{s:s,s:o}", "error", word, "message", text));
}

enum http_outcome reply_error(struct http_reply *r, unsigned status, const char *word, const char *format,
                              ...) {
    char message[500];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return reply_error_text(r, status, word, message);
}

enum http_outcome reply_invalid(struct http_reply *r, const char *format, ...) {
    char message[500];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return reply_error_text(r, 400, "invalid", message);
}

enum http_outcome reply_limited(struct http_reply *r, unsigned retry_after_s) {
    if (retry_after_s < 120)
        reply_error(r, 429, "limit", "too many attempts; try again in %u s", retry_after_s);
    else
        reply_error(r, 429, "limit", "too many attempts; try again in %u minutes", (retry_after_s + 59) / 60);
    http_reply_header(r, "Retry-After", "%u", retry_after_s);
    return HTTP_DONE;
}

static const struct {
    unsigned status;
    const char *word;
} answers[ERR_COUNT_] = {
    [ERR_INVALID] = {400, "invalid"},
    [ERR_FORGED] = {403, "denied"},
    [ERR_DENIED] = {403, "denied"},
    [ERR_NOT_FOUND] = {404, "not_found"},
    [ERR_EXISTS] = {409, "exists"},
    [ERR_CONFLICT] = {409, "conflict"},
    [ERR_LIMIT] = {409, "limit"},
    [ERR_NO_SPACE] = {507, "no_space"},
    [ERR_NO_MEMORY] = {503, "busy"},
    [ERR_BUSY] = {503, "busy"},
    [ERR_IO] = {500, "internal"},
    [ERR_UNREACHABLE] = {503, "busy"},
    [ERR_TIMEOUT] = {504, "timeout"},
    [ERR_CUT_SHORT] = {400, "invalid"},
    [ERR_UNSUPPORTED] = {501, "unsupported"},
    [ERR_CANCELLED] = {503, "busy"},
};

enum http_outcome reply_err(struct http_reply *r, err e, const struct diag *d) {
    unsigned status = answers[e].status ? answers[e].status : 500;
    const char *word = answers[e].word ? answers[e].word : "internal";
    if (status == 500) {
        log_error("%s", d && d->text[0] ? d->text : err_text(e)); /* ours alone: it may name files */
        return reply_error(r, 500, "internal", "the vault failed; its log says why");
    }
    if (status == 503 || status == 507) log_warning("%s", d && d->text[0] ? d->text : err_text(e));
    if (status == 507)
        return reply_error(r, 507, word, "the vault, or this household's share of it, is full");
    if (status == 503) return reply_error(r, 503, word, "the vault is busy; try again soon");
    return reply_error(r, status, word, "%s", d && d->text[0] ? d->text : err_text(e));
}

bool request_json(struct http_request *request, const struct json_field *fields, size_t count,
                  json_t **document, struct http_reply *r) {
    struct diag d = {0};
    err e = json_parse(request->body, document, &d);
    if (!e) e = json_read(*document, fields, count, &d);
    if (e) reply_err(r, e, &d);
    return !e;
}

static bool read_uint(const char *text, uint64_t max, uint64_t *out) {
    uint64_t v = 0;
    size_t len = strspn(text, "0123456789");
    if (len == 0 || len > 19 || text[len]) return false;
    for (size_t i = 0; i < len; i++) v = v * 10 + (uint64_t)(text[i] - '0');
    if (v > max) return false;
    *out = v;
    return true;
}

static bool read_query(const struct query_field *f, const char *value, struct http_reply *r) {
    switch (f->kind) {
        case QUERY_HEX: {
            struct store_id *id = f->out;
            if (!hex_decode(value, (struct buffer){id->bytes, sizeof id->bytes})) return true;
            reply_invalid(r, "\"%s\" must be %d lower-case hex digits", f->name, STORE_ID_BYTES * 2);
            return false;
        }
        case QUERY_UINT:
            if (read_uint(value, f->max, f->out)) return true;
            reply_invalid(r, "\"%s\" must be a whole number from 0 to %llu", f->name,
                          (unsigned long long)f->max);
            return false;
        case QUERY_TEXT:
            if (strlen(value) <= f->max) {
                *(const char **)f->out = value;
                return true;
            }
            reply_invalid(r, "\"%s\" is longer than %llu bytes", f->name, (unsigned long long)f->max);
            return false;
    }
    return false;
}

bool request_query(struct http_request *request, const struct query_field *fields, size_t count,
                   struct http_reply *r) {
    for (size_t i = 0; i < request->target.query_count; i++) {
        bool known = false;
        for (size_t f = 0; f < count; f++)
            known |= strcmp(fields[f].name, request->target.query[i].name) == 0;
        if (known) continue;
        reply_invalid(r, "\"%.60s\" is not a parameter of this request", request->target.query[i].name);
        return false;
    }
    for (size_t f = 0; f < count; f++) {
        const char *value = http_query(request, fields[f].name);
        if (!value && fields[f].required) {
            reply_invalid(r, "the parameter \"%s\" is missing", fields[f].name);
            return false;
        }
        if (value && !read_query(&fields[f], value, r)) return false;
    }
    return true;
}

bool request_id(struct http_request *request, size_t i, const char *what, struct store_id *out,
                struct http_reply *r) {
    if (!hex_decode(request->params[i], (struct buffer){out->bytes, sizeof out->bytes})) return true;
    reply_invalid(r, "the %s must be %d lower-case hex digits", what, STORE_ID_BYTES * 2);
    return false;
}
