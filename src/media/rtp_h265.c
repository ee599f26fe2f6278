/* rtp_h265.c: H.265 in RTP (RFC 7798) without decoding order numbers: single NAL units, aggregation packets,
 * fragmentation units. */
#include "media/rtp_video.h"

#define TYPE_AGGREGATION 48
#define TYPE_FRAGMENTATION 49

static void aggregate(struct rtp_video *v, struct bytes rest) {
    while (rest.len >= 2) {
        size_t len = be16_get(rest.data);
        if (len < 2 || len > rest.len - 2) break;
        rtp_video_nal_begin(v, BYTES(rest.data + 2, len));
        rtp_video_nal_end(v);
        rest = BYTES(rest.data + 2 + len, rest.len - 2 - len);
    }
    if (rest.len > 0) rtp_video_torn(v);
}

static void fragment(struct rtp_video *v, struct bytes payload) {
    if (payload.len < 4) {
        rtp_video_torn(v);
        return;
    }
    bool start = payload.data[2] >> 7, end = payload.data[2] >> 6 & 1;
    if (start) {
        const uint8_t header[2] = {(uint8_t)((payload.data[0] & 0x81) | (payload.data[2] & 63) << 1),
                                   payload.data[1]};
        rtp_video_nal_begin(v, BYTES_OF(header));
    } else if (!v->nal_open) {
        rtp_video_torn(v);
        return;
    }
    rtp_video_nal_more(v, BYTES(payload.data + 3, payload.len - 3));
    if (end) rtp_video_nal_end(v);
}

void rtp_h265_payload(struct rtp_video *v, struct bytes payload) {
    if (payload.len < 3) {
        rtp_video_torn(v);
        return;
    }
    uint8_t type = payload.data[0] >> 1 & 63;
    if (type == TYPE_FRAGMENTATION) {
        fragment(v, payload);
        return;
    }
    if (v->nal_open) rtp_video_torn(v); /* its end never came */
    if (type == TYPE_AGGREGATION) {
        aggregate(v, BYTES(payload.data + 2, payload.len - 2));
    } else if (type < TYPE_AGGREGATION) {
        rtp_video_nal_begin(v, payload);
        rtp_video_nal_end(v);
    } else {
        rtp_video_torn(v);
    }
}
