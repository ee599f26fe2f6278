/* Accounts in a SQLite file of their own.
 *
 * What the file must not tell is the order in which accounts came, since whoever knows in which order
 * households came could put the two side by side. So: tables without rowid under random keys; a rollback
 * journal that is emptied instead of a write-ahead log that keeps old pages; and, since even the place of a
 * row within its page follows the order of insertion, the file is rebuilt in key order after each write while
 * it is small, and once a day when it is large (then a day's accounts are many, and only that day's order can
 * be guessed meanwhile). */
#include "store/accounts_sqlite.h"

#include <stdio.h>
#include <stdlib.h>

#define SETTLE_AT_ONCE_BYTES (1u << 20)

static const char *const migrations[] = {
    "CREATE TABLE accounts(login BLOB PRIMARY KEY, salt BLOB NOT NULL, memory INTEGER NOT NULL,"
    "  passes INTEGER NOT NULL, auth BLOB NOT NULL, recovery BLOB NOT NULL, version INTEGER NOT NULL,"
    "  keyring BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE sessions(token BLOB PRIMARY KEY, login BLOB NOT NULL, expires INTEGER NOT NULL) WITHOUT "
    "ROWID;"
    "CREATE INDEX sessions_login ON sessions(login, token);",
    "ALTER TABLE sessions ADD COLUMN factor INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE sessions ADD COLUMN label BLOB NOT NULL DEFAULT x'';"
    "CREATE TABLE factors(id BLOB PRIMARY KEY, login BLOB NOT NULL, kind INTEGER NOT NULL, label BLOB NOT "
    "NULL,"
    "  secret BLOB NOT NULL, algorithm INTEGER NOT NULL, counter INTEGER NOT NULL, credential BLOB NOT NULL,"
    "  rp TEXT NOT NULL, wrap BLOB) WITHOUT ROWID;"
    "CREATE INDEX factors_login ON factors(login, id);",
};

static const struct db_options options = {
    .application = 0x43524461, /* CRDa */
    .migrations = migrations,
    .version = sizeof migrations / sizeof *migrations,
    .what = "accounts",
    .settled = true,
};

static struct accounts_sqlite *sqlite_of(struct accounts *accounts) {
    return (struct accounts_sqlite *)accounts;
}

static struct db *db_of(struct accounts *accounts) {
    return accounts_db(accounts);
}

static err settle(struct accounts_sqlite *a, struct diag *d) {
    if (!atomic_exchange(&a->unsettled, false)) return ERR_OK;
    err e = db_alone(a->db, "VACUUM", d);
    if (e) atomic_store(&a->unsettled, true);
    return e;
}

err accounts_written(struct accounts *accounts, err e, struct diag *d) {
    struct accounts_sqlite *a = sqlite_of(accounts);
    e = db_write_end(a->db, e, d);
    if (e) return e;
    atomic_store(&a->unsettled, true);
    struct diag ignored;
    if (db_file_bytes(a->db) <= SETTLE_AT_ONCE_BYTES && settle(a, &ignored)) return ERR_OK;
    return ERR_OK;
}

err accounts_known(struct db_conn *conn, const struct store_key *login, struct diag *d) {
    uint64_t one = 0;
    err e = db_number(conn, "SELECT 1 FROM accounts WHERE login=?1", BIND(v_key(login)), &one, d);
    return e == ERR_NOT_FOUND ? diag_fail(d, e, "there is no such account") : e;
}

static void sq_close(struct accounts *accounts) {
    if (!accounts) return;
    db_close(db_of(accounts));
    free(accounts);
}

static err check_keyring(struct bytes keyring, struct diag *d) {
    if (keyring.len <= ACCOUNTS_KEYRING_MAX_BYTES) return ERR_OK;
    return diag_fail(d, ERR_LIMIT, "a keyring has at most %u bytes", ACCOUNTS_KEYRING_MAX_BYTES);
}

static err in_create(struct db_conn *conn, const struct store_key *login, const struct account_secrets *s,
                     struct bytes keyring, struct diag *d) {
    uint64_t changes = 0;
    err e = db_run(conn, "INSERT OR IGNORE INTO accounts VALUES(?1, ?2, ?3, ?4, ?5, ?6, 1, ?7)",
                   BIND(v_key(login), v_bytes(BYTES_OF(s->salt)), v_int(s->memory_kib), v_int(s->passes),
                        v_key(&s->auth_hash), v_key(&s->recovery_hash), v_bytes(keyring)),
                   &changes, d);
    if (!e && !changes) e = diag_fail(d, ERR_EXISTS, "this account exists already");
    return e;
}

static err sq_create(struct accounts *accounts, const struct store_key *login,
                     const struct account_secrets *secrets, struct bytes keyring, struct diag *d) {
    struct db_conn *conn;
    err e = check_keyring(keyring, d);
    if (!e) e = db_write_begin(db_of(accounts), &conn, d);
    return e ? e : accounts_written(accounts, in_create(conn, login, secrets, keyring, d), d);
}

static err in_get(struct db_conn *conn, const struct store_key *login, struct account *out, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = false;
    err e = db_query(
        conn, "SELECT salt, memory, passes, auth, recovery, version, keyring FROM accounts WHERE login=?1",
        BIND(v_key(login)), &stmt, d);
    if (!e) e = db_step(conn, stmt, &row, d);
    if (!e && !row) e = diag_fail(d, ERR_NOT_FOUND, "there is no such account");
    if (e) return e;
    AUTO(account_clear)
    struct account a = {.secrets.memory_kib = column_u32(stmt, 1),
                        .secrets.passes = column_u32(stmt, 2),
                        .version = column_u64(stmt, 5)};
    e = column_copy(stmt, 0, a.secrets.salt, ACCOUNTS_SALT_BYTES, d);
    if (!e) e = column_copy(stmt, 3, a.secrets.auth_hash.bytes, STORE_KEY_BYTES, d);
    if (!e) e = column_copy(stmt, 4, a.secrets.recovery_hash.bytes, STORE_KEY_BYTES, d);
    if (!e) e = column_blob(stmt, 6, &a.keyring, d);
    if (e) return e;
    account_clear(out);
    *out = a;
    a.keyring = (struct blob){0};
    return ERR_OK;
}

/* Reads go by the writer: the file has no readers beside it. */
static err sq_get(struct accounts *accounts, const struct store_key *login, struct account *out,
                  struct diag *d) {
    struct db_conn *conn;
    err e = db_write_begin(db_of(accounts), &conn, d);
    return e ? e : db_write_end(db_of(accounts), in_get(conn, login, out, d), d);
}

static err change_secrets(struct db_conn *conn, const struct store_key *login,
                          const struct account_secrets *s, const struct store_key *keep, struct diag *d) {
    err e =
        db_run(conn, "UPDATE accounts SET salt=?2, memory=?3, passes=?4, auth=?5, recovery=?6 WHERE login=?1",
               BIND(v_key(login), v_bytes(BYTES_OF(s->salt)), v_int(s->memory_kib), v_int(s->passes),
                    v_key(&s->auth_hash), v_key(&s->recovery_hash)),
               NULL, d);
    if (!e)
        e = db_run(conn, "DELETE FROM sessions WHERE login=?1 AND token IS NOT ?2",
                   BIND(v_key(login), keep ? v_key(keep) : v_null()), NULL, d);
    return e ? e : db_run(conn, "UPDATE factors SET wrap=NULL WHERE login=?1", BIND(v_key(login)), NULL, d);
}

static err in_update(struct db_conn *conn, const struct store_key *login, uint64_t version,
                     struct bytes keyring, const struct account_secrets *s, const struct store_key *keep,
                     const struct account_wrap *wraps, size_t wrap_count, struct diag *d) {
    uint64_t stored = 0;
    err e = db_number(conn, "SELECT version FROM accounts WHERE login=?1", BIND(v_key(login)), &stored, d);
    if (e == ERR_NOT_FOUND) return diag_fail(d, e, "there is no such account");
    if (!e && stored + 1 != version)
        e = diag_fail(d, ERR_CONFLICT, "the keyring's version is %llu: read it again",
                      (unsigned long long)stored);
    if (!e)
        e = db_run(conn, "UPDATE accounts SET version=?2, keyring=?3 WHERE login=?1",
                   BIND(v_key(login), v_int(version), v_bytes(keyring)), NULL, d);
    if (!e && s) e = change_secrets(conn, login, s, keep, d);
    for (size_t i = 0; !e && i < wrap_count; i++) e = accounts_wrap_set(conn, login, &wraps[i], d);
    return e;
}

static err sq_update(struct accounts *accounts, const struct store_key *login, uint64_t version,
                     struct bytes keyring, const struct account_secrets *secrets,
                     const struct store_key *keep, const struct account_wrap *wraps, size_t wrap_count,
                     struct diag *d) {
    struct db_conn *conn;
    err e = check_keyring(keyring, d);
    if (!e) e = db_write_begin(db_of(accounts), &conn, d);
    if (e) return e;
    e = in_update(conn, login, version, keyring, secrets, keep, wraps, wrap_count, d);
    return accounts_written(accounts, e, d);
}

static err in_remove(struct db_conn *conn, const struct store_key *login, struct diag *d) {
    uint64_t changes = 0;
    err e = db_run(conn, "DELETE FROM sessions WHERE login=?1", BIND(v_key(login)), NULL, d);
    if (!e) e = db_run(conn, "DELETE FROM factors WHERE login=?1", BIND(v_key(login)), NULL, d);
    if (!e) e = db_run(conn, "DELETE FROM accounts WHERE login=?1", BIND(v_key(login)), &changes, d);
    if (!e && !changes) e = diag_fail(d, ERR_NOT_FOUND, "there is no such account");
    return e;
}

static err sq_remove(struct accounts *accounts, const struct store_key *login, struct diag *d) {
    struct db_conn *conn;
    err e = db_write_begin(db_of(accounts), &conn, d);
    return e ? e : accounts_written(accounts, in_remove(conn, login, d), d);
}

static err sq_maintain(struct accounts *accounts, uint32_t today, struct diag *d) {
    struct db_conn *conn;
    uint64_t changes = 0;
    err e = db_write_begin(db_of(accounts), &conn, d);
    if (e) return e;
    e = db_run(conn, "DELETE FROM sessions WHERE expires<=?1", BIND(v_int(today)), &changes, d);
    e = db_write_end(db_of(accounts), e, d);
    if (e) return e;
    if (changes) atomic_store(&sqlite_of(accounts)->unsettled, true);
    return settle(sqlite_of(accounts), d);
}

static void add_line(void *arg, const char *line) {
    struct blob *report = arg;
    if (blob_append(report, bytes_text(line)) || blob_append(report, bytes_text("\n"))) return;
}

static err sq_check(struct accounts *accounts, struct blob *report, struct diag *d) {
    uint64_t faults = 0, orphans = 0, strays = 0;
    err e = db_check(db_of(accounts), add_line, report, &faults, d);
    struct db_conn *conn;
    if (!e) e = db_write_begin(db_of(accounts), &conn, d);
    if (e) return e;
    e = db_number(conn, "SELECT count(*) FROM sessions WHERE login NOT IN (SELECT login FROM accounts)", NULL,
                  0, &orphans, d);
    if (!e)
        e = db_number(conn, "SELECT count(*) FROM factors WHERE login NOT IN (SELECT login FROM accounts)",
                      NULL, 0, &strays, d);
    e = db_write_end(db_of(accounts), e, d);
    if (!e && strays) add_line(report, "accounts: there are second factors of no account");
    if (!e && orphans) add_line(report, "accounts: there are sessions of no account");
    return e;
}

static err sq_copy(struct accounts *accounts, const char *path, struct diag *d) {
    return db_copy(db_of(accounts), path, d);
}

static const struct accounts_ops sqlite_ops = {
    .name = "sqlite",
    .close = sq_close,
    .create = sq_create,
    .get = sq_get,
    .update = sq_update,
    .remove = sq_remove,
    .session_add = sq_session_add,
    .session_get = sq_session_get,
    .session_list = sq_session_list,
    .session_label = sq_session_label,
    .session_remove = sq_session_remove,
    .factor_add = sq_factor_add,
    .factor_list = sq_factor_list,
    .factor_owner = sq_factor_owner,
    .factor_count = sq_factor_count,
    .factor_remove = sq_factor_remove,
    .maintain = sq_maintain,
    .check = sq_check,
    .copy = sq_copy,
};

err accounts_sqlite_open(const char *path, struct accounts **out, struct diag *d) {
    struct accounts_sqlite *a = calloc(1, sizeof *a);
    if (!a) return diag_fail(d, ERR_NO_MEMORY, "no memory for the accounts");
    a->accounts.ops = &sqlite_ops;
    atomic_init(&a->unsettled, true); /* a crash may have come between a write and its settling */
    err e = db_open(path, &options, &a->db, d);
    if (e) {
        free(a);
        return e;
    }
    *out = &a->accounts;
    return ERR_OK;
}
