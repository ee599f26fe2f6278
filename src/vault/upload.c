#include "vault/upload.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

/* --- live --- */

static bool recent(uint32_t slot) {
    int64_t apart = (int64_t)slot - (int64_t)slot_now();
    return apart >= -UPLOAD_RECENT_S && apart <= UPLOAD_RECENT_S;
}

/* The bytes [begin, end) of the stream, from what was pending and the piece at hand. */
static struct payload *cut(const struct upload *u, uint64_t begin, uint64_t end) {
    struct payload *p = payload_new((size_t)(end - begin));
    if (!p) return NULL;
    uint64_t pending_at = u->piece_at - u->pending.len;
    size_t from_pending = begin < u->piece_at ? (size_t)(u->piece_at - begin) : 0;
    if (from_pending) memcpy(p->data, u->pending.data + (begin - pending_at), from_pending);
    size_t from_piece = p->len - from_pending;
    uint64_t piece_from = begin + from_pending - u->piece_at;
    if (from_piece) memcpy(p->data + from_pending, u->piece.data + piece_from, from_piece);
    return p;
}

static void relay(void *context, enum reel_boundary what, uint64_t begin, uint64_t end,
                  const struct record_frame *frame) {
    struct upload *u = context;
    bool header = what == REEL_AT_HEADER;
    if (header) {
        atomic_fetch_add(&u->v->count.segments, 1);
        u->relaying = u->live != UPLOAD_LIVE_NEVER;
    }
    if (!u->relaying) return;
    AUTO(payload_release) struct payload *p = cut(u, begin, end);
    if (header && p && u->live == UPLOAD_LIVE_RECENT) {
        struct segment_header h;
        u->relaying = segment_header_decode(BYTES(p->data, p->len), &h, NULL) == ERR_OK && recent(h.slot);
        if (!u->relaying) return;
    }
    struct diag d;
    err e = p ? u->v->bus->ops->publish(u->v->bus, u->channel, header ? STREAM_HEADER : STREAM_RECORD,
                                        header ? BUS_FLAG_KEY : BUS_FLAG_CHAIN, p, NULL, &d)
              : ERR_NO_MEMORY;
    if (e) u->relaying = false; /* what follows is useless without it */
}

static void notice_camera(struct upload *u, const char *kind) {
    struct diag d;
    char text[64];
    snprintf(text, sizeof text, "{\"kind\":\"%s\"}", kind);
    AUTO(payload_release) struct payload *p = payload_copy(bytes_text(text));
    err ignored =
        p ? u->v->bus->ops->publish(u->v->bus, u->channel, STREAM_NOTICE, BUS_FLAG_NO_QUEUE, p, NULL, &d)
          : ERR_NO_MEMORY;
    (void)ignored;
}

/* --- what is held --- */

/* Feeds the scanner the first `bytes` of what the writer holds; what is no framing ends it without an error.
 */
static err scan_held(struct blob_store *blobs, struct blob_writer *writer, uint64_t bytes,
                     struct reel_scanner *s, struct diag *d) {
    uint8_t *piece = malloc(UPLOAD_SCAN_PIECE_BYTES);
    if (!piece) return diag_fail(d, ERR_NO_MEMORY, "no memory to read a reel");
    err e = ERR_OK;
    for (uint64_t at = 0; at < bytes;) {
        size_t wanted = bytes - at < UPLOAD_SCAN_PIECE_BYTES ? (size_t)(bytes - at) : UPLOAD_SCAN_PIECE_BYTES,
               got = 0;
        e = blobs->ops->read_back(writer, at, (struct buffer){piece, wanted}, &got, d);
        if (e || got == 0) break;
        if (reel_scanner_feed(s, BYTES(piece, got), NULL, NULL, NULL)) break;
        at += got;
    }
    free(piece);
    return e;
}

/* Leaves the writer with whole segments alone, and a scanner that has passed just those. */
static err settle(struct vault *v, struct blob_writer *writer, uint64_t held, const struct reel_place *place,
                  uint32_t epoch, struct reel_scanner **out, struct diag *d) {
    struct reel_scanner *s = reel_scanner_new(place->camera.bytes, epoch);
    if (!s) return diag_fail(d, ERR_NO_MEMORY, "no memory to follow a reel");
    err e = scan_held(v->blobs, writer, held, s, d);
    uint64_t whole = reel_scanner_whole_bytes(s);
    if (!e && whole < held) {
        e = v->blobs->ops->truncate(writer, whole, d);
        reel_scanner_free(s);
        s = reel_scanner_new(place->camera.bytes, epoch);
        if (!e && !s) e = diag_fail(d, ERR_NO_MEMORY, "no memory to follow a reel");
        if (!e) e = scan_held(v->blobs, writer, whole, s, d);
    }
    if (e) {
        reel_scanner_free(s);
        return e;
    }
    *out = s;
    return ERR_OK;
}

err reel_describe(const struct reel_scanner *s, const struct store_id *reel, uint32_t epoch,
                  struct blob *table, struct reel_info *out, struct diag *d) {
    const struct reel_entry *entries;
    size_t count = reel_scanner_entries(s, &entries);
    if (count == 0) return diag_fail(d, ERR_INVALID, "the reel holds no segment");
    *out = (struct reel_info){
        .reel = *reel, .epoch = epoch, .first = entries[0].slot, .segments = (uint32_t)count};
    blob_clear(table);
    for (size_t i = 0; i < count; i++) {
        uint8_t raw[REEL_ENTRY_BYTES];
        reel_entry_encode(&entries[i], raw);
        err e = blob_append(table, BYTES_OF(raw));
        if (e) return e;
        uint64_t end = (uint64_t)entries[i].slot + entries[i].seconds;
        if (end > out->end) out->end = end > UINT32_MAX ? UINT32_MAX : (uint32_t)end;
        out->flags |= entries[i].flags;
    }
    out->bytes = (uint64_t)entries[count - 1].offset + entries[count - 1].length;
    out->table = blob_bytes(table);
    return ERR_OK;
}

/* --- one upload for each name --- */

pthread_mutex_t *upload_name_lock(struct vault *v, const struct store_id *reel) {
    return &v->reel_locks[reel->bytes[0] % VAULT_REEL_LOCKS];
}

/* The household's upload that is to be stored under that name: anybody can call anything by it that is not.
 */
static struct upload *find(struct vault *v, const struct store_id *household, const struct store_id *reel) {
    for (struct upload *u = v->uploads; u; u = u->next)
        if (u->store && store_id_equal(&u->reel, reel) && store_id_equal(&u->place.household, household))
            return u;
    return NULL;
}

/* A newer connection has the reel: the older one writes nothing more. */
static void take_over(struct upload *newer) {
    struct vault *v = newer->v;
    pthread_mutex_lock(&v->uploads_lock);
    struct upload *old = find(v, &newer->place.household, &newer->reel);
    if (old) {
        pthread_mutex_lock(&old->lock);
        v->blobs->ops->pause(old->writer);
        old->writer = NULL;
        old->taken = true;
        pthread_mutex_unlock(&old->lock);
        *old->link = old->next;
        if (old->next) old->next->link = old->link;
        old->listed = false;
    }
    pthread_mutex_unlock(&v->uploads_lock);
}

static void enlist(struct upload *u) {
    struct vault *v = u->v;
    pthread_mutex_lock(&v->uploads_lock);
    u->next = v->uploads;
    u->link = &v->uploads;
    if (u->next) u->next->link = &u->next;
    v->uploads = u;
    u->listed = true;
    pthread_mutex_unlock(&v->uploads_lock);
}

static void delist(struct upload *u) {
    struct vault *v = u->v;
    pthread_mutex_lock(&v->uploads_lock);
    if (u->listed) {
        *u->link = u->next;
        if (u->next) u->next->link = u->link;
        u->listed = false;
    }
    pthread_mutex_unlock(&v->uploads_lock);
}

static void mark_ended(void *arg) {
    struct upload *u = arg;
    atomic_store(&u->ended, true);
}

static err watch_capability(struct upload *u, struct diag *d) {
    struct vault *v = u->v;
    char channel[CHANNEL_BYTES];
    struct bus_message m;
    channel_end(&u->capability, channel);
    err e = v->bus->ops->subscribe(v->bus, BUS_LIMITS_COMMAND, mark_ended, u, &u->end, d);
    if (!e) e = v->bus->ops->add(u->end, channel, STREAM_TAG_END, false, d);
    if (!e && v->bus->ops->take(u->end, &m) == ERR_OK) payload_unref(m.payload);
    return e || u->by_vault ? e : capability_recheck(v, &u->capability, d);
}

static err open_store(struct upload *u, uint64_t offset, uint64_t *held, struct reel_info *done,
                      struct diag *d) {
    struct vault *v = u->v;
    const struct index_upload announced = {u->reel, u->place, u->epoch, slot_now()};
    err e = v->index->ops->reel_begin(v->index, &announced, d);
    if (e == ERR_EXISTS) {
        struct reel_place place;
        err got = v->index->ops->reel_get(v->index, &u->place.household, &u->reel, &place, done, NULL, d);
        return got ? got : ERR_EXISTS;
    }
    if (e == ERR_CONFLICT) return diag_fail(d, ERR_INVALID, "that reel belongs to another camera or epoch");
    if (e) return e;
    take_over(u);
    uint64_t staged = 0;
    e = v->blobs->ops->begin(v->blobs, &u->reel, &u->writer, &staged, d);
    if (e == ERR_EXISTS) {
        err adopted = upload_adopt(v, &announced, done, d);
        return adopted ? adopted : ERR_EXISTS;
    }
    if (e) return e;
    e = settle(v, u->writer, staged, &u->place, u->epoch, &u->scanner, d);
    if (e) return e;
    *held = reel_scanner_whole_bytes(u->scanner);
    if (*held != offset)
        return diag_fail(d, ERR_CONFLICT, "the reel is held up to byte %llu, not %llu",
                         (unsigned long long)*held, (unsigned long long)offset);
    return ERR_OK;
}

err upload_open(struct upload *u, uint64_t offset, uint64_t *held, struct reel_info *done, struct diag *d) {
    pthread_mutex_init(&u->lock, NULL);
    atomic_init(&u->ended, false);
    channel_live(&u->place.household, &u->place.camera, u->channel);
    atomic_fetch_add(&u->v->count.uploads, 1);
    err e = watch_capability(u, d);
    if (!e && u->store) {
        pthread_mutex_t *lock = upload_name_lock(u->v, &u->reel);
        pthread_mutex_lock(lock);
        e = open_store(u, offset, held, done, d);
        if (!e) enlist(u);
        if (!e) e = upload_cuts_load(u, d);
        pthread_mutex_unlock(lock);
    } else if (!e) {
        u->scanner = reel_scanner_new(u->place.camera.bytes, u->epoch);
        if (!u->scanner) e = diag_fail(d, ERR_NO_MEMORY, "no memory to follow a reel");
        if (!e && offset) e = diag_fail(d, ERR_CONFLICT, "what is not stored starts at byte 0");
    }
    if (e) return e;
    u->piece_at = reel_scanner_record_bytes(u->scanner);
    if (!u->store) enlist(u);
    return ERR_OK;
}

static err feed(struct upload *u, struct bytes piece) {
    if (u->taken) return diag_fail(&u->why, ERR_CONFLICT, "a newer connection sends this reel");
    if (atomic_load(&u->ended)) return diag_fail(&u->why, ERR_DENIED, "this hub has been removed");
    u->piece = piece;
    err e = reel_scanner_feed(u->scanner, piece, relay, u, &u->why);
    if (e) return e == ERR_NO_MEMORY ? e : ERR_INVALID;
    u->received += piece.len;
    if (u->store && u->writer && u->bad != ERR_NO_SPACE && u->bad != ERR_IO) {
        /* A store that is full is no reason to stop the live view: the answer at the end says it. */
        u->bad = u->v->blobs->ops->append(u->writer, piece, &u->why);
        if (u->bad) log_warning("a reel cannot be stored: %s", u->why.text);
    }
    /* Keep what belongs to a record that is not whole yet. */
    uint64_t piece_end = u->piece_at + piece.len, passed = reel_scanner_record_bytes(u->scanner);
    if (passed >= u->piece_at) {
        u->pending.len = 0;
        size_t left = (size_t)(piece_end - passed);
        e = blob_append(&u->pending, BYTES(piece.data + (piece.len - left), left));
    } else {
        e = blob_append(&u->pending, piece);
    }
    u->piece_at = piece_end;
    return e;
}

err upload_feed(struct upload *u, struct bytes piece) {
    if (piece.len == 0) return ERR_OK;
    pthread_mutex_lock(&u->lock);
    err e = feed(u, piece);
    if (e) u->bad = e;
    pthread_mutex_unlock(&u->lock);
    atomic_fetch_add(&u->v->count.received_bytes, piece.len);
    return e;
}

/* Nothing of it is to be kept. */
static void drop(struct upload *u) {
    struct vault *v = u->v;
    struct diag d;
    v->blobs->ops->abort(u->writer);
    u->writer = NULL;
    err ignored = v->index->ops->upload_drop(v->index, &u->place.household, &u->reel, slot_now(), &d);
    (void)ignored; /* the sweep gives old uploads up */
}

static err commit(struct upload *u, struct reel_info *out, struct diag *d) {
    struct vault *v = u->v;
    AUTO(blob_clear) struct blob table = {0};
    reel_scanner_finish(u->scanner);
    err e = reel_describe(u->scanner, &u->reel, u->epoch, &table, out, d);
    if (e == ERR_INVALID) drop(u);
    if (e) return e;
    if (out->bytes < u->piece_at) e = v->blobs->ops->truncate(u->writer, out->bytes, d);
    if (e) return e;
    e = v->blobs->ops->commit(u->writer, d);
    u->writer = NULL;
    if (e && e != ERR_EXISTS) return e;
    e = v->index->ops->reel_commit(v->index, &u->place.household, out, NULL, slot_now(), d);
    if (e == ERR_NO_SPACE) drop(u);
    if (!e) atomic_fetch_add(&v->count.reels, 1);
    out->table = (struct bytes){0};
    return e == ERR_EXISTS ? ERR_OK : e;
}

/* What was deleted of it while it arrived goes now. It stays written down until that has been done. */
static void settle_cuts(struct upload *u) {
    struct diag d = {0};
    pthread_mutex_t *lock = upload_name_lock(u->v, &u->reel);
    pthread_mutex_lock(lock);
    err e = cuts_apply(u->v, &u->place, &u->reel, &d);
    pthread_mutex_unlock(lock);
    if (e) log_error("a deleted range is still to be removed from a new reel: %s", d.text);
}

err upload_finish(struct upload *u, struct reel_info *out, struct diag *d) {
    pthread_mutex_lock(&u->lock);
    err e = u->bad;
    if (!e && u->taken) e = diag_fail(&u->why, ERR_CONFLICT, "a newer connection sends this reel");
    if (!e && atomic_load(&u->ended)) e = diag_fail(&u->why, ERR_DENIED, "this hub has been removed");
    if (e && d) *d = u->why;
    if (!e && u->store) {
        e = commit(u, out, d);
    } else if (!e) {
        const struct reel_entry *entries;
        reel_scanner_finish(u->scanner);
        *out = (struct reel_info){.bytes = u->received,
                                  .segments = (uint32_t)reel_scanner_entries(u->scanner, &entries)};
    } else if (u->writer && e == ERR_INVALID) {
        drop(u);
    }
    pthread_mutex_unlock(&u->lock);
    delist(u); /* from here on a deletion finds the reel by its row */
    if (!e && u->store) settle_cuts(u);
    return e;
}

/* A channel that has fallen silent need not keep its last segment for joiners. */
static void channel_idle(struct upload *u) {
    struct vault *v = u->v;
    pthread_mutex_lock(&v->uploads_lock);
    struct idle_channel *slot = &v->idle[v->idle_next++ % VAULT_IDLE_CHANNELS];
    if (slot->channel[0]) v->bus->ops->forget(v->bus, slot->channel);
    memcpy(slot->channel, u->channel, sizeof slot->channel);
    slot->since = steady_now();
    pthread_mutex_unlock(&v->uploads_lock);
}

void uploads_forget_idle(struct vault *v) {
    int64_t before = steady_now().us - VAULT_IDLE_CHANNEL_US;
    pthread_mutex_lock(&v->uploads_lock);
    for (size_t i = 0; i < VAULT_IDLE_CHANNELS; i++) {
        struct idle_channel *slot = &v->idle[i];
        if (!slot->channel[0] || slot->since.us > before) continue;
        bool busy = false;
        for (const struct upload *u = v->uploads; u && !busy; u = u->next)
            busy = strcmp(u->channel, slot->channel) == 0;
        if (!busy) v->bus->ops->forget(v->bus, slot->channel);
        slot->channel[0] = 0;
    }
    pthread_mutex_unlock(&v->uploads_lock);
}

void upload_free(struct upload *u) {
    struct vault *v = u->v;
    delist(u);
    pthread_mutex_lock(&u->lock); /* whoever found it in the list before has done with it */
    pthread_mutex_unlock(&u->lock);
    if (u->received && u->live != UPLOAD_LIVE_NEVER) channel_idle(u);
    if (u->end) v->bus->ops->unsubscribe(u->end);
    if (u->writer) { /* broken off: what is staged waits for the hub to come again */
        v->blobs->ops->pause(u->writer);
        if (u->live != UPLOAD_LIVE_NEVER) notice_camera(u, "offline");
    }
    reel_scanner_free(u->scanner);
    blob_clear(&u->pending);
    pthread_mutex_destroy(&u->lock);
    atomic_fetch_sub(&v->count.uploads, 1);
    free(u);
}

/* --- HEAD, and what a crash left --- */

/* While a connection has the reel. False: none has. */
static bool held_by_connection(struct vault *v, const struct store_id *household, const struct store_id *reel,
                               uint64_t *held, err *e, struct diag *d) {
    pthread_mutex_lock(&v->uploads_lock);
    struct upload *u = find(v, household, reel);
    if (u && !u->writer) u = NULL;
    if (u) {
        pthread_mutex_lock(&u->lock);
        *e = u->bad ? u->bad : v->blobs->ops->sync(u->writer, d);
        *held = reel_scanner_whole_bytes(u->scanner);
        if (u->bad) *d = u->why;
        pthread_mutex_unlock(&u->lock);
    }
    pthread_mutex_unlock(&v->uploads_lock);
    return u != NULL;
}

static err held_now(struct vault *v, const struct store_id *household, const struct store_id *reel,
                    uint64_t *held, struct diag *d) {
    struct index_upload announced;
    err e = v->index->ops->upload_get(v->index, household, reel, &announced, d);
    if (e || held_by_connection(v, household, reel, held, &e, d)) return e;
    struct blob_writer *writer = NULL;
    uint64_t staged = 0;
    e = v->blobs->ops->begin(v->blobs, reel, &writer, &staged, d);
    if (e == ERR_EXISTS) {
        struct reel_info info;
        e = upload_adopt(v, &announced, &info, d);
        *held = info.bytes;
        return e;
    }
    if (e) return e;
    struct reel_scanner *s = NULL;
    e = settle(v, writer, staged, &announced.place, announced.epoch, &s, d);
    if (!e) e = v->blobs->ops->sync(writer, d);
    if (!e) *held = reel_scanner_whole_bytes(s);
    v->blobs->ops->pause(writer);
    reel_scanner_free(s);
    return e;
}

err upload_held(struct vault *v, const struct store_id *household, const struct store_id *reel,
                uint64_t *held, struct diag *d) {
    pthread_mutex_lock(upload_name_lock(v, reel));
    err e = held_now(v, household, reel, held, d);
    pthread_mutex_unlock(upload_name_lock(v, reel));
    return e;
}

err upload_adopt(struct vault *v, const struct index_upload *upload, struct reel_info *out, struct diag *d) {
    AUTO(blob_clear) struct blob all = {0}, table = {0};
    err e = blob_read_all(v->blobs, &upload->reel, REEL_HARD_MAX_BYTES, &all, d);
    if (e) return e;
    struct reel_scanner *s = reel_scanner_new(upload->place.camera.bytes, upload->epoch);
    if (!s) return diag_fail(d, ERR_NO_MEMORY, "no memory to follow a reel");
    e = reel_scanner_feed(s, blob_bytes(&all), NULL, NULL, d);
    if (!e) {
        reel_scanner_finish(s);
        e = reel_describe(s, &upload->reel, upload->epoch, &table, out, d);
    }
    reel_scanner_free(s);
    if (!e) e = v->index->ops->reel_commit(v->index, &upload->place.household, out, NULL, slot_now(), d);
    out->table = (struct bytes){0};
    if (e == ERR_EXISTS) e = ERR_OK;
    return e ? e : cuts_apply(v, &upload->place, &upload->reel, d);
}
