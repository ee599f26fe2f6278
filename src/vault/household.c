/* Households, the capabilities that open them, and what the vault says of itself. */
#include <stdlib.h>

#include "crypto/hash.h"
#include "crypto/verify.h"
#include "vault/access_log.h"
#include "vault/pages.h"
#include "vault/staff.h"
#include "vault/stream.h"
#include "vault/succession.h"
#include "vault/vault.h"
#include "vault/web_release.h"

enum http_outcome vault_describe(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    static const char *const signup[] = {"open", "code", "closed"};
    char now[WALL_TEXT_BYTES];
    uint64_t households = 1;
    struct diag d = {0};
    wall_format(wall_now(), now);
    err e = v->index->ops->household_count(v->index, &households, &d);
    if (e) return reply_err(r, e, &d);
    json_t *answer = json_pack("{s:s,s:s,s:s,s:s}", "name", "cardea", "version", CARDEA_VERSION, "time", now,
                               "signup", signup[v->signup]);
    /* For who sits at this machine, and for no page of another origin that a browser here has loaded: its
     * requests come from loopback too, but name their own host. */
    bool here = request->peer.loopback && !request->peer.secure &&
                http_host_is_loopback(http_header(request, "Host"));
    if (answer && v->log)
        json_object_set_new(answer, "log_key", json_base64(BYTES(access_log_key(v->log), SIGN_PUBLIC_BYTES)));
    json_t *release = v->pages ? web_release_json(atomic_load(&v->pages->release)) : NULL;
    if (answer && release) json_object_set_new(answer, "release", release);
    json_t *staff = staff_key_json(v);
    if (answer && staff) json_object_set_new(answer, "staff", staff);
    pthread_mutex_lock(&v->setup_lock);
    if (answer && here && households == 0 && v->signup == VAULT_SIGNUP_CODE && v->setup_code[0])
        json_object_set_new(answer, "setup_code", json_string(v->setup_code));
    pthread_mutex_unlock(&v->setup_lock);
    return reply_json(r, 200, answer);
}

static err household_add(struct vault *v, const struct store_id *id, struct bytes capability,
                         struct bytes signature, struct diag *d) {
    if (verify_message(capability.data, "cardea/1 household", BYTES_OF(id->bytes), signature.data))
        return diag_fail(d, ERR_DENIED, "the signature does not fit");
    struct store_key owner;
    memcpy(owner.bytes, capability.data, sizeof owner.bytes);
    err e = v->index->ops->household_create(v->index, id, &owner, v->quota_bytes, d);
    if (e == ERR_EXISTS) return diag_fail(d, e, "there is such a household already");
    return e;
}

enum http_outcome household_create(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct store_id id;
    AUTO(blob_clear) struct blob capability = {0}, signature = {0};
    const char *code = NULL;
    AUTO(json_release) json_t *document = NULL;
    const struct json_field fields[] = {
        {"id", JSON_KIND_HEX, true, 0, STORE_ID_BYTES, id.bytes, NULL},
        {"capability", JSON_KIND_BASE64, true, 32, 32, &capability, NULL},
        {"signature", JSON_KIND_BASE64, true, SIGNATURE_BYTES, SIGNATURE_BYTES, &signature, NULL},
        {"setup_code", JSON_KIND_TEXT, false, 0, 63, &code, NULL},
    };
    if (!REQUEST_JSON(request, fields, &document, r)) return HTTP_DONE;
    unsigned retry = 0;
    struct steady_us now = steady_now();
    uint64_t key = limiter_key(&v->strangers, BYTES_OF(request->peer.address), bytes_text("household"));
    if (!limiter_ask(&v->strangers, key, now, &retry)) return reply_limited(r, retry);
    if (v->signup == VAULT_SIGNUP_CLOSED)
        return reply_error(r, 403, "denied", "this vault takes no new households");
    if (!request->peer.loopback || v->signup == VAULT_SIGNUP_CODE) limiter_count(&v->strangers, key, now);
    if (v->signup == VAULT_SIGNUP_CODE && !(code && setup_code_fits(v, code)))
        return reply_error(r, 403, "denied", "the setup code is missing, wrong or used");
    struct diag d = {0};
    err e = household_add(v, &id, blob_bytes(&capability), blob_bytes(&signature), &d);
    if (e) return reply_err(r, e, &d);
    pthread_mutex_lock(&v->setup_lock);
    if (v->setup_used.us == 0) v->setup_used = steady_now();
    pthread_mutex_unlock(&v->setup_lock);
    return reply_json(r, 201, json_pack("{s:o}", "id", json_hex(BYTES_OF(id.bytes))));
}

/* --- the household's keys: once told, they stay until a statement of theirs names the next --- */

static json_t *keys_json(const struct index_household *keys) {
    return json_pack("{s:o,s:o,s:o}", "sign", json_base64(BYTES_OF(keys->sign.bytes)), "box",
                     json_base64(BYTES_OF(keys->box.bytes)), "log_key",
                     json_base64(BYTES_OF(keys->log_key.bytes)));
}

enum http_outcome household_get(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct index_household keys;
    struct diag d = {0};
    const struct store_id *household = &caller_of(request)->capability.household;
    AUTO(json_release) json_t *list = NULL;
    err e = v->index->ops->household_keys_get(v->index, household, &keys, &d);
    if (!e) e = succession_list(v, household, &list, &d);
    if (e) return reply_err(r, e, &d);
    json_t *answer = keys_json(&keys);
    if (answer && list && json_object_set(answer, "succession", list)) {
        json_decref(answer);
        answer = NULL;
    }
    return reply_json(r, 200, answer);
}

static enum http_outcome succeed(struct vault *v, const struct store_id *household, struct bytes statement,
                                 struct http_reply *r) {
    struct diag d = {0};
    err e = succession_take(v, household, statement, &d);
    return e ? reply_err(r, e, &d) : reply_empty(r, 204);
}

enum http_outcome household_put(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const struct store_id *household = &caller_of(request)->capability.household;
    AUTO(blob_clear) struct blob sign = {0}, box = {0}, log_key = {0}, next = {0};
    AUTO(json_release) json_t *document = NULL;
    const struct json_field fields[] = {
        {"sign", JSON_KIND_BASE64, false, STORE_KEY_BYTES, STORE_KEY_BYTES, &sign, NULL},
        {"box", JSON_KIND_BASE64, false, STORE_KEY_BYTES, STORE_KEY_BYTES, &box, NULL},
        {"log_key", JSON_KIND_BASE64, false, STORE_KEY_BYTES, STORE_KEY_BYTES, &log_key, NULL},
        {"succession", JSON_KIND_BASE64, false, 1, INDEX_SUCCESSION_MAX_BYTES, &next, NULL},
    };
    if (!REQUEST_JSON(request, fields, &document, r)) return HTTP_DONE;
    bool first = sign.len && box.len && log_key.len;
    if (first == (next.len > 0) || (next.len && (sign.len || box.len || log_key.len)))
        return reply_invalid(r, "give \"sign\", \"box\" and \"log_key\", or \"succession\" alone");
    if (next.len) return succeed(v, household, blob_bytes(&next), r);
    struct index_household keys;
    memcpy(keys.sign.bytes, sign.data, STORE_KEY_BYTES);
    memcpy(keys.box.bytes, box.data, STORE_KEY_BYTES);
    memcpy(keys.log_key.bytes, log_key.data, STORE_KEY_BYTES);
    struct diag d = {0};
    err e = v->index->ops->household_keys_put(v->index, household, &keys, &d);
    return e ? reply_err(r, e, &d) : reply_empty(r, 204);
}

enum http_outcome access_challenge(void *vault, struct http_request *request, struct http_reply *r) {
    uint8_t challenge[CHALLENGE_BYTES];
    challenge_make(vault, slot_now(), challenge);
    return reply_json(r, 200, json_pack("{s:o}", "challenge", json_base64(BYTES_OF(challenge))));
}

static err access_prove(struct vault *v, struct bytes capability, struct bytes challenge,
                        struct bytes signature, struct capability *out, struct diag *d) {
    struct store_key key;
    memcpy(key.bytes, capability.data, sizeof key.bytes);
    err e = challenge_check(v, challenge.data, slot_now());
    err bad = verify_message(capability.data, "cardea/1 access", challenge, signature.data);
    if (!e && bad) e = ERR_DENIED;
    if (!e) e = v->index->ops->capability_get(v->index, &key, out, d);
    if (!e) e = vault_once(v, "challenge", challenge, VAULT_CHALLENGE_S + 5, d);
    if (e == ERR_NOT_FOUND || e == ERR_DENIED)
        return diag_fail(d, ERR_DENIED, "the capability, challenge or signature is not right");
    return e;
}

enum http_outcome access_create(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    AUTO(blob_clear) struct blob key = {0}, challenge = {0}, signature = {0};
    AUTO(json_release) json_t *document = NULL;
    const struct json_field fields[] = {
        {"capability", JSON_KIND_BASE64, true, 32, 32, &key, NULL},
        {"challenge", JSON_KIND_BASE64, true, CHALLENGE_BYTES, CHALLENGE_BYTES, &challenge, NULL},
        {"signature", JSON_KIND_BASE64, true, SIGNATURE_BYTES, SIGNATURE_BYTES, &signature, NULL},
    };
    if (!REQUEST_JSON(request, fields, &document, r)) return HTTP_DONE;
    struct capability capability;
    struct diag d = {0};
    err e =
        access_prove(v, blob_bytes(&key), blob_bytes(&challenge), blob_bytes(&signature), &capability, &d);
    if (e) return reply_err(r, e, &d);
    char token[ACCESS_TOKEN_CHARS];
    access_token_make(v, &capability.key, slot_now() + VAULT_ACCESS_S, token);
    bool owner = capability.role == CAPABILITY_ROLE_OWNER;
    reply_json(r, 200,
               json_pack("{s:s,s:i,s:o,s:s}", "token", token, "expires_in_s", VAULT_ACCESS_S, "household",
                         json_hex(BYTES_OF(capability.household.bytes)), "role", owner ? "owner" : "writer"));
    wipe(token, sizeof token);
    return HTTP_DONE;
}

enum http_outcome capability_create(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    AUTO(blob_clear) struct blob key = {0};
    AUTO(json_release) json_t *document = NULL;
    const char *role = NULL;
    bool of_hub = false;
    struct capability c = {.household = caller_of(request)->capability.household,
                           .role = CAPABILITY_ROLE_WRITER};
    const struct json_field fields[] = {
        {"capability", JSON_KIND_BASE64, true, 32, 32, &key, NULL},
        {"role", JSON_KIND_TEXT, true, 1, 16, &role, NULL},
        {"hub", JSON_KIND_HEX, false, 0, STORE_ID_BYTES, c.hub.bytes, &of_hub},
    };
    if (!REQUEST_JSON(request, fields, &document, r)) return HTTP_DONE;
    bool owner = strcmp(role, "owner") == 0;
    if (!owner && strcmp(role, "writer") != 0)
        return reply_invalid(r, "\"role\" must be \"owner\" or \"writer\"");
    if (owner == of_hub)
        return reply_invalid(r, owner ? "an owner's capability is of no hub: leave \"hub\" out"
                                      : "\"hub\" is missing: whose capability is it?");
    if (owner) c.role = CAPABILITY_ROLE_OWNER;
    memcpy(c.key.bytes, key.data, sizeof c.key.bytes);
    struct diag d = {0};
    err e = v->index->ops->capability_add(v->index, &c, &d);
    if (e == ERR_EXISTS) return reply_error(r, 409, "exists", "that capability is registered already");
    if (e) return reply_err(r, e, &d);
    if (owner) return reply_json(r, 201, json_object());
    return reply_json(r, 201, json_pack("{s:o}", "hub", json_hex(BYTES_OF(c.hub.bytes))));
}

enum http_outcome capability_delete(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct store_key key;
    if (hex_decode(request->params[0], (struct buffer){key.bytes, sizeof key.bytes}))
        return reply_invalid(r, "the capability must be 64 lower-case hex digits");
    struct diag d = {0};
    err e = v->index->ops->capability_remove(v->index, &caller_of(request)->capability.household, &key, &d);
    if (e == ERR_NOT_FOUND) return reply_error(r, 404, "not_found", "this household has no such capability");
    if (e == ERR_DENIED)
        return reply_error(r, 403, "denied", "the last owner's capability cannot be removed");
    if (e) return reply_err(r, e, &d);
    end_announce(v, &key); /* its streams and uploads end now, on every node */
    return reply_empty(r, 204);
}
