#include "format/segment_reader.h"

#include <stdlib.h>

#include "crypto/hash.h"
#include "crypto/open.h"
#include "format/padme.h"

struct segment_reader {
    const struct timekey_set *keys;
    struct aead_opener *opener;
    struct segment_header header;
    uint8_t aad[HASH_BYTES + 2]; /* SHA-256(header) || kind || second */
    struct record_order order;
    uint8_t second;
    bool open, broken; /* broken: a record failed, so that none after it may pass */
    struct blob plain;
};

struct segment_reader *segment_reader_new(void) {
    struct segment_reader *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->opener = aead_opener_new();
    if (r->opener) return r;
    free(r);
    return NULL;
}

/* The whole capacity: an earlier, longer record may stand behind the last one. */
static void plain_clear(struct segment_reader *r) {
    r->plain.len = r->plain.cap;
    blob_clear(&r->plain);
}

void segment_reader_free(struct segment_reader *r) {
    if (!r) return;
    aead_opener_free(r->opener);
    plain_clear(r);
    free(r);
}

/* Compares the commitment before anything is decrypted: a sealer cannot make one ciphertext that opens under
 * two keys. */
static err take_key(struct segment_reader *r, uint32_t slot, struct bytes commitment, struct diag *d) {
    uint8_t leaf[TIMEKEY_BYTES], key[AEAD_KEY_BYTES], expected[COMMITMENT_BYTES];
    err e = timekey_leaf(r->keys, slot, leaf);
    if (e) return diag_fail(d, e, "no key opens the second %u", slot);
    timekey_segment_commitment(leaf, r->header.id, expected);
    if (bytes_equal_secret(BYTES_OF(expected), commitment)) {
        timekey_segment_key(leaf, r->header.id, key);
        aead_opener_key(r->opener, key);
        wipe(key, sizeof key);
    } else {
        e = diag_fail(d, ERR_FORGED, "the key of the second %u is not the one it was sealed with", slot);
    }
    wipe(leaf, sizeof leaf);
    return e;
}

err segment_reader_begin(struct segment_reader *r, const struct timekey_set *keys,
                         const struct segment_header *header, struct diag *d) {
    r->keys = keys;
    r->header = *header;
    r->order = (struct record_order){0};
    r->second = 0;
    r->broken = false;
    r->open = false;
    err e = take_key(r, header->slot, BYTES_OF(header->commitment), d);
    if (e) return e;
    uint8_t raw[SEGMENT_HEADER_BYTES];
    segment_header_encode(header, raw);
    hash_sha256(BYTES_OF(raw), r->aad);
    r->open = true;
    return ERR_OK;
}

static err open_sealed(struct segment_reader *r, const struct record_frame *frame, struct bytes *data) {
    size_t len = frame->sealed.len - AEAD_TAG_BYTES;
    if (len > r->plain.cap) plain_clear(r); /* nothing to copy */
    r->plain.len = 0;
    err e = blob_reserve(&r->plain, len);
    if (e) return e;
    uint8_t nonce[AEAD_NONCE_BYTES] = {0};
    be32_put(nonce + 7, r->order.count - 1); /* the order has counted this record already */
    nonce[11] = frame->kind == RECORD_END;
    r->aad[HASH_BYTES] = frame->kind;
    r->aad[HASH_BYTES + 1] = frame->second;
    e = aead_open(r->opener, nonce, BYTES_OF(r->aad), frame->sealed, (struct buffer){r->plain.data, len});
    if (e) return e;
    r->plain.len = len;
    return padded_read(blob_bytes(&r->plain), data);
}

static err read_record(struct segment_reader *r, const struct record_frame *frame, struct bytes *data,
                       struct diag *d) {
    struct record_order order = r->order;
    uint32_t number = order.count;
    err e = record_order_follow(&order, frame->kind, d);
    if (e) return e;
    bool changes = frame->second != r->second;
    if (frame->second < r->second || frame->second >= SEGMENT_SECONDS_MAX ||
        frame->commitment.len != (changes ? COMMITMENT_BYTES : 0) ||
        (uint64_t)r->header.slot + frame->second > UINT32_MAX || frame->sealed.len < AEAD_TAG_BYTES)
        return diag_fail(d, ERR_INVALID, "record %u: its second %u cannot be", number, frame->second);
    if (changes) {
        e = take_key(r, r->header.slot + frame->second, frame->commitment, d);
        if (e) {
            diag_prefix(d, "record %u", number);
            return e;
        }
    }
    r->order = order;
    r->second = frame->second;
    e = open_sealed(r, frame, data);
    if (e == ERR_NO_MEMORY) return e;
    if (e) return diag_fail(d, e, "record %u is altered, out of its place, or of another segment", number);
    return ERR_OK;
}

err segment_reader_record(struct segment_reader *r, const struct record_frame *frame, struct bytes *data,
                          struct diag *d) {
    if (!r->open || r->broken)
        return diag_fail(d, ERR_INVALID, "no segment is open, or a record before this one was damaged");
    err e = read_record(r, frame, data, d);
    if (e) {
        r->broken = true;
        plain_clear(r);
    }
    return e;
}

bool segment_reader_complete(const struct segment_reader *r) {
    return r->open && !r->broken && r->order.after_end;
}

err segment_read(struct segment_reader *r, const struct timekey_set *keys, struct bytes segment,
                 segment_record_fn *fn, void *context, struct diag *d) {
    struct segment_header header;
    err e = segment_header_decode(segment, &header, d);
    if (!e) e = segment_reader_begin(r, keys, &header, d);
    size_t at = SEGMENT_HEADER_BYTES;
    while (!e && !segment_reader_complete(r)) {
        struct record_frame frame;
        struct bytes data;
        struct bytes rest = BYTES(segment.data + at, segment.len - at);
        e = record_frame_read(rest, r->second, &frame, d);
        if (!e) e = segment_reader_record(r, &frame, &data, d);
        if (e) return e;
        e = fn(context, (enum record_kind)frame.kind, header.slot + frame.second, data);
        at += frame.bytes;
    }
    if (!e && at != segment.len) return diag_fail(d, ERR_INVALID, "there are bytes after the segment's end");
    return e;
}
