/* The index in SQLite (WAL; a commit is synced before it is acknowledged).
 *
 * `reels` is clustered by camera and time and narrow, so that a day's list reads some twenty pages; the
 * segment tables, ten times as wide, stand beside it in the same order. `names` knows each blob's name once,
 * whatever it is in the life of a blob: that a name is unique, and what is garbage, needs no second place. */
#include "store/index_sqlite.h"

#include <stdlib.h>

static const char *const migrations[] = {
    "CREATE TABLE settings(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE households(household BLOB PRIMARY KEY, quota INTEGER NOT NULL,"
    "  objects INTEGER NOT NULL DEFAULT 0, objects_bytes INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
    "CREATE TABLE capabilities(key BLOB PRIMARY KEY, household BLOB NOT NULL, role INTEGER NOT NULL,"
    "  hub BLOB NOT NULL, seen INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX capabilities_household ON capabilities(household);"
    "CREATE TABLE objects(household BLOB NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL,"
    "  bytes INTEGER NOT NULL, value BLOB NOT NULL, PRIMARY KEY(household, key)) WITHOUT ROWID;"
    "CREATE TABLE cameras(number INTEGER PRIMARY KEY, household BLOB NOT NULL, camera BLOB NOT NULL,"
    "  retention INTEGER NOT NULL DEFAULT 0, reels INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL "
    "DEFAULT 0,"
    "  uploads INTEGER NOT NULL DEFAULT 0, events_bytes INTEGER NOT NULL DEFAULT 0,"
    "  next_event INTEGER NOT NULL DEFAULT 1, UNIQUE(household, camera));"
    "CREATE TABLE reels(camera INTEGER NOT NULL, first INTEGER NOT NULL, reel BLOB NOT NULL,"
    "  epoch INTEGER NOT NULL, end INTEGER NOT NULL, bytes INTEGER NOT NULL, segments INTEGER NOT NULL,"
    "  flags INTEGER NOT NULL, PRIMARY KEY(camera, first, reel)) WITHOUT ROWID;"
    "CREATE TABLE tables(camera INTEGER NOT NULL, first INTEGER NOT NULL, reel BLOB NOT NULL,"
    "  entries BLOB NOT NULL, PRIMARY KEY(camera, first, reel)) WITHOUT ROWID;"
    /* state: STATE_…; at: a reel's first slot, else when it came to this state */
    "CREATE TABLE names(name BLOB PRIMARY KEY, state INTEGER NOT NULL, camera INTEGER, at INTEGER NOT NULL,"
    "  epoch INTEGER) WITHOUT ROWID;"
    "CREATE INDEX names_pending ON names(state, at) WHERE state<>2;"
    "CREATE TABLE events(camera INTEGER NOT NULL, day INTEGER NOT NULL, sequence INTEGER NOT NULL,"
    "  slot INTEGER NOT NULL, id BLOB NOT NULL, event BLOB NOT NULL,"
    "  PRIMARY KEY(camera, day, sequence)) WITHOUT ROWID;"
    "CREATE UNIQUE INDEX events_id ON events(camera, id);"
    "CREATE TABLE pairings(id BLOB PRIMARY KEY, announcement BLOB NOT NULL, answer BLOB,"
    "  expires INTEGER NOT NULL) WITHOUT ROWID;",
    /* Deleted ranges by the name of an upload, or of the reel it became; see range_cut. */
    "CREATE TABLE cuts(name BLOB NOT NULL, camera INTEGER NOT NULL, first INTEGER NOT NULL,"
    "  end INTEGER NOT NULL, PRIMARY KEY(name, first)) WITHOUT ROWID;",
    /* Whether a retention was ever asked for; of the cameras before this, it was. */
    "ALTER TABLE cameras ADD COLUMN retention_set INTEGER NOT NULL DEFAULT 0;"
    "UPDATE cameras SET retention_set=1;",
    /* Grants; wide columns last, since a list reads no boxes. revoked 0: not; views 0: no bound. */
    "ALTER TABLE households ADD COLUMN sign BLOB;"
    "ALTER TABLE households ADD COLUMN box BLOB;"
    "ALTER TABLE households ADD COLUMN log_key BLOB;"
    "CREATE TABLE grants(number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, household BLOB NOT NULL,"
    "  grantee BLOB NOT NULL, purpose INTEGER NOT NULL, ticket TEXT NOT NULL, created INTEGER NOT NULL,"
    "  expires INTEGER NOT NULL, views INTEGER NOT NULL, uses INTEGER NOT NULL DEFAULT 0,"
    "  last_use INTEGER NOT NULL DEFAULT 0, revoked INTEGER NOT NULL DEFAULT 0,"
    "  closed INTEGER NOT NULL DEFAULT 0, entry INTEGER NOT NULL, statement BLOB NOT NULL,"
    "  note BLOB NOT NULL, revocation BLOB NOT NULL DEFAULT x'', box BLOB NOT NULL);"
    "CREATE INDEX grants_household ON grants(household, created, number);"
    "CREATE INDEX grants_due ON grants(CASE WHEN revoked<>0 THEN 0 ELSE expires END) WHERE closed=0;",
    /* Whose the entries of the access log are; see log_map. */
    "CREATE TABLE log_rows(household BLOB NOT NULL, n INTEGER NOT NULL, entry INTEGER NOT NULL,"
    "  PRIMARY KEY(household, n)) WITHOUT ROWID;"
    "CREATE INDEX log_rows_entry ON log_rows(entry);",
    /* Live views by grants, while they run. */
    "CREATE TABLE watches(watch BLOB PRIMARY KEY, household BLOB NOT NULL, node BLOB NOT NULL,"
    "  n INTEGER NOT NULL, since INTEGER NOT NULL, seen INTEGER NOT NULL, act BLOB NOT NULL) WITHOUT ROWID;",
    /* How households' keys were succeeded; `sign` and `box` of a household are those of its last. */
    "CREATE TABLE successions(household BLOB NOT NULL, n INTEGER NOT NULL, sign BLOB NOT NULL, box BLOB NOT "
    "NULL,"
    "  logged INTEGER NOT NULL DEFAULT 0, statement BLOB NOT NULL, PRIMARY KEY(household, n)) WITHOUT ROWID;",
};

static const struct db_options options = {
    .application = 0x43524469, /* CRDi */
    .migrations = migrations,
    .version = sizeof migrations / sizeof *migrations,
    .what = "index",
};

struct index_sqlite {
    struct index index;
    struct db *db;
};

struct db *index_db(struct index *index) {
    return ((struct index_sqlite *)index)->db;
}

static void sq_close(struct index *index) {
    if (!index) return;
    db_close(index_db(index));
    free(index);
}

static err in_ping(struct db_conn *conn, struct diag *d) {
    uint64_t one;
    return db_number(conn, "SELECT count(*) FROM settings", NULL, 0, &one, d);
}

static err sq_ping(struct index *index, struct diag *d) {
    IN_READ(index, d, in_ping(conn, d));
}

static err in_setting_get(struct db_conn *conn, const char *key, struct blob *out, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = false;
    err e = db_query(conn, "SELECT value FROM settings WHERE key=?1", BIND(v_text(key)), &stmt, d);
    if (!e) e = db_step(conn, stmt, &row, d);
    if (!e && !row) e = diag_fail(d, ERR_NOT_FOUND, "there is no setting %s", key);
    return e ? e : column_blob(stmt, 0, out, d);
}

static err sq_setting_get(struct index *index, const char *key, struct blob *out, struct diag *d) {
    IN_READ(index, d, in_setting_get(conn, key, out, d));
}

static err check_setting(const char *key, struct bytes value, struct diag *d) {
    err e = index_check_setting(key, d);
    return e ? e : index_check_size("a setting", value.len, INDEX_SETTING_MAX_BYTES, d);
}

static err sq_setting_put(struct index *index, const char *key, struct bytes value, struct diag *d) {
    err e = check_setting(key, value, d);
    if (e) return e;
    IN_WRITE(index, d,
             db_run(conn, "INSERT OR REPLACE INTO settings VALUES(?1, ?2)", BIND(v_text(key), v_bytes(value)),
                    NULL, d));
}

static err in_setting_init(struct db_conn *conn, const char *key, struct bytes value, struct blob *out,
                           struct diag *d) {
    err e = db_run(conn, "INSERT OR IGNORE INTO settings VALUES(?1, ?2)", BIND(v_text(key), v_bytes(value)),
                   NULL, d);
    return e ? e : in_setting_get(conn, key, out, d);
}

static err sq_setting_init(struct index *index, const char *key, struct bytes value, struct blob *out,
                           struct diag *d) {
    err e = check_setting(key, value, d);
    if (e) return e;
    IN_WRITE(index, d, in_setting_init(conn, key, value, out, d));
}

static err sq_copy(struct index *index, const char *path, struct diag *d) {
    return db_copy(index_db(index), path, d);
}

const struct index_ops index_sqlite_ops = {
    .name = "sqlite",
    .close = sq_close,
    .ping = sq_ping,
    .setting_get = sq_setting_get,
    .setting_put = sq_setting_put,
    .setting_init = sq_setting_init,
    .household_create = sq_household_create,
    .household_count = sq_household_count,
    .household_set_quota = sq_household_set_quota,
    .usage = sq_usage,
    .capability_add = sq_capability_add,
    .capability_get = sq_capability_get,
    .capability_remove = sq_capability_remove,
    .capability_list = sq_capability_list,
    .capability_seen = sq_capability_seen,
    .household_keys_get = sq_household_keys_get,
    .household_keys_put = sq_household_keys_put,
    .household_succeed = sq_household_succeed,
    .household_successions = sq_household_successions,
    .household_succession_logged = sq_household_succession_logged,
    .log_map = sq_log_map,
    .log_mapped = sq_log_mapped,
    .log_unmap = sq_log_unmap,
    .log_rows = sq_log_rows,
    .log_next = sq_log_next,
    .log_keys = sq_log_keys,
    .grant_add = sq_grant_add,
    .grant_replace = sq_grant_replace,
    .grant_get = sq_grant_get,
    .grant_list = sq_grant_list,
    .grant_count = sq_grant_count,
    .grant_used = sq_grant_used,
    .grant_revoke = sq_grant_revoke,
    .grant_remove = sq_grant_remove,
    .grant_due = sq_grant_due,
    .grant_close = sq_grant_close,
    .watch_add = sq_watch_add,
    .watch_seen = sq_watch_seen,
    .watch_list = sq_watch_list,
    .watch_adopt = sq_watch_adopt,
    .watch_remove = sq_watch_remove,
    .object_list = sq_object_list,
    .object_get = sq_object_get,
    .object_put = sq_object_put,
    .object_remove = sq_object_remove,
    .camera_list = sq_camera_list,
    .camera_get = sq_camera_get,
    .camera_set_retention = sq_camera_set_retention,
    .camera_remove = sq_camera_remove,
    .reel_begin = sq_reel_begin,
    .upload_get = sq_upload_get,
    .upload_list = sq_upload_list,
    .upload_drop = sq_upload_drop,
    .reel_commit = sq_reel_commit,
    .reel_get = sq_reel_get,
    .timeline = sq_timeline,
    .range_edges = sq_range_edges,
    .range_remove = sq_range_remove,
    .reel_remove = sq_reel_remove,
    .range_cut = sq_range_cut,
    .cuts_get = sq_cuts_get,
    .cuts_done = sq_cuts_done,
    .cuts_due = sq_cuts_due,
    .retention_sweep = sq_retention_sweep,
    .garbage_list = sq_garbage_list,
    .garbage_done = sq_garbage_done,
    .event_add = sq_event_add,
    .event_get = sq_event_get,
    .event_list = sq_event_list,
    .pairing_put = sq_pairing_put,
    .pairing_get = sq_pairing_get,
    .pairing_answer = sq_pairing_answer,
    .pairing_sweep = sq_pairing_sweep,
    .reel_scan = sq_reel_scan,
    .stray_seen = sq_stray_seen,
    .name_known = sq_name_known,
    .check = sq_check,
    .copy = sq_copy,
};

err index_sqlite_open(const char *path, struct index **out, struct diag *d) {
    struct index_sqlite *index = calloc(1, sizeof *index);
    if (!index) return diag_fail(d, ERR_NO_MEMORY, "no memory for the index");
    index->index.ops = &index_sqlite_ops;
    err e = db_open(path, &options, &index->db, d);
    if (e) {
        free(index);
        return e;
    }
    *out = &index->index;
    return ERR_OK;
}
