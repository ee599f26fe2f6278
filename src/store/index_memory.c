/* The index in memory, for tests: lists that are searched from end to end, under one lock. What it keeps it
 * keeps once, so that there is nothing for `check` to find. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/index_common.h"

enum state { STATE_UPLOAD, STATE_REEL, STATE_GARBAGE, STATE_STRAY };

/* Owns its items; each begins with nothing in common but how it is freed. */
struct list {
    void **items;
    size_t count, room;
};

struct setting {
    char key[65];
    struct blob value;
};
struct household {
    struct store_id id;
    uint64_t quota_bytes;
};
struct object {
    struct store_id household;
    char key[INDEX_OBJECT_KEY_CHARS + 1];
    uint64_t version;
    struct blob value;
};
struct camera {
    struct reel_place place;
    uint32_t retention_days;
    uint64_t next_event;
};
struct name {
    struct reel_info reel; /* its name; the rest of a reel only */
    enum state state;
    struct camera *camera; /* of uploads and reels */
    uint32_t at, epoch;
    struct blob table;
};
struct event {
    struct camera *camera;
    uint64_t sequence;
    uint32_t slot;
    struct store_id id;
    struct blob value;
};
struct pairing {
    struct store_id id;
    struct blob announcement, answer;
    bool answered;
    uint32_t expires;
};

struct memory {
    struct index index;
    pthread_mutex_t lock;
    struct list settings, households, capabilities, objects, cameras, names, events, pairings;
};

#define EACH(type, variable, list)                                                                           \
    for (size_t i_##variable = 0; i_##variable < (list).count; i_##variable++)                               \
        for (type *variable = (list).items[i_##variable]; variable; variable = NULL)

static struct memory *enter(struct index *index) {
    struct memory *m = (struct memory *)index;
    pthread_mutex_lock(&m->lock);
    return m;
}

static err leave(struct memory *m, err e) {
    pthread_mutex_unlock(&m->lock);
    return e;
}

static err no_memory(struct diag *d) {
    return diag_fail(d, ERR_NO_MEMORY, "no memory for the index");
}

/* Zeroed, and in the list; NULL: out of memory. */
static void *list_add(struct list *list, size_t size) {
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 16;
        void **grown = realloc(list->items, room * sizeof *grown);
        if (!grown) return NULL;
        list->items = grown;
        list->room = room;
    }
    void *item = calloc(1, size);
    if (item) list->items[list->count++] = item;
    return item;
}

static void list_drop(struct list *list, void *item) {
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i] != item) continue;
        memmove(&list->items[i], &list->items[i + 1], (list->count - i - 1) * sizeof *list->items);
        list->count--;
        free(item);
        return;
    }
}

static err replace(struct blob *stored, struct bytes value, struct diag *d) {
    struct blob copy = {0};
    if (blob_append(&copy, value)) return no_memory(d);
    blob_clear(stored);
    *stored = copy;
    return ERR_OK;
}

/* --- finding --- */

static struct household *household_find(struct memory *m, const struct store_id *id) {
    EACH(struct household, h, m->households) if (store_id_equal(&h->id, id)) return h;
    return NULL;
}

static struct capability *capability_find(struct memory *m, const struct store_key *key) {
    EACH(struct capability, c, m->capabilities) if (store_key_equal(&c->key, key)) return c;
    return NULL;
}

static struct object *object_find(struct memory *m, const struct store_id *household, const char *key) {
    EACH(struct object, o, m->objects)
    if (store_id_equal(&o->household, household) && strcmp(o->key, key) == 0) return o;
    return NULL;
}

static struct camera *camera_find(struct memory *m, const struct reel_place *place) {
    EACH(struct camera, c, m->cameras)
    if (memcmp(&c->place, place, sizeof *place) == 0) return c;
    return NULL;
}

static struct name *name_find(struct memory *m, const struct store_id *name) {
    EACH(struct name, n, m->names) if (store_id_equal(&n->reel.reel, name)) return n;
    return NULL;
}

static struct name *name_of(struct memory *m, const struct store_id *household, const struct store_id *name,
                            enum state state) {
    struct name *n = name_find(m, name);
    bool mine = n && n->state == state && store_id_equal(&n->camera->place.household, household);
    return mine ? n : NULL;
}

static err no_household(struct diag *d) {
    return diag_fail(d, ERR_NOT_FOUND, "there is no such household");
}

static err camera_need(struct memory *m, const struct reel_place *place, struct camera **out,
                       struct diag *d) {
    size_t count = 0;
    *out = camera_find(m, place);
    if (*out) return ERR_OK;
    if (!household_find(m, &place->household)) return no_household(d);
    EACH(struct camera, c, m->cameras) count += store_id_equal(&c->place.household, &place->household);
    if (count >= INDEX_CAMERAS_MAX)
        return diag_fail(d, ERR_LIMIT, "a household has at most %u cameras", INDEX_CAMERAS_MAX);
    *out = list_add(&m->cameras, sizeof **out);
    if (!*out) return no_memory(d);
    (*out)->place = *place;
    (*out)->next_event = 1;
    return ERR_OK;
}

static void garbage_make(struct name *n, uint32_t now) {
    n->state = STATE_GARBAGE;
    n->camera = NULL;
    n->at = now;
    blob_clear(&n->table);
}

/* --- settings --- */

static err mem_ping(struct index *index, struct diag *d) {
    return ERR_OK;
}

static struct setting *setting_find(struct memory *m, const char *key) {
    EACH(struct setting, s, m->settings) if (strcmp(s->key, key) == 0) return s;
    return NULL;
}

static err mem_setting_get(struct index *index, const char *key, struct blob *out, struct diag *d) {
    struct memory *m = enter(index);
    struct setting *s = setting_find(m, key);
    return leave(m, s ? replace(out, blob_bytes(&s->value), d)
                      : diag_fail(d, ERR_NOT_FOUND, "there is no setting %s", key));
}

static err setting_store(struct memory *m, const char *key, struct bytes value, bool over, struct blob *out,
                         struct diag *d) {
    struct setting *s = setting_find(m, key);
    bool fresh = !s;
    if (fresh) s = list_add(&m->settings, sizeof *s);
    if (!s) return no_memory(d);
    snprintf(s->key, sizeof s->key, "%s", key);
    err e = fresh || over ? replace(&s->value, value, d) : ERR_OK;
    return e || !out ? e : replace(out, blob_bytes(&s->value), d);
}

static err setting_check(const char *key, struct bytes value, struct diag *d) {
    err e = index_check_setting(key, d);
    return e ? e : index_check_size("a setting", value.len, INDEX_SETTING_MAX_BYTES, d);
}

static err mem_setting_put(struct index *index, const char *key, struct bytes value, struct diag *d) {
    err e = setting_check(key, value, d);
    if (e) return e;
    struct memory *m = enter(index);
    return leave(m, setting_store(m, key, value, true, NULL, d));
}

static err mem_setting_init(struct index *index, const char *key, struct bytes value, struct blob *out,
                            struct diag *d) {
    err e = setting_check(key, value, d);
    if (e) return e;
    struct memory *m = enter(index);
    return leave(m, setting_store(m, key, value, false, out, d));
}

/* --- households --- */

static err household_create(struct memory *m, const struct store_id *household, const struct store_key *owner,
                            uint64_t quota_bytes, struct diag *d) {
    if (household_find(m, household)) return diag_fail(d, ERR_EXISTS, "this household exists already");
    if (capability_find(m, owner)) return diag_fail(d, ERR_EXISTS, "this capability is registered already");
    struct capability *c = list_add(&m->capabilities, sizeof *c);
    struct household *h = c ? list_add(&m->households, sizeof *h) : NULL;
    if (!h) {
        list_drop(&m->capabilities, c);
        return no_memory(d);
    }
    *c = (struct capability){.key = *owner, .household = *household, .role = CAPABILITY_ROLE_OWNER};
    *h = (struct household){*household, quota_bytes};
    return ERR_OK;
}

static err mem_household_create(struct index *index, const struct store_id *household,
                                const struct store_key *owner, uint64_t quota_bytes, struct diag *d) {
    struct memory *m = enter(index);
    return leave(m, household_create(m, household, owner, quota_bytes, d));
}

static err mem_household_count(struct index *index, uint64_t *out, struct diag *d) {
    struct memory *m = enter(index);
    *out = m->households.count;
    return leave(m, ERR_OK);
}

static err mem_household_set_quota(struct index *index, const struct store_id *household,
                                   uint64_t quota_bytes, struct diag *d) {
    struct memory *m = enter(index);
    struct household *h = household_find(m, household);
    if (h) h->quota_bytes = quota_bytes;
    return leave(m, h ? ERR_OK : no_household(d));
}

static err usage_of(struct memory *m, const struct store_id *household, struct index_usage *out,
                    struct diag *d) {
    struct household *h = household_find(m, household);
    if (!h) return no_household(d);
    *out = (struct index_usage){.quota_bytes = h->quota_bytes};
    EACH(struct name, n, m->names)
    if (n->state == STATE_REEL && store_id_equal(&n->camera->place.household, household)) {
        out->reels++;
        out->bytes += n->reel.bytes;
    }
    EACH(struct event, v, m->events)
    if (store_id_equal(&v->camera->place.household, household)) out->bytes += v->value.len;
    EACH(struct object, o, m->objects)
    if (store_id_equal(&o->household, household)) out->bytes += o->value.len;
    return ERR_OK;
}

static err mem_usage(struct index *index, const struct store_id *household, struct index_usage *out,
                     struct diag *d) {
    struct memory *m = enter(index);
    return leave(m, usage_of(m, household, out, d));
}

static err quota_check(struct memory *m, const struct store_id *household, uint64_t more, struct diag *d) {
    struct index_usage usage;
    err e = usage_of(m, household, &usage, d);
    if (e || !usage.quota_bytes || usage.bytes + more <= usage.quota_bytes) return e;
    return diag_fail(d, ERR_NO_SPACE, "the household's quota of %llu MiB is used up",
                     (unsigned long long)(usage.quota_bytes >> 20));
}

static err capability_add(struct memory *m, const struct capability *capability, struct diag *d) {
    size_t count = 0;
    if (!household_find(m, &capability->household)) return no_household(d);
    if (capability_find(m, &capability->key))
        return diag_fail(d, ERR_EXISTS, "this capability is registered already");
    EACH(struct capability, c, m->capabilities)
    count += store_id_equal(&c->household, &capability->household);
    if (count >= INDEX_CAPABILITIES_MAX)
        return diag_fail(d, ERR_LIMIT, "a household has at most %u capabilities", INDEX_CAPABILITIES_MAX);
    struct capability *added = list_add(&m->capabilities, sizeof *added);
    if (!added) return no_memory(d);
    *added = *capability;
    return ERR_OK;
}

static err mem_capability_add(struct index *index, const struct capability *capability, struct diag *d) {
    if (capability->role != CAPABILITY_ROLE_OWNER && capability->role != CAPABILITY_ROLE_WRITER)
        return diag_fail(d, ERR_INVALID, "a capability is an owner's or a writer's");
    struct memory *m = enter(index);
    return leave(m, capability_add(m, capability, d));
}

static err mem_capability_get(struct index *index, const struct store_key *key, struct capability *out,
                              struct diag *d) {
    struct memory *m = enter(index);
    struct capability *c = capability_find(m, key);
    if (c) *out = *c;
    return leave(m, c ? ERR_OK : diag_fail(d, ERR_NOT_FOUND, "this capability is not registered"));
}

static err capability_remove(struct memory *m, const struct store_id *household, const struct store_key *key,
                             struct diag *d) {
    size_t owners = 0;
    struct capability *gone = capability_find(m, key);
    if (!gone || !store_id_equal(&gone->household, household))
        return diag_fail(d, ERR_NOT_FOUND, "this capability is not registered");
    EACH(struct capability, c, m->capabilities)
    owners += store_id_equal(&c->household, household) && c->role == CAPABILITY_ROLE_OWNER;
    if (gone->role == CAPABILITY_ROLE_OWNER && owners <= 1)
        return diag_fail(d, ERR_DENIED, "this is the household's last owner");
    list_drop(&m->capabilities, gone);
    return ERR_OK;
}

static err mem_capability_remove(struct index *index, const struct store_id *household,
                                 const struct store_key *key, struct diag *d) {
    struct memory *m = enter(index);
    return leave(m, capability_remove(m, household, key, d));
}

static err mem_capability_list(struct index *index, const struct store_id *household,
                               index_capability_visit visit, void *arg, struct diag *d) {
    struct memory *m = enter(index);
    err e = ERR_OK;
    EACH(struct capability, c, m->capabilities)
    if (!e && store_id_equal(&c->household, household)) e = visit(arg, c);
    return leave(m, e);
}

static err mem_capability_seen(struct index *index, const struct store_key *key, uint32_t slot,
                               struct diag *d) {
    struct memory *m = enter(index);
    struct capability *c = capability_find(m, key);
    if (c) c->seen = slot;
    return leave(m, c ? ERR_OK : diag_fail(d, ERR_NOT_FOUND, "this capability is not registered"));
}

/* --- objects --- */

static int compare_objects(const void *a, const void *b) {
    return strcmp((*(const struct object *const *)a)->key, (*(const struct object *const *)b)->key);
}

static err mem_object_list(struct index *index, const struct store_id *household, const char *prefix,
                           index_object_visit visit, void *arg, struct diag *d) {
    err e = index_check_key(prefix, true, d);
    if (e) return e;
    struct memory *m = enter(index);
    if (m->objects.count) qsort(m->objects.items, m->objects.count, sizeof(void *), compare_objects);
    EACH(struct object, o, m->objects) {
        if (e || !store_id_equal(&o->household, household) || strncmp(o->key, prefix, strlen(prefix)) != 0)
            continue;
        struct object_info info = {.version = o->version, .bytes = o->value.len};
        memcpy(info.key, o->key, sizeof info.key);
        e = visit(arg, &info);
    }
    return leave(m, e);
}

static err mem_object_get(struct index *index, const struct store_id *household, const char *key,
                          uint64_t *version, struct blob *out, struct diag *d) {
    err e = index_check_key(key, false, d);
    if (e) return e;
    struct memory *m = enter(index);
    struct object *o = object_find(m, household, key);
    e = o ? replace(out, blob_bytes(&o->value), d)
          : diag_fail(d, ERR_NOT_FOUND, "there is no object %s", key);
    if (!e) *version = o->version;
    return leave(m, e);
}

static err object_put(struct memory *m, const struct store_id *household, const char *key, uint64_t replaces,
                      struct bytes value, uint64_t *current, struct diag *d) {
    struct object *o = object_find(m, household, key);
    uint64_t stored = o ? o->version : 0, old = o ? o->value.len : 0;
    size_t count = 0;
    if (!household_find(m, household)) return no_household(d);
    if (stored != replaces) {
        *current = stored;
        return diag_fail(d, ERR_CONFLICT, "the stored version of %s is %llu, not %llu", key,
                         (unsigned long long)stored, (unsigned long long)replaces);
    }
    EACH(struct object, other, m->objects) count += store_id_equal(&other->household, household);
    if (!o && count >= INDEX_OBJECTS_MAX)
        return diag_fail(d, ERR_LIMIT, "a household has at most %u objects", INDEX_OBJECTS_MAX);
    err e = value.len > old ? quota_check(m, household, value.len - old, d) : ERR_OK;
    if (e) return e;
    AUTO(blob_clear) struct blob copy = {0};
    e = replace(&copy, value, d);
    if (!e && !o) o = list_add(&m->objects, sizeof *o);
    if (e || !o) return e ? e : no_memory(d);
    o->household = *household;
    snprintf(o->key, sizeof o->key, "%s", key);
    o->version = replaces + 1;
    struct blob before = o->value;
    o->value = copy;
    copy = before;
    return ERR_OK;
}

static err mem_object_put(struct index *index, const struct store_id *household, const char *key,
                          uint64_t replaces, struct bytes value, uint64_t *current, struct diag *d) {
    err e = index_check_key(key, false, d);
    if (!e) e = index_check_size("an object", value.len, INDEX_OBJECT_MAX_BYTES, d);
    if (e) return e;
    struct memory *m = enter(index);
    return leave(m, object_put(m, household, key, replaces, value, current, d));
}

static void object_drop(struct memory *m, struct object *o) {
    blob_clear(&o->value);
    list_drop(&m->objects, o);
}

static err mem_object_remove(struct index *index, const struct store_id *household, const char *key,
                             struct diag *d) {
    err e = index_check_key(key, false, d);
    if (e) return e;
    struct memory *m = enter(index);
    struct object *o = object_find(m, household, key);
    if (o) object_drop(m, o);
    return leave(m, o ? ERR_OK : diag_fail(d, ERR_NOT_FOUND, "there is no object %s", key));
}

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

static err mem_camera_list(struct index *index, const struct store_id *household, index_camera_visit visit,
                           void *arg, struct diag *d) {
    struct memory *m = enter(index);
    err e = ERR_OK;
    EACH(struct camera, c, m->cameras) {
        if (e || !store_id_equal(&c->place.household, household)) continue;
        struct camera_info info = camera_info_of(m, c);
        e = visit(arg, &info);
    }
    return leave(m, e);
}

static err mem_camera_get(struct index *index, const struct store_id *household,
                          const struct store_id *camera, struct camera_info *out, struct diag *d) {
    struct reel_place place = {*household, *camera};
    struct memory *m = enter(index);
    struct camera *c = camera_find(m, &place);
    if (c) *out = camera_info_of(m, c);
    return leave(m, c ? ERR_OK : diag_fail(d, ERR_NOT_FOUND, "there is no such camera"));
}

static err mem_camera_set_retention(struct index *index, const struct store_id *household,
                                    const struct store_id *camera, uint32_t days, struct diag *d) {
    if (days > INDEX_RETENTION_MAX_DAYS)
        return diag_fail(d, ERR_LIMIT, "retention is at most %u days (0: for ever)",
                         INDEX_RETENTION_MAX_DAYS);
    struct reel_place place = {*household, *camera};
    struct camera *c;
    struct memory *m = enter(index);
    err e = camera_need(m, &place, &c, d);
    if (!e) c->retention_days = days;
    return leave(m, e);
}

/* --- reels --- */

static err reel_begin(struct memory *m, const struct index_upload *upload, struct diag *d) {
    struct name *n = name_find(m, &upload->reel);
    size_t uploads = 0;
    if (n && n->state != STATE_STRAY) {
        bool same = n->camera && memcmp(&n->camera->place, &upload->place, sizeof upload->place) == 0;
        if (same && n->state == STATE_REEL) return diag_fail(d, ERR_EXISTS, "this reel is stored already");
        if (same && n->epoch == upload->epoch) return ERR_OK;
        return diag_fail(d, ERR_CONFLICT, "this reel's name is in use");
    }
    struct camera *c;
    err e = camera_need(m, &upload->place, &c, d);
    if (e) return e;
    EACH(struct name, other, m->names)
    uploads += other->state == STATE_UPLOAD &&
               store_id_equal(&other->camera->place.household, &upload->place.household);
    if (uploads >= INDEX_UPLOADS_MAX)
        return diag_fail(d, ERR_LIMIT, "a household has at most %u uploads in flight", INDEX_UPLOADS_MAX);
    e = quota_check(m, &upload->place.household, 1, d);
    if (e) return e;
    if (!n) n = list_add(&m->names, sizeof *n);
    if (!n) return no_memory(d);
    n->reel.reel = upload->reel;
    n->state = STATE_UPLOAD;
    n->camera = c;
    n->at = upload->begun;
    n->epoch = upload->epoch;
    return ERR_OK;
}

static err mem_reel_begin(struct index *index, const struct index_upload *upload, struct diag *d) {
    struct memory *m = enter(index);
    return leave(m, reel_begin(m, upload, d));
}

static struct index_upload upload_of(const struct name *n) {
    return (struct index_upload){
        .reel = n->reel.reel, .place = n->camera->place, .epoch = n->epoch, .begun = n->at};
}

static err mem_upload_get(struct index *index, const struct store_id *household, const struct store_id *reel,
                          struct index_upload *out, struct diag *d) {
    struct memory *m = enter(index);
    struct name *n = name_of(m, household, reel, STATE_UPLOAD);
    if (n) *out = upload_of(n);
    return leave(m, n ? ERR_OK : diag_fail(d, ERR_NOT_FOUND, "there is no such upload"));
}

static err mem_upload_list(struct index *index, uint32_t before, index_upload_visit visit, void *arg,
                           struct diag *d) {
    struct memory *m = enter(index);
    err e = ERR_OK;
    EACH(struct name, n, m->names) {
        if (e || n->state != STATE_UPLOAD || n->at >= before) continue;
        struct index_upload upload = upload_of(n);
        e = visit(arg, &upload);
    }
    return leave(m, e);
}

static err mem_upload_drop(struct index *index, const struct store_id *household, const struct store_id *reel,
                           uint32_t now, struct diag *d) {
    struct memory *m = enter(index);
    struct name *n = name_of(m, household, reel, STATE_UPLOAD);
    if (n) garbage_make(n, now);
    return leave(m, n ? ERR_OK : diag_fail(d, ERR_NOT_FOUND, "there is no such upload"));
}

static err reel_commit(struct memory *m, const struct store_id *household, const struct reel_info *reel,
                       const struct store_id *replaces, uint32_t now, struct diag *d) {
    if (name_of(m, household, &reel->reel, STATE_REEL))
        return diag_fail(d, ERR_EXISTS, "this reel is stored already");
    struct name *n = name_of(m, household, &reel->reel, STATE_UPLOAD);
    struct name *old = replaces ? name_of(m, household, replaces, STATE_REEL) : NULL;
    if (!n) return diag_fail(d, ERR_NOT_FOUND, "there is no such upload");
    if (replaces && (!old || old->camera != n->camera))
        return diag_fail(d, ERR_CONFLICT, "the reel that this one replaces is gone");
    err e = replaces ? ERR_OK : quota_check(m, household, reel->bytes, d);
    if (!e) e = replace(&n->table, reel->table, d);
    if (e) return e;
    if (old) garbage_make(old, now);
    n->reel = *reel;
    n->reel.epoch = n->epoch;
    n->reel.table = (struct bytes){0};
    n->state = STATE_REEL;
    return ERR_OK;
}

static err mem_reel_commit(struct index *index, const struct store_id *household,
                           const struct reel_info *reel, const struct store_id *replaces, uint32_t now,
                           struct diag *d) {
    err e = index_check_reel(reel, d);
    if (e) return e;
    struct memory *m = enter(index);
    return leave(m, reel_commit(m, household, reel, replaces, now, d));
}

static err mem_reel_get(struct index *index, const struct store_id *household, const struct store_id *reel,
                        struct reel_place *place, struct reel_info *out, struct blob *table, struct diag *d) {
    struct memory *m = enter(index);
    struct name *n = name_of(m, household, reel, STATE_REEL);
    err e = n ? ERR_OK : diag_fail(d, ERR_NOT_FOUND, "there is no such reel");
    if (!e && table) e = replace(table, blob_bytes(&n->table), d);
    if (!e) {
        *place = n->camera->place;
        *out = n->reel;
        if (table) out->table = blob_bytes(table);
    }
    return leave(m, e);
}

static int compare_reels(const void *a, const void *b) {
    const struct name *x = *(const struct name *const *)a, *y = *(const struct name *const *)b;
    if (x->reel.first != y->reel.first) return x->reel.first < y->reel.first ? -1 : 1;
    return memcmp(x->reel.reel.bytes, y->reel.reel.bytes, STORE_ID_BYTES);
}

static err mem_list(struct memory *m, const struct reel_place *place, uint32_t from, uint32_t to, size_t max,
                    bool tables, bool edges, struct timeline *out, struct diag *d) {
    struct timeline made = {0};
    struct camera *c = camera_find(m, place);
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
        if (!made.more && timeline_append(&made, &info)) e = no_memory(d);
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

static err mem_timeline(struct index *index, const struct reel_place *camera, uint32_t from, uint32_t to,
                        uint32_t max, bool tables, struct timeline *out, struct diag *d) {
    struct memory *m = enter(index);
    size_t most = max < INDEX_TIMELINE_MAX ? max : INDEX_TIMELINE_MAX;
    return leave(m, mem_list(m, camera, from, to, most, tables, false, out, d));
}

static err mem_range_edges(struct index *index, const struct reel_place *camera, uint32_t from, uint32_t to,
                           struct timeline *out, struct diag *d) {
    struct memory *m = enter(index);
    return leave(m, mem_list(m, camera, from, to, INDEX_TIMELINE_MAX, true, true, out, d));
}

/* --- removal --- */

static void events_remove(struct memory *m, const struct camera *c, uint64_t from, uint64_t to,
                          struct index_removed *out) {
    for (size_t i = m->events.count; i-- > 0;) {
        struct event *v = m->events.items[i];
        if (v->camera != c || v->slot < from || v->slot >= to) continue;
        blob_clear(&v->value);
        list_drop(&m->events, v);
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
        garbage_make(n, now);
    }
    out->reels += reels;
    out->more = more;
    if (!more) events_remove(m, c, from, to, out);
}

static err mem_range_remove(struct index *index, const struct reel_place *camera, uint32_t from, uint32_t to,
                            uint32_t max_reels, uint32_t now, struct index_removed *out, struct diag *d) {
    *out = (struct index_removed){0};
    struct memory *m = enter(index);
    struct camera *c = camera_find(m, camera);
    if (c && from < to) range_remove(m, c, from, to, max_reels ? max_reels : 1, now, out);
    return leave(m, ERR_OK);
}

static err mem_reel_remove(struct index *index, const struct store_id *household, const struct store_id *reel,
                           uint32_t now, struct diag *d) {
    struct memory *m = enter(index);
    struct name *n = name_of(m, household, reel, STATE_REEL);
    if (n) garbage_make(n, now);
    return leave(m, n ? ERR_OK : diag_fail(d, ERR_NOT_FOUND, "there is no such reel"));
}

static err camera_remove(struct memory *m, const struct reel_place *place, uint32_t max_reels, uint32_t now,
                         struct index_removed *out, struct diag *d) {
    struct camera *c = camera_find(m, place);
    if (!c) return diag_fail(d, ERR_NOT_FOUND, "there is no such camera");
    EACH(struct name, n, m->names) if (n->state == STATE_UPLOAD && n->camera == c) garbage_make(n, now);
    range_remove(m, c, 0, (uint64_t)UINT32_MAX + 1, max_reels ? max_reels : 1, now, out);
    if (out->more) return ERR_OK;
    char hex[2 * STORE_ID_BYTES + 1], prefix[64];
    hex_encode(BYTES(place->camera.bytes, STORE_ID_BYTES), hex);
    int len = snprintf(prefix, sizeof prefix, "camera/%s/", hex);
    for (size_t i = m->objects.count; i-- > 0;) {
        struct object *o = m->objects.items[i];
        if (store_id_equal(&o->household, &place->household) && strncmp(o->key, prefix, (size_t)len) == 0)
            object_drop(m, o);
    }
    list_drop(&m->cameras, c);
    return ERR_OK;
}

static err mem_camera_remove(struct index *index, const struct reel_place *camera, uint32_t max_reels,
                             uint32_t now, struct index_removed *out, struct diag *d) {
    *out = (struct index_removed){0};
    struct memory *m = enter(index);
    return leave(m, camera_remove(m, camera, max_reels, now, out, d));
}

static err mem_retention_sweep(struct index *index, struct index_sweep *sweep, uint32_t now,
                               uint32_t max_reels, struct index_removed *out, struct diag *d) {
    *out = (struct index_removed){0};
    struct memory *m = enter(index);
    while (sweep->at < m->cameras.count && !out->more) {
        struct camera *c = m->cameras.items[sweep->at];
        uint64_t keep = (uint64_t)c->retention_days * STORE_DAY_SLOTS;
        if (keep && keep < now) range_remove(m, c, 0, now - keep, max_reels - (uint32_t)out->reels, now, out);
        if (!out->more) sweep->at++;
    }
    return leave(m, ERR_OK);
}

/* --- names --- */

static int compare_ages(const void *a, const void *b) {
    const struct name *x = *(const struct name *const *)a, *y = *(const struct name *const *)b;
    return x->at < y->at ? -1 : x->at > y->at;
}

static err mem_garbage_list(struct index *index, uint32_t max, index_name_visit visit, void *arg,
                            struct diag *d) {
    struct memory *m = enter(index);
    err e = ERR_OK;
    if (m->names.count) qsort(m->names.items, m->names.count, sizeof(void *), compare_ages);
    EACH(struct name, n, m->names)
    if (!e && n->state == STATE_GARBAGE && max && max--) e = visit(arg, &n->reel.reel, n->at);
    return leave(m, e);
}

static err mem_garbage_done(struct index *index, const struct store_id *names, size_t count, struct diag *d) {
    struct memory *m = enter(index);
    for (size_t i = 0; i < count; i++) {
        struct name *n = name_find(m, &names[i]);
        if (n && n->state == STATE_GARBAGE) list_drop(&m->names, n);
    }
    return leave(m, ERR_OK);
}

static err stray_seen(struct memory *m, const struct store_id *name, uint32_t now, bool collect,
                      uint32_t *since, struct diag *d) {
    struct name *n = name_find(m, name);
    if (n && n->state != STATE_STRAY) return diag_fail(d, ERR_CONFLICT, "the index knows this name");
    if (!n) {
        n = list_add(&m->names, sizeof *n);
        if (!n) return no_memory(d);
        n->reel.reel = *name;
        n->state = STATE_STRAY;
        n->at = now;
    }
    *since = n->at;
    if (collect) garbage_make(n, now);
    return ERR_OK;
}

static err mem_stray_seen(struct index *index, const struct store_id *name, uint32_t now, bool collect,
                          uint32_t *since, struct diag *d) {
    struct memory *m = enter(index);
    return leave(m, stray_seen(m, name, now, collect, since, d));
}

static err mem_name_known(struct index *index, const struct store_id *name, struct diag *d) {
    struct memory *m = enter(index);
    struct name *n = name_find(m, name);
    bool known = n && n->state != STATE_STRAY;
    return leave(m, known ? ERR_OK : diag_fail(d, ERR_NOT_FOUND, "the index does not know this name"));
}

static int compare_names(const void *a, const void *b) {
    const struct name *x = *(const struct name *const *)a, *y = *(const struct name *const *)b;
    return memcmp(x->reel.reel.bytes, y->reel.reel.bytes, STORE_ID_BYTES);
}

static err mem_reel_scan(struct index *index, const struct store_id *from, bool tables,
                         index_reel_visit visit, void *arg, struct diag *d) {
    struct memory *m = enter(index);
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
    return leave(m, e);
}

/* --- events and pairing --- */

static err event_add(struct memory *m, const struct reel_place *place, uint32_t slot,
                     const struct store_id *id, struct bytes value, uint64_t *sequence, struct diag *d) {
    struct camera *c;
    size_t count = 0;
    err e = camera_need(m, place, &c, d);
    if (e) return e;
    EACH(struct event, v, m->events) {
        if (v->camera != c) continue;
        count += v->slot / STORE_DAY_SLOTS == slot / STORE_DAY_SLOTS;
        if (!store_id_equal(&v->id, id)) continue;
        *sequence = v->sequence;
        return ERR_OK;
    }
    if (count >= INDEX_EVENTS_DAY_MAX)
        return diag_fail(d, ERR_LIMIT, "a camera has at most %u events in a day", INDEX_EVENTS_DAY_MAX);
    e = quota_check(m, &place->household, value.len, d);
    if (e) return e;
    struct blob copy = {0};
    e = replace(&copy, value, d);
    struct event *v = e ? NULL : list_add(&m->events, sizeof *v);
    if (!v) {
        blob_clear(&copy);
        return e ? e : no_memory(d);
    }
    *v = (struct event){.camera = c, .sequence = c->next_event++, .slot = slot, .id = *id, .value = copy};
    *sequence = v->sequence;
    return ERR_OK;
}

static err mem_event_add(struct index *index, const struct reel_place *camera, uint32_t slot,
                         const struct store_id *event_id, struct bytes event, uint64_t *sequence,
                         struct diag *d) {
    err e = index_check_size("an event", event.len, INDEX_EVENT_MAX_BYTES, d);
    if (e) return e;
    struct memory *m = enter(index);
    return leave(m, event_add(m, camera, slot, event_id, event, sequence, d));
}

/* They were added in the order of their sequence, and stay in it. */
static err mem_event_list(struct index *index, const struct reel_place *camera, uint32_t day, uint64_t after,
                          uint32_t max, index_event_visit visit, void *arg, struct diag *d) {
    struct memory *m = enter(index);
    struct camera *c = camera_find(m, camera);
    err e = ERR_OK;
    EACH(struct event, v, m->events)
    if (!e && c && v->camera == c && v->slot / STORE_DAY_SLOTS == day && v->sequence > after && max && max--)
        e = visit(arg, v->sequence, blob_bytes(&v->value));
    return leave(m, e);
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
    struct pairing *p = list_add(&m->pairings, sizeof *p);
    if (!p) return no_memory(d);
    p->id = *id;
    p->expires = expires;
    return replace(&p->announcement, announcement, d);
}

static err mem_pairing_put(struct index *index, const struct store_id *id, struct bytes announcement,
                           uint32_t expires, struct diag *d) {
    err e = index_check_size("an announcement", announcement.len, INDEX_PAIRING_MAX_BYTES, d);
    if (e) return e;
    struct memory *m = enter(index);
    return leave(m, pairing_put(m, id, announcement, expires, d));
}

static err no_pairing(struct diag *d) {
    return diag_fail(d, ERR_NOT_FOUND, "no hub waits under this pairing code");
}

static err mem_pairing_get(struct index *index, const struct store_id *id, uint32_t now,
                           struct blob *announcement, struct blob *answer, struct diag *d) {
    struct memory *m = enter(index);
    struct pairing *p = pairing_find(m, id);
    err e = p && p->expires > now ? ERR_OK : no_pairing(d);
    if (!e && announcement) e = replace(announcement, blob_bytes(&p->announcement), d);
    if (!e && answer) e = replace(answer, blob_bytes(&p->answer), d);
    return leave(m, e);
}

static err mem_pairing_answer(struct index *index, const struct store_id *id, uint32_t now,
                              struct bytes answer, struct diag *d) {
    err e = index_check_size("an answer", answer.len, INDEX_PAIRING_MAX_BYTES, d);
    if (e) return e;
    struct memory *m = enter(index);
    struct pairing *p = pairing_find(m, id);
    if (!p || p->expires <= now) return leave(m, no_pairing(d));
    if (p->answered) return leave(m, diag_fail(d, ERR_EXISTS, "this hub has been answered already"));
    e = replace(&p->answer, answer, d);
    p->answered = !e;
    return leave(m, e);
}

static void pairing_drop(struct memory *m, struct pairing *p) {
    blob_clear(&p->announcement);
    blob_clear(&p->answer);
    list_drop(&m->pairings, p);
}

static err mem_pairing_sweep(struct index *index, uint32_t now, struct diag *d) {
    struct memory *m = enter(index);
    for (size_t i = m->pairings.count; i-- > 0;) {
        struct pairing *p = m->pairings.items[i];
        if (p->expires <= now) pairing_drop(m, p);
    }
    return leave(m, ERR_OK);
}

/* --- the rest --- */

static err mem_check(struct index *index, bool mend, index_report report, void *arg, uint64_t *faults,
                     struct diag *d) {
    *faults = 0;
    return ERR_OK;
}

static err mem_copy(struct index *index, const char *path, struct diag *d) {
    return diag_fail(d, ERR_UNSUPPORTED, "an index in memory makes no copies");
}

static void list_clear(struct list *list) {
    for (size_t i = 0; i < list->count; i++) free(list->items[i]);
    free(list->items);
}

static void mem_close(struct index *index) {
    if (!index) return;
    struct memory *m = (struct memory *)index;
    EACH(struct setting, s, m->settings) blob_clear(&s->value);
    EACH(struct object, o, m->objects) blob_clear(&o->value);
    EACH(struct name, n, m->names) blob_clear(&n->table);
    EACH(struct event, v, m->events) blob_clear(&v->value);
    while (m->pairings.count) pairing_drop(m, m->pairings.items[0]);
    struct list *lists[] = {&m->settings, &m->households, &m->capabilities, &m->objects,
                            &m->cameras,  &m->names,      &m->events,       &m->pairings};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) list_clear(lists[i]);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static const struct index_ops memory_ops = {
    .name = "memory",
    .close = mem_close,
    .ping = mem_ping,
    .setting_get = mem_setting_get,
    .setting_put = mem_setting_put,
    .setting_init = mem_setting_init,
    .household_create = mem_household_create,
    .household_count = mem_household_count,
    .household_set_quota = mem_household_set_quota,
    .usage = mem_usage,
    .capability_add = mem_capability_add,
    .capability_get = mem_capability_get,
    .capability_remove = mem_capability_remove,
    .capability_list = mem_capability_list,
    .capability_seen = mem_capability_seen,
    .object_list = mem_object_list,
    .object_get = mem_object_get,
    .object_put = mem_object_put,
    .object_remove = mem_object_remove,
    .camera_list = mem_camera_list,
    .camera_get = mem_camera_get,
    .camera_set_retention = mem_camera_set_retention,
    .camera_remove = mem_camera_remove,
    .reel_begin = mem_reel_begin,
    .upload_get = mem_upload_get,
    .upload_list = mem_upload_list,
    .upload_drop = mem_upload_drop,
    .reel_commit = mem_reel_commit,
    .reel_get = mem_reel_get,
    .timeline = mem_timeline,
    .range_edges = mem_range_edges,
    .range_remove = mem_range_remove,
    .reel_remove = mem_reel_remove,
    .retention_sweep = mem_retention_sweep,
    .garbage_list = mem_garbage_list,
    .garbage_done = mem_garbage_done,
    .event_add = mem_event_add,
    .event_list = mem_event_list,
    .pairing_put = mem_pairing_put,
    .pairing_get = mem_pairing_get,
    .pairing_answer = mem_pairing_answer,
    .pairing_sweep = mem_pairing_sweep,
    .reel_scan = mem_reel_scan,
    .stray_seen = mem_stray_seen,
    .name_known = mem_name_known,
    .check = mem_check,
    .copy = mem_copy,
};

err index_memory_open(struct index **out, struct diag *d) {
    struct memory *m = calloc(1, sizeof *m);
    if (!m) return no_memory(d);
    m->index.ops = &memory_ops;
    pthread_mutex_init(&m->lock, NULL);
    *out = &m->index;
    return ERR_OK;
}
