/* camera_url.h: addresses of cameras: which are accepted, what they name, and how they are shown without
 * their password. Threads: no shared state. */
#ifndef CARDEA_HUB_CAMERA_URL_H
#define CARDEA_HUB_CAMERA_URL_H

#include <stdbool.h>

#include "base/bytes.h"

#define CAMERA_URL_MAX_BYTES 2000

enum camera_url_kind {
    CAMERA_URL_RTSP,
    CAMERA_URL_RTSPS,
    CAMERA_URL_ONVIF,
    CAMERA_URL_V4L2,
    CAMERA_URL_FILE
};

struct camera_url {
    enum camera_url_kind kind;
    char host[256]; /* of the network kinds; without the brackets of IPv6 */
    uint16_t port;
    char path[CAMERA_URL_MAX_BYTES + 1]; /* of v4l2: and file:, absolute */
};

/* ERR_INVALID: d says what is wrong and never shows a password. */
err camera_url_parse(const char *url, struct camera_url *out, struct diag *d) CHECKED;

/* The address without user and password, for messages and status. Also of what is no address. */
void camera_url_redact(const char *url, char out[CAMERA_URL_MAX_BYTES + 1]);

/* Whether two addresses mean the same stream: scheme, host without case, port, path and query; not the
 * password. */
bool camera_url_same(const char *a, const char *b);

#endif
