#include "camera/hub_link.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#define KEEP_BYTES (256u << 10) /* a queue that one large key frame grew is given back */

err hub_link_flush(struct hub_link *h, struct diag *d) {
    while (h->sent < h->out.len) {
        ssize_t n = send(h->socket, h->out.data + h->sent, h->out.len - h->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) {
            /* Keep what waits at the front, but not by moving megabytes for each packet. */
            if (h->sent > h->out.len / 2) {
                blob_drop_front(&h->out, h->sent);
                h->sent = 0;
            }
            return ERR_OK;
        }
        if (n < 0) return diag_fail(d, ERR_UNREACHABLE, "the hub is gone: %s", strerror(errno));
        h->sent += (size_t)n;
    }
    h->sent = h->out.len = 0;
    if (h->out.cap > KEEP_BYTES) blob_clear(&h->out);
    return ERR_OK;
}

err hub_link_next(struct hub_link *h, struct worker_message *out, struct diag *d) {
    err e = worker_reader_next(&h->reader, out, d);
    if (e != ERR_BUSY) return e;
    e = worker_reader_fill(&h->reader, h->socket, true, d);
    return e ? e : worker_reader_next(&h->reader, out, d);
}

err hub_link_wait(struct hub_link *h, int wait_ms) {
    struct pollfd p = {.fd = h->socket, .events = (short)(POLLIN | (hub_link_idle(h) ? 0 : POLLOUT))};
    int n = poll(&p, 1, wait_ms);
    if (n < 0 && errno != EINTR) return ERR_IO;
    return n == 0 ? ERR_TIMEOUT : ERR_OK;
}

void hub_link_clear(struct hub_link *h) {
    worker_reader_clear(&h->reader);
    blob_clear(&h->out);
}
