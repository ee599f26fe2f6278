/* rtsp_auth.h: answers a camera's challenge: Basic (RFC 7617), Digest with MD5 or SHA-256 (RFC 7616, and RFC
 * 2617's form without qop). Nothing is sent before a challenge. Also used for HTTP. Threads: no shared state.
 */
#ifndef CARDEA_MEDIA_RTSP_AUTH_H
#define CARDEA_MEDIA_RTSP_AUTH_H

#include <stdbool.h>

#include "base/bytes.h"

#define RTSP_AUTH_FIELD_BYTES 512 /* realm, nonce, opaque */
#define RTSP_AUTH_HEADER_BYTES 4096

enum rtsp_auth_scheme {
    RTSP_AUTH_NONE,
    RTSP_AUTH_BASIC,
    RTSP_AUTH_MD5,
    RTSP_AUTH_SHA256
}; /* worst to best */

struct rtsp_auth {
    enum rtsp_auth_scheme scheme;
    bool session, qop, stale; /* session: algorithm ...-sess; stale: only the nonce was too old */
    bool algorithm_named;     /* else it is not repeated: old cameras stumble over it */
    char realm[RTSP_AUTH_FIELD_BYTES], nonce[RTSP_AUTH_FIELD_BYTES], opaque[RTSP_AUTH_FIELD_BYTES];
    bool has_opaque;
    uint32_t count; /* requests under this nonce */
};

/* Takes one WWW-Authenticate value; of several the best wins: call rtsp_auth_forget before those of a new
 * answer. ERR_UNSUPPORTED  a scheme that cannot be answered; what was known stays      ERR_LIMIT  absurdly
 * long */
err rtsp_auth_challenge(struct rtsp_auth *a, struct bytes value) CHECKED;
void rtsp_auth_forget(struct rtsp_auth *a);

/* Writes the value of Authorization for a request; `cnonce` is fresh random text, used where the scheme wants
 * it. The caller wipes out. ERR_LIMIT. */
err rtsp_auth_answer(struct rtsp_auth *a, const char *user, const char *password, const char *method,
                     const char *uri, const char *cnonce, char out[RTSP_AUTH_HEADER_BYTES]) CHECKED;

#endif
