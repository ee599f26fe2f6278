#include "store/desk_sqlite.h"

static err check_message(struct bytes message, struct diag *d) {
    if (message.len <= DESK_MESSAGE_MAX_BYTES) return ERR_OK;
    return diag_fail(d, ERR_LIMIT, "a message has at most %u bytes", DESK_MESSAGE_MAX_BYTES);
}

static struct desk_ticket ticket_row(sqlite3_stmt *stmt) {
    return (struct desk_ticket){.opened = column_u32(stmt, 2),
                                .last = column_u32(stmt, 3),
                                .closed = column_u32(stmt, 4) != 0,
                                .messages = column_u32(stmt, 5)};
}

static err ticket_ids(sqlite3_stmt *stmt, struct desk_ticket *t, struct diag *d) {
    err e = column_copy(stmt, 0, t->ticket.bytes, STORE_ID_BYTES, d);
    return e ? e : column_copy(stmt, 1, t->household.bytes, STORE_ID_BYTES, d);
}

static err in_get(struct db_conn *conn, const struct store_id *ticket, const struct store_id *household,
                  struct desk_ticket *out, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = false;
    err e = db_query(conn,
                     "SELECT ticket, household, opened, last, closed, messages FROM tickets WHERE ticket=?1",
                     BIND(v_id(ticket)), &stmt, d);
    if (!e) e = db_step(conn, stmt, &row, d);
    if (e) return e;
    struct desk_ticket t = {0};
    if (row) {
        t = ticket_row(stmt);
        e = ticket_ids(stmt, &t, d);
        if (e) return e;
    }
    if (!row || (household && !store_id_equal(&t.household, household)))
        return diag_fail(d, ERR_NOT_FOUND, "there is no such ticket");
    *out = t;
    return ERR_OK;
}

static err in_message(struct db_conn *conn, const struct store_id *ticket, uint32_t n, bool staff,
                      uint32_t now, struct bytes message, struct diag *d) {
    return db_run(conn, "INSERT INTO messages VALUES(?1, ?2, ?3, ?4, ?5)",
                  BIND(v_id(ticket), v_int(n), v_int(staff), v_int(now), v_bytes(message)), NULL, d);
}

/* Room for one more: the closed tickets that were silent longest go, with what was said in them. */
static err in_make_room(struct db_conn *conn, const struct store_id *household, struct diag *d) {
    uint64_t open = 0;
    err e = db_number(conn, "SELECT count(*) FROM tickets WHERE household=?1 AND closed=0",
                      BIND(v_id(household)), &open, d);
    if (!e && open >= DESK_TICKETS_OPEN_MAX)
        return diag_fail(d, ERR_LIMIT, "a household has at most %u open tickets: close one first",
                         DESK_TICKETS_OPEN_MAX);
    if (!e)
        e = db_run(conn,
                   "DELETE FROM messages WHERE ticket IN (SELECT ticket FROM tickets WHERE household=?1 AND"
                   " closed=1 ORDER BY last DESC, ticket LIMIT -1 OFFSET ?2)",
                   BIND(v_id(household), v_int(DESK_TICKETS_MAX - 1 - open)), NULL, d);
    return e ? e
             : db_run(conn,
                      "DELETE FROM tickets WHERE ticket IN (SELECT ticket FROM tickets WHERE household=?1 AND"
                      " closed=1 ORDER BY last DESC, ticket LIMIT -1 OFFSET ?2)",
                      BIND(v_id(household), v_int(DESK_TICKETS_MAX - 1 - open)), NULL, d);
}

static err in_open(struct db_conn *conn, const struct store_id *ticket, const struct store_id *household,
                   struct bytes message, uint32_t now, struct diag *d) {
    uint64_t changes = 0;
    err e = in_make_room(conn, household, d);
    if (!e)
        e = db_run(conn,
                   "INSERT OR IGNORE INTO tickets(ticket, household, opened, last, messages)"
                   " VALUES(?1, ?2, ?3, ?3, 1)",
                   BIND(v_id(ticket), v_id(household), v_int(now)), &changes, d);
    if (!e && !changes) return diag_fail(d, ERR_EXISTS, "there is such a ticket already");
    return e ? e : in_message(conn, ticket, 1, false, now, message, d);
}

err ds_ticket_open(struct desk *desk, const struct store_id *ticket, const struct store_id *household,
                   struct bytes message, uint32_t now, struct diag *d) {
    err e = check_message(message, d);
    if (e) return e;
    DESK_WRITE(desk, d, in_open(conn, ticket, household, message, now, d));
}

err ds_ticket_get(struct desk *desk, const struct store_id *ticket, const struct store_id *household,
                  struct desk_ticket *out, struct diag *d) {
    DESK_READ(desk, d, in_get(conn, ticket, household, out, d));
}

static err in_list(struct db_conn *conn, const struct store_id *household, desk_ticket_visit visit, void *arg,
                   struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = true;
    err e = household ? db_query(conn,
                                 "SELECT ticket, household, opened, last, closed, messages FROM tickets"
                                 " WHERE household=?1 ORDER BY last DESC, ticket",
                                 BIND(v_id(household)), &stmt, d)
                      : db_query(conn,
                                 "SELECT ticket, household, opened, last, closed, messages FROM tickets"
                                 " ORDER BY last DESC, ticket",
                                 NULL, 0, &stmt, d);
    while (!e && !(e = db_step(conn, stmt, &row, d)) && row) {
        struct desk_ticket t = ticket_row(stmt);
        e = ticket_ids(stmt, &t, d);
        if (!e) e = visit(arg, &t);
    }
    return e;
}

err ds_ticket_list(struct desk *desk, const struct store_id *household, desk_ticket_visit visit, void *arg,
                   struct diag *d) {
    DESK_READ(desk, d, in_list(conn, household, visit, arg, d));
}

static err in_add(struct db_conn *conn, const struct store_id *ticket, const struct store_id *household,
                  struct bytes message, uint32_t now, uint32_t *n, struct diag *d) {
    struct desk_ticket t;
    err e = in_get(conn, ticket, household, &t, d);
    if (e) return e;
    if (t.closed) return diag_fail(d, ERR_DENIED, "this ticket is closed: open another");
    if (t.messages >= DESK_MESSAGES_MAX)
        return diag_fail(d, ERR_LIMIT, "a ticket has at most %u messages: close it and open another",
                         DESK_MESSAGES_MAX);
    *n = t.messages + 1;
    e = in_message(conn, ticket, *n, household == NULL, now, message, d);
    return e ? e
             : db_run(conn, "UPDATE tickets SET messages=?2, last=?3 WHERE ticket=?1",
                      BIND(v_id(ticket), v_int(*n), v_int(now)), NULL, d);
}

err ds_message_add(struct desk *desk, const struct store_id *ticket, const struct store_id *household,
                   struct bytes message, uint32_t now, uint32_t *n, struct diag *d) {
    err e = check_message(message, d);
    if (e) return e;
    DESK_WRITE(desk, d, in_add(conn, ticket, household, message, now, n, d));
}

static err in_messages(struct db_conn *conn, const struct store_id *ticket, uint32_t after,
                       desk_message_visit visit, void *arg, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = true;
    err e = db_query(conn, "SELECT n, staff, time, message FROM messages WHERE ticket=?1 AND n>?2 ORDER BY n",
                     BIND(v_id(ticket), v_int(after)), &stmt, d);
    while (!e && !(e = db_step(conn, stmt, &row, d)) && row)
        e = visit(arg, column_u32(stmt, 0), column_u32(stmt, 1) != 0, column_u32(stmt, 2),
                  column_bytes(stmt, 3));
    return e;
}

err ds_message_list(struct desk *desk, const struct store_id *ticket, uint32_t after,
                    desk_message_visit visit, void *arg, struct diag *d) {
    DESK_READ(desk, d, in_messages(conn, ticket, after, visit, arg, d));
}

static err in_close(struct db_conn *conn, const struct store_id *ticket, const struct store_id *household,
                    uint32_t now, struct diag *d) {
    struct desk_ticket t;
    err e = in_get(conn, ticket, household, &t, d);
    if (e || t.closed) return e;
    return db_run(conn, "UPDATE tickets SET closed=1, last=?2 WHERE ticket=?1",
                  BIND(v_id(ticket), v_int(now)), NULL, d);
}

err ds_ticket_close(struct desk *desk, const struct store_id *ticket, const struct store_id *household,
                    uint32_t now, struct diag *d) {
    DESK_WRITE(desk, d, in_close(conn, ticket, household, now, d));
}
