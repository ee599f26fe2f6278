/* Grants, and the keys that households have told. */
#include <stdio.h>

#include "store/index_sqlite.h"

/* --- a household's keys --- */

err in_keys_get(struct db_conn *conn, const struct store_id *household, struct index_household *out,
                struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = false;
    struct index_household found;
    err e =
        db_query(conn, "SELECT sign, box, log_key FROM households WHERE household=?1 AND sign IS NOT NULL",
                 BIND(v_id(household)), &stmt, d);
    if (!e) e = db_step(conn, stmt, &row, d);
    if (!e && !row) e = index_no_keys(d);
    if (!e) e = column_copy(stmt, 0, found.sign.bytes, STORE_KEY_BYTES, d);
    if (!e) e = column_copy(stmt, 1, found.box.bytes, STORE_KEY_BYTES, d);
    if (!e) e = column_copy(stmt, 2, found.log_key.bytes, STORE_KEY_BYTES, d);
    if (!e) *out = found;
    return e;
}

err sq_household_keys_get(struct index *index, const struct store_id *household, struct index_household *out,
                          struct diag *d) {
    IN_READ(index, d, in_keys_get(conn, household, out, d));
}

static err in_keys_put(struct db_conn *conn, const struct store_id *household,
                       const struct index_household *keys, struct diag *d) {
    struct index_household held;
    err e = in_household_exists(conn, household, d);
    if (e) return e;
    e = in_keys_get(conn, household, &held, NULL);
    if (!e) return memcmp(&held, keys, sizeof held) == 0 ? ERR_OK : index_other_keys(d);
    if (e != ERR_NOT_FOUND) return diag_fail(d, e, "the household's keys cannot be read");
    return db_run(conn, "UPDATE households SET sign=?2, box=?3, log_key=?4 WHERE household=?1",
                  BIND(v_id(household), v_key(&keys->sign), v_key(&keys->box), v_key(&keys->log_key)), NULL,
                  d);
}

err sq_household_keys_put(struct index *index, const struct store_id *household,
                          const struct index_household *keys, struct diag *d) {
    IN_WRITE(index, d, in_keys_put(conn, household, keys, d));
}

/* --- grants --- */

#define ROW                                                                                                  \
    "SELECT id, household, grantee, purpose, ticket, created, expires, views, uses, last_use, revoked,"      \
    " closed, entry, statement, note, revocation"
enum { COLUMN_STATEMENT = 13, COLUMN_NOTE, COLUMN_REVOCATION, COLUMN_BOX };

static err row_of(sqlite3_stmt *stmt, struct grant_row *out, struct diag *d) {
    struct grant_row row = {.purpose = column_u32(stmt, 3),
                            .created = column_u32(stmt, 5),
                            .expires = column_u64(stmt, 6),
                            .views = column_u64(stmt, 7),
                            .uses = column_u64(stmt, 8),
                            .last_use = column_u32(stmt, 9),
                            .revoked = column_u32(stmt, 10),
                            .closed = column_u32(stmt, 11) != 0,
                            .entry = column_u64(stmt, 12)};
    err e = column_copy(stmt, 0, row.grant.bytes, STORE_ID_BYTES, d);
    if (!e) e = column_copy(stmt, 1, row.household.bytes, STORE_ID_BYTES, d);
    if (!e) e = column_copy(stmt, 2, row.grantee.bytes, STORE_KEY_BYTES, d);
    const char *ticket = (const char *)sqlite3_column_text(stmt, 4);
    snprintf(row.ticket, sizeof row.ticket, "%s", ticket ? ticket : "");
    if (!e) *out = row;
    return e;
}

/* `household` NULL: whosever. ERR_NOT_FOUND. */
static err in_row(struct db_conn *conn, const struct store_id *household, const struct store_id *grant,
                  struct grant_row *out, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = false;
    err e = db_query(conn, ROW " FROM grants WHERE id=?1", BIND(v_id(grant)), &stmt, d);
    if (!e) e = db_step(conn, stmt, &row, d);
    struct grant_row found;
    if (!e && !row) e = index_no_grant(d);
    if (!e) e = row_of(stmt, &found, d);
    if (!e && household && !store_id_equal(&found.household, household)) e = index_no_grant(d);
    if (!e) *out = found;
    return e;
}

static err in_count(struct db_conn *conn, const struct store_id *household, uint64_t *out, struct diag *d) {
    return db_number(conn, "SELECT count(*) FROM grants WHERE household=?1", BIND(v_id(household)), out, d);
}

/* Of the household's grants but one. */
static err in_bytes_check(struct db_conn *conn, const struct grant_row *row, const struct grant_bytes *bytes,
                          struct diag *d) {
    uint64_t held = 0;
    err e = db_number(conn,
                      "SELECT coalesce(sum(length(statement) + length(box) + length(note)), 0) FROM grants"
                      " WHERE household=?1 AND id<>?2",
                      BIND(v_id(&row->household), v_id(&row->grant)), &held, d);
    return e ? e : index_check_grants(held, bytes, d);
}

static err in_grant_add(struct db_conn *conn, const struct grant_row *row, const struct grant_bytes *bytes,
                        struct diag *d) {
    struct grant_row held;
    uint64_t count = 0;
    err e = in_household_exists(conn, &row->household, d);
    if (e) return e;
    e = in_row(conn, NULL, &row->grant, &held, NULL);
    if (!e) return index_grant_known(d);
    if (e != ERR_NOT_FOUND) return diag_fail(d, e, "a grant cannot be read");
    e = in_count(conn, &row->household, &count, d);
    if (!e && count >= INDEX_GRANTS_MAX) e = index_grants_full(d);
    if (!e) e = in_bytes_check(conn, row, bytes, d);
    return e ? e
             : db_run(
                   conn,
                   "INSERT INTO grants(id, household, grantee, purpose, ticket, created, expires, views,"
                   " entry, statement, note, box) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                   BIND(v_id(&row->grant), v_id(&row->household), v_key(&row->grantee), v_int(row->purpose),
                        v_text(row->ticket), v_int(row->created), v_int(row->expires), v_int(row->views),
                        v_int(row->entry), v_bytes(bytes->statement), v_bytes(bytes->note),
                        v_bytes(bytes->box)),
                   NULL, d);
}

err sq_grant_add(struct index *index, const struct grant_row *row, const struct grant_bytes *bytes,
                 struct diag *d) {
    err e = index_check_grant(bytes, d);
    if (e) return e;
    IN_WRITE(index, d, in_grant_add(conn, row, bytes, d));
}

static err in_grant_replace(struct db_conn *conn, const struct grant_row *row, struct bytes replaces,
                            const struct grant_bytes *bytes, struct diag *d) {
    struct grant_row held;
    uint64_t changes = 0;
    err e = in_row(conn, &row->household, &row->grant, &held, d);
    if (!e && held.revoked) e = index_grant_revoked(d);
    if (!e) e = in_bytes_check(conn, row, bytes, d);
    if (!e)
        e = db_run(conn,
                   "UPDATE grants SET expires=?2, views=?3, statement=?4, box=?5, closed=0,"
                   " note=CASE WHEN length(?6)>0 THEN ?6 ELSE note END WHERE id=?1 AND statement=?7",
                   BIND(v_id(&row->grant), v_int(row->expires), v_int(row->views), v_bytes(bytes->statement),
                        v_bytes(bytes->box), v_bytes(bytes->note), v_bytes(replaces)),
                   &changes, d);
    return e || changes ? e : index_grant_moved(d);
}

err sq_grant_replace(struct index *index, const struct grant_row *row, struct bytes replaces,
                     const struct grant_bytes *bytes, struct diag *d) {
    err e = index_check_grant(bytes, d);
    if (e) return e;
    IN_WRITE(index, d, in_grant_replace(conn, row, replaces, bytes, d));
}

static err in_grant_get(struct db_conn *conn, const struct store_id *household, const struct store_id *grant,
                        bool box, struct grant_row *out, struct grant_blobs *blobs, struct diag *d) {
    if (!blobs) return in_row(conn, household, grant, out, d);
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = false;
    struct grant_row found;
    err e = box ? db_query(conn, ROW ", box FROM grants WHERE id=?1", BIND(v_id(grant)), &stmt, d)
                : db_query(conn, ROW " FROM grants WHERE id=?1", BIND(v_id(grant)), &stmt, d);
    if (!e) e = db_step(conn, stmt, &row, d);
    if (!e && !row) e = index_no_grant(d);
    if (!e) e = row_of(stmt, &found, d);
    if (!e && household && !store_id_equal(&found.household, household)) e = index_no_grant(d);
    if (!e) e = column_blob(stmt, COLUMN_STATEMENT, &blobs->statement, d);
    if (!e) e = column_blob(stmt, COLUMN_NOTE, &blobs->note, d);
    if (!e) e = column_blob(stmt, COLUMN_REVOCATION, &blobs->revocation, d);
    if (!e && box) e = column_blob(stmt, COLUMN_BOX, &blobs->box, d);
    if (!e) *out = found;
    return e;
}

err sq_grant_get(struct index *index, const struct store_id *household, const struct store_id *grant,
                 bool box, struct grant_row *out, struct grant_blobs *blobs, struct diag *d) {
    IN_READ(index, d, in_grant_get(conn, household, grant, box, out, blobs, d));
}

static err visit_rows(struct db_conn *conn, sqlite3_stmt *stmt, bool bytes, index_grant_visit visit,
                      void *arg, struct diag *d) {
    for (bool row = true;;) {
        struct grant_row found;
        struct grant_bytes held = {0};
        err e = db_step(conn, stmt, &row, d);
        if (e || !row) return e;
        e = row_of(stmt, &found, d);
        if (bytes) {
            held.statement = column_bytes(stmt, COLUMN_STATEMENT);
            held.note = column_bytes(stmt, COLUMN_NOTE);
            held.revocation = column_bytes(stmt, COLUMN_REVOCATION);
        }
        if (!e) e = visit(arg, &found, &held);
        if (e) return e;
    }
}

static err in_grant_list(struct db_conn *conn, const struct store_id *household, index_grant_visit visit,
                         void *arg, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    err e = db_query(conn, ROW " FROM grants WHERE household=?1 ORDER BY created, number",
                     BIND(v_id(household)), &stmt, d);
    return e ? e : visit_rows(conn, stmt, true, visit, arg, d);
}

err sq_grant_list(struct index *index, const struct store_id *household, index_grant_visit visit, void *arg,
                  struct diag *d) {
    IN_READ(index, d, in_grant_list(conn, household, visit, arg, d));
}

err sq_grant_count(struct index *index, const struct store_id *household, uint64_t *out, struct diag *d) {
    IN_READ(index, d, in_count(conn, household, out, d));
}

static err in_grant_used(struct db_conn *conn, const struct store_id *grant, uint32_t now,
                         struct grant_row *out, struct diag *d) {
    struct grant_row row;
    err e = in_row(conn, NULL, grant, &row, d);
    if (!e && row.revoked) e = index_grant_revoked(d);
    if (!e && row.views && row.uses >= row.views) e = index_grant_used_up(d);
    if (!e)
        e = db_run(conn, "UPDATE grants SET uses=uses+1, last_use=?2 WHERE id=?1",
                   BIND(v_id(grant), v_int(now)), NULL, d);
    if (e) return e;
    row.uses++;
    row.last_use = now;
    *out = row;
    return ERR_OK;
}

err sq_grant_used(struct index *index, const struct store_id *grant, uint32_t now, struct grant_row *out,
                  struct diag *d) {
    IN_WRITE(index, d, in_grant_used(conn, grant, now, out, d));
}

static err in_grant_revoke(struct db_conn *conn, const struct store_id *household,
                           const struct store_id *grant, struct bytes revocation, uint32_t now,
                           struct diag *d) {
    struct grant_row row;
    err e = in_row(conn, household, grant, &row, d);
    if (!e && row.revoked) e = index_grant_ended(d);
    return e ? e
             : db_run(conn, "UPDATE grants SET revocation=?2, revoked=?3 WHERE id=?1",
                      BIND(v_id(grant), v_bytes(revocation), v_int(now)), NULL, d);
}

err sq_grant_revoke(struct index *index, const struct store_id *household, const struct store_id *grant,
                    struct bytes revocation, uint32_t now, struct diag *d) {
    err e = index_check_size("a revocation", revocation.len, INDEX_REVOCATION_MAX_BYTES, d);
    if (e) return e;
    IN_WRITE(index, d, in_grant_revoke(conn, household, grant, revocation, now, d));
}

static err in_grant_remove(struct db_conn *conn, const struct store_id *household,
                           const struct store_id *grant, uint32_t now, struct diag *d) {
    struct grant_row row;
    err e = in_row(conn, household, grant, &row, d);
    if (!e && !row.revoked && row.expires > now) e = index_grant_alive(d);
    return e ? e : db_run(conn, "DELETE FROM grants WHERE id=?1", BIND(v_id(grant)), NULL, d);
}

err sq_grant_remove(struct index *index, const struct store_id *household, const struct store_id *grant,
                    uint32_t now, struct diag *d) {
    IN_WRITE(index, d, in_grant_remove(conn, household, grant, now, d));
}

static err in_grant_due(struct db_conn *conn, uint32_t now, uint32_t skip, uint32_t max,
                        index_grant_visit visit, void *arg, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    err e = db_query(conn,
                     ROW " FROM grants WHERE closed=0 AND (CASE WHEN revoked<>0 THEN 0 ELSE expires END)<=?1"
                         " ORDER BY (CASE WHEN revoked<>0 THEN 0 ELSE expires END), number"
                         " LIMIT ?2 OFFSET ?3", /* as grants_due has it: asked each second */
                     BIND(v_int(now), v_int(max), v_int(skip)), &stmt, d);
    return e ? e : visit_rows(conn, stmt, false, visit, arg, d);
}

err sq_grant_due(struct index *index, uint32_t now, uint32_t skip, uint32_t max, index_grant_visit visit,
                 void *arg, struct diag *d) {
    IN_READ(index, d, in_grant_due(conn, now, skip, max, visit, arg, d));
}

static err in_grant_close(struct db_conn *conn, const struct store_id *grant, struct diag *d) {
    uint64_t changes = 0;
    err e = db_run(conn, "UPDATE grants SET closed=1 WHERE id=?1", BIND(v_id(grant)), &changes, d);
    return e || changes ? e : index_no_grant(d);
}

err sq_grant_close(struct index *index, const struct store_id *grant, struct diag *d) {
    IN_WRITE(index, d, in_grant_close(conn, grant, d));
}
