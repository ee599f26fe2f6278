/* accounts.h: people's sealed keyrings, by the hash of their login, their sessions and second factors.
 *
 * This is a store of its own, beside the index (index.h) and not within it: no value, no transaction, no row
 * order and no time in here says which household is whose. Nothing is kept but what the functions below take;
 * days are the finest time, and only of sessions. Drivers lay rows out so that the file does not tell the
 * order in which they came.
 *
 * Usage: `accounts->ops->create(accounts, …)`. Threads: any. Every write is durable on return. */
#ifndef CARDEA_STORE_ACCOUNTS_H
#define CARDEA_STORE_ACCOUNTS_H

#include <stdbool.h>

#include "base/bytes.h"
#include "store/id.h"

#define ACCOUNTS_SALT_BYTES 16
#define ACCOUNTS_KEYRING_MAX_BYTES (64u * 1024)
#define ACCOUNTS_SESSIONS_MAX 32 /* for each account; one more ends the one that would expire first */
#define ACCOUNTS_FACTORS_MAX 16  /* for each account */
#define ACCOUNTS_LABEL_MAX_BYTES 256
#define ACCOUNTS_FACTOR_SECRET_MAX_BYTES 512
#define ACCOUNTS_CREDENTIAL_MAX_BYTES 1023 /* WebAuthn level 2, section 4, "Credential ID" */
#define ACCOUNTS_RP_MAX_BYTES 253
#define ACCOUNTS_WRAP_BYTES 60 /* nonce, sealed keyring key, tag: docs/formats.md, "Keyring" */

struct account_secrets {
    uint8_t salt[ACCOUNTS_SALT_BYTES];
    uint32_t memory_kib;
    uint32_t passes;
    struct store_key auth_hash;
    struct store_key recovery_hash;
};

struct account {
    struct account_secrets secrets;
    uint64_t version;    /* of the keyring, from 1 */
    struct blob keyring; /* returned; account_clear */
};
void account_clear(struct account *account);

/* What a device called itself; sealed by it, so that this store learns no more than a length. */
struct account_label {
    size_t len;
    uint8_t bytes[ACCOUNTS_LABEL_MAX_BYTES];
};

struct account_session {
    struct store_key token; /* the token's hash */
    struct store_key login;
    uint32_t expires_day;
    bool factor; /* it passed a second factor */
    struct account_label label;
};

enum account_factor_kind { ACCOUNT_FACTOR_TOTP = 1, ACCOUNT_FACTOR_WEBAUTHN = 2 };

/* A second factor. No field of it is a time: which code was used last is remembered elsewhere, and not for
 * long. */
struct account_factor {
    struct store_id id;
    enum account_factor_kind kind;
    struct account_label label;
    uint8_t secret[ACCOUNTS_FACTOR_SECRET_MAX_BYTES]; /* TOTP: sealed; WebAuthn: the public key */
    size_t secret_len;
    /* WebAuthn alone. */
    int32_t algorithm; /* COSE */
    uint32_t counter;
    uint8_t credential[ACCOUNTS_CREDENTIAL_MAX_BYTES];
    size_t credential_len;
    char rp[ACCOUNTS_RP_MAX_BYTES + 1]; /* the name under which the browser knows the vault */
    bool has_wrap;
    uint8_t wrap[ACCOUNTS_WRAP_BYTES]; /* of the keyring's key, for a passkey */
};
struct account_factors {
    size_t count;
    struct account_factor list[ACCOUNTS_FACTORS_MAX];
};
struct account_wrap {
    struct store_id factor;
    uint8_t bytes[ACCOUNTS_WRAP_BYTES];
};

struct accounts {
    const struct accounts_ops *ops;
};

struct accounts_ops {
    const char *name;
    void (*close)(struct accounts *); /* NULL is fine */

    /* ERR_EXISTS, ERR_LIMIT (keyring), ERR_NO_SPACE, ERR_IO. The keyring's version becomes 1. */
    err (*create)(struct accounts *, const struct store_key *login, const struct account_secrets *secrets,
                  struct bytes keyring, struct diag *);
    /* ERR_NOT_FOUND. Replaces *out on success. */
    err (*get)(struct accounts *, const struct store_key *login, struct account *out, struct diag *);
    /* Replaces keyring and, unless NULL, the secrets when the version stored is version - 1. With new secrets
     * every session except *keep (may be NULL) ends in the same transaction, and the wraps of all factors go.
     * Then `wraps` are set. ERR_NOT_FOUND (the account, or a wrap's factor), ERR_CONFLICT, ERR_LIMIT,
     * ERR_NO_SPACE. */
    err (*update)(struct accounts *, const struct store_key *login, uint64_t version, struct bytes keyring,
                  const struct account_secrets *secrets, const struct store_key *keep,
                  const struct account_wrap *wraps, size_t wrap_count, struct diag *);
    /* With its sessions and factors. ERR_NOT_FOUND. */
    err (*remove)(struct accounts *, const struct store_key *login, struct diag *);

    /* ERR_NOT_FOUND: no such account; ERR_EXISTS. */
    err (*session_add)(struct accounts *, const struct account_session *session, struct diag *);
    /* ERR_NOT_FOUND: there is none, or expires_day <= today. */
    err (*session_get)(struct accounts *, const struct store_key *token, uint32_t today,
                       struct account_session *out, struct diag *);
    /* Those of a login that have not expired, by token. Fills at most ACCOUNTS_SESSIONS_MAX. */
    err (*session_list)(struct accounts *, const struct store_key *login, uint32_t today,
                        struct account_session out[ACCOUNTS_SESSIONS_MAX], size_t *count, struct diag *);
    err (*session_label)(struct accounts *, const struct store_key *token, const struct account_label *label,
                         struct diag *); /* ERR_NOT_FOUND */
    err (*session_remove)(struct accounts *, const struct store_key *token,
                          struct diag *); /* ERR_NOT_FOUND */

    /* ERR_NOT_FOUND: no such account; ERR_EXISTS: that factor is this or another account's; ERR_LIMIT. */
    err (*factor_add)(struct accounts *, const struct store_key *login, const struct account_factor *factor,
                      struct diag *);
    /* By id. None is no error. */
    err (*factor_list)(struct accounts *, const struct store_key *login, struct account_factors *out,
                       struct diag *);
    /* Whose it is. ERR_NOT_FOUND. */
    err (*factor_owner)(struct accounts *, const struct store_id *factor, struct store_key *login,
                        struct diag *);
    /* A signature's counter: ERR_CONFLICT unless it is greater than the one stored, or both are 0 (an
     * authenticator that does not count). ERR_NOT_FOUND. */
    err (*factor_count)(struct accounts *, const struct store_id *factor, uint32_t counter, struct diag *);
    err (*factor_remove)(struct accounts *, const struct store_key *login, const struct store_id *factor,
                         struct diag *); /* ERR_NOT_FOUND */

    /* Once a day: ends expired sessions, and settles the layout of large files. */
    err (*maintain)(struct accounts *, uint32_t today, struct diag *);
    /* What is wrong inside, in words; ERR_OK and an empty text when nothing is. */
    err (*check)(struct accounts *, struct blob *report, struct diag *);
    /* A consistent copy in a new file. ERR_EXISTS, ERR_NO_SPACE, ERR_UNSUPPORTED. */
    err (*copy)(struct accounts *, const char *path, struct diag *);
};

err accounts_sqlite_open(const char *path, struct accounts **out, struct diag *d) CHECKED;
err accounts_memory_open(struct accounts **out, struct diag *d) CHECKED; /* for tests */
void accounts_release(struct accounts **accounts);                       /* for AUTO */

#endif
