/* h264_sps.h: what the parameter sets and slice headers of H.264 say (ITU-T H.264 sections 7.3.2 and 7.3.3).
 * Threads: no shared state. */
#ifndef CARDEA_MEDIA_H264_SPS_H
#define CARDEA_MEDIA_H264_SPS_H

#include <stdbool.h>

#include "base/bytes.h"

#define H264_NAL_SLICE 1
#define H264_NAL_IDR 5
#define H264_NAL_SEI 6
#define H264_NAL_SPS 7
#define H264_NAL_PPS 8
#define H264_NAL_DELIMITER 9
#define H264_NAL_FILLER 12
#define H264_SPS_MAX 32
#define H264_PPS_MAX 256
#define H264_REORDER_UNKNOWN 255

struct h264_sps {
    uint8_t id, profile, constraints, level;
    uint8_t chroma_format, depth_luma, depth_chroma; /* 4:2:0 is 1; depths in bits */
    uint16_t width, height;                          /* after cropping */
    uint8_t reorder;                                 /* pictures; H264_REORDER_UNKNOWN when it does not say */
};

/* `nal` begins with the NAL header. ERR_INVALID; ERR_LIMIT: larger than MEDIA_WIDTH_MAX x MEDIA_HEIGHT_MAX.
 */
err h264_sps_parse(struct bytes nal, struct h264_sps *out) CHECKED;
err h264_pps_parse(struct bytes nal, uint8_t *out_id, uint8_t *out_sps_id) CHECKED;

struct h264_slice {
    bool first;   /* of its picture: first_mb_in_slice is 0 */
    uint8_t type; /* 0..4: P B I SP SI */
    uint8_t pps_id;
};
err h264_slice_parse(struct bytes nal, struct h264_slice *out) CHECKED;

/* Whether a SEI NAL unit holds a recovery point whose picture is already right (recovery_frame_cnt 0). */
bool h264_sei_recovers(struct bytes nal);

#endif
