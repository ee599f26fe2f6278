/* Who is of the provider's staff: invited by name, certified by key, revoked. */
#include "vault/staff.h"
#include "crypto/hash.h"
#include "vault/stream.h"

enum http_outcome staff_invite(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const char *name = NULL;
    json_t *roles = NULL;
    AUTO(blob_clear) struct blob hash = {0};
    AUTO(json_release) json_t *document = NULL;
    struct diag d = {0};
    const struct json_field fields[] = {
        {"name", JSON_KIND_TEXT, true, 1, DESK_NAME_CHARS, &name, NULL},
        {"roles", JSON_KIND_ARRAY, true, 0, STAFF_ROLE_COUNT, &roles, NULL},
        {"code_hash", JSON_KIND_BASE64, true, STORE_KEY_BYTES, STORE_KEY_BYTES, &hash, NULL},
    };
    if (!REQUEST_JSON(request, fields, &document, r)) return HTTP_DONE;
    unsigned set = 0;
    err e = staff_roles_read(roles, &set, &d);
    if (!e) e = staff_name_check(name, &d);
    if (e) return reply_err(r, e, &d);
    struct store_key code;
    uint64_t number = 0;
    memcpy(code.bytes, hash.data, sizeof code.bytes);
    uint32_t now = slot_now();
    e = v->desk->ops->member_invite(v->desk, name, set, &code, now, now + STAFF_INVITE_S, &number, &d);
    if (e) return reply_err(r, e, &d);
    return reply_json(r, 201,
                      json_pack("{s:I,s:i}", "number", (json_int_t)number, "expires_in_s", STAFF_INVITE_S));
}

/* --- the list --- */

struct listing {
    struct vault *v;
    json_t *list;
};

static const char *state_word(struct vault *v, const struct desk_member *m) {
    struct staff_certificate ignored;
    struct diag d;
    switch (m->state) {
        case DESK_INVITED: return "invited";
        case DESK_REQUESTED: return "requested";
        case DESK_REVOKED: return "revoked";
        case DESK_CERTIFIED: break;
    }
    return staff_member_valid(v, m, &ignored, &d) ? "expired" : "certified";
}

static err add_member(void *arg, const struct desk_member *m) {
    static const struct store_key nobody;
    struct listing *l = arg;
    json_t *one = json_pack("{s:I,s:s,s:o,s:s,s:I,s:I}", "number", (json_int_t)m->number, "name", m->name,
                            "roles", staff_roles_json(m->roles), "state", state_word(l->v, m), "since",
                            (json_int_t)m->since, "expires", (json_int_t)m->expires);
    if (!one) return ERR_NO_MEMORY;
    if (!store_key_equal(&m->sign, &nobody)) {
        json_object_set_new(one, "sign", json_base64(BYTES_OF(m->sign.bytes)));
        json_object_set_new(one, "box", json_base64(BYTES_OF(m->box.bytes)));
    }
    if (m->certificate.len) json_object_set_new(one, "certificate", json_base64(blob_bytes(&m->certificate)));
    if (!store_key_equal(&m->by, &nobody)) json_object_set_new(one, "by", json_base64(BYTES_OF(m->by.bytes)));
    return json_array_append_new(l->list, one) ? ERR_NO_MEMORY : ERR_OK;
}

enum http_outcome staff_list(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct listing l = {v, json_array()};
    struct diag d = {0};
    err e = v->desk->ops->member_list(v->desk, add_member, &l, &d);
    if (!e) return reply_json(r, 200, json_pack("{s:o}", "staff", l.list));
    json_decref(l.list);
    return reply_err(r, e, &d);
}

/* --- certificates --- */

/* A certificate as a member's row says: of that number, key, name and those roles; unless revoked. */
static err match_member(struct vault *v, const struct staff_certificate *c, struct diag *d) {
    AUTO(desk_member_clear) struct desk_member m = {0};
    err e = v->desk->ops->member_get(v->desk, c->number, &m, d);
    if (e) return e;
    if (m.state == DESK_INVITED)
        return diag_fail(d, ERR_CONFLICT, "%s has not joined yet: the code is still to be used", m.name);
    if (m.state == DESK_REVOKED) return diag_fail(d, ERR_CONFLICT, "%s is revoked: invite them anew", m.name);
    if (memcmp(m.sign.bytes, c->sign, sizeof c->sign) != 0 || memcmp(m.box.bytes, c->box, sizeof c->box) != 0)
        return diag_fail(d, ERR_CONFLICT, "the certificate is of other keys than %s joined with", m.name);
    if (strcmp(m.name, c->name) != 0 || m.roles != c->roles)
        return diag_fail(d, ERR_CONFLICT, "the certificate's name and roles are not those of the invitation");
    return ERR_OK;
}

static err log_certificate(struct vault *v, const char *kind, const struct store_key *sign,
                           struct bytes certificate, struct bytes revocation, struct diag *d) {
    uint8_t actor[STAFF_ACTOR_BYTES];
    staff_actor(sign, actor);
    json_t *details = json_pack("{s:o}", "certificate", json_base64(certificate));
    if (details && revocation.len) json_object_set_new(details, "revocation", json_base64(revocation));
    return staff_log(v, kind, actor, NULL, details, d);
}

/* In the log before it counts: a key that is certified, by whomever, is public. */
static err certify(struct vault *v, struct desk_certification *c, struct diag *d) {
    struct staff_key key;
    struct staff_certificate certificate;
    err e = staff_key_now(v, &key, d);
    if (!e) e = staff_certificate_read(c->certificate, key.staff, &certificate, d);
    if (!e) e = staff_certificate_valid_at(&certificate, slot_now(), d);
    if (!e) e = match_member(v, &certificate, d);
    if (e) return e;
    c->number = certificate.number;
    c->expires = certificate.expires;
    memcpy(c->sign.bytes, certificate.sign, sizeof c->sign.bytes);
    e = log_certificate(v, "staff.certify", &c->sign, c->certificate, (struct bytes){0}, d);
    return e ? e : v->desk->ops->member_certify(v->desk, c, slot_now(), d);
}

enum http_outcome staff_certify(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    AUTO(blob_clear) struct blob certificate = {0}, secret = {0}, by = {0};
    AUTO(json_release) json_t *document = NULL;
    struct diag d = {0};
    const struct json_field fields[] = {
        {"certificate", JSON_KIND_BASE64, true, 1, STAFF_CERTIFICATE_MAX_BYTES, &certificate, NULL},
        {"desk", JSON_KIND_BASE64, true, BOX_OVERHEAD_BYTES, DESK_SECRET_MAX_BYTES, &secret, NULL},
        {"by", JSON_KIND_BASE64, false, STORE_KEY_BYTES, STORE_KEY_BYTES, &by, NULL},
    };
    if (!REQUEST_JSON(request, fields, &document, r)) return HTTP_DONE;
    struct desk_certification c = {.certificate = blob_bytes(&certificate), .secret = blob_bytes(&secret)};
    if (by.len) memcpy(c.by.bytes, by.data, sizeof c.by.bytes);
    err e = certify(v, &c, &d);
    return e ? reply_err(r, e, &d) : reply_empty(r, 204);
}

static err revoke(struct vault *v, struct bytes raw, struct store_key *sign, struct diag *d) {
    AUTO(desk_member_clear) struct desk_member m = {0};
    struct staff_key key;
    struct staff_revocation revocation;
    err e = staff_key_now(v, &key, d);
    if (!e) e = staff_revocation_read(raw, key.staff, &revocation, d);
    if (!e) e = v->desk->ops->member_get(v->desk, revocation.number, &m, d);
    if (!e && memcmp(m.sign.bytes, revocation.sign, sizeof revocation.sign) != 0)
        e = diag_fail(d, ERR_CONFLICT, "the revocation is of another key than that of %s", m.name);
    if (!e && m.state == DESK_REVOKED) e = diag_fail(d, ERR_EXISTS, "%s is revoked already", m.name);
    if (e) return e;
    *sign = m.sign;
    /* Out first, then the log: who is to go is not kept in by a log that is full. */
    e = v->desk->ops->member_revoke(v->desk, m.number, slot_now(), d);
    if (!e) end_announce(v, sign);
    return e ? e : log_certificate(v, "staff.revoke", sign, blob_bytes(&m.certificate), raw, d);
}

enum http_outcome staff_revoke(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(json_release) json_t *document = NULL;
    struct store_key sign;
    struct diag d = {0};
    const struct json_field fields[] = {
        {"revocation", JSON_KIND_BASE64, true, 1, STAFF_REVOCATION_MAX_BYTES, &raw, NULL}};
    if (!REQUEST_JSON(request, fields, &document, r)) return HTTP_DONE;
    err e = revoke(v, blob_bytes(&raw), &sign, &d);
    return e ? reply_err(r, e, &d) : reply_empty(r, 204);
}

/* --- an account takes an invitation --- */

bool staff_code_fits(struct vault *v, const char *code) {
    uint8_t bytes[STAFF_CODE_BYTES];
    struct store_key hash;
    struct diag d;
    if (!code_bytes(code, bytes)) return false;
    hash_sha256(BYTES_OF(bytes), hash.bytes);
    wipe(bytes, sizeof bytes);
    return v->desk->ops->invite_open(v->desk, &hash, slot_now(), &d) == ERR_OK;
}

enum http_outcome staff_request(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const struct caller *caller = caller_of(request);
    AUTO(blob_clear) struct blob code = {0}, sign = {0}, box = {0};
    AUTO(json_release) json_t *document = NULL;
    AUTO(desk_member_clear) struct desk_member m = {0};
    struct diag d = {0};
    unsigned retry = 0;
    const struct json_field fields[] = {
        {"code", JSON_KIND_BASE64, true, STAFF_CODE_BYTES, STAFF_CODE_BYTES, &code, NULL},
        {"sign", JSON_KIND_BASE64, true, STORE_KEY_BYTES, STORE_KEY_BYTES, &sign, NULL},
        {"box", JSON_KIND_BASE64, true, STORE_KEY_BYTES, STORE_KEY_BYTES, &box, NULL},
    };
    if (!REQUEST_JSON(request, fields, &document, r)) return HTTP_DONE;
    if (!caller->factor)
        return reply_error(r, 403, "denied", "staff need a second factor: set one up, and sign in with it");
    struct steady_us now = steady_now();
    uint64_t limit = limiter_key(&v->sign_ins, BYTES_OF(request->peer.address), bytes_text("staff code"));
    if (!limiter_ask(&v->sign_ins, limit, now, &retry)) return reply_limited(r, retry);
    struct store_key hash, account, keys[2];
    hash_sha256(blob_bytes(&code), hash.bytes);
    staff_account(v, &caller->login, &account);
    memcpy(keys[0].bytes, sign.data, sizeof keys[0].bytes);
    memcpy(keys[1].bytes, box.data, sizeof keys[1].bytes);
    err e = v->desk->ops->member_request(v->desk, &hash, &account, &keys[0], &keys[1], slot_now(), &m, &d);
    if (e == ERR_NOT_FOUND) limiter_count(&v->sign_ins, limit, now);
    if (e) return reply_err(r, e, &d);
    return reply_json(r, 201,
                      json_pack("{s:I,s:s,s:o}", "number", (json_int_t)m.number, "name", m.name, "roles",
                                staff_roles_json(m.roles)));
}
