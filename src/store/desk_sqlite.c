/* The desk's store in SQLite (WAL; a commit is synced before it is acknowledged), and the same in memory. */
#include "store/desk_sqlite.h"

#include <stdlib.h>

static const char *const migrations[] = {
    "CREATE TABLE members(number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, roles INTEGER NOT "
    "NULL,"
    "  state INTEGER NOT NULL, since INTEGER NOT NULL, expires INTEGER NOT NULL, code BLOB NOT NULL UNIQUE,"
    "  account BLOB, sign BLOB UNIQUE, box BLOB, certificate BLOB, secret BLOB, decider BLOB);"
    "CREATE UNIQUE INDEX members_name ON members(name) WHERE state<>4;"
    "CREATE UNIQUE INDEX members_account ON members(account) WHERE state<>4;"
    "CREATE TABLE tickets(ticket BLOB PRIMARY KEY, household BLOB NOT NULL, opened INTEGER NOT NULL,"
    "  last INTEGER NOT NULL, closed INTEGER NOT NULL DEFAULT 0, messages INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX tickets_household ON tickets(household, closed, last);"
    "CREATE INDEX tickets_last ON tickets(last);"
    "CREATE TABLE messages(ticket BLOB NOT NULL, n INTEGER NOT NULL, staff INTEGER NOT NULL,"
    "  time INTEGER NOT NULL, message BLOB NOT NULL, PRIMARY KEY(ticket, n)) WITHOUT ROWID;"
    "CREATE TABLE alarms(number INTEGER PRIMARY KEY AUTOINCREMENT, entry INTEGER NOT NULL, time INTEGER NOT "
    "NULL,"
    "  rule INTEGER NOT NULL, value INTEGER NOT NULL, actor BLOB NOT NULL, UNIQUE(actor, rule, entry));"
    "CREATE TABLE uses(entry INTEGER PRIMARY KEY, household BLOB NOT NULL);",
};

static const struct db_options options = {
    .application = 0x43524464, /* CRDd */
    .migrations = migrations,
    .version = sizeof migrations / sizeof *migrations,
    .what = "support desk",
};

struct desk_sqlite {
    struct desk desk;
    struct db *db;
    bool memory;
};

void desk_member_clear(struct desk_member *m) {
    if (!m) return;
    blob_clear(&m->certificate);
    blob_clear(&m->secret);
    *m = (struct desk_member){0};
}

void desk_release(struct desk **desk) {
    if (!*desk) return;
    (*desk)->ops->close(*desk);
    *desk = NULL;
}

struct db *desk_db(struct desk *desk) {
    return ((struct desk_sqlite *)desk)->db;
}

err desk_read_begin(struct desk *desk, struct db_conn **out, struct diag *d) {
    const struct desk_sqlite *s = (const struct desk_sqlite *)desk;
    return s->memory ? db_write_begin(s->db, out, d) : db_read_begin(s->db, out, d);
}

err desk_read_end(struct desk *desk, struct db_conn *conn, err e, struct diag *d) {
    const struct desk_sqlite *s = (const struct desk_sqlite *)desk;
    if (s->memory) return db_write_end(s->db, e, d);
    db_read_end(s->db, conn);
    return e;
}

static void ds_close(struct desk *desk) {
    if (!desk) return;
    db_close(desk_db(desk));
    free(desk);
}

/* --- alarms --- */

static err in_alarm_add(struct db_conn *conn, const struct desk_alarm *a, struct diag *d) {
    uint64_t changes = 0;
    err e = db_run(
        conn, "INSERT OR IGNORE INTO alarms(entry, time, rule, value, actor) VALUES(?1, ?2, ?3, ?4, ?5)",
        BIND(v_int(a->entry), v_int(a->time), v_int(a->rule), v_int(a->value), v_bytes(BYTES_OF(a->actor))),
        &changes, d);
    if (!e && !changes) return diag_fail(d, ERR_EXISTS, "this alarm has been raised");
    if (!e)
        e = db_run(conn, "DELETE FROM alarms WHERE number<=(SELECT max(number) FROM alarms)-?1",
                   BIND(v_int(DESK_ALARMS_MAX)), NULL, d);
    return e;
}

static err ds_alarm_add(struct desk *desk, const struct desk_alarm *alarm, struct diag *d) {
    DESK_WRITE(desk, d, in_alarm_add(conn, alarm, d));
}

static err in_alarm_list(struct db_conn *conn, desk_alarm_visit visit, void *arg, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = true;
    err e = db_query(conn, "SELECT number, entry, time, rule, value, actor FROM alarms ORDER BY number DESC",
                     NULL, 0, &stmt, d);
    while (!e && !(e = db_step(conn, stmt, &row, d)) && row) {
        struct desk_alarm a = {.number = column_u64(stmt, 0),
                               .entry = column_u64(stmt, 1),
                               .time = column_u32(stmt, 2),
                               .rule = column_u32(stmt, 3),
                               .value = column_u64(stmt, 4)};
        e = column_copy(stmt, 5, a.actor, sizeof a.actor, d);
        if (!e) e = visit(arg, &a);
    }
    return e;
}

static err ds_alarm_list(struct desk *desk, desk_alarm_visit visit, void *arg, struct diag *d) {
    DESK_READ(desk, d, in_alarm_list(conn, visit, arg, d));
}

/* --- uses --- */

static err ds_use_add(struct desk *desk, uint64_t entry, const struct store_id *household, struct diag *d) {
    DESK_WRITE(desk, d,
               db_run(conn, "INSERT OR REPLACE INTO uses VALUES(?1, ?2)", BIND(v_int(entry), v_id(household)),
                      NULL, d));
}

static err in_use_get(struct db_conn *conn, uint64_t entry, struct store_id *household, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = false;
    err e = db_query(conn, "SELECT household FROM uses WHERE entry=?1", BIND(v_int(entry)), &stmt, d);
    if (!e) e = db_step(conn, stmt, &row, d);
    if (!e && !row) e = diag_fail(d, ERR_NOT_FOUND, "that entry is no use by staff");
    return e ? e : column_copy(stmt, 0, household->bytes, STORE_ID_BYTES, d);
}

static err ds_use_get(struct desk *desk, uint64_t entry, struct store_id *household, struct diag *d) {
    DESK_READ(desk, d, in_use_get(conn, entry, household, d));
}

/* --- check and copy --- */

static void add_line(void *arg, const char *line) {
    struct blob *report = arg;
    err ignored = blob_append(report, bytes_text(line)); /* a report that is cut says enough */
    if (!ignored) ignored = blob_append_u8(report, '\n');
    (void)ignored;
}

static err in_check(struct db_conn *conn, struct blob *report, struct diag *d) {
    static const struct {
        const char *sql, *line;
    } faults[] = {
        {"SELECT count(*) FROM messages WHERE ticket NOT IN (SELECT ticket FROM tickets)",
         "there are messages of no ticket"},
        {"SELECT count(*) FROM tickets WHERE messages<>(SELECT count(*) FROM messages m WHERE "
         "m.ticket=tickets.ticket)",
         "a ticket has not as many messages as it says"},
        {"SELECT count(*) FROM members WHERE state=3 AND (sign IS NULL OR certificate IS NULL)",
         "a certified member of staff has no certificate"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        uint64_t found = 0;
        err e = db_number(conn, faults[i].sql, NULL, 0, &found, d);
        if (e) return e;
        if (found) add_line(report, faults[i].line);
    }
    return ERR_OK;
}

static err ds_check(struct desk *desk, struct blob *report, struct diag *d) {
    const struct desk_sqlite *s = (const struct desk_sqlite *)desk;
    uint64_t faults = 0;
    err e = s->memory ? ERR_OK : db_check(s->db, add_line, report, &faults, d);
    if (e) return e;
    DESK_READ(desk, d, in_check(conn, report, d));
}

static err ds_copy(struct desk *desk, const char *path, struct diag *d) {
    if (((const struct desk_sqlite *)desk)->memory)
        return diag_fail(d, ERR_UNSUPPORTED, "a store in memory is not copied");
    return db_copy(desk_db(desk), path, d);
}

#define OPS(driver)                                                                                          \
    {                                                                                                        \
        .name = driver, .close = ds_close, .member_invite = ds_member_invite, .invite_open = ds_invite_open, \
        .member_request = ds_member_request, .member_certify = ds_member_certify,                            \
        .member_revoke = ds_member_revoke, .member_get = ds_member_get, .member_of_key = ds_member_of_key,   \
        .member_of_account = ds_member_of_account, .member_list = ds_member_list,                            \
        .ticket_open = ds_ticket_open, .ticket_get = ds_ticket_get, .ticket_list = ds_ticket_list,           \
        .message_add = ds_message_add, .message_list = ds_message_list, .ticket_close = ds_ticket_close,     \
        .use_add = ds_use_add, .use_get = ds_use_get, .alarm_add = ds_alarm_add,                             \
        .alarm_list = ds_alarm_list, .check = ds_check, .copy = ds_copy,                                     \
    }
static const struct desk_ops sqlite_ops = OPS("sqlite"), memory_ops = OPS("memory");

static err open_at(const char *path, bool memory, struct desk **out, struct diag *d) {
    struct desk_sqlite *s = calloc(1, sizeof *s);
    if (!s) return diag_fail(d, ERR_NO_MEMORY, "no memory for the support desk");
    s->desk.ops = memory ? &memory_ops : &sqlite_ops;
    s->memory = memory;
    err e = db_open(path, &options, &s->db, d);
    if (e) {
        free(s);
        return e;
    }
    *out = &s->desk;
    return ERR_OK;
}

err desk_sqlite_open(const char *path, struct desk **out, struct diag *d) {
    return open_at(path, false, out, d);
}

err desk_memory_open(struct desk **out, struct diag *d) {
    return open_at(DB_MEMORY, true, out, d);
}
