/* accounts_memory.h: what the files of the memory driver of accounts share. Internal to store. */
#ifndef CARDEA_STORE_ACCOUNTS_MEMORY_H
#define CARDEA_STORE_ACCOUNTS_MEMORY_H

#include <pthread.h>

#include "store/accounts.h"

struct accounts_entry {
    struct accounts_entry *next;
    struct store_key login;
    struct account account;
    struct account_factors factors; /* by id */
};

struct accounts_session {
    struct accounts_session *next;
    struct account_session session;
};

struct accounts_memory {
    struct accounts accounts;
    pthread_mutex_t lock;
    struct accounts_entry *entries;
    struct accounts_session *sessions;
};

struct accounts_memory *accounts_enter(struct accounts *accounts); /* locks */
err accounts_leave(struct accounts_memory *m, err e) CHECKED;      /* unlocks, and returns e */
struct accounts_entry *accounts_find(struct accounts_memory *m, const struct store_key *login);
struct account_factor *accounts_factor_find(struct accounts_entry *entry, const struct store_id *factor);
err accounts_no_memory(struct diag *d) CHECKED;
err accounts_no_account(struct diag *d) CHECKED;
err accounts_no_factor(struct diag *d) CHECKED;

/* The operations of accounts_memory_factor.c, as in accounts.h. */
err mem_factor_add(struct accounts *accounts, const struct store_key *login,
                   const struct account_factor *factor, struct diag *d);
err mem_factor_list(struct accounts *accounts, const struct store_key *login, struct account_factors *out,
                    struct diag *d);
err mem_factor_owner(struct accounts *accounts, const struct store_id *factor, struct store_key *login,
                     struct diag *d);
err mem_factor_count(struct accounts *accounts, const struct store_id *factor, uint32_t counter,
                     struct diag *d);
err mem_factor_remove(struct accounts *accounts, const struct store_key *login, const struct store_id *factor,
                      struct diag *d);

#endif
