#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "net/http_certificate.h"
#include "net/http_internal.h"

#define CONNECTION_MEMORY_BYTES (64u << 10)
#define PEER_SILENCE_MS 30000 /* unacknowledged data for this long: the peer is gone */
#define REAP_US 1000000

/* --- workers --- */

static void push_job(struct http_server *s, struct call *call) {
    call->state = CALL_WORKING;
    call->next_job = NULL;
    *s->jobs_end = call;
    s->jobs_end = &call->next_job;
    s->job_count++;
    pthread_cond_signal(&s->jobs_ready);
}

bool server_submit(struct http_server *s, struct call *call) {
    pthread_mutex_lock(&s->lock);
    bool room = s->job_count < HTTP_JOBS_MAX && !s->workers_stop;
    if (room) {
        MHD_suspend_connection(call->connection);
        push_job(s, call);
    }
    pthread_mutex_unlock(&s->lock);
    return room;
}

void server_ready(struct http_server *s, struct call *call) {
    pthread_mutex_lock(&s->lock);
    call->state = CALL_READY;
    struct MHD_Connection *connection = call->connection;
    pthread_mutex_unlock(&s->lock);
    MHD_resume_connection(connection);
}

static void *work(void *arg) {
    struct http_server *s = arg;
    for (;;) {
        pthread_mutex_lock(&s->lock);
        while (!s->jobs && !s->workers_stop) pthread_cond_wait(&s->jobs_ready, &s->lock);
        struct call *call = s->jobs;
        if (call) {
            s->jobs = call->next_job;
            if (!s->jobs) s->jobs_end = &s->jobs;
            s->job_count--;
        }
        pthread_mutex_unlock(&s->lock);
        if (!call) return NULL;
        call_work(call);
    }
}

/* --- the timer: parked and held calls, and connections that dawdle --- */

static void unlist(struct call *call) {
    *call->timer_link = call->timer_next;
    if (call->timer_next) call->timer_next->timer_link = call->timer_link;
    call->timer_link = NULL;
}

void server_time(struct http_server *s, struct call *call, enum call_state state, struct steady_us deadline) {
    pthread_mutex_lock(&s->lock);
    if (s->timer_stop) { /* nobody would come for it */
        call->request.expired = true;
        if (state == CALL_PARKED)
            push_job(s, call);
        else
            call->state = CALL_READY;
        struct MHD_Connection *connection = call->connection;
        pthread_mutex_unlock(&s->lock);
        if (state != CALL_PARKED) MHD_resume_connection(connection);
        return;
    }
    call->state = state;
    call->deadline = deadline;
    call->timer_next = s->timers;
    call->timer_link = &s->timers;
    if (s->timers) s->timers->timer_link = &call->timer_next;
    s->timers = call;
    pthread_cond_signal(&s->timer_changed);
    pthread_mutex_unlock(&s->lock);
}

bool server_unpark(struct http_server *s, struct call *call, bool expired) {
    pthread_mutex_lock(&s->lock);
    bool parked = call->state == CALL_PARKED;
    if (parked) {
        unlist(call);
        call->request.woken = !expired;
        call->request.expired = expired;
        push_job(s, call);
    }
    pthread_mutex_unlock(&s->lock);
    return parked;
}

/* Fires what is due (all of it, when stopping); the time of what is due next. Called with the lock. */
static int64_t fire(struct http_server *s, int64_t now_us) {
    int64_t next = now_us + REAP_US;
    for (struct call *call = s->timers, *after; call; call = after) {
        after = call->timer_next;
        if (call->deadline.us > now_us && !s->timer_stop) {
            if (call->deadline.us < next) next = call->deadline.us;
            continue;
        }
        unlist(call);
        if (call->state == CALL_PARKED) {
            call->request.expired = true;
            push_job(s, call);
        } else {
            call->state = CALL_READY;
            MHD_resume_connection(call->connection);
        }
    }
    return next;
}

static void reap(struct http_server *s, int64_t now_us) {
    pthread_mutex_lock(&s->conn_lock);
    for (struct conn *c = s->conns; c; c = c->next) {
        if (!c->deadline.us || c->deadline.us > now_us) continue;
        c->deadline.us = 0;
        shutdown(c->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&s->conn_lock);
}

/* steady_now counts suspended time too, which condition variables do not know. */
static void wait_until(struct http_server *s, int64_t from_now_us) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t ns = t.tv_nsec + (from_now_us > 0 ? from_now_us % 1000000 : 0) * 1000;
    t.tv_sec += (from_now_us > 0 ? from_now_us / 1000000 : 0) + ns / 1000000000;
    t.tv_nsec = ns % 1000000000;
    pthread_cond_timedwait(&s->timer_changed, &s->lock, &t);
}

static void *keep_time(void *arg) {
    struct http_server *s = arg;
    int64_t reap_at = 0;
    pthread_mutex_lock(&s->lock);
    while (!s->timer_stop || s->timers) {
        int64_t now = steady_now().us, next = fire(s, now);
        if (now >= reap_at) {
            pthread_mutex_unlock(&s->lock);
            reap(s, now);
            pthread_mutex_lock(&s->lock);
            reap_at = now + REAP_US;
        }
        if (s->timer_stop) continue;
        wait_until(s, next - now);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* --- calls and accepted sockets --- */

void server_enter(struct http_server *s, struct call *call) {
    pthread_mutex_lock(&s->conn_lock);
    call->list_next = s->calls;
    call->list_link = &s->calls;
    if (s->calls) s->calls->list_link = &call->list_next;
    s->calls = call;
    pthread_mutex_unlock(&s->conn_lock);
    atomic_fetch_add(&s->active, 1);
}

void server_leave(struct http_server *s, struct call *call) {
    pthread_mutex_lock(&s->conn_lock);
    *call->list_link = call->list_next;
    if (call->list_next) call->list_next->list_link = call->list_link;
    pthread_mutex_unlock(&s->conn_lock);
    atomic_fetch_sub(&s->active, 1);
}

/* libmicrohttpd does not stop with suspended connections. */
static void resume_sources(struct http_server *s) {
    pthread_mutex_lock(&s->conn_lock);
    for (struct call *call = s->calls; call; call = call->list_next) {
        struct http_waker *w = call->waker;
        if (!w) continue;
        pthread_mutex_lock(&w->lock);
        if (w->source_waits) MHD_resume_connection(call->connection);
        w->source_waits = false;
        pthread_mutex_unlock(&w->lock);
    }
    pthread_mutex_unlock(&s->conn_lock);
}

static uint32_t bucket_of(const struct http_server *s, const struct sockaddr *from) {
    uint64_t h = s->peer_seed;
    const uint8_t *bytes = NULL;
    size_t len = 0;
    if (from->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)from;
        if ((ntohl(in->sin_addr.s_addr) >> 24) == 127) return PEER_BUCKETS;
        bytes = (const uint8_t *)&in->sin_addr, len = 4;
    } else if (from->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)from;
        if (IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr)) return PEER_BUCKETS;
        bytes = (const uint8_t *)&in6->sin6_addr, len = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) ? 16 : 8;
    }
    for (size_t i = 0; i < len; i++) {
        h = (h ^ bytes[i]) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 29;
    }
    return (uint32_t)(h >> 16) % PEER_BUCKETS;
}

static enum MHD_Result accept_policy(void *cls, const struct sockaddr *from, socklen_t len) {
    struct listener *listener = cls;
    struct http_server *s = listener->server;
    if (atomic_load(&s->closing)) return MHD_NO;
    if (s->behind_proxy) return MHD_YES;
    uint32_t bucket = bucket_of(s, from);
    if (bucket == PEER_BUCKETS) return MHD_YES;
    pthread_mutex_lock(&s->conn_lock);
    bool room = s->peers[bucket] < HTTP_CONNECTIONS_PER_PEER;
    pthread_mutex_unlock(&s->conn_lock);
    return room ? MHD_YES : MHD_NO;
}

static struct conn *conn_new(struct http_server *s, struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *from =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct conn *c = calloc(1, sizeof *c);
    if (!c || !fd) {
        free(c);
        return NULL;
    }
    c->fd = (int)fd->connect_fd;
    c->bucket = from && from->client_addr ? bucket_of(s, from->client_addr) : PEER_BUCKETS;
    c->deadline.us = steady_now().us + HTTP_HEADER_DEADLINE_S * INT64_C(1000000);
    const int on = 1, silence = PEER_SILENCE_MS;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(c->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silence, sizeof silence);
    return c;
}

static void connection_notify(void *cls, struct MHD_Connection *connection, void **context,
                              enum MHD_ConnectionNotificationCode code) {
    struct listener *listener = cls;
    struct http_server *s = listener->server;
    struct conn *c = code == MHD_CONNECTION_NOTIFY_STARTED ? conn_new(s, connection) : *context;
    if (!c) return;
    c->listener = listener;
    pthread_mutex_lock(&s->conn_lock);
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        c->next = s->conns;
        c->link = &s->conns;
        if (s->conns) s->conns->link = &c->next;
        s->conns = c;
        if (c->bucket < PEER_BUCKETS) s->peers[c->bucket]++;
        *context = c;
    } else {
        *c->link = c->next;
        if (c->next) c->next->link = c->link;
        if (c->bucket < PEER_BUCKETS) s->peers[c->bucket]--;
        *context = NULL;
    }
    pthread_mutex_unlock(&s->conn_lock);
    if (code != MHD_CONNECTION_NOTIFY_STARTED) free(c);
}

void conn_deadline(struct MHD_Connection *connection, struct http_server *s, int64_t from_now_s) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct conn *c = info ? info->socket_context : NULL;
    if (!c) return;
    pthread_mutex_lock(&s->conn_lock);
    c->deadline.us = from_now_s ? steady_now().us + from_now_s * 1000000 : 0;
    pthread_mutex_unlock(&s->conn_lock);
}

/* --- listening --- */

struct endpoint {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } address;
    socklen_t len;
};

static err parse_endpoint(const char *text, struct endpoint *out, struct diag *d) {
    const char *colon = strrchr(text, ':');
    char host[INET6_ADDRSTRLEN + 2], *end = NULL;
    size_t len = colon ? (size_t)(colon - text) : 0;
    long port = colon && colon[1] >= '0' && colon[1] <= '9' ? strtol(colon + 1, &end, 10) : -1;
    if (!colon || len == 0 || len >= sizeof host || port < 0 || port > 65535 || *end)
        return diag_fail(d, ERR_INVALID, "\"%s\" is not ADDRESS:PORT, like 127.0.0.1:8080", text);
    memcpy(host, text, len);
    host[len] = 0;
    *out = (struct endpoint){0};
    bool bracketed = host[0] == '[' && host[len - 1] == ']';
    if (bracketed) {
        host[len - 1] = 0;
        out->address.in6.sin6_family = AF_INET6;
        out->address.in6.sin6_port = htons((uint16_t)port);
        out->len = sizeof out->address.in6;
        if (inet_pton(AF_INET6, host + 1, &out->address.in6.sin6_addr) == 1) return ERR_OK;
    } else {
        out->address.in.sin_family = AF_INET;
        out->address.in.sin_port = htons((uint16_t)port);
        out->len = sizeof out->address.in;
        if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host,
                      &out->address.in.sin_addr) == 1)
            return ERR_OK;
    }
    return diag_fail(d, ERR_INVALID, "\"%s\" is not an IP address (IPv6 goes in brackets)", host);
}

static err open_socket(struct listener *l, const char *text, struct diag *d) {
    struct endpoint e;
    err bad = parse_endpoint(text, &e, d);
    if (bad) return bad;
    l->fd = socket(e.address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0) return diag_fail(d, ERR_IO, "cannot make a socket for %s: %m", text);
    const int on = 1;
    setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (e.address.any.sa_family == AF_INET6) setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(l->fd, &e.address.any, e.len) || listen(l->fd, 512)) {
        err why = errno == EADDRINUSE ? ERR_BUSY : errno == EACCES ? ERR_DENIED : ERR_IO;
        return diag_fail(d, why, "cannot listen on %s: %m", text);
    }
    if (getsockname(l->fd, &e.address.any, &e.len))
        return diag_fail(d, ERR_IO, "no address for %s: %m", text);
    l->port = ntohs(e.address.any.sa_family == AF_INET ? e.address.in.sin_port : e.address.in6.sin6_port);
    return ERR_OK;
}

__attribute__((format(printf, 2, 0))) static void mhd_log(void *cls, const char *format, va_list args) {
    char line[300];
    vsnprintf(line, sizeof line, format, args);
    log_debug("http: %s", line);
}

static err start_daemon(struct listener *l, const struct http_server_options *o, struct diag *d) {
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)http_certificate_get},
        {MHD_OPTION_HTTPS_PRIORITIES, 0,
         "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-CIPHER-ALL:+AES-256-GCM:+"
         "AES-128-GCM:+CHACHA20-POLY1305"},
        {MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     (l->tls ? MHD_USE_TLS : 0);
    l->daemon = MHD_start_daemon(
        flags, 0, accept_policy, l, call_access, l, MHD_OPTION_EXTERNAL_LOGGER, mhd_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, l->fd, MHD_OPTION_THREAD_POOL_SIZE,
        o->network_threads ? o->network_threads : 2, MHD_OPTION_CONNECTION_LIMIT, HTTP_CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY_BYTES, MHD_OPTION_NOTIFY_COMPLETED, call_completed, l,
        MHD_OPTION_NOTIFY_CONNECTION, connection_notify, l, MHD_OPTION_URI_LOG_CALLBACK, call_begin, l,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, l->tls ? tls : none, MHD_OPTION_END);
    if (!l->daemon && l->tls)
        return diag_fail(d, ERR_INVALID, "cannot serve TLS: the certificate and the key must be a PEM pair");
    return l->daemon ? ERR_OK : diag_fail(d, ERR_IO, "cannot start the HTTP server");
}

static err start_threads(struct http_server *s, unsigned workers, struct diag *d) {
    if (workers == 0) workers = 4;
    if (workers > sizeof s->workers / sizeof *s->workers) workers = sizeof s->workers / sizeof *s->workers;
    for (; s->worker_count < workers; s->worker_count++)
        if (pthread_create(&s->workers[s->worker_count], NULL, work, s))
            return diag_fail(d, ERR_NO_MEMORY, "cannot start a thread");
    if (pthread_create(&s->timer, NULL, keep_time, s))
        return diag_fail(d, ERR_NO_MEMORY, "cannot start a thread");
    return ERR_OK;
}

static struct http_server *server_new(void) {
    struct http_server *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->jobs_end = &s->jobs;
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->conn_lock, NULL);
    pthread_cond_init(&s->jobs_ready, NULL);
    pthread_condattr_t steady;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&s->timer_changed, &steady);
    pthread_condattr_destroy(&steady);
    if (getrandom(&s->peer_seed, sizeof s->peer_seed, 0) < 0) s->peer_seed = (uint64_t)steady_now().us;
    return s;
}

err http_server_start(const struct http_server_options *options, const struct http_listen *listen_on,
                      size_t count, struct http_server **out, struct diag *d) {
    if (count == 0 || count > HTTP_LISTEN_MAX)
        return diag_fail(d, ERR_INVALID, "1 to %d addresses to listen on are wanted", HTTP_LISTEN_MAX);
    signal(SIGPIPE, SIG_IGN);
    struct http_server *s = server_new();
    if (!s) return diag_fail(d, ERR_NO_MEMORY, "no memory for the HTTP server");
    s->behind_proxy = options->behind_proxy;
    err e = options->tls_cert_pem && options->tls_key_pem
                ? http_certificate_set(options->tls_cert_pem, options->tls_key_pem, d)
                : ERR_OK;
    for (; !e && s->listener_count < count; s->listener_count++) {
        struct listener *l = &s->listeners[s->listener_count];
        *l = (struct listener){.server = s, .app = listen_on[s->listener_count].app, .fd = -1};
        l->tls = listen_on[s->listener_count].tls;
        e = open_socket(l, listen_on[s->listener_count].address, d);
    }
    if (!e) e = start_threads(s, options->worker_threads, d);
    for (size_t i = 0; !e && i < count; i++) e = start_daemon(&s->listeners[i], options, d);
    if (e) {
        http_server_close(s);
        http_server_join(s, 0);
        return e;
    }
    *out = s;
    return ERR_OK;
}

err http_server_certificate(const char *cert_pem, const char *key_pem, struct diag *d) {
    return http_certificate_set(cert_pem, key_pem, d);
}

uint16_t http_server_port(const struct http_server *s, size_t i) {
    return i < s->listener_count ? s->listeners[i].port : 0;
}

size_t http_server_active(const struct http_server *s) {
    return atomic_load(&s->active);
}

void http_server_close(struct http_server *s) {
    if (atomic_exchange(&s->closing, true)) return;
    for (size_t i = 0; i < s->listener_count; i++)
        if (s->listeners[i].daemon) MHD_quiesce_daemon(s->listeners[i].daemon);
}

static void join_threads(struct http_server *s) {
    if (s->timer) {
        pthread_mutex_lock(&s->lock);
        s->timer_stop = true;
        pthread_cond_signal(&s->timer_changed);
        pthread_mutex_unlock(&s->lock);
        pthread_join(s->timer, NULL);
    }
    pthread_mutex_lock(&s->lock);
    s->workers_stop = true;
    pthread_cond_broadcast(&s->jobs_ready);
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < s->worker_count; i++) pthread_join(s->workers[i], NULL);
}

void http_server_join(struct http_server *s, unsigned patience_ms) {
    int64_t until = steady_now().us + patience_ms * INT64_C(1000);
    while (atomic_load(&s->active) && steady_now().us < until) {
        const struct timespec step = {0, 5000000};
        nanosleep(&step, NULL);
    }
    atomic_store(&s->dying, true);
    join_threads(s);
    resume_sources(s);
    for (size_t i = 0; i < s->listener_count; i++)
        if (s->listeners[i].daemon) MHD_stop_daemon(s->listeners[i].daemon);
    for (size_t i = 0; i < s->listener_count; i++) fd_close(&s->listeners[i].fd);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->conn_lock);
    pthread_cond_destroy(&s->jobs_ready);
    pthread_cond_destroy(&s->timer_changed);
    free(s);
}
