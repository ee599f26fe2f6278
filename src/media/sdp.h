/* sdp.h: reads what a camera says it offers (RFC 4566; fmtp of RFC 6184, 7798, 3640, 6416). Lenient about
 * what cameras get wrong, strict about sizes. Threads: no shared state. */
#ifndef CARDEA_MEDIA_SDP_H
#define CARDEA_MEDIA_SDP_H

#include <stdbool.h>

#include "media/source.h"

#define SDP_MAX_BYTES (64u << 10)
#define SDP_MEDIA_MAX 16 /* further media are not looked at */
#define SDP_CONTROL_MAX_BYTES 1024

enum sdp_kind { SDP_VIDEO, SDP_AUDIO, SDP_OTHER };

/* All texts are borrowed from the description and not ended by 0. */
struct sdp_media {
    enum sdp_kind kind;
    bool rtp;      /* the transport is RTP */
    bool sendonly; /* ONVIF's back channel: the camera wants to be sent this */
    uint8_t payload_type;
    struct bytes encoding; /* "H264" */
    uint32_t clock_hz;
    uint8_t channels;
    struct bytes fmtp, control;
};

struct sdp {
    struct bytes control;
    size_t count;
    struct sdp_media media[SDP_MEDIA_MAX];
};

/* *out borrows from text. ERR_INVALID: no description, or without media. ERR_LIMIT. */
err sdp_parse(struct bytes text, struct sdp *out, struct diag *d) CHECKED;

/* Whether the medium is one that struct media_track can tell of. */
bool sdp_codec(const struct sdp_media *m, enum media_codec *out);

/* The value of `name` in "name=value;name=value"; names compare without case. */
bool sdp_param(struct bytes fmtp, const char *name, struct bytes *out);
bool sdp_param_number(struct bytes fmtp, const char *name, uint32_t max, uint32_t *out);

/* Standard or URL-safe base64, padded or not; *used stops at the first comma. ERR_INVALID, ERR_LIMIT (more
 * than out.len). */
err sdp_base64(struct bytes text, struct buffer out, size_t *out_len, size_t *used) CHECKED;

bool text_equal_nocase(struct bytes a, const char *b);
struct bytes text_trim(struct bytes t);
/* Decimal digits only; false when empty, other characters, or above max. */
bool text_number(struct bytes t, uint64_t max, uint64_t *out);

#endif
