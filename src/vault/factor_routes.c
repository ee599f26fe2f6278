/* Setting up second factors, and taking them away. Either begins with the passphrase or the recovery code
 * (owner_proven): who came by a session would else add a factor of their own, and shut the owner out. What is
 * begun is this account's alone, and soon too old, so that finishing needs no second proof. */
#include <stdio.h>
#include <stdlib.h>

#include "crypto/hash.h"
#include "vault/factor.h"
#include "vault/factor_totp.h"

#define PENDING_S 900
#define MAC_BYTES 16
/* A secret on its way to be confirmed, which the page holds meanwhile: expires (4) | factor id (16) | sealed
 * (36) | mac (16). */
#define PENDING_BYTES (4 + STORE_ID_BYTES + TOTP_SEALED_BYTES + MAC_BYTES)

static err factors_of(struct vault *v, const struct store_key *login, struct account_factors **out,
                      struct diag *d) {
    *out = account_factors_new();
    if (!*out) return diag_fail(d, ERR_NO_MEMORY, "no memory for second factors");
    return v->accounts->ops->factor_list(v->accounts, login, *out, d);
}

static void take_label(const struct blob *label, struct account_label *out) {
    out->len = label->len;
    if (label->len) memcpy(out->bytes, label->data, label->len);
}

enum http_outcome factor_list(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const struct store_key *login = &caller_of(request)->login;
    AUTO(account_factors_free) struct account_factors *factors = NULL;
    struct diag d = {0};
    err e = factors_of(v, login, &factors, &d);
    if (e) return reply_err(r, e, &d);
    json_t *list = json_array();
    for (size_t i = 0; i < factors->count; i++) {
        const struct account_factor *f = &factors->list[i];
        bool totp = f->kind == ACCOUNT_FACTOR_TOTP;
        json_array_append_new(list, json_pack("{s:o,s:s,s:o,s:b}", "id", json_hex(BYTES_OF(f->id.bytes)),
                                              "kind", totp ? "totp" : "webauthn", "label",
                                              json_base64(BYTES(f->label.bytes, f->label.len)), "passkey",
                                              (int)f->has_wrap));
    }
    return reply_json(r, 200, json_pack("{s:o}", "factors", list));
}

static void pending_mac(const struct vault *v, const struct store_key *login, const uint8_t *pending,
                        uint8_t out[HASH_BYTES]) {
    uint8_t text[STORE_KEY_BYTES + PENDING_BYTES - MAC_BYTES];
    memcpy(text, login->bytes, STORE_KEY_BYTES);
    memcpy(text + STORE_KEY_BYTES, pending, PENDING_BYTES - MAC_BYTES);
    vault_mac(v, "cardea/1 vault totp pending", BYTES_OF(text), out);
}

enum http_outcome factor_totp_create(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const struct store_key *login = &caller_of(request)->login;
    if (!owner_proven(v, request, r)) return HTTP_DONE;
    struct store_id id;
    uint8_t secret[TOTP_SECRET_BYTES], pending[PENDING_BYTES], mac[HASH_BYTES];
    char text[BASE32_CHARS(TOTP_SECRET_BYTES)];
    random_bytes(id.bytes, sizeof id.bytes);
    random_bytes(secret, sizeof secret);
    be32_put(pending, slot_now() + PENDING_S);
    memcpy(pending + 4, id.bytes, STORE_ID_BYTES);
    totp_seal(v, login, &id, secret, pending + 4 + STORE_ID_BYTES);
    pending_mac(v, login, pending, mac);
    memcpy(pending + PENDING_BYTES - MAC_BYTES, mac, MAC_BYTES);
    base32_encode(BYTES_OF(secret), text);
    enum http_outcome o =
        reply_json(r, 200,
                   json_pack("{s:s,s:o,s:i,s:i}", "secret", text, "pending", json_base64(BYTES_OF(pending)),
                             "digits", TOTP_DIGITS, "period_s", TOTP_STEP_S));
    wipe(secret, sizeof secret);
    wipe(text, sizeof text);
    return o;
}

/* ERR_DENIED: not ours, not this account's, or too old. */
static err pending_open(const struct vault *v, const struct store_key *login, const uint8_t *pending,
                        struct account_factor *f, uint8_t secret[TOTP_SECRET_BYTES], struct diag *d) {
    uint8_t mac[HASH_BYTES];
    uint32_t now = slot_now(), expires = be32_get(pending);
    pending_mac(v, login, pending, mac);
    if (!bytes_equal_secret(BYTES(mac, MAC_BYTES), BYTES(pending + PENDING_BYTES - MAC_BYTES, MAC_BYTES)) ||
        expires < now || expires > now + PENDING_S)
        return diag_fail(d, ERR_DENIED, "that took too long: begin again");
    *f = (struct account_factor){.kind = ACCOUNT_FACTOR_TOTP, .secret_len = TOTP_SEALED_BYTES};
    memcpy(f->id.bytes, pending + 4, STORE_ID_BYTES);
    memcpy(f->secret, pending + 4 + STORE_ID_BYTES, TOTP_SEALED_BYTES);
    return totp_unseal(v, login, &f->id, BYTES(f->secret, f->secret_len), secret);
}

static enum http_outcome factor_added(struct vault *v, struct http_request *request,
                                      const struct account_factor *f, struct http_reply *r) {
    const struct store_key *login = &caller_of(request)->login;
    struct diag d = {0};
    err e = v->accounts->ops->factor_add(v->accounts, login, f, &d);
    if (e) return reply_err(r, e, &d);
    factor_known_from(v, request, login);
    return reply_json(r, 201, json_pack("{s:o}", "id", json_hex(BYTES_OF(f->id.bytes))));
}

/* No limit: who confirms was shown the secret, and has nothing to guess. */
enum http_outcome factor_totp_confirm(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const struct store_key *login = &caller_of(request)->login;
    AUTO(blob_clear) struct blob pending = {0}, label = {0};
    AUTO(json_release) json_t *document = NULL;
    const char *code = NULL;
    const struct json_field fields[] = {
        {"pending", JSON_KIND_BASE64, true, PENDING_BYTES, PENDING_BYTES, &pending, NULL},
        {"code", JSON_KIND_TEXT, true, 1, 16, &code, NULL},
        {"label", JSON_KIND_BASE64, false, 1, ACCOUNTS_LABEL_MAX_BYTES, &label, NULL},
    };
    if (!REQUEST_JSON(request, fields, &document, r)) return HTTP_DONE;
    struct account_factor f;
    struct diag d = {0};
    uint8_t secret[TOTP_SECRET_BYTES];
    err e = pending_open(v, login, pending.data, &f, secret, &d);
    if (!e) e = totp_check(v, &f.id, secret, code, &d);
    wipe(secret, sizeof secret);
    if (e) return reply_err(r, e, &d);
    take_label(&label, &f.label);
    return factor_added(v, request, &f, r);
}

/* The name by which the browser knows this vault: no address, since no key can be registered for one
 * (WebAuthn, section 5.1.2, "valid domain"). */
static bool rp_of(const struct http_request *request, char out[ACCOUNTS_RP_MAX_BYTES + 1]) {
    const char *host = http_header(request, "Host");
    size_t len = host ? strcspn(host, ":") : 0;
    if (len == 0 || len > ACCOUNTS_RP_MAX_BYTES || !host[strspn(host, "0123456789.:")]) return false;
    if (strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") < len) return false;
    memcpy(out, host, len);
    out[len] = 0;
    for (char *c = out; *c; c++)
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c - 'A' + 'a');
    return true;
}

enum http_outcome factor_webauthn_begin(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const struct store_key *login = &caller_of(request)->login;
    AUTO(account_factors_free) struct account_factors *factors = NULL;
    char rp[ACCOUNTS_RP_MAX_BYTES + 1];
    struct diag d = {0};
    if (!rp_of(request, rp))
        return reply_error(r, 409, "unsupported",
                           "security keys work with a name, not with a numeric address: open this page as "
                           "https://NAME, or on the same machine as http://localhost");
    if (!owner_proven(v, request, r)) return HTTP_DONE;
    err e = factors_of(v, login, &factors, &d);
    if (e) return reply_err(r, e, &d);
    uint8_t challenge[CHALLENGE_BYTES], user[32];
    json_t *exclude = json_array();
    for (size_t i = 0; i < factors->count; i++)
        if (factors->list[i].kind == ACCOUNT_FACTOR_WEBAUTHN)
            json_array_append_new(
                exclude, json_base64(BYTES(factors->list[i].credential, factors->list[i].credential_len)));
    factor_challenge(v, FACTOR_REGISTER, login, challenge);
    factor_user_handle(v, login, user);
    return reply_json(r, 200,
                      json_pack("{s:o,s:s,s:o,s:[i,i,i],s:o}", "challenge", json_base64(BYTES_OF(challenge)),
                                "rp", rp, "user", json_base64(BYTES_OF(user)), "algorithms", WEBAUTHN_ES256,
                                WEBAUTHN_EDDSA, WEBAUTHN_RS256, "exclude", exclude));
}

static err register_webauthn(struct vault *v, const struct store_key *login, const char *rp,
                             struct bytes client_data, const struct webauthn_registration *given,
                             struct account_factor *f, struct diag *d) {
    struct webauthn_client client;
    struct webauthn_key key;
    err e = webauthn_client_read(client_data, "webauthn.create", &client, d);
    if (e) return e;
    if (strcmp(client.rp, rp) != 0) return diag_fail(d, ERR_DENIED, "that key was made for another address");
    *f = (struct account_factor){.kind = ACCOUNT_FACTOR_WEBAUTHN};
    e = webauthn_register(given, rp, &key, &f->counter, d);
    if (!e) e = factor_challenge_spend(v, FACTOR_REGISTER, login, &client, d);
    if (e) return e;
    factor_credential_id(given->credential, &f->id);
    f->algorithm = key.algorithm;
    memcpy(f->secret, key.bytes, f->secret_len = key.len);
    memcpy(f->credential, given->credential.data, f->credential_len = given->credential.len);
    snprintf(f->rp, sizeof f->rp, "%s", rp);
    return ERR_OK;
}

enum http_outcome factor_webauthn_finish(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const struct store_key *login = &caller_of(request)->login;
    AUTO(blob_clear) struct blob credential = {0}, data = {0}, client_data = {0}, label = {0};
    AUTO(json_release) json_t *document = NULL;
    int64_t algorithm = 0;
    char rp[ACCOUNTS_RP_MAX_BYTES + 1];
    const struct json_field fields[] = {
        {"credential", JSON_KIND_BASE64, true, 1, ACCOUNTS_CREDENTIAL_MAX_BYTES, &credential, NULL},
        {"algorithm", JSON_KIND_INT, true, INT32_MIN, INT32_MAX, &algorithm, NULL},
        {"authenticator_data", JSON_KIND_BASE64, true, 1, WEBAUTHN_AUTHENTICATOR_MAX_BYTES, &data, NULL},
        {"client_data", JSON_KIND_BASE64, true, 1, WEBAUTHN_CLIENT_DATA_MAX_BYTES, &client_data, NULL},
        {"label", JSON_KIND_BASE64, false, 1, ACCOUNTS_LABEL_MAX_BYTES, &label, NULL},
    };
    if (!REQUEST_JSON(request, fields, &document, r)) return HTTP_DONE;
    if (!rp_of(request, rp)) return reply_invalid(r, "a security key is registered under a name");
    const struct webauthn_registration given = {blob_bytes(&credential), algorithm, blob_bytes(&data)};
    struct account_factor f;
    struct diag d = {0};
    err e = register_webauthn(v, login, rp, blob_bytes(&client_data), &given, &f, &d);
    if (e) return reply_err(r, e, &d);
    take_label(&label, &f.label);
    return factor_added(v, request, &f, r);
}

enum http_outcome factor_delete(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct store_id id;
    struct diag d = {0};
    if (!request_id(request, 0, "factor", &id, r) || !owner_proven(v, request, r)) return HTTP_DONE;
    err e = v->accounts->ops->factor_remove(v->accounts, &caller_of(request)->login, &id, &d);
    return e ? reply_err(r, e, &d) : reply_empty(r, 204);
}
