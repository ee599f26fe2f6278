#include "vault/in_flight.h"

#include <stdlib.h>

#include "vault/upload.h"

void in_flight_clear(struct in_flight *f) {
    blob_clear(&f->tables);
    f->count = 0;
}

/* --- one upload; its lock is held --- */

static bool shown(const struct upload *u) {
    return u->writer && !u->taken && !u->bad && !atomic_load(&u->ended);
}

/* A segment that a deleted range touches goes whole, as it does in a stored reel. */
static bool deleted(const struct upload *u, const struct reel_entry *entry) {
    for (size_t i = 0; i < u->deleted_count; i++)
        if (entry->slot < u->deleted[i].to && (uint64_t)entry->slot + entry->seconds > u->deleted[i].from)
            return true;
    return false;
}

static err describe(const struct upload *u, struct in_flight *out) {
    const struct reel_entry *entries;
    size_t count = reel_scanner_entries(u->scanner, &entries), at = out->tables.len;
    struct reel_info info = {.reel = u->reel, .epoch = u->epoch, .flags = IN_FLIGHT_FLAG};
    for (size_t i = 0; i < count; i++) {
        uint8_t raw[REEL_ENTRY_BYTES];
        if (deleted(u, &entries[i])) continue;
        reel_entry_encode(&entries[i], raw);
        err e = blob_append(&out->tables, BYTES_OF(raw));
        if (e) return e;
        uint64_t end = (uint64_t)entries[i].slot + entries[i].seconds;
        if (!info.segments++) info.first = entries[i].slot;
        if (end > info.end) info.end = end > UINT32_MAX ? UINT32_MAX : (uint32_t)end;
        info.bytes += entries[i].length;
        info.flags |= entries[i].flags;
    }
    if (!info.segments) return ERR_OK;
    size_t place = out->count++;
    for (; place && out->reels[place - 1].info.first > info.first; place--)
        out->reels[place] = out->reels[place - 1];
    out->reels[place].info = info;
    out->reels[place].camera = u->place.camera;
    out->reels[place].table_at = at;
    out->reels[place].table_bytes = out->tables.len - at;
    return ERR_OK;
}

/* --- lists --- */

err in_flight_list(struct vault *v, const struct store_id *household, const struct store_id *camera,
                   struct in_flight *out) {
    err e = ERR_OK;
    pthread_mutex_lock(&v->uploads_lock);
    for (struct upload *u = v->uploads; u && !e && out->count < IN_FLIGHT_MAX; u = u->next) {
        if (!u->store || !store_id_equal(&u->place.household, household) ||
            (camera && !store_id_equal(&u->place.camera, camera)))
            continue;
        pthread_mutex_lock(&u->lock);
        if (shown(u)) e = describe(u, out);
        pthread_mutex_unlock(&u->lock);
    }
    pthread_mutex_unlock(&v->uploads_lock);
    return e;
}

static bool has_row(const struct timeline *t, const struct store_id *reel) {
    for (size_t i = 0; i < t->count; i++)
        if (store_id_equal(&t->reels[i].reel, reel)) return true;
    return false;
}

err in_flight_merge(const struct in_flight *f, uint32_t from, uint32_t to, struct timeline *t) {
    if (!f->count) return ERR_OK;
    if (t->more && t->more_from < to) to = t->more_from; /* the rest belongs to the next page */
    struct reel_info *reels = realloc(t->reels, (t->count + f->count) * sizeof *reels);
    if (!reels) return ERR_NO_MEMORY;
    t->reels = reels;
    for (size_t i = 0; i < f->count; i++) {
        struct reel_info info = f->reels[i].info;
        if (info.first >= to || info.end <= from || has_row(t, &info.reel)) continue;
        info.table = BYTES(f->tables.data + f->reels[i].table_at, f->reels[i].table_bytes);
        size_t place = t->count++;
        for (; place && reels[place - 1].first > info.first; place--) reels[place] = reels[place - 1];
        reels[place] = info;
    }
    return ERR_OK;
}

/* --- bytes --- */

/* Locks the upload and returns it. upload_free takes that lock once it has taken the upload off the list, so
 * the upload stays for as long as it is locked. */
static struct upload *lock_upload(struct vault *v, const struct store_id *household,
                                  const struct store_id *reel) {
    pthread_mutex_lock(&v->uploads_lock);
    struct upload *u = v->uploads;
    while (u &&
           !(u->store && store_id_equal(&u->reel, reel) && store_id_equal(&u->place.household, household)))
        u = u->next;
    if (u) pthread_mutex_lock(&u->lock);
    pthread_mutex_unlock(&v->uploads_lock);
    return u;
}

static err copy_out(const struct upload *u, uint64_t begin, uint64_t end, struct blob *out, struct diag *d) {
    size_t wanted = (size_t)(end - begin), got = 0;
    if (wanted > REEL_HARD_MAX_BYTES) return diag_fail(d, ERR_IO, "an arriving reel is larger than any");
    err e = blob_reserve(out, wanted);
    if (!e) e = u->v->blobs->ops->read_back(u->writer, begin, (struct buffer){out->data, wanted}, &got, d);
    if (!e && got < wanted) e = diag_fail(d, ERR_IO, "an arriving reel holds less than was written");
    if (!e) out->len = got;
    return e;
}

static err read_locked(const struct upload *u, const char *range, const struct grant_scope *scope,
                       struct in_flight_bytes *out, struct diag *d) {
    const struct reel_entry *entries;
    size_t count = reel_scanner_entries(u->scanner, &entries);
    if (!shown(u) || !count) return ERR_NOT_FOUND;
    err e = scope_camera(scope, &u->place.camera, d);
    if (e) return e;
    uint64_t begin = 0, end = (uint64_t)entries[count - 1].offset + entries[count - 1].length;
    out->camera = u->place.camera;
    out->total = end;
    err ranged = range ? http_range_parse(range, out->total, &begin, &end) : ERR_INVALID;
    if (ranged == ERR_LIMIT) return ERR_LIMIT;
    for (size_t i = 0; i < count; i++)
        if (entries[i].offset < end && (uint64_t)entries[i].offset + entries[i].length > begin &&
            deleted(u, &entries[i]))
            return ERR_NOT_FOUND;
    e = scope_bytes(scope, entries, count, begin, end, d);
    if (e) return e;
    out->begin = begin;
    out->part = ranged == ERR_OK;
    return copy_out(u, begin, end, &out->bytes, d);
}

void in_flight_bytes_clear(struct in_flight_bytes *b) {
    blob_clear(&b->bytes);
}

err in_flight_read(struct vault *v, const struct store_id *household, const struct store_id *reel,
                   const char *range, const struct grant_scope *scope, struct in_flight_bytes *out,
                   struct diag *d) {
    struct upload *u = lock_upload(v, household, reel);
    if (!u) return ERR_NOT_FOUND;
    err e = read_locked(u, range, scope, out, d);
    pthread_mutex_unlock(&u->lock);
    return e;
}
