/* Grants in memory, and the keys that households have told. */
#include <stdlib.h>

#include "store/index_memory.h"

err mem_household_keys_get(struct index *index, const struct store_id *household, struct index_household *out,
                           struct diag *d) {
    struct memory *m = mi_enter(index);
    struct household *h = mi_household_find(m, household);
    if (!h || !h->has_keys) return mi_leave(m, index_no_keys(d));
    *out = h->keys;
    return mi_leave(m, ERR_OK);
}

static err keys_put(struct memory *m, const struct store_id *household, const struct index_household *keys,
                    struct diag *d) {
    struct household *h = mi_household_find(m, household);
    if (!h) return mi_no_household(d);
    if (h->has_keys) return memcmp(&h->keys, keys, sizeof *keys) == 0 ? ERR_OK : index_other_keys(d);
    h->keys = *keys;
    h->has_keys = true;
    return ERR_OK;
}

err mem_household_keys_put(struct index *index, const struct store_id *household,
                           const struct index_household *keys, struct diag *d) {
    struct memory *m = mi_enter(index);
    return mi_leave(m, keys_put(m, household, keys, d));
}

static err succeed(struct memory *m, const struct store_id *household, const struct index_succession *s,
                   struct diag *d) {
    struct household *h = mi_household_find(m, household);
    if (!h || !h->has_keys) return h ? index_no_keys(d) : mi_no_household(d);
    if (s->n && s->n == h->succession_count &&
        bytes_equal(s->statement, BYTES(h->successions[s->n - 1].statement, h->successions[s->n - 1].len)))
        return ERR_OK;
    if (s->n != h->succession_count + 1 || !store_key_equal(&s->former, &h->keys.sign))
        return index_no_successor(d);
    h->keys.sign = s->sign;
    h->keys.box = s->box;
    h->successions[h->succession_count].sign = s->sign;
    h->successions[h->succession_count].box = s->box;
    h->successions[h->succession_count].len = s->statement.len;
    memcpy(h->successions[h->succession_count].statement, s->statement.data, s->statement.len);
    h->succession_count++;
    return ERR_OK;
}

err mem_household_succeed(struct index *index, const struct store_id *household,
                          const struct index_succession *s, struct diag *d) {
    err e = index_check_succession(s, d);
    if (e) return e;
    struct memory *m = mi_enter(index);
    return mi_leave(m, succeed(m, household, s, d));
}

err mem_household_successions(struct index *index, const struct store_id *household,
                              index_succession_visit visit, void *arg, struct diag *d) {
    struct memory *m = mi_enter(index);
    const struct household *h = mi_household_find(m, household);
    err e = h ? ERR_OK : mi_no_household(d);
    for (uint32_t i = 0; !e && i < h->succession_count; i++)
        e = visit(arg, &(struct index_succession){
                           .n = i + 1,
                           .sign = h->successions[i].sign,
                           .box = h->successions[i].box,
                           .statement = BYTES(h->successions[i].statement, h->successions[i].len),
                           .logged = h->successions[i].logged});
    return mi_leave(m, e);
}

err mem_household_succession_logged(struct index *index, const struct store_id *household, uint32_t n,
                                    struct diag *d) {
    struct memory *m = mi_enter(index);
    struct household *h = mi_household_find(m, household);
    if (!h || n == 0 || n > h->succession_count)
        return mi_leave(m, diag_fail(d, ERR_NOT_FOUND, "there is no such succession"));
    h->successions[n - 1].logged = true;
    return mi_leave(m, ERR_OK);
}

static struct grant *grant_find(struct memory *m, const struct store_id *household,
                                const struct store_id *id) {
    EACH(struct grant, g, m->grants)
    if (store_id_equal(&g->row.grant, id) && (!household || store_id_equal(&g->row.household, household)))
        return g;
    return NULL;
}

static uint64_t count_of(struct memory *m, const struct store_id *household) {
    uint64_t count = 0;
    EACH(struct grant, g, m->grants) count += store_id_equal(&g->row.household, household);
    return count;
}

static uint64_t bytes_of(struct memory *m, const struct store_id *household) {
    uint64_t sum = 0;
    EACH(struct grant, g, m->grants)
    if (store_id_equal(&g->row.household, household))
        sum += g->blobs.statement.len + g->blobs.box.len + g->blobs.note.len;
    return sum;
}

static err copy_bytes(const struct grant_bytes *bytes, struct grant_blobs *out, struct diag *d) {
    err e = mi_replace(&out->statement, bytes->statement, d);
    if (!e) e = mi_replace(&out->box, bytes->box, d);
    return e || !bytes->note.len ? e : mi_replace(&out->note, bytes->note, d);
}

static err grant_add(struct memory *m, const struct grant_row *row, const struct grant_bytes *bytes,
                     struct diag *d) {
    if (!mi_household_find(m, &row->household)) return mi_no_household(d);
    if (grant_find(m, NULL, &row->grant)) return index_grant_known(d);
    if (count_of(m, &row->household) >= INDEX_GRANTS_MAX) return index_grants_full(d);
    AUTO(grant_blobs_clear) struct grant_blobs blobs = {0};
    err e = index_check_grants(bytes_of(m, &row->household), bytes, d);
    if (!e) e = copy_bytes(bytes, &blobs, d);
    if (e) return e;
    struct grant *g = mi_list_add(&m->grants, sizeof *g);
    if (!g) return mi_no_memory(d);
    g->row = *row;
    g->row.uses = 0;
    g->row.last_use = g->row.revoked = 0;
    g->row.closed = false;
    g->blobs = blobs;
    blobs = (struct grant_blobs){0};
    return ERR_OK;
}

err mem_grant_add(struct index *index, const struct grant_row *row, const struct grant_bytes *bytes,
                  struct diag *d) {
    err e = index_check_grant(bytes, d);
    if (e) return e;
    struct memory *m = mi_enter(index);
    return mi_leave(m, grant_add(m, row, bytes, d));
}

static err grant_replace(struct memory *m, const struct grant_row *row, struct bytes replaces,
                         const struct grant_bytes *bytes, struct diag *d) {
    struct grant *g = grant_find(m, &row->household, &row->grant);
    if (!g) return index_no_grant(d);
    if (g->row.revoked) return index_grant_revoked(d);
    if (!bytes_equal(blob_bytes(&g->blobs.statement), replaces)) return index_grant_moved(d);
    AUTO(grant_blobs_clear) struct grant_blobs blobs = {0};
    uint64_t mine = g->blobs.statement.len + g->blobs.box.len;
    if (bytes->note.len) mine += g->blobs.note.len;
    err e = index_check_grants(bytes_of(m, &row->household) - mine, bytes, d);
    if (!e) e = copy_bytes(bytes, &blobs, d);
    if (!e && !bytes->note.len) e = mi_replace(&blobs.note, blob_bytes(&g->blobs.note), d);
    if (e) return e;
    struct grant_blobs before = g->blobs;
    g->blobs = blobs;
    blobs = before;
    g->row.expires = row->expires;
    g->row.views = row->views;
    g->row.closed = false;
    return ERR_OK;
}

err mem_grant_replace(struct index *index, const struct grant_row *row, struct bytes replaces,
                      const struct grant_bytes *bytes, struct diag *d) {
    err e = index_check_grant(bytes, d);
    if (e) return e;
    struct memory *m = mi_enter(index);
    return mi_leave(m, grant_replace(m, row, replaces, bytes, d));
}

static err blobs_of(const struct grant *g, bool box, struct grant_blobs *out, struct diag *d) {
    err e = mi_replace(&out->statement, blob_bytes(&g->blobs.statement), d);
    if (!e && box) e = mi_replace(&out->box, blob_bytes(&g->blobs.box), d);
    if (!e) e = mi_replace(&out->note, blob_bytes(&g->blobs.note), d);
    return e ? e : mi_replace(&out->revocation, blob_bytes(&g->blobs.revocation), d);
}

err mem_grant_get(struct index *index, const struct store_id *household, const struct store_id *grant,
                  bool box, struct grant_row *out, struct grant_blobs *blobs, struct diag *d) {
    struct memory *m = mi_enter(index);
    struct grant *g = grant_find(m, household, grant);
    if (!g) return mi_leave(m, index_no_grant(d));
    err e = blobs ? blobs_of(g, box, blobs, d) : ERR_OK;
    if (!e) *out = g->row;
    return mi_leave(m, e);
}

static int compare_created(const void *a, const void *b) {
    const struct grant *x = *(const struct grant *const *)a, *y = *(const struct grant *const *)b;
    return x->row.created < y->row.created ? -1 : x->row.created > y->row.created;
}

static err visit_one(const struct grant *g, index_grant_visit visit, void *arg) {
    const struct grant_bytes bytes = {.statement = blob_bytes(&g->blobs.statement),
                                      .note = blob_bytes(&g->blobs.note),
                                      .revocation = blob_bytes(&g->blobs.revocation)};
    return visit(arg, &g->row, &bytes);
}

err mem_grant_list(struct index *index, const struct store_id *household, index_grant_visit visit, void *arg,
                   struct diag *d) {
    struct memory *m = mi_enter(index);
    err e = ERR_OK;
    if (m->grants.count) qsort(m->grants.items, m->grants.count, sizeof(void *), compare_created);
    EACH(struct grant, g, m->grants)
    if (!e && store_id_equal(&g->row.household, household)) e = visit_one(g, visit, arg);
    return mi_leave(m, e);
}

err mem_grant_count(struct index *index, const struct store_id *household, uint64_t *out, struct diag *d) {
    struct memory *m = mi_enter(index);
    *out = count_of(m, household);
    return mi_leave(m, ERR_OK);
}

static err grant_used(struct memory *m, const struct store_id *grant, uint32_t now, struct grant_row *out,
                      struct diag *d) {
    struct grant *g = grant_find(m, NULL, grant);
    if (!g) return index_no_grant(d);
    if (g->row.revoked) return index_grant_revoked(d);
    if (g->row.views && g->row.uses >= g->row.views) return index_grant_used_up(d);
    g->row.uses++;
    g->row.last_use = now;
    *out = g->row;
    return ERR_OK;
}

err mem_grant_used(struct index *index, const struct store_id *grant, uint32_t now, struct grant_row *out,
                   struct diag *d) {
    struct memory *m = mi_enter(index);
    return mi_leave(m, grant_used(m, grant, now, out, d));
}

static err grant_revoke(struct memory *m, const struct store_id *household, const struct store_id *grant,
                        struct bytes revocation, uint32_t now, struct diag *d) {
    struct grant *g = grant_find(m, household, grant);
    if (!g) return index_no_grant(d);
    if (g->row.revoked) return index_grant_ended(d);
    err e = mi_replace(&g->blobs.revocation, revocation, d);
    if (!e) g->row.revoked = now;
    return e;
}

err mem_grant_revoke(struct index *index, const struct store_id *household, const struct store_id *grant,
                     struct bytes revocation, uint32_t now, struct diag *d) {
    err e = index_check_size("a revocation", revocation.len, INDEX_REVOCATION_MAX_BYTES, d);
    if (e) return e;
    struct memory *m = mi_enter(index);
    return mi_leave(m, grant_revoke(m, household, grant, revocation, now, d));
}

err mem_grant_remove(struct index *index, const struct store_id *household, const struct store_id *grant,
                     uint32_t now, struct diag *d) {
    struct memory *m = mi_enter(index);
    struct grant *g = grant_find(m, household, grant);
    if (!g) return mi_leave(m, index_no_grant(d));
    if (!g->row.revoked && g->row.expires > now) return mi_leave(m, index_grant_alive(d));
    grant_blobs_clear(&g->blobs);
    mi_list_drop(&m->grants, g);
    return mi_leave(m, ERR_OK);
}

err mem_grant_due(struct index *index, uint32_t now, uint32_t skip, uint32_t max, index_grant_visit visit,
                  void *arg, struct diag *d) {
    static const struct grant_bytes none;
    struct memory *m = mi_enter(index);
    err e = ERR_OK;
    EACH(struct grant, g, m->grants)
    if (!e && max && (g->row.expires <= now || g->row.revoked) && !g->row.closed) {
        if (skip) {
            skip--;
            continue;
        }
        e = visit(arg, &g->row, &none);
        max--;
    }
    return mi_leave(m, e);
}

err mem_grant_close(struct index *index, const struct store_id *grant, struct diag *d) {
    struct memory *m = mi_enter(index);
    struct grant *g = grant_find(m, NULL, grant);
    if (g) g->row.closed = true;
    return mi_leave(m, g ? ERR_OK : index_no_grant(d));
}
