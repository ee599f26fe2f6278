/* Second factors in the SQLite file of the accounts. */
#include "store/accounts_sqlite.h"

static err in_factor_add(struct db_conn *conn, const struct store_key *login, const struct account_factor *f,
                         struct diag *d) {
    uint64_t count = 0, changes = 0;
    err e = accounts_known(conn, login, d);
    if (!e) e = db_number(conn, "SELECT count(*) FROM factors WHERE login=?1", BIND(v_key(login)), &count, d);
    if (!e && count >= ACCOUNTS_FACTORS_MAX)
        e = diag_fail(d, ERR_LIMIT, "an account has at most %d second factors", ACCOUNTS_FACTORS_MAX);
    if (!e)
        e = db_run(conn, "INSERT OR IGNORE INTO factors VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                   BIND(v_id(&f->id), v_key(login), v_int(f->kind),
                        v_bytes(BYTES(f->label.bytes, f->label.len)),
                        v_bytes(BYTES(f->secret, f->secret_len)), v_int((uint64_t)(int64_t)f->algorithm),
                        v_int(f->counter), v_bytes(BYTES(f->credential, f->credential_len)), v_text(f->rp),
                        f->has_wrap ? v_bytes(BYTES_OF(f->wrap)) : v_null()),
                   &changes, d);
    if (!e && !changes) e = diag_fail(d, ERR_EXISTS, "this second factor is registered already");
    return e;
}

err sq_factor_add(struct accounts *accounts, const struct store_key *login,
                  const struct account_factor *factor, struct diag *d) {
    struct db_conn *conn;
    err e = db_write_begin(accounts_db(accounts), &conn, d);
    return e ? e : accounts_written(accounts, in_factor_add(conn, login, factor, d), d);
}

static err column_within(sqlite3_stmt *stmt, int i, uint8_t *out, size_t size, size_t *len, struct diag *d) {
    struct bytes value = column_bytes(stmt, i);
    if (value.len > size) return diag_fail(d, ERR_IO, "the accounts hold a second factor that is too long");
    if (value.len) memcpy(out, value.data, value.len);
    *len = value.len;
    return ERR_OK;
}

static err read_factor(sqlite3_stmt *stmt, struct account_factor *f, struct diag *d) {
    size_t rp_len = 0, wrap_len = 0;
    *f = (struct account_factor){.kind = column_u32(stmt, 1) == ACCOUNT_FACTOR_TOTP ? ACCOUNT_FACTOR_TOTP
                                                                                    : ACCOUNT_FACTOR_WEBAUTHN,
                                 .algorithm = (int32_t)sqlite3_column_int64(stmt, 4),
                                 .counter = column_u32(stmt, 5)};
    err e = column_copy(stmt, 0, f->id.bytes, STORE_ID_BYTES, d);
    if (!e) e = column_within(stmt, 2, f->label.bytes, sizeof f->label.bytes, &f->label.len, d);
    if (!e) e = column_within(stmt, 3, f->secret, sizeof f->secret, &f->secret_len, d);
    if (!e) e = column_within(stmt, 6, f->credential, sizeof f->credential, &f->credential_len, d);
    if (!e) e = column_within(stmt, 7, (uint8_t *)f->rp, ACCOUNTS_RP_MAX_BYTES, &rp_len, d);
    if (!e) e = column_within(stmt, 8, f->wrap, sizeof f->wrap, &wrap_len, d);
    f->has_wrap = wrap_len == sizeof f->wrap;
    return e;
}

static err in_factor_list(struct db_conn *conn, const struct store_key *login, struct account_factors *out,
                          struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = true;
    out->count = 0;
    err e = db_query(conn,
                     "SELECT id, kind, label, secret, algorithm, counter, credential, rp, wrap FROM factors"
                     " WHERE login=?1 ORDER BY id",
                     BIND(v_key(login)), &stmt, d);
    while (!e && out->count < ACCOUNTS_FACTORS_MAX) {
        e = db_step(conn, stmt, &row, d);
        if (e || !row) return e;
        e = read_factor(stmt, &out->list[out->count], d);
        if (!e) out->count++;
    }
    return e;
}

err sq_factor_list(struct accounts *accounts, const struct store_key *login, struct account_factors *out,
                   struct diag *d) {
    struct db_conn *conn;
    err e = db_write_begin(accounts_db(accounts), &conn, d);
    return e ? e : db_write_end(accounts_db(accounts), in_factor_list(conn, login, out, d), d);
}

static err no_factor(struct diag *d) {
    return diag_fail(d, ERR_NOT_FOUND, "there is no such second factor");
}

static err in_factor_owner(struct db_conn *conn, const struct store_id *factor, struct store_key *login,
                           struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = false;
    err e = db_query(conn, "SELECT login FROM factors WHERE id=?1", BIND(v_id(factor)), &stmt, d);
    if (!e) e = db_step(conn, stmt, &row, d);
    if (!e && !row) e = no_factor(d);
    return e ? e : column_copy(stmt, 0, login->bytes, STORE_KEY_BYTES, d);
}

err sq_factor_owner(struct accounts *accounts, const struct store_id *factor, struct store_key *login,
                    struct diag *d) {
    struct db_conn *conn;
    err e = db_write_begin(accounts_db(accounts), &conn, d);
    return e ? e : db_write_end(accounts_db(accounts), in_factor_owner(conn, factor, login, d), d);
}

static err in_factor_count(struct db_conn *conn, const struct store_id *factor, uint32_t counter,
                           bool *changed, struct diag *d) {
    uint64_t stored = 0;
    err e = db_number(conn, "SELECT counter FROM factors WHERE id=?1", BIND(v_id(factor)), &stored, d);
    if (e == ERR_NOT_FOUND) return no_factor(d);
    if (e || (stored == 0 && counter == 0)) return e;
    if (counter <= stored)
        return diag_fail(d, ERR_CONFLICT, "this signature's counter went back: was the key copied?");
    *changed = true;
    return db_run(conn, "UPDATE factors SET counter=?2 WHERE id=?1", BIND(v_id(factor), v_int(counter)), NULL,
                  d);
}

err sq_factor_count(struct accounts *accounts, const struct store_id *factor, uint32_t counter,
                    struct diag *d) {
    struct db_conn *conn;
    bool changed = false;
    err e = db_write_begin(accounts_db(accounts), &conn, d);
    if (e) return e;
    e = in_factor_count(conn, factor, counter, &changed, d);
    return changed ? accounts_written(accounts, e, d) : db_write_end(accounts_db(accounts), e, d);
}

err sq_factor_remove(struct accounts *accounts, const struct store_key *login, const struct store_id *factor,
                     struct diag *d) {
    struct db_conn *conn;
    uint64_t changes = 0;
    err e = db_write_begin(accounts_db(accounts), &conn, d);
    if (e) return e;
    e = db_run(conn, "DELETE FROM factors WHERE id=?1 AND login=?2", BIND(v_id(factor), v_key(login)),
               &changes, d);
    if (!e && !changes) e = no_factor(d);
    return accounts_written(accounts, e, d);
}

err accounts_wrap_set(struct db_conn *conn, const struct store_key *login, const struct account_wrap *wrap,
                      struct diag *d) {
    uint64_t changes = 0;
    err e = db_run(conn, "UPDATE factors SET wrap=?3 WHERE id=?1 AND login=?2",
                   BIND(v_id(&wrap->factor), v_key(login), v_bytes(BYTES_OF(wrap->bytes))), &changes, d);
    return e || changes ? e : no_factor(d);
}
