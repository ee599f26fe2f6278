#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "net/http_internal.h"

#define BODY_DRAIN_MAX_BYTES                                                                                 \
    (4u << 20)                           /* of a refused short request, so that its sender reads the answer  \
                                          */
#define SINK_DRAIN_MAX_BYTES (64u << 20) /* of a refused stream */
#define SOURCE_BLOCK_BYTES (32u << 10)

/* --- wakers --- */

static struct http_waker *waker_new(struct call *call) {
    struct http_waker *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    pthread_mutex_init(&w->lock, NULL);
    atomic_init(&w->refs, 1);
    w->connection = call->connection;
    w->call = call;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(call->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    w->fd = info ? (int)info->connect_fd : -1;
    return w;
}

struct http_waker *http_waker(struct http_request *request) {
    struct call *call = request->transport;
    if (!call) return NULL;
    if (!call->waker) call->waker = waker_new(call);
    if (!call->waker) return NULL;
    atomic_fetch_add(&call->waker->refs, 1);
    return call->waker;
}

void http_waker_unref(struct http_waker *w) {
    if (!w || atomic_fetch_sub(&w->refs, 1) != 1) return;
    pthread_mutex_destroy(&w->lock);
    free(w);
}

void http_wake(struct http_waker *w) {
    pthread_mutex_lock(&w->lock);
    if (!w->connection) {
        /* The connection has ended. */
    } else if (w->source_waits) {
        w->source_waits = false;
        MHD_resume_connection(w->connection);
    } else if (!w->call || !server_unpark(w->call->server, w->call, false)) {
        w->pending = true;
    }
    pthread_mutex_unlock(&w->lock);
}

bool http_waker_connected(struct http_waker *w) {
    pthread_mutex_lock(&w->lock);
    bool connected = w->connection != NULL;
    if (connected && w->fd >= 0) {
        struct pollfd p = {w->fd, POLLRDHUP, 0};
        connected = poll(&p, 1, 0) <= 0 || !(p.revents & (POLLRDHUP | POLLHUP | POLLERR));
    }
    pthread_mutex_unlock(&w->lock);
    return connected;
}

/* --- the request --- */

static const char *mhd_header(const struct http_request *request, const char *name) {
    const struct call *call = request->transport;
    return MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, name);
}

static bool address_of(const struct sockaddr *from, uint8_t out[16]) {
    memset(out, 0, 16);
    if (from->sa_family == AF_INET) {
        out[10] = out[11] = 0xff;
        memcpy(out + 12, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
        return true;
    }
    if (from->sa_family != AF_INET6) return false;
    memcpy(out, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, 16);
    return true;
}

static bool is_mapped(const uint8_t a[16]) {
    static const uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return memcmp(a, prefix, 12) == 0;
}

static bool is_loopback(const uint8_t a[16]) {
    static const uint8_t one[16] = {[15] = 1};
    return memcmp(a, one, 16) == 0 || (is_mapped(a) && a[12] == 127);
}

/* The networks a front proxy may stand in. */
static bool is_private(const uint8_t a[16]) {
    if (is_loopback(a) || (a[0] & 0xfe) == 0xfc) return true;
    return is_mapped(a) &&
           (a[12] == 10 || (a[12] == 172 && (a[13] & 0xf0) == 16) || (a[12] == 192 && a[13] == 168));
}

static bool forwarded(const char *value, uint8_t out[16]) {
    const char *last = value ? strrchr(value, ',') : NULL;
    last = last ? last + 1 : value;
    char text[INET6_ADDRSTRLEN];
    if (!last) return false;
    last += strspn(last, " \t");
    size_t len = strcspn(last, " \t");
    if (len == 0 || len >= sizeof text) return false;
    memcpy(text, last, len);
    text[len] = 0;
    struct sockaddr_in six4 = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &six4.sin_addr) == 1) return address_of((struct sockaddr *)&six4, out);
    return inet_pton(AF_INET6, text, &six.sin6_addr) == 1 && address_of((struct sockaddr *)&six, out);
}

static void find_peer(struct call *call) {
    struct http_peer *peer = &call->request.peer;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(call->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (!info || !info->client_addr || !address_of(info->client_addr, peer->address)) return;
    peer->secure = call->listener->tls;
    peer->loopback = is_loopback(peer->address);
    if (call->server->behind_proxy && is_private(peer->address)) {
        peer->loopback = false;
        const char *value = MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, "X-Forwarded-For");
        forwarded(value, peer->address);
    }
    if (!is_mapped(peer->address) && !is_loopback(peer->address)) memset(peer->address + 8, 0, 8);
}

void *call_begin(void *cls, const char *uri, struct MHD_Connection *connection) {
    struct listener *listener = cls;
    struct call *call = calloc(1, sizeof *call);
    if (!call) return NULL;
    call->server = listener->server;
    call->listener = listener;
    call->connection = connection;
    call->request.transport = call;
    call->request.header_get = mhd_header;
    call->started = steady_now();
    http_reply_init(&call->reply);
    call->target_error = http_target_parse(uri, &call->request.target, &call->target_diag);
    server_enter(call->server, call);
    return call;
}

void call_completed(void *cls, struct MHD_Connection *connection, void **context,
                    enum MHD_RequestTerminationCode why) {
    struct call *call = *context;
    *context = NULL;
    if (!call) return;
    conn_deadline(connection, call->server, HTTP_IDLE_S);
    server_leave(call->server, call);
    if (call->waker) {
        pthread_mutex_lock(&call->waker->lock);
        call->waker->connection = NULL;
        call->waker->call = NULL;
        pthread_mutex_unlock(&call->waker->lock);
        http_waker_unref(call->waker);
    }
    if (call->request.state_free) call->request.state_free(call->request.state);
    http_reply_clear(&call->reply);
    blob_clear(&call->body);
    free(call);
}

/* --- the answer --- */

struct streaming {
    struct http_source source;
    struct http_waker *waker;
    struct http_server *server;
};

static ssize_t streaming_read(void *cls, uint64_t position, char *out, size_t max) {
    struct streaming *s = cls;
    for (;;) {
        size_t len = 0;
        bool end = false;
        if (atomic_load(&s->server->dying)) return MHD_CONTENT_READER_END_WITH_ERROR;
        err e = s->source.read(s->source.state, (struct buffer){(uint8_t *)out, max}, &len, &end);
        if (e) return MHD_CONTENT_READER_END_WITH_ERROR;
        if (len) return (ssize_t)len;
        if (end) return MHD_CONTENT_READER_END_OF_STREAM;
        struct http_waker *w = s->waker;
        pthread_mutex_lock(&w->lock);
        bool again = w->pending || atomic_load(&s->server->dying);
        w->pending = false;
        if (!again && w->connection) {
            w->source_waits = true;
            MHD_suspend_connection(w->connection);
        }
        pthread_mutex_unlock(&w->lock);
        if (!again) return 0;
    }
}

static void streaming_free(void *cls) {
    struct streaming *s = cls;
    if (s->source.free) s->source.free(s->source.state);
    http_waker_unref(s->waker);
    free(s);
}

static struct MHD_Response *response_of_source(struct call *call) {
    struct streaming *s = calloc(1, sizeof *s);
    struct http_waker *w = s ? http_waker(&call->request) : NULL;
    if (!w) {
        free(s);
        return NULL;
    }
    s->source = call->reply.source;
    s->waker = w;
    s->server = call->server;
    uint64_t size =
        call->reply.source_bytes == HTTP_LENGTH_UNKNOWN ? MHD_SIZE_UNKNOWN : call->reply.source_bytes;
    struct MHD_Response *r =
        MHD_create_response_from_callback(size, SOURCE_BLOCK_BYTES, streaming_read, s, streaming_free);
    if (!r) {
        s->source = (struct http_source){0};
        streaming_free(s);
        return NULL;
    }
    call->reply.source = (struct http_source){0};
    return r;
}

static void body_free(void *cls) {
    struct blob *body = cls;
    blob_clear(body);
    free(body);
}

static struct MHD_Response *response_of_body(struct call *call) {
    struct blob *body = calloc(1, sizeof *body);
    if (!body) return NULL;
    *body = call->reply.body;
    static uint8_t nothing[1];
    struct MHD_Response *r = MHD_create_response_from_buffer_with_free_callback_cls(
        body->len, body->data ? body->data : nothing, body_free, body);
    if (!r) {
        free(body);
        return NULL;
    }
    call->reply.body = (struct blob){0};
    return r;
}

static struct MHD_Response *response_make(struct call *call) {
    struct http_reply *reply = &call->reply;
    if (reply->source.read) return response_of_source(call);
    if (reply->fd >= 0) {
        struct MHD_Response *r =
            MHD_create_response_from_fd_at_offset64(reply->fd_bytes, reply->fd, reply->fd_offset);
        if (r) reply->fd = -1;
        return r;
    }
    return response_of_body(call);
}

static enum MHD_Result answer(struct call *call) {
    const struct http_app *app = call->listener->app;
    struct http_reply *reply = &call->reply;
    if (call->answered) return MHD_NO;
    call->answered = true;
    if (app->dress) app->dress(app->context, &call->request, reply);
    if (app->done) app->done(app->context, &call->request, reply->status);
    struct MHD_Response *r = response_make(call);
    if (!r) return MHD_NO;
    if (reply->type) MHD_add_response_header(r, "Content-Type", reply->type);
    for (size_t i = 0; i < reply->header_count; i++)
        MHD_add_response_header(r, reply->headers[i].name, reply->headers[i].value);
    if (atomic_load(&call->server->closing)) MHD_add_response_header(r, "Connection", "close");
    enum MHD_Result queued = http_queue(call->connection, reply->status, r);
    MHD_destroy_response(r);
    return queued;
}

static void refuse(struct call *call, unsigned status, const char *message) {
    http_reply_clear(&call->reply);
    call->listener->app->refuse(call->listener->app->context, status, message, &call->reply);
    call->refused = true;
}

/* --- work --- */

/* On a worker: runs the handler until it answers, parks or asks for the body. */
void call_work(struct call *call) {
    const struct http_app *app = call->listener->app;
    if (!call->admitted) {
        call->admitted = true;
        if (app->admit && !app->admit(app->context, &call->request, &call->reply)) {
            call->outcome = HTTP_DONE;
            server_ready(call->server, call);
            return;
        }
    }
    for (;;) {
        http_reply_clear(&call->reply);
        call->outcome = call->request.route->handle(app->context, &call->request, &call->reply);
        if (call->outcome != HTTP_PARK) break;
        struct http_waker *w = call->waker;
        call->request.woken = call->request.expired = false;
        if (w) pthread_mutex_lock(&w->lock);
        bool again = w && w->pending;
        if (again) {
            w->pending = false;
            call->request.woken = true;
        } else {
            server_time(call->server, call, CALL_PARKED, call->reply.park_until);
        }
        if (w) pthread_mutex_unlock(&w->lock);
        if (!again) return;
    }
    if (call->outcome == HTTP_DONE && call->reply.hold_until.us > steady_now().us) {
        server_time(call->server, call, CALL_HELD, call->reply.hold_until);
        return;
    }
    server_ready(call->server, call);
}

static enum MHD_Result submit(struct call *call) {
    if (call->request.route->flags & HTTP_QUICK) {
        const struct http_app *app = call->listener->app;
        if (!app->admit || app->admit(app->context, &call->request, &call->reply))
            call->outcome = call->request.route->handle(app->context, &call->request, &call->reply);
        return answer(call);
    }
    if (server_submit(call->server, call)) return MHD_YES;
    refuse(call, 503, "too many requests are waiting; try again soon");
    return answer(call);
}

struct header_sum {
    size_t bytes;
};

static enum MHD_Result add_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value) {
    struct header_sum *sum = cls;
    sum->bytes += strlen(name) + (value ? strlen(value) : 0) + 4;
    return MHD_YES;
}

static uint64_t declared_length(struct call *call) {
    const char *value = mhd_header(&call->request, "Content-Length");
    return value ? strtoull(value, NULL, 10) : 0;
}

/* The headers are here: finds the route and refuses what can be refused now. */
static void meet(struct call *call, const char *method) {
    const struct http_app *app = call->listener->app;
    struct http_request *request = &call->request;
    request->method = method;
    find_peer(call);
    struct header_sum sum = {0};
    MHD_get_connection_values(call->connection, MHD_HEADER_KIND, add_header, &sum);
    if (sum.bytes > HTTP_HEADERS_MAX_BYTES) {
        refuse(call, 431, "the request's headers are too long");
        return;
    }
    if (call->target_error) {
        refuse(call, call->target_error == ERR_LIMIT ? 414 : 400, call->target_diag.text);
        return;
    }
    char allow[128];
    unsigned status = http_route_find(app, request, allow);
    if (status == 404) {
        app->fallback(app->context, request, &call->reply);
        call->refused = true;
    } else if (status) {
        refuse(call, status, "this address does not take that method");
        http_reply_header(&call->reply, "Allow", "%s", allow);
    } else if (!(request->route->flags & HTTP_STREAMED_IN) &&
               declared_length(call) > request->route->body_max) {
        refuse(call, 413, "the body is longer than this request may be");
    }
}

/* The first call, before the body. */
static enum MHD_Result first(struct call *call, const char *method) {
    meet(call, method);
    bool streamed = !call->refused && call->request.route->flags & HTTP_STREAMED_IN;
    /* A short refused body is read and dropped first: an answer sent over unread bytes may be lost with them.
     */
    if (call->refused && declared_length(call) > BODY_DRAIN_MAX_BYTES) return answer(call);
    call->state = CALL_RECEIVING;
    if (!streamed) {
        call->begun = true;
        return MHD_YES;
    }
    call->request.phase = HTTP_PHASE_HEADERS;
    return submit(call);
}

/* A streamed request's first phase has been worked on. */
static enum MHD_Result begun(struct call *call) {
    call->begun = true;
    call->state = CALL_RECEIVING;
    if (call->outcome == HTTP_RECEIVE) return MHD_YES;
    const char *expect = mhd_header(&call->request, "Expect");
    call->refused = true;
    if ((expect && strcasecmp(expect, "100-continue") == 0) || declared_length(call) > BODY_DRAIN_MAX_BYTES)
        return answer(call);
    return MHD_YES;
}

static enum MHD_Result receive(struct call *call, const char *data, size_t *len) {
    struct bytes piece = BYTES(data, *len);
    *len = 0;
    const struct http_route *route = call->request.route;
    bool streamed = route && route->flags & HTTP_STREAMED_IN;
    if (!streamed && steady_now().us - call->started.us > HTTP_BODY_DEADLINE_S * INT64_C(1000000))
        return MHD_NO;
    if (!call->refused && streamed && !call->sink_error) {
        call->sink_error = call->request.sink(call->request.state, piece);
        if (!call->sink_error) return MHD_YES;
    } else if (!call->refused && !streamed && call->body.len + piece.len > route->body_max) {
        refuse(call, 413, "the body is longer than this request may be");
    }
    if (call->refused || call->sink_error) {
        call->dropped += piece.len;
        return call->dropped > (streamed ? SINK_DRAIN_MAX_BYTES : BODY_DRAIN_MAX_BYTES) ? MHD_NO : MHD_YES;
    }
    return blob_append(&call->body, piece) ? MHD_NO : MHD_YES;
}

enum MHD_Result call_access(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                            const char *version, const char *data, size_t *len, void **context) {
    struct call *call = *context;
    if (!call || atomic_load(&call->server->dying)) return MHD_NO;
    if (call->state == CALL_NEW) {
        conn_deadline(connection, call->server, 0);
        return first(call, method);
    }
    if (call->state == CALL_READY && !call->begun) return begun(call);
    if (*len) return receive(call, data, len);
    if (call->refused || call->state == CALL_READY) return answer(call);
    call->request.body = blob_bytes(&call->body);
    call->request.phase = HTTP_PHASE_BODY;
    return submit(call);
}
