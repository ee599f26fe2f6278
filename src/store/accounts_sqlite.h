/* accounts_sqlite.h: what the files of the SQLite driver of accounts share. Internal to store. */
#ifndef CARDEA_STORE_ACCOUNTS_SQLITE_H
#define CARDEA_STORE_ACCOUNTS_SQLITE_H

#include <stdatomic.h>

#include "store/accounts.h"
#include "store/sqlite_db.h"

struct accounts_sqlite {
    struct accounts accounts;
    struct db *db;
    atomic_bool unsettled;
};

static inline struct db *accounts_db(struct accounts *accounts) {
    return ((struct accounts_sqlite *)accounts)->db;
}
/* Ends a write. What is written is durable whether or not the file could be settled: that is tried again. */
err accounts_written(struct accounts *accounts, err e, struct diag *d) CHECKED;
/* ERR_NOT_FOUND, in words, unless the account exists. */
err accounts_known(struct db_conn *conn, const struct store_key *login, struct diag *d) CHECKED;
/* ERR_NOT_FOUND: that factor is not of this login. */
err accounts_wrap_set(struct db_conn *conn, const struct store_key *login, const struct account_wrap *wrap,
                      struct diag *d) CHECKED;

/* The operations of accounts_sqlite_session.c and accounts_sqlite_factor.c, as in accounts.h. */
err sq_session_add(struct accounts *accounts, const struct account_session *session, struct diag *d);
err sq_session_get(struct accounts *accounts, const struct store_key *token, uint32_t today,
                   struct account_session *out, struct diag *d);
err sq_session_list(struct accounts *accounts, const struct store_key *login, uint32_t today,
                    struct account_session out[ACCOUNTS_SESSIONS_MAX], size_t *count, struct diag *d);
err sq_session_label(struct accounts *accounts, const struct store_key *token,
                     const struct account_label *label, struct diag *d);
err sq_session_remove(struct accounts *accounts, const struct store_key *token, struct diag *d);
err sq_factor_add(struct accounts *accounts, const struct store_key *login,
                  const struct account_factor *factor, struct diag *d);
err sq_factor_list(struct accounts *accounts, const struct store_key *login, struct account_factors *out,
                   struct diag *d);
err sq_factor_owner(struct accounts *accounts, const struct store_id *factor, struct store_key *login,
                    struct diag *d);
err sq_factor_count(struct accounts *accounts, const struct store_id *factor, uint32_t counter,
                    struct diag *d);
err sq_factor_remove(struct accounts *accounts, const struct store_key *login, const struct store_id *factor,
                     struct diag *d);

#endif
