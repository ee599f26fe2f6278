/* How households' keys were succeeded. */
#include "store/index_sqlite.h"

static err in_last(struct db_conn *conn, const struct store_id *household, uint64_t *n, struct diag *d) {
    return db_number(conn, "SELECT coalesce(max(n), 0) FROM successions WHERE household=?1",
                     BIND(v_id(household)), n, d);
}

/* ERR_NOT_FOUND: it is not the one that is kept under its number. */
static err in_same(struct db_conn *conn, const struct store_id *household, const struct index_succession *s) {
    uint64_t one;
    return db_number(conn, "SELECT 1 FROM successions WHERE household=?1 AND n=?2 AND statement=?3",
                     BIND(v_id(household), v_int(s->n), v_bytes(s->statement)), &one, NULL);
}

static err in_succeed(struct db_conn *conn, const struct store_id *household,
                      const struct index_succession *s, struct diag *d) {
    struct index_household held;
    uint64_t last = 0;
    err e = in_household_exists(conn, household, d);
    if (!e) e = in_keys_get(conn, household, &held, d);
    if (!e) e = in_last(conn, household, &last, d);
    if (e) return e;
    if (s->n == last && in_same(conn, household, s) == ERR_OK) return ERR_OK;
    if (s->n != last + 1 || !store_key_equal(&s->former, &held.sign)) return index_no_successor(d);
    e = db_run(conn, "INSERT INTO successions(household, n, sign, box, statement) VALUES(?1, ?2, ?3, ?4, ?5)",
               BIND(v_id(household), v_int(s->n), v_key(&s->sign), v_key(&s->box), v_bytes(s->statement)),
               NULL, d);
    if (e) return e;
    return db_run(conn, "UPDATE households SET sign=?2, box=?3 WHERE household=?1",
                  BIND(v_id(household), v_key(&s->sign), v_key(&s->box)), NULL, d);
}

err sq_household_succeed(struct index *index, const struct store_id *household,
                         const struct index_succession *s, struct diag *d) {
    err e = index_check_succession(s, d);
    if (e) return e;
    IN_WRITE(index, d, in_succeed(conn, household, s, d));
}

static err visit_row(sqlite3_stmt *stmt, index_succession_visit visit, void *arg, struct diag *d) {
    AUTO(blob_clear) struct blob statement = {0};
    struct index_succession s = {.n = column_u32(stmt, 0), .logged = column_u32(stmt, 3) != 0};
    err e = column_copy(stmt, 1, s.sign.bytes, STORE_KEY_BYTES, d);
    if (!e) e = column_copy(stmt, 2, s.box.bytes, STORE_KEY_BYTES, d);
    if (!e) e = column_blob(stmt, 4, &statement, d);
    s.statement = blob_bytes(&statement);
    return e ? e : visit(arg, &s);
}

static err in_successions(struct db_conn *conn, const struct store_id *household,
                          index_succession_visit visit, void *arg, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = true;
    err e = in_household_exists(conn, household, d);
    if (!e)
        e = db_query(conn,
                     "SELECT n, sign, box, logged, statement FROM successions WHERE household=?1 ORDER BY n",
                     BIND(v_id(household)), &stmt, d);
    while (!e) {
        e = db_step(conn, stmt, &row, d);
        if (e || !row) break;
        e = visit_row(stmt, visit, arg, d);
    }
    return e;
}

err sq_household_successions(struct index *index, const struct store_id *household,
                             index_succession_visit visit, void *arg, struct diag *d) {
    IN_READ(index, d, in_successions(conn, household, visit, arg, d));
}

static err in_logged(struct db_conn *conn, const struct store_id *household, uint32_t n, struct diag *d) {
    uint64_t changes = 0;
    err e = db_run(conn, "UPDATE successions SET logged=1 WHERE household=?1 AND n=?2",
                   BIND(v_id(household), v_int(n)), &changes, d);
    if (!e && !changes) e = diag_fail(d, ERR_NOT_FOUND, "there is no such succession");
    return e;
}

err sq_household_succession_logged(struct index *index, const struct store_id *household, uint32_t n,
                                   struct diag *d) {
    IN_WRITE(index, d, in_logged(conn, household, n, d));
}
