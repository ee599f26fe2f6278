/* http_client.h: HTTP/1.1 requests to one server, short ones and streams, over libcurl's multi interface.
 *
 * A client speaks to one server and keeps its connections. It belongs to one thread; only http_client_wake
 * and http_client_stop may be called from others. Short use: http_client_do, http_client_json. Many at once,
 * or uploads that grow while they are sent: http_client_start, then http_client_run in a loop. TLS is
 * verified against the system's roots and the file the caller adds; there is no switch that turns that off.
 */
#ifndef CARDEA_NET_HTTP_CLIENT_H
#define CARDEA_NET_HTTP_CLIENT_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/json.h"

#define HTTP_ANSWER_MAX_BYTES                                                                                \
    (8u << 20) /* of an answer that is kept in memory, unless the request says less */
#define HTTP_HEADERS_MAX_BYTES (32u << 10)
#define HTTP_URL_MAX_BYTES 2048

struct http_client;
struct http_transfer;

struct http_options {
    const char *url;     /* "https://host[:port]"; "http://" for loopback addresses alone */
    const char *ca_file; /* PEM, trusted besides the system's roots; NULL: those alone */
};

/* Copies the options. ERR_INVALID: the URL, with the right form in d. ERR_NOT_FOUND: no ca_file.
 * ERR_NO_MEMORY. */
err http_client_new(const struct http_options *options, struct http_client **out, struct diag *d) CHECKED;
/* Ends what is in flight without calling its `done`. */
void http_client_free(struct http_client *c);

struct http_request {
    const char *method;        /* "GET", "HEAD", "PUT", "POST", "DELETE" */
    const char *path;          /* from "/" on, with its query, already encoded (http_escape) */
    const char *authorization; /* "Access …", "Session …", or NULL */
    const char *if_match;      /* without its quotes, or NULL */
    const char *range;         /* "0-99", or NULL */
    json_t *json;              /* the body, borrowed for the call; or */
    struct bytes body;         /* borrowed until the request is done, sent as application/octet-stream; or */
    /* A body that is streamed, chunked. Writes at most room.len bytes and says how many.
     *   ERR_OK with 0 bytes  the body ends here
     *   ERR_BUSY             nothing yet: asked again after http_transfer_resume
     *   another              the request ends with that error */
    err (*feed)(void *context, struct buffer room, size_t *out_len);
    /* Takes the body of a 2xx answer as it arrives, instead of keeping it. An error ends the request with it.
     */
    err (*data)(void *context, struct bytes piece);
    void *context;           /* of feed and data */
    uint32_t timeout_ms;     /* for all of it; 0: none */
    uint32_t idle_ms;        /* ERR_TIMEOUT after so long without a byte either way (waiting for feed does not
                                count); 0: none */
    size_t answer_max_bytes; /* of an answer that is kept; 0: HTTP_ANSWER_MAX_BYTES */
};

struct http_response {
    int status;
    struct blob body;    /* of an answer that was not streamed */
    struct blob headers; /* as received */
};
void http_response_clear(struct http_response *r); /* wipes */

/* Copies the value of a header (name without colon, any case). ERR_NOT_FOUND; ERR_LIMIT: longer than out. */
err http_response_header(const struct http_response *r, const char *name, struct buffer out) CHECKED;

/* ERR_OK for 2xx; else the error that the answer's {"error","message"} or its status stands for, with the
 * message in d. */
err http_response_error(const struct http_response *r, struct diag *d) CHECKED;

/* Does one request and waits for it. *out is the caller's, cleared first, and filled whenever there was an
 * answer. ERR_UNREACHABLE, ERR_TIMEOUT, ERR_CANCELLED (http_client_stop) ERR_FORGED   the server's
 * certificate is not trusted as http_response_error, for answers that are not 2xx what feed or data returned
 */
err http_client_do(struct http_client *c, const struct http_request *request, struct http_response *out,
                   struct diag *d) CHECKED;

/* The common case: JSON or nothing there and back, 30 s. `body` may be NULL. *out is returned, NULL when the
 * answer has no body; `out` may be NULL. Errors as http_client_do; ERR_INVALID when the answer is not a JSON
 * object. */
err http_client_json(struct http_client *c, const char *method, const char *path, const char *authorization,
                     json_t *body, json_t **out, struct diag *d) CHECKED;

/* From here on no request that has a timeout waits longer than this; 0: as long as it says. For who would
 * rather hear that a server hangs. */
void http_client_patience(struct http_client *c, uint32_t timeout_ms);

/* Called from http_client_run, once, when a transfer is over; e as http_client_do's. The response is
 * borrowed. The transfer is gone when this returns; starting others and cancelling is allowed. */
typedef void http_done_fn(void *context, err e, const struct http_response *response, const struct diag *d);

/* Begins a request; nothing is sent before http_client_run. The request's strings and JSON are copied. *out
 * (may be NULL) is borrowed until `done`. */
err http_client_start(struct http_client *c, const struct http_request *request, http_done_fn *done,
                      void *done_context, struct http_transfer **out, struct diag *d) CHECKED;
/* feed has something again. */
void http_transfer_resume(struct http_transfer *t);
/* `done` is called with ERR_CANCELLED by the next http_client_run. */
void http_transfer_cancel(struct http_transfer *t);

/* Moves bytes, calls callbacks, and waits up to timeout_ms for something to do; returns early on a wake. */
void http_client_run(struct http_client *c, int timeout_ms);

/* From any thread: http_client_run returns soon. */
void http_client_wake(struct http_client *c);
/* From any thread, for good: everything in flight and to come ends with ERR_CANCELLED. */
void http_client_stop(struct http_client *c);

/* Percent-encodes for a path segment or a query value. ERR_LIMIT: does not fit. */
err http_escape(const char *text, struct buffer out) CHECKED;

#endif
