/* factor.h: second factors, for the files that sign people in. A second factor is asked for after the right
 * passphrase and never before, so that it tells nobody that an account exists. Threads: any. */
#ifndef CARDEA_VAULT_FACTOR_H
#define CARDEA_VAULT_FACTOR_H

#include "vault/vault.h"
#include "vault/webauthn.h"

#define FACTOR_CHALLENGE_S 300 /* a person looks for the key, and touches it */

/* A request's "factor": {"totp":"123456"} or {"webauthn":{…}}. */
struct factor_proof {
    const char *totp; /* borrowed from the document; NULL: none */
    bool webauthn;
    struct blob credential, authenticator_data, client_data, signature;
};
void factor_proof_clear(struct factor_proof *p); /* for AUTO */
/* `object` may be NULL: nothing is given. On failure the reply is set. */
bool factor_proof_read(json_t *object, struct factor_proof *out, struct http_reply *r);
static inline bool factor_proof_given(const struct factor_proof *p) {
    return p->totp || p->webauthn;
}

/* What a challenge is for: one that was made for one ceremony is of no use to another. */
enum factor_ceremony { FACTOR_SIGN_IN = 1, FACTOR_REGISTER = 2, FACTOR_PASSKEY = 3 };
/* `login` is whose it is; zeros for FACTOR_PASSKEY. */
void factor_challenge(const struct vault *v, enum factor_ceremony ceremony, const struct store_key *login,
                      uint8_t out[CHALLENGE_BYTES]);
/* Is it ours, for this, and unspent? ERR_DENIED. It is spent then. */
err factor_challenge_spend(struct vault *v, enum factor_ceremony ceremony, const struct store_key *login,
                           const struct webauthn_client *client, struct diag *d) CHECKED;

/* Does the proof fit one of these factors? ERR_DENIED: no; ERR_EXISTS: it did once; d says it to the person.
 */
err factor_check(struct vault *v, const struct store_key *login, const struct account_factors *factors,
                 const struct factor_proof *proof, struct diag *d) CHECKED;

/* May this account try a factor now? Else the reply is set. Counts only who knows the passphrase already: so
 * nobody else can use it to lock somebody out. */
bool factor_may_try(struct vault *v, const struct store_key *login, struct http_reply *r);
void factor_count_failure(struct vault *v, const struct store_key *login);

/* 401 `factor`: which ones there are, and what to sign. */
enum http_outcome factor_ask(struct vault *v, const struct store_key *login,
                             const struct account_factors *factors, const char *message,
                             struct http_reply *r);

/* Of WebAuthn: the first 16 bytes of SHA-256 of the credential's id, which its owner's software can compute
 * too. */
void factor_credential_id(struct bytes credential, struct store_id *out);
/* The name of the account that an authenticator keeps: HMAC of its key, since it is shown to whoever has the
 * key. */
void factor_user_handle(const struct vault *v, const struct store_key *login, uint8_t out[32]);

/* For AUTO: 40 KiB, too much for a stack. NULL: out of memory. */
struct account_factors *account_factors_new(void);
void account_factors_free(struct account_factors **factors);

/* A new session (session.c). `login` NULL: what looks like one. `text` is the token. */
err session_make(struct vault *v, const struct store_key *login, bool factor, struct bytes label,
                 char text[BASE64_CHARS(32)], struct diag *d) CHECKED;
/* Is this the account's passphrase's? (account.c) */
bool auth_right(const struct vault *v, const struct store_key *login, const struct account *account,
                struct bytes auth);
/* For what a session alone is not enough for: is one of these the caller's present secret (empty: not given)?
 * Failures count as those of sign-in. Else the reply is set. (account.c) */
bool auth_proven(struct vault *v, struct http_request *request, const struct account *account,
                 struct bytes auth, struct bytes recovery_auth, struct http_reply *r);

#endif
