/* client.h: a connection to a vault: an owner's, signed in with the household's keys in memory; or a
 * grantee's, which has the keys of a grant (grantee.h) and sees through the same functions.
 *
 * Two tokens that the vault cannot link: the account's session (keyring alone) and the household's access
 * (docs/protocol.md). Everything secret is wiped by client_clear. Threads: one. */
#ifndef CARDEA_CLIENT_CLIENT_H
#define CARDEA_CLIENT_CLIENT_H

#include "base/clock.h"
#include "client/seen.h"
#include "format/certificate.h"
#include "format/household.h"
#include "format/keyring.h"
#include "format/object.h"
#include "net/http_client.h"

#define CLIENT_TOKEN_BYTES 256
#define CLIENT_HUBS_MAX 16
#define CLIENT_CLOCK_OFF_S 300 /* a hub refuses commands that are further off */

struct client_grant; /* grantee.h */

/* Asks the person for the code of their authenticator app. `why` is what the vault said of the last one, NULL
 * the first time. The code is copied into `out`. Another error than ERR_OK ends signing in with it. */
#define CLIENT_CODE_BYTES 17
typedef err client_code_fn(const void *context, const char *why, char out[CLIENT_CODE_BYTES], struct diag *d);

struct client {
    struct http_client *http;
    char url[256];
    char session[CLIENT_TOKEN_BYTES]; /* "Session …" */
    char access[CLIENT_TOKEN_BYTES];  /* "Access …" */
    struct steady_us access_until;
    char login[256];
    uint8_t proof[32]; /* what signed in: the vault asks for it again where a session is not enough */
    bool proof_is_recovery;

    struct keyring keyring;
    bool has_keyring;
    int64_t keyring_version;
    size_t household_index; /* into the keyring */

    struct household_keys household; /* of a grantee's: name and public signing key alone */
    bool unlocked;                   /* with the household's keys */
    struct client_grant *grant;      /* owned; NULL: an owner's */
    client_code_fn *code;            /* NULL: an account with a second factor is refused */
    const void *code_context;
    struct seen *seen; /* borrowed; NULL: what was seen is not remembered */

    struct hub_certificate hubs[CLIENT_HUBS_MAX]; /* verified */
    struct blob hub_envelopes[CLIENT_HUBS_MAX];   /* as the vault keeps them, for exports */
    size_t hub_count;
};

/* `ca_file` may be NULL. ERR_INVALID: the URL. */
err client_open(struct client *c, const char *url, const char *ca_file, struct diag *d) CHECKED;
void client_clear(struct client *c); /* for AUTO */

/* What the vault says of itself. */
struct client_vault {
    char name[128], version[64], signup[16];
    char setup_code[32]; /* empty unless this is a first start seen from loopback */
    struct wall_us time;
};
err client_vault(struct client *c, struct client_vault *out, struct diag *d) CHECKED;

/* Signs in and opens the keyring.
 *   ERR_DENIED       wrong name or passphrase; or a second factor is needed, and it was not right
 *   ERR_LIMIT        too many failed attempts: d says how long to wait
 *   ERR_UNREACHABLE  no vault there */
err client_sign_in(struct client *c, const char *login, struct bytes passphrase, struct diag *d) CHECKED;
/* The same by the recovery code. ERR_INVALID: d names the word. */
err client_sign_in_recovery(struct client *c, const char *login, const char *code, struct diag *d) CHECKED;
/* Makes `passphrase` the new one: a new salt, everything sealed anew, all other sessions ended. ERR_DENIED:
 * what signed in here, passphrase or recovery code, was changed meanwhile. */
err client_change_passphrase(struct client *c, struct bytes passphrase, struct diag *d) CHECKED;
err client_sign_out(struct client *c, struct diag *d) CHECKED;
/* Goes on with a session that was kept ("Session …"): the keyring is fetched, and opened by the passphrase.
 *   ERR_DENIED  the session has ended     ERR_FORGED  another passphrase */
err client_resume(struct client *c, const char *login, const char *session, struct bytes passphrase,
                  struct diag *d) CHECKED;

/* Proves the household's capability, opens its keys, and reads its hubs' certificates. Of a household that
 * this account is a member of: opens its grant instead (ERR_DENIED: it was ended). */
err client_unlock(struct client *c, struct diag *d) CHECKED;

/* Tells the vault the household's public keys and its log key, unless it has them, and the successions that
 * it has not heard of: before anything is granted. ERR_FORGED  it has others */
err client_open_household(struct client *c, struct diag *d) CHECKED;

/* Seals and stores the keyring as it is now. ERR_CONFLICT: another device changed it meanwhile. */
err client_store_keyring(struct client *c, struct diag *d) CHECKED;

/* *out is valid until the next call: "Access …", renewed before it runs out. */
err client_access(struct client *c, const char **out, struct diag *d) CHECKED;

/* A short JSON request with the household's access. `out` may be NULL. */
err client_json(struct client *c, const char *method, const char *path, json_t *body, json_t **out,
                struct diag *d) CHECKED;
/* A request for bytes with the household's access; *out is replaced. */
err client_bytes(struct client *c, const char *path, const char *range, struct blob *out,
                 struct diag *d) CHECKED;

/* Reads and checks an object; the payload is borrowed from *raw. `signer` NULL: any hub of the household, or
 * itself. ERR_FORGED: also when this device has seen a newer one, or the pins and they are gone. */
err client_object_get(struct client *c, const char *key, const uint8_t *signer, struct blob *raw,
                      struct object *out, struct diag *d) CHECKED;
/* The same of any signer that is or was the household's key. Nothing is remembered. *former: by a key that
 * was.
 */
err client_object_ours(struct client *c, const char *key, struct blob *raw, struct object *out, bool *former,
                       struct diag *d) CHECKED;
/* Signs with the household's key and stores; `version` is the new one, 1 to create. ERR_CONFLICT: somebody
 * was first. */
err client_object_put(struct client *c, const char *key, uint64_t version, struct bytes payload,
                      struct diag *d) CHECKED;
/* What this device did or saw once, under a name as objects have: the vault could act as if it had never
 * been. */
err client_remember(struct client *c, const char *name, uint64_t version, struct diag *d) CHECKED;
bool client_remembers(const struct client *c, const char *name);
/* Keys with a prefix, in order: calls fn for each. */
typedef err client_key_fn(void *context, const char *key, int64_t version, struct diag *d);
err client_object_list(struct client *c, const char *prefix, client_key_fn *fn, void *context,
                       struct diag *d) CHECKED;

/* The key under which the household's entries of the log are tagged. Wipe it. */
void client_log_key(const struct client *c, uint8_t out[HOUSEHOLD_LOG_KEY_BYTES]);

/* Is this the signing key of one of the household's hubs? */
const struct hub_certificate *client_hub_by_key(const struct client *c, const uint8_t sign[32]);
const struct hub_certificate *client_hub_by_id(const struct client *c, const uint8_t id[HUB_ID_BYTES]);
err client_read_hubs(struct client *c, struct diag *d) CHECKED;

#endif
