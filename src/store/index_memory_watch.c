/* Live views that run, in memory. */
#include <stdlib.h>

#include "store/index_memory.h"

static struct watch *watch_find(struct memory *m, const struct store_id *id) {
    EACH(struct watch, w, m->watches)
    if (store_id_equal(&w->row.watch, id)) return w;
    return NULL;
}

static void watch_drop(struct memory *m, struct watch *w) {
    blob_clear(&w->act);
    mi_list_drop(&m->watches, w);
}

static err watch_add(struct memory *m, const struct index_watch *row, struct diag *d) {
    err e = index_check_size("a live view", row->act.len, INDEX_WATCH_ACT_MAX_BYTES, d);
    if (e) return e;
    if (!mi_household_find(m, &row->household)) return mi_no_household(d);
    if (watch_find(m, &row->watch)) return index_watch_exists(d);
    struct watch *w = mi_list_add(&m->watches, sizeof *w);
    if (!w) return mi_no_memory(d);
    w->row = *row;
    e = mi_replace(&w->act, row->act, d);
    if (e) watch_drop(m, w);
    return e;
}

err mem_watch_add(struct index *index, const struct index_watch *watch, struct diag *d) {
    struct memory *m = mi_enter(index);
    return mi_leave(m, watch_add(m, watch, d));
}

err mem_watch_seen(struct index *index, const struct store_id *watches, size_t count, uint32_t now,
                   struct diag *d) {
    struct memory *m = mi_enter(index);
    for (size_t i = 0; i < count; i++) {
        struct watch *w = watch_find(m, &watches[i]);
        if (w) w->row.seen = now;
    }
    return mi_leave(m, ERR_OK);
}

/* The one with the next id. */
static struct watch *watch_after(struct memory *m, const struct store_id *after) {
    struct watch *next = NULL;
    EACH(struct watch, w, m->watches) {
        if (after && memcmp(w->row.watch.bytes, after->bytes, STORE_ID_BYTES) <= 0) continue;
        if (!next || memcmp(w->row.watch.bytes, next->row.watch.bytes, STORE_ID_BYTES) < 0) next = w;
    }
    return next;
}

err mem_watch_list(struct index *index, const struct store_id *after, uint32_t max, index_watch_visit visit,
                   void *arg, struct diag *d) {
    struct memory *m = mi_enter(index);
    err e = ERR_OK;
    for (uint32_t i = 0; !e && i < max; i++) {
        const struct watch *w = watch_after(m, after);
        if (!w) break;
        struct index_watch row = w->row;
        row.act = blob_bytes(&w->act);
        e = visit(arg, &row);
        after = &w->row.watch;
    }
    return mi_leave(m, e);
}

err mem_watch_adopt(struct index *index, const struct store_id *from, const struct store_id *to,
                    uint64_t *count, struct diag *d) {
    struct memory *m = mi_enter(index);
    uint64_t changed = 0;
    EACH(struct watch, w, m->watches) {
        if (!store_id_equal(&w->row.node, from)) continue;
        w->row.node = *to;
        changed++;
    }
    if (count) *count = changed;
    return mi_leave(m, ERR_OK);
}

err mem_watch_remove(struct index *index, const struct store_id *watch, struct diag *d) {
    struct memory *m = mi_enter(index);
    struct watch *w = watch_find(m, watch);
    if (w) watch_drop(m, w);
    return mi_leave(m, w ? ERR_OK : index_no_watch(d));
}
