/* rtsp_url.h: takes rtsp:// and rtsps:// URLs apart, and finds the URLs that requests name.
 * Threads: no shared state. */
#ifndef CARDEA_MEDIA_RTSP_URL_H
#define CARDEA_MEDIA_RTSP_URL_H

#include <stdbool.h>

#include "base/bytes.h"

#define RTSP_URL_TEXT_BYTES 4096 /* room for a base and a control */
#define RTSP_NAME_BYTES 256      /* of user, password, host */

struct rtsp_url {
    bool tls;
    uint16_t port;
    char host[RTSP_NAME_BYTES];                            /* without brackets */
    char user[RTSP_NAME_BYTES], password[RTSP_NAME_BYTES]; /* percent-decoded */
    bool has_user;
    char text[RTSP_URL_TEXT_BYTES]; /* for requests: without user and password */
};

/* Messages never hold the password. ERR_INVALID. The caller wipes *out. */
err rtsp_url_parse(const char *text, struct rtsp_url *out, struct diag *d) CHECKED;

/* The same for onvif://user:password@host:port; `text` in the result means nothing. */
err onvif_url_parse(const char *text, struct rtsp_url *out, struct diag *d) CHECKED;

/* The URL of a control attribute under a base, as cameras mean it (which is not RFC 3986's way): absolute as
 * it is; empty or "*" the base; else appended, with one slash between. ERR_LIMIT. */
err rtsp_url_control(const char *base, struct bytes control, char out[RTSP_URL_TEXT_BYTES]) CHECKED;

#endif
