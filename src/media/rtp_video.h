/* rtp_video.h: assembles the NAL units that rtp_h264.c and rtp_h265.c find into access units.
 *
 * After a loss the torn access unit is dropped. If a picture that others refer to was (or may have been) in
 * it, so are all up to the next key frame, since what a decoder makes of them is no evidence of anything.
 * Threads: no shared state. */
#ifndef CARDEA_MEDIA_RTP_VIDEO_H
#define CARDEA_MEDIA_RTP_VIDEO_H

#include "media/param_sets.h"
#include "media/rtp_unit.h"

#define RTP_VIDEO_OVERSIZE_MAX 8 /* access units beyond MEDIA_SAMPLE_MAX_BYTES in a row, before giving up */
#define RTP_VIDEO_NALS_MAX 4096  /* in one access unit */

struct rtp_video {
    struct rtp_unit_sink sink;
    struct param_sets sets;
    uint64_t dropped; /* access units */
    uint64_t damaged_packets;
    unsigned oversize; /* in a row */
    size_t unit_bytes; /* of payload for the unit, torn ones too */
    bool sets_refused; /* a parameter set was malformed or too large */
    bool waiting_key, started;
    bool skip_leading;  /* H.265: pictures that refer to before the CRA where decoding began */
    bool marker_lies;   /* the camera marks slices, not pictures: time alone separates them */
    bool after_marker;  /* the last packet ended the unit at `timestamp` */
    uint32_t timestamp; /* of the unit */

    struct blob unit;
    size_t nal_at; /* where the length of the open NAL unit stands */
    unsigned nals;
    bool begun, nal_open, damaged;
    bool has_picture, reference, key, leading, cra;
    bool intra, recovers; /* H.264: only I slices so far; a recovery point was announced */
};

void rtp_video_init(struct rtp_video *v, bool h265, struct rtp_unit_sink sink);
void rtp_video_clear(struct rtp_video *v);

/* Takes the next packet; `gap`: packets are missing before it.
 *   ERR_LIMIT: oversize access units only      ERR_NO_MEMORY      or what the sink returned */
err rtp_video_packet(struct rtp_video *v, const struct rtp_packet *p, bool gap, struct diag *d) CHECKED;
/* The stream has ended: hands over what is whole. */
err rtp_video_flush(struct rtp_video *v, struct diag *d) CHECKED;

/* For rtp_h264.c and rtp_h265.c: what a packet's payload holds. What is too large marks the unit as damaged.
 */
void rtp_video_nal_begin(struct rtp_video *v, struct bytes first);
void rtp_video_nal_more(struct rtp_video *v, struct bytes more);
void rtp_video_nal_end(struct rtp_video *v);
void rtp_video_torn(struct rtp_video *v);
void rtp_h264_payload(struct rtp_video *v, struct bytes payload);
void rtp_h265_payload(struct rtp_video *v, struct bytes payload);

#endif
