/* Live views that run. */
#include "store/index_sqlite.h"

static err in_watch_add(struct db_conn *conn, const struct index_watch *w, struct diag *d) {
    uint64_t changes = 0;
    err e = index_check_size("a live view", w->act.len, INDEX_WATCH_ACT_MAX_BYTES, d);
    if (!e) e = in_household_exists(conn, &w->household, d);
    if (!e)
        e = db_run(conn, "INSERT OR IGNORE INTO watches VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                   BIND(v_id(&w->watch), v_id(&w->household), v_id(&w->node), v_int(w->n), v_int(w->since),
                        v_int(w->seen), v_bytes(w->act)),
                   &changes, d);
    return e || changes ? e : index_watch_exists(d);
}

err sq_watch_add(struct index *index, const struct index_watch *watch, struct diag *d) {
    IN_WRITE(index, d, in_watch_add(conn, watch, d));
}

static err in_watch_seen(struct db_conn *conn, const struct store_id *watches, size_t count, uint32_t now,
                         struct diag *d) {
    err e = ERR_OK;
    for (size_t i = 0; !e && i < count; i++)
        e = db_run(conn, "UPDATE watches SET seen=?2 WHERE watch=?1", BIND(v_id(&watches[i]), v_int(now)),
                   NULL, d);
    return e;
}

err sq_watch_seen(struct index *index, const struct store_id *watches, size_t count, uint32_t now,
                  struct diag *d) {
    IN_WRITE(index, d, in_watch_seen(conn, watches, count, now, d));
}

static err in_watch_list(struct db_conn *conn, const struct store_id *after, uint32_t max,
                         index_watch_visit visit, void *arg, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = true;
    const struct bytes from = after ? BYTES_OF(after->bytes) : (struct bytes){0};
    err e = db_query(conn,
                     "SELECT watch, household, node, n, since, seen, act FROM watches WHERE watch>?1"
                     " ORDER BY watch LIMIT ?2",
                     BIND(v_bytes(from), v_int(max)), &stmt, d);
    while (!e) {
        e = db_step(conn, stmt, &row, d);
        if (e || !row) break;
        struct index_watch w = {.n = column_u64(stmt, 3),
                                .since = column_u32(stmt, 4),
                                .seen = column_u32(stmt, 5),
                                .act = column_bytes(stmt, 6)};
        e = column_copy(stmt, 0, w.watch.bytes, sizeof w.watch.bytes, d);
        if (!e) e = column_copy(stmt, 1, w.household.bytes, sizeof w.household.bytes, d);
        if (!e) e = column_copy(stmt, 2, w.node.bytes, sizeof w.node.bytes, d);
        if (!e) e = visit(arg, &w);
    }
    return e;
}

err sq_watch_list(struct index *index, const struct store_id *after, uint32_t max, index_watch_visit visit,
                  void *arg, struct diag *d) {
    IN_READ(index, d, in_watch_list(conn, after, max, visit, arg, d));
}

err sq_watch_adopt(struct index *index, const struct store_id *from, const struct store_id *to,
                   uint64_t *count, struct diag *d) {
    IN_WRITE(index, d,
             db_run(conn, "UPDATE watches SET node=?2 WHERE node=?1", BIND(v_id(from), v_id(to)), count, d));
}

static err in_watch_remove(struct db_conn *conn, const struct store_id *watch, struct diag *d) {
    uint64_t changes = 0;
    err e = db_run(conn, "DELETE FROM watches WHERE watch=?1", BIND(v_id(watch)), &changes, d);
    return e || changes ? e : index_no_watch(d);
}

err sq_watch_remove(struct index *index, const struct store_id *watch, struct diag *d) {
    IN_WRITE(index, d, in_watch_remove(conn, watch, d));
}
