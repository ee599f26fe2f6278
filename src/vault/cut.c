/* Deletions that meet reels on their way. The index has them (range_cut in index.h), so that neither a hub
 * that comes back days later nor a restart brings back what the owner deleted; the list of a connected upload
 * is a copy, for what is shown of it meanwhile. */
#include "base/log.h"
#include "vault/upload.h"

static bool concerns(const struct upload *u, const struct reel_place *place) {
    return u->store && store_id_equal(&u->place.household, &place->household) &&
           store_id_equal(&u->place.camera, &place->camera);
}

err uploads_cut(struct vault *v, const struct reel_place *place, uint32_t from, uint32_t to, struct diag *d) {
    err e =
        v->index->ops->range_cut(v->index, place, from, to, d); /* first: who opens one now finds it there */
    if (e) return e;
    pthread_mutex_lock(&v->uploads_lock);
    for (struct upload *u = v->uploads; u; u = u->next) {
        if (!concerns(u, place)) continue;
        pthread_mutex_lock(&u->lock);
        index_cut_add(u->deleted, &u->deleted_count, from, to);
        pthread_mutex_unlock(&u->lock);
    }
    pthread_mutex_unlock(&v->uploads_lock);
    return ERR_OK;
}

err upload_cuts_load(struct upload *u, struct diag *d) {
    struct index_cut cuts[INDEX_CUTS_MAX];
    size_t count = 0;
    struct index *index = u->v->index;
    err e = index->ops->cuts_get(index, &u->place.household, &u->reel, cuts, &count, d);
    if (e) return e;
    pthread_mutex_lock(&u->lock);
    for (size_t i = 0; i < count; i++) index_cut_add(u->deleted, &u->deleted_count, cuts[i].from, cuts[i].to);
    pthread_mutex_unlock(&u->lock);
    return ERR_OK;
}

err cuts_apply(struct vault *v, const struct reel_place *place, const struct store_id *reel, struct diag *d) {
    struct index_cut cuts[INDEX_CUTS_MAX];
    size_t count = 0;
    err e = v->index->ops->cuts_get(v->index, &place->household, reel, cuts, &count, d);
    for (size_t i = 0; !e && i < count; i++) {
        struct index_removed removed = {0};
        e = recordings_remove(v, place, cuts[i].from, cuts[i].to, &removed, d);
    }
    return e || !count ? e : v->index->ops->cuts_done(v->index, &place->household, reel, d);
}

struct due {
    struct reel_place place;
    struct store_id reel;
};

static err note_due(void *arg, const struct reel_place *place, const struct store_id *reel) {
    const struct due one = {*place, *reel};
    return blob_append(arg, BYTES(&one, sizeof one));
}

err cuts_apply_due(struct vault *v, struct diag *d) {
    AUTO(blob_clear) struct blob list = {0};
    err e = v->index->ops->cuts_due(v->index, note_due, &list, d);
    for (size_t at = 0; !e && at < list.len; at += sizeof(struct due)) {
        struct due one;
        memcpy(&one, list.data + at, sizeof one);
        pthread_mutex_t *lock = upload_name_lock(v, &one.reel);
        pthread_mutex_lock(lock);
        e = cuts_apply(v, &one.place, &one.reel, d);
        pthread_mutex_unlock(lock);
    }
    return e;
}
