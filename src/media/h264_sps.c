#include "media/h264_sps.h"

#include "media/bits.h"
#include "media/source.h"

#define SPS_READ_BYTES 1024 /* no field that is read here lies further in */
#define SLICE_READ_BYTES 24 /* three Exp-Golomb codes */

static void scaling_list_skip(struct bits *b, unsigned size) {
    int32_t last = 8, next = 8;
    for (unsigned i = 0; i < size && !b->failed; i++) {
        if (next) next = (last + bits_se(b) % 256 + 256) % 256;
        if (next) last = next;
    }
}

static void chroma_read(struct bits *b, struct h264_sps *s, bool *separate_planes) {
    s->chroma_format = (uint8_t)bits_ue(b);
    if (s->chroma_format > 3) b->failed = true;
    if (s->chroma_format == 3) *separate_planes = bits_flag(b);
    uint32_t luma = bits_ue(b), chroma = bits_ue(b);
    if (luma > 6 || chroma > 6) b->failed = true;
    s->depth_luma = (uint8_t)(8 + luma);
    s->depth_chroma = (uint8_t)(8 + chroma);
    bits_skip(b, 1);
    if (!bits_flag(b)) return;
    for (unsigned i = 0; i < (s->chroma_format == 3 ? 12u : 8u); i++)
        if (bits_flag(b)) scaling_list_skip(b, i < 6 ? 16 : 64);
}

static bool profile_has_chroma(uint8_t profile) {
    static const uint8_t high[] = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135};
    return memchr(high, profile, sizeof high) != NULL;
}

static void order_count_skip(struct bits *b, struct h264_sps *s) {
    uint32_t type = bits_ue(b);
    if (type == 0) {
        bits_ue(b);
    } else if (type == 1) {
        bits_skip(b, 1);
        bits_se(b);
        bits_se(b);
        uint32_t cycle = bits_ue(b);
        if (cycle > 255) b->failed = true;
        for (uint32_t i = 0; i < cycle && !b->failed; i++) bits_se(b);
    } else if (type == 2) {
        s->reorder = 0; /* output order is decoding order */
    } else {
        b->failed = true;
    }
}

static void hrd_skip(struct bits *b) {
    uint32_t count = bits_ue(b) + 1;
    if (count > 32) b->failed = true;
    bits_skip(b, 8);
    for (uint32_t i = 0; i < count && !b->failed; i++) {
        bits_ue(b);
        bits_ue(b);
        bits_skip(b, 1);
    }
    bits_skip(b, 20);
}

/* The VUI is advice: many cameras write it wrong, so damage in it only loses the advice. */
static void vui_read(struct bits *b, struct h264_sps *s) {
    if (bits_flag(b) && bits_get(b, 8) == 255) bits_skip(b, 32); /* aspect ratio */
    if (bits_flag(b)) bits_skip(b, 1);                           /* overscan */
    if (bits_flag(b)) {                                          /* video signal type */
        bits_skip(b, 4);
        if (bits_flag(b)) bits_skip(b, 24);
    }
    if (bits_flag(b)) { /* chroma location */
        bits_ue(b);
        bits_ue(b);
    }
    if (bits_flag(b)) bits_skip(b, 65); /* timing */
    bool nal_hrd = bits_flag(b);
    if (nal_hrd) hrd_skip(b);
    bool vcl_hrd = bits_flag(b);
    if (vcl_hrd) hrd_skip(b);
    if (nal_hrd || vcl_hrd) bits_skip(b, 1);
    bits_skip(b, 1);
    if (!bits_flag(b)) return; /* bitstream restriction */
    bits_skip(b, 1);
    for (unsigned i = 0; i < 4; i++) bits_ue(b);
    uint32_t reorder = bits_ue(b);
    if (!b->failed && reorder <= 16) s->reorder = (uint8_t)reorder;
}

static err size_read(struct bits *b, struct h264_sps *s, bool separate_planes) {
    uint32_t width_mbs = bits_ue(b), height_units = bits_ue(b);
    bool frames_only = bits_flag(b);
    if (!frames_only) bits_skip(b, 1);
    bits_skip(b, 1);
    uint32_t crop[4] = {0};
    if (bits_flag(b))
        for (unsigned i = 0; i < 4; i++) crop[i] = bits_ue(b);
    if (b->failed) return ERR_INVALID;
    if (width_mbs >= MEDIA_WIDTH_MAX / 16 || height_units >= MEDIA_HEIGHT_MAX / 16) return ERR_LIMIT;
    uint32_t width = (width_mbs + 1) * 16, height = (height_units + 1) * 16 * (frames_only ? 1 : 2);
    if (height > MEDIA_HEIGHT_MAX) return ERR_LIMIT;
    unsigned chroma = separate_planes ? 0 : s->chroma_format;
    uint64_t unit_x = chroma == 1 || chroma == 2 ? 2 : 1,
             unit_y = (chroma == 1 ? 2u : 1u) * (frames_only ? 1u : 2u);
    uint64_t cut_x = ((uint64_t)crop[0] + crop[1]) * unit_x, cut_y = ((uint64_t)crop[2] + crop[3]) * unit_y;
    if (cut_x >= width || cut_y >= height) return ERR_INVALID;
    s->width = (uint16_t)(width - cut_x);
    s->height = (uint16_t)(height - cut_y);
    return ERR_OK;
}

err h264_sps_parse(struct bytes nal, struct h264_sps *out) {
    if (nal.len < 5 || (nal.data[0] & 31) != H264_NAL_SPS) return ERR_INVALID;
    uint8_t raw[SPS_READ_BYTES];
    size_t len = nal_unescape(BYTES(nal.data + 1, nal.len - 1), (struct buffer){raw, sizeof raw});
    struct bits b = bits_of(BYTES(raw, len));
    struct h264_sps s = {
        .chroma_format = 1, .depth_luma = 8, .depth_chroma = 8, .reorder = H264_REORDER_UNKNOWN};
    s.profile = (uint8_t)bits_get(&b, 8);
    s.constraints = (uint8_t)bits_get(&b, 8);
    s.level = (uint8_t)bits_get(&b, 8);
    uint32_t id = bits_ue(&b);
    if (id >= H264_SPS_MAX) return ERR_INVALID;
    s.id = (uint8_t)id;
    bool separate_planes = false;
    if (profile_has_chroma(s.profile)) chroma_read(&b, &s, &separate_planes);
    bits_ue(&b); /* frame numbers */
    order_count_skip(&b, &s);
    bits_ue(&b); /* reference frames */
    bits_skip(&b, 1);
    err e = size_read(&b, &s, separate_planes);
    if (e) return e;
    if (s.profile == 66) s.reorder = 0; /* baseline has no B slices */
    if (bits_flag(&b)) vui_read(&b, &s);
    *out = s;
    return ERR_OK;
}

err h264_pps_parse(struct bytes nal, uint8_t *out_id, uint8_t *out_sps_id) {
    if (nal.len < 2 || (nal.data[0] & 31) != H264_NAL_PPS) return ERR_INVALID;
    uint8_t raw[SLICE_READ_BYTES];
    size_t len = nal_unescape(BYTES(nal.data + 1, nal.len - 1), (struct buffer){raw, sizeof raw});
    struct bits b = bits_of(BYTES(raw, len));
    uint32_t id = bits_ue(&b), sps_id = bits_ue(&b);
    if (b.failed || id >= H264_PPS_MAX || sps_id >= H264_SPS_MAX) return ERR_INVALID;
    *out_id = (uint8_t)id;
    *out_sps_id = (uint8_t)sps_id;
    return ERR_OK;
}

err h264_slice_parse(struct bytes nal, struct h264_slice *out) {
    if (nal.len < 2) return ERR_INVALID;
    uint8_t raw[SLICE_READ_BYTES];
    size_t len = nal_unescape(BYTES(nal.data + 1, nal.len - 1), (struct buffer){raw, sizeof raw});
    struct bits b = bits_of(BYTES(raw, len));
    uint32_t first = bits_ue(&b), type = bits_ue(&b), pps = bits_ue(&b);
    if (b.failed || type > 9 || pps >= H264_PPS_MAX) return ERR_INVALID;
    *out = (struct h264_slice){first == 0, (uint8_t)(type % 5), (uint8_t)pps};
    return ERR_OK;
}

bool h264_sei_recovers(struct bytes nal) {
    uint8_t raw[256];
    if (nal.len < 2) return false;
    size_t len = nal_unescape(BYTES(nal.data + 1, nal.len - 1), (struct buffer){raw, sizeof raw}), at = 0;
    while (at + 2 < len) {
        unsigned type = 0, size = 0;
        while (at < len && raw[at] == 255) type += raw[at++];
        if (at < len) type += raw[at++];
        while (at < len && raw[at] == 255) size += raw[at++];
        if (at < len) size += raw[at++];
        if (type == 6 && at < len) {
            struct bits b = bits_of(BYTES(raw + at, len - at));
            return bits_ue(&b) == 0 && !b.failed;
        }
        at += size;
    }
    return false;
}
