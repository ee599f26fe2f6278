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

/* --- how often a factor may be tried ---
 *
 * Counted is only who has the passphrase: nobody else locks anybody out. Who has it must neither guess a code
 * nor keep the owner from using theirs.
 *
 * Guessing: three codes of a million pass at any time, so v wrong tries find one with a chance of 3 v / 10^6
 * (RFC 4226, section 7.3, asks to throttle by that, and section 6 gives the formula). From one address twenty
 * are free in a day, and then one an hour: 43 at most, 1.3 chances in 10 000. From all addresses where the
 * owner was not, a hundred in a day together (the number that NIST SP 800-63B, section 5.2.2, sets): 3 in 10
 * 000 for somebody with as many addresses as they like.
 *
 * Locking out: a try counts for its address, so what is tried elsewhere costs the owner nothing, until the
 * hundred from at least three addresses are spent. Then codes are refused from addresses that this account
 * has not been at, for the rest of the day. One where a factor was set up within 30 days, or that has signed
 * in with one, a passkey or the recovery code, or held such a session, goes on by its own count (the same
 * section names that means). So do security keys and passkeys, whose signature nobody guesses, from
 * everywhere; the recovery code; and a device that a signed-in one lets in.
 *
 * All of it is in memory, under a key of the moment: the accounts' store keeps no addresses. */
#define FACTOR_ADDRESS_TRIES 20
#define FACTOR_ADDRESS_SLOW_S 3600
#define FACTOR_ACCOUNT_TRIES 100
#define FACTOR_TRIES_S 86400
#define FACTOR_KNOWN_S (30 * 86400)

struct factor_tries {
    uint64_t pair, account;
    bool stranger; /* it is a code, and counts for the account too */
    struct steady_us now;
};
/* May this be tried now, from there? Else the reply is set. */
bool factor_may_try(struct vault *v, const struct http_request *request, const struct store_key *login,
                    const struct factor_proof *proof, struct factor_tries *t, struct http_reply *r);
void factor_count_failure(struct vault *v, const struct factor_tries *t);
/* The account's owner was at this address. What was tried from there stays counted: somebody who guesses may
 * be under the same roof as a device that signs in often. */
void factor_known_from(struct vault *v, const struct http_request *request, const struct store_key *login);

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
/* For what a session alone is not enough for, since whoever came by one would shut its owner out: the body is
 * {"present_auth"} or {"present_recovery_auth"}, and right. Failures count as those of sign-in. Else the
 * reply is set. (account.c) */
bool owner_proven(struct vault *v, struct http_request *request, struct http_reply *r);

#endif
