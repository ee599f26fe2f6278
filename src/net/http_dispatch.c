/* From a parsed request to a handler, without a socket in sight. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/http_server.h"

void http_reply_init(struct http_reply *r) {
    *r = (struct http_reply){.fd = -1, .source_bytes = HTTP_LENGTH_UNKNOWN};
}

void http_reply_clear(struct http_reply *r) {
    blob_clear(&r->body);
    if (r->source.free) r->source.free(r->source.state);
    if (r->fd >= 0) close(r->fd);
    http_reply_init(r);
}

void http_reply_header(struct http_reply *r, const char *name, const char *format, ...) {
    assert(r->header_count < HTTP_HEADERS_OUT_MAX);
    if (r->header_count == HTTP_HEADERS_OUT_MAX) return;
    struct http_header_out *h = &r->headers[r->header_count];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(h->value, sizeof h->value, format, args);
    va_end(args);
    assert(n >= 0 && n < (int)sizeof h->value);
    if (n < 0 || n >= (int)sizeof h->value) return;
    h->name = name;
    r->header_count++;
}

/* Matches one segment of the pattern; *text moves past what it took. */
static bool match_segment(const char *pattern, size_t len, const char **path, struct http_request *r,
                          size_t *params, char **text) {
    size_t taken = strcspn(*path, "/");
    if (len < 2 || pattern[0] != '{') {
        if (taken != len || strncmp(pattern, *path, len) != 0) return false;
        *path += taken;
        return true;
    }
    static const char ellipsis[] = "…}";
    bool rest = len > sizeof ellipsis &&
                memcmp(pattern + len - (sizeof ellipsis - 1), ellipsis, sizeof ellipsis - 1) == 0;
    if (rest) taken = strlen(*path);
    if (taken == 0 || *params == HTTP_PARAMS_MAX) return false;
    memcpy(*text, *path, taken);
    (*text)[taken] = 0;
    r->params[(*params)++] = *text;
    *text += taken + 1;
    *path += taken;
    return true;
}

static bool match(const char *pattern, const char *path, struct http_request *r) {
    size_t params = 0;
    char *text = r->params_text;
    for (;;) {
        if (*pattern != '/' || *path != '/') return *pattern == *path;
        pattern++, path++;
        size_t len = strcspn(pattern, "/");
        if (!match_segment(pattern, len, &path, r, &params, &text)) return false;
        pattern += len;
    }
}

unsigned http_route_find(const struct http_app *app, struct http_request *request, char allow[128]) {
    unsigned status = 404;
    allow[0] = 0;
    size_t used = 0;
    for (size_t i = 0; i < app->route_count; i++) {
        const struct http_route *route = &app->routes[i];
        memset(request->params, 0, sizeof request->params);
        if (!match(route->pattern, request->target.path, request)) continue;
        if (strcmp(route->method, request->method) == 0) {
            request->route = route;
            return 0;
        }
        status = 405;
        int n = snprintf(allow + used, 128 - used, "%s%s", used ? ", " : "", route->method);
        if (n > 0 && used + (size_t)n < 128) used += (size_t)n;
    }
    memset(request->params, 0, sizeof request->params);
    return status;
}

/* A park ends at once: without a server nobody else will come. */
static enum http_outcome run(const struct http_app *app, struct http_request *request,
                             struct http_reply *reply) {
    enum http_outcome outcome = request->route->handle(app->context, request, reply);
    if (outcome != HTTP_PARK) return outcome;
    request->expired = true;
    http_reply_clear(reply);
    return request->route->handle(app->context, request, reply);
}

static void handle(const struct http_app *app, struct http_request *request, struct http_reply *reply) {
    char allow[128];
    unsigned status = http_route_find(app, request, allow);
    if (status == 404) {
        app->fallback(app->context, request, reply);
        return;
    }
    if (status) {
        app->refuse(app->context, status, "this address does not take that method", reply);
        http_reply_header(reply, "Allow", "%s", allow);
        return;
    }
    bool streamed = request->route->flags & HTTP_STREAMED_IN;
    if (!streamed && request->body.len > request->route->body_max) {
        app->refuse(app->context, 413, "the body is too long", reply);
        return;
    }
    if (app->admit && !app->admit(app->context, request, reply)) return;
    request->phase = streamed ? HTTP_PHASE_HEADERS : HTTP_PHASE_BODY;
    if (run(app, request, reply) != HTTP_RECEIVE) return;
    if (request->body.len && request->sink(request->state, request->body)) {
        /* The handler knows; it says so below. */
    }
    request->phase = HTTP_PHASE_BODY;
    run(app, request, reply);
}

void http_dispatch(const struct http_app *app, struct http_request *request, struct http_reply *reply) {
    handle(app, request, reply);
    if (app->dress) app->dress(app->context, request, reply);
    if (app->done) app->done(app->context, request, reply->status);
    if (request->state_free) request->state_free(request->state);
    request->state = NULL;
    request->state_free = NULL;
}
