#include "client/mp4.h"

#define BOX_HEAD_BYTES 8
#define FULL_BOX_BYTES 4 /* version and flags */
#define EDIT_BYTES 44    /* edts { elst { one entry, version 1 } } */

#define TYPE_MOOV MP4_TYPE('m', 'o', 'o', 'v')
#define TYPE_TRAK MP4_TYPE('t', 'r', 'a', 'k')
#define TYPE_TKHD MP4_TYPE('t', 'k', 'h', 'd')
#define TYPE_EDTS MP4_TYPE('e', 'd', 't', 's')
#define TYPE_ELST MP4_TYPE('e', 'l', 's', 't')
#define TYPE_MDIA MP4_TYPE('m', 'd', 'i', 'a')
#define TYPE_MDHD MP4_TYPE('m', 'd', 'h', 'd')
#define TYPE_HDLR MP4_TYPE('h', 'd', 'l', 'r')
#define TYPE_MOOF MP4_TYPE('m', 'o', 'o', 'f')
#define TYPE_TRAF MP4_TYPE('t', 'r', 'a', 'f')
#define TYPE_TFHD MP4_TYPE('t', 'f', 'h', 'd')
#define TYPE_TFDT MP4_TYPE('t', 'f', 'd', 't')
#define HANDLER_VIDEO MP4_TYPE('v', 'i', 'd', 'e')

err mp4_next(struct reader *r, struct mp4_box *out, struct diag *d) {
    size_t left = reader_left(r), head = BOX_HEAD_BYTES;
    if (left < BOX_HEAD_BYTES) return diag_fail(d, ERR_CUT_SHORT, "a box ends within its header");
    uint64_t size = be32_get(r->at);
    uint32_t type = be32_get(r->at + 4);
    if (size == 1) {
        if (left < 16) return diag_fail(d, ERR_CUT_SHORT, "a box ends within its header");
        head = 16;
        size = be64_get(r->at + 8);
    }
    if (size == 0) size = left; /* to the end of what holds it */
    if (size < head) return diag_fail(d, ERR_INVALID, "a box's size is smaller than its header");
    if (size > left) return diag_fail(d, ERR_CUT_SHORT, "a box goes on past the end");
    *out = (struct mp4_box){type, BYTES(r->at, (size_t)size), BYTES(r->at + head, (size_t)size - head)};
    r->at += size;
    return ERR_OK;
}

err mp4_child(struct bytes parent_body, uint32_t type, struct mp4_box *out, struct diag *d) {
    struct reader r = reader_of(parent_body);
    while (reader_left(&r)) {
        struct mp4_box box;
        err e = mp4_next(&r, &box, d);
        if (e) return e;
        if (box.type != type) continue;
        *out = box;
        return ERR_OK;
    }
    return diag_fail(d, ERR_NOT_FOUND, "a box '%c%c%c%c' is missing", (int)(type >> 24), (int)(type >> 16 & 255),
                     (int)(type >> 8 & 255), (int)(type & 255));
}

/* The 32-bit field at `offset` after the version and flags, where version 1 has two 64-bit times before it. */
static err versioned_field(struct bytes body, size_t offset0, size_t offset1, uint32_t *out, struct diag *d) {
    size_t offset = FULL_BOX_BYTES + (body.len && body.data[0] == 1 ? offset1 : offset0);
    if (body.len < offset + 4) return diag_fail(d, ERR_INVALID, "a box is too short");
    *out = be32_get(body.data + offset);
    return ERR_OK;
}

static err read_track(struct bytes trak, struct mp4_track *out, struct diag *d) {
    struct mp4_box tkhd, mdia, mdhd, hdlr;
    err e = mp4_child(trak, TYPE_TKHD, &tkhd, d);
    if (!e) e = mp4_child(trak, TYPE_MDIA, &mdia, d);
    if (!e) e = mp4_child(mdia.body, TYPE_MDHD, &mdhd, d);
    if (!e) e = mp4_child(mdia.body, TYPE_HDLR, &hdlr, d);
    if (!e) e = versioned_field(tkhd.body, 8, 16, &out->id, d);
    if (!e) e = versioned_field(mdhd.body, 8, 16, &out->timescale, d);
    if (e) return e;
    if (hdlr.body.len < FULL_BOX_BYTES + 8) return diag_fail(d, ERR_INVALID, "hdlr is too short");
    if (out->timescale == 0) return diag_fail(d, ERR_INVALID, "mdhd: the time scale is 0");
    out->video = be32_get(hdlr.body.data + FULL_BOX_BYTES + 4) == HANDLER_VIDEO;
    return ERR_OK;
}

static err find_moov(struct bytes init, struct mp4_box *moov, struct diag *d) {
    err e = mp4_child(init, TYPE_MOOV, moov, d);
    if (e == ERR_NOT_FOUND || e == ERR_CUT_SHORT) e = ERR_INVALID;
    return e;
}

err mp4_init_read(struct bytes init, struct mp4_init *out, struct diag *d) {
    struct mp4_box moov, box;
    struct mp4_init found = {0};
    err e = find_moov(init, &moov, d);
    struct reader r = reader_of(moov.body);
    while (!e && reader_left(&r)) {
        e = mp4_next(&r, &box, d);
        if (e || box.type != TYPE_TRAK) continue;
        if (found.count == MP4_TRACKS_MAX) return diag_fail(d, ERR_INVALID, "moov: more than %d tracks", MP4_TRACKS_MAX);
        e = read_track(box.body, &found.tracks[found.count++], d);
    }
    if (e) return diag_fail(d, ERR_INVALID, "the init is damaged");
    if (found.count == 0) return diag_fail(d, ERR_INVALID, "moov: no track");
    *out = found;
    return ERR_OK;
}

/* value * scale / 1000000, rounded, without overflow: seconds and microseconds apart. */
static int64_t to_ticks(int64_t us, uint32_t scale) {
    return us / 1000000 * scale + (us % 1000000 * scale + 500000) / 1000000;
}

static int64_t to_us(int64_t ticks, uint32_t scale) {
    return ticks / scale * 1000000 + (ticks % scale * 1000000 + scale / 2) / scale;
}

static void make_edit(int64_t media_time, uint8_t raw[EDIT_BYTES]) {
    memset(raw, 0, EDIT_BYTES);
    be32_put(raw, EDIT_BYTES);
    be32_put(raw + 4, TYPE_EDTS);
    be32_put(raw + 8, EDIT_BYTES - 8);
    be32_put(raw + 12, TYPE_ELST);
    raw[16] = 1; /* version: 64-bit times */
    be32_put(raw + 20, 1);
    /* raw + 24: duration 0, to the end of the fragments */
    be64_put(raw + 32, (uint64_t)media_time);
    be16_put(raw + 40, 1); /* rate 1.0 */
}

static err append_edit(struct blob *out, int64_t media_time) {
    uint8_t raw[EDIT_BYTES];
    make_edit(media_time, raw);
    return blob_append(out, BYTES_OF(raw));
}

/* The time of an `edts` that is exactly as make_edit makes it. */
static err read_edit(struct bytes edts, uint32_t scale, int64_t *edit_us, struct diag *d) {
    uint8_t expected[EDIT_BYTES];
    uint64_t time = edts.len == EDIT_BYTES ? be64_get(edts.data + 32) : UINT64_MAX;
    if (time / scale > INT64_MAX / 2000000) return diag_fail(d, ERR_INVALID, "elst: not the one edit of an export");
    make_edit((int64_t)time, expected);
    if (memcmp(edts.data, expected, EDIT_BYTES) != 0)
        return diag_fail(d, ERR_INVALID, "elst: not the one edit of an export");
    *edit_us = to_us((int64_t)time, scale);
    return ERR_OK;
}

/* Writes the size of the box that began at `begin` of out. */
static void close_box(struct blob *out, size_t begin) { be32_put(out->data + begin, (uint32_t)(out->len - begin)); }

static err open_box(struct blob *out, uint32_t type) {
    err e = blob_append_be32(out, 0);
    return e ? e : blob_append_be32(out, type);
}

/* Copies a `trak`, with an edit after its header (`add`) or without any; *edit is the time of the one it had. */
static err rewrite_track(struct bytes body, bool add, int64_t zero_us, struct blob *out, int64_t *edit_us,
                         struct diag *d) {
    struct mp4_track track;
    err e = read_track(body, &track, d);
    size_t begin = out->len;
    if (!e) e = open_box(out, TYPE_TRAK);
    struct reader r = reader_of(body);
    while (!e && reader_left(&r)) {
        struct mp4_box box;
        e = mp4_next(&r, &box, d);
        if (e) break;
        if (box.type == TYPE_EDTS) {
            if (add) return diag_fail(d, ERR_EXISTS, "trak: there is an edit list already");
            e = read_edit(box.whole, track.timescale, edit_us, d);
            continue;
        }
        e = blob_append(out, box.whole);
        if (!e && add && box.type == TYPE_TKHD) e = append_edit(out, to_ticks(zero_us, track.timescale));
    }
    if (!e) close_box(out, begin);
    return e;
}

static err rewrite_moov(struct bytes body, bool add, int64_t zero_us, struct blob *out, int64_t *edit_us,
                        struct diag *d) {
    size_t begin = out->len;
    err e = open_box(out, TYPE_MOOV);
    struct reader r = reader_of(body);
    while (!e && reader_left(&r)) {
        struct mp4_box box;
        e = mp4_next(&r, &box, d);
        if (!e && box.type == TYPE_TRAK)
            e = rewrite_track(box.body, add, zero_us, out, edit_us, d);
        else if (!e)
            e = blob_append(out, box.whole);
    }
    if (!e) close_box(out, begin);
    return e;
}

static err rewrite_init(struct bytes init, bool add, int64_t zero_us, struct blob *out, int64_t *edit_us,
                        struct diag *d) {
    AUTO(blob_clear) struct blob made = {0};
    struct reader r = reader_of(init);
    err e = ERR_OK;
    while (!e && reader_left(&r)) {
        struct mp4_box box;
        e = mp4_next(&r, &box, d);
        if (!e && box.type == TYPE_MOOV)
            e = rewrite_moov(box.body, add, zero_us, &made, edit_us, d);
        else if (!e)
            e = blob_append(&made, box.whole);
    }
    if (e == ERR_CUT_SHORT || e == ERR_NOT_FOUND) e = ERR_INVALID;
    return e ? e : blob_append(out, blob_bytes(&made));
}

err mp4_init_with_edit(struct bytes init, int64_t zero_us, struct blob *out, struct diag *d) {
    int64_t unused = 0;
    return rewrite_init(init, true, zero_us, out, &unused, d);
}

err mp4_init_without_edit(struct bytes init, struct blob *out, int64_t *zero_us, struct diag *d) {
    int64_t edit = 0;
    err e = rewrite_init(init, false, 0, out, &edit, d);
    if (!e) *zero_us = edit;
    return e;
}

err mp4_fragment_read(const struct mp4_init *init, struct bytes fragment, struct mp4_fragment *out, struct diag *d) {
    struct mp4_box moof, traf, tfhd, tfdt;
    err e = mp4_child(fragment, TYPE_MOOF, &moof, d);
    if (!e) e = mp4_child(moof.body, TYPE_TRAF, &traf, d);
    if (!e) e = mp4_child(traf.body, TYPE_TFHD, &tfhd, d);
    if (!e) e = mp4_child(traf.body, TYPE_TFDT, &tfdt, d);
    if (e) return diag_fail(d, ERR_INVALID, "a fragment is damaged");
    if (tfhd.body.len < 8 || tfdt.body.len < 8 || (tfdt.body.data[0] == 1 && tfdt.body.len < 12))
        return diag_fail(d, ERR_INVALID, "tfhd or tfdt is too short");
    uint64_t ticks = tfdt.body.data[0] == 1 ? be64_get(tfdt.body.data + 4) : be32_get(tfdt.body.data + 4);
    uint32_t id = be32_get(tfhd.body.data + 4);
    for (size_t i = 0; i < init->count; i++) {
        if (init->tracks[i].id != id) continue;
        uint32_t scale = init->tracks[i].timescale;
        if (ticks / scale > INT64_MAX / 2000000) return diag_fail(d, ERR_INVALID, "tfdt: the time is out of range");
        *out = (struct mp4_fragment){to_us((int64_t)ticks, scale), init->tracks[i].video};
        return ERR_OK;
    }
    return diag_fail(d, ERR_INVALID, "tfhd: there is no track %u", id);
}
