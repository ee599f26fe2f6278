/* Second factors of the accounts in memory. */
#include <stdlib.h>

#include "store/accounts_memory.h"

err accounts_no_factor(struct diag *d) {
    return diag_fail(d, ERR_NOT_FOUND, "there is no such second factor");
}

struct account_factor *accounts_factor_find(struct accounts_entry *entry, const struct store_id *factor) {
    for (size_t i = 0; i < entry->factors.count; i++)
        if (store_id_equal(&entry->factors.list[i].id, factor)) return &entry->factors.list[i];
    return NULL;
}

/* Whoever's it is; *out (may be NULL) is its account. */
static struct account_factor *find_any(struct accounts_memory *m, const struct store_id *factor,
                                       struct accounts_entry **out) {
    for (struct accounts_entry *entry = m->entries; entry; entry = entry->next) {
        struct account_factor *f = accounts_factor_find(entry, factor);
        if (f && out) *out = entry;
        if (f) return f;
    }
    return NULL;
}

static int by_id(const void *a, const void *b) {
    return memcmp(((const struct account_factor *)a)->id.bytes, ((const struct account_factor *)b)->id.bytes,
                  STORE_ID_BYTES);
}

static err factor_add(struct accounts_memory *m, const struct store_key *login,
                      const struct account_factor *factor, struct diag *d) {
    struct accounts_entry *entry = accounts_find(m, login);
    if (!entry) return accounts_no_account(d);
    struct account_factors *all = &entry->factors;
    if (all->count >= ACCOUNTS_FACTORS_MAX)
        return diag_fail(d, ERR_LIMIT, "an account has at most %d second factors", ACCOUNTS_FACTORS_MAX);
    if (find_any(m, &factor->id, NULL))
        return diag_fail(d, ERR_EXISTS, "this second factor is registered already");
    all->list[all->count++] = *factor;
    qsort(all->list, all->count, sizeof *all->list, by_id);
    return ERR_OK;
}

err mem_factor_add(struct accounts *accounts, const struct store_key *login,
                   const struct account_factor *factor, struct diag *d) {
    struct accounts_memory *m = accounts_enter(accounts);
    return accounts_leave(m, factor_add(m, login, factor, d));
}

err mem_factor_list(struct accounts *accounts, const struct store_key *login, struct account_factors *out,
                    struct diag *d) {
    struct accounts_memory *m = accounts_enter(accounts);
    const struct accounts_entry *entry = accounts_find(m, login);
    if (entry)
        *out = entry->factors;
    else
        out->count = 0;
    return accounts_leave(m, ERR_OK);
}

err mem_factor_owner(struct accounts *accounts, const struct store_id *factor, struct store_key *login,
                     struct diag *d) {
    struct accounts_memory *m = accounts_enter(accounts);
    struct accounts_entry *entry = NULL;
    if (!find_any(m, factor, &entry)) return accounts_leave(m, accounts_no_factor(d));
    *login = entry->login;
    return accounts_leave(m, ERR_OK);
}

err mem_factor_count(struct accounts *accounts, const struct store_id *factor, uint32_t counter,
                     struct diag *d) {
    struct accounts_memory *m = accounts_enter(accounts);
    struct account_factor *f = find_any(m, factor, NULL);
    if (!f) return accounts_leave(m, accounts_no_factor(d));
    if ((f->counter || counter) && counter <= f->counter)
        return accounts_leave(
            m, diag_fail(d, ERR_CONFLICT, "this signature's counter went back: was the key copied?"));
    f->counter = counter;
    return accounts_leave(m, ERR_OK);
}

err mem_factor_remove(struct accounts *accounts, const struct store_key *login, const struct store_id *factor,
                      struct diag *d) {
    struct accounts_memory *m = accounts_enter(accounts);
    struct accounts_entry *entry = accounts_find(m, login);
    struct account_factor *f = entry ? accounts_factor_find(entry, factor) : NULL;
    if (!f) return accounts_leave(m, accounts_no_factor(d));
    struct account_factors *all = &entry->factors;
    size_t after = (size_t)(all->list + all->count - f) - 1;
    memmove(f, f + 1, after * sizeof *f);
    wipe(&all->list[--all->count], sizeof *all->list);
    return accounts_leave(m, ERR_OK);
}
