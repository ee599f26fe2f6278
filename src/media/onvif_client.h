/* onvif_client.h: finds a camera's RTSP address over ONVIF, or listens to its button, as a state machine
 * without descriptors or a loop of its own: it is driven as rtsp.h says, and asks for TCP sockets alone, one
 * for each question, to the port of its address or to the one that the camera names. Threads: one at a time.
 */
#ifndef CARDEA_MEDIA_ONVIF_CLIENT_H
#define CARDEA_MEDIA_ONVIF_CLIENT_H

#include "media/onvif.h"
#include "media/rtsp.h"

#define ONVIF_ANSWER_DEADLINE_S 10

struct onvif_options {
    bool sub;      /* the smallest picture instead of the largest */
    bool listen;   /* to the camera's button, without an end, instead of asking for its address */
    void *context; /* for want */
    err (*want)(void *context, const struct rtsp_want *want, struct diag *d);
    void (*pressed)(void *context, const char *topic); /* with listen */
};

struct onvif_client;

/* Copies all. ERR_INVALID: no onvif:// URL. */
err onvif_client_new(const char *url, const struct onvif_options *options, struct onvif_client **out,
                     struct diag *d) CHECKED;
void onvif_client_free(struct onvif_client *c);

/* As rtsp_client_give, rtsp_client_refuse, _poll, _deadline. */
err onvif_client_give(struct onvif_client *c, uint32_t request, int fd) CHECKED;
err onvif_client_refuse(struct onvif_client *c, uint32_t request, const char *message) CHECKED;
size_t onvif_client_poll(const struct onvif_client *c, struct pollfd *fds, size_t max);
struct steady_us onvif_client_deadline(const struct onvif_client *c);

/* ERR_OK: go on, or done if onvif_client_url says so. Errors as of rtsp_client_ready. */
err onvif_client_ready(struct onvif_client *c, struct steady_us now, struct diag *d) CHECKED;

/* The address, with user and password in it, once it is known; else NULL. Lives as long as the client. */
const char *onvif_client_url(const struct onvif_client *c);

#endif
