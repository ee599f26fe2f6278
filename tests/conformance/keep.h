/* keep.h: a small store of reels for the tests of fsck, backup and crashes. Reel n has a blob of
 * `reel_bytes(n)` bytes that n determines, and lies in the minute n after KEEP_BASE. */
#ifndef CARDEA_CONFORMANCE_KEEP_H
#define CARDEA_CONFORMANCE_KEEP_H

#include "conformance.h"

#include "store/accounts.h"
#include "store/blob.h"
#include "store/fsck.h"
#include "store/garbage.h"
#include "store/index.h"

#define KEEP_BASE (20000u * STORE_DAY_SLOTS)

struct keep {
    char accounts_path[PATH_TEXT_BYTES], index_path[PATH_TEXT_BYTES], blobs_path[PATH_TEXT_BYTES];
    struct accounts *accounts;
    struct index *index;
    struct blob_store *blobs;
    struct reel_place place;
};

static inline err keep_open(struct keep *k, const char *folder, uint64_t reserve, struct diag *d) {
    *k = (struct keep){.place = {id_of(1), id_of(2)}};
    err e = path_join(k->accounts_path, folder, "accounts.sqlite");
    if (!e) e = path_join(k->index_path, folder, "index.sqlite");
    if (!e) e = path_join(k->blobs_path, folder, "blobs");
    if (!e) e = accounts_sqlite_open(k->accounts_path, &k->accounts, d);
    if (!e) e = index_sqlite_open(k->index_path, &k->index, d);
    if (!e) e = blob_disk_open(k->blobs_path, reserve, &k->blobs, d);
    struct store_key owner = key_of(1);
    if (!e) e = k->index->ops->household_create(k->index, &k->place.household, &owner, 0, d);
    return e == ERR_EXISTS ? ERR_OK : e;
}

static inline void keep_close(struct keep *k) {
    blob_store_release(&k->blobs);
    index_release(&k->index);
    accounts_release(&k->accounts);
}

static inline size_t reel_bytes(uint32_t n) {
    return 500 + n * 977 % 20000;
}

static inline void reel_fill(uint32_t n, uint8_t *out) {
    for (size_t i = 0; i < reel_bytes(n); i++) out[i] = (uint8_t)(n * 31 + i * 7);
}

static const uint8_t keep_table[40] = {1};

static inline struct reel_info reel_row(uint32_t n) {
    return (struct reel_info){.reel = id_of(1000 + n),
                              .epoch = 1,
                              .first = KEEP_BASE + 60 * n,
                              .end = KEEP_BASE + 60 * n + 60,
                              .bytes = reel_bytes(n),
                              .segments = 2,
                              .table = BYTES_OF(keep_table)};
}

static inline err keep_begin(struct keep *k, uint32_t n, uint32_t now, struct diag *d) {
    struct index_upload upload = {.reel = id_of(1000 + n), .place = k->place, .epoch = 1, .begun = now};
    return k->index->ops->reel_begin(k->index, &upload, d);
}

/* The blob, in pieces; one that an earlier attempt left is begun anew. */
static inline err keep_blob(struct keep *k, uint32_t n, struct diag *d) {
    static uint8_t data[20500];
    const struct blob_ops *ops = k->blobs->ops;
    struct store_id name = id_of(1000 + n);
    struct blob_writer *w;
    uint64_t held;
    err e = ops->begin(k->blobs, &name, &w, &held, d);
    if (e) return e;
    reel_fill(n, data);
    e = ops->truncate(w, 0, d);
    for (size_t at = 0; !e && at < reel_bytes(n); at += 4000) {
        size_t left = reel_bytes(n) - at;
        e = ops->append(w, BYTES(data + at, left < 4000 ? left : 4000), d);
        if (!e && at == 4000) e = ops->sync(w, d);
    }
    if (!e) return ops->commit(w, d);
    ops->abort(w);
    return e;
}

static inline err keep_reel(struct keep *k, uint32_t n, uint32_t now, struct diag *d) {
    struct reel_info row = reel_row(n);
    err e = keep_begin(k, n, now, d);
    if (e == ERR_EXISTS) return ERR_OK;
    if (!e) e = keep_blob(k, n, d);
    if (e == ERR_EXISTS) e = ERR_OK; /* durable before a crash */
    return e ? e : k->index->ops->reel_commit(k->index, &k->place.household, &row, NULL, now, d);
}

/* ERR_NOT_FOUND: there is no row; ERR_FORGED: it is not what was stored. */
static inline err keep_verify(struct keep *k, uint32_t n, struct diag *d) {
    static uint8_t expected[20500];
    struct store_id name = id_of(1000 + n);
    struct reel_place place;
    struct reel_info row;
    AUTO(blob_clear) struct blob got = {0}, table = {0};
    err e = k->index->ops->reel_get(k->index, &k->place.household, &name, &place, &row, &table, d);
    if (!e) e = blob_read_all(k->blobs, &name, 1u << 20, &got, d);
    if (e) return e;
    reel_fill(n, expected);
    bool same = bytes_equal(blob_bytes(&got), BYTES(expected, reel_bytes(n))) &&
                bytes_equal(row.table, BYTES_OF(keep_table)) && row.bytes == reel_bytes(n);
    return same ? ERR_OK : ERR_FORGED;
}

#endif
