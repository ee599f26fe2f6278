#include "media/h265_sps.h"

#include "media/bits.h"
#include "media/source.h"

#define SPS_READ_BYTES 512 /* no field that is read here lies further in */

static void sub_layers_skip(struct bits *b, unsigned more) {
    bool profile[8] = {0}, level[8] = {0};
    for (unsigned i = 0; i < more; i++) {
        profile[i] = bits_flag(b);
        level[i] = bits_flag(b);
    }
    if (more)
        for (unsigned i = more; i < 8; i++) bits_skip(b, 2);
    for (unsigned i = 0; i < more; i++) {
        if (profile[i]) bits_skip(b, 88);
        if (level[i]) bits_skip(b, 8);
    }
}

static err size_read(struct bits *b, struct h265_sps *s) {
    uint32_t chroma = bits_ue(b);
    if (chroma > 3) return ERR_INVALID;
    s->chroma_format = (uint8_t)chroma;
    bool separate_planes = chroma == 3 && bits_flag(b);
    uint32_t width = bits_ue(b), height = bits_ue(b);
    uint64_t crop[4] = {0};
    if (bits_flag(b))
        for (unsigned i = 0; i < 4; i++) crop[i] = bits_ue(b);
    if (b->failed || !width || !height) return ERR_INVALID;
    if (width > MEDIA_WIDTH_MAX || height > MEDIA_HEIGHT_MAX) return ERR_LIMIT;
    unsigned format = separate_planes ? 0 : chroma;
    uint64_t cut_x = (crop[0] + crop[1]) * (format == 1 || format == 2 ? 2 : 1);
    uint64_t cut_y = (crop[2] + crop[3]) * (format == 1 ? 2 : 1);
    if (cut_x >= width || cut_y >= height) return ERR_INVALID;
    s->width = (uint16_t)(width - cut_x);
    s->height = (uint16_t)(height - cut_y);
    return ERR_OK;
}

err h265_sps_parse(struct bytes nal, struct h265_sps *out) {
    if (nal.len < 16 || h265_nal_type(nal) != H265_NAL_SPS) return ERR_INVALID;
    uint8_t raw[SPS_READ_BYTES];
    size_t len = nal_unescape(BYTES(nal.data + 2, nal.len - 2), (struct buffer){raw, sizeof raw});
    struct bits b = bits_of(BYTES(raw, len));
    struct h265_sps s = {0};
    s.vps_id = (uint8_t)bits_get(&b, 4);
    unsigned more = bits_get(&b, 3);
    if (more > 6) return ERR_INVALID;
    s.sub_layers = (uint8_t)(more + 1);
    s.temporal_nesting = bits_flag(&b);
    for (size_t i = 0; i < sizeof s.general; i++) s.general[i] = (uint8_t)bits_get(&b, 8);
    sub_layers_skip(&b, more);
    uint32_t id = bits_ue(&b);
    if (id > 15) return ERR_INVALID;
    s.id = (uint8_t)id;
    err e = size_read(&b, &s);
    if (e) return e;
    uint32_t luma = bits_ue(&b), chroma = bits_ue(&b);
    if (luma > 8 || chroma > 8) return ERR_INVALID;
    s.depth_luma = (uint8_t)(8 + luma);
    s.depth_chroma = (uint8_t)(8 + chroma);
    bits_ue(&b); /* order count bits */
    bool each_layer = bits_flag(&b);
    for (unsigned i = each_layer ? 0 : more; i <= more; i++) {
        bits_ue(&b);
        uint32_t reorder = bits_ue(&b);
        bits_ue(&b);
        if (reorder > 16) return ERR_INVALID;
        s.reorder = (uint8_t)reorder; /* the highest layer's stays */
    }
    if (b.failed) return ERR_INVALID;
    *out = s;
    return ERR_OK;
}

err h265_pps_parse(struct bytes nal, uint8_t *out_id, uint8_t *out_sps_id) {
    if (nal.len < 3 || h265_nal_type(nal) != H265_NAL_PPS) return ERR_INVALID;
    uint8_t raw[24];
    size_t len = nal_unescape(BYTES(nal.data + 2, nal.len - 2), (struct buffer){raw, sizeof raw});
    struct bits b = bits_of(BYTES(raw, len));
    uint32_t id = bits_ue(&b), sps_id = bits_ue(&b);
    if (b.failed || id > 63 || sps_id > 15) return ERR_INVALID;
    *out_id = (uint8_t)id;
    *out_sps_id = (uint8_t)sps_id;
    return ERR_OK;
}

err h265_vps_parse(struct bytes nal, uint8_t *out_id) {
    if (nal.len < 6 || h265_nal_type(nal) != H265_NAL_VPS) return ERR_INVALID;
    *out_id = nal.data[2] >> 4;
    return ERR_OK;
}
