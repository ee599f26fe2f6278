/* rtsp_message.h: finds and reads RTSP messages in a stream of bytes (RFC 2326 sections 4 to 7).
 * Threads: no shared state. */
#ifndef CARDEA_MEDIA_RTSP_MESSAGE_H
#define CARDEA_MEDIA_RTSP_MESSAGE_H

#include <stdbool.h>

#include "base/bytes.h"

#define RTSP_LINE_MAX_BYTES (8u << 10)
#define RTSP_HEAD_MAX_BYTES (64u << 10)
#define RTSP_HEADERS_MAX 100
#define RTSP_BODY_MAX_BYTES (64u << 10)

struct rtsp_header {
    struct bytes name, value;
};

/* Borrowed from the bytes it was read from. */
struct rtsp_message {
    bool request; /* the camera asks something */
    unsigned status;
    struct bytes reason, method;
    size_t header_count;
    struct rtsp_header headers[RTSP_HEADERS_MAX];
    struct bytes body;
    size_t total; /* bytes that the message takes in the stream */
};

/* Reads a message at the start of `in`. `scanned`: bytes at the start that are known to hold no end of the
 * head; kept up to date, 0 at first, so that a slow sender costs no more than a fast one. ERR_BUSY
 * incomplete: call again with more      ERR_INVALID  no RTSP message      ERR_LIMIT  d says which */
err rtsp_message_read(struct bytes in, size_t *scanned, struct rtsp_message *out, struct diag *d) CHECKED;

/* The head alone, with the same errors; the body begins after *head_len bytes. Also for HTTP. */
err rtsp_message_head(struct bytes in, size_t *scanned, struct rtsp_message *out, size_t *head_len,
                      struct diag *d) CHECKED;

/* The n-th header of that name, n counted from 0. */
bool rtsp_message_header(const struct rtsp_message *m, const char *name, size_t n, struct bytes *out);
bool rtsp_message_number(const struct rtsp_message *m, const char *name, uint64_t max, uint64_t *out);

/* The value of `name` among "a;b=c;d=e" (Transport, Session); true with empty *out for a name without value.
 */
bool rtsp_field(struct bytes value, const char *name, struct bytes *out);

#endif
