#include "media/worker_message.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_AHEAD_BYTES (64u << 10)
#define KEEP_BYTES (512u << 10) /* a buffer that one large picture grew is given back */
#define SEND_WAIT_MS 1000

/* The longest length of a message of this type; 0 for types that do not exist. */
static uint32_t type_limit(uint8_t type) {
    switch (type) {
        case WORKER_TYPE_CONFIG:
        case WORKER_TYPE_DESCRIPTOR:
        case WORKER_TYPE_WANT:
        case WORKER_TYPE_RING:
        case WORKER_TYPE_STATUS: return 1 + WORKER_JSON_MAX_BYTES;
        case WORKER_TYPE_STOP: return 1;
        case WORKER_TYPE_PACE: return 2;
        case WORKER_TYPE_INIT: return 1 + 4 + WORKER_JSON_MAX_BYTES + WORKER_INIT_MAX_BYTES;
        case WORKER_TYPE_FRAGMENT: return WORKER_MESSAGE_MAX_BYTES;
        case WORKER_TYPE_PICTURE: return 1 + 8 + WORKER_PICTURE_MAX_BYTES;
        case WORKER_TYPE_FRAME:
            return 1 + WORKER_FRAME_HEAD_BYTES + 4 * WORKER_REGIONS_MAX +
                   WORKER_FRAME_MAX_WIDTH * WORKER_FRAME_MAX_HEIGHT * 3 / 2;
        case WORKER_TYPE_MOTION: return 1 + 10 + 4 * WORKER_REGIONS_MAX;
        default: return 0;
    }
}

/* Makes room for `more` behind the unread bytes, moving them to the front when that is enough. */
static err make_room(struct worker_reader *r, size_t more) {
    size_t unread = r->data.len - r->start;
    if (r->start && r->data.len + more > r->data.cap) {
        memmove(r->data.data, r->data.data + r->start, unread);
        r->data.len = unread;
        r->start = 0;
    }
    return blob_reserve(&r->data, r->data.len + more);
}

/* Forgets the message that was handed out. */
static void drop_taken(struct worker_reader *r) {
    r->start += r->taken;
    r->taken = 0;
    if (r->start < r->data.len) return;
    r->start = r->data.len = 0;
    if (r->data.cap > KEEP_BYTES) blob_clear(&r->data);
}

/* Bytes missing from the message at hand, as far as its head is known. */
static size_t missing(const struct worker_reader *r) {
    size_t unread = r->data.len - r->start;
    if (unread < WORKER_HEAD_BYTES) return 0;
    size_t whole = (size_t)4 + be32_get(r->data.data + r->start);
    return whole > unread && whole <= (size_t)4 + WORKER_MESSAGE_MAX_BYTES ? whole - unread : 0;
}

static err keep_descriptors(struct worker_reader *r, struct msghdr *m, bool wanted) {
    err e = ERR_OK;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (wanted && r->descriptor_count < WORKER_READER_DESCRIPTORS_MAX) {
                r->descriptors[r->descriptor_count++] = fd;
            } else {
                close(fd);
                e = ERR_LIMIT;
            }
        }
    }
    return e;
}

err worker_reader_fill(struct worker_reader *r, int socket, bool descriptors, struct diag *d) {
    drop_taken(r);
    err e = make_room(r, missing(r) + READ_AHEAD_BYTES);
    if (e) return diag_fail(d, e, "no memory for a message");
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(WORKER_READER_DESCRIPTORS_MAX * sizeof(int))];
    } control;
    struct iovec part = {r->data.data + r->data.len, r->data.cap - r->data.len};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptors) {
        m.msg_control = &control;
        m.msg_controllen = sizeof control;
    }
    ssize_t n = recvmsg(socket, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return ERR_BUSY;
    if (n < 0 && errno == ECONNRESET) return diag_fail(d, ERR_CUT_SHORT, "the other end is gone");
    if (n < 0) return diag_fail(d, ERR_IO, "reading a message: %s", strerror(errno));
    r->data.len += (size_t)n;
    if (descriptors && keep_descriptors(r, &m, descriptors))
        return diag_fail(d, ERR_LIMIT, "more than %d descriptors came at once",
                         WORKER_READER_DESCRIPTORS_MAX);
    if (n == 0) return diag_fail(d, ERR_CUT_SHORT, "the other end closed");
    return ERR_OK;
}

err worker_reader_feed(struct worker_reader *r, struct bytes more) {
    drop_taken(r);
    err e = make_room(r, more.len);
    return e ? e : blob_append(&r->data, more);
}

err worker_reader_next(struct worker_reader *r, struct worker_message *out, struct diag *d) {
    drop_taken(r);
    size_t unread = r->data.len - r->start;
    if (unread < WORKER_HEAD_BYTES) return ERR_BUSY;
    const uint8_t *head = r->data.data + r->start;
    uint32_t length = be32_get(head), limit = type_limit(head[4]);
    if (!limit) return diag_fail(d, ERR_INVALID, "message type %u does not exist", head[4]);
    if (length == 0) return diag_fail(d, ERR_INVALID, "a message has no type");
    if (length > limit)
        return diag_fail(d, ERR_LIMIT, "a message of type %u has %u bytes, at most %u are allowed", head[4],
                         length, limit);
    if (unread - 4 < length) return ERR_BUSY;
    *out = (struct worker_message){(enum worker_type)head[4], BYTES(head + WORKER_HEAD_BYTES, length - 1)};
    r->taken = (size_t)4 + length;
    return ERR_OK;
}

int worker_reader_take_descriptor(struct worker_reader *r) {
    if (r->descriptor_count == 0) return -1;
    int fd = r->descriptors[0];
    r->descriptor_count--;
    memmove(r->descriptors, r->descriptors + 1, r->descriptor_count * sizeof *r->descriptors);
    return fd;
}

void worker_reader_clear(struct worker_reader *r) {
    if (!r) return;
    for (size_t i = 0; i < r->descriptor_count; i++) close(r->descriptors[i]);
    blob_clear(&r->data);
    *r = (struct worker_reader){0};
}

static err send_some(int socket, struct bytes *rest, int descriptor, bool *sent_descriptor) {
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    struct iovec part = {(void *)(uintptr_t)rest->data, rest->len};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor >= 0 && !*sent_descriptor) {
        m.msg_control = &control;
        m.msg_controllen = sizeof control;
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &descriptor, sizeof descriptor);
    }
    ssize_t n = sendmsg(socket, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return ERR_BUSY;
    if (n < 0) return errno == EPIPE || errno == ECONNRESET ? ERR_UNREACHABLE : ERR_IO;
    *sent_descriptor = true;
    *rest = BYTES(rest->data + n, rest->len - (size_t)n);
    return ERR_OK;
}

err worker_message_send(int socket, struct bytes messages, int descriptor) {
    bool sent_descriptor = false;
    while (messages.len) {
        err e = send_some(socket, &messages, descriptor, &sent_descriptor);
        if (!e) continue;
        if (e != ERR_BUSY) return e;
        struct pollfd p = {.fd = socket, .events = POLLOUT};
        if (poll(&p, 1, SEND_WAIT_MS) == 0) return ERR_TIMEOUT;
    }
    return ERR_OK;
}
