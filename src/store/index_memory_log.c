/* Whose the entries of the access log are, in memory. */
#include <stdlib.h>

#include "store/index_memory.h"

static struct log_row *find(struct memory *m, const struct store_id *household, uint64_t n) {
    EACH(struct log_row, row, m->log_rows)
    if (row->n == n && store_id_equal(&row->household, household)) return row;
    return NULL;
}

static uint64_t next_of(struct memory *m, const struct store_id *household) {
    uint64_t next = 0;
    EACH(struct log_row, row, m->log_rows)
    if (store_id_equal(&row->household, household) && row->n >= next) next = row->n + 1;
    return next;
}

err mem_log_map(struct index *index, const struct log_row *rows, size_t count, uint64_t mapped,
                struct diag *d) {
    struct memory *m = mi_enter(index);
    for (size_t i = 0; i < count; i++) {
        if (find(m, &rows[i].household, rows[i].n)) continue;
        struct log_row *row = mi_list_add(&m->log_rows, sizeof *row);
        if (!row) return mi_leave(m, mi_no_memory(d));
        *row = rows[i];
    }
    m->log_mapped = mapped;
    return mi_leave(m, ERR_OK);
}

err mem_log_mapped(struct index *index, uint64_t *mapped, struct diag *d) {
    struct memory *m = mi_enter(index);
    *mapped = m->log_mapped;
    return mi_leave(m, ERR_OK);
}

err mem_log_unmap(struct index *index, uint64_t size, struct diag *d) {
    struct memory *m = mi_enter(index);
    for (size_t i = m->log_rows.count; i > 0; i--) {
        struct log_row *row = m->log_rows.items[i - 1];
        if (row->entry >= size) mi_list_drop(&m->log_rows, row);
    }
    if (m->log_mapped > size) m->log_mapped = size;
    return mi_leave(m, ERR_OK);
}

err mem_log_rows(struct index *index, const struct store_id *household, uint64_t n, uint32_t max,
                 index_log_visit visit, void *arg, struct diag *d) {
    struct memory *m = mi_enter(index);
    err e = ERR_OK;
    const struct log_row *row;
    for (uint32_t i = 0; !e && i < max && (row = find(m, household, n)) != NULL; i++, n++)
        e = visit(arg, row);
    return mi_leave(m, e);
}

err mem_log_next(struct index *index, const struct store_id *household, uint64_t *n, struct diag *d) {
    struct memory *m = mi_enter(index);
    *n = next_of(m, household);
    return mi_leave(m, ERR_OK);
}

err mem_log_keys(struct index *index, index_log_key_visit visit, void *arg, struct diag *d) {
    struct memory *m = mi_enter(index);
    err e = ERR_OK;
    EACH(struct household, h, m->households)
    if (!e && h->has_keys) e = visit(arg, &h->id, &h->keys.log_key, next_of(m, &h->id));
    return mi_leave(m, e);
}
