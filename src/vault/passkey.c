/* Signing in by a passkey alone: a discoverable credential whose PRF opens the keyring. The authenticator has
 * checked who holds it, so possession and person are proven at once. No name is sent; the answer to what is
 * not known here is the same, and takes the same checks, as to what is wrong. */
#include <stdlib.h>

#include "crypto/hash.h"
#include "vault/factor.h"

static const struct store_key nobody;

enum http_outcome passkey_begin(void *vault, struct http_request *request, struct http_reply *r) {
    uint8_t challenge[CHALLENGE_BYTES];
    factor_challenge(vault, FACTOR_PASSKEY, &nobody, challenge);
    return reply_json(r, 200, json_pack("{s:o}", "challenge", json_base64(BYTES_OF(challenge))));
}

/* A sound key to check against where there is none, so that it takes as long: the generator of P-256 (FIPS
 * 186-4, D.1.2.3). Its secret is 1, so anybody can sign for it; what lets in is `found`, never this. */
static const struct account_factor no_factor = {
    .kind = ACCOUNT_FACTOR_WEBAUTHN,
    .algorithm = WEBAUTHN_ES256,
    .secret_len = 64,
    .secret = {0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63,
               0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1,
               0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f,
               0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57,
               0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5},
};

/* The credential and its account; no_factor when there is none. */
static err find(struct vault *v, struct bytes credential, struct account_factors *factors,
                struct account_factor *out, struct store_key *login, bool *found, struct diag *d) {
    struct store_id id;
    *found = false;
    *out = no_factor;
    *login = nobody;
    factor_credential_id(credential, &id);
    err e = v->accounts->ops->factor_owner(v->accounts, &id, login, d);
    bool known = e == ERR_OK;
    if (e && e != ERR_NOT_FOUND) return e;
    e = v->accounts->ops->factor_list(v->accounts, login, factors, d);
    for (size_t i = 0; !e && known && i < factors->count; i++)
        if (store_id_equal(&factors->list[i].id, &id) && factors->list[i].has_wrap) {
            *out = factors->list[i];
            *found = true;
        }
    return e;
}

static err check(struct vault *v, const struct factor_proof *p, struct bytes user,
                 const struct account_factor *f, const struct store_key *login, bool found, struct diag *d) {
    struct webauthn_client client;
    uint8_t handle[32];
    uint32_t counter = 0;
    err e = webauthn_client_read(blob_bytes(&p->client_data), "webauthn.get", &client, d);
    if (e) return ERR_DENIED;
    struct webauthn_key key = {.algorithm = f->algorithm, .len = f->secret_len};
    memcpy(key.bytes, f->secret, f->secret_len);
    const struct webauthn_assertion a = {blob_bytes(&p->authenticator_data), blob_bytes(&p->client_data),
                                         blob_bytes(&p->signature)};
    factor_user_handle(v, login, handle);
    bool same_user = bytes_equal_secret(BYTES_OF(handle), user);
    e = webauthn_verify(&a, found ? f->rp : client.rp, &key, true, &counter, d);
    if (e || !found || !same_user || strcmp(client.rp, f->rp) != 0)
        return e && e != ERR_DENIED ? e : ERR_DENIED;
    e = factor_challenge_spend(v, FACTOR_PASSKEY, &nobody, &client, d);
    if (!e) e = v->accounts->ops->factor_count(v->accounts, &f->id, counter, d);
    return e == ERR_CONFLICT ? ERR_DENIED : e;
}

static enum http_outcome let_in(struct vault *v, const struct http_request *request,
                                const struct store_key *login, const struct account_factor *f,
                                struct bytes label, struct http_reply *r) {
    AUTO(account_clear) struct account account = {0};
    char token[BASE64_CHARS(32)];
    struct diag d = {0};
    err e = v->accounts->ops->get(v->accounts, login, &account, &d);
    if (!e) e = session_make(v, login, true, label, token, &d);
    if (e) return reply_err(r, e, &d);
    factor_known_from(v, request, login);
    reply_json(r, 200,
               json_pack("{s:s,s:o,s:I,s:o}", "token", token, "keyring",
                         json_base64(blob_bytes(&account.keyring)), "version", (json_int_t)account.version,
                         "wrap", json_base64(BYTES_OF(f->wrap))));
    wipe(token, sizeof token);
    return HTTP_DONE;
}

static enum http_outcome sign_in(struct vault *v, struct http_request *request, const struct factor_proof *p,
                                 struct bytes user, struct bytes label, struct http_reply *r) {
    AUTO(account_factors_free) struct account_factors *factors = account_factors_new();
    struct steady_us now = steady_now();
    struct account_factor f;
    struct store_key login;
    unsigned retry = 0;
    bool found = false;
    struct diag d = {0};
    uint64_t alone = limiter_key(&v->strangers, BYTES_OF(request->peer.address), bytes_text("sign-in"));
    if (!limiter_ask(&v->strangers, alone, now, &retry)) {
        atomic_fetch_add(&v->count.limited, 1);
        return reply_limited(r, retry);
    }
    err e = factors ? find(v, blob_bytes(&p->credential), factors, &f, &login, &found, &d) : ERR_NO_MEMORY;
    if (!e) e = check(v, p, user, &f, &login, found, &d);
    if (!e) return let_in(v, request, &login, &f, label, r);
    if (e != ERR_DENIED) return reply_err(r, e, &d);
    limiter_count(&v->strangers, alone, now);
    atomic_fetch_add(&v->count.sign_in_failures, 1);
    return reply_error(r, 403, "denied", "that passkey opens no account here");
}

enum http_outcome passkey_create(void *vault, struct http_request *request, struct http_reply *r) {
    AUTO(factor_proof_clear) struct factor_proof p = {.webauthn = true};
    AUTO(blob_clear) struct blob user = {0}, label = {0};
    AUTO(json_release) json_t *document = NULL;
    const struct json_field fields[] = {
        {"credential", JSON_KIND_BASE64, true, 1, ACCOUNTS_CREDENTIAL_MAX_BYTES, &p.credential, NULL},
        {"authenticator_data", JSON_KIND_BASE64, true, 1, WEBAUTHN_AUTHENTICATOR_MAX_BYTES,
         &p.authenticator_data, NULL},
        {"client_data", JSON_KIND_BASE64, true, 1, WEBAUTHN_CLIENT_DATA_MAX_BYTES, &p.client_data, NULL},
        {"signature", JSON_KIND_BASE64, true, 1, WEBAUTHN_SIGNATURE_MAX_BYTES, &p.signature, NULL},
        {"user", JSON_KIND_BASE64, true, 32, 32, &user, NULL},
        {"label", JSON_KIND_BASE64, false, 1, ACCOUNTS_LABEL_MAX_BYTES, &label, NULL},
    };
    if (!REQUEST_JSON(request, fields, &document, r)) return HTTP_DONE;
    struct steady_us hold = {steady_now().us + VAULT_SIGN_IN_HOLD_US};
    sign_in(vault, request, &p, blob_bytes(&user), blob_bytes(&label), r);
    r->hold_until = hold;
    return HTTP_DONE;
}
