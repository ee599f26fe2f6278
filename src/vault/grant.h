/* grant.h: grants among the vault's own files (docs/trust.md): reading the row, opening, logging.
 *
 * The vault opens no box. What it enforces it reads from the statement that the household signed; the row
 * beside it counts. Threads: any. */
#ifndef CARDEA_VAULT_GRANT_H
#define CARDEA_VAULT_GRANT_H

#include "vault/vault.h"

#define GRANT_TOKEN_S 3600  /* at most, and never past the grant's end */
#define GRANT_RENEW_S 86400 /* so long after its end a token still shows which opening goes on */
#define GRANT_BODY_MAX_BYTES (1536u << 10) /* 1 MiB in base64url, and a note */
#define GRANT_WITNESS_WAIT_MS 5000         /* for a hub's cosignature, where the statement asks for one */
#define GRANT_IDLE_S 30                    /* a grant without a request for so long is not in use */
#define GRANT_ACTOR_BYTES 16               /* as the log names one */
#define WATCH_ENDS_MAX 1024u               /* live views that are over and wait to be logged */
#define WATCH_BEAT_S 10                    /* that one still runs is written down so often */

/* A grant as it is stored, and what its statement says. */
struct grant_held {
    struct grant_row row;
    struct grant_blobs blobs;
    struct grant_statement statement;
};
void grant_held_clear(struct grant_held *g);
/* `household` NULL: whosever; `box`: with its keys. ERR_NOT_FOUND. */
err grant_load(struct vault *v, const struct store_id *household, const struct store_id *grant, bool box,
               struct grant_held *out, struct diag *d) CHECKED;
/* The whole grant. */
err grant_bytes_join(const struct grant_blobs *blobs, struct blob *out) CHECKED;
/* ERR_DENIED: revoked, expired or not yet valid; d says which. */
err grant_alive(const struct grant_held *g, uint32_t now, struct diag *d) CHECKED;

/* Who acts under a grant, and what is said of it in the log. Everything is borrowed. */
struct grant_act {
    const char *kind; /* "grant.use" */
    const struct store_id *household, *grant;
    enum grant_purpose purpose;
    const char *ticket;
    const uint8_t *key; /* signing key of who acts */
    bool staff;         /* that key is a member of staff's */
    const uint8_t (*cameras)[CAMERA_ID_BYTES];
    size_t camera_count;
    uint64_t from, to;
    bool live;
    bool bound; /* a use whose holder sent a nonce with it */
    uint64_t opening;
};
/* Of a whole statement: the household's act, or the grantee's. */
struct grant_act grant_act_of(const char *kind, const struct store_id *household,
                              const struct grant_statement *s, bool by_household);
/* Durable on return. `more` (taken, may be NULL) goes into the details. *index and *leaf may be NULL. */
err grant_log(struct vault *v, const struct grant_act *act, json_t *more, uint64_t *index, struct blob *leaf,
              struct diag *d) CHECKED;
/* What that entry says, to be logged by somebody else: {"actor":hex,"facts":{…},"details":{…}}. *out is
 * returned. */
err grant_log_words(struct vault *v, const struct grant_act *act, json_t *more, json_t **out,
                    struct diag *d) CHECKED;
/* Logs such words. ERR_IO: they are damaged. */
err grant_log_said(struct vault *v, const char *kind, const struct store_id *household, const json_t *words,
                   struct diag *d) CHECKED;
/* Their actor. False: they are damaged. */
bool grant_log_actor(const json_t *words, uint8_t actor[GRANT_ACTOR_BYTES]);

/* Each opening and each live view is an entry of the log: may there be one more from this address? False: the
 * reply is set. */
bool grant_use_counts(struct vault *v, const struct http_request *request, const struct store_id *grant,
                      const char *what, struct http_reply *r);

/* All that runs under the grant ends, on every node. */
void grant_end_announce(struct vault *v, const struct store_id *grant);
/* Logs what has ended and is not closed: expiries, and revocations that could not be logged. */
err grants_sweep(struct vault *v, struct diag *d) CHECKED;

/* A grantee's token: names the grant, the use and when it ends. */
#define GRANT_TOKEN_BYTES 45
#define GRANT_TOKEN_CHARS BASE64_CHARS(GRANT_TOKEN_BYTES)
void grant_token_make(const struct vault *v, const struct store_id *grant, uint64_t entry, uint32_t expires,
                      char out[GRANT_TOKEN_CHARS]);
/* ERR_DENIED: not ours, or expired. */
err grant_token_read(const struct vault *v, const char *text, uint32_t now, struct store_id *grant,
                     uint64_t *entry) CHECKED;
/* Is this a token of that grant, good or over for at most GRANT_RENEW_S? Then *entry is the use from which it
 * came: to open the grant again goes on with that one, and is no further view. */
bool grant_token_renews(const struct vault *v, const char *text, uint32_t now, const struct store_id *grant,
                        uint64_t *entry);

/* --- staff (staff_grant.c) --- */

/* May a grant for support be made: is grantee_sign a valid certificate's, and the ticket the household's and
 * open? ERR_DENIED says why not. */
err staff_grantee_check(struct vault *v, const struct store_id *household, const struct grant_statement *s,
                        struct diag *d) CHECKED;
/* May it be opened by this request: an agent's access, that agent's key, an open ticket? False: d says why
 * not. */
bool staff_may_open(struct vault *v, struct http_request *request, const struct grant_statement *s,
                    struct diag *d);
/* Is it so still, with each request of the holder's? ERR_DENIED. Of other purposes it always is. */
err staff_scope_check(struct vault *v, const struct grant_scope *scope, struct diag *d) CHECKED;
/* A live view ends with the certificate: narrows *until. */
err staff_scope_until(struct vault *v, const struct grant_scope *scope, uint64_t *until,
                      struct diag *d) CHECKED;

/* --- who is looking now (activity.c, watch.c) --- */

/* One live view of a grantee; embedded in what it watches by. */
struct grant_watch {
    struct store_id household;
    struct grant_scope scope;
    size_t count;
    struct store_id cameras[GRANT_CAMERAS_MAX];
    struct wall_us since;
    /* watch_begin's: */
    struct store_id id;
    bool begun;                       /* its begin is in the log */
    struct grant_watch *next, **link; /* link NULL: not listed */
};
/* Writes a row for it, so that its end is logged whatever becomes of this process; logs live.begin; lists it.
 */
err watch_begin(struct vault *v, struct grant_watch *w, struct diag *d) CHECKED;
/* Takes it off the list; live.end is logged soon after, by another thread. NULL link is fine. */
void watch_end(struct vault *v, struct grant_watch *w);
/* Says that this process lives, and what still runs in it. Logs the end of every view whose end nobody saw:
 * those of processes that are gone, and of this one those that it could not note. At start, before requests,
 * and then every WATCH_BEAT_S, by one thread at a time. */
err watches_sweep(struct vault *v, struct diag *d) CHECKED;
/* A grantee asked for recordings of a camera. */
void activity_note(struct vault *v, const struct store_id *household, const struct grant_scope *scope,
                   const struct store_id *camera);
/* It has ended: nobody asks by it any more. What is watched live ends by itself. */
void activity_forget(struct vault *v, const struct store_id *household, const struct store_id *grant);
/* The JSON array "active" of one grant. */
json_t *activity_of(struct vault *v, const struct store_id *grant);
/* Forgets what has gone quiet, and logs ends of live views; each second. */
err activity_sweep(struct vault *v, struct diag *d) CHECKED;
void activity_clear(struct vault *v);

#endif
