#include "store/sqlite_db.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define READERS_MAX 6
#define STATEMENTS_MAX 256u /* of each connection; more than there are literals, a power of two */
#define BUSY_TIMEOUT_MS 10000
#define BATCH_MAX 256 /* writes that share a commit */

struct db_conn {
    sqlite3 *handle;
    const char *what;
    const char *sqls[STATEMENTS_MAX];
    sqlite3_stmt *statements[STATEMENTS_MAX];
};

/* A write that is done and waits for the commit it shares; on its thread's stack. */
struct waiter {
    struct waiter *next;
    bool done;
    err result;
    struct diag *d;
};

struct db {
    const struct db_options *options;
    char path[PATH_TEXT_BYTES];
    struct db_conn writer;

    pthread_mutex_t write_lock;
    pthread_cond_t committed;
    atomic_int waiting; /* writers that are at, or before, the lock */
    bool open;          /* a transaction is */
    int batch_size;
    struct waiter *waiters; /* writes of the open transaction whose commit is to come */

    pthread_mutex_t read_lock;
    pthread_cond_t reader_free;
    bool reader_busy[READERS_MAX]; /* who has one opens it, and may close it, without the lock */
    struct db_conn readers[READERS_MAX];
};

static err map(sqlite3 *handle, int code) {
    switch (code & 0xff) {
        case SQLITE_FULL: return ERR_NO_SPACE;
        case SQLITE_NOMEM: return ERR_NO_MEMORY;
        case SQLITE_BUSY:
        case SQLITE_LOCKED: return ERR_BUSY;
        case SQLITE_TOOBIG: return ERR_LIMIT;
        case SQLITE_CONSTRAINT: return ERR_EXISTS;
        case SQLITE_IOERR:
            if (code == SQLITE_IOERR_SHMSIZE) return ERR_NO_SPACE;
            switch (handle ? sqlite3_system_errno(handle) : 0) {
                case ENOSPC:
                case EDQUOT:
                case EFBIG: return ERR_NO_SPACE;
                default: return ERR_IO;
            }
        default: return ERR_IO;
    }
}

static err fail(struct db_conn *conn, int code, struct diag *d) {
    return diag_fail(d, map(conn->handle, code), "%s: %s", conn->what, sqlite3_errmsg(conn->handle));
}

static err run_script(struct db_conn *conn, const char *sql, struct diag *d) {
    int code = sqlite3_exec(conn->handle, sql, NULL, NULL, NULL);
    return code ? fail(conn, code, d) : ERR_OK;
}

/* --- statements --- */

static err prepare(struct db_conn *conn, const char *sql, sqlite3_stmt **out, struct diag *d) {
    size_t at = ((uintptr_t)sql >> 3) % STATEMENTS_MAX;
    for (size_t tries = 0; tries < STATEMENTS_MAX; tries++, at = (at + 1) % STATEMENTS_MAX) {
        if (conn->sqls[at] == sql) {
            *out = conn->statements[at];
            return ERR_OK;
        }
        if (conn->sqls[at]) continue;
        int code = sqlite3_prepare_v3(conn->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
        if (code) return fail(conn, code, d);
        conn->sqls[at] = sql;
        conn->statements[at] = *out;
        return ERR_OK;
    }
    return diag_fail(d, ERR_LIMIT, "%s: too many kinds of statement", conn->what);
}

static int bind(sqlite3_stmt *stmt, int at, const struct value *value) {
    switch (value->kind) {
        case VALUE_KIND_INT: return sqlite3_bind_int64(stmt, at, value->number);
        case VALUE_KIND_TEXT:
            return sqlite3_bind_text64(stmt, at, (const char *)value->bytes.data, value->bytes.len,
                                       SQLITE_STATIC, SQLITE_UTF8);
        case VALUE_KIND_BYTES: /* a null pointer would bind NULL, and no bytes are not NULL */
            return sqlite3_bind_blob64(stmt, at, value->bytes.len ? (const void *)value->bytes.data : "",
                                       value->bytes.len, SQLITE_STATIC);
        case VALUE_KIND_NULL: return sqlite3_bind_null(stmt, at);
    }
    return SQLITE_MISUSE;
}

err db_query(struct db_conn *conn, const char *sql, const struct value *values, size_t count,
             sqlite3_stmt **out, struct diag *d) {
    sqlite3_stmt *stmt;
    err e = prepare(conn, sql, &stmt, d);
    if (e) return e;
    for (size_t i = 0; i < count; i++) {
        int code = bind(stmt, (int)i + 1, &values[i]);
        if (code) return fail(conn, code, d);
    }
    *out = stmt;
    return ERR_OK;
}

err db_step(struct db_conn *conn, sqlite3_stmt *stmt, bool *row, struct diag *d) {
    int code = sqlite3_step(stmt);
    *row = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? ERR_OK : fail(conn, code, d);
}

void db_finish(sqlite3_stmt **stmt) {
    if (!*stmt) return;
    sqlite3_reset(*stmt);
    sqlite3_clear_bindings(*stmt);
    *stmt = NULL;
}

err db_run(struct db_conn *conn, const char *sql, const struct value *values, size_t count, uint64_t *changes,
           struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    err e = db_query(conn, sql, values, count, &stmt, d);
    bool row = true;
    while (!e && row) e = db_step(conn, stmt, &row, d);
    if (!e && changes) *changes = (uint64_t)sqlite3_changes64(conn->handle);
    return e;
}

err db_number(struct db_conn *conn, const char *sql, const struct value *values, size_t count, uint64_t *out,
              struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = false;
    err e = db_query(conn, sql, values, count, &stmt, d);
    if (!e) e = db_step(conn, stmt, &row, d);
    if (e) return e;
    if (!row) return ERR_NOT_FOUND;
    *out = column_u64(stmt, 0);
    return ERR_OK;
}

struct bytes column_bytes(sqlite3_stmt *stmt, int i) {
    const void *data = sqlite3_column_blob(stmt, i);
    return BYTES(data, (size_t)sqlite3_column_bytes(stmt, i));
}

err column_copy(sqlite3_stmt *stmt, int i, void *out, size_t size, struct diag *d) {
    struct bytes value = column_bytes(stmt, i);
    if (value.len != size)
        return diag_fail(d, ERR_IO, "a stored value has %zu bytes instead of %zu: run fsck", value.len, size);
    memcpy(out, value.data, size);
    return ERR_OK;
}

err column_blob(sqlite3_stmt *stmt, int i, struct blob *out, struct diag *d) {
    struct blob copy = {0};
    err e = blob_append(&copy, column_bytes(stmt, i));
    if (e) return diag_fail(d, e, "no memory for a stored value");
    blob_clear(out);
    *out = copy;
    return ERR_OK;
}

/* --- connections --- */

static void conn_close(struct db_conn *conn) {
    for (size_t i = 0; i < STATEMENTS_MAX; i++) sqlite3_finalize(conn->statements[i]);
    sqlite3_close(conn->handle);
    *conn = (struct db_conn){0};
}

static err conn_open(struct db *db, struct db_conn *conn, bool writer, struct diag *d) {
    conn->what = db->options->what;
    int code = sqlite3_open_v2(db->path, &conn->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code) {
        err e = diag_fail(d, map(conn->handle, code), "cannot open %s: %s", db->path,
                          conn->handle ? sqlite3_errmsg(conn->handle) : "out of memory");
        conn_close(conn);
        return e;
    }
    sqlite3_extended_result_codes(conn->handle, 1);
    sqlite3_busy_timeout(conn->handle, BUSY_TIMEOUT_MS);
    sqlite3_db_config(conn->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    err e = run_script(conn,
                       "PRAGMA page_size=8192; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;"
                       "PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=67108864;",
                       d);
    if (!e && !writer) e = run_script(conn, "PRAGMA query_only=ON; PRAGMA cache_size=-2000", d);
    if (!e && writer) e = run_script(conn, "PRAGMA cache_size=-8000", d);
    if (!e && writer)
        e = run_script(conn,
                       db->options->settled ? "PRAGMA journal_mode=TRUNCATE" : "PRAGMA journal_mode=WAL", d);
    if (e) {
        diag_prefix(d, "%s", db->path);
        conn_close(conn);
    }
    return e;
}

static err pragma_get(struct db_conn *conn, const char *sql, int64_t *out, struct diag *d) {
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(conn->handle, sql, -1, &stmt, NULL);
    if (!code && sqlite3_step(stmt) == SQLITE_ROW)
        *out = sqlite3_column_int64(stmt, 0);
    else
        code = code ? code : SQLITE_ERROR;
    err e = code ? fail(conn, code, d) : ERR_OK;
    sqlite3_finalize(stmt);
    return e;
}

static err migrate(struct db *db, struct diag *d) {
    struct db_conn *conn = &db->writer;
    err e = run_script(conn, "BEGIN IMMEDIATE", d);
    if (e) return e;
    int64_t version = 0, application = 0;
    e = pragma_get(conn, "PRAGMA user_version", &version, d);
    if (!e) e = pragma_get(conn, "PRAGMA application_id", &application, d);
    if (!e && (application ? application != db->options->application : version != 0))
        e = diag_fail(d, ERR_INVALID, "%s is a database, but not Cardea's %s", db->path, db->options->what);
    if (!e && version > db->options->version)
        e = diag_fail(d, ERR_UNSUPPORTED,
                      "%s was written by a newer version of Cardea (schema %d, this one knows %d)", db->path,
                      (int)version, db->options->version);
    for (int64_t v = version; !e && v < db->options->version; v++)
        e = run_script(conn, db->options->migrations[v], d);
    if (!e && version < db->options->version) {
        char sql[96];
        snprintf(sql, sizeof sql, "PRAGMA user_version=%d; PRAGMA application_id=%d", db->options->version,
                 (int)db->options->application);
        e = run_script(conn, sql, d);
    }
    if (!e) e = run_script(conn, "COMMIT", d);
    if (e && !sqlite3_get_autocommit(conn->handle)) sqlite3_exec(conn->handle, "ROLLBACK", NULL, NULL, NULL);
    return e;
}

/* SQLite would let others read it. The file is closed before SQLite opens it: closing any descriptor of a
 * file gives up all of the process's locks on it, and then another process would take the log away while we
 * use it. */
static err file_make(const char *path, struct diag *d) {
    AUTO(fd_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) return ERR_OK;
    err e = errno == ENOENT ? ERR_NOT_FOUND : errno == ENOSPC ? ERR_NO_SPACE : ERR_IO;
    return diag_fail(d, e, "cannot open %s: %s", path, strerror(errno));
}

err db_open(const char *path, const struct db_options *options, struct db **out, struct diag *d) {
    if (strlen(path) >= PATH_TEXT_BYTES) return diag_fail(d, ERR_LIMIT, "the path %s is too long", path);
    err e = strcmp(path, DB_MEMORY) == 0 ? ERR_OK : file_make(path, d);
    if (e) return e;
    struct db *db = calloc(1, sizeof *db);
    if (!db) return diag_fail(d, ERR_NO_MEMORY, "no memory for the %s", options->what);
    db->options = options;
    memcpy(db->path, path, strlen(path) + 1);
    pthread_mutex_init(&db->write_lock, NULL);
    pthread_cond_init(&db->committed, NULL);
    pthread_mutex_init(&db->read_lock, NULL);
    pthread_cond_init(&db->reader_free, NULL);
    e = conn_open(db, &db->writer, true, d);
    if (!e) e = migrate(db, d);
    if (e) {
        db_close(db);
        return e;
    }
    *out = db;
    return ERR_OK;
}

void db_close(struct db *db) {
    if (!db) return;
    for (size_t i = 0; i < READERS_MAX; i++) conn_close(&db->readers[i]);
    conn_close(&db->writer);
    pthread_cond_destroy(&db->reader_free);
    pthread_mutex_destroy(&db->read_lock);
    pthread_cond_destroy(&db->committed);
    pthread_mutex_destroy(&db->write_lock);
    free(db);
}

/* --- writing --- */

/* Ends the open transaction with this result, for all who wait for it. The lock is held. */
static void batch_over(struct db *db, err e, const struct diag *why) {
    if (e && !sqlite3_get_autocommit(db->writer.handle))
        sqlite3_exec(db->writer.handle, "ROLLBACK", NULL, NULL, NULL);
    for (struct waiter *w = db->waiters; w; w = w->next) {
        w->result = e;
        if (e && w->d) *w->d = *why;
        w->done = true;
    }
    db->waiters = NULL;
    db->open = false;
    db->batch_size = 0;
    pthread_cond_broadcast(&db->committed);
}

static void batch_commit(struct db *db) {
    struct diag why = {{0}};
    err e = run_script(&db->writer, "COMMIT", &why);
    batch_over(db, e, &why);
}

err db_write_begin(struct db *db, struct db_conn **out, struct diag *d) {
    atomic_fetch_add(&db->waiting, 1);
    pthread_mutex_lock(&db->write_lock);
    atomic_fetch_sub(&db->waiting, 1);
    err e = ERR_OK;
    if (!db->open) {
        e = run_script(&db->writer, "BEGIN IMMEDIATE", d);
        db->open = !e;
    }
    if (!e) e = run_script(&db->writer, "SAVEPOINT op", d);
    if (e) {
        if (db->open) batch_commit(db);
        pthread_mutex_unlock(&db->write_lock);
        return e;
    }
    db->batch_size++;
    *out = &db->writer;
    return ERR_OK;
}

/* Keeps or drops what was done since the savepoint; false when the engine has dropped the whole transaction.
 */
static bool savepoint_end(struct db_conn *conn, bool keep, struct diag *why) {
    if (!keep && !sqlite3_get_autocommit(conn->handle) && run_script(conn, "ROLLBACK TO op", why))
        return false;
    if (!sqlite3_get_autocommit(conn->handle) && run_script(conn, "RELEASE op", why)) return false;
    return !sqlite3_get_autocommit(conn->handle);
}

err db_write_end(struct db *db, err e, struct diag *d) {
    struct diag why = {{0}};
    struct waiter me = {.d = d};
    if (e && d) why = *d;
    bool whole = savepoint_end(&db->writer, !e, &why);
    if (!e) {
        me.next = db->waiters;
        db->waiters = &me;
    }
    if (!whole)
        batch_over(db, e ? e : ERR_IO, &why);
    else if (atomic_load(&db->waiting) == 0 || db->batch_size >= BATCH_MAX)
        batch_commit(db);
    while (!e && !me.done) pthread_cond_wait(&db->committed, &db->write_lock);
    pthread_mutex_unlock(&db->write_lock);
    return e ? e : me.result;
}

err db_alone(struct db *db, const char *sql, struct diag *d) {
    pthread_mutex_lock(&db->write_lock);
    while (db->open) pthread_cond_wait(&db->committed, &db->write_lock);
    err e = run_script(&db->writer, sql, d);
    pthread_mutex_unlock(&db->write_lock);
    return e;
}

uint64_t db_file_bytes(struct db *db) {
    struct stat info;
    return stat(db->path, &info) == 0 ? (uint64_t)info.st_size : 0;
}

/* --- reading --- */

static struct db_conn *conn_take(struct db *db) {
    pthread_mutex_lock(&db->read_lock);
    for (;;) {
        for (size_t i = 0; i < READERS_MAX; i++) {
            if (db->reader_busy[i]) continue;
            db->reader_busy[i] = true;
            pthread_mutex_unlock(&db->read_lock);
            return &db->readers[i];
        }
        pthread_cond_wait(&db->reader_free, &db->read_lock);
    }
}

static void conn_give(struct db *db, struct db_conn *conn) {
    pthread_mutex_lock(&db->read_lock);
    db->reader_busy[conn - db->readers] = false;
    pthread_cond_signal(&db->reader_free);
    pthread_mutex_unlock(&db->read_lock);
}

err db_read_begin(struct db *db, struct db_conn **out, struct diag *d) {
    struct db_conn *conn = conn_take(db);
    err e = ERR_OK;
    if (!conn->handle) e = conn_open(db, conn, false, d);
    if (!e) e = run_script(conn, "BEGIN", d);
    if (e) {
        conn_give(db, conn);
        return e;
    }
    *out = conn;
    return ERR_OK;
}

void db_read_end(struct db *db, struct db_conn *conn) {
    sqlite3_exec(conn->handle, "COMMIT", NULL, NULL, NULL);
    conn_give(db, conn);
}

/* --- copies and checks --- */

err db_copy(struct db *db, const char *path, struct diag *d) {
    AUTO(fd_close) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        err e = errno == EEXIST ? ERR_EXISTS : errno == ENOSPC ? ERR_NO_SPACE : ERR_IO;
        return diag_fail(d, e, "cannot make %s: %s", path, strerror(errno));
    }
    /* A connection of its own: a reader's snapshot, so that writers go on and the copy never starts over. */
    struct db_conn from = {0}, to = {.what = "copy"};
    err e = conn_open(db, &from, false, d);
    if (e) return e;
    int code = sqlite3_open_v2(path, &to.handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (!code)
        code = sqlite3_exec(from.handle, "BEGIN; SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
    sqlite3_backup *backup = code ? NULL : sqlite3_backup_init(to.handle, "main", from.handle, "main");
    if (backup) {
        code = sqlite3_backup_step(backup, -1);
        sqlite3_backup_finish(backup);
    }
    if (!backup || code != SQLITE_DONE)
        e = diag_fail(d, map(to.handle, code), "cannot copy the %s to %s: %s", db->options->what, path,
                      to.handle ? sqlite3_errmsg(to.handle) : "out of memory");
    conn_close(&to);
    conn_close(&from);
    if (!e && fsync(fd)) e = diag_fail(d, ERR_IO, "cannot sync %s: %s", path, strerror(errno));
    return e;
}

err db_check(struct db *db, void (*report)(void *arg, const char *line), void *arg, uint64_t *faults,
             struct diag *d) {
    struct db_conn conn = {0};
    err e = conn_open(db, &conn, false, d);
    if (e) return e;
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(conn.handle, "PRAGMA integrity_check(20)", -1, &stmt, NULL);
    while (!code && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        code = 0;
        const char *line = (const char *)sqlite3_column_text(stmt, 0);
        if (!line || strcmp(line, "ok") == 0) continue;
        ++*faults;
        report(arg, line);
    }
    if (code != SQLITE_DONE) e = fail(&conn, code, d);
    sqlite3_finalize(stmt);
    conn_close(&conn);
    return e;
}
