#include "vault/keeper.h"

#include <stdlib.h>
#include <systemd/sd-daemon.h>

#include "base/log.h"
#include "store/garbage.h"
#include "vault/grant.h"
#include "vault/pages.h"
#include "vault/staff.h"
#include "vault/stream.h"
#include "vault/upload.h"

#define RETENTION_BATCH 200
#define GARBAGE_BATCH 256
#define UPLOADS_BATCH 256
#define COMPLAIN_S 60
#define REFUSALS_FLUSH_S 60

struct keeper {
    struct vault *v;
    unsigned sweep_s;
    int64_t complain_s; /* no sooner than then again */
    int64_t flushed_s;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stop;
};

err vault_collect(struct vault *v, struct diag *d) {
    for (;;) {
        uint64_t removed = 0;
        err e = garbage_collect(v->index, v->blobs, GARBAGE_BATCH, &removed, d);
        atomic_fetch_add(&v->count.garbage_removed, removed);
        if (e || removed < GARBAGE_BATCH) return e;
    }
}

/* --- uploads that nobody finishes --- */

struct stale {
    struct index_upload uploads[UPLOADS_BATCH];
    size_t count;
};

static err add_stale(void *arg, const struct index_upload *upload) {
    struct stale *s = arg;
    s->uploads[s->count++] = *upload;
    return s->count == UPLOADS_BATCH ? ERR_LIMIT : ERR_OK;
}

/* What is whole in them was acknowledged by HEAD, perhaps: it becomes a reel before the rest is given up. */
static err settle_stale(struct vault *v, const struct index_upload *upload, struct diag *d) {
    struct upload *u = calloc(1, sizeof *u);
    struct reel_info info;
    uint64_t held = 0;
    if (!u) return ERR_NO_MEMORY;
    err e = upload_held(v, &upload->place.household, &upload->reel, &held, d);
    u->v = v;
    u->reel = upload->reel;
    u->place = upload->place;
    u->epoch = upload->epoch;
    u->store = u->by_vault = true;
    u->live = UPLOAD_LIVE_NEVER;
    if (!e)
        e = upload_open(u, held, &held, &info, d);
    else {
        free(u);
        return e == ERR_NOT_FOUND ? ERR_OK : e;
    }
    if (!e) e = upload_finish(u, &info, d); /* drops what holds no segment */
    upload_free(u);
    return e == ERR_INVALID || e == ERR_EXISTS ? ERR_OK : e;
}

static err sweep_uploads(struct vault *v, struct diag *d) {
    struct stale *s = calloc(1, sizeof *s);
    if (!s) return diag_fail(d, ERR_NO_MEMORY, "no memory to look through uploads");
    uint32_t now = slot_now();
    uint32_t before = now > KEEPER_UPLOAD_AGE_S ? now - KEEPER_UPLOAD_AGE_S : 0;
    err e = v->index->ops->upload_list(v->index, before, add_stale, s, d);
    if (e == ERR_LIMIT) e = ERR_OK;
    for (size_t i = 0; !e && i < s->count; i++) e = settle_stale(v, &s->uploads[i], d);
    free(s);
    return e;
}

static err sweep_retention(struct vault *v, struct diag *d) {
    struct index_sweep sweep = {0};
    for (;;) {
        struct index_removed step = {0};
        err e = v->index->ops->retention_sweep(v->index, &sweep, slot_now(), RETENTION_BATCH, &step, d);
        atomic_fetch_add(&v->count.swept_reels, step.reels);
        if (e || !step.more) return e;
    }
}

err keeper_sweep(struct vault *v, struct diag *d) {
    err e = cuts_apply_due(v, d);
    if (!e) e = sweep_retention(v, d);
    if (!e) e = sweep_uploads(v, d);
    if (!e) e = vault_collect(v, d);
    return e ? e : v->index->ops->pairing_sweep(v->index, slot_now(), d);
}

/* --- grants that end --- */

static void sweep_grants(struct keeper *k, int64_t now_s) {
    struct diag d = {0}, other = {0};
    err e = activity_sweep(k->v, &d), f = grants_sweep(k->v, &other);
    if (!e && f) d = other, e = f;
    if (!e || now_s < k->complain_s) return;
    log_error("what ended is not in the access log yet: %s", d.text[0] ? d.text : err_text(e));
    k->complain_s = now_s + COMPLAIN_S;
}

/* --- the thread --- */

static void tick(struct keeper *k, int64_t now_s, int64_t *swept_s, int64_t *renewed_s, uint32_t *day) {
    struct vault *v = k->v;
    struct diag d = {0};
    streams_beat(v);
    uploads_forget_idle(v);
    sweep_grants(k, now_s);
    if (v->pages) pages_refresh(v->pages, v);
    if (staff_key_refresh(v, &d)) log_error("%s", d.text);
    if (staff_watch_tick(v, &d)) log_error("%s", d.text[0] ? d.text : "unusual use is not watched");
    if (now_s - *renewed_s >= 10) {
        hubs_renew(v);
        *renewed_s = now_s;
    }
    if (now_s - k->flushed_s >= REFUSALS_FLUSH_S) {
        staff_refused_flush(v);
        k->flushed_s = now_s;
    }
    /* The watchdog is fed by one who has just asked the index, so that a vault that hangs is started anew. */
    if (v->index->ops->ping(v->index, &d) == ERR_OK) sd_notify(0, "WATCHDOG=1");
    if (now_s - *swept_s < k->sweep_s) return;
    *swept_s = now_s;
    err e = keeper_sweep(v, &d);
    uint32_t today = slot_now() / STORE_DAY_SLOTS;
    if (!e && *day != today) {
        e = v->accounts->ops->maintain(v->accounts, today, &d);
        *day = today;
    }
    if (e) log_error("housekeeping: %s", d.text[0] ? d.text : err_text(e));
}

static void *keep(void *arg) {
    struct keeper *k = arg;
    int64_t swept_s = steady_now().us / 1000000, renewed_s = swept_s;
    uint32_t day = 0;
    pthread_mutex_lock(&k->lock);
    while (!k->stop) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec++;
        pthread_cond_timedwait(&k->changed, &k->lock, &until);
        if (k->stop) break;
        pthread_mutex_unlock(&k->lock);
        tick(k, steady_now().us / 1000000, &swept_s, &renewed_s, &day);
        pthread_mutex_lock(&k->lock);
    }
    pthread_mutex_unlock(&k->lock);
    return NULL;
}

err keeper_start(struct vault *v, unsigned sweep_s, struct keeper **out, struct diag *d) {
    struct keeper *k = calloc(1, sizeof *k);
    if (!k) return diag_fail(d, ERR_NO_MEMORY, "no memory for housekeeping");
    k->v = v;
    k->sweep_s = sweep_s ? sweep_s : KEEPER_SWEEP_S;
    pthread_mutex_init(&k->lock, NULL);
    pthread_condattr_t steady;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&k->changed, &steady);
    pthread_condattr_destroy(&steady);
    if (pthread_create(&k->thread, NULL, keep, k)) {
        free(k);
        return diag_fail(d, ERR_NO_MEMORY, "cannot start a thread");
    }
    *out = k;
    return ERR_OK;
}

void keeper_stop(struct keeper *k) {
    if (!k) return;
    pthread_mutex_lock(&k->lock);
    k->stop = true;
    pthread_cond_signal(&k->changed);
    pthread_mutex_unlock(&k->lock);
    pthread_join(k->thread, NULL);
    struct diag d = {0};
    if (activity_sweep(k->v, &d)) /* what has just been closed */
        log_error("the next start says in the access log who stopped watching: %s", d.text);
    pthread_mutex_destroy(&k->lock);
    pthread_cond_destroy(&k->changed);
    free(k);
}
