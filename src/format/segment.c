/* segment.c: docs/formats.md, "Segment" and "Reel". */
#include "format/segment.h"

#define MAGIC "CRDA"
#define VERSION 1
#define SECOND_MAX (SEGMENT_SECONDS_MAX - 1)
#define TAG_BYTES 16
#define PADDED_MIN_BYTES 4 /* the data's length, when there is no data */

void segment_header_encode(const struct segment_header *h, uint8_t out[SEGMENT_HEADER_BYTES]) {
    memcpy(out, MAGIC, 4);
    out[4] = VERSION;
    out[5] = SUITE_1;
    memcpy(out + 6, h->camera, CAMERA_ID_BYTES);
    be32_put(out + 22, h->epoch);
    be32_put(out + 26, h->slot);
    memcpy(out + 30, h->id, SEGMENT_ID_BYTES);
    memcpy(out + 46, h->commitment, COMMITMENT_BYTES);
}

err segment_header_decode(struct bytes raw, struct segment_header *out, struct diag *d) {
    size_t known = raw.len < 4 ? raw.len : 4;
    if (known && memcmp(raw.data, MAGIC, known) != 0)
        return diag_fail(d, ERR_INVALID, "segment: the magic is not CRDA");
    if (raw.len > 4 && raw.data[4] != VERSION)
        return diag_fail(d, ERR_INVALID, "segment: version %u is not known", raw.data[4]);
    if (raw.len > 5 && raw.data[5] != SUITE_1)
        return diag_fail(d, ERR_INVALID, "segment: suite %u is not known", raw.data[5]);
    if (raw.len < SEGMENT_HEADER_BYTES)
        return diag_fail(d, ERR_CUT_SHORT, "segment: cut short within the header");
    memcpy(out->camera, raw.data + 6, CAMERA_ID_BYTES);
    out->epoch = be32_get(raw.data + 22);
    out->slot = be32_get(raw.data + 26);
    memcpy(out->id, raw.data + 30, SEGMENT_ID_BYTES);
    memcpy(out->commitment, raw.data + 46, COMMITMENT_BYTES);
    return ERR_OK;
}

static bool kind_known(uint8_t kind) {
    return (kind >= RECORD_INIT && kind <= RECORD_MARK) || kind == RECORD_END;
}

err record_frame_read(struct bytes raw, uint8_t previous_second, struct record_frame *out, struct diag *d) {
    if (raw.len < 4) return diag_fail(d, ERR_CUT_SHORT, "segment: cut short within a record");
    uint32_t length = be32_get(raw.data);
    if (length < 2 + PADDED_MIN_BYTES + TAG_BYTES || length > SEGMENT_RECORD_MAX_BYTES)
        return diag_fail(d, ERR_INVALID, "segment: a record's length of %u cannot be", length);
    if (raw.len > 4 && !kind_known(raw.data[4]))
        return diag_fail(d, ERR_INVALID, "segment: record kind %u is not known", raw.data[4]);
    if (raw.len < 6) return diag_fail(d, ERR_CUT_SHORT, "segment: cut short within a record");
    uint8_t second = raw.data[5];
    if (second > SECOND_MAX || second < previous_second)
        return diag_fail(d, ERR_INVALID, "segment: a record's second %u cannot be after %u", second,
                         previous_second);
    size_t commitment = second == previous_second ? 0 : COMMITMENT_BYTES;
    if (length < 2 + commitment + PADDED_MIN_BYTES + TAG_BYTES)
        return diag_fail(d, ERR_INVALID, "segment: a record's length of %u cannot be", length);
    if (raw.len - 4 < length) return diag_fail(d, ERR_CUT_SHORT, "segment: cut short within a record");
    *out = (struct record_frame){
        .kind = raw.data[4],
        .second = second,
        .commitment = BYTES(raw.data + 6, commitment),
        .sealed = BYTES(raw.data + 6 + commitment, length - 2 - commitment),
        .bytes = 4 + (size_t)length,
    };
    return ERR_OK;
}

err record_order_follow(struct record_order *o, uint8_t kind, struct diag *d) {
    if (o->after_end) return diag_fail(d, ERR_INVALID, "segment: a record after the end record");
    if ((kind == RECORD_INIT) != (o->count == 0))
        return diag_fail(d, ERR_INVALID, "segment: the init record must be the first and only the first");
    if (kind == RECORD_PICTURE && o->count != 1)
        return diag_fail(d, ERR_INVALID, "segment: the picture must follow the init record");
    if (o->after_mark && kind != RECORD_END)
        return diag_fail(d, ERR_INVALID, "segment: only the end record may follow the mark");
    o->after_mark = kind == RECORD_MARK;
    o->after_end = kind == RECORD_END;
    o->count++;
    return ERR_OK;
}

void reel_entry_encode(const struct reel_entry *e, uint8_t out[REEL_ENTRY_BYTES]) {
    be32_put(out, e->slot);
    out[4] = e->seconds;
    out[5] = e->flags;
    out[6] = out[7] = 0;
    be32_put(out + 8, e->offset);
    be32_put(out + 12, e->length);
    be32_put(out + 16, e->head_length);
}

err reel_entry_decode(const uint8_t raw[REEL_ENTRY_BYTES], struct reel_entry *out) {
    struct reel_entry e = {
        .slot = be32_get(raw),
        .seconds = raw[4],
        .flags = raw[5],
        .offset = be32_get(raw + 8),
        .length = be32_get(raw + 12),
        .head_length = be32_get(raw + 16),
    };
    if (e.seconds < 1 || e.seconds > SEGMENT_SECONDS_MAX || e.flags > 7 || raw[6] || raw[7] ||
        e.offset > REEL_HARD_MAX_BYTES || e.length > REEL_HARD_MAX_BYTES - e.offset ||
        e.head_length > e.length || e.head_length < SEGMENT_HEADER_BYTES)
        return ERR_INVALID;
    *out = e;
    return ERR_OK;
}
