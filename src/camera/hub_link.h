/* hub_link.h: the worker's end of docs/worker.md: what comes from the hub, and a bounded queue of what goes
 * there. Threads: one. */
#ifndef CARDEA_CAMERA_HUB_LINK_H
#define CARDEA_CAMERA_HUB_LINK_H

#include "media/worker_message.h"

/* While more than this waits for the hub, nothing is read from the camera: memory stays bounded, and the
 * camera's connection carries the pressure back. */
#define HUB_LINK_HIGH_BYTES (4u << 20)
/* While more than this waits, frames for recognition are left out, so that never more than one is kept. */
#define HUB_LINK_BEHIND_BYTES (1u << 20)

struct hub_link {
    int socket;
    struct worker_reader reader;
    struct blob out; /* messages are appended here */
    size_t sent;     /* of out */
};

static inline bool hub_link_full(const struct hub_link *h) {
    return h->out.len - h->sent > HUB_LINK_HIGH_BYTES;
}
static inline bool hub_link_behind(const struct hub_link *h) {
    return h->out.len - h->sent > HUB_LINK_BEHIND_BYTES;
}
static inline bool hub_link_idle(const struct hub_link *h) {
    return h->out.len == h->sent;
}

/* Sends what the socket takes without waiting. ERR_UNREACHABLE: the hub is gone. */
err hub_link_flush(struct hub_link *h, struct diag *d) CHECKED;

/* The next message; the payload is borrowed until the next call. ERR_BUSY: none yet. ERR_CUT_SHORT: the hub
 * is gone. */
err hub_link_next(struct hub_link *h, struct worker_message *out, struct diag *d) CHECKED;

/* Waits up to wait_ms for either. */
err hub_link_wait(struct hub_link *h, int wait_ms) CHECKED;

void hub_link_clear(struct hub_link *h);

#endif
