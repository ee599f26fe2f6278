/* Tokens of staff, and what each request of theirs has to pass.
 *
 *   staff     version 3 | expires: slot (4) | signing key (32) | session's hash (32) | mac (16)
 *   provider  version 4 | expires: slot (4) | staff key (32) | zeros (32) | mac (16)
 *
 * A token says who, and not what they may: certificate and session are looked up with each request, so that a
 * revoked member, one whose certificate is over, and one whose session was ended elsewhere are out at once.
 */
#include <stdio.h>

#include "crypto/hash.h"
#include "crypto/verify.h"
#include "vault/staff.h"

#define TOKEN_STAFF 3
#define TOKEN_PROVIDER 4
#define MAC_BYTES 16
#define TOKEN_BYTES (1 + 4 + STORE_KEY_BYTES + STORE_KEY_BYTES + MAC_BYTES)
#define TOKEN_CHARS BASE64_CHARS(TOKEN_BYTES)
#define LABEL "cardea/1 vault staff"
#define DOMAIN "cardea/1 staff access"

static void token_make(const struct vault *v, uint8_t version, const uint8_t sign[STORE_KEY_BYTES],
                       const struct store_key *session, char out[TOKEN_CHARS]) {
    uint8_t raw[TOKEN_BYTES] = {version}, mac[HASH_BYTES];
    be32_put(raw + 1, slot_now() + VAULT_ACCESS_S);
    memcpy(raw + 5, sign, STORE_KEY_BYTES);
    if (session) memcpy(raw + 5 + STORE_KEY_BYTES, session->bytes, STORE_KEY_BYTES);
    vault_mac(v, LABEL, BYTES(raw, TOKEN_BYTES - MAC_BYTES), mac);
    memcpy(raw + TOKEN_BYTES - MAC_BYTES, mac, MAC_BYTES);
    base64_encode(BYTES_OF(raw), out);
    wipe(raw, sizeof raw);
}

bool staff_token_is(const char *token) {
    return strlen(token) == TOKEN_CHARS - 1;
}

static err token_read(const struct vault *v, const char *text, uint8_t *version, struct store_key *sign,
                      struct store_key *session, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    uint8_t mac[HASH_BYTES];
    if (!staff_token_is(text) || base64_decode(text, strlen(text), &raw) || raw.len != TOKEN_BYTES)
        return diag_fail(d, ERR_DENIED, "the token is malformed");
    vault_mac(v, LABEL, BYTES(raw.data, TOKEN_BYTES - MAC_BYTES), mac);
    if (!bytes_equal_secret(BYTES(mac, MAC_BYTES), BYTES(raw.data + TOKEN_BYTES - MAC_BYTES, MAC_BYTES)) ||
        be32_get(raw.data + 1) <= slot_now())
        return diag_fail(d, ERR_DENIED, "the token is wrong or expired: ask for access again");
    *version = raw.data[0];
    memcpy(sign->bytes, raw.data + 5, STORE_KEY_BYTES);
    memcpy(session->bytes, raw.data + 5 + STORE_KEY_BYTES, STORE_KEY_BYTES);
    return ERR_OK;
}

err staff_member_valid(struct vault *v, const struct desk_member *m, struct staff_certificate *out,
                       struct diag *d) {
    struct staff_key key;
    struct diag why = {0};
    if (m->state == DESK_REVOKED)
        return diag_fail(d, ERR_DENIED, "the certificate of %s has been revoked", m->name);
    if (m->state != DESK_CERTIFIED)
        return diag_fail(d, ERR_DENIED, "%s is not certified yet: the provider runs `cardea staff certify`",
                         m->name);
    err e = staff_key_now(v, &key, d);
    if (e) return e == ERR_NOT_FOUND ? ERR_DENIED : e;
    /* By the key that is told now: whom a former key certified is staff no more. */
    if (staff_certificate_read(blob_bytes(&m->certificate), key.staff, out, &why))
        return diag_fail(d, ERR_DENIED, "the certificate of %s is not of the present staff key", m->name);
    if (memcmp(out->sign, m->sign.bytes, sizeof out->sign) != 0 || out->number != m->number)
        return diag_fail(d, ERR_DENIED, "the certificate of %s is of another key", m->name);
    return staff_certificate_valid_at(out, slot_now(), d);
}

static unsigned who_of(unsigned roles) {
    return WHO_STAFF | (roles & STAFF_AGENT ? WHO_AGENT : 0u) |
           (roles & STAFF_ADMINISTRATOR ? WHO_ADMIN : 0u);
}

static err find_provider(struct vault *v, const struct store_key *sign, struct caller *caller,
                         struct diag *d) {
    struct staff_key key;
    err e = staff_key_now(v, &key, d);
    if (!e && memcmp(key.staff, sign->bytes, sizeof key.staff) != 0) e = ERR_DENIED;
    if (e == ERR_NOT_FOUND || e == ERR_DENIED)
        return diag_fail(d, ERR_DENIED, "this is not the vault's present staff key");
    caller->who = WHO_PROVIDER;
    caller->staff_sign = *sign;
    return e;
}

static err find_member(struct vault *v, const struct store_key *sign, const struct store_key *session,
                       struct caller *caller, struct diag *d) {
    AUTO(desk_member_clear) struct desk_member m = {0};
    struct staff_certificate certificate;
    struct store_key account;
    struct caller person = {0};
    err e = v->desk->ops->member_of_key(v->desk, sign, &m, d);
    if (e == ERR_NOT_FOUND) return diag_fail(d, ERR_DENIED, "this key is of no member of staff");
    if (!e) e = staff_member_valid(v, &m, &certificate, d);
    if (!e) e = session_find(v, session, &person, d);
    if (e == ERR_NOT_FOUND) return diag_fail(d, ERR_DENIED, "the session has ended: sign in again");
    if (e) return e;
    staff_account(v, &person.login, &account);
    if (!person.factor || !store_key_equal(&account, &m.account))
        return diag_fail(d, ERR_DENIED, "the session is not one of %s with a second factor", m.name);
    caller->who = (enum vault_who)who_of(certificate.roles);
    caller->staff_sign = *sign;
    caller->token = *session;
    return ERR_OK;
}

err staff_find(struct vault *v, const char *token, struct caller *caller, struct diag *d) {
    struct store_key sign, session;
    uint8_t version = 0;
    err e = token_read(v, token, &version, &sign, &session, d);
    if (e) return e;
    if (version == TOKEN_PROVIDER) return find_provider(v, &sign, caller, d);
    return find_member(v, &sign, &session, caller, d);
}

err staff_recheck(struct vault *v, const struct caller *caller, struct diag *d) {
    struct caller now = {0};
    if (caller->who == WHO_PROVIDER) return find_provider(v, &caller->staff_sign, &now, d);
    return caller->who & WHO_STAFF ? find_member(v, &caller->staff_sign, &caller->token, &now, d) : ERR_OK;
}

bool staff_admit(struct vault *v, const char *token, struct http_request *request, struct http_reply *r) {
    struct caller *caller = caller_of(request);
    struct diag d = {0};
    char what[96];
    err e = staff_find(v, token, caller, &d);
    if (e == ERR_DENIED) {
        reply_error(r, 401, "denied", "%s", d.text);
        http_reply_header(r, "WWW-Authenticate", "Access, Session");
        return false;
    }
    if (e) {
        reply_err(r, e, &d);
        return false;
    }
    if (request->route->who & caller->who) return true;
    /* The pattern and not the path: what was asked for is nobody's to read in a public log. */
    snprintf(what, sizeof what, "%s %s", request->method, request->route->pattern);
    staff_refused_note(v, &caller->staff_sign, what, false);
    reply_error(r, 403, "denied",
                "staff see nothing of a household but by its grant: ask for one in its ticket");
    return false;
}

/* --- asking for access --- */

static bool read_proof(struct vault *v, struct http_request *request, struct blob *challenge,
                       struct blob *signature, struct http_reply *r) {
    AUTO(json_release) json_t *document = NULL;
    const struct json_field fields[] = {
        {"challenge", JSON_KIND_BASE64, true, CHALLENGE_BYTES, CHALLENGE_BYTES, challenge, NULL},
        {"signature", JSON_KIND_BASE64, true, SIGNATURE_BYTES, SIGNATURE_BYTES, signature, NULL},
    };
    return REQUEST_JSON(request, fields, &document, r);
}

static err prove(struct vault *v, const uint8_t sign[STORE_KEY_BYTES], const struct blob *challenge,
                 const struct blob *signature, struct diag *d) {
    err e = challenge_check(v, challenge->data, slot_now());
    if (!e && verify_message(sign, DOMAIN, blob_bytes(challenge), signature->data)) e = ERR_DENIED;
    if (!e) e = vault_once(v, "challenge", blob_bytes(challenge), VAULT_CHALLENGE_S + 5, d);
    return e == ERR_DENIED ? diag_fail(d, e, "the challenge or its signature is not right") : e;
}

enum http_outcome staff_provider(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    AUTO(blob_clear) struct blob challenge = {0}, signature = {0};
    struct staff_key key;
    struct diag d = {0};
    unsigned retry = 0;
    if (!read_proof(v, request, &challenge, &signature, r)) return HTTP_DONE;
    struct steady_us now = steady_now();
    uint64_t limit = limiter_key(&v->sign_ins, BYTES_OF(request->peer.address), bytes_text("provider"));
    if (!limiter_ask(&v->sign_ins, limit, now, &retry)) return reply_limited(r, retry);
    err e = staff_key_now(v, &key, &d);
    if (!e) e = prove(v, key.staff, &challenge, &signature, &d);
    if (e == ERR_DENIED) limiter_count(&v->sign_ins, limit, now);
    if (e) return reply_err(r, e, &d);
    char token[TOKEN_CHARS];
    token_make(v, TOKEN_PROVIDER, key.staff, NULL, token);
    reply_json(r, 200, json_pack("{s:s,s:i}", "token", token, "expires_in_s", VAULT_ACCESS_S));
    wipe(token, sizeof token);
    return HTTP_DONE;
}

enum http_outcome staff_access(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const struct caller *caller = caller_of(request);
    AUTO(blob_clear) struct blob challenge = {0}, signature = {0};
    AUTO(desk_member_clear) struct desk_member m = {0};
    struct staff_certificate certificate;
    struct store_key account;
    struct diag d = {0};
    if (!read_proof(v, request, &challenge, &signature, r)) return HTTP_DONE;
    staff_account(v, &caller->login, &account);
    err e = v->desk->ops->member_of_account(v->desk, &account, &m, &d);
    if (e == ERR_NOT_FOUND)
        return reply_error(r, 403, "denied",
                           "this account is of no member of staff: a home's owner writes to the support desk "
                           "in the home's app, or by `cardea support open`");
    if (!e && !caller->factor)
        return reply_error(r, 403, "denied", "staff need a second factor: set one up, and sign in with it");
    if (!e) e = staff_member_valid(v, &m, &certificate, &d);
    if (!e) e = prove(v, m.sign.bytes, &challenge, &signature, &d);
    if (e) return reply_err(r, e, &d);
    char token[TOKEN_CHARS];
    token_make(v, TOKEN_STAFF, m.sign.bytes, &caller->token, token);
    reply_json(r, 200,
               json_pack("{s:s,s:i,s:o,s:o,s:o}", "token", token, "expires_in_s", VAULT_ACCESS_S, "roles",
                         staff_roles_json(certificate.roles), "certificate",
                         json_base64(blob_bytes(&m.certificate)), "desk",
                         json_base64(blob_bytes(&m.secret))));
    wipe(token, sizeof token);
    return HTTP_DONE;
}
