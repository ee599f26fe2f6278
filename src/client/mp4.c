#include "client/mp4.h"

#define BOX_HEAD_BYTES 8
#define FULL_BOX_BYTES 4 /* version and flags */

#define TYPE_MOOV MP4_TYPE('m', 'o', 'o', 'v')
#define TYPE_TRAK MP4_TYPE('t', 'r', 'a', 'k')
#define TYPE_TKHD MP4_TYPE('t', 'k', 'h', 'd')
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
    return diag_fail(d, ERR_NOT_FOUND, "a box '%c%c%c%c' is missing", (int)(type >> 24),
                     (int)(type >> 16 & 255), (int)(type >> 8 & 255), (int)(type & 255));
}

/* The 32-bit field at `offset` after the version and flags, where version 1 has two 64-bit times before it.
 */
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
        if (found.count == MP4_TRACKS_MAX)
            return diag_fail(d, ERR_INVALID, "moov: more than %d tracks", MP4_TRACKS_MAX);
        e = read_track(box.body, &found.tracks[found.count++], d);
    }
    if (e) return diag_fail(d, ERR_INVALID, "the init is damaged");
    if (found.count == 0) return diag_fail(d, ERR_INVALID, "moov: no track");
    *out = found;
    return ERR_OK;
}

/* Seconds and microseconds apart, so that nothing overflows; rounds down. */
static int64_t to_ticks(int64_t us, uint32_t scale) {
    return us / 1000000 * scale + us % 1000000 * scale / 1000000;
}

static int64_t to_us(int64_t ticks, uint32_t scale) {
    return ticks / scale * 1000000 + ticks % scale * 1000000 / scale;
}

err mp4_fragment_read(const struct mp4_init *init, struct bytes fragment, struct mp4_fragment *out,
                      struct diag *d) {
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
        if (ticks / scale > INT64_MAX / 2000000)
            return diag_fail(d, ERR_INVALID, "tfdt: the time is out of range");
        *out = (struct mp4_fragment){to_us((int64_t)ticks, scale), init->tracks[i].video};
        return ERR_OK;
    }
    return diag_fail(d, ERR_INVALID, "tfhd: there is no track %u", id);
}

/* The `tfdt` body of a `traf`, checked; its track's scale in *scale. */
static err find_time(const struct mp4_init *init, struct bytes traf, struct bytes *body, uint32_t *scale,
                     struct diag *d) {
    struct mp4_box tfhd, tfdt;
    err e = mp4_child(traf, TYPE_TFHD, &tfhd, d);
    if (!e) e = mp4_child(traf, TYPE_TFDT, &tfdt, d);
    if (e || tfhd.body.len < 8 || tfdt.body.len < 12 || tfdt.body.data[0] != 1)
        return diag_fail(d, ERR_INVALID, "a fragment's time is not in a tfdt of version 1");
    for (size_t i = 0; i < init->count; i++) {
        if (init->tracks[i].id != be32_get(tfhd.body.data + 4)) continue;
        *scale = init->tracks[i].timescale;
        *body = tfdt.body;
        return ERR_OK;
    }
    return diag_fail(d, ERR_INVALID, "tfhd: there is no such track");
}

err mp4_fragment_shift(const struct mp4_init *init, struct bytes fragment, int64_t zero_us, bool restore,
                       struct blob *out, struct diag *d) {
    struct mp4_box moof, box;
    size_t begin = out->len;
    err e = mp4_child(fragment, TYPE_MOOF, &moof, d);
    if (e) return diag_fail(d, ERR_INVALID, "a fragment is damaged");
    e = blob_append(out, fragment);
    struct reader r = reader_of(moof.body);
    while (!e && reader_left(&r)) {
        struct bytes time = {0};
        uint32_t scale = 1;
        e = mp4_next(&r, &box, d);
        if (e || box.type != TYPE_TRAF) continue;
        e = find_time(init, box.body, &time, &scale, d);
        if (e) break;
        uint64_t ticks = be64_get(time.data + 4), zero = (uint64_t)to_ticks(zero_us, scale);
        if (!restore && ticks < zero) e = diag_fail(d, ERR_INVALID, "a fragment begins before the clip does");
        be64_put(out->data + begin + (size_t)(time.data + 4 - fragment.data),
                 restore ? ticks + zero : ticks - zero);
    }
    if (e) out->len = begin;
    return e == ERR_CUT_SHORT ? ERR_INVALID : e;
}
