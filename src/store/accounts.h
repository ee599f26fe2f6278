/* accounts.h: people's sealed keyrings, by the hash of their login, and their sessions.
 *
 * This is a store of its own, beside the index (index.h) and not within it: no value, no transaction, no row
 * order and no time in here says which household is whose. Nothing is kept but what the functions below take;
 * days are the finest time, and only of sessions. Drivers lay rows out so that the file does not tell the
 * order in which they came.
 *
 * Usage: `accounts->ops->create(accounts, …)`. Threads: any. Every write is durable on return. */
#ifndef CARDEA_STORE_ACCOUNTS_H
#define CARDEA_STORE_ACCOUNTS_H

#include "base/bytes.h"
#include "store/id.h"

#define ACCOUNTS_SALT_BYTES 16
#define ACCOUNTS_KEYRING_MAX_BYTES (64u * 1024)
#define ACCOUNTS_SESSIONS_MAX 32 /* for each account; one more ends the one that would expire first */

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
     * every session except *keep (may be NULL) ends in the same transaction. ERR_NOT_FOUND, ERR_CONFLICT,
     * ERR_LIMIT, ERR_NO_SPACE. */
    err (*update)(struct accounts *, const struct store_key *login, uint64_t version, struct bytes keyring,
                  const struct account_secrets *secrets, const struct store_key *keep, struct diag *);
    /* With its sessions. ERR_NOT_FOUND. */
    err (*remove)(struct accounts *, const struct store_key *login, struct diag *);

    /* `token` is the token's hash. ERR_NOT_FOUND: no such account; ERR_EXISTS. */
    err (*session_add)(struct accounts *, const struct store_key *token, const struct store_key *login,
                       uint32_t expires_day, struct diag *);
    /* ERR_NOT_FOUND: there is none, or expires_day <= today. */
    err (*session_get)(struct accounts *, const struct store_key *token, uint32_t today,
                       struct store_key *login, struct diag *);
    err (*session_remove)(struct accounts *, const struct store_key *token,
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
