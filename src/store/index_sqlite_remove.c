/* Removal: rows go first, in one transaction that remembers their blobs' names as garbage; blobs follow. */
#include <stdio.h>

#include "store/index_sqlite.h"

err in_reel_remove(struct db_conn *conn, uint64_t camera, uint32_t first, const struct store_id *reel,
                   uint32_t now, struct diag *d) {
    uint64_t bytes = 0;
    err e = db_number(conn, "SELECT bytes FROM reels WHERE camera=?1 AND first=?2 AND reel=?3",
                      BIND(v_int(camera), v_int(first), v_id(reel)), &bytes, d);
    if (e == ERR_NOT_FOUND)
        return diag_fail(d, ERR_IO, "the index names a reel that it does not have: run fsck");
    if (!e)
        e = db_run(conn, "DELETE FROM reels WHERE camera=?1 AND first=?2 AND reel=?3",
                   BIND(v_int(camera), v_int(first), v_id(reel)), NULL, d);
    if (!e)
        e = db_run(conn, "DELETE FROM tables WHERE camera=?1 AND first=?2 AND reel=?3",
                   BIND(v_int(camera), v_int(first), v_id(reel)), NULL, d);
    if (!e)
        e = db_run(conn, "UPDATE names SET state=3, camera=NULL, at=?2 WHERE name=?1",
                   BIND(v_id(reel), v_int(now)), NULL, d);
    if (!e)
        e = db_run(conn, "UPDATE cameras SET reels=reels-1, bytes=bytes-?2 WHERE number=?1",
                   BIND(v_int(camera), v_int(bytes)), NULL, d);
    return e;
}

#define WITHIN "camera=?1 AND first>=?2 AND first<?3 AND end<=?4"

/* Where a batch ends: the first slot of the reel after max_reels of them, or `to`. */
static err in_batch_end(struct db_conn *conn, uint64_t camera, uint64_t from, uint64_t to, uint32_t max_reels,
                        uint64_t *stop, bool *more, struct diag *d) {
    uint64_t lowest = 0;
    *stop = to;
    *more = false;
    err e = db_number(conn, "SELECT first FROM reels WHERE " WITHIN " ORDER BY first LIMIT 1 OFFSET ?5",
                      BIND(v_int(camera), v_int(from), v_int(to), v_int(to), v_int(max_reels)), stop, d);
    if (e) return e == ERR_NOT_FOUND ? ERR_OK : e;
    *more = true;
    e = db_number(conn, "SELECT first FROM reels WHERE " WITHIN " ORDER BY first LIMIT 1",
                  BIND(v_int(camera), v_int(from), v_int(to), v_int(to)), &lowest, d);
    if (!e && *stop <= lowest) *stop = lowest + 1; /* many that begin at once: go on at least */
    return e;
}

static err in_reels_remove(struct db_conn *conn, uint64_t camera, uint64_t from, uint64_t stop, uint64_t to,
                           uint32_t now, struct index_removed *out, struct diag *d) {
    const struct value range[] = {v_int(camera), v_int(from), v_int(stop), v_int(to), v_int(now)};
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = false;
    err e = db_query(
        conn, "SELECT count(*), coalesce(sum(segments), 0), coalesce(sum(bytes), 0) FROM reels WHERE " WITHIN,
        range, 4, &stmt, d);
    if (!e) e = db_step(conn, stmt, &row, d);
    if (e) return e;
    uint64_t reels = column_u64(stmt, 0), segments = column_u64(stmt, 1), bytes = column_u64(stmt, 2);
    db_finish(&stmt);
    if (reels == 0) return ERR_OK;
    e = db_run(
        conn,
        "UPDATE names SET state=3, camera=NULL, at=?5 WHERE name IN (SELECT reel FROM reels WHERE " WITHIN
        ")",
        range, 5, NULL, d);
    if (!e)
        e = db_run(
            conn,
            "DELETE FROM tables WHERE camera=?1 AND first>=?2 AND first<?3 AND EXISTS (SELECT 1 FROM reels r"
            " WHERE r.camera=tables.camera AND r.first=tables.first AND r.reel=tables.reel AND r.end<=?4)",
            range, 4, NULL, d);
    if (!e) e = db_run(conn, "DELETE FROM reels WHERE " WITHIN, range, 4, NULL, d);
    if (!e)
        e = db_run(conn, "UPDATE cameras SET reels=reels-?2, bytes=bytes-?3 WHERE number=?1",
                   BIND(v_int(camera), v_int(reels), v_int(bytes)), NULL, d);
    if (e) return e;
    out->reels += reels;
    out->segments += segments;
    out->bytes += bytes;
    return ERR_OK;
}

#define EVENTS_WITHIN "camera=?1 AND day>=?2/86400 AND day<=(?3-1)/86400 AND slot>=?2 AND slot<?3"
_Static_assert(STORE_DAY_SLOTS == 86400, "EVENTS_WITHIN says it too");

static err in_events_remove(struct db_conn *conn, uint64_t camera, uint64_t from, uint64_t to,
                            struct index_removed *out, struct diag *d) {
    uint64_t bytes = 0, events = 0;
    err e = db_number(conn, "SELECT coalesce(sum(length(event)), 0) FROM events WHERE " EVENTS_WITHIN,
                      BIND(v_int(camera), v_int(from), v_int(to)), &bytes, d);
    if (!e)
        e = db_run(conn, "DELETE FROM events WHERE " EVENTS_WITHIN,
                   BIND(v_int(camera), v_int(from), v_int(to)), &events, d);
    if (!e && events)
        e = db_run(conn, "UPDATE cameras SET events_bytes=events_bytes-?2 WHERE number=?1",
                   BIND(v_int(camera), v_int(bytes)), NULL, d);
    if (!e) out->events += events;
    return e;
}

err in_range_remove(struct db_conn *conn, uint64_t camera, uint64_t from, uint64_t to, uint32_t max_reels,
                    uint32_t now, struct index_removed *out, struct diag *d) {
    uint64_t stop = to;
    bool more = false;
    if (from >= to) return ERR_OK;
    err e = in_batch_end(conn, camera, from, to, max_reels ? max_reels : 1, &stop, &more, d);
    if (!e) e = in_reels_remove(conn, camera, from, stop, to, now, out, d);
    if (!e && !more) e = in_events_remove(conn, camera, from, to, out, d);
    if (!e) out->more = more;
    return e;
}

static err in_place_range_remove(struct db_conn *conn, const struct reel_place *place, uint32_t from,
                                 uint32_t to, uint32_t max_reels, uint32_t now, struct index_removed *out,
                                 struct diag *d) {
    uint64_t camera = 0;
    err e = in_camera_find(conn, place, &camera, NULL);
    if (e) return e == ERR_NOT_FOUND ? ERR_OK : e;
    return in_range_remove(conn, camera, from, to, max_reels, now, out, d);
}

err sq_range_remove(struct index *index, const struct reel_place *camera, uint32_t from, uint32_t to,
                    uint32_t max_reels, uint32_t now, struct index_removed *out, struct diag *d) {
    *out = (struct index_removed){0};
    IN_WRITE(index, d, in_place_range_remove(conn, camera, from, to, max_reels, now, out, d));
}

static err in_named_reel_remove(struct db_conn *conn, const struct store_id *household,
                                const struct store_id *reel, uint32_t now, struct diag *d) {
    uint64_t camera = 0, first = 0;
    err e = db_number(
        conn,
        "SELECT n.camera FROM names n JOIN cameras c ON c.number=n.camera WHERE n.name=?1 AND n.state=2"
        " AND c.household=?2",
        BIND(v_id(reel), v_id(household)), &camera, d);
    if (e == ERR_NOT_FOUND) return diag_fail(d, e, "there is no such reel");
    if (!e) e = db_number(conn, "SELECT at FROM names WHERE name=?1", BIND(v_id(reel)), &first, d);
    return e ? e : in_reel_remove(conn, camera, (uint32_t)first, reel, now, d);
}

err sq_reel_remove(struct index *index, const struct store_id *household, const struct store_id *reel,
                   uint32_t now, struct diag *d) {
    IN_WRITE(index, d, in_named_reel_remove(conn, household, reel, now, d));
}

/* --- a whole camera --- */

static err in_uploads_drop(struct db_conn *conn, uint64_t camera, uint32_t now, struct diag *d) {
    err e = db_run(
        conn,
        "UPDATE names SET state=3, camera=NULL, epoch=NULL, at=?2 WHERE state=1 AND state<>2 AND camera=?1",
        BIND(v_int(camera), v_int(now)), NULL, d);
    if (!e) e = db_run(conn, "UPDATE cameras SET uploads=0 WHERE number=?1", BIND(v_int(camera)), NULL, d);
    return e ? e : db_run(conn, "DELETE FROM cuts WHERE camera=?1", BIND(v_int(camera)), NULL, d);
}

static err in_camera_remove(struct db_conn *conn, const struct reel_place *place, uint32_t max_reels,
                            uint32_t now, struct index_removed *out, struct diag *d) {
    uint64_t camera = 0;
    err e = in_camera_find(conn, place, &camera, d);
    if (!e) e = in_uploads_drop(conn, camera, now, d);
    if (!e) e = in_range_remove(conn, camera, 0, (uint64_t)UINT32_MAX + 1, max_reels, now, out, d);
    if (e || out->more) return e;
    char hex[2 * STORE_ID_BYTES + 1], prefix[64];
    hex_encode(BYTES(place->camera.bytes, STORE_ID_BYTES), hex);
    snprintf(prefix, sizeof prefix, "camera/%s/", hex);
    e = in_objects_remove(conn, &place->household, prefix, d);
    return e ? e : db_run(conn, "DELETE FROM cameras WHERE number=?1", BIND(v_int(camera)), NULL, d);
}

err sq_camera_remove(struct index *index, const struct reel_place *camera, uint32_t max_reels, uint32_t now,
                     struct index_removed *out, struct diag *d) {
    *out = (struct index_removed){0};
    IN_WRITE(index, d, in_camera_remove(conn, camera, max_reels, now, out, d));
}

/* --- retention --- */

/* One camera, one transaction, so that others get their turn. *camera is 0 when there is none left. */
static err in_sweep_next(struct db_conn *conn, uint64_t after, uint32_t now, uint32_t max_reels,
                         uint64_t *camera, struct index_removed *out, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = false;
    *camera = 0;
    err e = db_query(
        conn,
        "SELECT number, ?2-retention*86400 FROM cameras c WHERE number>?1 AND retention>0 AND"
        " ((SELECT first FROM reels r WHERE r.camera=c.number ORDER BY first LIMIT 1) <"
        " ?2-retention*86400 OR (SELECT day FROM events v WHERE v.camera=c.number ORDER BY day LIMIT 1)"
        " < (?2-retention*86400)/86400) ORDER BY number LIMIT 1",
        BIND(v_int(after), v_int(now)), &stmt, d);
    if (!e) e = db_step(conn, stmt, &row, d);
    if (e || !row) return e;
    *camera = column_u64(stmt, 0);
    int64_t before = sqlite3_column_int64(stmt, 1);
    db_finish(&stmt);
    return before > 0 ? in_range_remove(conn, *camera, 0, (uint64_t)before, max_reels, now, out, d) : ERR_OK;
}

static err sweep_step(struct index *index, uint64_t after, uint32_t now, uint32_t max_reels, uint64_t *camera,
                      struct index_removed *out, struct diag *d) {
    IN_WRITE(index, d, in_sweep_next(conn, after, now, max_reels, camera, out, d));
}

err sq_retention_sweep(struct index *index, struct index_sweep *sweep, uint32_t now, uint32_t max_reels,
                       struct index_removed *out, struct diag *d) {
    *out = (struct index_removed){0};
    while (out->reels < max_reels) {
        uint64_t camera;
        struct index_removed one = {0};
        err e = sweep_step(index, sweep->at, now, max_reels - (uint32_t)out->reels, &camera, &one, d);
        if (e) return e;
        out->reels += one.reels;
        out->segments += one.segments;
        out->bytes += one.bytes;
        out->events += one.events;
        if (!camera) return ERR_OK;
        if (one.more) break;
        sweep->at = camera;
    }
    out->more = true;
    return ERR_OK;
}

/* --- garbage and strays --- */

static err in_garbage_list(struct db_conn *conn, uint32_t max, index_name_visit visit, void *arg,
                           struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = true;
    err e = db_query(conn, "SELECT name, at FROM names WHERE state=3 AND state<>2 ORDER BY at LIMIT ?1",
                     BIND(v_int(max)), &stmt, d);
    while (!e) {
        struct store_id name;
        e = db_step(conn, stmt, &row, d);
        if (e || !row) break;
        e = column_copy(stmt, 0, name.bytes, STORE_ID_BYTES, d);
        if (!e) e = visit(arg, &name, column_u32(stmt, 1));
    }
    return e;
}

err sq_garbage_list(struct index *index, uint32_t max, index_name_visit visit, void *arg, struct diag *d) {
    IN_READ(index, d, in_garbage_list(conn, max, visit, arg, d));
}

static err in_garbage_done(struct db_conn *conn, const struct store_id *names, size_t count, struct diag *d) {
    err e = ERR_OK;
    for (size_t i = 0; i < count && !e; i++)
        e = db_run(conn, "DELETE FROM names WHERE name=?1 AND state=3", BIND(v_id(&names[i])), NULL, d);
    return e;
}

err sq_garbage_done(struct index *index, const struct store_id *names, size_t count, struct diag *d) {
    IN_WRITE(index, d, in_garbage_done(conn, names, count, d));
}

static err in_stray_seen(struct db_conn *conn, const struct store_id *name, uint32_t now, bool collect,
                         uint32_t *since, struct diag *d) {
    uint64_t state = 0, at = now;
    err e = db_number(conn, "SELECT state FROM names WHERE name=?1", BIND(v_id(name)), &state, d);
    if (e && e != ERR_NOT_FOUND) return e;
    if (!e && state != STATE_STRAY) return diag_fail(d, ERR_CONFLICT, "the index knows this name");
    if (e)
        e = db_run(conn, "INSERT INTO names VALUES(?1, 4, NULL, ?2, NULL)", BIND(v_id(name), v_int(now)),
                   NULL, d);
    if (!e) e = db_number(conn, "SELECT at FROM names WHERE name=?1", BIND(v_id(name)), &at, d);
    if (!e && collect)
        e = db_run(conn, "UPDATE names SET state=3, at=?2 WHERE name=?1", BIND(v_id(name), v_int(now)), NULL,
                   d);
    if (!e) *since = (uint32_t)at;
    return e;
}

err sq_stray_seen(struct index *index, const struct store_id *name, uint32_t now, bool collect,
                  uint32_t *since, struct diag *d) {
    IN_WRITE(index, d, in_stray_seen(conn, name, now, collect, since, d));
}

static err in_name_known(struct db_conn *conn, const struct store_id *name, struct diag *d) {
    uint64_t one;
    err e = db_number(conn, "SELECT 1 FROM names WHERE name=?1 AND state<>4", BIND(v_id(name)), &one, d);
    return e == ERR_NOT_FOUND ? diag_fail(d, e, "the index does not know this name") : e;
}

err sq_name_known(struct index *index, const struct store_id *name, struct diag *d) {
    IN_READ(index, d, in_name_known(conn, name, d));
}
