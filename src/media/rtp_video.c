#include "media/rtp_video.h"

#include "media/h264_sps.h"
#include "media/h265_sps.h"

void rtp_video_init(struct rtp_video *v, bool h265, struct rtp_unit_sink sink) {
    *v = (struct rtp_video){.sink = sink, .waiting_key = true};
    v->sets.h265 = h265;
}

void rtp_video_clear(struct rtp_video *v) {
    blob_clear(&v->unit);
}

static void unit_reset(struct rtp_video *v) {
    v->unit.len = v->unit_bytes = 0;
    v->nals = 0;
    v->begun = v->nal_open = v->damaged = v->has_picture = v->reference = v->key = v->leading = v->cra =
        false;
    v->recovers = false;
    v->intra = true;
}

void rtp_video_torn(struct rtp_video *v) {
    if (v->nal_open) v->unit.len = v->nal_at;
    v->nal_open = false;
    v->damaged = true;
    v->damaged_packets++;
}

void rtp_video_nal_begin(struct rtp_video *v, struct bytes first) {
    if (v->nal_open) rtp_video_torn(v);
    if (++v->nals > RTP_VIDEO_NALS_MAX) {
        v->damaged = true;
        return;
    }
    static const uint8_t length[4];
    v->nal_at = v->unit.len;
    v->nal_open = true;
    if (blob_append(&v->unit, BYTES_OF(length))) {
        rtp_video_torn(v);
        return;
    }
    rtp_video_nal_more(v, first);
}

void rtp_video_nal_more(struct rtp_video *v, struct bytes more) {
    if (!v->nal_open) return;
    bool fits = more.len <= MEDIA_SAMPLE_MAX_BYTES && v->unit.len <= MEDIA_SAMPLE_MAX_BYTES - more.len;
    if (!fits || blob_append(&v->unit, more)) rtp_video_torn(v);
}

/* Whether the open unit's first slice is the picture's first; if not, its beginning is missing. */
static void picture_seen(struct rtp_video *v, bool first, bool reference) {
    if (!v->has_picture && !first) {
        if (v->after_marker) v->marker_lies = true;
        v->damaged = true;
    }
    v->has_picture = true;
    v->reference |= reference;
}

/* Says whether the NAL unit stays in the access unit. */
static bool h264_nal_keep(struct rtp_video *v, struct bytes nal) {
    uint8_t type = nal.data[0] & 31;
    struct h264_slice slice;
    if (type >= H264_NAL_SLICE && type <= H264_NAL_IDR) {
        bool partition = type == 3 || type == 4; /* B and C continue A, and have another header */
        if (!partition) {
            if (h264_slice_parse(nal, &slice)) {
                v->damaged = true;
                return false;
            }
            picture_seen(v, slice.first, nal.data[0] >> 5 & 3);
            if (slice.type != 2 && slice.type != 4) v->intra = false;
        }
        if (type == H264_NAL_IDR) v->key = true;
        return true;
    }
    if (type == H264_NAL_SEI) {
        if (h264_sei_recovers(nal)) v->recovers = true;
        return true;
    }
    if (type == H264_NAL_SPS || type == H264_NAL_PPS)
        v->sets_refused |= param_sets_put(&v->sets, nal) != ERR_OK;
    return false;
}

static bool h265_nal_keep(struct rtp_video *v, struct bytes nal) {
    uint8_t type = h265_nal_type(nal);
    if (nal.len < 3) return false;
    if (type < H265_NAL_VPS) {
        /* An even type below 16 is a picture that no other of its layer refers to. */
        bool reference = type >= H265_NAL_IRAP_FIRST || type % 2 == 1;
        picture_seen(v, nal.data[2] >> 7, reference);
        if (type >= H265_NAL_IRAP_FIRST && type <= H265_NAL_IRAP_LAST) v->key = true;
        v->cra |= v->key && type != H265_NAL_IDR_W_RADL && type != H265_NAL_IDR_N_LP;
        v->leading |= type == H265_NAL_RASL_N || type == H265_NAL_RASL_R;
        return true;
    }
    if (type <= H265_NAL_PPS) {
        v->sets_refused |= param_sets_put(&v->sets, nal) != ERR_OK;
        return false;
    }
    return type == H265_NAL_SEI_FIRST || type == H265_NAL_SEI_LAST;
}

void rtp_video_nal_end(struct rtp_video *v) {
    if (!v->nal_open) return;
    v->nal_open = false;
    struct bytes nal = BYTES(v->unit.data + v->nal_at + 4, v->unit.len - v->nal_at - 4);
    bool keep = false;
    if (nal.len > 0 && nal.data[0] >> 7)
        v->damaged = true; /* forbidden_zero_bit */
    else if (nal.len > 1)
        keep = v->sets.h265 ? h265_nal_keep(v, nal) : h264_nal_keep(v, nal);
    if (keep)
        be32_put(v->unit.data + v->nal_at, (uint32_t)nal.len);
    else
        v->unit.len = v->nal_at;
}

static void unit_drop(struct rtp_video *v, bool breaks_reference) {
    if (v->started) v->dropped++;
    if (breaks_reference) v->waiting_key = true;
}

static err unit_finish(struct rtp_video *v, struct diag *d) {
    if (v->nal_open) rtp_video_torn(v);
    if (!v->has_picture) {
        if (v->damaged) unit_drop(v, true);
        return ERR_OK;
    }
    if (v->damaged) {
        unit_drop(v, v->reference);
        return ERR_OK;
    }
    v->oversize = 0;
    bool key = v->key || (v->recovers && v->intra && !v->sets.h265);
    /* Parameter sets in mid-stream belong to a key frame; until it comes, pictures cannot be told apart from
     * noise. */
    if (v->sets.changed && v->started && !key) v->waiting_key = true;
    if (key && v->sets_refused && !param_sets_complete(&v->sets))
        return diag_fail(d, ERR_INVALID,
                         "the camera's parameter sets are malformed, or of a picture above %ux%u",
                         MEDIA_WIDTH_MAX, MEDIA_HEIGHT_MAX);
    if (v->waiting_key && (!key || !param_sets_complete(&v->sets))) {
        unit_drop(v, true);
        return ERR_OK;
    }
    if (key) {
        v->skip_leading = v->cra && v->waiting_key;
    } else if (v->leading && v->skip_leading) {
        return ERR_OK; /* not counted: no decoder could show it */
    }
    v->waiting_key = false;
    v->started = true;
    const struct rtp_unit unit = {v->timestamp, key, blob_bytes(&v->unit)};
    return v->sink.unit(v->sink.context, &unit, d);
}

static err unit_end(struct rtp_video *v, struct diag *d) {
    err e = unit_finish(v, d);
    unit_reset(v);
    return e;
}

/* Counts what comes for a unit, also where the unit is torn and starts over without ever ending. */
static err size_check(struct rtp_video *v, size_t more, struct diag *d) {
    v->unit_bytes += more;
    if (v->unit_bytes <= MEDIA_SAMPLE_MAX_BYTES) return ERR_OK;
    v->unit_bytes = 0;
    rtp_video_torn(v);
    if (++v->oversize < RTP_VIDEO_OVERSIZE_MAX) return ERR_OK;
    return diag_fail(d, ERR_LIMIT, "the camera sends pictures larger than %u MiB",
                     MEDIA_SAMPLE_MAX_BYTES >> 20);
}

/* A loss inside a picture that nothing refers to costs that picture alone; any other may have cost a
 * reference. */
static err gap_close(struct rtp_video *v, const struct rtp_packet *p, struct diag *d) {
    if (v->nal_open) rtp_video_torn(v);
    bool inside = v->begun && v->timestamp == p->timestamp;
    if (inside && v->has_picture && !v->reference) {
        v->damaged = true;
        return ERR_OK;
    }
    v->damaged |= v->begun;
    err e = inside ? ERR_OK : unit_end(v, d);
    v->waiting_key = true;
    return e;
}

err rtp_video_packet(struct rtp_video *v, const struct rtp_packet *p, bool gap, struct diag *d) {
    if (p->payload.len == 0) return ERR_OK; /* some cameras keep the connection warm so */
    err e = gap ? gap_close(v, p, d) : ERR_OK;
    if (e) return e;
    if (v->begun && p->timestamp != v->timestamp) {
        e = unit_end(v, d);
        if (e) return e;
    }
    if (gap || p->timestamp != v->timestamp) v->after_marker = false;
    if (!v->begun) {
        unit_reset(v);
        v->begun = true;
        v->timestamp = p->timestamp;
    }
    e = size_check(v, p->payload.len, d);
    if (e) return e;
    if (v->sets.h265)
        rtp_h265_payload(v, p->payload);
    else
        rtp_h264_payload(v, p->payload);
    if (!p->marker || v->marker_lies) return ERR_OK;
    /* All packets of it came, so a fragmented unit whose end bit the camera forgot is whole. */
    rtp_video_nal_end(v);
    if (!v->has_picture && !v->damaged) return ERR_OK; /* parameter sets with a mark of their own */
    v->after_marker = true;
    return unit_end(v, d);
}

err rtp_video_flush(struct rtp_video *v, struct diag *d) {
    return v->begun ? unit_end(v, d) : ERR_OK;
}
