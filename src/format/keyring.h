/* keyring.h: an account's secrets, sealed under its passphrase and its recovery code (docs/formats.md,
 * "Keyring"). An owner's half. Threads: no shared state.
 *
 * The vault that keeps the bytes is handed `auth` and `recovery_auth` of struct keyring_access, and never
 * what opens them. */
#ifndef CARDEA_FORMAT_KEYRING_H
#define CARDEA_FORMAT_KEYRING_H

#include "crypto/passphrase.h"
#include "crypto/sign.h"
#include "crypto/unbox.h"
#include "format/household.h"

#define KEYRING_MAX_BYTES (64u << 10)
#define KEYRING_HOUSEHOLDS_MAX 16
#define KEYRING_KEY_BYTES 32
#define KEYRING_HEAD_BYTES (4 + 1 + 1 + 4 + 4 + PASSPHRASE_SALT_BYTES)
#define KEYRING_WRAP_BYTES (12 + KEYRING_KEY_BYTES + 16)
#define KEYRING_PASSKEYS_MAX 16
#define KEYRING_PASSKEY_ID_BYTES 16
#define KEYRING_LOGIN_MAX_BYTES 254

enum keyring_role { KEYRING_OWNER, KEYRING_MEMBER, KEYRING_VIEWER };
#define KEYRING_GRANT_BYTES 16

struct keyring_household {
    uint8_t id[HOUSEHOLD_ID_BYTES];
    struct sign_key capability; /* an owner's */
    char name[HOUSEHOLD_NAME_MAX_BYTES + 1];
    enum keyring_role role;
    /* Of who was invited: the household's key, and (member, viewer) the grant to open. */
    bool has_sign, has_grant;
    uint8_t sign[SIGN_PUBLIC_BYTES], grant[KEYRING_GRANT_BYTES];
};
extern const char *const keyring_roles[]; /* by enum keyring_role */

/* A passkey that opens this keyring. Its wrap is not in the keyring but with the credential at the vault; the
 * key is kept in the body, so that a new passphrase can make the wrap anew without asking for the passkey. */
struct keyring_passkey {
    uint8_t id[KEYRING_PASSKEY_ID_BYTES]; /* the first bytes of SHA-256 of the credential's id */
    uint8_t wrap[32];
};

struct keyring {
    struct box_key box;
    struct sign_key sign;
    struct keyring_household households[KEYRING_HOUSEHOLDS_MAX];
    size_t count;
    struct keyring_passkey passkeys[KEYRING_PASSKEYS_MAX];
    size_t passkey_count;
    char login[KEYRING_LOGIN_MAX_BYTES +
               1]; /* for who comes by a passkey, and types no name; empty: not said */

    /* How it is locked. The recovery code's wrapping key is kept in the sealed body, so that a new passphrase
     * can seal everything afresh without asking for the code. */
    uint8_t key[KEYRING_KEY_BYTES], recovery_wrap[32];
    uint8_t locks[KEYRING_HEAD_BYTES + 2 * KEYRING_WRAP_BYTES];
};
void keyring_clear(struct keyring *k); /* wipes */

/* What the vault is told beside the keyring's bytes. */
struct keyring_access {
    uint8_t salt[PASSPHRASE_SALT_BYTES];
    struct passphrase_cost cost;
    uint8_t auth[32], recovery_auth[32];
};
void keyring_access_clear(struct keyring_access *a); /* wipes */

/* Fresh account keys and a fresh recovery code, which is shown to the person once. ERR_LIMIT: the cost or the
 * passphrase's length. ERR_NO_MEMORY. */
err keyring_create(struct bytes passphrase, struct passphrase_cost cost, struct keyring *out,
                   char recovery[RECOVERY_TEXT_BYTES], struct keyring_access *access, struct diag *d) CHECKED;

/* Appends the keyring's bytes with its present contents under the locks that it has. ERR_LIMIT:
 * KEYRING_MAX_BYTES. */
err keyring_seal(const struct keyring *k, struct blob *out) CHECKED;

/* The salt and cost in the clear, which turn a passphrase into keys. ERR_INVALID names the field. */
err keyring_cost(struct bytes raw, uint8_t salt[PASSPHRASE_SALT_BYTES], struct passphrase_cost *cost,
                 struct diag *d) CHECKED;

enum keyring_way { KEYRING_BY_PASSPHRASE = 1, KEYRING_BY_RECOVERY = 2 };
/* `keys` is of passphrase_derive with keyring_cost's answer, or of recovery_keys.
 *   ERR_INVALID  names the field
 *   ERR_FORGED   another passphrase or code, or altered bytes */
err keyring_unlock(struct bytes raw, enum keyring_way way, const struct passphrase_keys *keys,
                   struct keyring *out, struct diag *d) CHECKED;

/* The wrapping key that a passkey's PRF (WebAuthn level 3, section 10.1.4) stands for. */
#define KEYRING_PRF_BYTES 32
void keyring_passkey_key(const uint8_t prf[KEYRING_PRF_BYTES], uint8_t out[32]);
/* The keyring's key, under passkey `i` and the present salt: what the vault keeps with the credential. */
err keyring_passkey_wrap(const struct keyring *k, size_t i, uint8_t out[KEYRING_WRAP_BYTES]) CHECKED;
/* As keyring_unlock, by a wrap from the vault. */
err keyring_unlock_passkey(struct bytes raw, const uint8_t wrap[KEYRING_WRAP_BYTES], const uint8_t key[32],
                           struct keyring *out, struct diag *d) CHECKED;

/* New salt, keyring key and wraps; the recovery code stays. access->recovery_auth is zeroed: it does not
 * change. On failure the keyring is as it was. */
err keyring_change_passphrase(struct keyring *k, struct bytes passphrase, struct passphrase_cost cost,
                              struct keyring_access *access, struct diag *d) CHECKED;

/* A fresh recovery code besides; the old one opens what is sealed from now on no more. */
err keyring_change_recovery(struct keyring *k, struct bytes passphrase, struct passphrase_cost cost,
                            char recovery[RECOVERY_TEXT_BYTES], struct keyring_access *access,
                            struct diag *d) CHECKED;

/* ERR_LIMIT: KEYRING_HOUSEHOLDS_MAX. ERR_EXISTS. ERR_INVALID: the name is too long. */
err keyring_add_household(struct keyring *k, const uint8_t id[HOUSEHOLD_ID_BYTES],
                          const struct sign_key *capability, const char *name) CHECKED;
/* As invited: all of *h counts. ERR_INVALID: a member or viewer without key and grant. Replaces what the
 * keyring has of that household unless that is its own (an owner's without `sign`): then ERR_EXISTS. */
err keyring_join_household(struct keyring *k, const struct keyring_household *h) CHECKED;
void keyring_drop_household(struct keyring *k, const uint8_t id[HOUSEHOLD_ID_BYTES]);
const struct keyring_household *keyring_find_household(const struct keyring *k,
                                                       const uint8_t id[HOUSEHOLD_ID_BYTES]);

/* Everything that is random in a keyring. For test vectors alone. */
struct keyring_seeds {
    uint8_t box[BOX_SECRET_BYTES], sign[SIGN_SEED_BYTES], key[KEYRING_KEY_BYTES];
    uint8_t salt[PASSPHRASE_SALT_BYTES], recovery[RECOVERY_SECRET_BYTES];
    uint8_t wrap_nonce[2][12], body_nonce[12];
};
err keyring_create_with(const struct keyring_seeds *seeds, struct bytes passphrase,
                        struct passphrase_cost cost, struct keyring *out, char recovery[RECOVERY_TEXT_BYTES],
                        struct keyring_access *access, struct diag *d) CHECKED;
err keyring_passkey_wrap_with(const struct keyring *k, size_t i, const uint8_t nonce[12],
                              uint8_t out[KEYRING_WRAP_BYTES]) CHECKED;
err keyring_seal_with(const struct keyring *k, const uint8_t body_nonce[12], struct blob *out) CHECKED;

#endif
