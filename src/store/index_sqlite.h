/* index_sqlite.h: the parts of the SQLite index among themselves. The schema is in index_sqlite.c. */
#ifndef CARDEA_STORE_INDEX_SQLITE_H
#define CARDEA_STORE_INDEX_SQLITE_H

#include "store/index_common.h"
#include "store/sqlite_db.h"

/* names.state */
#define STATE_UPLOAD 1
#define STATE_REEL 2
#define STATE_GARBAGE 3
#define STATE_STRAY 4

struct db *index_db(struct index *index);

/* An operation within a transaction that reads, or writes; `conn` is its connection. Returns from the
 * function. */
#define IN_READ(index, d, operation)                                                                         \
    do {                                                                                                     \
        struct db_conn *conn;                                                                                \
        err begun = db_read_begin(index_db(index), &conn, d);                                                \
        if (begun) return begun;                                                                             \
        err result = (operation);                                                                            \
        db_read_end(index_db(index), conn);                                                                  \
        return result;                                                                                       \
    } while (0)
#define IN_WRITE(index, d, operation)                                                                        \
    do {                                                                                                     \
        struct db_conn *conn;                                                                                \
        err begun = db_write_begin(index_db(index), &conn, d);                                               \
        if (begun) return begun;                                                                             \
        err result = (operation);                                                                            \
        return db_write_end(index_db(index), result, d);                                                     \
    } while (0)

/* Within a transaction: */
err in_household_exists(struct db_conn *conn, const struct store_id *household, struct diag *d) CHECKED;
err in_quota_check(struct db_conn *conn, const struct store_id *household, uint64_t more_bytes,
                   struct diag *d) CHECKED;
err in_camera_find(struct db_conn *conn, const struct reel_place *place, uint64_t *number,
                   struct diag *d) CHECKED;
err in_camera_need(struct db_conn *conn, const struct reel_place *place, uint64_t *number,
                   struct diag *d) CHECKED;
err in_keys_get(struct db_conn *conn, const struct store_id *household, struct index_household *out,
                struct diag *d) CHECKED;
err in_objects_remove(struct db_conn *conn, const struct store_id *household, const char *prefix,
                      struct diag *d) CHECKED;
/* Makes garbage of one reel, or of those that lie within [from, to), `to` at most 2^32; then the events
 * there. */
err in_reel_remove(struct db_conn *conn, uint64_t camera, uint32_t first, const struct store_id *reel,
                   uint32_t now, struct diag *d) CHECKED;
err in_range_remove(struct db_conn *conn, uint64_t camera, uint64_t from, uint64_t to, uint32_t max_reels,
                    uint32_t now, struct index_removed *out, struct diag *d) CHECKED;

/* A commit narrows the cuts of its name to [first, end). */
err in_cuts_narrow(struct db_conn *conn, const struct store_id *name, uint32_t first, uint32_t end,
                   struct diag *d) CHECKED;
err in_cuts_forget(struct db_conn *conn, const struct store_id *name, struct diag *d) CHECKED;

extern const struct index_ops index_sqlite_ops;

/* index_sqlite_household.c */
err sq_household_create(struct index *, const struct store_id *, const struct store_key *, uint64_t,
                        struct diag *);
err sq_household_count(struct index *, uint64_t *, struct diag *);
err sq_household_set_quota(struct index *, const struct store_id *, uint64_t, struct diag *);
err sq_usage(struct index *, const struct store_id *, struct index_usage *, struct diag *);
err sq_capability_add(struct index *, const struct capability *, struct diag *);
err sq_capability_get(struct index *, const struct store_key *, struct capability *, struct diag *);
err sq_capability_remove(struct index *, const struct store_id *, const struct store_key *, struct diag *);
err sq_capability_list(struct index *, const struct store_id *, index_capability_visit, void *,
                       struct diag *);
err sq_capability_seen(struct index *, const struct store_key *, uint32_t, struct diag *);
err sq_object_list(struct index *, const struct store_id *, const char *, index_object_visit, void *,
                   struct diag *);
err sq_object_get(struct index *, const struct store_id *, const char *, uint64_t *, struct blob *,
                  struct diag *);
err sq_object_put(struct index *, const struct store_id *, const char *, uint64_t, struct bytes, uint64_t *,
                  struct diag *);
err sq_object_remove(struct index *, const struct store_id *, const char *, struct diag *);

/* index_sqlite_grant.c */
err sq_household_keys_get(struct index *, const struct store_id *, struct index_household *, struct diag *);
err sq_household_keys_put(struct index *, const struct store_id *, const struct index_household *,
                          struct diag *);
/* index_sqlite_succession.c */
err sq_household_succeed(struct index *, const struct store_id *, const struct index_succession *,
                         struct diag *);
err sq_household_successions(struct index *, const struct store_id *, index_succession_visit, void *,
                             struct diag *);
err sq_household_succession_logged(struct index *, const struct store_id *, uint32_t, struct diag *);
err sq_grant_add(struct index *, const struct grant_row *, const struct grant_bytes *, struct diag *);
err sq_grant_replace(struct index *, const struct grant_row *, struct bytes, const struct grant_bytes *,
                     struct diag *);
err sq_grant_get(struct index *, const struct store_id *, const struct store_id *, bool, struct grant_row *,
                 struct grant_blobs *, struct diag *);
err sq_grant_list(struct index *, const struct store_id *, index_grant_visit, void *, struct diag *);
err sq_grant_count(struct index *, const struct store_id *, uint64_t *, struct diag *);
err sq_grant_used(struct index *, const struct store_id *, uint32_t, struct grant_row *, struct diag *);
err sq_grant_revoke(struct index *, const struct store_id *, const struct store_id *, struct bytes, uint32_t,
                    struct diag *);
err sq_grant_remove(struct index *, const struct store_id *, const struct store_id *, uint32_t,
                    struct diag *);
err sq_grant_due(struct index *, uint32_t, uint32_t, uint32_t, index_grant_visit, void *, struct diag *);
err sq_grant_close(struct index *, const struct store_id *, struct diag *);

/* index_sqlite_log.c */
err sq_log_map(struct index *, const struct log_row *, size_t, uint64_t, struct diag *);
err sq_log_mapped(struct index *, uint64_t *, struct diag *);
err sq_log_unmap(struct index *, uint64_t, struct diag *);
err sq_log_rows(struct index *, const struct store_id *, uint64_t, uint32_t, index_log_visit, void *,
                struct diag *);
err sq_log_next(struct index *, const struct store_id *, uint64_t *, struct diag *);
err sq_log_keys(struct index *, index_log_key_visit, void *, struct diag *);

/* index_sqlite_watch.c */
err sq_watch_add(struct index *, const struct index_watch *, struct diag *);
err sq_watch_seen(struct index *, const struct store_id *, size_t, uint32_t, struct diag *);
err sq_watch_list(struct index *, const struct store_id *, uint32_t, index_watch_visit, void *,
                  struct diag *);
err sq_watch_adopt(struct index *, const struct store_id *, const struct store_id *, uint64_t *,
                   struct diag *);
err sq_watch_remove(struct index *, const struct store_id *, struct diag *);

/* index_sqlite_camera.c */
err sq_camera_list(struct index *, const struct store_id *, index_camera_visit, void *, struct diag *);
err sq_camera_get(struct index *, const struct store_id *, const struct store_id *, struct camera_info *,
                  struct diag *);
err sq_camera_set_retention(struct index *, const struct store_id *, const struct store_id *, uint32_t, bool,
                            struct diag *);
err sq_event_add(struct index *, const struct reel_place *, uint32_t, const struct store_id *, bool,
                 struct bytes, uint64_t *, struct diag *);
err sq_event_get(struct index *, const struct reel_place *, uint32_t, const struct store_id *, struct blob *,
                 struct diag *);
err sq_event_list(struct index *, const struct reel_place *, uint32_t, uint64_t, uint32_t, index_event_visit,
                  void *, struct diag *);
err sq_pairing_put(struct index *, const struct store_id *, struct bytes, uint32_t, struct diag *);
err sq_pairing_get(struct index *, const struct store_id *, uint32_t, struct blob *, struct blob *,
                   struct diag *);
err sq_pairing_answer(struct index *, const struct store_id *, uint32_t, struct bytes, struct diag *);
err sq_pairing_sweep(struct index *, uint32_t, struct diag *);

/* index_sqlite_reel.c */
err sq_reel_begin(struct index *, const struct index_upload *, struct diag *);
err sq_upload_get(struct index *, const struct store_id *, const struct store_id *, struct index_upload *,
                  struct diag *);
err sq_upload_list(struct index *, uint32_t, index_upload_visit, void *, struct diag *);
err sq_upload_drop(struct index *, const struct store_id *, const struct store_id *, uint32_t, struct diag *);
err sq_reel_commit(struct index *, const struct store_id *, const struct reel_info *, const struct store_id *,
                   uint32_t, struct diag *);
err sq_reel_get(struct index *, const struct store_id *, const struct store_id *, struct reel_place *,
                struct reel_info *, struct blob *, struct diag *);
err sq_timeline(struct index *, const struct reel_place *, uint32_t, uint32_t, uint32_t, bool,
                struct timeline *, struct diag *);
err sq_range_edges(struct index *, const struct reel_place *, uint32_t, uint32_t, struct timeline *,
                   struct diag *);
err sq_reel_scan(struct index *, const struct store_id *, bool, index_reel_visit, void *, struct diag *);

/* index_sqlite_cut.c */
err sq_range_cut(struct index *, const struct reel_place *, uint32_t, uint32_t, struct diag *);
err sq_cuts_get(struct index *, const struct store_id *, const struct store_id *,
                struct index_cut[INDEX_CUTS_MAX], size_t *, struct diag *);
err sq_cuts_done(struct index *, const struct store_id *, const struct store_id *, struct diag *);
err sq_cuts_due(struct index *, index_cut_visit, void *, struct diag *);

/* index_sqlite_remove.c */
err sq_camera_remove(struct index *, const struct reel_place *, uint32_t, uint32_t, struct index_removed *,
                     struct diag *);
err sq_range_remove(struct index *, const struct reel_place *, uint32_t, uint32_t, uint32_t, uint32_t,
                    struct index_removed *, struct diag *);
err sq_reel_remove(struct index *, const struct store_id *, const struct store_id *, uint32_t, struct diag *);
err sq_retention_sweep(struct index *, struct index_sweep *, uint32_t, uint32_t, struct index_removed *,
                       struct diag *);
err sq_garbage_list(struct index *, uint32_t, index_name_visit, void *, struct diag *);
err sq_garbage_done(struct index *, const struct store_id *, size_t, struct diag *);
err sq_stray_seen(struct index *, const struct store_id *, uint32_t, bool, uint32_t *, struct diag *);
err sq_name_known(struct index *, const struct store_id *, struct diag *);

/* index_sqlite_check.c */
err sq_check(struct index *, bool, index_report, void *, uint64_t *, struct diag *);

#endif
