/* What a worker wants from outside: connections to its own camera's host, its file, its device. Nothing else.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "crypto/hash.h"
#include "hub/camera_address.h"
#include "hub/worker_internal.h"

#define UDP_BUFFER_BYTES (1 << 20)
#define UDP_TRIES 64

static void answer(struct worker *w, uint32_t request, int fd, uint16_t port, const char *why) {
    struct worker_descriptor m = {.request = request, .ok = why == NULL, .port = port};
    AUTO(blob_clear) struct blob out = {0};
    if (why) snprintf(m.message, sizeof m.message, "%s", why);
    if (worker_descriptor_append(&out, &m) || worker_message_send(w->socket.fd, blob_bytes(&out), fd))
        w->heard.us = 0; /* it does not read what it asked for: the next tick ends it */
}

static void forget(struct want *want) {
    event_loop_close(want->worker->o.loop, &want->watch);
    want->used = false;
}

static void refuse(struct want *want, const char *why) {
    answer(want->worker, want->m.request, -1, 0, why);
    forget(want);
}

/* --- Names
 * -------------------------------------------------------------------------------------------------------- */

struct resolve {
    char host[256];
    int fd;
};
struct resolved {
    err e;
    struct diag why;
    struct camera_address at;
};
_Static_assert(sizeof(struct resolved) <= PIPE_BUF, "it is written at once");

static void *resolve(void *context) {
    struct resolve *r = context;
    struct resolved found = {0};
    found.e = camera_address_find(r->host, &found.at, &found.why);
    if (write(r->fd, &found, sizeof found) < 0) found.at.len = 0; /* nobody waits any more */
    close(r->fd);
    free(r);
    return NULL;
}

static void set_port(struct sockaddr_storage *a, uint16_t port) {
    if (a->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)a)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)(void *)a)->sin_port = htons(port);
}

/* --- TCP
 * ----------------------------------------------------------------------------------------------------------
 */

static void on_connected(void *context, uint32_t events) {
    struct want *want = context;
    int error = 0;
    socklen_t len = sizeof error;
    (void)events;
    if (getsockopt(want->watch.fd, SOL_SOCKET, SO_ERROR, &error, &len)) error = errno;
    if (error) {
        refuse(want, error == ECONNREFUSED ? "the camera refuses the connection: is the port right?"
                                           : strerror(error));
        return;
    }
    int on = 1;
    setsockopt(want->watch.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(want->watch.fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    answer(want->worker, want->m.request, want->watch.fd, 0, NULL);
    forget(want);
}

static void connect_to(struct want *want) {
    struct worker *w = want->worker;
    struct sockaddr_storage address = w->address;
    set_port(&address, want->m.port);
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    want->watch = (struct watch){.fd = fd, .ready = on_connected, .context = want};
    if (fd < 0 || (connect(fd, (struct sockaddr *)&address, w->address_len) && errno != EINPROGRESS)) {
        refuse(want, strerror(errno));
        return;
    }
    if (event_loop_add(w->o.loop, &want->watch, EPOLLOUT)) refuse(want, "cannot watch the connection");
}

static void take_address(struct want *want, const struct resolved *found) {
    if (found->e) {
        refuse(want, found->why.text);
        return;
    }
    want->worker->address = found->at.address;
    want->worker->address_len = found->at.len;
    connect_to(want);
}

static void on_resolved(void *context, uint32_t events) {
    struct want *want = context;
    struct worker *w = want->worker;
    struct resolved found = {0};
    (void)events;
    if (read(want->watch.fd, &found, sizeof found) != (ssize_t)sizeof found)
        found.e = diag_fail(&found.why, ERR_NOT_FOUND, "the camera's host name is not known");
    event_loop_close(w->o.loop, &want->watch);
    want->resolving = false;
    take_address(want, &found);
}

static void start_resolving(struct want *want) {
    struct worker *w = want->worker;
    if (camera_host_is_address(w->parsed.host)) {
        struct resolved found = {0};
        found.e = camera_address_find(w->parsed.host, &found.at, &found.why);
        take_address(want, &found);
        return;
    }
    int ends[2];
    struct resolve *r = calloc(1, sizeof *r);
    pthread_t thread;
    if (!r || pipe2(ends, O_CLOEXEC | O_NONBLOCK)) {
        free(r);
        refuse(want, "out of memory");
        return;
    }
    snprintf(r->host, sizeof r->host, "%s", w->parsed.host);
    r->fd = ends[1];
    want->watch = (struct watch){.fd = ends[0], .ready = on_resolved, .context = want};
    want->resolving = true;
    if (pthread_create(&thread, NULL, resolve, r)) {
        close(ends[1]);
        free(r);
        refuse(want, "out of memory");
        return;
    }
    pthread_detach(thread);
    if (event_loop_add(w->o.loop, &want->watch, EPOLLIN)) refuse(want, "cannot watch the resolver");
}

static err serve_tcp(struct worker *w, const struct worker_want *m, struct diag *d) {
    bool any = w->parsed.kind == CAMERA_URL_ONVIF; /* the camera names the port of its stream */
    if (!any && m->port != w->parsed.port)
        return diag_fail(d, ERR_DENIED, "the worker wants port %u, its camera's is %u", m->port,
                         w->parsed.port);
    for (size_t i = 0; i < WANTS_MAX; i++) {
        struct want *want = &w->wants[i];
        if (want->used) continue;
        *want = (struct want){.used = true, .worker = w, .m = *m, .watch.fd = -1};
        want->deadline.us = steady_now().us + WORKER_CONNECT_US;
        start_resolving(want);
        return ERR_OK;
    }
    return diag_fail(d, ERR_LIMIT, "the worker wants more than %d connections at once", WANTS_MAX);
}

/* --- UDP
 * ----------------------------------------------------------------------------------------------------------
 */

static int bind_udp(const struct sockaddr_storage *camera, uint16_t port) {
    struct sockaddr_storage local = {.ss_family = camera->ss_family};
    int fd = socket(local.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), bytes = UDP_BUFFER_BYTES;
    socklen_t len = local.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    set_port(&local, port);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&local, len)) {
        close(fd);
        return -1;
    }
    if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    return fd;
}

/* RTP wants an even port, and RTCP the one after it. */
static int bind_pair(struct worker *w, uint16_t *port) {
    for (int i = 0; i < UDP_TRIES; i++) {
        uint16_t r;
        random_bytes(&r, sizeof r);
        *port = (uint16_t)(20000 + r % 20000 * 2);
        int even = bind_udp(&w->address, *port);
        if (even < 0) continue;
        w->udp_next = bind_udp(&w->address, (uint16_t)(*port + 1));
        if (w->udp_next >= 0) return even;
        close(even);
    }
    return -1;
}

static int connect_udp(const struct worker *w, int fd, uint16_t port) {
    struct sockaddr_storage address = w->address;
    set_port(&address, port);
    return connect(fd, (struct sockaddr *)&address, w->address_len);
}

static uint16_t local_port(int fd) {
    struct sockaddr_storage a = {0};
    socklen_t len = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &len)) return 0;
    return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)(void *)&a)->sin6_port
                                         : ((struct sockaddr_in *)(void *)&a)->sin_port);
}

static err serve_udp(struct worker *w, const struct worker_want *m, struct diag *d) {
    if (!w->address_len) return diag_fail(d, ERR_DENIED, "the worker wants UDP before a connection");
    if (w->udp_count == UDP_MAX) { /* the oldest pair's peers stay as they are */
        close(w->udp[0].fd);
        memmove(&w->udp[0], &w->udp[1], (UDP_MAX - 1) * sizeof w->udp[0]);
        w->udp_count--;
    }
    uint16_t port;
    AUTO(fd_close) int fd = w->udp_next;
    if (fd < 0)
        fd = bind_pair(w, &port);
    else
        w->udp_next = -1;
    if (fd < 0 || connect_udp(w, fd, m->port)) {
        answer(w, m->request, -1, 0, "no UDP port could be had");
        return ERR_OK;
    }
    answer(w, m->request, fd, local_port(fd), NULL);
    w->udp[w->udp_count++] = (struct udp_given){.request = m->request, .fd = fd};
    fd = -1;
    return ERR_OK;
}

static err serve_peer(struct worker *w, const struct worker_want *m, struct diag *d) {
    for (size_t i = 0; i < w->udp_count; i++) {
        if (w->udp[i].request != m->request) continue;
        answer(w, m->request, -1, 0,
               connect_udp(w, w->udp[i].fd, m->port) ? "the socket could not be connected" : NULL);
        return ERR_OK;
    }
    return diag_fail(d, ERR_DENIED, "the worker names a socket that it was not given");
}

/* --- Files and devices
 * -------------------------------------------------------------------------------------------- */

static err serve_open(struct worker *w, const struct worker_want *m) {
    bool device = w->parsed.kind == CAMERA_URL_V4L2;
    struct stat info;
    char why[WORKER_TEXT_MAX_BYTES];
    AUTO(fd_close)
    int fd = open(w->parsed.path, (device ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &info)) {
        snprintf(why, sizeof why, "cannot open %.300s: %s", w->parsed.path, strerror(errno));
        answer(w, m->request, -1, 0, why);
    } else if (device ? !S_ISCHR(info.st_mode) : !S_ISREG(info.st_mode)) {
        snprintf(why, sizeof why, "%.300s is not a %s", w->parsed.path, device ? "device" : "file");
        answer(w, m->request, -1, 0, why);
    } else {
        answer(w, m->request, fd, 0, NULL);
    }
    return ERR_OK;
}

err worker_want_serve(struct worker *w, const struct worker_want *m, struct diag *d) {
    bool network = w->parsed.port != 0;
    switch (m->kind) {
        case WORKER_WANT_TCP:
            if (network) return serve_tcp(w, m, d);
            break;
        case WORKER_WANT_UDP:
            if (w->parsed.kind == CAMERA_URL_RTSP || w->parsed.kind == CAMERA_URL_ONVIF)
                return serve_udp(w, m, d);
            break;
        case WORKER_WANT_PEER: return serve_peer(w, m, d);
        case WORKER_WANT_FILE:
            if (w->parsed.kind == CAMERA_URL_FILE) return serve_open(w, m);
            break;
        case WORKER_WANT_DEVICE:
            if (w->parsed.kind == CAMERA_URL_V4L2) return serve_open(w, m);
            break;
    }
    return diag_fail(d, ERR_DENIED, "the worker wants something that its camera's address does not name");
}

void worker_want_tick(struct worker *w, struct steady_us now) {
    for (size_t i = 0; i < WANTS_MAX; i++)
        if (w->wants[i].used && now.us > w->wants[i].deadline.us)
            refuse(&w->wants[i],
                   w->wants[i].resolving
                       ? "the camera's host name is not known in time"
                       : "the camera does not answer: is it switched on, is the address right?");
}

void worker_want_clear(struct worker *w) {
    for (size_t i = 0; i < WANTS_MAX; i++)
        if (w->wants[i].used) forget(&w->wants[i]);
    for (size_t i = 0; i < w->udp_count; i++) close(w->udp[i].fd);
    w->udp_count = 0;
    fd_close(&w->udp_next);
    w->address_len = 0;
}
