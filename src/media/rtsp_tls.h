/* rtsp_tls.h: TLS 1.2 or later over a socket that was handed in, without waiting. Cameras sign their own
 * certificates, so the certificate is pinned or reported, not checked against authorities. Threads: no shared
 * state. */
#ifndef CARDEA_MEDIA_RTSP_TLS_H
#define CARDEA_MEDIA_RTSP_TLS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/bytes.h"

struct rtsp_tls;

err rtsp_tls_prepare(struct diag *d) CHECKED;
/* fd is borrowed until rtsp_tls_free. */
err rtsp_tls_new(int fd, const char *host, struct rtsp_tls **out, struct diag *d) CHECKED;
void rtsp_tls_free(struct rtsp_tls *t);

/* ERR_BUSY: more must arrive or leave first. */
err rtsp_tls_handshake(struct rtsp_tls *t, struct diag *d) CHECKED;
/* Lower-case hex of the SHA-256 of the camera's certificate, after the handshake. */
err rtsp_tls_fingerprint(const struct rtsp_tls *t, char out[65]) CHECKED;
/* As recv and send: -1 with errno EAGAIN when nothing can be done now, 0 at the end. */
ssize_t rtsp_tls_recv(struct rtsp_tls *t, void *data, size_t len);
ssize_t rtsp_tls_send(struct rtsp_tls *t, const void *data, size_t len);
bool rtsp_tls_wants_write(const struct rtsp_tls *t);

#endif
