/* What second factors are made of and how they are checked. Their requests are in factor_routes.c.
 *
 * A TOTP secret rests as
 *
 *   secret XOR the first 20 bytes of mac("cardea/1 vault totp", login || factor id) (20) | mac (16)
 *
 * under the vault's secret: a factor id is random and used for one secret, so each pad is used once. It hides
 * the secret from whoever has the accounts' file alone; the vault itself must be able to read it, as with
 * every TOTP. */
#include "vault/factor.h"

#include <stdlib.h>

#include "crypto/hash.h"
#include "crypto/totp.h"
#include "vault/factor_totp.h"

#define MAC_BYTES 16

struct account_factors *account_factors_new(void) {
    return calloc(1, sizeof(struct account_factors));
}

void account_factors_free(struct account_factors **factors) {
    if (*factors) wipe(*factors, sizeof **factors);
    free(*factors);
    *factors = NULL;
}

/* --- TOTP --- */

static void totp_pad(const struct vault *v, const struct store_key *login, const struct store_id *id,
                     uint8_t out[HASH_BYTES]) {
    uint8_t text[STORE_KEY_BYTES + STORE_ID_BYTES];
    memcpy(text, login->bytes, STORE_KEY_BYTES);
    memcpy(text + STORE_KEY_BYTES, id->bytes, STORE_ID_BYTES);
    vault_mac(v, "cardea/1 vault totp", BYTES_OF(text), out);
}

static void totp_mac(const struct vault *v, const struct store_key *login, const struct store_id *id,
                     const uint8_t *sealed, uint8_t out[HASH_BYTES]) {
    uint8_t text[STORE_KEY_BYTES + STORE_ID_BYTES + TOTP_SECRET_BYTES];
    memcpy(text, login->bytes, STORE_KEY_BYTES);
    memcpy(text + STORE_KEY_BYTES, id->bytes, STORE_ID_BYTES);
    memcpy(text + STORE_KEY_BYTES + STORE_ID_BYTES, sealed, TOTP_SECRET_BYTES);
    vault_mac(v, "cardea/1 vault totp mac", BYTES_OF(text), out);
}

void totp_seal(const struct vault *v, const struct store_key *login, const struct store_id *id,
               const uint8_t secret[TOTP_SECRET_BYTES], uint8_t out[TOTP_SEALED_BYTES]) {
    uint8_t pad[HASH_BYTES], mac[HASH_BYTES];
    totp_pad(v, login, id, pad);
    for (size_t i = 0; i < TOTP_SECRET_BYTES; i++) out[i] = secret[i] ^ pad[i];
    totp_mac(v, login, id, out, mac);
    memcpy(out + TOTP_SECRET_BYTES, mac, MAC_BYTES);
    wipe(pad, sizeof pad);
}

err totp_unseal(const struct vault *v, const struct store_key *login, const struct store_id *id,
                struct bytes sealed, uint8_t out[TOTP_SECRET_BYTES]) {
    uint8_t pad[HASH_BYTES], mac[HASH_BYTES];
    if (sealed.len != TOTP_SEALED_BYTES) return ERR_FORGED;
    totp_mac(v, login, id, sealed.data, mac);
    if (!bytes_equal_secret(BYTES(mac, MAC_BYTES), BYTES(sealed.data + TOTP_SECRET_BYTES, MAC_BYTES)))
        return ERR_FORGED;
    totp_pad(v, login, id, pad);
    for (size_t i = 0; i < TOTP_SECRET_BYTES; i++) out[i] = sealed.data[i] ^ pad[i];
    wipe(pad, sizeof pad);
    return ERR_OK;
}

err totp_check(struct vault *v, const struct store_id *id, const uint8_t secret[TOTP_SECRET_BYTES],
               const char *code, struct diag *d) {
    uint8_t once[STORE_ID_BYTES + 8];
    uint64_t step = 0, now_s = (uint64_t)(wall_now().us / 1000000);
    if (!totp_find(BYTES(secret, TOTP_SECRET_BYTES), now_s, code, &step))
        return diag_fail(d, ERR_DENIED, "that code is not right: is your authenticator's clock?");
    /* Which step was used last would be a time to half a minute, and the accounts' store keeps no times: so
     * it is remembered where challenges are, for as long as the code would pass. */
    memcpy(once, id->bytes, STORE_ID_BYTES);
    be64_put(once + STORE_ID_BYTES, step);
    err e = vault_once(v, "totp", BYTES_OF(once), 3 * TOTP_STEP_S + 5, d);
    return e == ERR_DENIED ? diag_fail(d, ERR_EXISTS, "that code was used already: wait for the next one")
                           : e;
}

/* --- WebAuthn --- */

void factor_credential_id(struct bytes credential, struct store_id *out) {
    uint8_t hash[HASH_BYTES];
    hash_sha256(credential, hash);
    memcpy(out->bytes, hash, STORE_ID_BYTES);
}

void factor_user_handle(const struct vault *v, const struct store_key *login, uint8_t out[32]) {
    vault_mac(v, "cardea/1 vault user handle", BYTES_OF(login->bytes), out);
}

/* As challenge_make (token.c), for one ceremony of one account: expires (4) | random (16) | mac (16). */
static void challenge_mac(const struct vault *v, enum factor_ceremony ceremony, const struct store_key *login,
                          const uint8_t *head, uint8_t out[HASH_BYTES]) {
    uint8_t text[1 + STORE_KEY_BYTES + CHALLENGE_BYTES - MAC_BYTES];
    text[0] = (uint8_t)ceremony;
    memcpy(text + 1, login->bytes, STORE_KEY_BYTES);
    memcpy(text + 1 + STORE_KEY_BYTES, head, CHALLENGE_BYTES - MAC_BYTES);
    vault_mac(v, "cardea/1 vault webauthn", BYTES_OF(text), out);
}

void factor_challenge(const struct vault *v, enum factor_ceremony ceremony, const struct store_key *login,
                      uint8_t out[CHALLENGE_BYTES]) {
    uint8_t mac[HASH_BYTES];
    be32_put(out, slot_now() + FACTOR_CHALLENGE_S);
    random_bytes(out + 4, CHALLENGE_BYTES - 4 - MAC_BYTES);
    challenge_mac(v, ceremony, login, out, mac);
    memcpy(out + CHALLENGE_BYTES - MAC_BYTES, mac, MAC_BYTES);
}

err factor_challenge_spend(struct vault *v, enum factor_ceremony ceremony, const struct store_key *login,
                           const struct webauthn_client *client, struct diag *d) {
    uint8_t mac[HASH_BYTES];
    uint32_t now = slot_now();
    err e = client->challenge_len == CHALLENGE_BYTES ? ERR_OK : ERR_DENIED;
    if (!e) {
        challenge_mac(v, ceremony, login, client->challenge, mac);
        uint32_t expires = be32_get(client->challenge);
        bool ours = bytes_equal_secret(BYTES(mac, MAC_BYTES),
                                       BYTES(client->challenge + CHALLENGE_BYTES - MAC_BYTES, MAC_BYTES));
        if (!ours || expires < now || expires > now + FACTOR_CHALLENGE_S) e = ERR_DENIED;
    }
    if (!e)
        e = vault_once(v, "webauthn", BYTES(client->challenge, CHALLENGE_BYTES), FACTOR_CHALLENGE_S + 5, d);
    return e == ERR_DENIED ? diag_fail(d, e, "that took too long, or was sent twice: try again") : e;
}

/* --- proofs --- */

void factor_proof_clear(struct factor_proof *p) {
    blob_clear(&p->credential);
    blob_clear(&p->authenticator_data);
    blob_clear(&p->client_data);
    blob_clear(&p->signature);
}

static err read_webauthn(json_t *object, struct factor_proof *p, struct diag *d) {
    const struct json_field fields[] = {
        {"credential", JSON_KIND_BASE64, true, 1, ACCOUNTS_CREDENTIAL_MAX_BYTES, &p->credential, NULL},
        {"authenticator_data", JSON_KIND_BASE64, true, 1, WEBAUTHN_AUTHENTICATOR_MAX_BYTES,
         &p->authenticator_data, NULL},
        {"client_data", JSON_KIND_BASE64, true, 1, WEBAUTHN_CLIENT_DATA_MAX_BYTES, &p->client_data, NULL},
        {"signature", JSON_KIND_BASE64, true, 1, WEBAUTHN_SIGNATURE_MAX_BYTES, &p->signature, NULL},
    };
    p->webauthn = true;
    return JSON_READ(object, fields, d);
}

bool factor_proof_read(json_t *object, struct factor_proof *out, struct http_reply *r) {
    struct diag d = {0};
    json_t *webauthn = NULL;
    if (!object) return true;
    const struct json_field fields[] = {
        {"totp", JSON_KIND_TEXT, false, 1, 16, &out->totp, NULL},
        {"webauthn", JSON_KIND_OBJECT, false, 0, 0, &webauthn, NULL},
    };
    err e = JSON_READ(object, fields, &d);
    if (!e && (out->totp != NULL) == (webauthn != NULL))
        e = diag_fail(&d, ERR_INVALID, "\"factor\" must hold one of \"totp\" and \"webauthn\"");
    if (!e && webauthn) e = read_webauthn(webauthn, out, &d);
    if (e) reply_err(r, e, &d);
    return !e;
}

static err check_totp(struct vault *v, const struct store_key *login, const struct account_factors *factors,
                      const char *code, struct diag *d) {
    err e = diag_fail(d, ERR_DENIED, "this account has no authenticator app");
    for (size_t i = 0; i < factors->count; i++) {
        const struct account_factor *f = &factors->list[i];
        uint8_t secret[TOTP_SECRET_BYTES];
        if (f->kind != ACCOUNT_FACTOR_TOTP) continue;
        if (totp_unseal(v, login, &f->id, BYTES(f->secret, f->secret_len), secret))
            return diag_fail(d, ERR_IO, "a second factor is sealed under another secret than this vault's");
        e = totp_check(v, &f->id, secret, code, d);
        wipe(secret, sizeof secret);
        if (e != ERR_DENIED) return e;
    }
    return e;
}

static err check_webauthn(struct vault *v, const struct store_key *login,
                          const struct account_factors *factors, const struct factor_proof *p,
                          struct diag *d) {
    const struct account_factor *f = NULL;
    struct webauthn_client client;
    struct store_id id;
    uint32_t counter = 0;
    factor_credential_id(blob_bytes(&p->credential), &id);
    for (size_t i = 0; i < factors->count; i++)
        if (factors->list[i].kind == ACCOUNT_FACTOR_WEBAUTHN && store_id_equal(&factors->list[i].id, &id))
            f = &factors->list[i];
    if (!f) return diag_fail(d, ERR_DENIED, "that key is not one of this account's");
    struct webauthn_key key = {.algorithm = f->algorithm, .len = f->secret_len};
    memcpy(key.bytes, f->secret, f->secret_len);
    const struct webauthn_assertion a = {blob_bytes(&p->authenticator_data), blob_bytes(&p->client_data),
                                         blob_bytes(&p->signature)};
    err e = webauthn_client_read(a.client_data, "webauthn.get", &client, d);
    if (e) return ERR_DENIED;
    if (strcmp(client.rp, f->rp) != 0)
        return diag_fail(d, ERR_DENIED, "that key is registered for %s", f->rp);
    e = webauthn_verify(&a, f->rp, &key, false, &counter, d);
    if (!e) e = factor_challenge_spend(v, FACTOR_SIGN_IN, login, &client, d);
    if (!e) e = v->accounts->ops->factor_count(v->accounts, &id, counter, d);
    return e == ERR_CONFLICT ? ERR_DENIED : e;
}

err factor_check(struct vault *v, const struct store_key *login, const struct account_factors *factors,
                 const struct factor_proof *proof, struct diag *d) {
    return proof->totp ? check_totp(v, login, factors, proof->totp, d)
                       : check_webauthn(v, login, factors, proof, d);
}

/* --- limits, and the question --- */

static uint64_t known_key(const struct vault *v, const struct http_request *request,
                          const struct store_key *login) {
    return limiter_key(&v->factor_places, BYTES_OF(request->peer.address), BYTES_OF(login->bytes));
}

bool factor_may_try(struct vault *v, const struct http_request *request, const struct store_key *login,
                    const struct factor_proof *proof, struct factor_tries *t, struct http_reply *r) {
    unsigned retry = 0;
    t->now = steady_now();
    t->pair = limiter_key(&v->factors, BYTES_OF(request->peer.address), BYTES_OF(login->bytes));
    t->account = limiter_key(&v->factor_accounts, BYTES_OF(login->bytes), bytes_text("code"));
    t->stranger = proof->totp && !limiter_counted(&v->factor_places, known_key(v, request, login), t->now);
    bool may = limiter_ask(&v->factors, t->pair, t->now, &retry);
    if (may && (!t->stranger || limiter_ask(&v->factor_accounts, t->account, t->now, &retry))) return true;
    atomic_fetch_add(&v->count.limited, 1);
    reply_limited(r, retry);
    if (may) /* the account's: its owner is told what to do */
        reply_error(
            r, 429, "limit",
            "somebody tries codes for this account from many places, so codes pass in %u minutes again, "
            "or where you were before; a security key, a passkey, the recovery code, and a device that "
            "is signed in let you in now. Change your passphrase: they have it",
            (retry + 59) / 60);
    return false;
}

void factor_count_failure(struct vault *v, const struct factor_tries *t) {
    limiter_count(&v->factors, t->pair, t->now);
    if (t->stranger) limiter_count(&v->factor_accounts, t->account, t->now);
    atomic_fetch_add(&v->count.sign_in_failures, 1);
}

void factor_known_from(struct vault *v, const struct http_request *request, const struct store_key *login) {
    uint64_t place = known_key(v, request, login);
    limiter_forget(&v->factor_places, place); /* the 30 days begin anew */
    limiter_count(&v->factor_places, place, steady_now());
}

enum http_outcome factor_ask(struct vault *v, const struct store_key *login,
                             const struct account_factors *factors, const char *message,
                             struct http_reply *r) {
    uint8_t challenge[CHALLENGE_BYTES];
    json_t *kinds = json_array(), *credentials = json_array();
    bool totp = false;
    for (size_t i = 0; i < factors->count; i++) {
        const struct account_factor *f = &factors->list[i];
        if (f->kind == ACCOUNT_FACTOR_TOTP)
            totp = true;
        else
            json_array_append_new(credentials, json_base64(BYTES(f->credential, f->credential_len)));
    }
    if (totp) json_array_append_new(kinds, json_string("totp"));
    if (json_array_size(credentials)) json_array_append_new(kinds, json_string("webauthn"));
    factor_challenge(v, FACTOR_SIGN_IN, login, challenge);
    return reply_json(r, 401,
                      json_pack("{s:s,s:s,s:o,s:o,s:o}", "error", "factor", "message", message, "factors",
                                kinds, "challenge", json_base64(BYTES_OF(challenge)), "credentials",
                                credentials));
}
