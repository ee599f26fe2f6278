/* Cameras, reels, garbage, events and pairing of the index in memory. */
#include "store/index_memory.h"

#include <stdio.h>
#include <stdlib.h>

/* --- cameras --- */

static struct camera_info camera_info_of(struct memory *m, const struct camera *c) {
    struct camera_info info = {.camera = c->place.camera, .retention_days = c->retention_days};
    EACH(struct name, n, m->names) {
        if (n->state != STATE_REEL || n->camera != c) continue;
        if (!info.reels || n->reel.first < info.first) info.first = n->reel.first;
        if (n->reel.end > info.last) info.last = n->reel.end;
        info.reels++;
        info.bytes += n->reel.bytes;
    }
    EACH(struct event, v, m->events) if (v->camera == c) info.events_bytes += v->value.len;
    return info;
}

err mem_camera_list(struct index *index, const struct store_id *household, index_camera_visit visit,
                    void *arg, struct diag *d) {
    struct memory *m = mi_enter(index);
    err e = ERR_OK;
    EACH(struct camera, c, m->cameras) {
        if (e || !store_id_equal(&c->place.household, household)) continue;
        struct camera_info info = camera_info_of(m, c);
        e = visit(arg, &info);
    }
    return mi_leave(m, e);
}

err mem_camera_get(struct index *index, const struct store_id *household, const struct store_id *camera,
                   struct camera_info *out, struct diag *d) {
    struct reel_place place = {*household, *camera};
    struct memory *m = mi_enter(index);
    struct camera *c = mi_camera_find(m, &place);
    if (c) *out = camera_info_of(m, c);
    return mi_leave(m, c ? ERR_OK : diag_fail(d, ERR_NOT_FOUND, "there is no such camera"));
}

err mem_camera_set_retention(struct index *index, const struct store_id *household,
                             const struct store_id *camera, uint32_t days, bool lengthen, struct diag *d) {
    if (days > INDEX_RETENTION_MAX_DAYS)
        return diag_fail(d, ERR_LIMIT, "retention is at most %u days (0: for ever)",
                         INDEX_RETENTION_MAX_DAYS);
    struct reel_place place = {*household, *camera};
    struct camera *c;
    struct memory *m = mi_enter(index);
    err e = mi_camera_need(m, &place, &c, d);
    if (!e && lengthen && c->retention_set && index_shorter(days, c->retention_days))
        e = index_deny_shorter(d);
    if (!e) c->retention_days = days;
    if (!e) c->retention_set = true;
    return mi_leave(m, e);
}

/* --- deleted ranges that wait for uploads --- */

static struct cuts *cuts_find(struct memory *m, const struct store_id *name) {
    EACH(struct cuts, c, m->cuts) if (store_id_equal(&c->name, name)) return c;
    return NULL;
}

static void cuts_forget(struct memory *m, const struct store_id *name) {
    struct cuts *c = cuts_find(m, name);
    if (c) mi_list_drop(&m->cuts, c);
}

static void cuts_narrow(struct memory *m, const struct reel_info *reel) {
    struct cuts *c = cuts_find(m, &reel->reel);
    size_t kept = 0;
    for (size_t i = 0; c && i < c->count; i++) {
        struct index_cut cut = c->list[i];
        if (cut.to <= reel->first || cut.from >= reel->end) continue;
        if (cut.from < reel->first) cut.from = reel->first;
        if (cut.to > reel->end) cut.to = reel->end;
        c->list[kept++] = cut;
    }
    if (c) c->count = kept;
    if (c && !kept) mi_list_drop(&m->cuts, c);
}

static err range_cut(struct memory *m, const struct reel_place *place, uint32_t from, uint32_t to,
                     struct diag *d) {
    struct camera *camera = mi_camera_find(m, place);
    EACH(struct name, n, m->names) {
        if (!camera || n->state != STATE_UPLOAD || n->camera != camera) continue;
        struct cuts *c = cuts_find(m, &n->reel.reel);
        if (!c) c = mi_list_add(&m->cuts, sizeof *c);
        if (!c) return mi_no_memory(d);
        c->name = n->reel.reel;
        c->camera = camera;
        index_cut_add(c->list, &c->count, from, to);
    }
    return ERR_OK;
}

err mem_range_cut(struct index *index, const struct reel_place *camera, uint32_t from, uint32_t to,
                  struct diag *d) {
    if (from >= to) return ERR_OK;
    struct memory *m = mi_enter(index);
    return mi_leave(m, range_cut(m, camera, from, to, d));
}

static struct cuts *cuts_of(struct memory *m, const struct store_id *household, const struct store_id *reel) {
    struct cuts *c = cuts_find(m, reel);
    return c && store_id_equal(&c->camera->place.household, household) ? c : NULL;
}

err mem_cuts_get(struct index *index, const struct store_id *household, const struct store_id *reel,
                 struct index_cut cuts[INDEX_CUTS_MAX], size_t *count, struct diag *d) {
    struct memory *m = mi_enter(index);
    const struct cuts *c = cuts_of(m, household, reel);
    *count = c ? c->count : 0;
    if (c) memcpy(cuts, c->list, c->count * sizeof *cuts);
    return mi_leave(m, ERR_OK);
}

err mem_cuts_done(struct index *index, const struct store_id *household, const struct store_id *reel,
                  struct diag *d) {
    struct memory *m = mi_enter(index);
    struct cuts *c = cuts_of(m, household, reel);
    if (c) mi_list_drop(&m->cuts, c);
    return mi_leave(m, ERR_OK);
}

err mem_cuts_due(struct index *index, index_cut_visit visit, void *arg, struct diag *d) {
    struct memory *m = mi_enter(index);
    err e = ERR_OK;
    EACH(struct cuts, c, m->cuts) {
        const struct name *n = mi_name_find(m, &c->name);
        if (!e && !(n && n->state == STATE_UPLOAD)) e = visit(arg, &c->camera->place, &c->name);
    }
    return mi_leave(m, e);
}

/* --- reels --- */

static err reel_begin(struct memory *m, const struct index_upload *upload, struct diag *d) {
    struct name *n = mi_name_find(m, &upload->reel);
    size_t uploads = 0;
    if (n && n->state != STATE_STRAY) {
        bool same = n->camera && memcmp(&n->camera->place, &upload->place, sizeof upload->place) == 0;
        if (same && n->state == STATE_REEL) return diag_fail(d, ERR_EXISTS, "this reel is stored already");
        if (same && n->epoch == upload->epoch) return ERR_OK;
        return diag_fail(d, ERR_CONFLICT, "this reel's name is in use");
    }
    struct camera *c;
    err e = mi_camera_need(m, &upload->place, &c, d);
    if (e) return e;
    EACH(struct name, other, m->names)
    uploads += other->state == STATE_UPLOAD &&
               store_id_equal(&other->camera->place.household, &upload->place.household);
    if (uploads >= INDEX_UPLOADS_MAX)
        return diag_fail(d, ERR_LIMIT, "a household has at most %u uploads in flight", INDEX_UPLOADS_MAX);
    e = mi_quota_check(m, &upload->place.household, 1, d);
    if (e) return e;
    if (!n) n = mi_list_add(&m->names, sizeof *n);
    if (!n) return mi_no_memory(d);
    n->reel.reel = upload->reel;
    n->state = STATE_UPLOAD;
    n->camera = c;
    n->at = upload->begun;
    n->epoch = upload->epoch;
    return ERR_OK;
}

err mem_reel_begin(struct index *index, const struct index_upload *upload, struct diag *d) {
    struct memory *m = mi_enter(index);
    return mi_leave(m, reel_begin(m, upload, d));
}

static struct index_upload upload_of(const struct name *n) {
    return (struct index_upload){
        .reel = n->reel.reel, .place = n->camera->place, .epoch = n->epoch, .begun = n->at};
}

err mem_upload_get(struct index *index, const struct store_id *household, const struct store_id *reel,
                   struct index_upload *out, struct diag *d) {
    struct memory *m = mi_enter(index);
    struct name *n = mi_name_of(m, household, reel, STATE_UPLOAD);
    if (n) *out = upload_of(n);
    return mi_leave(m, n ? ERR_OK : diag_fail(d, ERR_NOT_FOUND, "there is no such upload"));
}

err mem_upload_list(struct index *index, uint32_t before, index_upload_visit visit, void *arg,
                    struct diag *d) {
    struct memory *m = mi_enter(index);
    err e = ERR_OK;
    EACH(struct name, n, m->names) {
        if (e || n->state != STATE_UPLOAD || n->at >= before) continue;
        struct index_upload upload = upload_of(n);
        e = visit(arg, &upload);
    }
    return mi_leave(m, e);
}

err mem_upload_drop(struct index *index, const struct store_id *household, const struct store_id *reel,
                    uint32_t now, struct diag *d) {
    struct memory *m = mi_enter(index);
    struct name *n = mi_name_of(m, household, reel, STATE_UPLOAD);
    if (n) mi_garbage_make(n, now);
    if (n) cuts_forget(m, reel);
    return mi_leave(m, n ? ERR_OK : diag_fail(d, ERR_NOT_FOUND, "there is no such upload"));
}

static err reel_commit(struct memory *m, const struct store_id *household, const struct reel_info *reel,
                       const struct store_id *replaces, uint32_t now, struct diag *d) {
    if (mi_name_of(m, household, &reel->reel, STATE_REEL))
        return diag_fail(d, ERR_EXISTS, "this reel is stored already");
    struct name *n = mi_name_of(m, household, &reel->reel, STATE_UPLOAD);
    struct name *old = replaces ? mi_name_of(m, household, replaces, STATE_REEL) : NULL;
    if (!n) return diag_fail(d, ERR_NOT_FOUND, "there is no such upload");
    if (replaces && (!old || old->camera != n->camera))
        return diag_fail(d, ERR_CONFLICT, "the reel that this one replaces is gone");
    err e = replaces ? ERR_OK : mi_quota_check(m, household, reel->bytes, d);
    if (!e) e = mi_replace(&n->table, reel->table, d);
    if (e) return e;
    if (old) mi_garbage_make(old, now);
    n->reel = *reel;
    n->reel.epoch = n->epoch;
    n->reel.table = (struct bytes){0};
    n->state = STATE_REEL;
    cuts_narrow(m, reel);
    return ERR_OK;
}

err mem_reel_commit(struct index *index, const struct store_id *household, const struct reel_info *reel,
                    const struct store_id *replaces, uint32_t now, struct diag *d) {
    err e = index_check_reel(reel, d);
    if (e) return e;
    struct memory *m = mi_enter(index);
    return mi_leave(m, reel_commit(m, household, reel, replaces, now, d));
}

err mem_reel_get(struct index *index, const struct store_id *household, const struct store_id *reel,
                 struct reel_place *place, struct reel_info *out, struct blob *table, struct diag *d) {
    struct memory *m = mi_enter(index);
    struct name *n = mi_name_of(m, household, reel, STATE_REEL);
    err e = n ? ERR_OK : diag_fail(d, ERR_NOT_FOUND, "there is no such reel");
    if (!e && table) e = mi_replace(table, blob_bytes(&n->table), d);
    if (!e) {
        *place = n->camera->place;
        *out = n->reel;
        if (table) out->table = blob_bytes(table);
    }
    return mi_leave(m, e);
}

static int compare_reels(const void *a, const void *b) {
    const struct name *x = *(const struct name *const *)a, *y = *(const struct name *const *)b;
    if (x->reel.first != y->reel.first) return x->reel.first < y->reel.first ? -1 : 1;
    return memcmp(x->reel.reel.bytes, y->reel.reel.bytes, STORE_ID_BYTES);
}

err mem_list(struct memory *m, const struct reel_place *place, uint32_t from, uint32_t to, size_t max,
             bool tables, bool edges, struct timeline *out, struct diag *d) {
    struct timeline made = {0};
    struct camera *c = mi_camera_find(m, place);
    err e = ERR_OK;
    if (m->names.count) qsort(m->names.items, m->names.count, sizeof(void *), compare_reels);
    EACH(struct name, n, m->names) {
        const struct reel_info *r = &n->reel;
        bool within = r->first >= from && r->end <= to;
        if (e || made.more || n->state != STATE_REEL || n->camera != c || r->first >= to || r->end <= from ||
            (edges && (within || from >= to)))
            continue;
        made.more = made.count == max;
        made.more_from = made.more ? r->first : 0;
        struct reel_info info = *r;
        if (tables) info.table = blob_bytes(&n->table);
        if (!made.more && timeline_append(&made, &info)) e = mi_no_memory(d);
    }
    if (e) {
        timeline_clear(&made);
        return e;
    }
    timeline_settle(&made);
    timeline_clear(out);
    *out = made;
    return ERR_OK;
}

err mem_timeline(struct index *index, const struct reel_place *camera, uint32_t from, uint32_t to,
                 uint32_t max, bool tables, struct timeline *out, struct diag *d) {
    struct memory *m = mi_enter(index);
    size_t most = max < INDEX_TIMELINE_MAX ? max : INDEX_TIMELINE_MAX;
    return mi_leave(m, mem_list(m, camera, from, to, most, tables, false, out, d));
}

err mem_range_edges(struct index *index, const struct reel_place *camera, uint32_t from, uint32_t to,
                    struct timeline *out, struct diag *d) {
    struct memory *m = mi_enter(index);
    return mi_leave(m, mem_list(m, camera, from, to, INDEX_TIMELINE_MAX, true, true, out, d));
}

/* --- removal --- */

static void events_remove(struct memory *m, const struct camera *c, uint64_t from, uint64_t to,
                          struct index_removed *out) {
    for (size_t i = m->events.count; i-- > 0;) {
        struct event *v = m->events.items[i];
        if (v->camera != c || v->slot < from || v->slot >= to) continue;
        blob_clear(&v->value);
        mi_list_drop(&m->events, v);
        out->events++;
    }
}

/* Adds to *out; `more` when max_reels were removed and others remain. */
static void range_remove(struct memory *m, const struct camera *c, uint64_t from, uint64_t to,
                         uint32_t max_reels, uint32_t now, struct index_removed *out) {
    uint64_t reels = 0;
    bool more = false;
    EACH(struct name, n, m->names) {
        if (more || n->state != STATE_REEL || n->camera != c || n->reel.first < from || n->reel.end > to)
            continue;
        more = reels == max_reels;
        if (more) continue;
        reels++;
        out->segments += n->reel.segments;
        out->bytes += n->reel.bytes;
        mi_garbage_make(n, now);
    }
    out->reels += reels;
    out->more = more;
    if (!more) events_remove(m, c, from, to, out);
}

err mem_range_remove(struct index *index, const struct reel_place *camera, uint32_t from, uint32_t to,
                     uint32_t max_reels, uint32_t now, struct index_removed *out, struct diag *d) {
    *out = (struct index_removed){0};
    struct memory *m = mi_enter(index);
    struct camera *c = mi_camera_find(m, camera);
    if (c && from < to) range_remove(m, c, from, to, max_reels ? max_reels : 1, now, out);
    return mi_leave(m, ERR_OK);
}

err mem_reel_remove(struct index *index, const struct store_id *household, const struct store_id *reel,
                    uint32_t now, struct diag *d) {
    struct memory *m = mi_enter(index);
    struct name *n = mi_name_of(m, household, reel, STATE_REEL);
    if (n) mi_garbage_make(n, now);
    return mi_leave(m, n ? ERR_OK : diag_fail(d, ERR_NOT_FOUND, "there is no such reel"));
}

static err camera_remove(struct memory *m, const struct reel_place *place, uint32_t max_reels, uint32_t now,
                         struct index_removed *out, struct diag *d) {
    struct camera *c = mi_camera_find(m, place);
    if (!c) return diag_fail(d, ERR_NOT_FOUND, "there is no such camera");
    EACH(struct name, n, m->names) if (n->state == STATE_UPLOAD && n->camera == c) mi_garbage_make(n, now);
    for (size_t i = m->cuts.count; i-- > 0;) {
        struct cuts *cuts = m->cuts.items[i];
        if (cuts->camera == c) mi_list_drop(&m->cuts, cuts);
    }
    range_remove(m, c, 0, (uint64_t)UINT32_MAX + 1, max_reels ? max_reels : 1, now, out);
    if (out->more) return ERR_OK;
    char hex[2 * STORE_ID_BYTES + 1], prefix[64];
    hex_encode(BYTES(place->camera.bytes, STORE_ID_BYTES), hex);
    int len = snprintf(prefix, sizeof prefix, "camera/%s/", hex);
    for (size_t i = m->objects.count; i-- > 0;) {
        struct object *o = m->objects.items[i];
        if (store_id_equal(&o->household, &place->household) && strncmp(o->key, prefix, (size_t)len) == 0)
            mi_object_drop(m, o);
    }
    mi_list_drop(&m->cameras, c);
    return ERR_OK;
}

err mem_camera_remove(struct index *index, const struct reel_place *camera, uint32_t max_reels, uint32_t now,
                      struct index_removed *out, struct diag *d) {
    *out = (struct index_removed){0};
    struct memory *m = mi_enter(index);
    return mi_leave(m, camera_remove(m, camera, max_reels, now, out, d));
}

err mem_retention_sweep(struct index *index, struct index_sweep *sweep, uint32_t now, uint32_t max_reels,
                        struct index_removed *out, struct diag *d) {
    *out = (struct index_removed){0};
    struct memory *m = mi_enter(index);
    while (sweep->at < m->cameras.count && !out->more) {
        struct camera *c = m->cameras.items[sweep->at];
        uint64_t keep = (uint64_t)c->retention_days * STORE_DAY_SLOTS;
        if (keep && keep < now) range_remove(m, c, 0, now - keep, max_reels - (uint32_t)out->reels, now, out);
        if (!out->more) sweep->at++;
    }
    return mi_leave(m, ERR_OK);
}

/* --- names --- */

static int compare_ages(const void *a, const void *b) {
    const struct name *x = *(const struct name *const *)a, *y = *(const struct name *const *)b;
    return x->at < y->at ? -1 : x->at > y->at;
}

err mem_garbage_list(struct index *index, uint32_t max, index_name_visit visit, void *arg, struct diag *d) {
    struct memory *m = mi_enter(index);
    err e = ERR_OK;
    if (m->names.count) qsort(m->names.items, m->names.count, sizeof(void *), compare_ages);
    EACH(struct name, n, m->names)
    if (!e && n->state == STATE_GARBAGE && max && max--) e = visit(arg, &n->reel.reel, n->at);
    return mi_leave(m, e);
}

err mem_garbage_done(struct index *index, const struct store_id *names, size_t count, struct diag *d) {
    struct memory *m = mi_enter(index);
    for (size_t i = 0; i < count; i++) {
        struct name *n = mi_name_find(m, &names[i]);
        if (n && n->state == STATE_GARBAGE) mi_list_drop(&m->names, n);
    }
    return mi_leave(m, ERR_OK);
}

static err stray_seen(struct memory *m, const struct store_id *name, uint32_t now, bool collect,
                      uint32_t *since, struct diag *d) {
    struct name *n = mi_name_find(m, name);
    if (n && n->state != STATE_STRAY) return diag_fail(d, ERR_CONFLICT, "the index knows this name");
    if (!n) {
        n = mi_list_add(&m->names, sizeof *n);
        if (!n) return mi_no_memory(d);
        n->reel.reel = *name;
        n->state = STATE_STRAY;
        n->at = now;
    }
    *since = n->at;
    if (collect) mi_garbage_make(n, now);
    return ERR_OK;
}

err mem_stray_seen(struct index *index, const struct store_id *name, uint32_t now, bool collect,
                   uint32_t *since, struct diag *d) {
    struct memory *m = mi_enter(index);
    return mi_leave(m, stray_seen(m, name, now, collect, since, d));
}

err mem_name_known(struct index *index, const struct store_id *name, struct diag *d) {
    struct memory *m = mi_enter(index);
    struct name *n = mi_name_find(m, name);
    bool known = n && n->state != STATE_STRAY;
    return mi_leave(m, known ? ERR_OK : diag_fail(d, ERR_NOT_FOUND, "the index does not know this name"));
}

static int compare_names(const void *a, const void *b) {
    const struct name *x = *(const struct name *const *)a, *y = *(const struct name *const *)b;
    return memcmp(x->reel.reel.bytes, y->reel.reel.bytes, STORE_ID_BYTES);
}

err mem_reel_scan(struct index *index, const struct store_id *from, bool tables, index_reel_visit visit,
                  void *arg, struct diag *d) {
    struct memory *m = mi_enter(index);
    err e = ERR_OK;
    if (m->names.count) qsort(m->names.items, m->names.count, sizeof(void *), compare_names);
    EACH(struct name, n, m->names) {
        if (e || n->state != STATE_REEL ||
            (from && memcmp(n->reel.reel.bytes, from->bytes, STORE_ID_BYTES) < 0))
            continue;
        struct reel_info info = n->reel;
        if (tables) info.table = blob_bytes(&n->table);
        e = visit(arg, &n->camera->place, &info);
    }
    return mi_leave(m, e);
}

/* --- events and pairing --- */

static err event_add(struct memory *m, const struct reel_place *place, uint32_t slot,
                     const struct store_id *id, bool picture, struct bytes value, uint64_t *sequence,
                     struct diag *d) {
    struct camera *c;
    size_t count = 0;
    err e = mi_camera_need(m, place, &c, d);
    if (e) return e;
    EACH(struct event, v, m->events) {
        if (v->camera != c) continue;
        count += v->picture == picture && v->slot / STORE_DAY_SLOTS == slot / STORE_DAY_SLOTS;
        if (!store_id_equal(&v->id, id)) continue;
        *sequence = v->sequence;
        return ERR_OK;
    }
    if (count >= INDEX_EVENTS_DAY_MAX) return index_check_day_full(picture, d);
    e = mi_quota_check(m, &place->household, value.len, d);
    if (e) return e;
    struct blob copy = {0};
    e = mi_replace(&copy, value, d);
    struct event *v = e ? NULL : mi_list_add(&m->events, sizeof *v);
    if (!v) {
        blob_clear(&copy);
        return e ? e : mi_no_memory(d);
    }
    *v = (struct event){
        .camera = c, .sequence = c->next_event++, .slot = slot, .id = *id, .picture = picture, .value = copy};
    *sequence = v->sequence;
    return ERR_OK;
}

err mem_event_add(struct index *index, const struct reel_place *camera, uint32_t slot,
                  const struct store_id *event_id, bool picture, struct bytes event, uint64_t *sequence,
                  struct diag *d) {
    err e = index_check_event(picture, event.len, d);
    if (e) return e;
    struct memory *m = mi_enter(index);
    return mi_leave(m, event_add(m, camera, slot, event_id, picture, event, sequence, d));
}

static err event_get(struct memory *m, const struct reel_place *place, uint32_t day,
                     const struct store_id *id, struct blob *out, struct diag *d) {
    const struct camera *c = mi_camera_find(m, place);
    EACH(struct event, v, m->events) {
        if (!c || v->camera != c || v->slot / STORE_DAY_SLOTS != day || !store_id_equal(&v->id, id)) continue;
        return mi_replace(out, blob_bytes(&v->value), d);
    }
    return diag_fail(d, ERR_NOT_FOUND, "that day has no such event");
}

err mem_event_get(struct index *index, const struct reel_place *camera, uint32_t day,
                  const struct store_id *event_id, struct blob *out, struct diag *d) {
    struct memory *m = mi_enter(index);
    return mi_leave(m, event_get(m, camera, day, event_id, out, d));
}

/* They were added in the order of their sequence, and stay in it. */
err mem_event_list(struct index *index, const struct reel_place *camera, uint32_t day, uint64_t after,
                   uint32_t max, index_event_visit visit, void *arg, struct diag *d) {
    struct memory *m = mi_enter(index);
    struct camera *c = mi_camera_find(m, camera);
    err e = ERR_OK;
    EACH(struct event, v, m->events)
    if (!e && c && v->camera == c && !v->picture && v->slot / STORE_DAY_SLOTS == day && v->sequence > after &&
        max && max--)
        e = visit(arg, v->sequence, blob_bytes(&v->value));
    return mi_leave(m, e);
}

static struct pairing *pairing_find(struct memory *m, const struct store_id *id) {
    EACH(struct pairing, p, m->pairings) if (store_id_equal(&p->id, id)) return p;
    return NULL;
}

static err pairing_put(struct memory *m, const struct store_id *id, struct bytes announcement,
                       uint32_t expires, struct diag *d) {
    if (m->pairings.count >= INDEX_PAIRINGS_MAX)
        return diag_fail(d, ERR_LIMIT, "too many hubs wait to be paired: try again later");
    if (pairing_find(m, id)) return diag_fail(d, ERR_EXISTS, "this pairing code is in use");
    struct pairing *p = mi_list_add(&m->pairings, sizeof *p);
    if (!p) return mi_no_memory(d);
    p->id = *id;
    p->expires = expires;
    return mi_replace(&p->announcement, announcement, d);
}

err mem_pairing_put(struct index *index, const struct store_id *id, struct bytes announcement,
                    uint32_t expires, struct diag *d) {
    err e = index_check_size("an announcement", announcement.len, INDEX_PAIRING_MAX_BYTES, d);
    if (e) return e;
    struct memory *m = mi_enter(index);
    return mi_leave(m, pairing_put(m, id, announcement, expires, d));
}

static err no_pairing(struct diag *d) {
    return diag_fail(d, ERR_NOT_FOUND, "no hub waits under this pairing code");
}

err mem_pairing_get(struct index *index, const struct store_id *id, uint32_t now, struct blob *announcement,
                    struct blob *answer, struct diag *d) {
    struct memory *m = mi_enter(index);
    struct pairing *p = pairing_find(m, id);
    err e = p && p->expires > now ? ERR_OK : no_pairing(d);
    if (!e && announcement) e = mi_replace(announcement, blob_bytes(&p->announcement), d);
    if (!e && answer) e = mi_replace(answer, blob_bytes(&p->answer), d);
    return mi_leave(m, e);
}

err mem_pairing_answer(struct index *index, const struct store_id *id, uint32_t now, struct bytes answer,
                       struct diag *d) {
    err e = index_check_size("an answer", answer.len, INDEX_PAIRING_MAX_BYTES, d);
    if (e) return e;
    struct memory *m = mi_enter(index);
    struct pairing *p = pairing_find(m, id);
    if (!p || p->expires <= now) return mi_leave(m, no_pairing(d));
    if (p->answered) return mi_leave(m, diag_fail(d, ERR_EXISTS, "this hub has been answered already"));
    e = mi_replace(&p->answer, answer, d);
    p->answered = !e;
    return mi_leave(m, e);
}

static void pairing_drop(struct memory *m, struct pairing *p) {
    blob_clear(&p->announcement);
    blob_clear(&p->answer);
    mi_list_drop(&m->pairings, p);
}

err mem_pairing_sweep(struct index *index, uint32_t now, struct diag *d) {
    struct memory *m = mi_enter(index);
    for (size_t i = m->pairings.count; i-- > 0;) {
        struct pairing *p = m->pairings.items[i];
        if (p->expires <= now) pairing_drop(m, p);
    }
    return mi_leave(m, ERR_OK);
}
