/* The index in memory, for tests: lists that are searched from end to end, under one lock. What it keeps it
 * keeps once, so that there is nothing for `check` to find. */
#include "store/index_memory.h"

#include <stdio.h>
#include <stdlib.h>

struct memory *mi_enter(struct index *index) {
    struct memory *m = (struct memory *)index;
    pthread_mutex_lock(&m->lock);
    return m;
}

err mi_leave(struct memory *m, err e) {
    pthread_mutex_unlock(&m->lock);
    return e;
}

err mi_no_memory(struct diag *d) {
    return diag_fail(d, ERR_NO_MEMORY, "no memory for the index");
}

/* Zeroed, and in the list; NULL: out of memory. */
void *mi_list_add(struct list *list, size_t size) {
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

void mi_list_drop(struct list *list, void *item) {
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i] != item) continue;
        memmove(&list->items[i], &list->items[i + 1], (list->count - i - 1) * sizeof *list->items);
        list->count--;
        free(item);
        return;
    }
}

err mi_replace(struct blob *stored, struct bytes value, struct diag *d) {
    struct blob copy = {0};
    if (blob_append(&copy, value)) return mi_no_memory(d);
    blob_clear(stored);
    *stored = copy;
    return ERR_OK;
}

/* --- finding --- */

struct household *mi_household_find(struct memory *m, const struct store_id *id) {
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

struct camera *mi_camera_find(struct memory *m, const struct reel_place *place) {
    EACH(struct camera, c, m->cameras)
    if (memcmp(&c->place, place, sizeof *place) == 0) return c;
    return NULL;
}

struct name *mi_name_find(struct memory *m, const struct store_id *name) {
    EACH(struct name, n, m->names) if (store_id_equal(&n->reel.reel, name)) return n;
    return NULL;
}

struct name *mi_name_of(struct memory *m, const struct store_id *household, const struct store_id *name,
                        enum state state) {
    struct name *n = mi_name_find(m, name);
    bool mine = n && n->state == state && store_id_equal(&n->camera->place.household, household);
    return mine ? n : NULL;
}

err mi_no_household(struct diag *d) {
    return diag_fail(d, ERR_NOT_FOUND, "there is no such household");
}

err mi_camera_need(struct memory *m, const struct reel_place *place, struct camera **out, struct diag *d) {
    size_t count = 0;
    *out = mi_camera_find(m, place);
    if (*out) return ERR_OK;
    if (!mi_household_find(m, &place->household)) return mi_no_household(d);
    EACH(struct camera, c, m->cameras) count += store_id_equal(&c->place.household, &place->household);
    if (count >= INDEX_CAMERAS_MAX)
        return diag_fail(d, ERR_LIMIT, "a household has at most %u cameras", INDEX_CAMERAS_MAX);
    *out = mi_list_add(&m->cameras, sizeof **out);
    if (!*out) return mi_no_memory(d);
    (*out)->place = *place;
    (*out)->next_event = 1;
    return ERR_OK;
}

void mi_garbage_make(struct name *n, uint32_t now) {
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
    struct memory *m = mi_enter(index);
    struct setting *s = setting_find(m, key);
    return mi_leave(m, s ? mi_replace(out, blob_bytes(&s->value), d)
                         : diag_fail(d, ERR_NOT_FOUND, "there is no setting %s", key));
}

static err setting_store(struct memory *m, const char *key, struct bytes value, bool over, struct blob *out,
                         struct diag *d) {
    struct setting *s = setting_find(m, key);
    bool fresh = !s;
    if (fresh) s = mi_list_add(&m->settings, sizeof *s);
    if (!s) return mi_no_memory(d);
    snprintf(s->key, sizeof s->key, "%s", key);
    err e = fresh || over ? mi_replace(&s->value, value, d) : ERR_OK;
    return e || !out ? e : mi_replace(out, blob_bytes(&s->value), d);
}

static err setting_check(const char *key, struct bytes value, struct diag *d) {
    err e = index_check_setting(key, d);
    return e ? e : index_check_size("a setting", value.len, INDEX_SETTING_MAX_BYTES, d);
}

static err mem_setting_put(struct index *index, const char *key, struct bytes value, struct diag *d) {
    err e = setting_check(key, value, d);
    if (e) return e;
    struct memory *m = mi_enter(index);
    return mi_leave(m, setting_store(m, key, value, true, NULL, d));
}

static err mem_setting_init(struct index *index, const char *key, struct bytes value, struct blob *out,
                            struct diag *d) {
    err e = setting_check(key, value, d);
    if (e) return e;
    struct memory *m = mi_enter(index);
    return mi_leave(m, setting_store(m, key, value, false, out, d));
}

/* --- households --- */

static err household_create(struct memory *m, const struct store_id *household, const struct store_key *owner,
                            uint64_t quota_bytes, struct diag *d) {
    if (mi_household_find(m, household)) return diag_fail(d, ERR_EXISTS, "this household exists already");
    if (capability_find(m, owner)) return diag_fail(d, ERR_EXISTS, "this capability is registered already");
    struct capability *c = mi_list_add(&m->capabilities, sizeof *c);
    struct household *h = c ? mi_list_add(&m->households, sizeof *h) : NULL;
    if (!h) {
        mi_list_drop(&m->capabilities, c);
        return mi_no_memory(d);
    }
    *c = (struct capability){.key = *owner, .household = *household, .role = CAPABILITY_ROLE_OWNER};
    *h = (struct household){.id = *household, .quota_bytes = quota_bytes};
    return ERR_OK;
}

static err mem_household_create(struct index *index, const struct store_id *household,
                                const struct store_key *owner, uint64_t quota_bytes, struct diag *d) {
    struct memory *m = mi_enter(index);
    return mi_leave(m, household_create(m, household, owner, quota_bytes, d));
}

static err mem_household_count(struct index *index, uint64_t *out, struct diag *d) {
    struct memory *m = mi_enter(index);
    *out = m->households.count;
    return mi_leave(m, ERR_OK);
}

static err mem_household_set_quota(struct index *index, const struct store_id *household,
                                   uint64_t quota_bytes, struct diag *d) {
    struct memory *m = mi_enter(index);
    struct household *h = mi_household_find(m, household);
    if (h) h->quota_bytes = quota_bytes;
    return mi_leave(m, h ? ERR_OK : mi_no_household(d));
}

static err usage_of(struct memory *m, const struct store_id *household, struct index_usage *out,
                    struct diag *d) {
    struct household *h = mi_household_find(m, household);
    if (!h) return mi_no_household(d);
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
    struct memory *m = mi_enter(index);
    return mi_leave(m, usage_of(m, household, out, d));
}

err mi_quota_check(struct memory *m, const struct store_id *household, uint64_t more, struct diag *d) {
    struct index_usage usage;
    err e = usage_of(m, household, &usage, d);
    if (e || !usage.quota_bytes || usage.bytes + more <= usage.quota_bytes) return e;
    return diag_fail(d, ERR_NO_SPACE, "the household's quota of %llu MiB is used up",
                     (unsigned long long)(usage.quota_bytes >> 20));
}

static err capability_add(struct memory *m, const struct capability *capability, struct diag *d) {
    size_t count = 0;
    if (!mi_household_find(m, &capability->household)) return mi_no_household(d);
    if (capability_find(m, &capability->key))
        return diag_fail(d, ERR_EXISTS, "this capability is registered already");
    EACH(struct capability, c, m->capabilities)
    count += store_id_equal(&c->household, &capability->household);
    if (count >= INDEX_CAPABILITIES_MAX)
        return diag_fail(d, ERR_LIMIT, "a household has at most %u capabilities", INDEX_CAPABILITIES_MAX);
    struct capability *added = mi_list_add(&m->capabilities, sizeof *added);
    if (!added) return mi_no_memory(d);
    *added = *capability;
    return ERR_OK;
}

static err mem_capability_add(struct index *index, const struct capability *capability, struct diag *d) {
    if (capability->role != CAPABILITY_ROLE_OWNER && capability->role != CAPABILITY_ROLE_WRITER)
        return diag_fail(d, ERR_INVALID, "a capability is an owner's or a writer's");
    struct memory *m = mi_enter(index);
    return mi_leave(m, capability_add(m, capability, d));
}

static err mem_capability_get(struct index *index, const struct store_key *key, struct capability *out,
                              struct diag *d) {
    struct memory *m = mi_enter(index);
    struct capability *c = capability_find(m, key);
    if (c) *out = *c;
    return mi_leave(m, c ? ERR_OK : diag_fail(d, ERR_NOT_FOUND, "this capability is not registered"));
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
    mi_list_drop(&m->capabilities, gone);
    return ERR_OK;
}

static err mem_capability_remove(struct index *index, const struct store_id *household,
                                 const struct store_key *key, struct diag *d) {
    struct memory *m = mi_enter(index);
    return mi_leave(m, capability_remove(m, household, key, d));
}

static err mem_capability_list(struct index *index, const struct store_id *household,
                               index_capability_visit visit, void *arg, struct diag *d) {
    struct memory *m = mi_enter(index);
    err e = ERR_OK;
    EACH(struct capability, c, m->capabilities)
    if (!e && store_id_equal(&c->household, household)) e = visit(arg, c);
    return mi_leave(m, e);
}

static err mem_capability_seen(struct index *index, const struct store_key *key, uint32_t slot,
                               struct diag *d) {
    struct memory *m = mi_enter(index);
    struct capability *c = capability_find(m, key);
    if (c) c->seen = slot;
    return mi_leave(m, c ? ERR_OK : diag_fail(d, ERR_NOT_FOUND, "this capability is not registered"));
}

/* --- objects --- */

static int compare_objects(const void *a, const void *b) {
    return strcmp((*(const struct object *const *)a)->key, (*(const struct object *const *)b)->key);
}

static err mem_object_list(struct index *index, const struct store_id *household, const char *prefix,
                           index_object_visit visit, void *arg, struct diag *d) {
    err e = index_check_key(prefix, true, d);
    if (e) return e;
    struct memory *m = mi_enter(index);
    if (m->objects.count) qsort(m->objects.items, m->objects.count, sizeof(void *), compare_objects);
    EACH(struct object, o, m->objects) {
        if (e || !store_id_equal(&o->household, household) || strncmp(o->key, prefix, strlen(prefix)) != 0)
            continue;
        struct object_info info = {.version = o->version, .bytes = o->value.len};
        memcpy(info.key, o->key, sizeof info.key);
        e = visit(arg, &info);
    }
    return mi_leave(m, e);
}

static err mem_object_get(struct index *index, const struct store_id *household, const char *key,
                          uint64_t *version, struct blob *out, struct diag *d) {
    err e = index_check_key(key, false, d);
    if (e) return e;
    struct memory *m = mi_enter(index);
    struct object *o = object_find(m, household, key);
    e = o ? mi_replace(out, blob_bytes(&o->value), d)
          : diag_fail(d, ERR_NOT_FOUND, "there is no object %s", key);
    if (!e) *version = o->version;
    return mi_leave(m, e);
}

static err object_put(struct memory *m, const struct store_id *household, const char *key, uint64_t replaces,
                      struct bytes value, uint64_t *current, struct diag *d) {
    struct object *o = object_find(m, household, key);
    uint64_t stored = o ? o->version : 0, old = o ? o->value.len : 0;
    size_t count = 0;
    if (!mi_household_find(m, household)) return mi_no_household(d);
    if (stored != replaces) {
        *current = stored;
        return diag_fail(d, ERR_CONFLICT, "the stored version of %s is %llu, not %llu", key,
                         (unsigned long long)stored, (unsigned long long)replaces);
    }
    EACH(struct object, other, m->objects) count += store_id_equal(&other->household, household);
    if (!o && count >= INDEX_OBJECTS_MAX)
        return diag_fail(d, ERR_LIMIT, "a household has at most %u objects", INDEX_OBJECTS_MAX);
    err e = value.len > old ? mi_quota_check(m, household, value.len - old, d) : ERR_OK;
    if (e) return e;
    AUTO(blob_clear) struct blob copy = {0};
    e = mi_replace(&copy, value, d);
    if (!e && !o) o = mi_list_add(&m->objects, sizeof *o);
    if (e || !o) return e ? e : mi_no_memory(d);
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
    struct memory *m = mi_enter(index);
    return mi_leave(m, object_put(m, household, key, replaces, value, current, d));
}

void mi_object_drop(struct memory *m, struct object *o) {
    blob_clear(&o->value);
    mi_list_drop(&m->objects, o);
}

static err mem_object_remove(struct index *index, const struct store_id *household, const char *key,
                             struct diag *d) {
    err e = index_check_key(key, false, d);
    if (e) return e;
    struct memory *m = mi_enter(index);
    struct object *o = object_find(m, household, key);
    if (o) mi_object_drop(m, o);
    return mi_leave(m, o ? ERR_OK : diag_fail(d, ERR_NOT_FOUND, "there is no object %s", key));
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
    EACH(struct pairing, p, m->pairings) {
        blob_clear(&p->announcement);
        blob_clear(&p->answer);
    }
    EACH(struct grant, g, m->grants) grant_blobs_clear(&g->blobs);
    EACH(struct watch, w, m->watches) blob_clear(&w->act);
    struct list *lists[] = {&m->settings, &m->households, &m->capabilities, &m->objects,
                            &m->cameras,  &m->names,      &m->cuts,         &m->events,
                            &m->pairings, &m->grants,     &m->watches,      &m->log_rows};
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
    .household_keys_get = mem_household_keys_get,
    .household_keys_put = mem_household_keys_put,
    .household_succeed = mem_household_succeed,
    .household_successions = mem_household_successions,
    .household_succession_logged = mem_household_succession_logged,
    .log_map = mem_log_map,
    .log_mapped = mem_log_mapped,
    .log_unmap = mem_log_unmap,
    .log_rows = mem_log_rows,
    .log_next = mem_log_next,
    .log_keys = mem_log_keys,
    .grant_add = mem_grant_add,
    .grant_replace = mem_grant_replace,
    .grant_get = mem_grant_get,
    .grant_list = mem_grant_list,
    .grant_count = mem_grant_count,
    .grant_used = mem_grant_used,
    .grant_revoke = mem_grant_revoke,
    .grant_remove = mem_grant_remove,
    .grant_due = mem_grant_due,
    .grant_close = mem_grant_close,
    .watch_add = mem_watch_add,
    .watch_seen = mem_watch_seen,
    .watch_list = mem_watch_list,
    .watch_adopt = mem_watch_adopt,
    .watch_remove = mem_watch_remove,
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
    .range_cut = mem_range_cut,
    .cuts_get = mem_cuts_get,
    .cuts_done = mem_cuts_done,
    .cuts_due = mem_cuts_due,
    .retention_sweep = mem_retention_sweep,
    .garbage_list = mem_garbage_list,
    .garbage_done = mem_garbage_done,
    .event_add = mem_event_add,
    .event_get = mem_event_get,
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
    if (!m) return mi_no_memory(d);
    m->index.ops = &memory_ops;
    pthread_mutex_init(&m->lock, NULL);
    *out = &m->index;
    return ERR_OK;
}
