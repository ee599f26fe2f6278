#include "store/desk_sqlite.h"

#define COLUMNS "number, state, roles, name, since, expires, account, sign, box, decider, certificate, secret"

static err column_key(sqlite3_stmt *stmt, int i, struct store_key *out, struct diag *d) {
    if (sqlite3_column_type(stmt, i) == SQLITE_NULL) return ERR_OK;
    return column_copy(stmt, i, out->bytes, sizeof out->bytes, d);
}

static err member_row(sqlite3_stmt *stmt, struct desk_member *out, struct diag *d) {
    AUTO(desk_member_clear)
    struct desk_member m = {.number = column_u64(stmt, 0),
                            .state = (enum desk_state)column_u32(stmt, 1),
                            .roles = column_u32(stmt, 2),
                            .since = column_u32(stmt, 4),
                            .expires = column_u32(stmt, 5)};
    struct bytes name = column_bytes(stmt, 3);
    if (name.len > DESK_NAME_CHARS) return diag_fail(d, ERR_IO, "a stored name is too long: run fsck");
    memcpy(m.name, name.data, name.len);
    err e = column_key(stmt, 6, &m.account, d);
    if (!e) e = column_key(stmt, 7, &m.sign, d);
    if (!e) e = column_key(stmt, 8, &m.box, d);
    if (!e) e = column_key(stmt, 9, &m.by, d);
    if (!e) e = column_blob(stmt, 10, &m.certificate, d);
    if (!e) e = column_blob(stmt, 11, &m.secret, d);
    if (e) return e;
    desk_member_clear(out);
    *out = m;
    m = (struct desk_member){0};
    return ERR_OK;
}

static err in_find(struct db_conn *conn, const char *sql, struct value by, struct desk_member *out,
                   struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = false;
    desk_member_clear(out);
    err e = db_query(conn, sql, &by, 1, &stmt, d);
    if (!e) e = db_step(conn, stmt, &row, d);
    if (!e && !row) e = diag_fail(d, ERR_NOT_FOUND, "there is no such member of staff");
    return e ? e : member_row(stmt, out, d);
}

static const char by_number[] = "SELECT " COLUMNS " FROM members WHERE number=?1",
                  by_key[] = "SELECT " COLUMNS " FROM members WHERE sign=?1",
                  by_account[] = "SELECT " COLUMNS " FROM members WHERE account=?1 AND state<>4",
                  by_code[] = "SELECT " COLUMNS " FROM members WHERE code=?1 AND state<>4",
                  all[] = "SELECT " COLUMNS " FROM members ORDER BY number";

static err in_invite(struct db_conn *conn, const char *name, unsigned roles, const struct store_key *code,
                     uint32_t now, uint32_t expires, uint64_t *number, struct diag *d) {
    uint64_t count = 0, changes = 0;
    /* An invitation that nobody took leaves its name free. */
    err e = db_run(conn, "DELETE FROM members WHERE state=1 AND expires<=?1", BIND(v_int(now)), NULL, d);
    if (!e) e = db_number(conn, "SELECT count(*) FROM members", NULL, 0, &count, d);
    if (!e && count >= DESK_MEMBERS_MAX)
        e = diag_fail(d, ERR_LIMIT, "a desk has at most %u members of staff, former ones included",
                      DESK_MEMBERS_MAX);
    if (!e)
        e = db_run(conn,
                   "INSERT OR IGNORE INTO members(name, roles, state, since, expires, code)"
                   " VALUES(?1, ?2, 1, ?3, ?4, ?5)",
                   BIND(v_text(name), v_int(roles), v_int(now), v_int(expires), v_key(code)), &changes, d);
    if (!e && !changes)
        e = diag_fail(d, ERR_EXISTS, "somebody of the name '%s' is there: revoke them first", name);
    return e ? e : db_number(conn, "SELECT max(number) FROM members", NULL, 0, number, d);
}

err ds_member_invite(struct desk *desk, const char *name, unsigned roles, const struct store_key *code,
                     uint32_t now, uint32_t expires, uint64_t *number, struct diag *d) {
    if (!*name || strlen(name) > DESK_NAME_CHARS)
        return diag_fail(d, ERR_LIMIT, "a name has 1 to %d bytes", DESK_NAME_CHARS);
    DESK_WRITE(desk, d, in_invite(conn, name, roles, code, now, expires, number, d));
}

static err in_invite_open(struct db_conn *conn, const struct store_key *code, uint32_t now, struct diag *d) {
    uint64_t one = 0;
    err e = db_number(conn, "SELECT 1 FROM members WHERE code=?1 AND state=1 AND expires>?2",
                      BIND(v_key(code), v_int(now)), &one, d);
    return e == ERR_NOT_FOUND ? diag_fail(d, e, "there is no such invitation, or it has expired") : e;
}

err ds_invite_open(struct desk *desk, const struct store_key *code, uint32_t now, struct diag *d) {
    DESK_READ(desk, d, in_invite_open(conn, code, now, d));
}

static err in_request(struct db_conn *conn, const struct store_key *code, const struct store_key *account,
                      const struct store_key *sign, const struct store_key *box, uint32_t now,
                      struct desk_member *out, struct diag *d) {
    AUTO(desk_member_clear) struct desk_member m = {0};
    uint64_t changes = 0;
    err e = in_find(conn, by_code, v_key(code), &m, d);
    if (!e && m.state == DESK_INVITED && m.expires <= now) e = ERR_NOT_FOUND;
    if (e == ERR_NOT_FOUND) return diag_fail(d, e, "there is no such invitation, or it has expired");
    if (e) return e;
    if (m.state != DESK_INVITED) {
        if (!store_key_equal(&m.account, account) || !store_key_equal(&m.sign, sign))
            return diag_fail(d, ERR_EXISTS, "this invitation has been taken by another account or key");
        return in_find(conn, by_number, v_int(m.number), out, d);
    }
    e = db_run(conn,
               "UPDATE OR IGNORE members SET state=2, since=?2, account=?3, sign=?4, box=?5 WHERE number=?1",
               BIND(v_int(m.number), v_int(now), v_key(account), v_key(sign), v_key(box)), &changes, d);
    if (!e && !changes) e = diag_fail(d, ERR_EXISTS, "this account or key is of another member of staff");
    return e ? e : in_find(conn, by_number, v_int(m.number), out, d);
}

err ds_member_request(struct desk *desk, const struct store_key *code, const struct store_key *account,
                      const struct store_key *sign, const struct store_key *box, uint32_t now,
                      struct desk_member *out, struct diag *d) {
    DESK_WRITE(desk, d, in_request(conn, code, account, sign, box, now, out, d));
}

static err in_certify(struct db_conn *conn, const struct desk_certification *c, uint32_t now,
                      struct diag *d) {
    static const struct store_key nobody;
    uint64_t changes = 0;
    err e = db_run(conn,
                   "UPDATE members SET state=3, since=?2, expires=?3, certificate=?4, secret=?5, decider=?6"
                   " WHERE number=?1 AND sign=?7 AND state IN (2, 3)",
                   BIND(v_int(c->number), v_int(now), v_int(c->expires), v_bytes(c->certificate),
                        v_bytes(c->secret), store_key_equal(&c->by, &nobody) ? v_null() : v_key(&c->by),
                        v_key(&c->sign)),
                   &changes, d);
    if (!e && !changes)
        e = diag_fail(d, ERR_NOT_FOUND, "nobody of that number and key has asked, or they are revoked");
    return e;
}

err ds_member_certify(struct desk *desk, const struct desk_certification *c, uint32_t now, struct diag *d) {
    if (c->certificate.len > DESK_CERTIFICATE_MAX_BYTES || c->secret.len > DESK_SECRET_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "the certificate or the desk's secret is too large");
    DESK_WRITE(desk, d, in_certify(conn, c, now, d));
}

static err in_revoke(struct db_conn *conn, uint64_t number, uint32_t now, struct diag *d) {
    AUTO(desk_member_clear) struct desk_member m = {0};
    err e = in_find(conn, by_number, v_int(number), &m, d);
    if (!e && m.state == DESK_REVOKED) e = diag_fail(d, ERR_EXISTS, "%s is revoked already", m.name);
    if (!e)
        e = db_run(conn, "UPDATE members SET state=4, since=?2, secret=NULL WHERE number=?1",
                   BIND(v_int(number), v_int(now)), NULL, d);
    return e;
}

err ds_member_revoke(struct desk *desk, uint64_t number, uint32_t now, struct diag *d) {
    DESK_WRITE(desk, d, in_revoke(conn, number, now, d));
}

err ds_member_get(struct desk *desk, uint64_t number, struct desk_member *out, struct diag *d) {
    DESK_READ(desk, d, in_find(conn, by_number, v_int(number), out, d));
}

err ds_member_of_key(struct desk *desk, const struct store_key *sign, struct desk_member *out,
                     struct diag *d) {
    DESK_READ(desk, d, in_find(conn, by_key, v_key(sign), out, d));
}

err ds_member_of_account(struct desk *desk, const struct store_key *account, struct desk_member *out,
                         struct diag *d) {
    DESK_READ(desk, d, in_find(conn, by_account, v_key(account), out, d));
}

static err in_list(struct db_conn *conn, desk_member_visit visit, void *arg, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = true;
    err e = db_query(conn, all, NULL, 0, &stmt, d);
    while (!e && !(e = db_step(conn, stmt, &row, d)) && row) {
        AUTO(desk_member_clear) struct desk_member m = {0};
        e = member_row(stmt, &m, d);
        if (!e) e = visit(arg, &m);
    }
    return e;
}

err ds_member_list(struct desk *desk, desk_member_visit visit, void *arg, struct diag *d) {
    DESK_READ(desk, d, in_list(conn, visit, arg, d));
}
