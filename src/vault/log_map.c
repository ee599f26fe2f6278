/* Which entries of the access log are whose.
 *
 * The log itself says it, to who knows a household's log key: entry n has the tag HMAC(log key, n). The index
 * keeps a row for each as a hint. Rows follow the log: a batch is durable in the log first, then its rows
 * stand in memory (`fresh`), and within a second in the index, with how far the log is mapped. After a crash
 * the tail beyond that is mapped again here, by the next tags of all households. So no number is given twice
 * or left out, whatever byte the crash comes at. */
#include <stdlib.h>

#include "vault/log_internal.h"

/* --- numbers: an open table by household --- */

static struct log_number *slot_of(const struct log_numbers *numbers, const struct store_id *household) {
    for (size_t i = be64_get(household->bytes) & (numbers->room - 1);; i = (i + 1) & (numbers->room - 1)) {
        struct log_number *slot = &numbers->slots[i];
        if (!slot->set || store_id_equal(&slot->household, household)) return slot;
    }
}

static err grow(struct log_numbers *numbers) {
    struct log_numbers larger = {.room = numbers->room ? 2 * numbers->room : 64, .used = numbers->used};
    larger.slots = calloc(larger.room, sizeof *larger.slots);
    if (!larger.slots) return ERR_NO_MEMORY;
    for (size_t i = 0; i < numbers->room; i++)
        if (numbers->slots[i].set) *slot_of(&larger, &numbers->slots[i].household) = numbers->slots[i];
    free(numbers->slots);
    *numbers = larger;
    return ERR_OK;
}

void log_numbers_clear(struct log_numbers *numbers) {
    free(numbers->slots);
    *numbers = (struct log_numbers){0};
}

err log_number_next(struct vault *v, const struct store_id *household, struct log_number **out,
                    struct diag *d) {
    struct log_numbers *numbers = &v->log->numbers;
    if (2 * (numbers->used + 1) > numbers->room && grow(numbers))
        return diag_fail(d, ERR_NO_MEMORY, "no memory for the access log");
    struct log_number *slot = slot_of(numbers, household);
    if (!slot->set) {
        uint64_t next = 0; /* of a household that has no fresh rows: it would be in the table */
        err e = v->index->ops->log_next(v->index, household, &next, d);
        if (e) return e;
        *slot = (struct log_number){*household, next, true};
        numbers->used++;
    }
    *out = slot;
    return ERR_OK;
}

/* --- rows --- */

err log_row_add(struct access_log *log, const struct log_row *row) {
    if (log->fresh_count == log->fresh_room) {
        size_t room = log->fresh_room ? 2 * log->fresh_room : 256;
        struct log_row *larger = realloc(log->fresh, room * sizeof *larger);
        if (!larger) return ERR_NO_MEMORY;
        log->fresh = larger;
        log->fresh_room = room;
    }
    log->fresh[log->fresh_count++] = *row;
    return ERR_OK;
}

err log_map_fresh(struct vault *v, struct diag *d) {
    struct access_log *log = v->log;
    pthread_mutex_lock(&log->lock);
    size_t count = log->fresh_count;
    uint64_t mapped = log->checkpoint.size < log->map_until ? log->checkpoint.size : log->map_until;
    struct log_row *rows = count ? malloc(count * sizeof *rows) : NULL;
    if (rows) memcpy(rows, log->fresh, count * sizeof *rows);
    pthread_mutex_unlock(&log->lock);
    if (!rows) return count ? ERR_NO_MEMORY : ERR_OK;
    err e = v->index->ops->log_map(v->index, rows, count, mapped, d);
    free(rows);
    if (e) return e;
    pthread_mutex_lock(&log->lock);
    log->fresh_count -= count; /* what came meanwhile stands behind */
    memmove(log->fresh, log->fresh + count, log->fresh_count * sizeof *log->fresh);
    pthread_mutex_unlock(&log->lock);
    return ERR_OK;
}

err log_count(struct vault *v, const struct store_id *household, uint64_t *out, struct diag *d) {
    struct access_log *log = v->log;
    uint64_t fresh = 0, kept = 0;
    pthread_mutex_lock(&log->lock);
    for (size_t i = 0; i < log->fresh_count; i++)
        if (store_id_equal(&log->fresh[i].household, household) && log->fresh[i].n >= fresh)
            fresh = log->fresh[i].n + 1;
    pthread_mutex_unlock(&log->lock);
    err e = v->index->ops->log_next(v->index, household, &kept, d);
    if (!e) *out = fresh > kept ? fresh : kept;
    return e;
}

struct row_list {
    struct log_row *rows;
    size_t count;
};

static err take_row(void *arg, const struct log_row *row) {
    struct row_list *list = arg;
    list->rows[list->count++] = *row;
    return ERR_OK;
}

err log_rows_from(struct vault *v, const struct store_id *household, uint64_t n, uint32_t max,
                  struct log_row **rows, size_t *count, struct diag *d) {
    struct access_log *log = v->log;
    struct log_row *all = malloc(max * sizeof *all), *fresh = malloc(max * sizeof *fresh);
    struct row_list list = {all, 0};
    size_t fresh_count = 0;
    if (!all || !fresh) {
        free(all);
        free(fresh);
        return diag_fail(d, ERR_NO_MEMORY, "no memory for the access log");
    }
    /* First what the index may not have yet: a row that moves meanwhile is then in both. */
    pthread_mutex_lock(&log->lock);
    for (size_t i = 0; i < log->fresh_count && fresh_count < max; i++)
        if (store_id_equal(&log->fresh[i].household, household) && log->fresh[i].n >= n)
            fresh[fresh_count++] = log->fresh[i];
    pthread_mutex_unlock(&log->lock);
    err e = v->index->ops->log_rows(v->index, household, n, max, take_row, &list, d);
    for (size_t i = 0; !e && i < fresh_count && list.count < max; i++)
        if (!list.count || fresh[i].n > all[list.count - 1].n) all[list.count++] = fresh[i];
    free(fresh);
    if (e) {
        free(all);
        return e;
    }
    *rows = all;
    *count = list.count;
    return ERR_OK;
}

err log_each_from(struct vault *v, const struct store_id *household, uint64_t n, uint32_t max,
                  log_each_fn *each, void *arg, size_t *count, struct diag *d) {
    AUTO(blob_clear) struct blob bundle = {0};
    struct log_row *rows = NULL;
    uint64_t at = UINT64_MAX;
    *count = 0;
    err e = log_rows_from(v, household, n, max, &rows, count, d);
    pthread_mutex_lock(&v->log->lock); /* after the rows: none of them is beyond it */
    uint64_t size = v->log->checkpoint.size;
    pthread_mutex_unlock(&v->log->lock);
    for (size_t i = 0; !e && i < *count; i++) {
        struct bytes raw;
        e = log_read_entry(v->log, rows[i].entry, size, &bundle, &at, &raw, d);
        if (!e) e = each(arg, &rows[i], raw, d);
    }
    free(rows);
    return e;
}

/* --- mapping the tail again --- */

struct known {
    struct store_id household;
    uint8_t log_key[LOG_KEY_BYTES];
    uint64_t next;
    uint8_t tag[LOG_TAG_BYTES]; /* of entry `next` */
    struct known *chain;        /* in its bucket */
};
#define BUCKETS (1u << 16)
struct mapper {
    struct known *households;
    size_t count, room;
    struct known **buckets;
    struct row_list rows;
    size_t rows_room;
};

static err take_household(void *arg, const struct store_id *household, const struct store_key *log_key,
                          uint64_t next) {
    struct mapper *m = arg;
    if (m->count == m->room) {
        size_t room = m->room ? 2 * m->room : 64;
        struct known *larger = realloc(m->households, room * sizeof *larger);
        if (!larger) return ERR_NO_MEMORY;
        m->households = larger;
        m->room = room;
    }
    struct known *k = &m->households[m->count++];
    *k = (struct known){.household = *household, .next = next};
    memcpy(k->log_key, log_key->bytes, sizeof k->log_key);
    return ERR_OK;
}

static void hang(struct mapper *m, struct known *k) {
    log_tag(k->log_key, k->next, k->tag);
    struct known **bucket = &m->buckets[be16_get(k->tag)];
    k->chain = *bucket;
    *bucket = k;
}

/* Takes the household whose next tag this is out of its bucket; NULL: nobody's. */
static struct known *find(struct mapper *m, const uint8_t tag[LOG_TAG_BYTES]) {
    for (struct known **at = &m->buckets[be16_get(tag)]; *at; at = &(*at)->chain) {
        struct known *k = *at;
        if (memcmp(k->tag, tag, LOG_TAG_BYTES) != 0) continue;
        *at = k->chain;
        return k;
    }
    return NULL;
}

static err map_entry(struct mapper *m, uint64_t index, struct bytes raw, struct diag *d) {
    struct log_entry entry;
    err e = log_entry_decode(raw, &entry, d);
    if (e) return e;
    struct known *k = entry.tagged ? find(m, entry.tag) : NULL;
    if (!k) return ERR_OK;
    if (m->rows.count == m->rows_room) {
        size_t room = m->rows_room ? 2 * m->rows_room : 256;
        struct log_row *larger = realloc(m->rows.rows, room * sizeof *larger);
        if (!larger) return diag_fail(d, ERR_NO_MEMORY, "no memory to map the access log");
        m->rows.rows = larger;
        m->rows_room = room;
    }
    m->rows.rows[m->rows.count++] = (struct log_row){k->household, k->next++, index};
    hang(m, k);
    return ERR_OK;
}

static err map_from(struct vault *v, struct mapper *m, uint64_t from, struct diag *d) {
    AUTO(blob_clear) struct blob bundle = {0};
    uint64_t at = UINT64_MAX, size = v->log->checkpoint.size;
    err e = v->index->ops->log_keys(v->index, take_household, m, d);
    for (size_t i = 0; !e && i < m->count; i++) hang(m, &m->households[i]);
    struct bytes raw = {0};
    for (uint64_t i = from; !e && i < size; i++) {
        e = log_read_next(v->log, i, size, &bundle, &at, &raw, d);
        if (!e) e = map_entry(m, i, raw, d);
    }
    return e ? e : v->index->ops->log_map(v->index, m->rows.rows, m->rows.count, size, d);
}

err log_map_tail(struct vault *v, struct diag *d) {
    uint64_t mapped = 0, size = v->log->checkpoint.size;
    err e = v->index->ops->log_mapped(v->index, &mapped, d);
    if (!e && mapped > size) /* the index is newer: what it says of entries that are not there is forgotten */
        return v->index->ops->log_unmap(v->index, size, d);
    if (e || mapped == size) return e;
    struct mapper m = {.buckets = calloc(BUCKETS, sizeof *m.buckets)};
    e = m.buckets ? map_from(v, &m, mapped, d)
                  : diag_fail(d, ERR_NO_MEMORY, "no memory to map the access log");
    if (m.households) wipe(m.households, m.count * sizeof *m.households);
    free(m.households);
    free(m.buckets);
    free(m.rows.rows);
    return e;
}
