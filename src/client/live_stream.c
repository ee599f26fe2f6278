#include "client/live_stream.h"

#include <stdio.h>

void live_stream_init(struct live_stream *s, uint8_t cameras) {
    *s = (struct live_stream){.cameras = cameras};
}

void live_stream_clear(struct live_stream *s) {
    blob_clear(&s->held);
}

/* Least and most payload of each type. ERR_UNSUPPORTED types are not guessed at: the protocol names four. */
static err check_head(const struct live_stream *s, uint8_t type, uint8_t camera, uint32_t length,
                      struct diag *d) {
    uint32_t least = 0, most = 0;
    switch (type) {
        case LIVE_HEADER: least = most = SEGMENT_HEADER_BYTES; break;
        case LIVE_RECORD:
            least = 4 + 2 + 16;
            most = LIVE_RECORD_MAX_BYTES;
            break;
        case LIVE_NOTICE:
            least = 2;
            most = LIVE_NOTICE_MAX_BYTES;
            break;
        case LIVE_BEAT: break;
        default: return diag_fail(d, ERR_INVALID, "live: there is no message type %u", type);
    }
    if (length < least || length > most)
        return diag_fail(d, ERR_INVALID, "live: a message of type %u cannot be %u bytes long", type, length);
    if (camera != LIVE_CAMERA_NONE && camera >= s->cameras)
        return diag_fail(d, ERR_INVALID, "live: camera %u was not asked for", camera);
    if (camera == LIVE_CAMERA_NONE && (type == LIVE_HEADER || type == LIVE_RECORD))
        return diag_fail(d, ERR_INVALID, "live: a message of type %u without a camera", type);
    return ERR_OK;
}

/* One message from the front of `in`; *used is 0 when it is not whole yet. */
static err take(const struct live_stream *s, struct bytes in, live_message_fn *fn, void *context,
                size_t *used, struct diag *d) {
    *used = 0;
    if (in.len < LIVE_MESSAGE_HEAD_BYTES) return ERR_OK;
    uint32_t length = be32_get(in.data + 2);
    err e = check_head(s, in.data[0], in.data[1], length, d);
    if (e) return e;
    if (in.len - LIVE_MESSAGE_HEAD_BYTES < length) return ERR_OK;
    struct live_message m = {(enum live_type)in.data[0], in.data[1],
                             BYTES(in.data + LIVE_MESSAGE_HEAD_BYTES, length)};
    *used = LIVE_MESSAGE_HEAD_BYTES + (size_t)length;
    return fn(context, &m, d);
}

err live_stream_feed(struct live_stream *s, struct bytes piece, live_message_fn *fn, void *context,
                     struct diag *d) {
    if (s->broken) return diag_fail(d, ERR_INVALID, "live: the stream is broken");
    err e = blob_append(&s->held, piece);
    if (e) return diag_fail(d, e, "no memory for the live stream");
    size_t at = 0, used = 0;
    do {
        e = take(s, BYTES(s->held.data + at, s->held.len - at), fn, context, &used, d);
        at += used;
    } while (!e && used);
    s->broken = e != ERR_OK;
    blob_drop_front(&s->held, at);
    return e;
}

err live_check_slot(uint32_t slot, uint32_t now, struct diag *d) {
    if (slot >= now || now - slot <= LIVE_BEHIND_MAX_S) return ERR_OK;
    uint32_t behind = now - slot, hours = behind / 3600, minutes = behind / 60 % 60;
    char age[48];
    if (hours)
        snprintf(age, sizeof age, "%u h %u min", hours, minutes);
    else
        snprintf(age, sizeof age, "%u min", minutes);
    return diag_fail(d, ERR_TIMEOUT,
                     "what the vault sends as live is %s old and is not shown: the vault holds it back or "
                     "repeats it, or this device's clock or the hub's is wrong",
                     age);
}
