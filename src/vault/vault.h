/* vault.h: the vault's state, and what its handlers share (docs/protocol.md).
 *
 * Nothing in here knows what it keeps: the vault has no key but its own secret, under which logins and tokens
 * are hashed. Handlers stand in one table (routes.c) with who may call them; `admit` (admit.c) has checked
 * that before any handler runs. Every index operation takes the caller's household, so that what is another's
 * is not found. */
#ifndef CARDEA_VAULT_VAULT_H
#define CARDEA_VAULT_VAULT_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/json.h"
#include "net/http_server.h"
#include "store/accounts.h"
#include "store/blob.h"
#include "store/bus.h"
#include "store/index.h"
#include "vault/brief.h"
#include "vault/limit.h"
#include "vault/scope.h"

#define VAULT_SECRET_BYTES 32
#define VAULT_JSON_MAX_BYTES (128u << 10)
#define VAULT_SESSION_DAYS 30
#define VAULT_ACCESS_S 900
#define VAULT_CHALLENGE_S 60
#define VAULT_SIGN_IN_HOLD_US 60000 /* sign-in answers leave no earlier, whoever asks */
#define VAULT_SIGN_UP_HOLD_US 200000
#define VAULT_BEAT_US 10000000
#define VAULT_LONG_POLL_S 25
#define VAULT_PAIRING_S 86400
#define VAULT_INVITATION_HOURS 168
#define VAULT_PAIRINGS_PER_PEER 64
#define VAULT_RINGS_MAX 16 /* doorbells of a hub */
#define VAULT_RING_TOKEN_MIN_CHARS 43
#define VAULT_RING_TOKEN_MAX_CHARS 64
#define VAULT_RINGS_PER_PEER 30 /* in a minute; then one in 2 s */
#define VAULT_COMMAND_MAX_BYTES (160u << 10)
#define VAULT_REPLY_MAX_BYTES (2u << 20)

enum vault_signup { VAULT_SIGNUP_OPEN, VAULT_SIGNUP_CODE, VAULT_SIGNUP_CLOSED };

/* Who may call a route; a set. */
enum vault_who {
    WHO_ANY = 0,
    WHO_SESSION = 1,
    WHO_OWNER = 2,
    WHO_WRITER = 4,
    WHO_GRANTEE = 8,
    WHO_AGENT = 16,    /* staff: an agent of the support desk */
    WHO_ADMIN = 32,    /* staff: an administrator */
    WHO_PROVIDER = 64, /* the holder of the staff key */
    WHO_STAFF = 128,   /* any certified member of staff */
};

/* What admit found; lives in http_request.caller. */
struct caller {
    enum vault_who who;
    struct store_key token; /* session: hash of the token; staff: that of the session behind theirs */
    struct store_key login;
    bool factor;                  /* session: it passed a second factor */
    struct store_key staff_sign;  /* staff and provider: their signing key */
    struct capability capability; /* access; of a grantee the household alone */
    struct grant_scope scope;     /* grantee */
};
static inline struct caller *caller_of(struct http_request *r) {
    return (struct caller *)(void *)r->caller.bytes;
}
/* What a grantee may see; NULL: the caller is none, and the household's own. */
static inline const struct grant_scope *scope_of_caller(struct http_request *r) {
    return caller_of(r)->who == WHO_GRANTEE ? &caller_of(r)->scope : NULL;
}
_Static_assert(sizeof(struct caller) <= sizeof(((struct http_request *)0)->caller), "caller fits");

struct vault_counters {
    atomic_uint_fast64_t answers[6]; /* by the status' first digit */
    atomic_uint_fast64_t received_bytes, segments, reels, records_relayed, live_skips, events,
        sign_in_failures, limited;
    atomic_uint_fast64_t live_viewers, uploads, hubs;
    atomic_uint_fast64_t swept_reels, garbage_removed;
};

/* A live channel whose last upload has ended. */
#define VAULT_IDLE_CHANNELS 1024u
#define VAULT_IDLE_CHANNEL_US 15000000
struct idle_channel {
    char channel[BUS_CHANNEL_CHARS + 1];
    struct steady_us since;
};

struct upload;
struct stream;
struct hub_link;
struct pages;
struct access_log;
struct activity;
struct staff_desk;

#define VAULT_REEL_LOCKS 64u
#define SETUP_CODE_TEXT_BYTES 20 /* "XXXX-XXXX-XXXX-XXXX" */

struct vault {
    struct index *index;
    struct accounts *accounts;
    struct desk *desk;
    struct blob_store *blobs;
    struct bus *bus;
    struct store_id node; /* this process, among those that share index and bus */
    uint8_t secret[VAULT_SECRET_BYTES];
    enum vault_signup signup;
    uint64_t quota_bytes;
    struct pages *pages;
    struct staff_desk *staff;
    struct access_log *log; /* NULL: none is kept (memory stores) */
    struct blob ca_pem;
    bool metrics_open; /* the operator named an address for them */
    struct limiter sign_ins, strangers, pairings, rings, opens, uses;
    struct limiter factors, factor_accounts, factor_places; /* factor.h */
    struct brief_sessions brief;
    struct vault_counters count;
    struct steady_us started;

    pthread_mutex_t setup_lock;
    char setup_code[SETUP_CODE_TEXT_BYTES]; /* empty: none */
    struct steady_us setup_used;            /* when a household was made with it; 0: not yet */

    pthread_mutex_t
        reel_locks[VAULT_REEL_LOCKS]; /* by name, while an upload is opened; before uploads_lock */
    pthread_mutex_t uploads_lock;     /* before any upload's */
    struct upload *uploads;
    struct idle_channel idle[VAULT_IDLE_CHANNELS];
    size_t idle_next;
    pthread_mutex_t streams_lock;
    struct stream *streams;
    pthread_mutex_t grants_lock;   /* while a grant's end is written and logged */
    pthread_mutex_t activity_lock; /* before any of the bus */
    struct activity *activity;
    pthread_mutex_t hubs_lock;
    struct hub_link *hubs;
    atomic_bool closing;
};

/* Fills what needs no configuration. */
void vault_init(struct vault *v);
void vault_clear(struct vault *v);

/* The app of the vault's own requests; of /metrics alone; of /ca.crt alone. */
struct http_app vault_app(struct vault *v);
struct http_app vault_metrics_app(struct vault *v);
struct http_app vault_ca_app(struct vault *v);

/* --- answers (reply.c) --- */

/* Takes `value`; NULL (out of memory) becomes 500. */
enum http_outcome reply_json(struct http_reply *r, unsigned status, json_t *value);
/* Takes what `text` holds. */
enum http_outcome reply_text(struct http_reply *r, unsigned status, const char *type, struct blob *text);
enum http_outcome reply_empty(struct http_reply *r, unsigned status);
enum http_outcome reply_error(struct http_reply *r, unsigned status, const char *word, const char *format,
                              ...) __attribute__((format(printf, 4, 5)));
/* The status and word of an err; d's text unless it is our own trouble, which is logged instead. */
enum http_outcome reply_err(struct http_reply *r, err e, const struct diag *d);
/* A body or query that is wrong. */
enum http_outcome reply_invalid(struct http_reply *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
enum http_outcome reply_limited(struct http_reply *r, unsigned retry_after_s);

/* Reads the request's JSON body by the table; on failure the reply is set. */
bool request_json(struct http_request *request, const struct json_field *fields, size_t count,
                  json_t **document, struct http_reply *r);
#define REQUEST_JSON(request, fields, document, r)                                                           \
    request_json(request, fields, sizeof(fields) / sizeof *(fields), document, r)

/* --- query parameters, by a table as JSON bodies are --- */

enum query_kind {
    QUERY_HEX,  /* struct store_id */
    QUERY_UINT, /* uint64_t in [0, max] */
    QUERY_TEXT, /* const char *, at most max bytes */
};
struct query_field {
    const char *name;
    enum query_kind kind;
    bool required;
    uint64_t max;
    void *out;
};
bool request_query(struct http_request *request, const struct query_field *fields, size_t count,
                   struct http_reply *r);
#define REQUEST_QUERY(request, fields, r) request_query(request, fields, sizeof(fields) / sizeof *(fields), r)
/* Parameter `i` of the path as an id. */
bool request_id(struct http_request *request, size_t i, const char *what, struct store_id *out,
                struct http_reply *r);

/* --- secrets (token.c) --- */

/* HMAC under the vault's secret, with a label for each use. */
void vault_mac(const struct vault *v, const char *label, struct bytes data, uint8_t out[32]);
/* The store's key of a login: HMAC of its trimmed lower-case form. */
void login_key(const struct vault *v, const char *login, struct store_key *out);
#define ACCESS_TOKEN_BYTES 53
#define ACCESS_TOKEN_CHARS BASE64_CHARS(ACCESS_TOKEN_BYTES)
void access_token_make(const struct vault *v, const struct store_key *capability, uint32_t expires,
                       char out[ACCESS_TOKEN_CHARS]);
/* ERR_DENIED: not ours, or expired. */
err access_token_read(const struct vault *v, const char *text, uint32_t now,
                      struct store_key *capability) CHECKED;
#define CHALLENGE_BYTES 36
void challenge_make(const struct vault *v, uint32_t now, uint8_t out[CHALLENGE_BYTES]);
err challenge_check(const struct vault *v, const uint8_t challenge[CHALLENGE_BYTES], uint32_t now) CHECKED;
/* What may pass once, on whatever node: the first who claims its hash has it. ERR_DENIED: somebody has. */
err vault_once(struct vault *v, const char *kind, struct bytes what, uint32_t ttl_s, struct diag *d) CHECKED;

/* Whose session it is, by its token's hash: fills token, login and factor. ERR_NOT_FOUND: there is none. */
err session_find(struct vault *v, const struct store_key *token, struct caller *out, struct diag *d) CHECKED;
bool vault_admit(void *vault, struct http_request *request, struct http_reply *r);

static inline uint32_t slot_now(void) {
    return wall_slot(wall_now());
}

/* --- handlers --- */

#define HANDLER(name) enum http_outcome name(void *vault, struct http_request *request, struct http_reply *r)

HANDLER(vault_describe);
HANDLER(account_create);
HANDLER(invitation_create);
HANDLER(session_params);
HANDLER(session_create);
HANDLER(session_recover);
HANDLER(session_list);
HANDLER(session_name);
HANDLER(session_another);
HANDLER(session_end);
HANDLER(session_end_other);
HANDLER(passkey_begin);
HANDLER(passkey_create);
HANDLER(factor_list);
HANDLER(factor_totp_create);
HANDLER(factor_totp_confirm);
HANDLER(factor_webauthn_begin);
HANDLER(factor_webauthn_finish);
HANDLER(factor_delete);
HANDLER(keyring_get);
HANDLER(keyring_put);
HANDLER(household_create);
HANDLER(household_get);
HANDLER(household_put);
HANDLER(access_challenge);
HANDLER(access_create);
HANDLER(capability_create);
HANDLER(capability_delete);
HANDLER(object_list);
HANDLER(object_get);
HANDLER(object_put);
HANDLER(object_delete);
HANDLER(reel_put);
HANDLER(reel_head);
HANDLER(reel_get);
HANDLER(timeline_get);
HANDLER(recordings_delete);
HANDLER(event_post);
HANDLER(event_list);
HANDLER(event_get);
HANDLER(camera_list);
HANDLER(camera_put);
HANDLER(camera_delete);
HANDLER(usage_get);
HANDLER(live_get);
HANDLER(grant_create);
HANDLER(grant_put);
HANDLER(grant_list);
HANDLER(grant_get);
HANDLER(grant_revoke);
HANDLER(grant_delete);
HANDLER(grant_ended_get);
HANDLER(grant_open_post);
HANDLER(activity_get);
HANDLER(pairing_post);
HANDLER(pairing_get);
HANDLER(pairing_answer_post);
HANDLER(pairing_answer_get);
HANDLER(hub_commands);
HANDLER(hub_reply);
HANDLER(hub_list);
HANDLER(ring_press);
HANDLER(hub_command);
HANDLER(health_get);
HANDLER(metrics_get);
HANDLER(ca_get);
HANDLER(log_get);
HANDLER(log_mine);
HANDLER(log_proof);
HANDLER(log_cosignature);

/* Hashes with commas between them; empty: none. On failure the reply is set. */
bool rings_read(const char *text, struct store_id rings[VAULT_RINGS_MAX], size_t *count,
                struct http_reply *r);

/* What the file holds (`path` NULL, or not there: a new one, which is also written). */
err setup_code_load(struct vault *v, const char *path, struct diag *d) CHECKED;
/* The ten bytes of a code's text. False: it is no code. */
bool code_bytes(const char *text, uint8_t out[10]);
/* Is this code the setup code, and still good? Case, spaces and dashes do not matter. */
bool setup_code_fits(struct vault *v, const char *code);
/* Whether an owner of some household was given that code for somebody, within VAULT_INVITATION_HOURS. */
bool invitation_fits(const struct vault *v, const char *code, uint32_t now);

/* Removes all blobs whose names are garbage now. */
err vault_collect(struct vault *v, struct diag *d) CHECKED;

#endif
