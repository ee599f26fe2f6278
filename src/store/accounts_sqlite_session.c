/* Sessions in the SQLite file of the accounts. */
#include "store/accounts_sqlite.h"

static err in_session_add(struct db_conn *conn, const struct account_session *s, struct diag *d) {
    uint64_t changes = 0;
    err e = accounts_known(conn, &s->login, d);
    if (!e)
        e = db_run(conn, "INSERT OR IGNORE INTO sessions VALUES(?1, ?2, ?3, ?4, ?5)",
                   BIND(v_key(&s->token), v_key(&s->login), v_int(s->expires_day), v_int(s->factor),
                        v_bytes(BYTES(s->label.bytes, s->label.len))),
                   &changes, d);
    if (!e && !changes) e = diag_fail(d, ERR_EXISTS, "this session exists already");
    if (!e)
        e = db_run(
            conn,
            "DELETE FROM sessions WHERE token IN (SELECT token FROM sessions WHERE login=?1 AND token<>?2"
            " ORDER BY expires DESC, token LIMIT -1 OFFSET ?3)",
            BIND(v_key(&s->login), v_key(&s->token), v_int(ACCOUNTS_SESSIONS_MAX - 1)), NULL, d);
    return e;
}

err sq_session_add(struct accounts *accounts, const struct account_session *session, struct diag *d) {
    struct db_conn *conn;
    err e = db_write_begin(accounts_db(accounts), &conn, d);
    return e ? e : accounts_written(accounts, in_session_add(conn, session, d), d);
}

/* Columns 0 to 4: token, login, expires, factor, label. */
static err read_session(sqlite3_stmt *stmt, struct account_session *out, struct diag *d) {
    *out = (struct account_session){.expires_day = column_u32(stmt, 2), .factor = column_u32(stmt, 3) != 0};
    struct bytes label = column_bytes(stmt, 4);
    if (label.len > sizeof out->label.bytes)
        return diag_fail(d, ERR_IO, "the accounts hold a session's label that is too long");
    out->label.len = label.len;
    if (label.len) memcpy(out->label.bytes, label.data, label.len);
    err e = column_copy(stmt, 0, out->token.bytes, STORE_KEY_BYTES, d);
    return e ? e : column_copy(stmt, 1, out->login.bytes, STORE_KEY_BYTES, d);
}

static err in_session_get(struct db_conn *conn, const struct store_key *token, uint32_t today,
                          struct account_session *out, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = false;
    err e = db_query(
        conn, "SELECT token, login, expires, factor, label FROM sessions WHERE token=?1 AND expires>?2",
        BIND(v_key(token), v_int(today)), &stmt, d);
    if (!e) e = db_step(conn, stmt, &row, d);
    if (!e && !row) e = diag_fail(d, ERR_NOT_FOUND, "this session has ended: sign in again");
    return e ? e : read_session(stmt, out, d);
}

err sq_session_get(struct accounts *accounts, const struct store_key *token, uint32_t today,
                   struct account_session *out, struct diag *d) {
    struct db_conn *conn;
    err e = db_write_begin(accounts_db(accounts), &conn, d);
    return e ? e : db_write_end(accounts_db(accounts), in_session_get(conn, token, today, out, d), d);
}

static err in_session_list(struct db_conn *conn, const struct store_key *login, uint32_t today,
                           struct account_session out[ACCOUNTS_SESSIONS_MAX], size_t *count, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = true;
    *count = 0;
    err e = db_query(conn,
                     "SELECT token, login, expires, factor, label FROM sessions WHERE login=?1 AND expires>?2"
                     " ORDER BY token",
                     BIND(v_key(login), v_int(today)), &stmt, d);
    while (!e && *count < ACCOUNTS_SESSIONS_MAX) {
        e = db_step(conn, stmt, &row, d);
        if (e || !row) return e;
        e = read_session(stmt, &out[*count], d);
        if (!e) (*count)++;
    }
    return e;
}

err sq_session_list(struct accounts *accounts, const struct store_key *login, uint32_t today,
                    struct account_session out[ACCOUNTS_SESSIONS_MAX], size_t *count, struct diag *d) {
    struct db_conn *conn;
    err e = db_write_begin(accounts_db(accounts), &conn, d);
    return e ? e : db_write_end(accounts_db(accounts), in_session_list(conn, login, today, out, count, d), d);
}

static err no_session(struct diag *d) {
    return diag_fail(d, ERR_NOT_FOUND, "there is no such session");
}

err sq_session_label(struct accounts *accounts, const struct store_key *token,
                     const struct account_label *label, struct diag *d) {
    struct db_conn *conn;
    uint64_t changes = 0;
    err e = db_write_begin(accounts_db(accounts), &conn, d);
    if (e) return e;
    e = db_run(conn, "UPDATE sessions SET label=?2 WHERE token=?1",
               BIND(v_key(token), v_bytes(BYTES(label->bytes, label->len))), &changes, d);
    if (!e && !changes) e = no_session(d);
    return accounts_written(accounts, e, d);
}

err sq_session_remove(struct accounts *accounts, const struct store_key *token, struct diag *d) {
    struct db_conn *conn;
    uint64_t changes = 0;
    err e = db_write_begin(accounts_db(accounts), &conn, d);
    if (e) return e;
    e = db_run(conn, "DELETE FROM sessions WHERE token=?1", BIND(v_key(token)), &changes, d);
    if (!e && !changes) e = no_session(d);
    return accounts_written(accounts, e, d);
}
