#include "media/param_sets.h"

#include "media/h264_sps.h"
#include "media/h265_sps.h"

static err identify(bool h265, struct bytes nal, uint8_t *type, uint8_t *id) {
    uint8_t of;
    if (nal.len < 2) return ERR_INVALID;
    if (h265) {
        struct h265_sps sps = {0};
        *type = h265_nal_type(nal);
        if (*type == H265_NAL_VPS) return h265_vps_parse(nal, id);
        if (*type == H265_NAL_PPS) return h265_pps_parse(nal, id, &of);
        err e = h265_sps_parse(nal, &sps);
        *id = sps.id;
        return e;
    }
    struct h264_sps sps = {0};
    *type = nal.data[0] & 31;
    if (*type == H264_NAL_PPS) return h264_pps_parse(nal, id, &of);
    err e = h264_sps_parse(nal, &sps);
    *id = sps.id;
    return e;
}

err param_sets_put(struct param_sets *s, struct bytes nal) {
    while (nal.len && nal.data[nal.len - 1] == 0) nal.len--; /* trailing_zero_8bits that some cameras leave */
    if (nal.len > PARAM_SET_MAX_BYTES) return ERR_LIMIT;
    /* Cameras repeat them with each key frame: known bytes need no parsing. */
    for (size_t i = 0; i < s->count; i++)
        if (bytes_equal(BYTES(s->sets[i].data, s->sets[i].len), nal)) return ERR_OK;
    uint8_t type = 0, id = 0;
    err e = identify(s->h265, nal, &type, &id);
    if (e) return e;
    size_t at = 0;
    while (at < s->count && (s->sets[at].nal_type != type || s->sets[at].id != id)) at++;
    if (at == PARAM_SETS_MAX) return ERR_LIMIT;
    if (at == s->count) s->count++;
    s->sets[at].nal_type = type;
    s->sets[at].id = id;
    s->sets[at].len = (uint16_t)nal.len;
    memcpy(s->sets[at].data, nal.data, nal.len);
    if (type == (s->h265 ? H265_NAL_SPS : H264_NAL_SPS)) s->sps_at = at;
    s->changed = true;
    return ERR_OK;
}

static size_t count_of(const struct param_sets *s, uint8_t type) {
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++) n += s->sets[i].nal_type == type;
    return n;
}

bool param_sets_complete(const struct param_sets *s) {
    if (s->h265) return count_of(s, H265_NAL_VPS) && count_of(s, H265_NAL_SPS) && count_of(s, H265_NAL_PPS);
    return count_of(s, H264_NAL_SPS) && count_of(s, H264_NAL_PPS);
}

static err append_sets(const struct param_sets *s, uint8_t type, struct blob *out) {
    for (size_t i = 0; i < s->count; i++) {
        if (s->sets[i].nal_type != type) continue;
        uint8_t length[2];
        be16_put(length, s->sets[i].len);
        err e = blob_append(out, BYTES_OF(length));
        if (!e) e = blob_append(out, BYTES(s->sets[i].data, s->sets[i].len));
        if (e) return e;
    }
    return ERR_OK;
}

static err avcc_build(const struct param_sets *s, const struct h264_sps *sps, struct blob *out) {
    /* version, profile, constraints, level, 4-byte lengths, count of SPS */
    const uint8_t head[] = {1,          sps->profile, sps->constraints,
                            sps->level, 0xff,         (uint8_t)(0xe0 | count_of(s, H264_NAL_SPS))};
    err e = blob_append(out, BYTES_OF(head));
    if (!e) e = append_sets(s, H264_NAL_SPS, out);
    if (!e) e = blob_append_u8(out, (uint8_t)count_of(s, H264_NAL_PPS));
    if (!e) e = append_sets(s, H264_NAL_PPS, out);
    if (e || sps->profile == 66 || sps->profile == 77 || sps->profile == 88) return e;
    const uint8_t tail[] = {(uint8_t)(0xfc | sps->chroma_format), (uint8_t)(0xf8 | (sps->depth_luma - 8)),
                            (uint8_t)(0xf8 | (sps->depth_chroma - 8)), 0};
    return blob_append(out, BYTES_OF(tail));
}

static err hvcc_build(const struct param_sets *s, const struct h265_sps *sps, struct blob *out) {
    uint8_t head[23] = {1};
    memcpy(head + 1, sps->general, sizeof sps->general);
    head[13] = 0xf0; /* min_spatial_segmentation_idc 0: unknown */
    head[15] = 0xfc; /* parallelismType 0: unknown */
    head[16] = 0xfc | sps->chroma_format;
    head[17] = (uint8_t)(0xf8 | (sps->depth_luma - 8));
    head[18] = (uint8_t)(0xf8 | (sps->depth_chroma - 8));
    head[21] = (uint8_t)(sps->sub_layers << 3 | sps->temporal_nesting << 2 | 3);
    head[22] = 3;
    err e = blob_append(out, BYTES_OF(head));
    static const uint8_t types[] = {H265_NAL_VPS, H265_NAL_SPS, H265_NAL_PPS};
    for (size_t i = 0; i < sizeof types && !e; i++) {
        const uint8_t array[] = {(uint8_t)(0x80 | types[i]), 0, (uint8_t)count_of(s, types[i])};
        e = blob_append(out, BYTES_OF(array));
        if (!e) e = append_sets(s, types[i], out);
    }
    return e;
}

err param_sets_describe(struct param_sets *s, struct media_track *track, struct blob *config,
                        uint8_t *out_reorder) {
    if (!param_sets_complete(s)) return ERR_NOT_FOUND;
    config->len = 0;
    struct media_track t = {.clock_hz = 90000};
    const struct param_set *set = &s->sets[s->sps_at];
    err e;
    if (s->h265) {
        struct h265_sps sps = {0};
        e = h265_sps_parse(BYTES(set->data, set->len), &sps);
        if (!e) e = hvcc_build(s, &sps, config);
        t.codec = MEDIA_CODEC_H265;
        t.width = sps.width;
        t.height = sps.height;
        *out_reorder = sps.reorder;
    } else {
        struct h264_sps sps = {0};
        e = h264_sps_parse(BYTES(set->data, set->len), &sps);
        if (!e) e = avcc_build(s, &sps, config);
        t.codec = MEDIA_CODEC_H264;
        t.width = sps.width;
        t.height = sps.height;
        *out_reorder = sps.reorder;
    }
    if (e) return e;
    t.config = blob_bytes(config);
    *track = t;
    s->changed = false;
    return ERR_OK;
}
