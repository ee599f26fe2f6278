/* h265_sps.h: what the parameter sets of H.265 say (ITU-T H.265 section 7.3.2).
 * Threads: no shared state. */
#ifndef CARDEA_MEDIA_H265_SPS_H
#define CARDEA_MEDIA_H265_SPS_H

#include <stdbool.h>

#include "base/bytes.h"

#define H265_NAL_RADL_N 6
#define H265_NAL_RASL_N 8
#define H265_NAL_RASL_R 9
#define H265_NAL_IRAP_FIRST 16
#define H265_NAL_IDR_W_RADL 19
#define H265_NAL_IDR_N_LP 20
#define H265_NAL_CRA 21
#define H265_NAL_IRAP_LAST 23
#define H265_NAL_VPS 32
#define H265_NAL_SPS 33
#define H265_NAL_PPS 34
#define H265_NAL_DELIMITER 35
#define H265_NAL_END_OF_SEQUENCE 36
#define H265_NAL_END_OF_STREAM 37
#define H265_NAL_FILLER 38
#define H265_NAL_SEI_FIRST 39
#define H265_NAL_SEI_LAST 40

static inline uint8_t h265_nal_type(struct bytes nal) {
    return nal.data[0] >> 1 & 63;
}

struct h265_sps {
    uint8_t id, vps_id;
    uint8_t general[12]; /* profile space to level, as hvcC repeats them */
    uint8_t sub_layers, temporal_nesting;
    uint8_t chroma_format, depth_luma, depth_chroma;
    uint16_t width, height; /* after cropping */
    uint8_t reorder;        /* pictures that may precede another in decoding and follow it in output */
};

/* `nal` begins with the NAL header. ERR_INVALID; ERR_LIMIT: larger than MEDIA_WIDTH_MAX x MEDIA_HEIGHT_MAX.
 */
err h265_sps_parse(struct bytes nal, struct h265_sps *out) CHECKED;
err h265_pps_parse(struct bytes nal, uint8_t *out_id, uint8_t *out_sps_id) CHECKED;
err h265_vps_parse(struct bytes nal, uint8_t *out_id) CHECKED;

#endif
