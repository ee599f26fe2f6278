/* http_internal.h: what http_server.c (threads, listeners) and http_connection.c (one request) share. */
#ifndef CARDEA_NET_HTTP_INTERNAL_H
#define CARDEA_NET_HTTP_INTERNAL_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "net/http_server.h"

/* Who owns a call at a moment: the network thread in NEW, RECEIVING, READY; a worker in WORKING; the timer's
 * list in PARKED and HELD. Its connection is suspended in WORKING, PARKED and HELD. */
enum call_state { CALL_NEW, CALL_RECEIVING, CALL_WORKING, CALL_PARKED, CALL_HELD, CALL_READY };

struct call {
    struct http_request request;
    struct http_reply reply;
    enum http_outcome outcome;
    struct http_server *server;
    struct listener *listener;
    struct MHD_Connection *connection;
    struct http_waker *waker;
    struct blob body;
    err target_error;
    struct diag target_diag;
    struct steady_us started;
    bool begun; /* the first phase is over */
    bool admitted;
    bool refused; /* the reply is set; what is left of the body is dropped */
    bool answered;
    size_t dropped; /* bytes of body dropped */
    err sink_error;

    /* Under server->conn_lock: */
    struct call *list_next, **list_link;

    /* Under server->lock: */
    enum call_state state;
    struct call *next_job;
    struct call *timer_next, **timer_link;
    struct steady_us deadline;
};

struct http_waker {
    pthread_mutex_t lock; /* taken before server->lock */
    atomic_uint refs;
    struct MHD_Connection *connection; /* NULL after the request's end */
    struct call *call;
    int fd;
    bool source_waits, pending;
};

/* One accepted socket, for deadlines that libmicrohttpd does not know. */
struct conn {
    int fd;
    struct listener *listener;
    uint32_t bucket;
    struct steady_us deadline; /* 0: none */
    struct conn *next, **link;
};

struct listener {
    struct http_server *server;
    const struct http_app *app;
    struct MHD_Daemon *daemon;
    int fd;
    bool tls;
    uint16_t port;
};

#define HTTP_LISTEN_MAX 8
#define PEER_BUCKETS 65536u

struct http_server {
    struct listener listeners[HTTP_LISTEN_MAX];
    size_t listener_count;
    bool behind_proxy;
    atomic_bool closing, dying;
    atomic_size_t active;

    pthread_mutex_t lock;
    pthread_cond_t jobs_ready, timer_changed;
    struct call *jobs, **jobs_end;
    size_t job_count;
    struct call *timers;
    bool workers_stop, timer_stop;
    pthread_t workers[32], timer;
    size_t worker_count;

    pthread_mutex_t conn_lock; /* before any waker's */
    struct call *calls;
    struct conn *conns;
    uint16_t peers[PEER_BUCKETS];
    uint64_t peer_seed;
};

/* http_connection.c: the callbacks of libmicrohttpd, and what a worker does with a call. */
void *call_begin(void *listener, const char *uri, struct MHD_Connection *connection);
enum MHD_Result call_access(void *listener, struct MHD_Connection *connection, const char *url,
                            const char *method, const char *version, const char *data, size_t *len,
                            void **call);
void call_completed(void *listener, struct MHD_Connection *connection, void **call,
                    enum MHD_RequestTerminationCode why);
void call_work(struct call *call);
/* http_refusal.c: what MHD_queue_response does, for our own answers. */
enum MHD_Result http_queue(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response);

/* http_server.c */
void server_enter(struct http_server *s, struct call *call);
void server_leave(struct http_server *s, struct call *call);
/* Suspends the connection and queues the call; false: too many wait. Network thread. */
bool server_submit(struct http_server *s, struct call *call);
/* Puts a call whose connection is suspended on the timer's list. */
void server_time(struct http_server *s, struct call *call, enum call_state state, struct steady_us deadline);
/* Back to the network thread. */
void server_ready(struct http_server *s, struct call *call);
/* If parked: takes it off the timer's list and queues it. */
bool server_unpark(struct http_server *s, struct call *call, bool expired);
void conn_deadline(struct MHD_Connection *connection, struct http_server *s, int64_t from_now_s);

#endif
