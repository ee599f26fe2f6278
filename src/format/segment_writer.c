#include "format/segment_writer.h"

#include <stdlib.h>

#include "crypto/hash.h"
#include "crypto/seal.h"
#include "format/mark.h"
#include "format/padme.h"

struct segment_writer {
    const struct sign_key *hub;
    struct aead_sealer *sealer;
    struct hash *hash;
    struct segment_header header;
    uint8_t aad[HASH_BYTES + 2]; /* SHA-256(header) || kind || second */
    struct record_order order;
    uint8_t second; /* of the last record */
    bool open;
    struct blob hashes; /* for the mark */
    uint8_t previous_mark[HASH_BYTES];
};

struct segment_writer *segment_writer_new(const uint8_t camera[CAMERA_ID_BYTES], const struct sign_key *hub) {
    struct segment_writer *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->hub = hub;
    w->sealer = aead_sealer_new();
    w->hash = hash_new();
    memcpy(w->header.camera, camera, CAMERA_ID_BYTES);
    if (w->sealer && w->hash) return w;
    segment_writer_free(w);
    return NULL;
}

void segment_writer_free(struct segment_writer *w) {
    if (!w) return;
    aead_sealer_free(w->sealer);
    hash_free(w->hash);
    blob_clear(&w->hashes);
    wipe(w, sizeof *w);
    free(w);
}

/* Puts the key of `slot` into the sealer; the key itself rests nowhere else. */
static err take_key(struct segment_writer *w, const struct timekey_set *keys, uint32_t slot,
                    uint8_t commitment[COMMITMENT_BYTES]) {
    uint8_t leaf[TIMEKEY_BYTES], key[AEAD_KEY_BYTES];
    err e = timekey_leaf(keys, slot, leaf);
    if (e) return e;
    timekey_segment_commitment(leaf, w->header.id, commitment);
    timekey_segment_key(leaf, w->header.id, key);
    aead_sealer_key(w->sealer, key);
    wipe(leaf, sizeof leaf);
    wipe(key, sizeof key);
    return ERR_OK;
}

err segment_writer_begin(struct segment_writer *w, const struct timekey_set *keys, uint32_t epoch,
                         uint32_t slot, struct blob *out) {
    uint8_t id[SEGMENT_ID_BYTES];
    random_bytes(id, sizeof id);
    return segment_writer_begin_with(w, keys, epoch, slot, id, out);
}

err segment_writer_begin_with(struct segment_writer *w, const struct timekey_set *keys, uint32_t epoch,
                              uint32_t slot, const uint8_t id[SEGMENT_ID_BYTES], struct blob *out) {
    segment_writer_abandon(w);
    err e = blob_reserve(out, out->len + SEGMENT_HEADER_BYTES);
    if (e) return e;
    w->header.epoch = epoch;
    w->header.slot = slot;
    memcpy(w->header.id, id, SEGMENT_ID_BYTES);
    e = take_key(w, keys, slot, w->header.commitment);
    if (e) return e;
    segment_header_encode(&w->header, out->data + out->len);
    hash_sha256(BYTES(out->data + out->len, SEGMENT_HEADER_BYTES), w->aad);
    out->len += SEGMENT_HEADER_BYTES;
    w->open = true;
    return ERR_OK;
}

/* Seals in place: padded at its place in `out`, then encrypted there. `commitment` is empty or
 * COMMITMENT_BYTES. */
static err append_record(struct segment_writer *w, enum record_kind kind, uint8_t second,
                         struct bytes commitment, struct bytes data, struct blob *out) {
    size_t padded = padded_size(data.len), length = 2 + commitment.len + padded + AEAD_TAG_BYTES;
    uint8_t *at = out->data + out->len;
    be32_put(at, (uint32_t)length);
    at[4] = (uint8_t)kind;
    at[5] = second;
    if (commitment.len) memcpy(at + 6, commitment.data, commitment.len);
    uint8_t *sealed = at + 6 + commitment.len, nonce[AEAD_NONCE_BYTES] = {0};
    be32_put(sealed, (uint32_t)data.len);
    if (data.len) memcpy(sealed + 4, data.data, data.len);
    memset(sealed + 4 + data.len, 0, padded - 4 - data.len);
    be32_put(nonce + 7, w->order.count - 1); /* the order has counted this record already */
    nonce[11] = kind == RECORD_END;
    w->aad[HASH_BYTES] = (uint8_t)kind;
    w->aad[HASH_BYTES + 1] = second;
    err e = aead_seal(w->sealer, nonce, BYTES_OF(w->aad), BYTES(sealed, padded),
                      (struct buffer){sealed, padded + AEAD_TAG_BYTES});
    if (e) return e;
    out->len += 4 + length;
    return ERR_OK;
}

static err add_hash(struct segment_writer *w, uint8_t kind, struct bytes data) {
    uint8_t hash[HASH_BYTES];
    hash_start(w->hash);
    hash_update(w->hash, BYTES(&kind, 1));
    hash_update(w->hash, data);
    hash_finish(w->hash, hash);
    return blob_append(&w->hashes, BYTES_OF(hash));
}

/* What both the caller's records and our own go through. `keys` is NULL for our own, which stay in the last
 * second. */
static err record(struct segment_writer *w, const struct timekey_set *keys, enum record_kind kind,
                  uint8_t second, struct bytes data, struct blob *out) {
    size_t fixed = 2 + COMMITMENT_BYTES + AEAD_TAG_BYTES;
    if (data.len > SEGMENT_RECORD_MAX_BYTES || padded_size(data.len) > SEGMENT_RECORD_MAX_BYTES - fixed)
        return ERR_LIMIT;
    err e = blob_reserve(out, out->len + 4 + fixed + padded_size(data.len));
    if (e) return e;
    struct record_order order = w->order;
    e = record_order_follow(&order, (uint8_t)kind, NULL);
    if (e) return e;
    uint8_t commitment[COMMITMENT_BYTES];
    struct bytes shown = {0};
    if (second != w->second) {
        e = take_key(w, keys, w->header.slot + second, commitment);
        if (e) return e;
        shown = BYTES_OF(commitment);
    }
    w->order = order;
    w->second = second;
    return append_record(w, kind, second, shown, data, out);
}

err segment_writer_record(struct segment_writer *w, const struct timekey_set *keys, enum record_kind kind,
                          uint32_t slot, struct bytes data, struct blob *out) {
    if (!w->open || kind < RECORD_INIT || kind >= RECORD_MARK) return ERR_INVALID;
    if (slot < w->header.slot || slot - w->header.slot < w->second) return ERR_INVALID;
    if (slot - w->header.slot >= SEGMENT_SECONDS_MAX) return ERR_LIMIT;
    bool hashed = kind != RECORD_OBSERVATION;
    if (hashed && w->hashes.len / HASH_BYTES == MARK_HASHES_MAX) return ERR_LIMIT;
    size_t hashes_before = w->hashes.len;
    if (hashed) {
        err e = add_hash(w, (uint8_t)kind, data);
        if (e) return e;
    }
    err e = record(w, keys, kind, (uint8_t)(slot - w->header.slot), data, out);
    if (e) w->hashes.len = hashes_before;
    return e;
}

err segment_writer_end(struct segment_writer *w, const struct segment_totals *totals, struct blob *out) {
    if (!w->open || w->order.count == 0) return ERR_INVALID;
    size_t before = out->len;
    struct mark m = {.epoch = w->header.epoch, .slot = w->header.slot};
    memcpy(m.camera, w->header.camera, CAMERA_ID_BYTES);
    memcpy(m.segment, w->header.id, SEGMENT_ID_BYTES);
    memcpy(m.previous, w->previous_mark, HASH_BYTES);
    m.hashes = w->hashes.data;
    m.count = (uint32_t)(w->hashes.len / HASH_BYTES);
    AUTO(blob_clear) struct blob signed_mark = {0};
    err e = mark_sign(&m, w->hub, &signed_mark);
    if (!e) e = record(w, NULL, RECORD_MARK, w->second, blob_bytes(&signed_mark), out);
    if (e) return e;
    uint8_t end[16];
    be32_put(end, totals->fragments);
    be32_put(end + 4, totals->video_samples);
    be64_put(end + 8, totals->duration_us);
    e = record(w, NULL, RECORD_END, w->second, BYTES_OF(end), out);
    if (e) { /* a mark without its end cannot be followed by anything: leave the segment cut short before it
              */
        out->len = before;
        segment_writer_abandon(w);
        return e;
    }
    hash_sha256(blob_bytes(&signed_mark), w->previous_mark);
    segment_writer_abandon(w);
    return ERR_OK;
}

void segment_writer_abandon(struct segment_writer *w) {
    static const uint8_t no_key[AEAD_KEY_BYTES];
    aead_sealer_key(w->sealer, no_key); /* the old schedule is overwritten */
    w->hashes.len = 0;
    w->order = (struct record_order){0};
    w->second = 0;
    w->open = false;
}
