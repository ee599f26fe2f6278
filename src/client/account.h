/* account.h: an account's sessions and second factors, for who is signed in (docs/protocol.md, "Vault").
 * Threads: one. */
#ifndef CARDEA_CLIENT_ACCOUNT_H
#define CARDEA_CLIENT_ACCOUNT_H

#include "client/client.h"
#include "crypto/totp.h"
#include "format/device_name.h"

#define CLIENT_SESSIONS_MAX 64
#define CLIENT_FACTORS_MAX 32
#define CLIENT_ID_CHARS 33 /* hex */

struct client_session {
    char id[CLIENT_ID_CHARS];
    struct session_label label; /* an empty name: none, or not one of ours */
    int64_t expires_day;
    bool current, factor;
};
err client_sessions(struct client *c, struct client_session out[CLIENT_SESSIONS_MAX], size_t *count,
                    struct diag *d) CHECKED;
/* ERR_NOT_FOUND: it has ended already. */
err client_session_end(struct client *c, const char *id, struct diag *d) CHECKED;
/* What the account's other devices see this one as; it was signed in to by passphrase, just now. */
err client_session_name(struct client *c, const char *name, struct diag *d) CHECKED;

struct client_factor {
    char id[CLIENT_ID_CHARS];
    char name[DEVICE_NAME_MAX_BYTES + 1];
    bool totp, passkey;
};
err client_factors(struct client *c, struct client_factor out[CLIENT_FACTORS_MAX], size_t *count,
                   struct diag *d) CHECKED;

/* An authenticator app: the secret to type or to scan, and then a code of it. */
struct client_totp {
    char secret[BASE32_CHARS(TOTP_SECRET_BYTES)];
    char pending[256];
};
/* Proven to the vault by the secret that c was signed in with (or resumed by): a session is not enough.
 *   ERR_DENIED  it was changed elsewhere since
 *   ERR_LIMIT   too often wrong: d says for how long */
err client_totp_begin(struct client *c, struct client_totp *out, struct diag *d) CHECKED;
/* ERR_DENIED: the code is not right, or it took longer than 15 minutes. */
err client_totp_confirm(struct client *c, const struct client_totp *totp, const char *code, const char *name,
                        struct diag *d) CHECKED;
/* Needs the passphrase again. */
err client_factor_remove(struct client *c, const char *id, struct bytes passphrase, struct diag *d) CHECKED;

#endif
