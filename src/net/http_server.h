/* http_server.h: an HTTP/1.1 server over libmicrohttpd: a table of routes, short requests on worker
 * threads, bodies streamed both ways on the network threads.
 *
 * A request meets, in this order: the route table (404, 405), the limits (413, 414, 431), the application's
 * `admit`, the route's handler. Handlers run on worker threads and may block; they answer, or they park the
 * request and are called again when http_wake or the deadline comes. Streamed bodies are read (`http_source`)
 * and written (`http_sink`) on network threads and must not wait for anything but the disk's cache.
 *
 * Everything up to the handlers is also reachable without a socket: http_target_parse and http_dispatch,
 * which is what tests and fuzz targets feed. Threads: as said for each function. */
#ifndef CARDEA_NET_HTTP_SERVER_H
#define CARDEA_NET_HTTP_SERVER_H

#include <netinet/in.h>
#include <stdbool.h>

#include "base/bytes.h"
#include "base/clock.h"

#define HTTP_TARGET_MAX_BYTES 4096         /* path and query as sent; past it 414 */
#define HTTP_HEADERS_MAX_BYTES (16u << 10) /* past it 431 */
#define HTTP_QUERY_MAX 16
#define HTTP_PARAMS_MAX 4
#define HTTP_HEADERS_OUT_MAX 16
#define HTTP_CONNECTIONS_MAX 8192u    /* for each listening address */
#define HTTP_CONNECTIONS_PER_PEER 64u /* for each address that is not loopback; IPv6 by /64 */
#define HTTP_HEADER_DEADLINE_S                                                                               \
    15 /* from the connection's (or the last answer's) first byte to the last header */
#define HTTP_BODY_DEADLINE_S 60 /* for the body of a short request */
#define HTTP_IDLE_S 60          /* without a byte in either direction */
#define HTTP_JOBS_MAX 4096u     /* requests that wait for a worker; past it 503 */

/* --- the request --- */

struct http_pair {
    const char *name, *value;
};

/* A request target taken apart. Percent-escapes are decoded; control characters, zero bytes, broken escapes,
 * empty names and `..` segments are refused. */
struct http_target {
    char text[HTTP_TARGET_MAX_BYTES + 2];
    const char *path;
    struct http_pair query[HTTP_QUERY_MAX];
    size_t query_count;
};
/* ERR_INVALID, ERR_LIMIT (too long, too many parameters); d says which. */
err http_target_parse(const char *raw, struct http_target *out, struct diag *d) CHECKED;

/* Who sends: for limits and for the one answer that is given to loopback alone. */
struct http_peer {
    uint8_t address[16]; /* IPv6 or mapped IPv4; the last 8 bytes are zero for IPv6 beyond loopback */
    bool loopback;       /* by the socket, and not forwarded */
    bool secure;         /* TLS */
};

enum http_phase {
    HTTP_PHASE_BODY,    /* the whole body is here (or was streamed) */
    HTTP_PHASE_HEADERS, /* HTTP_STREAMED_IN routes: the body is still to come */
};

struct http_waker;
struct http_reply;

/* Takes the body of an HTTP_STREAMED_IN request. After an error the rest is read and dropped. Network thread.
 */
typedef err http_sink(void *state, struct bytes piece);

struct http_request {
    const char *method;
    struct http_target target;
    struct http_peer peer;
    const struct http_route *route;
    const char *params[HTTP_PARAMS_MAX]; /* what {…} in the pattern matched, in order */
    char params_text[HTTP_TARGET_MAX_BYTES + 2];
    enum http_phase phase;
    struct bytes body;   /* of ordinary routes */
    bool woken, expired; /* after a park: why the handler is called again */

    /* What `admit` learned of the caller: the application's own. */
    union {
        max_align_t align;
        uint8_t bytes[2048];
    } caller;

    /* The handler's own, kept from one call to the next; freed with the request, on any thread. */
    void *state;
    void (*state_free)(void *state);
    http_sink *sink;

    const char *(*header_get)(const struct http_request *, const char *name); /* NULL: absent */
    void *transport;
};

const char *http_header(const struct http_request *request, const char *name);
const char *http_query(const struct http_request *request, const char *name); /* NULL: absent */

/* Wakes a parked handler or a source that had nothing. Counted; safe from any thread, with no lock held that
 * a source's read takes. After the connection's end it does nothing. NULL out of memory, or without a
 * connection. */
struct http_waker *http_waker(struct http_request *request);
void http_waker_unref(struct http_waker *w); /* NULL is fine */
void http_wake(struct http_waker *w);
/* False when the peer has hung up or broken off, as far as this machine knows. */
bool http_waker_connected(struct http_waker *w);

/* --- the reply --- */

/* A streamed answer. Network thread. */
struct http_source {
    /* Fills `out`. *len 0 and not *end: nothing for now; call http_wake later. An error breaks the
     * connection. */
    err (*read)(void *state, struct buffer out, size_t *len, bool *end);
    void (*free)(void *state);
    void *state;
};

struct http_header_out {
    const char *name; /* static */
    char value[400];
};

struct http_reply {
    unsigned status;  /* 0: not answered yet */
    const char *type; /* of the content, static; NULL: none */
    struct http_header_out headers[HTTP_HEADERS_OUT_MAX];
    size_t header_count;
    struct blob body;
    struct http_source source; /* instead of body, when read is set; taken */
    uint64_t source_bytes;     /* HTTP_LENGTH_UNKNOWN: chunked */
    int fd;                    /* instead of body, when >= 0; taken */
    uint64_t fd_offset, fd_bytes;
    struct steady_us hold_until; /* sent no earlier; zero: at once */
    struct steady_us park_until; /* with HTTP_PARK */
};
#define HTTP_LENGTH_UNKNOWN UINT64_MAX

void http_reply_init(struct http_reply *r);
void http_reply_clear(struct http_reply *r);
/* One that does not fit is dropped, which is our own mistake: asserted. */
void http_reply_header(struct http_reply *r, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

enum http_outcome {
    HTTP_DONE,    /* the reply is set */
    HTTP_PARK,    /* call again on http_wake, or at park_until with `expired` */
    HTTP_RECEIVE, /* HTTP_PHASE_HEADERS: state and sink are set; stream the body, then call again */
};

/* --- the application --- */

enum http_route_flags {
    HTTP_STREAMED_IN = 1, /* called first with HTTP_PHASE_HEADERS */
    HTTP_QUICK = 2,       /* never blocks: runs on the network thread */
};

struct http_route {
    const char *method;
    const char *pattern; /* "/v1/objects/{key…}": {x} is one segment, {x…} the rest */
    unsigned who;        /* the application's */
    unsigned flags;
    size_t body_max; /* of ordinary routes */
    enum http_outcome (*handle)(void *app, struct http_request *, struct http_reply *);
};

struct http_app {
    void *context;
    const struct http_route *routes;
    size_t route_count;
    /* Runs before each handler (once for each request). False: the reply is set. */
    bool (*admit)(void *app, struct http_request *, struct http_reply *);
    /* What no route matches: sets the reply (files, or 404). Runs on the network thread. */
    void (*fallback)(void *app, struct http_request *, struct http_reply *);
    /* Fills an error reply in the application's form. `allow` (405) may be NULL. */
    void (*refuse)(void *app, unsigned status, const char *message, struct http_reply *);
    /* Headers for every answer. May be NULL. */
    void (*dress)(void *app, const struct http_request *, struct http_reply *);
    /* Counts an answer, for figures. May be NULL. */
    void (*done)(void *app, const struct http_request *, unsigned status);
};

/* The route for method and path: sets request->route and params. Status 0 when found, else 404 or 405 with
 * the methods that exist in allow. */
unsigned http_route_find(const struct http_app *app, struct http_request *request, char allow[128]);

/* Route, admit and handle one whole request on the calling thread, as the server would; for tests. The
 * request's method, target, peer, body and header_get are set. A request that parks is called again as
 * expired. */
void http_dispatch(const struct http_app *app, struct http_request *request, struct http_reply *reply);

/* --- the server --- */

struct http_server;

struct http_listen {
    const char *address; /* "127.0.0.1:0", "[::1]:8443", "0.0.0.0:8443" */
    bool tls;
    const struct http_app *app;
};

struct http_server_options {
    const char *tls_cert_pem, *tls_key_pem;   /* contents, wanted when any listener has tls */
    unsigned network_threads, worker_threads; /* 0: 2 and 4 */
    bool behind_proxy; /* the peer's address is the last of X-Forwarded-For, for connections from loopback or
                          private networks */
};

/* Binds everything first, then serves. ERR_INVALID (address, certificate), ERR_BUSY (address in use),
 * ERR_DENIED, ERR_IO, with words in d. */
err http_server_start(const struct http_server_options *options, const struct http_listen *listen,
                      size_t count, struct http_server **out, struct diag *d) CHECKED;
/* A new certificate for all TLS listeners of the process, from the next handshake on. ERR_INVALID: the old
 * one stays. */
err http_server_certificate(const char *cert_pem, const char *key_pem, struct diag *d) CHECKED;
/* The port that listener `i` got. */
uint16_t http_server_port(const struct http_server *s, size_t i);
/* Accepts nothing new. Sources and parked requests of the application are the application's to end. */
void http_server_close(struct http_server *s);
/* Waits up to `patience_ms` for what is in flight, then ends the rest, and frees. */
void http_server_join(struct http_server *s, unsigned patience_ms);
/* Requests being served, streams included. */
size_t http_server_active(const struct http_server *s);

/* `host:port` (the port may be missing): is the host a name or address of this machine's loopback? */
bool http_host_is_loopback(const char *host);

/* A single byte range of `Range: bytes=…` against a body of `total` bytes. ERR_INVALID: not of that form, or
 * several (serve it whole); ERR_LIMIT: not satisfiable (416). */
err http_range_parse(const char *value, uint64_t total, uint64_t *begin, uint64_t *end) CHECKED;

#endif
