/* desk.h: what a vault keeps for a provider's support desk: its staff, households' tickets, alarms.
 *
 * A store of its own, beside index and accounts, for it belongs to neither: tickets are a household's and
 * hold nothing of an account, staff are accounts' and hold nothing of a household. The account of a member of
 * staff is a name that the caller blinds, so that no value of the accounts' file occurs here. What tickets
 * say is sealed to household and desk.
 *
 * Times are slots that the caller passes. Usage: `desk->ops->ticket_open(desk, …)`. Threads: any. Every write
 * is durable on return. Any operation may fail with ERR_IO, ERR_NO_MEMORY, and, if it writes, ERR_NO_SPACE
 * and ERR_BUSY; nothing changed then. A visitor must not call the desk. */
#ifndef CARDEA_STORE_DESK_H
#define CARDEA_STORE_DESK_H

#include <stdbool.h>

#include "base/bytes.h"
#include "store/id.h"

#define DESK_NAME_CHARS 64
#define DESK_MEMBERS_MAX 1024u
#define DESK_CERTIFICATE_MAX_BYTES 4096u
#define DESK_SECRET_MAX_BYTES 256u
#define DESK_TICKETS_OPEN_MAX 64u /* of a household */
#define DESK_TICKETS_MAX 1024u  /* of a household; one more forgets the closed one that was silent longest */
#define DESK_MESSAGES_MAX 1000u /* of a ticket */
#define DESK_MESSAGE_MAX_BYTES (64u << 10)
#define DESK_ALARMS_MAX 10000u /* one more forgets the oldest */
#define DESK_ACTOR_BYTES 16

enum desk_state { DESK_INVITED = 1, DESK_REQUESTED, DESK_CERTIFIED, DESK_REVOKED };

struct desk_member {
    uint64_t number; /* from 1 */
    enum desk_state state;
    unsigned roles;
    char name[DESK_NAME_CHARS + 1];
    uint32_t since;                      /* slot of its state */
    uint32_t expires;                    /* of the invitation, then of the certificate */
    struct store_key account, sign, box; /* zeros while invited */
    struct store_key by;                 /* who decided on the certificate; zeros: nobody said */
    struct blob certificate, secret;     /* the envelope, and the desk's secret boxed to it; owned */
};
void desk_member_clear(struct desk_member *m); /* for AUTO */

struct desk_certification {
    uint64_t number;
    struct store_key sign, by;
    struct bytes certificate, secret;
    uint32_t expires;
};

struct desk_ticket {
    struct store_id ticket, household;
    uint32_t opened, last; /* slots */
    bool closed;
    uint32_t messages;
};

struct desk_alarm {
    uint64_t number; /* from 1 */
    uint64_t entry;  /* of the log: what raised it; of one rule and actor, each raises one alarm */
    uint32_t time, rule;
    uint64_t value; /* what the rule measured */
    uint8_t actor[DESK_ACTOR_BYTES];
};

typedef err (*desk_member_visit)(void *arg, const struct desk_member *member);
typedef err (*desk_ticket_visit)(void *arg, const struct desk_ticket *ticket);
typedef err (*desk_message_visit)(void *arg, uint32_t n, bool staff, uint32_t time, struct bytes message);
typedef err (*desk_alarm_visit)(void *arg, const struct desk_alarm *alarm);

struct desk {
    const struct desk_ops *ops;
};

struct desk_ops {
    const char *name;
    void (*close)(struct desk *); /* NULL is fine */

    /* --- staff --- */
    /* ERR_EXISTS: somebody of that name is there who is not revoked, or that code; ERR_LIMIT: too many. */
    err (*member_invite)(struct desk *, const char *name, unsigned roles, const struct store_key *code,
                         uint32_t now, uint32_t expires, uint64_t *number, struct diag *);
    /* Is this an invitation that can be taken? ERR_NOT_FOUND. */
    err (*invite_open)(struct desk *, const struct store_key *code, uint32_t now, struct diag *);
    /* An account takes an invitation. The same again is ERR_OK.
     *   ERR_NOT_FOUND  no such code, or expired     ERR_EXISTS  another has taken it, or that account or key
     * is another member's */
    err (*member_request)(struct desk *, const struct store_key *code, const struct store_key *account,
                          const struct store_key *sign, const struct store_key *box, uint32_t now,
                          struct desk_member *out, struct diag *);
    /* For the first time, or anew. ERR_NOT_FOUND: nobody of that number and key, or revoked; ERR_LIMIT. */
    err (*member_certify)(struct desk *, const struct desk_certification *c, uint32_t now, struct diag *);
    /* An invitation too. ERR_NOT_FOUND; ERR_EXISTS: revoked already. */
    err (*member_revoke)(struct desk *, uint64_t number, uint32_t now, struct diag *);
    /* Each clears *out first. ERR_NOT_FOUND. By account: one who is not revoked. */
    err (*member_get)(struct desk *, uint64_t number, struct desk_member *out, struct diag *);
    err (*member_of_key)(struct desk *, const struct store_key *sign, struct desk_member *out, struct diag *);
    err (*member_of_account)(struct desk *, const struct store_key *account, struct desk_member *out,
                             struct diag *);
    err (*member_list)(struct desk *, desk_member_visit, void *arg, struct diag *); /* by number */

    /* --- tickets; `household` NULL is the desk, else what is another's is not found --- */
    /* With its first message. ERR_EXISTS: that id; ERR_LIMIT: too many open ones, or too large. */
    err (*ticket_open)(struct desk *, const struct store_id *ticket, const struct store_id *household,
                       struct bytes message, uint32_t now, struct diag *);
    err (*ticket_get)(struct desk *, const struct store_id *ticket, const struct store_id *household,
                      struct desk_ticket *out, struct diag *); /* ERR_NOT_FOUND */
    /* Those that were silent longest last. */
    err (*ticket_list)(struct desk *, const struct store_id *household, desk_ticket_visit, void *arg,
                       struct diag *);
    /* By staff when `household` is NULL. ERR_NOT_FOUND; ERR_DENIED: closed; ERR_LIMIT: too many or too large.
     */
    err (*message_add)(struct desk *, const struct store_id *ticket, const struct store_id *household,
                       struct bytes message, uint32_t now, uint32_t *n, struct diag *);
    /* Those with a number over `after`, in order. A ticket that is not there has none. */
    err (*message_list)(struct desk *, const struct store_id *ticket, uint32_t after, desk_message_visit,
                        void *arg, struct diag *);
    /* ERR_NOT_FOUND. Closed already is ERR_OK. */
    err (*ticket_close)(struct desk *, const struct store_id *ticket, const struct store_id *household,
                        uint32_t now, struct diag *);

    /* --- whose a use by staff is, by its entry in the access log --- */
    err (*use_add)(struct desk *, uint64_t entry, const struct store_id *household, struct diag *);
    err (*use_get)(struct desk *, uint64_t entry, struct store_id *household,
                   struct diag *); /* ERR_NOT_FOUND */

    /* --- alarms --- */
    /* alarm->number is not read. ERR_EXISTS: that rule, actor and entry has raised one. */
    err (*alarm_add)(struct desk *, const struct desk_alarm *alarm, struct diag *);
    err (*alarm_list)(struct desk *, desk_alarm_visit, void *arg, struct diag *); /* newest first */

    /* What is wrong inside, in words; ERR_OK and an empty text when nothing is. */
    err (*check)(struct desk *, struct blob *report, struct diag *);
    /* A consistent copy in a new file. ERR_EXISTS, ERR_NO_SPACE, ERR_UNSUPPORTED (memory). */
    err (*copy)(struct desk *, const char *path, struct diag *);
};

err desk_sqlite_open(const char *path, struct desk **out, struct diag *d) CHECKED;
err desk_memory_open(struct desk **out, struct diag *d) CHECKED; /* for tests */
void desk_release(struct desk **desk);                           /* for AUTO */

#endif
