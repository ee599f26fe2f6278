/* Whose the entries of the access log are. */
#include "store/index_sqlite.h"

#define MAPPED "access_log.mapped" /* a setting: 8 bytes */

static err in_mapped_set(struct db_conn *conn, uint64_t mapped, struct diag *d) {
    uint8_t raw[8];
    be64_put(raw, mapped);
    return db_run(conn, "INSERT OR REPLACE INTO settings VALUES(?1, ?2)",
                  BIND(v_text(MAPPED), v_bytes(BYTES_OF(raw))), NULL, d);
}

static err in_map(struct db_conn *conn, const struct log_row *rows, size_t count, uint64_t mapped,
                  struct diag *d) {
    err e = in_mapped_set(conn, mapped, d);
    for (size_t i = 0; !e && i < count; i++)
        e = db_run(conn, "INSERT OR IGNORE INTO log_rows VALUES(?1, ?2, ?3)",
                   BIND(v_id(&rows[i].household), v_int(rows[i].n), v_int(rows[i].entry)), NULL, d);
    return e;
}

err sq_log_map(struct index *index, const struct log_row *rows, size_t count, uint64_t mapped,
               struct diag *d) {
    IN_WRITE(index, d, in_map(conn, rows, count, mapped, d));
}

static err in_mapped(struct db_conn *conn, uint64_t *mapped, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = false;
    uint8_t raw[8];
    err e = db_query(conn, "SELECT value FROM settings WHERE key=?1", BIND(v_text(MAPPED)), &stmt, d);
    if (!e) e = db_step(conn, stmt, &row, d);
    if (!e && row) e = column_copy(stmt, 0, raw, sizeof raw, d);
    if (!e) *mapped = row ? be64_get(raw) : 0;
    return e;
}

err sq_log_mapped(struct index *index, uint64_t *mapped, struct diag *d) {
    IN_READ(index, d, in_mapped(conn, mapped, d));
}

static err in_unmap(struct db_conn *conn, uint64_t size, struct diag *d) {
    uint64_t mapped = 0;
    err e = in_mapped(conn, &mapped, d);
    if (!e && mapped > size) e = in_mapped_set(conn, size, d);
    if (!e) e = db_run(conn, "DELETE FROM log_rows WHERE entry>=?1", BIND(v_int(size)), NULL, d);
    return e;
}

err sq_log_unmap(struct index *index, uint64_t size, struct diag *d) {
    IN_WRITE(index, d, in_unmap(conn, size, d));
}

static err in_rows(struct db_conn *conn, const struct store_id *household, uint64_t n, uint32_t max,
                   index_log_visit visit, void *arg, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = true;
    err e = db_query(conn, "SELECT n, entry FROM log_rows WHERE household=?1 AND n>=?2 ORDER BY n LIMIT ?3",
                     BIND(v_id(household), v_int(n), v_int(max)), &stmt, d);
    while (!e) {
        e = db_step(conn, stmt, &row, d);
        if (e || !row) break;
        const struct log_row found = {*household, column_u64(stmt, 0), column_u64(stmt, 1)};
        e = visit(arg, &found);
    }
    return e;
}

err sq_log_rows(struct index *index, const struct store_id *household, uint64_t n, uint32_t max,
                index_log_visit visit, void *arg, struct diag *d) {
    IN_READ(index, d, in_rows(conn, household, n, max, visit, arg, d));
}

err sq_log_next(struct index *index, const struct store_id *household, uint64_t *n, struct diag *d) {
    IN_READ(index, d,
            db_number(conn, "SELECT coalesce(max(n) + 1, 0) FROM log_rows WHERE household=?1",
                      BIND(v_id(household)), n, d));
}

static err in_keys(struct db_conn *conn, index_log_key_visit visit, void *arg, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = true;
    err e = db_query(conn,
                     "SELECT h.household, h.log_key,"
                     " (SELECT coalesce(max(n) + 1, 0) FROM log_rows r WHERE r.household=h.household)"
                     " FROM households h WHERE h.log_key IS NOT NULL",
                     NULL, 0, &stmt, d);
    while (!e) {
        struct store_id household;
        struct store_key key;
        e = db_step(conn, stmt, &row, d);
        if (e || !row) break;
        e = column_copy(stmt, 0, household.bytes, sizeof household.bytes, d);
        if (!e) e = column_copy(stmt, 1, key.bytes, sizeof key.bytes, d);
        if (!e) e = visit(arg, &household, &key, column_u64(stmt, 2));
    }
    return e;
}

err sq_log_keys(struct index *index, index_log_key_visit visit, void *arg, struct diag *d) {
    IN_READ(index, d, in_keys(conn, visit, arg, d));
}
