/* staff.h: the support desk in the vault (docs/trust.md, "The support desk").
 *
 * A provider's staff key is given as a file and read again when it changes. Whom it certifies may use the
 * desk's requests, and nothing that is a household's: what an agent sees of one it sees by a grant alone, by
 * the same request as any grantee. Each request looks the certificate up again, so that one that is revoked
 * or over ends at once. What staff try beyond that is refused in one way, whatever there is, and logged. */
#ifndef CARDEA_VAULT_STAFF_H
#define CARDEA_VAULT_STAFF_H

#include "format/staff_certificate.h"
#include "store/desk.h"
#include "vault/vault.h"

#define STAFF_INVITE_S (14 * 86400)
#define STAFF_CODE_BYTES 10
/* Of one actor in an hour; then they are counted, and logged once a minute. */
#define STAFF_REFUSALS_SINGLY 10
#define STAFF_REFUSAL_ACTORS 64 /* that are counted by name at a time; more are counted together, without */
#define STAFF_ACTOR_BYTES 16

/* What one actor was refused and the log does not say yet. */
struct staff_refused {
    uint8_t actor[STAFF_ACTOR_BYTES];
    uint64_t count; /* 0: the place is free */
    bool ticket;    /* of the last */
    char what[96];
};

/* What one member of staff did of one kind on a day. */
struct staff_count {
    uint32_t day; /* since 1970, UTC */
    uint8_t actor[STAFF_ACTOR_BYTES];
    char kind[33];
    uint64_t count;
};
struct staff_watch;

struct staff_desk {
    const char *path;
    pthread_mutex_t lock;
    bool known;
    struct staff_key key;
    struct blob envelope;
    uint64_t file_mark; /* of the file as it was read last */
    struct limiter refusals;
    struct staff_refused counted[STAFF_REFUSAL_ACTORS];
    struct staff_refused others; /* who found no place; no actor */
    struct staff_watch *watch;   /* the keeper's, its counts under the lock */
};

/* `path` of the staff key's file, borrowed; NULL: this vault has no desk. */
err staff_new(struct vault *v, const char *path, struct diag *d) CHECKED;
void staff_free(struct vault *v); /* none is fine */
/* Reads the key's file when it is there and has changed; a new key is logged before it counts. Once a second.
 */
err staff_key_refresh(struct vault *v, struct diag *d) CHECKED;
/* The key as it is now. ERR_NOT_FOUND: there is none. */
err staff_key_now(struct vault *v, struct staff_key *out, struct diag *d) CHECKED;
/* The envelope, in base64url, for GET /v1/vault; NULL: there is none, or no memory. */
json_t *staff_key_json(struct vault *v);

/* --- who is calling --- */

/* Is this text of a token of staff or provider (whether or not it is right)? */
bool staff_token_is(const char *token);
/* In place of admit's other ways: checks the token, and whether the route is for staff of these roles. */
bool staff_admit(struct vault *v, const char *token, struct http_request *request, struct http_reply *r);
/* Checks a token and fills the caller, whatever the route. ERR_DENIED: d says why. */
err staff_find(struct vault *v, const char *token, struct caller *caller, struct diag *d) CHECKED;
/* Is what admit found still so? For requests that wait. ERR_DENIED. */
err staff_recheck(struct vault *v, const struct caller *caller, struct diag *d) CHECKED;
/* A member whose certificate is of the present key, valid now and not revoked. */
err staff_member_valid(struct vault *v, const struct desk_member *m, struct staff_certificate *out,
                       struct diag *d) CHECKED;
/* Is this text the code of an invitation to the staff? It opens sign-up, whatever --signup says. */
bool staff_code_fits(struct vault *v, const char *code);
/* What the log calls them. */
void staff_actor(const struct store_key *sign, uint8_t out[STAFF_ACTOR_BYTES]);
/* The account as the desk's store knows it: no value of the accounts' file. */
void staff_account(const struct vault *v, const struct store_key *login, struct store_key *out);

/* --- the log --- */

/* One entry without a household. Takes facts and details (NULL: none). */
err staff_log(struct vault *v, const char *kind, const uint8_t *actor, json_t *facts, json_t *details,
              struct diag *d) CHECKED;
/* Writes down that a member of staff was refused `what` (with or without an open ticket), or counts it. */
void staff_refused_note(struct vault *v, const struct store_key *sign, const char *what, bool ticket);
/* Logs what has been counted. */
void staff_refused_flush(struct vault *v);

/* --- unusual use (staff_watch.c) --- */

/* Looks at what is new in the log. Once a second, the keeper's thread. */
err staff_watch_tick(struct vault *v, struct diag *d) CHECKED;
void staff_watch_free(struct staff_desk *s);
/* A copy, ascending by day; free it. */
err staff_counts(struct vault *v, struct staff_count **out, size_t *count) CHECKED;

/* --- tickets --- */

/* The ids of its grants, for an owner all of them, for an agent those that are their own and alive. *out is
 * returned. */
err ticket_grants(struct vault *v, const struct desk_ticket *t, const struct caller *caller, json_t **out,
                  struct diag *d) CHECKED;

#define TICKET_GRANTS_MAX 256 /* that are ended with their ticket at a time */
struct ending {
    char ticket[2 * STORE_ID_BYTES + 1];
    struct store_id grants[TICKET_GRANTS_MAX];
    size_t count;
};
/* It was closed: what runs under its grants ends. */
void ticket_ended(struct vault *v, const struct desk_ticket *t);
/* Wakes who waits on the ticket: a message, a grant, its end. `ticket` is its id in hex. */
void ticket_announce(struct vault *v, const char *ticket);
/* ERR_DENIED: there is no such open ticket (of that household, unless NULL). */
err ticket_is_open(struct vault *v, const char *ticket, const struct store_id *household,
                   struct diag *d) CHECKED;

HANDLER(staff_provider);
HANDLER(staff_invite);
HANDLER(staff_list);
HANDLER(staff_certify);
HANDLER(staff_revoke);
HANDLER(staff_request);
HANDLER(staff_access);
HANDLER(ticket_post);
HANDLER(ticket_list);
HANDLER(ticket_get);
HANDLER(ticket_message);
HANDLER(ticket_close);
HANDLER(alarm_list);
HANDLER(staff_report);

#endif
