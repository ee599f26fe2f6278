#include "store/index_sqlite.h"

err in_camera_find(struct db_conn *conn, const struct reel_place *place, uint64_t *number, struct diag *d) {
    err e = db_number(conn, "SELECT number FROM cameras WHERE household=?1 AND camera=?2",
                      BIND(v_id(&place->household), v_id(&place->camera)), number, d);
    return e == ERR_NOT_FOUND ? diag_fail(d, e, "there is no such camera") : e;
}

err in_camera_need(struct db_conn *conn, const struct reel_place *place, uint64_t *number, struct diag *d) {
    uint64_t count = 0;
    err e = in_camera_find(conn, place, number, NULL);
    if (e != ERR_NOT_FOUND) return e;
    e = in_household_exists(conn, &place->household, d);
    if (!e)
        e = db_number(conn, "SELECT count(*) FROM cameras WHERE household=?1", BIND(v_id(&place->household)),
                      &count, d);
    if (e) return e;
    if (count >= INDEX_CAMERAS_MAX)
        return diag_fail(d, ERR_LIMIT, "a household has at most %u cameras", INDEX_CAMERAS_MAX);
    e = db_run(conn, "INSERT INTO cameras(household, camera) VALUES(?1, ?2)",
               BIND(v_id(&place->household), v_id(&place->camera)), NULL, d);
    return e ? e : in_camera_find(conn, place, number, d);
}

/* The newest end is that of a reel which begins at most a reel's span before the last one to begin. */
#define CAMERA_COLUMNS                                                                                       \
    "camera, retention, reels, bytes, events_bytes,"                                                         \
    " coalesce((SELECT first FROM reels r WHERE r.camera=number ORDER BY first LIMIT 1), 0),"                \
    " coalesce((SELECT max(end) FROM reels r WHERE r.camera=number AND first>=(SELECT first FROM reels l "   \
    "WHERE"                                                                                                  \
    " l.camera=number ORDER BY first DESC LIMIT 1)-1024), 0)"
_Static_assert(INDEX_REEL_SPAN_MAX_SLOTS == 1024, "CAMERA_COLUMNS says it too");

static err camera_of(sqlite3_stmt *stmt, struct camera_info *out, struct diag *d) {
    *out = (struct camera_info){.retention_days = column_u32(stmt, 1),
                                .reels = column_u64(stmt, 2),
                                .bytes = column_u64(stmt, 3),
                                .events_bytes = column_u64(stmt, 4),
                                .first = column_u32(stmt, 5),
                                .last = column_u32(stmt, 6)};
    return column_copy(stmt, 0, out->camera.bytes, STORE_ID_BYTES, d);
}

static err in_camera_list(struct db_conn *conn, const struct store_id *household, index_camera_visit visit,
                          void *arg, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = true;
    err e = db_query(conn, "SELECT " CAMERA_COLUMNS " FROM cameras WHERE household=?1 ORDER BY camera",
                     BIND(v_id(household)), &stmt, d);
    while (!e) {
        struct camera_info camera;
        e = db_step(conn, stmt, &row, d);
        if (e || !row) break;
        e = camera_of(stmt, &camera, d);
        if (!e) e = visit(arg, &camera);
    }
    return e;
}

err sq_camera_list(struct index *index, const struct store_id *household, index_camera_visit visit, void *arg,
                   struct diag *d) {
    IN_READ(index, d, in_camera_list(conn, household, visit, arg, d));
}

static err in_camera_get(struct db_conn *conn, const struct store_id *household,
                         const struct store_id *camera, struct camera_info *out, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = false;
    struct camera_info found;
    err e = db_query(conn, "SELECT " CAMERA_COLUMNS " FROM cameras WHERE household=?1 AND camera=?2",
                     BIND(v_id(household), v_id(camera)), &stmt, d);
    if (!e) e = db_step(conn, stmt, &row, d);
    if (!e && !row) e = diag_fail(d, ERR_NOT_FOUND, "there is no such camera");
    if (!e) e = camera_of(stmt, &found, d);
    if (!e) *out = found;
    return e;
}

err sq_camera_get(struct index *index, const struct store_id *household, const struct store_id *camera,
                  struct camera_info *out, struct diag *d) {
    IN_READ(index, d, in_camera_get(conn, household, camera, out, d));
}

static err in_camera_set_retention(struct db_conn *conn, const struct reel_place *place, uint32_t days,
                                   bool lengthen, struct diag *d) {
    uint64_t number = 0, before = 0, set = 0;
    err e = in_camera_need(conn, place, &number, d);
    if (!e)
        e = db_number(conn, "SELECT retention FROM cameras WHERE number=?1", BIND(v_int(number)), &before, d);
    if (!e)
        e = db_number(conn, "SELECT retention_set FROM cameras WHERE number=?1", BIND(v_int(number)), &set,
                      d);
    if (!e && lengthen && set && index_shorter(days, before)) e = index_deny_shorter(d);
    if (e) return e;
    return db_run(conn, "UPDATE cameras SET retention=?2, retention_set=1 WHERE number=?1",
                  BIND(v_int(number), v_int(days)), NULL, d);
}

err sq_camera_set_retention(struct index *index, const struct store_id *household,
                            const struct store_id *camera, uint32_t days, bool lengthen, struct diag *d) {
    if (days > INDEX_RETENTION_MAX_DAYS)
        return diag_fail(d, ERR_LIMIT, "retention is at most %u days (0: for ever)",
                         INDEX_RETENTION_MAX_DAYS);
    struct reel_place place = {*household, *camera};
    IN_WRITE(index, d, in_camera_set_retention(conn, &place, days, lengthen, d));
}

/* --- events ---
 *
 * A picture's row has its sequence negated: so pictures lie apart from events, whose list never reads past
 * them, and yet are counted, removed and checked with them. */

#define EVENTS_OF_DAY "SELECT count(*) FROM events WHERE camera=?1 AND day=?2 AND sequence>0"
#define PICTURES_OF_DAY "SELECT count(*) FROM events WHERE camera=?1 AND day=?2 AND sequence<0"

static err in_event_add(struct db_conn *conn, const struct reel_place *place, uint32_t slot,
                        const struct store_id *id, bool picture, struct bytes event, uint64_t *sequence,
                        struct diag *d) {
    uint64_t camera = 0, count = 0, next = 0, day = slot / STORE_DAY_SLOTS;
    err e = in_camera_need(conn, place, &camera, d);
    if (e) return e;
    e = db_number(conn, "SELECT abs(sequence) FROM events WHERE camera=?1 AND id=?2",
                  BIND(v_int(camera), v_id(id)), sequence, d);
    if (e != ERR_NOT_FOUND) return e; /* it is there already, or something failed */
    e = db_number(conn, picture ? PICTURES_OF_DAY : EVENTS_OF_DAY, BIND(v_int(camera), v_int(day)), &count,
                  d);
    if (!e && count >= INDEX_EVENTS_DAY_MAX) e = index_check_day_full(picture, d);
    if (!e) e = in_quota_check(conn, &place->household, event.len, d);
    if (!e)
        e = db_number(conn, "SELECT next_event FROM cameras WHERE number=?1", BIND(v_int(camera)), &next, d);
    if (!e)
        e = db_run(conn,
                   picture ? "INSERT INTO events VALUES(?1, ?2, -?3, ?4, ?5, ?6)"
                           : "INSERT INTO events VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
                   BIND(v_int(camera), v_int(day), v_int(next), v_int(slot), v_id(id), v_bytes(event)), NULL,
                   d);
    if (!e)
        e = db_run(conn, "UPDATE cameras SET next_event=?2, events_bytes=events_bytes+?3 WHERE number=?1",
                   BIND(v_int(camera), v_int(next + 1), v_int(event.len)), NULL, d);
    if (!e) *sequence = next;
    return e;
}

err sq_event_add(struct index *index, const struct reel_place *camera, uint32_t slot,
                 const struct store_id *event_id, bool picture, struct bytes event, uint64_t *sequence,
                 struct diag *d) {
    err e = index_check_event(picture, event.len, d);
    if (e) return e;
    IN_WRITE(index, d, in_event_add(conn, camera, slot, event_id, picture, event, sequence, d));
}

static err in_event_get(struct db_conn *conn, const struct reel_place *place, uint32_t day,
                        const struct store_id *id, struct blob *out, struct diag *d) {
    uint64_t camera = 0;
    err e = in_camera_find(conn, place, &camera, d);
    if (e) return e;
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = false;
    e = db_query(conn, "SELECT event FROM events WHERE camera=?1 AND id=?2 AND day=?3",
                 BIND(v_int(camera), v_id(id), v_int(day)), &stmt, d);
    if (!e) e = db_step(conn, stmt, &row, d);
    if (!e && !row) e = diag_fail(d, ERR_NOT_FOUND, "that day has no such event");
    return e ? e : column_blob(stmt, 0, out, d);
}

err sq_event_get(struct index *index, const struct reel_place *camera, uint32_t day,
                 const struct store_id *event_id, struct blob *out, struct diag *d) {
    IN_READ(index, d, in_event_get(conn, camera, day, event_id, out, d));
}

static err in_event_list(struct db_conn *conn, const struct reel_place *place, uint32_t day, uint64_t after,
                         uint32_t max, index_event_visit visit, void *arg, struct diag *d) {
    uint64_t camera = 0;
    err e = in_camera_find(conn, place, &camera, NULL);
    if (e) return e == ERR_NOT_FOUND ? ERR_OK : e;
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = true;
    e = db_query(
        conn,
        "SELECT sequence, event FROM events WHERE camera=?1 AND day=?2 AND sequence>?3 ORDER BY sequence"
        " LIMIT ?4",
        BIND(v_int(camera), v_int(day), v_int(after), v_int(max)), &stmt, d);
    while (!e) {
        e = db_step(conn, stmt, &row, d);
        if (e || !row) break;
        e = visit(arg, column_u64(stmt, 0), column_bytes(stmt, 1));
    }
    return e;
}

err sq_event_list(struct index *index, const struct reel_place *camera, uint32_t day, uint64_t after,
                  uint32_t max, index_event_visit visit, void *arg, struct diag *d) {
    if (after > INT64_MAX) return ERR_OK; /* nothing comes after it */
    IN_READ(index, d, in_event_list(conn, camera, day, after, max, visit, arg, d));
}

/* --- pairing --- */

static err in_pairing_put(struct db_conn *conn, const struct store_id *id, struct bytes announcement,
                          uint32_t expires, struct diag *d) {
    uint64_t count = 0, changes = 0;
    err e = db_number(conn, "SELECT count(*) FROM pairings", NULL, 0, &count, d);
    if (e) return e;
    if (count >= INDEX_PAIRINGS_MAX)
        return diag_fail(d, ERR_LIMIT, "too many hubs wait to be paired: try again later");
    e = db_run(conn, "INSERT OR IGNORE INTO pairings VALUES(?1, ?2, NULL, ?3)",
               BIND(v_id(id), v_bytes(announcement), v_int(expires)), &changes, d);
    if (!e && !changes) e = diag_fail(d, ERR_EXISTS, "this pairing code is in use");
    return e;
}

err sq_pairing_put(struct index *index, const struct store_id *id, struct bytes announcement,
                   uint32_t expires, struct diag *d) {
    err e = index_check_size("an announcement", announcement.len, INDEX_PAIRING_MAX_BYTES, d);
    if (e) return e;
    IN_WRITE(index, d, in_pairing_put(conn, id, announcement, expires, d));
}

static err in_pairing_get(struct db_conn *conn, const struct store_id *id, uint32_t now,
                          struct blob *announcement, struct blob *answer, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = false;
    err e = db_query(conn, "SELECT announcement, answer FROM pairings WHERE id=?1 AND expires>?2",
                     BIND(v_id(id), v_int(now)), &stmt, d);
    if (!e) e = db_step(conn, stmt, &row, d);
    if (!e && !row) e = diag_fail(d, ERR_NOT_FOUND, "no hub waits under this pairing code");
    if (!e && announcement) e = column_blob(stmt, 0, announcement, d);
    if (!e && answer) e = column_blob(stmt, 1, answer, d);
    return e;
}

err sq_pairing_get(struct index *index, const struct store_id *id, uint32_t now, struct blob *announcement,
                   struct blob *answer, struct diag *d) {
    IN_READ(index, d, in_pairing_get(conn, id, now, announcement, answer, d));
}

static err in_pairing_answer(struct db_conn *conn, const struct store_id *id, uint32_t now,
                             struct bytes answer, struct diag *d) {
    uint64_t changes = 0;
    err e = in_pairing_get(conn, id, now, NULL, NULL, d);
    if (!e)
        e = db_run(conn, "UPDATE pairings SET answer=?2 WHERE id=?1 AND answer IS NULL",
                   BIND(v_id(id), v_bytes(answer)), &changes, d);
    if (!e && !changes) e = diag_fail(d, ERR_EXISTS, "this hub has been answered already");
    return e;
}

err sq_pairing_answer(struct index *index, const struct store_id *id, uint32_t now, struct bytes answer,
                      struct diag *d) {
    err e = index_check_size("an answer", answer.len, INDEX_PAIRING_MAX_BYTES, d);
    if (e) return e;
    IN_WRITE(index, d, in_pairing_answer(conn, id, now, answer, d));
}

err sq_pairing_sweep(struct index *index, uint32_t now, struct diag *d) {
    IN_WRITE(index, d, db_run(conn, "DELETE FROM pairings WHERE expires<=?1", BIND(v_int(now)), NULL, d));
}
