/* reel_scanner.c: follows a reel's framing as it arrives (segment.h). */
#include <stdlib.h>

#include "format/segment.h"

#define RECORD_PREFIX_BYTES 6 /* length, kind, second: all that the framing says of a record */

struct reel_scanner {
    uint8_t camera[CAMERA_ID_BYTES];
    uint32_t epoch;

    uint8_t prefix[SEGMENT_HEADER_BYTES]; /* the header or record prefix that is still incomplete */
    size_t prefix_len;
    struct record_frame frame; /* the record in progress, once its prefix is known */
    size_t frame_left;         /* of its bytes; 0: none in progress */

    bool in_segment, done;
    struct record_order order;
    uint8_t second; /* of the last whole record, or of the one in progress */
    struct reel_entry current;
    uint64_t position, record_end, whole_end;
    uint32_t first_slot;

    struct reel_entry *entries;
    size_t count, cap;
};

struct reel_scanner *reel_scanner_new(const uint8_t camera[CAMERA_ID_BYTES], uint32_t epoch) {
    struct reel_scanner *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    memcpy(s->camera, camera, CAMERA_ID_BYTES);
    s->epoch = epoch;
    return s;
}

void reel_scanner_free(struct reel_scanner *s) {
    if (!s) return;
    free(s->entries);
    free(s);
}

static err entry_room(struct reel_scanner *s, struct diag *d) {
    if (s->count == REEL_SEGMENTS_MAX)
        return diag_fail(d, ERR_LIMIT, "reel: more than %d segments", REEL_SEGMENTS_MAX);
    if (s->count < s->cap) return ERR_OK;
    size_t cap = s->cap ? s->cap * 2 : 64;
    struct reel_entry *grown = realloc(s->entries, cap * sizeof *grown);
    if (!grown) return ERR_NO_MEMORY;
    s->entries = grown;
    s->cap = cap;
    return ERR_OK;
}

static err header_check(struct reel_scanner *s, const struct segment_header *h, struct diag *d) {
    if (memcmp(h->camera, s->camera, CAMERA_ID_BYTES) != 0)
        return diag_fail(d, ERR_INVALID, "a segment is of another camera");
    if (h->epoch != s->epoch)
        return diag_fail(d, ERR_INVALID, "a segment is of epoch %u, not %u", h->epoch, s->epoch);
    if (s->count && h->slot < s->entries[s->count - 1].slot)
        return diag_fail(d, ERR_INVALID, "slot %u goes back", h->slot);
    if (s->count && h->slot - s->first_slot >= REEL_MAX_SLOTS)
        return diag_fail(d, ERR_LIMIT, "a segment starts %d s or more after the reel", REEL_MAX_SLOTS);
    if (s->record_end >= REEL_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "a segment starts %u bytes or more into the reel", REEL_MAX_BYTES);
    return entry_room(s, d);
}

static err header_pass(struct reel_scanner *s, reel_boundary_fn *fn, void *context, struct diag *d) {
    struct segment_header h;
    err e = segment_header_decode(BYTES(s->prefix, s->prefix_len), &h, d);
    if (e == ERR_CUT_SHORT) return ERR_OK; /* more is to come */
    if (!e) e = header_check(s, &h, d);
    if (e) return e;
    if (!s->count) s->first_slot = h.slot;
    s->current = (struct reel_entry){.slot = h.slot, .offset = (uint32_t)s->record_end};
    s->current.seconds = 1;
    s->current.head_length = SEGMENT_HEADER_BYTES;
    s->in_segment = true;
    s->order = (struct record_order){0};
    s->second = 0;
    s->prefix_len = 0;
    s->record_end = s->position;
    if (fn) fn(context, REEL_AT_HEADER, s->current.offset, s->record_end, NULL);
    return ERR_OK;
}

/* Once length, kind and second are there, all is known but the bytes. */
static err prefix_pass(struct reel_scanner *s, struct diag *d) {
    struct record_frame frame;
    err e = record_frame_read(BYTES(s->prefix, s->prefix_len), s->second, &frame, d);
    if (e && e != ERR_CUT_SHORT) return e;
    if (s->prefix_len < RECORD_PREFIX_BYTES) return ERR_OK;
    size_t length = be32_get(s->prefix);
    uint8_t second = s->prefix[5];
    size_t commitment = second == s->second ? 0 : COMMITMENT_BYTES;
    s->frame = (struct record_frame){
        .kind = s->prefix[4],
        .second = second,
        .commitment = {NULL, commitment},
        .sealed = {NULL, length - 2 - commitment},
        .bytes = 4 + length,
    };
    if (s->record_end + s->frame.bytes > REEL_HARD_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "the reel is larger than %u bytes", REEL_HARD_MAX_BYTES);
    if ((uint64_t)s->current.slot + second > UINT32_MAX)
        return diag_fail(d, ERR_INVALID, "a record's second is past the end of time");
    e = record_order_follow(&s->order, s->frame.kind, d);
    if (e) return e;
    s->second = second;
    s->prefix_len = 0;
    s->frame_left = s->frame.bytes - RECORD_PREFIX_BYTES;
    return ERR_OK;
}

static void record_pass(struct reel_scanner *s, reel_boundary_fn *fn, void *context) {
    uint64_t begin = s->record_end;
    s->record_end = s->position;
    s->current.seconds = (uint8_t)(s->frame.second + 1);
    s->current.length = (uint32_t)(s->record_end - s->current.offset);
    bool picture = s->frame.kind == RECORD_PICTURE;
    if (picture) s->current.flags |= REEL_ENTRY_PICTURE;
    if (picture || s->frame.kind == RECORD_INIT) s->current.head_length = s->current.length;
    if (s->frame.kind == RECORD_END) {
        s->entries[s->count++] = s->current; /* header_check made the room */
        s->whole_end = s->record_end;
        s->in_segment = false;
    }
    if (fn) fn(context, REEL_AT_RECORD, begin, s->record_end, &s->frame);
}

/* Takes what the header or prefix in progress still lacks. */
static err prefix_feed(struct reel_scanner *s, struct bytes *piece, reel_boundary_fn *fn, void *context,
                       struct diag *d) {
    size_t wanted = s->in_segment ? RECORD_PREFIX_BYTES : SEGMENT_HEADER_BYTES;
    size_t n = wanted - s->prefix_len < piece->len ? wanted - s->prefix_len : piece->len;
    memcpy(s->prefix + s->prefix_len, piece->data, n);
    s->prefix_len += n;
    s->position += n;
    *piece = BYTES(piece->data + n, piece->len - n);
    return s->in_segment ? prefix_pass(s, d) : header_pass(s, fn, context, d);
}

err reel_scanner_feed(struct reel_scanner *s, struct bytes piece, reel_boundary_fn *fn, void *context,
                      struct diag *d) {
    if (s->done) return diag_fail(d, ERR_INVALID, "reel: the scan has ended");
    while (piece.len) {
        if (!s->frame_left) {
            err e = prefix_feed(s, &piece, fn, context, d);
            if (e) {
                diag_prefix(d, "reel, after byte %llu", (unsigned long long)s->record_end);
                s->done = true;
                return e;
            }
            continue;
        }
        size_t n = s->frame_left < piece.len ? s->frame_left : piece.len;
        s->frame_left -= n;
        s->position += n;
        piece = BYTES(piece.data + n, piece.len - n);
        if (!s->frame_left) record_pass(s, fn, context);
    }
    return ERR_OK;
}

size_t reel_scanner_entries(const struct reel_scanner *s, const struct reel_entry **out) {
    *out = s->entries;
    return s->count;
}

uint64_t reel_scanner_whole_bytes(const struct reel_scanner *s) {
    return s->whole_end;
}

uint64_t reel_scanner_record_bytes(const struct reel_scanner *s) {
    return s->record_end;
}

void reel_scanner_finish(struct reel_scanner *s) {
    /* The init record alone shows nothing; order.count also counts a record that is still incomplete. */
    uint32_t whole = s->order.count - (s->frame_left ? 1 : 0);
    if (s->in_segment && whole >= 2) {
        s->current.flags |= REEL_ENTRY_CUT_SHORT;
        s->entries[s->count++] = s->current;
    }
    s->in_segment = false;
    s->done = true;
}
