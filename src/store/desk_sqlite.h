/* desk_sqlite.h: the parts of the desk's store among themselves. The schema is in desk_sqlite.c. */
#ifndef CARDEA_STORE_DESK_SQLITE_H
#define CARDEA_STORE_DESK_SQLITE_H

#include "store/desk.h"
#include "store/sqlite_db.h"

struct db *desk_db(struct desk *desk);
/* A file has readers beside its writer, a store in memory its one connection. */
err desk_read_begin(struct desk *desk, struct db_conn **out, struct diag *d) CHECKED;
err desk_read_end(struct desk *desk, struct db_conn *conn, err e, struct diag *d) CHECKED;

#define DESK_READ(desk, d, operation)                                                                        \
    do {                                                                                                     \
        struct db_conn *conn;                                                                                \
        err begun = desk_read_begin(desk, &conn, d);                                                         \
        if (begun) return begun;                                                                             \
        err result = (operation);                                                                            \
        return desk_read_end(desk, conn, result, d);                                                         \
    } while (0)
#define DESK_WRITE(desk, d, operation)                                                                       \
    do {                                                                                                     \
        struct db_conn *conn;                                                                                \
        err begun = db_write_begin(desk_db(desk), &conn, d);                                                 \
        if (begun) return begun;                                                                             \
        err result = (operation);                                                                            \
        return db_write_end(desk_db(desk), result, d);                                                       \
    } while (0)

/* desk_sqlite_staff.c */
err ds_member_invite(struct desk *, const char *name, unsigned roles, const struct store_key *code,
                     uint32_t now, uint32_t expires, uint64_t *number, struct diag *) CHECKED;
err ds_invite_open(struct desk *, const struct store_key *code, uint32_t now, struct diag *) CHECKED;
err ds_member_request(struct desk *, const struct store_key *code, const struct store_key *account,
                      const struct store_key *sign, const struct store_key *box, uint32_t now,
                      struct desk_member *out, struct diag *) CHECKED;
err ds_member_certify(struct desk *, const struct desk_certification *c, uint32_t now, struct diag *) CHECKED;
err ds_member_revoke(struct desk *, uint64_t number, uint32_t now, struct diag *) CHECKED;
err ds_member_get(struct desk *, uint64_t number, struct desk_member *out, struct diag *) CHECKED;
err ds_member_of_key(struct desk *, const struct store_key *sign, struct desk_member *out,
                     struct diag *) CHECKED;
err ds_member_of_account(struct desk *, const struct store_key *account, struct desk_member *out,
                         struct diag *) CHECKED;
err ds_member_list(struct desk *, desk_member_visit, void *arg, struct diag *) CHECKED;

/* desk_sqlite_ticket.c */
err ds_ticket_open(struct desk *, const struct store_id *ticket, const struct store_id *household,
                   struct bytes message, uint32_t now, struct diag *) CHECKED;
err ds_ticket_get(struct desk *, const struct store_id *ticket, const struct store_id *household,
                  struct desk_ticket *out, struct diag *) CHECKED;
err ds_ticket_list(struct desk *, const struct store_id *household, desk_ticket_visit, void *arg,
                   struct diag *) CHECKED;
err ds_message_add(struct desk *, const struct store_id *ticket, const struct store_id *household,
                   struct bytes message, uint32_t now, uint32_t *n, struct diag *) CHECKED;
err ds_message_list(struct desk *, const struct store_id *ticket, uint32_t after, desk_message_visit,
                    void *arg, struct diag *) CHECKED;
err ds_ticket_close(struct desk *, const struct store_id *ticket, const struct store_id *household,
                    uint32_t now, struct diag *) CHECKED;

#endif
