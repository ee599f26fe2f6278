/* rtp_h264.c: H.264 in RTP (RFC 6184), packetisation modes 0 and 1: single NAL units, STAP-A, FU-A. */
#include "media/rtp_video.h"

#define TYPE_STAP_A 24
#define TYPE_FU_A 28

static void aggregate(struct rtp_video *v, struct bytes rest) {
    while (rest.len >= 2) {
        size_t len = be16_get(rest.data);
        if (len == 0 || len > rest.len - 2) break;
        rtp_video_nal_begin(v, BYTES(rest.data + 2, len));
        rtp_video_nal_end(v);
        rest = BYTES(rest.data + 2 + len, rest.len - 2 - len);
    }
    if (rest.len > 0) rtp_video_torn(v);
}

static void fragment(struct rtp_video *v, struct bytes payload) {
    if (payload.len < 3) {
        rtp_video_torn(v);
        return;
    }
    bool start = payload.data[1] >> 7, end = payload.data[1] >> 6 & 1;
    if (start) {
        const uint8_t header = (uint8_t)((payload.data[0] & 0xe0) | (payload.data[1] & 31));
        rtp_video_nal_begin(v, BYTES(&header, 1));
    } else if (!v->nal_open) {
        rtp_video_torn(v);
        return;
    }
    rtp_video_nal_more(v, BYTES(payload.data + 2, payload.len - 2));
    if (end) rtp_video_nal_end(v);
}

void rtp_h264_payload(struct rtp_video *v, struct bytes payload) {
    uint8_t type = payload.data[0] & 31;
    if (type == TYPE_FU_A) {
        fragment(v, payload);
        return;
    }
    if (v->nal_open) rtp_video_torn(v); /* its end never came */
    if (type == TYPE_STAP_A) {
        aggregate(v, BYTES(payload.data + 1, payload.len - 1));
    } else if (type > 0 && type < TYPE_STAP_A) {
        rtp_video_nal_begin(v, payload);
        rtp_video_nal_end(v);
    } else {
        rtp_video_torn(v); /* interleaved modes are not negotiated */
    }
}
