/* event_loop.h: one epoll loop and its watches. Threads: one; event_loop_stop from a signal handler too. */
#ifndef CARDEA_HUB_EVENT_LOOP_H
#define CARDEA_HUB_EVENT_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Embedded in what it serves. A watch whose fd is -1 is not called, also when an event for it was already
 * fetched; so what holds it must outlive the round: event_loop_later frees it after. */
struct watch {
    int fd;
    void (*ready)(void *context, uint32_t events);
    void *context;
};

struct event_loop;

err event_loop_new(struct event_loop **out, struct diag *d) CHECKED;
void event_loop_free(struct event_loop *l);
err event_loop_add(struct event_loop *l, struct watch *w, uint32_t events) CHECKED;
err event_loop_change(struct event_loop *l, struct watch *w, uint32_t events) CHECKED;
/* Stops watching, and closes the descriptor. */
void event_loop_close(struct event_loop *l, struct watch *w);
/* fn(context) after the events at hand. */
void event_loop_later(struct event_loop *l, void (*fn)(void *context), void *context);
/* One round: waits up to timeout_ms. */
void event_loop_round(struct event_loop *l, int timeout_ms);

#endif
