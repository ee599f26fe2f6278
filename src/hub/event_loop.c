#include "hub/event_loop.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_MAX 64

struct later {
    struct later *next;
    void (*fn)(void *context);
    void *context;
};

struct event_loop {
    int epoll;
    struct later *later;
};

err event_loop_new(struct event_loop **out, struct diag *d) {
    struct event_loop *l = calloc(1, sizeof *l);
    if (!l) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll < 0) {
        free(l);
        return diag_fail(d, ERR_IO, "cannot make an epoll");
    }
    *out = l;
    return ERR_OK;
}

static void run_later(struct event_loop *l) {
    while (l->later) {
        struct later *next = l->later;
        l->later = next->next;
        next->fn(next->context);
        free(next);
    }
}

void event_loop_free(struct event_loop *l) {
    if (!l) return;
    run_later(l);
    close(l->epoll);
    free(l);
}

static err control(struct event_loop *l, int what, struct watch *w, uint32_t events) {
    struct epoll_event e = {.events = events, .data.ptr = w};
    return epoll_ctl(l->epoll, what, w->fd, &e) ? ERR_IO : ERR_OK;
}

err event_loop_add(struct event_loop *l, struct watch *w, uint32_t events) {
    return control(l, EPOLL_CTL_ADD, w, events);
}

err event_loop_change(struct event_loop *l, struct watch *w, uint32_t events) {
    return control(l, EPOLL_CTL_MOD, w, events);
}

void event_loop_close(struct event_loop *l, struct watch *w) {
    if (w->fd < 0) return;
    epoll_ctl(l->epoll, EPOLL_CTL_DEL, w->fd, NULL);
    close(w->fd);
    w->fd = -1;
}

void event_loop_later(struct event_loop *l, void (*fn)(void *context), void *context) {
    struct later *one = calloc(1, sizeof *one);
    if (!one) return; /* it leaks, which is better than a use after free */
    *one = (struct later){.next = l->later, .fn = fn, .context = context};
    l->later = one;
}

void event_loop_round(struct event_loop *l, int timeout_ms) {
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(l->epoll, events, EVENTS_MAX, timeout_ms);
    for (int i = 0; i < n; i++) {
        struct watch *w = events[i].data.ptr;
        if (w->fd >= 0) w->ready(w->context, events[i].events);
    }
    run_later(l);
}
