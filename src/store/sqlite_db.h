/* sqlite_db.h: what the SQLite drivers share: one file, one writer with group commit, a pool of readers,
 * statements prepared once, errors in our words. Internal to store.
 *
 * A write is `db_write_begin … db_write_end`, one at a time; those that wait for each other share one commit,
 * so that one sync of the disk acknowledges many. A read takes a connection of the pool and gives it back. */
#ifndef CARDEA_STORE_SQLITE_DB_H
#define CARDEA_STORE_SQLITE_DB_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/bytes.h"
#include "store/id.h"

struct db_options {
    int32_t application;           /* "CRDi": a file of another application is refused */
    const char *const *migrations; /* [i] brings version i to i + 1 */
    int version;                   /* how many migrations there are */
    const char *what;              /* for messages: "index" */
    bool settled;                  /* rollback journal instead of WAL, no readers, see accounts_sqlite.c */
};

struct db;
struct db_conn;

/* The path of a database that ends with its process. It has its writer and no readers. */
#define DB_MEMORY ":memory:"

err db_open(const char *path, const struct db_options *options, struct db **out, struct diag *d) CHECKED;
void db_close(struct db *db); /* NULL is fine */

/* Between begin and end the writer is the caller's. end keeps the changes when `e` is ERR_OK and drops them
 * otherwise, and returns e, or why they could not be kept. It must be called after each begin that succeeded.
 */
err db_write_begin(struct db *db, struct db_conn **out, struct diag *d) CHECKED;
err db_write_end(struct db *db, err e, struct diag *d) CHECKED;

/* A snapshot: what is read until db_read_end belongs together. Waits for a free reader. */
err db_read_begin(struct db *db, struct db_conn **out, struct diag *d) CHECKED;
void db_read_end(struct db *db, struct db_conn *conn);

/* Outside any transaction, alone: VACUUM, PRAGMA. */
err db_alone(struct db *db, const char *sql, struct diag *d) CHECKED;
uint64_t db_file_bytes(struct db *db);

/* A consistent copy in a new file. */
err db_copy(struct db *db, const char *path, struct diag *d) CHECKED;
/* The engine's own check: says each line to `report`. */
err db_check(struct db *db, void (*report)(void *arg, const char *line), void *arg, uint64_t *faults,
             struct diag *d) CHECKED;

/* --- statements --- */
enum value_kind { VALUE_KIND_INT, VALUE_KIND_BYTES, VALUE_KIND_TEXT, VALUE_KIND_NULL };
struct value {
    enum value_kind kind;
    int64_t number;
    struct bytes bytes;
};
static inline struct value v_int(uint64_t v) {
    return (struct value){.kind = VALUE_KIND_INT, .number = (int64_t)v};
}
static inline struct value v_bytes(struct bytes v) {
    return (struct value){.kind = VALUE_KIND_BYTES, .bytes = v};
}
static inline struct value v_id(const struct store_id *v) {
    return v_bytes(BYTES(v->bytes, STORE_ID_BYTES));
}
static inline struct value v_key(const struct store_key *v) {
    return v_bytes(BYTES(v->bytes, STORE_KEY_BYTES));
}
static inline struct value v_text(const char *v) {
    return (struct value){.kind = VALUE_KIND_TEXT, .bytes = bytes_text(v)};
}
static inline struct value v_null(void) {
    return (struct value){.kind = VALUE_KIND_NULL};
}
/* The values of ?1, ?2, … */
#define BIND(...)                                                                                            \
    (const struct value[]){__VA_ARGS__}, sizeof((const struct value[]){__VA_ARGS__}) / sizeof(struct value)

/* `sql` is a literal: statements are kept by its address. Values are borrowed until the statement is
 * finished. */
err db_query(struct db_conn *conn, const char *sql, const struct value *values, size_t count,
             sqlite3_stmt **out, struct diag *d) CHECKED;
/* *row is false at the end. */
err db_step(struct db_conn *conn, sqlite3_stmt *stmt, bool *row, struct diag *d) CHECKED;
void db_finish(sqlite3_stmt **stmt); /* for AUTO */
/* Runs to the end. *changes (may be NULL) is how many rows changed. */
err db_run(struct db_conn *conn, const char *sql, const struct value *values, size_t count, uint64_t *changes,
           struct diag *d) CHECKED;
/* The one row's first column as a number; ERR_NOT_FOUND (without a word in d) when there is no row. */
err db_number(struct db_conn *conn, const char *sql, const struct value *values, size_t count, uint64_t *out,
              struct diag *d) CHECKED;

static inline uint64_t column_u64(sqlite3_stmt *stmt, int i) {
    return (uint64_t)sqlite3_column_int64(stmt, i);
}
static inline uint32_t column_u32(sqlite3_stmt *stmt, int i) {
    return (uint32_t)sqlite3_column_int64(stmt, i);
}
/* Borrowed until the next step. */
struct bytes column_bytes(sqlite3_stmt *stmt, int i);
/* ERR_IO when the stored value has another size. */
err column_copy(sqlite3_stmt *stmt, int i, void *out, size_t size, struct diag *d) CHECKED;
/* Replaces *out. */
err column_blob(sqlite3_stmt *stmt, int i, struct blob *out, struct diag *d) CHECKED;

#endif
