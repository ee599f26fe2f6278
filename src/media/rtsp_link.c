#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "media/rtsp_internal.h"

void rtsp_socket_close(struct rtsp_socket *s) {
    if (s->state == SOCKET_HELD && s->fd >= 0) close(s->fd);
    *s = (struct rtsp_socket){.fd = -1};
}

void rtsp_link_close(struct rtsp_link *l) {
    rtsp_tls_free(l->tls);
    rtsp_socket_close(&l->socket);
    l->tls = NULL;
    l->open = l->ended = false;
    l->in_len = 0;
    blob_clear(&l->out);
}

err rtsp_link_open(struct rtsp_link *l, const struct rtsp_url *url, struct diag *d) {
    if (!l->in) {
        l->in = malloc(RTSP_RECEIVE_BYTES); /* kept for a further connection */
        if (!l->in) return ERR_NO_MEMORY;
    }
    if (url->tls) {
        err e = l->tls ? ERR_OK : rtsp_tls_new(l->socket.fd, url->host, &l->tls, d);
        if (!e) e = rtsp_tls_handshake(l->tls, d);
        if (e) return e;
    }
    l->open = true;
    return ERR_OK;
}

static ssize_t receive(struct rtsp_link *l, void *data, size_t len) {
    return l->tls ? rtsp_tls_recv(l->tls, data, len) : recv(l->socket.fd, data, len, MSG_DONTWAIT);
}

err rtsp_link_receive(struct rtsp_link *l, size_t *out_len, bool *out_more, struct diag *d) {
    *out_len = 0;
    *out_more = false;
    size_t room = RTSP_RECEIVE_BYTES - l->in_len;
    if (room == 0) return diag_fail(d, ERR_LIMIT, "the camera's message fills the receive buffer");
    ssize_t n = receive(l, l->in + l->in_len, room);
    if (n < 0) {
        if (errno == EAGAIN || errno == EINTR) return ERR_OK;
        l->ended = true;
        return ERR_OK; /* a reset: what came before it still counts */
    }
    l->ended = n == 0;
    l->in_len += (size_t)n;
    *out_len = (size_t)n;
    /* TLS hands out record after record. A full read of a plain socket may leave more behind; a short one
     * emptied it. */
    *out_more = n > 0 && (l->tls || (size_t)n == room);
    return ERR_OK;
}

void rtsp_link_consume(struct rtsp_link *l, size_t len) {
    if (len == 0) return;
    memmove(l->in, l->in + len, l->in_len - len);
    l->in_len -= len;
}

err rtsp_link_send(struct rtsp_link *l, struct bytes data) {
    if (l->out.len + data.len > RTSP_OUT_MAX_BYTES) return ERR_LIMIT;
    return blob_append(&l->out, data);
}

err rtsp_link_flush(struct rtsp_link *l, struct diag *d) {
    while (l->open && !l->ended && l->out.len) {
        ssize_t n = l->tls ? rtsp_tls_send(l->tls, l->out.data, l->out.len)
                           : send(l->socket.fd, l->out.data, l->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return ERR_OK;
        if (n <= 0) {
            l->ended = true; /* an answer may still wait to be read: a camera can refuse and close at once */
            return ERR_OK;
        }
        blob_drop_front(&l->out, (size_t)n);
        wipe(l->out.data + l->out.len, (size_t)n); /* it held an authorisation, perhaps */
    }
    return ERR_OK;
}
