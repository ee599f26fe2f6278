/* Deleted ranges that wait for an upload to become a reel. */
#include "store/index_sqlite.h"

struct cuts {
    struct index_cut list[INDEX_CUTS_MAX];
    size_t count;
};

static err in_cuts_read(struct db_conn *conn, const struct store_id *name, struct cuts *out, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = false;
    out->count = 0;
    err e = db_query(conn, "SELECT first, end FROM cuts WHERE name=?1 ORDER BY first", BIND(v_id(name)),
                     &stmt, d);
    while (!e) {
        e = db_step(conn, stmt, &row, d);
        if (e || !row) break;
        index_cut_add(out->list, &out->count, column_u32(stmt, 0), column_u32(stmt, 1));
    }
    return e;
}

err in_cuts_forget(struct db_conn *conn, const struct store_id *name, struct diag *d) {
    return db_run(conn, "DELETE FROM cuts WHERE name=?1", BIND(v_id(name)), NULL, d);
}

static err in_cuts_write(struct db_conn *conn, const struct store_id *name, uint64_t camera,
                         const struct cuts *cuts, struct diag *d) {
    err e = in_cuts_forget(conn, name, d);
    for (size_t i = 0; !e && i < cuts->count; i++)
        e = db_run(conn, "INSERT INTO cuts VALUES(?1, ?2, ?3, ?4)",
                   BIND(v_id(name), v_int(camera), v_int(cuts->list[i].from), v_int(cuts->list[i].to)), NULL,
                   d);
    return e;
}

err in_cuts_narrow(struct db_conn *conn, const struct store_id *name, uint32_t first, uint32_t end,
                   struct diag *d) {
    err e = db_run(conn, "DELETE FROM cuts WHERE name=?1 AND (end<=?2 OR first>=?3)",
                   BIND(v_id(name), v_int(first), v_int(end)), NULL, d);
    if (!e)
        e = db_run(conn, "UPDATE cuts SET first=max(first, ?2), end=min(end, ?3) WHERE name=?1",
                   BIND(v_id(name), v_int(first), v_int(end)), NULL, d);
    return e;
}

static err in_uploads_of(struct db_conn *conn, uint64_t camera, struct blob *names, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = false;
    err e = db_query(conn, "SELECT name FROM names WHERE state=1 AND state<>2 AND camera=?1",
                     BIND(v_int(camera)), &stmt, d);
    while (!e) {
        struct store_id name;
        e = db_step(conn, stmt, &row, d);
        if (e || !row) break;
        e = column_copy(stmt, 0, name.bytes, STORE_ID_BYTES, d);
        if (!e && blob_append(names, BYTES_OF(name.bytes)))
            e = diag_fail(d, ERR_NO_MEMORY, "no memory for a list of uploads");
    }
    return e;
}

static err in_range_cut(struct db_conn *conn, const struct reel_place *place, uint32_t from, uint32_t to,
                        struct diag *d) {
    AUTO(blob_clear) struct blob names = {0};
    uint64_t camera = 0;
    err e = in_camera_find(conn, place, &camera, NULL);
    if (e) return e == ERR_NOT_FOUND ? ERR_OK : e;
    e = in_uploads_of(conn, camera, &names, d);
    for (size_t at = 0; !e && at < names.len; at += STORE_ID_BYTES) {
        struct store_id name;
        struct cuts cuts;
        memcpy(name.bytes, names.data + at, STORE_ID_BYTES);
        e = in_cuts_read(conn, &name, &cuts, d);
        if (!e && index_cut_add(cuts.list, &cuts.count, from, to))
            e = in_cuts_write(conn, &name, camera, &cuts, d);
    }
    return e;
}

err sq_range_cut(struct index *index, const struct reel_place *camera, uint32_t from, uint32_t to,
                 struct diag *d) {
    if (from >= to) return ERR_OK;
    IN_WRITE(index, d, in_range_cut(conn, camera, from, to, d));
}

#define MINE "name=?1 AND camera IN (SELECT number FROM cameras WHERE household=?2)"

static err in_cuts_get(struct db_conn *conn, const struct store_id *household, const struct store_id *reel,
                       struct cuts *out, struct diag *d) {
    uint64_t mine = 0;
    out->count = 0;
    err e =
        db_number(conn, "SELECT count(*) FROM cuts WHERE " MINE, BIND(v_id(reel), v_id(household)), &mine, d);
    return e || !mine ? e : in_cuts_read(conn, reel, out, d);
}

static err read_cuts(struct index *index, const struct store_id *household, const struct store_id *reel,
                     struct cuts *out, struct diag *d) {
    IN_READ(index, d, in_cuts_get(conn, household, reel, out, d));
}

err sq_cuts_get(struct index *index, const struct store_id *household, const struct store_id *reel,
                struct index_cut cuts[INDEX_CUTS_MAX], size_t *count, struct diag *d) {
    struct cuts found;
    err e = read_cuts(index, household, reel, &found, d);
    if (e) return e;
    memcpy(cuts, found.list, found.count * sizeof *cuts);
    *count = found.count;
    return ERR_OK;
}

err sq_cuts_done(struct index *index, const struct store_id *household, const struct store_id *reel,
                 struct diag *d) {
    IN_WRITE(index, d,
             db_run(conn, "DELETE FROM cuts WHERE " MINE, BIND(v_id(reel), v_id(household)), NULL, d));
}

static err in_cuts_due(struct db_conn *conn, index_cut_visit visit, void *arg, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = false;
    err e = db_query(conn,
                     "SELECT DISTINCT k.name, c.household, c.camera FROM cuts k JOIN cameras c ON "
                     "c.number=k.camera LEFT JOIN"
                     " names n ON n.name=k.name WHERE n.state IS NOT 1",
                     NULL, 0, &stmt, d);
    while (!e) {
        struct store_id name;
        struct reel_place place;
        e = db_step(conn, stmt, &row, d);
        if (e || !row) break;
        e = column_copy(stmt, 0, name.bytes, STORE_ID_BYTES, d);
        if (!e) e = column_copy(stmt, 1, place.household.bytes, STORE_ID_BYTES, d);
        if (!e) e = column_copy(stmt, 2, place.camera.bytes, STORE_ID_BYTES, d);
        if (!e) e = visit(arg, &place, &name);
    }
    return e;
}

err sq_cuts_due(struct index *index, index_cut_visit visit, void *arg, struct diag *d) {
    IN_READ(index, d, in_cuts_due(conn, visit, arg, d));
}
