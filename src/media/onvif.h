/* onvif.h: asks a camera for its streams (ONVIF Core and Media 1: SOAP 1.2 over HTTP, WS-UsernameToken) and a
 * network for its cameras (WS-Discovery). What is said and understood is here; the bytes travel by the
 * caller.
 *
 * Answers are XML from strangers: they have size limits, no document type, no entities, no network.
 * Threads: no shared state. */
#ifndef CARDEA_MEDIA_ONVIF_H
#define CARDEA_MEDIA_ONVIF_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/clock.h"

#define ONVIF_GROUP "239.255.255.250" /* where probes go by UDP, port ONVIF_GROUP_PORT */
#define ONVIF_GROUP_PORT 3702
#define ONVIF_DEVICE_PATH "/onvif/device_service"
#define ONVIF_REPLY_MAX_BYTES (512u << 10)
#define ONVIF_DATAGRAM_MAX_BYTES (64u << 10)
#define ONVIF_PROFILES_MAX 16 /* further ones are not looked at */
#define ONVIF_TEXT_BYTES 256
#define ONVIF_ADDRESS_BYTES 1024
#define ONVIF_PROBE_ID_BYTES 64

/* Loads what libxml2 needs, so that a sandbox that forbids files can follow. Optional. */
void onvif_prepare(void);

/* --- Discovery --- */

/* A probe for video cameras. `random` makes its id, which answers repeat. */
err onvif_probe_build(const uint8_t random[16], char out_id[ONVIF_PROBE_ID_BYTES], struct blob *out) CHECKED;

struct onvif_device {
    char address[ONVIF_ADDRESS_BYTES]; /* of the device service: http://host:port/path */
    char host[ONVIF_TEXT_BYTES];       /* without the brackets of IPv6 */
    uint16_t port;
    char name[ONVIF_TEXT_BYTES], hardware[ONVIF_TEXT_BYTES]; /* from its scopes; printable, or empty */
};

/* ERR_INVALID: no answer to that probe. ERR_UNSUPPORTED: an answer without an http address. */
err onvif_probe_parse(struct bytes datagram, const char *id, struct onvif_device *out,
                      struct diag *d) CHECKED;

/* --- Requests --- */

struct onvif_login {
    const char *user, *password; /* NULL user: none */
    uint8_t nonce[16];           /* fresh */
    struct wall_us camera_now;   /* by the camera's clock, which may be wrong and counts here */
};

/* Bodies of requests, appended to *out, which the caller wipes. ERR_NO_MEMORY. */
err onvif_time_request(struct blob *out) CHECKED;
/* `service`: "Media" or "Events". */
err onvif_service_request(const struct onvif_login *login, const char *service, struct blob *out) CHECKED;
err onvif_profiles_request(const struct onvif_login *login, struct blob *out) CHECKED;
err onvif_stream_request(const struct onvif_login *login, const char *profile, struct blob *out) CHECKED;

/* --- Answers --- each ERR_INVALID for what is no such answer, ERR_DENIED when the camera wants another user
 * or password, ERR_UNSUPPORTED for another fault; d says which. */

err onvif_time_parse(struct bytes body, struct wall_us *out, struct diag *d) CHECKED;
/* Only port and path are given out: the host stays the one that was asked. */
err onvif_service_parse(struct bytes body, const char *service, uint16_t *out_port,
                        char out_path[ONVIF_ADDRESS_BYTES], struct diag *d) CHECKED;

struct onvif_profile {
    char token[ONVIF_TEXT_BYTES], name[ONVIF_TEXT_BYTES], encoding[32]; /* "H264", "H265", "JPEG" */
    uint32_t width, height;
};
err onvif_profiles_parse(struct bytes body, struct onvif_profile profiles[ONVIF_PROFILES_MAX],
                         size_t *out_count, struct diag *d) CHECKED;
/* The profile to record: the largest picture (main), or the smallest (sub), of a codec that can be recorded;
 * NULL when there is none. */
const struct onvif_profile *onvif_profile_choose(const struct onvif_profile *profiles, size_t count,
                                                 bool sub);

/* The RTSP address, with the host replaced by `host` and the user and password put in. */
err onvif_stream_parse(struct bytes body, const char *host, const char *user, const char *password,
                       char out[ONVIF_ADDRESS_BYTES], struct diag *d) CHECKED;

#endif
