/* provenance.c: walks the clip once. Boxes may stand only where an export puts them:
 *     ftyp moov free? { moof mdat }* uuid
 * The signatures at the end are found first, then each fragment is put back to its recorded time, hashed and
 * compared. */
#include "client/provenance.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/export_box.h"
#include "client/mp4.h"
#include "crypto/hash.h"
#include "format/mark.h"

#define TYPE_FTYP MP4_TYPE('f', 't', 'y', 'p')
#define TYPE_MOOV MP4_TYPE('m', 'o', 'o', 'v')
#define TYPE_FREE MP4_TYPE('f', 'r', 'e', 'e')
#define TYPE_MOOF MP4_TYPE('m', 'o', 'o', 'f')
#define TYPE_MDAT MP4_TYPE('m', 'd', 'a', 't')
#define TYPE_UUID MP4_TYPE('u', 'u', 'i', 'd')
#define GAP_US 1500000 /* less than this between two fragments is the camera's rhythm */

const char *verdict_text(enum verdict v) {
    static const char *const names[] = {"untouched", "edited", "cut short", "unknown"};
    return names[v];
}

struct check {
    struct export_box box;
    struct mp4_init init;
    struct provenance *out;
    struct blob recorded; /* the fragment at hand, as it was recorded */
    size_t segment;       /* of box.segments */
    uint32_t in_segment;  /* fragments of it seen */
    struct mark mark;     /* of the segment, when it has one */
    bool mark_ok;
    int64_t last_us; /* of the last video fragment */
    bool any;
    bool unsigned_part;
    int64_t unsigned_from_us;
};

__attribute__((format(printf, 3, 4))) static void conclude(struct provenance *p, enum verdict v,
                                                           const char *format, ...) {
    if (p->verdict != VERDICT_UNTOUCHED) return; /* the first finding stands */
    va_list args;
    va_start(args, format);
    vsnprintf(p->why, sizeof p->why, format, args);
    va_end(args);
    p->verdict = v;
}

static void edited_at(struct check *c, int64_t at_us, const char *what) {
    struct provenance *p = c->out;
    if (p->verdict != VERDICT_UNTOUCHED) return;
    p->edited_at_known = true;
    p->edited_at_us = at_us;
    p->edited_at_s = (double)(at_us - c->box.zero_us) / 1e6;
    char when[WALL_TEXT_BYTES];
    wall_format((struct wall_us){at_us}, when);
    conclude(p, VERDICT_EDITED, "%s at %s, second %.1f of the clip", what, when, p->edited_at_s);
}

/* Does `rest` end with a whole box of signatures? Then the file's end is there, whatever its boxes say. */
static bool signatures_at_end(struct bytes rest) {
    uint8_t head[4 + EXPORT_UUID_BYTES] = {'u', 'u', 'i', 'd'};
    memcpy(head + 4, export_uuid, EXPORT_UUID_BYTES);
    const uint8_t *at = rest.data, *end = rest.data + rest.len;
    while ((at = memmem(at, (size_t)(end - at), head, sizeof head))) {
        if (at - rest.data >= 4 && be32_get(at - 4) == (size_t)(end - at) + 4) return true;
        at++;
    }
    return false;
}

/* Looks at the boxes' order alone; finds the signatures. False: the verdict is reached. */
static bool survey(struct bytes file, struct bytes *init, struct bytes *signatures, struct provenance *p) {
    struct reader r = reader_of(file);
    struct diag d;
    bool ours = false, first = true;
    *signatures = BYTES(NULL, 0);
    *init = BYTES(NULL, 0);
    while (reader_left(&r)) {
        struct mp4_box box;
        err e = mp4_next(&r, &box, &d);
        if (first && (e || box.type != TYPE_FTYP)) {
            conclude(p, VERDICT_UNKNOWN, "this is not an MP4 file");
            return false;
        }
        first = false;
        if (e == ERR_CUT_SHORT && signatures_at_end(BYTES(r.at, reader_left(&r)))) {
            conclude(p, VERDICT_EDITED,
                     "a box's size was changed, so that it reaches past the end of the file");
            return false;
        }
        if (e == ERR_CUT_SHORT) {
            conclude(p, VERDICT_CUT_SHORT,
                     ours ? "the file ends within a box: its end, with the signatures, is missing"
                          : "the file ends within a box, and what is there has no signatures");
            return false;
        }
        if (e) {
            conclude(p, ours ? VERDICT_EDITED : VERDICT_UNKNOWN, "the file is damaged: %s", d.text);
            return false;
        }
        if (box.type == TYPE_MOOV && !init->data) *init = BYTES(file.data, (size_t)(r.at - file.data));
        if (box.type == TYPE_FREE && bytes_equal(box.body, bytes_text(export_notice))) ours = true;
        if (box.type == TYPE_UUID && box.body.len >= EXPORT_UUID_BYTES &&
            memcmp(box.body.data, export_uuid, EXPORT_UUID_BYTES) == 0)
            *signatures = box.body;
    }
    if (signatures->data && init->data) return true;
    if (signatures->data)
        conclude(p, VERDICT_EDITED, "the box that describes the video is missing");
    else if (ours)
        conclude(p, VERDICT_CUT_SHORT, "the end of the file, with the signatures, is missing");
    else
        conclude(p, VERDICT_UNKNOWN, "the file carries no signatures of a Cardea hub");
    return false;
}

/* Whose hub: the certificate must be signed by the household that the clip names. */
static bool check_signer(struct check *c) {
    struct provenance *p = c->out;
    struct diag d = {{0}};
    if (hub_certificate_verify(blob_bytes(&c->box.certificate), c->box.household, &p->hub, &d)) {
        conclude(p, VERDICT_EDITED, "the hub's certificate is not the household's: %s", d.text);
        return false;
    }
    memcpy(p->camera, c->box.camera, sizeof p->camera);
    memcpy(p->household, c->box.household, sizeof p->household);
    p->signer_known = true;
    return true;
}

static bool check_init(struct check *c, struct bytes init) {
    struct diag d = {{0}};
    uint8_t hash[32];
    if (mp4_init_read(init, &c->init, &d)) {
        conclude(c->out, VERDICT_EDITED, "the box that describes the video was changed: %s", d.text);
        return false;
    }
    mark_hash(RECORD_INIT, init, hash);
    for (size_t i = 0; i < c->box.segment_count; i++) {
        if (memcmp(hash, c->box.segments[i].init, sizeof hash) == 0) continue;
        conclude(c->out, VERDICT_EDITED, "the box that describes the video was changed");
        return false;
    }
    return true;
}

static bool all_zero(const uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (p[i]) return false;
    return true;
}

static bool gap_is_listed(const struct check *c, int64_t after_us, int64_t before_us) {
    for (size_t i = 0; i < c->box.gap_count; i++)
        if (c->box.gaps[i].from_us < before_us + GAP_US && c->box.gaps[i].to_us > after_us - GAP_US)
            return true;
    return false;
}

static void note_gap(struct provenance *p, int64_t from_us, int64_t to_us) {
    if (p->gap_count < PROVENANCE_SPANS_MAX)
        p->gaps[p->gap_count++] = (struct provenance_span){from_us, to_us};
}

/* A segment's mark: the hub's signature, the right camera, and its place in the chain. */
static void open_segment(struct check *c, int64_t time_us) {
    const struct export_segment *s = &c->box.segments[c->segment];
    const struct export_segment *before = c->segment ? s - 1 : NULL;
    struct diag d = {{0}};
    uint32_t previous_rest = 0;
    if (c->mark_ok && before) previous_rest = c->mark.count - (before->from + before->count);
    c->mark_ok = false;
    if (s->mark.len == 0) {
        if (!c->unsigned_part) c->unsigned_from_us = time_us;
        c->unsigned_part = true;
        return;
    }
    err e = mark_verify(blob_bytes(&s->mark), &c->mark, &d);
    if (e || memcmp(c->mark.hub, c->out->hub.sign, sizeof c->mark.hub) != 0 ||
        memcmp(c->mark.camera, c->box.camera, sizeof c->mark.camera) != 0 || c->mark.slot != s->slot) {
        edited_at(c, (int64_t)s->slot * 1000000,
                  e ? "the hub's signature does not fit" : "a signature is of another recording");
        return;
    }
    if ((uint64_t)s->from + s->count > c->mark.count || s->from == 0 ||
        memcmp(c->mark.hashes, s->init, sizeof s->init) != 0) {
        edited_at(c, time_us, "the list of fragments does not fit the signature");
        return;
    }
    c->mark_ok = true;
    bool gap = c->any && gap_is_listed(c, c->last_us, time_us);
    if (previous_rest && !gap) edited_at(c, c->last_us, "footage was taken out");
    if (!before || !before->mark.len || all_zero(c->mark.previous, sizeof c->mark.previous)) return;
    uint8_t hash[32];
    hash_sha256(blob_bytes(&before->mark), hash);
    if (memcmp(hash, c->mark.previous, sizeof hash) != 0 && !gap)
        edited_at(c, time_us, "footage was taken out");
}

static void check_times(struct check *c, const struct mp4_fragment *f) {
    struct provenance *p = c->out;
    if (!f->video) return;
    if (!c->any) p->from_us = f->time_us;
    if (c->any && f->time_us - c->last_us > GAP_US) note_gap(p, c->last_us, f->time_us);
    c->any = true;
    c->last_us = f->time_us;
    p->to_us = f->time_us;
}

/* One `moof` with its `mdat`. */
static void check_fragment(struct check *c, struct bytes fragment) {
    struct diag d = {{0}};
    if (c->segment == c->box.segment_count) {
        edited_at(c, c->last_us, "footage was added");
        return;
    }
    const struct export_segment *s = &c->box.segments[c->segment];
    struct mp4_fragment f = {(int64_t)s->slot * 1000000, true};
    c->recorded.len = 0;
    bool readable =
        mp4_fragment_shift(&c->init, fragment, c->box.zero_us, true, &c->recorded, &d) == ERR_OK &&
        mp4_fragment_read(&c->init, blob_bytes(&c->recorded), &f, &d) == ERR_OK;
    if (c->in_segment == 0) open_segment(c, f.time_us);
    if (c->mark_ok) {
        uint8_t hash[32];
        mark_hash(RECORD_FRAGMENT, blob_bytes(&c->recorded), hash);
        size_t index = (size_t)s->from + c->in_segment;
        if (!readable || memcmp(hash, c->mark.hashes + index * MARK_HASH_BYTES, sizeof hash) != 0) {
            int64_t at =
                c->any ? c->last_us : (int64_t)s->slot * 1000000; /* its own time may be what was changed */
            edited_at(c, at, "the picture or sound was changed");
        }
    }
    if (readable) check_times(c, &f);
    c->out->fragments++;
    if (++c->in_segment < s->count) return;
    c->segment++;
    c->in_segment = 0;
}

static void walk(struct check *c, struct bytes file, struct bytes signatures) {
    struct reader r = reader_of(file);
    struct diag d;
    struct mp4_box box, moof = {0};
    int moovs = 0;
    while (c->out->verdict == VERDICT_UNTOUCHED && reader_left(&r) && mp4_next(&r, &box, &d) == ERR_OK) {
        if (moof.whole.data && box.type != TYPE_MDAT) {
            edited_at(c, c->last_us, "a fragment without its data");
            return;
        }
        if (box.type == TYPE_MOOF) {
            moof = box;
        } else if (box.type == TYPE_MDAT && moof.whole.data) {
            check_fragment(c, BYTES(moof.whole.data, moof.whole.len + box.whole.len));
            moof = (struct mp4_box){0};
        } else if (box.type == TYPE_MOOV) {
            if (++moovs > 1) edited_at(c, c->last_us, "a second description of the video was added");
        } else if (box.type == TYPE_UUID && box.body.data == signatures.data) {
            if (reader_left(&r)) conclude(c->out, VERDICT_EDITED, "something was added after the signatures");
        } else if (box.type == TYPE_FREE ? !bytes_equal(box.body, bytes_text(export_notice))
                                         : box.type != TYPE_FTYP) {
            edited_at(c, c->last_us, "a box that no export has was added");
        }
    }
    if (c->out->verdict != VERDICT_UNTOUCHED) return;
    if (c->segment < c->box.segment_count) edited_at(c, c->last_us, "footage was taken out");
}

err provenance_check(struct bytes file, struct provenance *out, struct diag *d) {
    *out = (struct provenance){.verdict = VERDICT_UNTOUCHED};
    struct bytes init, signatures;
    if (!survey(file, &init, &signatures, out)) return ERR_OK;
    AUTO(export_box_clear) struct export_box box = {0};
    struct diag why = {{0}};
    err e = export_box_decode(signatures, &box, &why);
    if (e == ERR_NO_MEMORY) return diag_fail(d, e, "no memory for the clip's signatures");
    if (e) {
        conclude(out, VERDICT_EDITED, "the signatures were damaged: %s", why.text);
        return ERR_OK;
    }
    struct check c = {.box = box, .out = out};
    if (box.segment_count == 0) conclude(out, VERDICT_EDITED, "the list of signatures is empty");
    if (!check_signer(&c) || !check_init(&c, init)) return ERR_OK;
    out->segments = box.segment_count;
    walk(&c, file, signatures);
    blob_clear(&c.recorded);
    if (!c.unsigned_part) return ERR_OK;
    char when[WALL_TEXT_BYTES];
    wall_format((struct wall_us){c.unsigned_from_us}, when);
    conclude(out, VERDICT_CUT_SHORT, "the recording broke off before the hub could sign what follows %s",
             when);
    return ERR_OK;
}
