/* worker_internal.h: shared by worker.c, worker_spawn.c and worker_want.c. */
#ifndef CARDEA_HUB_WORKER_INTERNAL_H
#define CARDEA_HUB_WORKER_INTERNAL_H

#include <netinet/in.h>
#include <sys/types.h>

#include "hub/worker.h"

#define WANTS_MAX 8 /* that wait at the same time */
#define UDP_MAX 8   /* sockets whose peer may still be named */

struct want {
    bool used;
    struct worker *worker;
    struct worker_want m;
    struct watch watch; /* of the resolver's pipe, then of the connecting socket */
    bool resolving;
    struct steady_us deadline;
};

struct udp_given {
    uint32_t request;
    int fd;
};

struct worker {
    struct worker_options o;
    char *program, *name, *url;
    struct camera_url parsed;
    /* The process. */
    pid_t pid;
    struct watch socket, log;
    struct worker_reader reader;
    struct steady_us heard, start_at, started;
    int64_t backoff_us;
    uint32_t restarts;
    bool stopping, freed;
    bool watched; /* as it was told; a fresh process takes frames as they come */
    /* What it said. */
    const char *state;
    char message[WORKER_TEXT_MAX_BYTES + 1];
    struct wall_us since;
    struct worker_status status;
    uint16_t width, height;
    bool had_init;
    /* Log lines. */
    char line[512];
    size_t line_len;
    unsigned lines, lines_lost;
    struct steady_us lines_since;
    /* Wants. */
    struct want wants[WANTS_MAX];
    struct udp_given udp[UDP_MAX];
    size_t udp_count;
    int udp_next; /* the odd port of a pair, bound with the even one */
    struct sockaddr_storage address;
    socklen_t address_len; /* 0: not resolved */
};

/* worker_spawn.c: *out_socket and *out_log are the hub's ends. ERR_NOT_FOUND: no such program. */
err worker_spawn(const char *program, pid_t *out_pid, int *out_socket, int *out_log, struct diag *d) CHECKED;

/* worker.c: kills it; what takes a moment to die is reaped by worker_reap. */
void worker_bury(pid_t pid);

/* worker_want.c */
err worker_want_serve(struct worker *w, const struct worker_want *m, struct diag *d) CHECKED;
void worker_want_tick(struct worker *w, struct steady_us now);
void worker_want_clear(struct worker *w);

#endif
