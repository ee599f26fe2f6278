/* Who is calling, before any handler runs. */
#include <strings.h>

#include "crypto/hash.h"
#include "vault/grant.h"
#include "vault/staff.h"
#include "vault/vault.h"

static bool unauthorized(struct http_reply *r) {
    reply_error(r, 401, "denied", "sign in first: the token is missing, wrong or expired");
    http_reply_header(r, "WWW-Authenticate", "Access, Session");
    return false;
}

err session_find(struct vault *v, const struct store_key *token, struct caller *out, struct diag *d) {
    uint32_t today = slot_now() / STORE_DAY_SLOTS;
    struct account_session session = {0};
    err e = v->accounts->ops->session_get(v->accounts, token, today, &session, d);
    if (e == ERR_NOT_FOUND && brief_get(&v->brief, token, &session.login, &session.factor)) e = ERR_OK;
    if (e) return e;
    out->token = *token;
    out->login = session.login;
    out->factor = session.factor;
    return ERR_OK;
}

static bool admit_session(struct vault *v, const char *token, struct caller *caller, struct http_reply *r) {
    AUTO(blob_clear) struct blob raw = {0};
    struct diag d = {0};
    if (strlen(token) > 64 || base64_decode(token, strlen(token), &raw) || raw.len != 32)
        return unauthorized(r);
    hash_sha256(blob_bytes(&raw), caller->token.bytes);
    err e = session_find(v, &caller->token, caller, &d);
    if (e == ERR_NOT_FOUND) return unauthorized(r);
    if (e) reply_err(r, e, &d);
    caller->who = WHO_SESSION;
    return !e;
}

/* The grant is read anew: what ended it, or made it narrower, counts from this request on. */
static bool admit_grantee(struct vault *v, const struct store_id *grant, uint64_t entry,
                          struct caller *caller, struct http_reply *r) {
    AUTO(grant_held_clear) struct grant_held g = {0};
    struct diag d = {0};
    err e = grant_load(v, NULL, grant, false, &g, &d);
    if (e == ERR_NOT_FOUND) return unauthorized(r);
    if (!e) e = grant_alive(&g, slot_now(), &d);
    if (e) {
        reply_err(r, e, &d);
        return false;
    }
    caller->who = WHO_GRANTEE;
    caller->capability.household = g.row.household;
    scope_of(&g.statement, entry, &caller->scope);
    e = staff_scope_check(v, &caller->scope, &d);
    if (e) reply_err(r, e, &d);
    return !e;
}

static bool admit_access(struct vault *v, const char *token, struct caller *caller, struct http_reply *r) {
    struct store_key key;
    struct store_id grant;
    uint64_t entry;
    struct diag d = {0};
    if (grant_token_read(v, token, slot_now(), &grant, &entry) == ERR_OK)
        return admit_grantee(v, &grant, entry, caller, r);
    if (access_token_read(v, token, slot_now(), &key)) return unauthorized(r);
    err e = v->index->ops->capability_get(v->index, &key, &caller->capability, &d);
    if (e == ERR_NOT_FOUND) return unauthorized(r);
    if (e) reply_err(r, e, &d);
    caller->who = caller->capability.role == CAPABILITY_ROLE_OWNER ? WHO_OWNER : WHO_WRITER;
    return !e;
}

bool vault_admit(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct caller *caller = caller_of(request);
    unsigned who = request->route->who;
    if (who == WHO_ANY) return true;
    const char *value = http_header(request, "Authorization");
    if (!value) return unauthorized(r);
    bool session = strncasecmp(value, "Session ", 8) == 0, access = strncasecmp(value, "Access ", 7) == 0;
    if ((who & WHO_SESSION) ? !session : !access) return unauthorized(r);
    if (session) return admit_session(v, value + 8, caller, r);
    if (staff_token_is(value + 7)) return staff_admit(v, value + 7, request, r);
    if (!admit_access(v, value + 7, caller, r)) return false;
    if (who & caller->who) return true;
    reply_error(r, 403, "denied", "this is not for a %s",
                caller->who == WHO_OWNER     ? "household's owner"
                : caller->who == WHO_GRANTEE ? "grant's holder"
                                             : "hub");
    return false;
}
