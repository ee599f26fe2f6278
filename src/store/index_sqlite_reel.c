#include "store/index_sqlite.h"

/* A name in the life of a blob. */
struct known {
    uint64_t state, camera, at, epoch;
    struct reel_place place; /* of uploads and reels */
};

/* ERR_NOT_FOUND (without words): the name is not known. */
static err in_name_look(struct db_conn *conn, const struct store_id *name, struct known *out,
                        struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = false;
    err e = db_query(conn,
                     "SELECT n.state, n.camera, n.at, n.epoch, c.household, c.camera FROM names n LEFT JOIN"
                     " cameras c ON c.number=n.camera WHERE n.name=?1",
                     BIND(v_id(name)), &stmt, d);
    if (!e) e = db_step(conn, stmt, &row, d);
    if (!e && !row) e = ERR_NOT_FOUND;
    if (e) return e;
    *out = (struct known){.state = column_u64(stmt, 0),
                          .camera = column_u64(stmt, 1),
                          .at = column_u64(stmt, 2),
                          .epoch = column_u64(stmt, 3)};
    if (sqlite3_column_type(stmt, 4) == SQLITE_NULL) return ERR_OK;
    e = column_copy(stmt, 4, out->place.household.bytes, STORE_ID_BYTES, d);
    return e ? e : column_copy(stmt, 5, out->place.camera.bytes, STORE_ID_BYTES, d);
}

/* The upload or reel of that name, if it is that household's. */
static err in_name_get(struct db_conn *conn, const struct store_id *household, const struct store_id *name,
                       uint64_t state, struct known *out, struct diag *d) {
    err e = in_name_look(conn, name, out, d);
    if (e && e != ERR_NOT_FOUND) return e;
    if (!e && out->state == state && store_id_equal(&out->place.household, household)) return ERR_OK;
    return diag_fail(d, ERR_NOT_FOUND,
                     state == STATE_REEL ? "there is no such reel" : "there is no such upload");
}

static bool same_place(const struct reel_place *a, const struct reel_place *b) {
    return store_id_equal(&a->household, &b->household) && store_id_equal(&a->camera, &b->camera);
}

static err judge_known(const struct known *known, const struct index_upload *upload, struct diag *d) {
    bool same = same_place(&known->place, &upload->place);
    if (same && known->state == STATE_REEL) return diag_fail(d, ERR_EXISTS, "this reel is stored already");
    if (same && known->state == STATE_UPLOAD && known->epoch == upload->epoch) return ERR_OK;
    return diag_fail(d, ERR_CONFLICT, "this reel's name is in use");
}

static err in_reel_begin(struct db_conn *conn, const struct index_upload *upload, struct diag *d) {
    struct known known;
    uint64_t camera = 0, uploads = 0;
    err e = in_name_look(conn, &upload->reel, &known, d);
    if (!e && known.state != STATE_STRAY) return judge_known(&known, upload, d);
    if (e && e != ERR_NOT_FOUND) return e;
    e = in_camera_need(conn, &upload->place, &camera, d);
    if (!e)
        e = db_number(conn, "SELECT sum(uploads) FROM cameras WHERE household=?1",
                      BIND(v_id(&upload->place.household)), &uploads, d);
    if (!e && uploads >= INDEX_UPLOADS_MAX)
        e = diag_fail(d, ERR_LIMIT, "a household has at most %u uploads in flight", INDEX_UPLOADS_MAX);
    if (!e) e = in_quota_check(conn, &upload->place.household, 1, d);
    if (!e)
        e = db_run(conn, "INSERT OR REPLACE INTO names VALUES(?1, 1, ?2, ?3, ?4)",
                   BIND(v_id(&upload->reel), v_int(camera), v_int(upload->begun), v_int(upload->epoch)), NULL,
                   d);
    if (!e)
        e = db_run(conn, "UPDATE cameras SET uploads=uploads+1 WHERE number=?1", BIND(v_int(camera)), NULL,
                   d);
    return e;
}

err sq_reel_begin(struct index *index, const struct index_upload *upload, struct diag *d) {
    IN_WRITE(index, d, in_reel_begin(conn, upload, d));
}

static err in_upload_get(struct db_conn *conn, const struct store_id *household, const struct store_id *reel,
                         struct index_upload *out, struct diag *d) {
    struct known known;
    err e = in_name_get(conn, household, reel, STATE_UPLOAD, &known, d);
    if (e) return e;
    *out = (struct index_upload){
        .reel = *reel, .place = known.place, .epoch = (uint32_t)known.epoch, .begun = (uint32_t)known.at};
    return ERR_OK;
}

err sq_upload_get(struct index *index, const struct store_id *household, const struct store_id *reel,
                  struct index_upload *out, struct diag *d) {
    IN_READ(index, d, in_upload_get(conn, household, reel, out, d));
}

static err in_upload_list(struct db_conn *conn, uint32_t before, index_upload_visit visit, void *arg,
                          struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = true;
    err e = db_query(conn,
                     "SELECT n.name, c.household, c.camera, n.epoch, n.at FROM names n JOIN cameras c ON"
                     " c.number=n.camera WHERE n.state=1 AND n.state<>2 AND n.at<?1 ORDER BY n.at",
                     BIND(v_int(before)), &stmt, d);
    while (!e) {
        e = db_step(conn, stmt, &row, d);
        if (e || !row) break;
        struct index_upload u = {.epoch = column_u32(stmt, 3), .begun = column_u32(stmt, 4)};
        e = column_copy(stmt, 0, u.reel.bytes, STORE_ID_BYTES, d);
        if (!e) e = column_copy(stmt, 1, u.place.household.bytes, STORE_ID_BYTES, d);
        if (!e) e = column_copy(stmt, 2, u.place.camera.bytes, STORE_ID_BYTES, d);
        if (!e) e = visit(arg, &u);
    }
    return e;
}

err sq_upload_list(struct index *index, uint32_t before, index_upload_visit visit, void *arg,
                   struct diag *d) {
    IN_READ(index, d, in_upload_list(conn, before, visit, arg, d));
}

static err in_upload_drop(struct db_conn *conn, const struct store_id *household, const struct store_id *reel,
                          uint32_t now, struct diag *d) {
    struct known known;
    err e = in_name_get(conn, household, reel, STATE_UPLOAD, &known, d);
    if (!e)
        e = db_run(conn, "UPDATE names SET state=3, camera=NULL, epoch=NULL, at=?2 WHERE name=?1",
                   BIND(v_id(reel), v_int(now)), NULL, d);
    if (!e)
        e = db_run(conn, "UPDATE cameras SET uploads=uploads-1 WHERE number=?1", BIND(v_int(known.camera)),
                   NULL, d);
    return e ? e : in_cuts_forget(conn, reel, d);
}

err sq_upload_drop(struct index *index, const struct store_id *household, const struct store_id *reel,
                   uint32_t now, struct diag *d) {
    IN_WRITE(index, d, in_upload_drop(conn, household, reel, now, d));
}

static err in_reel_insert(struct db_conn *conn, uint64_t camera, uint64_t epoch, const struct reel_info *reel,
                          struct diag *d) {
    err e = db_run(conn, "INSERT INTO reels VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                   BIND(v_int(camera), v_int(reel->first), v_id(&reel->reel), v_int(epoch), v_int(reel->end),
                        v_int(reel->bytes), v_int(reel->segments), v_int(reel->flags)),
                   NULL, d);
    if (!e)
        e = db_run(conn, "INSERT INTO tables VALUES(?1, ?2, ?3, ?4)",
                   BIND(v_int(camera), v_int(reel->first), v_id(&reel->reel), v_bytes(reel->table)), NULL, d);
    if (!e)
        e = db_run(conn, "UPDATE names SET state=2, at=?2, epoch=NULL WHERE name=?1",
                   BIND(v_id(&reel->reel), v_int(reel->first)), NULL, d);
    if (!e)
        e = db_run(conn,
                   "UPDATE cameras SET reels=reels+1, bytes=bytes+?2, uploads=uploads-1 WHERE number=?1",
                   BIND(v_int(camera), v_int(reel->bytes)), NULL, d);
    return e ? e : in_cuts_narrow(conn, &reel->reel, reel->first, reel->end, d);
}

static err in_reel_commit(struct db_conn *conn, const struct store_id *household,
                          const struct reel_info *reel, const struct store_id *replaces, uint32_t now,
                          struct diag *d) {
    struct known mine, old;
    if (in_name_get(conn, household, &reel->reel, STATE_REEL, &mine, NULL) == ERR_OK)
        return diag_fail(d, ERR_EXISTS, "this reel is stored already");
    err e = in_name_get(conn, household, &reel->reel, STATE_UPLOAD, &mine, d);
    if (e) return e;
    if (!replaces) e = in_quota_check(conn, household, reel->bytes, d);
    if (replaces) {
        e = in_name_get(conn, household, replaces, STATE_REEL, &old, d);
        if (e == ERR_NOT_FOUND || (!e && old.camera != mine.camera))
            e = diag_fail(d, ERR_CONFLICT, "the reel that this one replaces is gone");
        if (!e) e = in_reel_remove(conn, old.camera, (uint32_t)old.at, replaces, now, d);
    }
    return e ? e : in_reel_insert(conn, mine.camera, mine.epoch, reel, d);
}

err sq_reel_commit(struct index *index, const struct store_id *household, const struct reel_info *reel,
                   const struct store_id *replaces, uint32_t now, struct diag *d) {
    err e = index_check_reel(reel, d);
    if (e) return e;
    IN_WRITE(index, d, in_reel_commit(conn, household, reel, replaces, now, d));
}

/* --- reading --- */

#define REEL_COLUMNS "r.reel, r.epoch, r.first, r.end, r.bytes, r.segments, r.flags"

static err reel_of(sqlite3_stmt *stmt, bool table, struct reel_info *out, struct diag *d) {
    *out = (struct reel_info){.epoch = column_u32(stmt, 1),
                              .first = column_u32(stmt, 2),
                              .end = column_u32(stmt, 3),
                              .bytes = column_u64(stmt, 4),
                              .segments = column_u32(stmt, 5),
                              .flags = column_u32(stmt, 6)};
    if (table) out->table = column_bytes(stmt, 7);
    return column_copy(stmt, 0, out->reel.bytes, STORE_ID_BYTES, d);
}

static err in_reel_get(struct db_conn *conn, const struct store_id *household, const struct store_id *reel,
                       struct reel_place *place, struct reel_info *out, struct blob *table, struct diag *d) {
    struct known known;
    err e = in_name_get(conn, household, reel, STATE_REEL, &known, d);
    if (e) return e;
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = false;
    struct reel_info found;
    e = db_query(conn,
                 "SELECT " REEL_COLUMNS ", t.entries FROM reels r LEFT JOIN tables t ON t.camera=r.camera AND"
                 " t.first=r.first AND t.reel=r.reel WHERE r.camera=?1 AND r.first=?2 AND r.reel=?3",
                 BIND(v_int(known.camera), v_int(known.at), v_id(reel)), &stmt, d);
    if (!e) e = db_step(conn, stmt, &row, d);
    if (!e && !row) e = diag_fail(d, ERR_IO, "the index names a reel that it does not have: run fsck");
    if (!e) e = reel_of(stmt, false, &found, d);
    if (!e && table) e = column_blob(stmt, 7, table, d);
    if (e) return e;
    if (table) found.table = blob_bytes(table);
    *place = known.place;
    *out = found;
    return ERR_OK;
}

err sq_reel_get(struct index *index, const struct store_id *household, const struct store_id *reel,
                struct reel_place *place, struct reel_info *out, struct blob *table, struct diag *d) {
    IN_READ(index, d, in_reel_get(conn, household, reel, place, out, table, d));
}

/* Appends the rows of a statement until `max`; says in `more_from` where the one after them begins. */
static err collect(struct db_conn *conn, sqlite3_stmt *stmt, size_t max, bool tables, struct timeline *out,
                   struct diag *d) {
    for (;;) {
        struct reel_info reel;
        bool row = false;
        err e = db_step(conn, stmt, &row, d);
        if (e || !row) return e;
        e = reel_of(stmt, tables, &reel, d);
        if (e) return e;
        if (out->count == max) {
            out->more = true;
            out->more_from = reel.first;
            return ERR_OK;
        }
        e = timeline_append(out, &reel);
        if (e) return diag_fail(d, e, "no memory for a list of reels");
    }
}

static err finish_timeline(err e, struct timeline *made, struct timeline *out) {
    if (e) {
        timeline_clear(made);
        return e;
    }
    timeline_settle(made);
    timeline_clear(out);
    *out = *made;
    return ERR_OK;
}

static err in_timeline(struct db_conn *conn, const struct reel_place *place, uint32_t from, uint32_t to,
                       uint32_t max, bool tables, struct timeline *out, struct diag *d) {
    uint64_t camera = 0;
    err e = in_camera_find(conn, place, &camera, NULL);
    if (e) return e == ERR_NOT_FOUND ? ERR_OK : e;
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    /* Two literals: the statement cache goes by address. */
    const char *sql =
        tables ? "SELECT " REEL_COLUMNS ", t.entries FROM reels r LEFT JOIN tables t ON t.camera=r.camera AND"
                 " t.first=r.first AND t.reel=r.reel WHERE r.camera=?1 AND r.first>=?2 AND r.first<?3 AND "
                 "r.end>?4"
                 " ORDER BY r.first, r.reel"
               : "SELECT " REEL_COLUMNS " FROM reels r WHERE r.camera=?1 AND r.first>=?2 AND r.first<?3 AND"
                 " r.end>?4 ORDER BY r.first, r.reel";
    e = db_query(conn, sql, BIND(v_int(camera), v_int(index_reach(from)), v_int(to), v_int(from)), &stmt, d);
    return e ? e : collect(conn, stmt, max, tables, out, d);
}

err sq_timeline(struct index *index, const struct reel_place *camera, uint32_t from, uint32_t to,
                uint32_t max, bool tables, struct timeline *out, struct diag *d) {
    if (max > INDEX_TIMELINE_MAX) max = INDEX_TIMELINE_MAX;
    struct timeline made = {0};
    IN_READ(index, d,
            finish_timeline(in_timeline(conn, camera, from, to, max, tables, &made, d), &made, out));
}

/* Those that reach over the range's begin, and those that begin in it and reach over its end. */
static err in_range_edges(struct db_conn *conn, const struct reel_place *place, uint32_t from, uint32_t to,
                          struct timeline *out, struct diag *d) {
    uint64_t camera = 0;
    err e = in_camera_find(conn, place, &camera, NULL);
    if (e) return e == ERR_NOT_FOUND ? ERR_OK : e;
    if (from >= to) return ERR_OK;
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    const char *sql =
        "SELECT " REEL_COLUMNS ", t.entries FROM reels r LEFT JOIN tables t ON t.camera=r.camera AND"
        " t.first=r.first AND t.reel=r.reel WHERE r.camera=?1 AND r.first>=?2 AND r.first<?3 AND"
        " r.end>?4 ORDER BY r.first, r.reel";
    e = db_query(conn, sql, BIND(v_int(camera), v_int(index_reach(from)), v_int(from), v_int(from)), &stmt,
                 d);
    if (!e) e = collect(conn, stmt, INDEX_TIMELINE_MAX, true, out, d);
    db_finish(&stmt);
    uint32_t last = index_reach(to) > from ? index_reach(to) : from;
    if (!e) e = db_query(conn, sql, BIND(v_int(camera), v_int(last), v_int(to), v_int(to)), &stmt, d);
    return e ? e : collect(conn, stmt, INDEX_TIMELINE_MAX, true, out, d);
}

err sq_range_edges(struct index *index, const struct reel_place *camera, uint32_t from, uint32_t to,
                   struct timeline *out, struct diag *d) {
    struct timeline made = {0};
    IN_READ(index, d, finish_timeline(in_range_edges(conn, camera, from, to, &made, d), &made, out));
}

static err in_reel_scan(struct db_conn *conn, const struct store_id *from, bool tables,
                        index_reel_visit visit, void *arg, struct diag *d) {
    static const struct store_id lowest = {{0}};
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = true;
    const char *sql =
        tables
            ? "SELECT " REEL_COLUMNS ", t.entries, c.household, c.camera FROM names n JOIN cameras c ON"
              " c.number=n.camera JOIN reels r ON r.camera=n.camera AND r.first=n.at AND r.reel=n.name LEFT "
              "JOIN"
              " tables t ON t.camera=n.camera AND t.first=n.at AND t.reel=n.name WHERE n.name>=?1 AND "
              "n.state=2"
              " ORDER BY n.name"
            : "SELECT " REEL_COLUMNS ", NULL, c.household, c.camera FROM names n JOIN cameras c ON"
              " c.number=n.camera JOIN reels r ON r.camera=n.camera AND r.first=n.at AND r.reel=n.name WHERE"
              " n.name>=?1 AND n.state=2 ORDER BY n.name";
    err e = db_query(conn, sql, BIND(v_id(from ? from : &lowest)), &stmt, d);
    while (!e) {
        struct reel_place place;
        struct reel_info reel;
        e = db_step(conn, stmt, &row, d);
        if (e || !row) break;
        e = reel_of(stmt, true, &reel, d);
        if (!e) e = column_copy(stmt, 8, place.household.bytes, STORE_ID_BYTES, d);
        if (!e) e = column_copy(stmt, 9, place.camera.bytes, STORE_ID_BYTES, d);
        if (!e) e = visit(arg, &place, &reel);
    }
    return e;
}

err sq_reel_scan(struct index *index, const struct store_id *from, bool tables, index_reel_visit visit,
                 void *arg, struct diag *d) {
    IN_READ(index, d, in_reel_scan(conn, from, tables, visit, arg, d));
}
