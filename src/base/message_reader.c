#include "base/message_reader.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_AHEAD_BYTES (64u << 10)
#define KEEP_BYTES (512u << 10) /* a buffer that one large picture grew is given back */
#define SEND_WAIT_MS 1000

/* Makes room for `more` behind the unread bytes, moving them to the front when that is enough. */
static err make_room(struct message_reader *r, size_t more) {
    size_t unread = r->data.len - r->start;
    if (r->start && r->data.len + more > r->data.cap) {
        memmove(r->data.data, r->data.data + r->start, unread);
        r->data.len = unread;
        r->start = 0;
    }
    return blob_reserve(&r->data, r->data.len + more);
}

/* Forgets the message that was handed out. */
static void drop_taken(struct message_reader *r) {
    r->start += r->taken;
    r->taken = 0;
    if (r->start < r->data.len) return;
    r->start = r->data.len = 0;
    if (r->data.cap > KEEP_BYTES) blob_clear(&r->data);
}

/* Bytes missing from the message at hand, as far as its head is known and allowed. */
static size_t missing(const struct message_reader *r, message_limit_fn *limit) {
    size_t unread = r->data.len - r->start;
    if (unread < MESSAGE_HEAD_BYTES) return 0;
    const uint8_t *head = r->data.data + r->start;
    uint32_t length = be32_get(head);
    size_t whole = (size_t)4 + length;
    return length <= limit(head[4]) && whole > unread ? whole - unread : 0;
}

static err keep_descriptors(struct message_reader *r, struct msghdr *m) {
    err e = ERR_OK;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (r->descriptor_count < MESSAGE_DESCRIPTORS_MAX) {
                r->descriptors[r->descriptor_count++] = fd;
            } else {
                close(fd);
                e = ERR_LIMIT;
            }
        }
    }
    return e;
}

err message_reader_fill(struct message_reader *r, int socket, bool descriptors, message_limit_fn *limit,
                        struct diag *d) {
    drop_taken(r);
    err e = make_room(r, missing(r, limit) + READ_AHEAD_BYTES);
    if (e) return diag_fail(d, e, "no memory for a message");
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(MESSAGE_DESCRIPTORS_MAX * sizeof(int))];
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
    if (descriptors && keep_descriptors(r, &m))
        return diag_fail(d, ERR_LIMIT, "more than %d descriptors came at once", MESSAGE_DESCRIPTORS_MAX);
    if (n == 0) return diag_fail(d, ERR_CUT_SHORT, "the other end closed");
    return ERR_OK;
}

err message_reader_feed(struct message_reader *r, struct bytes more) {
    drop_taken(r);
    err e = make_room(r, more.len);
    return e ? e : blob_append(&r->data, more);
}

err message_reader_next(struct message_reader *r, message_limit_fn *limit, struct message *out,
                        struct diag *d) {
    drop_taken(r);
    size_t unread = r->data.len - r->start;
    if (unread < MESSAGE_HEAD_BYTES) return ERR_BUSY;
    const uint8_t *head = r->data.data + r->start;
    uint32_t length = be32_get(head), most = limit(head[4]);
    if (!most) return diag_fail(d, ERR_INVALID, "message type %u does not exist", head[4]);
    if (length == 0) return diag_fail(d, ERR_INVALID, "a message has no type");
    if (length > most)
        return diag_fail(d, ERR_LIMIT, "a message of type %u has %u bytes, at most %u are allowed", head[4],
                         length, most);
    if (unread - 4 < length) return ERR_BUSY;
    *out = (struct message){head[4], BYTES(head + MESSAGE_HEAD_BYTES, length - 1)};
    r->taken = (size_t)4 + length;
    return ERR_OK;
}

int message_reader_take_descriptor(struct message_reader *r) {
    if (r->descriptor_count == 0) return -1;
    int fd = r->descriptors[0];
    r->descriptor_count--;
    memmove(r->descriptors, r->descriptors + 1, r->descriptor_count * sizeof *r->descriptors);
    return fd;
}

void message_reader_clear(struct message_reader *r) {
    if (!r) return;
    for (size_t i = 0; i < r->descriptor_count; i++) close(r->descriptors[i]);
    blob_clear(&r->data);
    *r = (struct message_reader){0};
}

/* --- Writing --- */

err message_begin(struct blob *out, uint8_t type, size_t *mark) {
    *mark = out->len;
    err e = blob_append_be32(out, 0);
    if (!e) e = blob_append_u8(out, type);
    if (e) out->len = *mark;
    return e;
}

err message_end(struct blob *out, size_t mark, message_limit_fn *limit) {
    size_t length = out->len - mark - 4;
    if (length > limit(out->data[mark + 4])) {
        out->len = mark;
        return ERR_LIMIT;
    }
    be32_put(out->data + mark, (uint32_t)length);
    return ERR_OK;
}

err message_send_some(int socket, struct bytes *rest, int descriptor) {
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    struct iovec part = {(void *)(uintptr_t)rest->data, rest->len};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor >= 0) {
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
    *rest = BYTES(rest->data + n, rest->len - (size_t)n);
    return ERR_OK;
}

err message_send(int socket, struct bytes messages, int descriptor) {
    while (messages.len) {
        err e = message_send_some(socket, &messages, descriptor);
        if (!e) descriptor = -1; /* it went with the first byte */
        if (!e) continue;
        if (e != ERR_BUSY) return e;
        struct pollfd p = {.fd = socket, .events = POLLOUT};
        if (poll(&p, 1, SEND_WAIT_MS) == 0) return ERR_TIMEOUT;
    }
    return ERR_OK;
}
