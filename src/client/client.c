#include "client/client.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/grantee.h"
#include "client/internal.h"
#include "crypto/hash.h"
#include "tlog/log_entry.h"

#define ACCESS_RENEW_S 60
#define LIST_MAX 4096

err client_open(struct client *c, const char *url, const char *ca_file, struct diag *d) {
    *c = (struct client){0};
    if (snprintf(c->url, sizeof c->url, "%s", url) >= (int)sizeof c->url)
        return diag_fail(d, ERR_INVALID, "the vault's address is too long");
    struct http_options options = {.url = url, .ca_file = ca_file};
    return http_client_new(&options, &c->http, d);
}

void client_clear(struct client *c) {
    if (c->http) http_client_free(c->http);
    keyring_clear(&c->keyring);
    household_keys_clear(&c->household);
    client_grant_free(c->grant);
    for (size_t i = 0; i < c->hub_count; i++) blob_clear(&c->hub_envelopes[i]);
    wipe(c, sizeof *c);
}

static void copy_field(char *out, size_t size, const char *text) {
    snprintf(out, size, "%s", text ? text : "");
}

err client_vault(struct client *c, struct client_vault *out, struct diag *d) {
    AUTO(json_release) json_t *answer = NULL;
    err e = http_client_json(c->http, "GET", "/v1/vault", NULL, NULL, &answer, d);
    if (e) return e;
    struct client_vault v = {0};
    copy_field(v.name, sizeof v.name, json_string_value(json_object_get(answer, "name")));
    copy_field(v.version, sizeof v.version, json_string_value(json_object_get(answer, "version")));
    copy_field(v.signup, sizeof v.signup, json_string_value(json_object_get(answer, "signup")));
    copy_field(v.setup_code, sizeof v.setup_code, json_string_value(json_object_get(answer, "setup_code")));
    const char *time = json_string_value(json_object_get(answer, "time"));
    if (!*v.version || !time || wall_parse(time, wall_now(), &v.time, d))
        return diag_fail(d, ERR_INVALID, "%s is no Cardea vault", c->url);
    *out = v;
    return ERR_OK;
}

const char *client_text(json_t *answer, const char *name) {
    const char *text = json_string_value(json_object_get(answer, name));
    return text ? text : "";
}

/* ---- account ---- */

static err keep_token(char *out, const char *kind, json_t *answer, struct diag *d) {
    const char *token = client_text(answer, "token");
    if (!*token || snprintf(out, CLIENT_TOKEN_BYTES, "%s %s", kind, token) >= CLIENT_TOKEN_BYTES)
        return diag_fail(d, ERR_INVALID, "the vault's answer holds no token");
    return ERR_OK;
}

static err read_keyring(json_t *answer, struct blob *raw, int64_t *version, struct diag *d) {
    const char *text = client_text(answer, "keyring");
    json_t *number = json_object_get(answer, "version");
    if (base64_decode(text, strlen(text), raw) || raw->len == 0 || !json_is_integer(number))
        return diag_fail(d, ERR_INVALID, "the vault's answer holds no keyring");
    *version = json_integer_value(number);
    return ERR_OK;
}

static void keep_proof(struct client *c, const uint8_t auth[32], bool recovery) {
    memcpy(c->proof, auth, sizeof c->proof);
    c->proof_is_recovery = recovery;
}

const char *client_proof_field(const struct client *c) {
    return c->proof_is_recovery ? "present_recovery_auth" : "present_auth";
}

static err take_keyring(struct client *c, json_t *answer, enum keyring_way way,
                        const struct passphrase_keys *keys, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    struct keyring opened;
    err e = keep_token(c->session, "Session", answer, d);
    if (!e) e = read_keyring(answer, &raw, &c->keyring_version, d);
    if (e) return e;
    e = keyring_unlock(blob_bytes(&raw), way, keys, &opened, d);
    if (e == ERR_FORGED)
        return diag_fail(
            d, e,
            "the vault accepted the passphrase, but the keyring it sent is not the one you sealed: do "
            "not trust this vault");
    if (e) return e;
    keyring_clear(&c->keyring);
    c->keyring = opened;
    wipe(&opened, sizeof opened);
    c->has_keyring = true;
    c->household_index = 0;
    return ERR_OK;
}

static err fetch_cost(struct client *c, const char *login, uint8_t salt[PASSPHRASE_SALT_BYTES],
                      struct passphrase_cost *cost, struct diag *d) {
    AUTO(json_release) json_t *ask = json_pack("{s:s}", "login", login);
    AUTO(json_release) json_t *answer = NULL;
    if (!ask) return diag_fail(d, ERR_INVALID, "the sign-in name is not UTF-8 text");
    err e = http_client_json(c->http, "POST", "/v1/sessions/params", NULL, ask, &answer, d);
    if (e) return e;
    AUTO(blob_clear) struct blob raw = {0};
    const char *text = client_text(answer, "salt");
    json_int_t memory = json_integer_value(json_object_get(answer, "memory_kib"));
    json_int_t passes = json_integer_value(json_object_get(answer, "passes"));
    if (base64_decode(text, strlen(text), &raw) || raw.len != PASSPHRASE_SALT_BYTES || memory <= 0 ||
        passes <= 0 || memory > UINT32_MAX || passes > UINT32_MAX)
        return diag_fail(d, ERR_INVALID, "the vault's answer holds no salt and cost");
    /* What is derived at a lower cost than every keyring has would be cheaper to guess from: no honest vault
     * asks. */
    if (memory < PASSPHRASE_MEMORY_KIB || passes < PASSPHRASE_PASSES)
        return diag_fail(
            d, ERR_FORGED,
            "the vault asks for a weaker passphrase hash than Cardea makes: do not trust it with this "
            "passphrase");
    memcpy(salt, raw.data, raw.len);
    *cost = (struct passphrase_cost){(uint32_t)memory, (uint32_t)passes};
    return ERR_OK;
}

#define CODE_TRIES 3

/* One request; *factor is the answer when it is the vault's question for a second factor. */
static err sign_in_once(struct client *c, const char *path, json_t *ask, json_t **answer, json_t **factor,
                        struct diag *d) {
    AUTO(http_response_clear) struct http_response response = {0};
    struct http_request request = {.method = "POST", .path = path, .json = ask, .timeout_ms = 30000};
    err e = http_client_do(c->http, &request, &response, d);
    if (e && response.status != 401) return e;
    struct diag ignored;
    AUTO(json_release) json_t *said = NULL;
    err parsed = json_parse(blob_bytes(&response.body), &said, e ? &ignored : d);
    if (parsed) return e ? e : parsed;
    if (e && strcmp(client_text(said, "error"), "factor") != 0) return e;
    *(e ? factor : answer) = said;
    said = NULL;
    return ERR_OK;
}

/* Adds a code to the request, which the person is asked for. */
static err add_code(struct client *c, json_t *ask, json_t *factor, bool again, struct diag *d) {
    char code[CLIENT_CODE_BYTES] = "";
    size_t i;
    json_t *kind;
    bool totp = false;
    json_array_foreach(json_object_get(factor, "factors"), i, kind) totp |=
        json_is_string(kind) && strcmp(json_string_value(kind), "totp") == 0;
    if (!totp)
        return diag_fail(
            d, ERR_DENIED,
            "this account asks for a security key, which the command line cannot speak to: add an "
            "authenticator app too, in the app under Account");
    if (!c->code)
        return diag_fail(d, ERR_DENIED,
                         "this account asks for a code of its authenticator app: give --totp-file FILE");
    err e = c->code(c->code_context, again ? client_text(factor, "message") : NULL, code, d);
    if (!e && json_object_set_new(ask, "factor", json_pack("{s:s}", "totp", code)))
        e = diag_fail(d, ERR_INVALID, "the code is six digits");
    wipe(code, sizeof code);
    return e;
}

/* `wrong` is for the person whose secret is not the one of the name. */
static err sign_in_with(struct client *c, const char *login, enum keyring_way way,
                        const struct passphrase_keys *keys, const char *wrong, struct diag *d) {
    bool recovery = way == KEYRING_BY_RECOVERY;
    const char *path = recovery ? "/v1/sessions/recover" : "/v1/sessions";
    const char *field = recovery ? "recovery_auth" : "auth";
    AUTO(json_release)
    json_t *ask = json_pack("{s:s, s:o}", "login", login, field, json_base64(BYTES_OF(keys->auth)));
    AUTO(json_release) json_t *answer = NULL;
    if (!ask) return diag_fail(d, ERR_INVALID, "the sign-in name is not UTF-8 text");
    err e = ERR_OK;
    for (int i = 0; !e && !answer; i++) {
        AUTO(json_release) json_t *factor = NULL;
        e = sign_in_once(c, path, ask, &answer, &factor, d);
        if (e == ERR_DENIED) return diag_fail(d, e, "%s", wrong);
        if (e || !factor) break;
        if (i == CODE_TRIES) return diag_fail(d, ERR_DENIED, "%.200s", client_text(factor, "message"));
        e = add_code(c, ask, factor, i > 0, d);
    }
    if (!e) e = take_keyring(c, answer, way, keys, d);
    if (e) return e;
    keep_proof(c, keys->auth, recovery);
    copy_field(c->login, sizeof c->login, login);
    return e;
}

err client_sign_in(struct client *c, const char *login, struct bytes passphrase, struct diag *d) {
    uint8_t salt[PASSPHRASE_SALT_BYTES];
    struct passphrase_cost cost;
    err e = fetch_cost(c, login, salt, &cost, d);
    if (e) return e;
    AUTO(passphrase_keys_clear) struct passphrase_keys keys = {0};
    e = passphrase_derive(passphrase, salt, cost, &keys, d);
    if (e) return e;
    char wrong[320];
    snprintf(wrong, sizeof wrong, "wrong name or passphrase for '%s'", login);
    return sign_in_with(c, login, KEYRING_BY_PASSPHRASE, &keys, wrong, d);
}

err client_sign_in_recovery(struct client *c, const char *login, const char *code, struct diag *d) {
    uint8_t secret[RECOVERY_SECRET_BYTES];
    AUTO(passphrase_keys_clear) struct passphrase_keys keys = {0};
    err e = recovery_parse(code, secret, d);
    if (e) return e;
    recovery_keys(secret, &keys);
    wipe(secret, sizeof secret);
    char wrong[420];
    snprintf(
        wrong, sizeof wrong,
        "that recovery code is well formed, but not the one of '%s': is it an older kit, or another name?",
        login);
    return sign_in_with(c, login, KEYRING_BY_RECOVERY, &keys, wrong, d);
}

/* The keyring's key under each passkey, for PUT /v1/keyring. NULL: out of memory. */
static json_t *wraps_json(const struct keyring *k) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < k->passkey_count; i++) {
        uint8_t wrap[KEYRING_WRAP_BYTES];
        json_t *one = keyring_passkey_wrap(k, i, wrap)
                          ? NULL
                          : json_pack("{s:o, s:o}", "id", json_hex(BYTES_OF(k->passkeys[i].id)), "wrap",
                                      json_base64(BYTES_OF(wrap)));
        if (json_array_append_new(list, one)) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* Passkeys that were taken away elsewhere are still in the keyring that this device holds. */
static err drop_lost_passkeys(struct client *c, struct diag *d) {
    AUTO(json_release) json_t *answer = NULL;
    if (c->keyring.passkey_count == 0) return ERR_OK;
    err e = http_client_json(c->http, "GET", "/v1/factors", c->session, NULL, &answer, d);
    if (e) return e;
    size_t kept = 0;
    for (size_t i = 0; i < c->keyring.passkey_count; i++) {
        char hex[2 * KEYRING_PASSKEY_ID_BYTES + 1];
        bool there = false;
        size_t n;
        json_t *factor;
        hex_encode(BYTES_OF(c->keyring.passkeys[i].id), hex);
        json_array_foreach(json_object_get(answer, "factors"), n, factor) there |=
            strcmp(client_text(factor, "id"), hex) == 0;
        if (there) c->keyring.passkeys[kept++] = c->keyring.passkeys[i];
    }
    c->keyring.passkey_count = kept;
    return ERR_OK;
}

err client_change_passphrase(struct client *c, struct bytes passphrase, struct diag *d) {
    AUTO(keyring_access_clear) struct keyring_access access = {0};
    AUTO(blob_clear) struct blob raw = {0};
    struct passphrase_cost cost = {PASSPHRASE_MEMORY_KIB, PASSPHRASE_PASSES};
    err e = drop_lost_passkeys(c, d);
    if (!e) e = keyring_change_passphrase(&c->keyring, passphrase, cost, &access, d);
    if (!e) e = keyring_seal(&c->keyring, &raw);
    if (e) return e;
    AUTO(json_release)
    json_t *ask =
        json_pack("{s:o, s:I, s:o, s:I, s:I, s:o, s:o, s:o}", "keyring", json_base64(blob_bytes(&raw)),
                  "version", (json_int_t)(c->keyring_version + 1), "salt", json_base64(BYTES_OF(access.salt)),
                  "memory_kib", (json_int_t)access.cost.memory_kib, "passes", (json_int_t)access.cost.passes,
                  "auth", json_base64(BYTES_OF(access.auth)), "wraps", wraps_json(&c->keyring),
                  client_proof_field(c), json_base64(BYTES_OF(c->proof)));
    if (!ask) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    e = http_client_json(c->http, "PUT", "/v1/keyring", c->session, ask, NULL, d);
    if (e) return e;
    keep_proof(c, access.auth, false);
    c->keyring_version++;
    return ERR_OK;
}

err client_sign_out(struct client *c, struct diag *d) {
    if (!*c->session) return ERR_OK;
    err e = http_client_json(c->http, "DELETE", "/v1/sessions/current", c->session, NULL, NULL, d);
    wipe(c->session, sizeof c->session);
    return e;
}

err client_resume(struct client *c, const char *login, const char *session, struct bytes passphrase,
                  struct diag *d) {
    AUTO(json_release) json_t *answer = NULL;
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(passphrase_keys_clear) struct passphrase_keys keys = {0};
    struct passphrase_cost cost;
    uint8_t salt[PASSPHRASE_SALT_BYTES];
    struct keyring opened;
    err e = http_client_json(c->http, "GET", "/v1/keyring", session, NULL, &answer, d);
    if (!e) e = read_keyring(answer, &raw, &c->keyring_version, d);
    if (!e) e = keyring_cost(blob_bytes(&raw), salt, &cost, d);
    if (!e) e = passphrase_derive(passphrase, salt, cost, &keys, d);
    if (!e) e = keyring_unlock(blob_bytes(&raw), KEYRING_BY_PASSPHRASE, &keys, &opened, d);
    if (e == ERR_FORGED) return diag_fail(d, e, "wrong passphrase for '%s'", login);
    if (e) return e;
    keyring_clear(&c->keyring);
    c->keyring = opened;
    wipe(&opened, sizeof opened);
    c->has_keyring = true;
    keep_proof(c, keys.auth, false);
    copy_field(c->session, sizeof c->session, session);
    copy_field(c->login, sizeof c->login, login);
    return ERR_OK;
}

/* ---- household ---- */

static err prove_capability(struct client *c, struct diag *d) {
    AUTO(json_release) json_t *challenge = NULL;
    AUTO(json_release) json_t *answer = NULL;
    AUTO(blob_clear) struct blob raw = {0};
    const struct sign_key *key = &c->keyring.households[c->household_index].capability;
    err e = http_client_json(c->http, "GET", "/v1/access/challenge", NULL, NULL, &challenge, d);
    if (e) return e;
    const char *text = client_text(challenge, "challenge");
    if (base64_decode(text, strlen(text), &raw) || raw.len == 0)
        return diag_fail(d, ERR_INVALID, "the vault's answer holds no challenge");
    uint8_t signature[SIGNATURE_BYTES];
    sign_message(key, "cardea/1 access", blob_bytes(&raw), signature);
    AUTO(json_release)
    json_t *ask = json_pack("{s:o, s:s, s:o}", "capability", json_base64(BYTES_OF(key->public_key)),
                            "challenge", text, "signature", json_base64(BYTES_OF(signature)));
    if (!ask) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    e = http_client_json(c->http, "POST", "/v1/access", NULL, ask, &answer, d);
    if (!e) e = keep_token(c->access, "Access", answer, d);
    if (e) return e;
    int64_t lasts = json_integer_value(json_object_get(answer, "expires_in_s"));
    c->access_until.us = steady_now().us + (lasts - ACCESS_RENEW_S) * 1000000;
    return ERR_OK;
}

err client_access(struct client *c, const char **out, struct diag *d) {
    if (c->grant) {
        err e = *c->access && steady_now().us < c->access_until.us ? ERR_OK : grantee_open_again(c, d);
        if (!e) *out = c->access;
        return e;
    }
    if (!c->has_keyring || c->keyring.count == 0)
        return diag_fail(d, ERR_NOT_FOUND, "this account has no household: run `cardea init`");
    if (!*c->access || steady_now().us >= c->access_until.us) {
        err e = prove_capability(c, d);
        if (e) return e;
    }
    *out = c->access;
    return ERR_OK;
}

err client_json(struct client *c, const char *method, const char *path, json_t *body, json_t **out,
                struct diag *d) {
    const char *access;
    err e = client_access(c, &access, d);
    return e ? e : http_client_json(c->http, method, path, access, body, out, d);
}

err client_bytes(struct client *c, const char *path, const char *range, struct blob *out, struct diag *d) {
    const char *access;
    err e = client_access(c, &access, d);
    if (e) return e;
    struct http_request request = {.method = "GET",
                                   .path = path,
                                   .authorization = access,
                                   .range = range,
                                   .timeout_ms = 120000,
                                   .idle_ms = 20000,
                                   .answer_max_bytes = 48u << 20};
    AUTO(http_response_clear) struct http_response response = {0};
    e = http_client_do(c->http, &request, &response, d);
    if (e) return e;
    blob_clear(out);
    *out = response.body;
    response.body = (struct blob){0};
    return ERR_OK;
}

static err object_path(const char *key, char out[OBJECT_KEY_MAX_BYTES + 32], struct diag *d) {
    if (!object_key_valid(key)) return diag_fail(d, ERR_INVALID, "'%.80s' is no object's key", key);
    snprintf(out, OBJECT_KEY_MAX_BYTES + 32, "/v1/objects/%s", key);
    return ERR_OK;
}

/* An object that has been verified: is it what this device has seen, or newer? */
static err recall(struct client *c, const struct object *object, struct diag *d) {
    if (!c->seen) return ERR_OK;
    return seen_check(c->seen, c->keyring.households[c->household_index].id, object, &c->household.chain, d);
}

err client_remember(struct client *c, const char *name, uint64_t version, struct diag *d) {
    struct object o = {.version = version};
    memcpy(o.signer, c->household.sign.public_key, sizeof o.signer);
    snprintf(o.key, sizeof o.key, "%s", name);
    return recall(c, &o, d);
}

bool client_remembers(const struct client *c, const char *name) {
    return c->seen && seen_has(c->seen, c->keyring.households[c->household_index].id, name);
}

/* Pins are never deleted: a vault without them would have another log, or another desk, believed. */
static err pins_gone(const struct client *c, const char *key, err e, struct diag *d) {
    if (e != ERR_NOT_FOUND || strcmp(key, "trust/pins") != 0 || !client_remembers(c, key)) return e;
    return diag_fail(
        d, ERR_FORGED,
        "this device has seen your household's pins of the log and of the support desk, and the vault "
        "now says that there are none");
}

/* What nobody can write again, since its time is over: roots of epochs, after shredding. */
static bool may_be_former(const char *key) {
    return strncmp(key, "camera/", 7) == 0 && strstr(key, "/root/");
}

err client_object_ours(struct client *c, const char *key, struct blob *raw, struct object *out, bool *former,
                       struct diag *d) {
    char path[OBJECT_KEY_MAX_BYTES + 32];
    err e = object_path(key, path, d);
    if (!e) e = client_bytes(c, path, NULL, raw, d);
    if (!e) e = object_verify(blob_bytes(raw), out, d);
    if (e) return e;
    *former = memcmp(out->signer, c->household.sign.public_key, sizeof out->signer) != 0;
    if (strcmp(out->key, key) != 0 || (*former && !succession_chain_has(&c->household.chain, out->signer)))
        return diag_fail(d, ERR_FORGED, "the vault's object %s is not signed by this household", key);
    return c->seen ? seen_not_older(c->seen, c->household.id, out, d) : ERR_OK;
}

err client_object_get(struct client *c, const char *key, const uint8_t *signer, struct blob *raw,
                      struct object *out, struct diag *d) {
    char path[OBJECT_KEY_MAX_BYTES + 32];
    err e = object_path(key, path, d);
    if (!e) e = client_bytes(c, path, NULL, raw, d);
    if (e) return pins_gone(c, key, e, d);
    if (signer) {
        e = object_verify_from(blob_bytes(raw), signer, key, out, d);
        return e ? e : recall(c, out, d);
    }
    e = object_verify(blob_bytes(raw), out, d);
    if (e) return e;
    bool ours = may_be_former(key) && succession_chain_has(&c->household.chain, out->signer);
    ours |= memcmp(out->signer, c->household.sign.public_key, sizeof out->signer) == 0;
    if (strcmp(out->key, key) != 0 || (!ours && !client_hub_by_key(c, out->signer)))
        return diag_fail(d, ERR_FORGED, "the vault's object %s is signed by nobody of this household", key);
    return recall(c, out, d);
}

err client_object_put(struct client *c, const char *key, uint64_t version, struct bytes payload,
                      struct diag *d) {
    char path[OBJECT_KEY_MAX_BYTES + 32], match[32];
    AUTO(blob_clear) struct blob envelope = {0};
    const char *access;
    err e = object_path(key, path, d);
    if (!e) e = object_sign(&c->household.sign, key, version, payload, &envelope);
    if (!e) e = client_access(c, &access, d);
    if (e) return e;
    snprintf(match, sizeof match, "%llu", (unsigned long long)(version - 1));
    struct http_request request = {.method = "PUT",
                                   .path = path,
                                   .authorization = access,
                                   .if_match = match,
                                   .body = blob_bytes(&envelope),
                                   .timeout_ms = 30000};
    AUTO(http_response_clear) struct http_response response = {0};
    e = http_client_do(c->http, &request, &response, d);
    struct object stored;
    if (!e) e = object_verify(blob_bytes(&envelope), &stored, d);
    return e ? e : recall(c, &stored, d);
}

err client_object_list(struct client *c, const char *prefix, client_key_fn *fn, void *context,
                       struct diag *d) {
    char path[256], escaped[128];
    AUTO(json_release) json_t *answer = NULL;
    err e = http_escape(prefix, (struct buffer){(uint8_t *)escaped, sizeof escaped});
    if (e) return diag_fail(d, e, "the prefix is too long");
    snprintf(path, sizeof path, "/v1/objects?prefix=%s", escaped);
    e = client_json(c, "GET", path, NULL, &answer, d);
    if (e) return e;
    json_t *list = json_object_get(answer, "objects"), *item;
    if (!json_is_array(list) || json_array_size(list) > LIST_MAX)
        return diag_fail(d, ERR_INVALID, "the vault's answer holds no list of objects");
    size_t i;
    json_array_foreach(list, i, item) {
        const char *key = client_text(item, "key");
        if (strncmp(key, prefix, strlen(prefix)) != 0 || !object_key_valid(key)) continue;
        e = fn(context, key, json_integer_value(json_object_get(item, "version")), d);
        if (e) return e;
    }
    return ERR_OK;
}

static err add_hub(void *context, const char *key, int64_t version, struct diag *d) {
    struct client *c = context;
    AUTO(blob_clear) struct blob raw = {0};
    struct object object;
    bool former = false;
    if (c->hub_count == CLIENT_HUBS_MAX) return diag_fail(d, ERR_LIMIT, "more than %d hubs", CLIENT_HUBS_MAX);
    err e = client_object_ours(c, key, &raw, &object, &former, d);
    if (!e && former)
        return ERR_OK; /* the succession is not done yet (succession.h), or it is none of ours */
    if (!e) e = recall(c, &object, d);
    if (!e)
        e = hub_certificate_verify(blob_bytes(&raw), c->household.sign.public_key, &c->hubs[c->hub_count], d);
    if (e) return e;
    c->hub_envelopes[c->hub_count++] = raw;
    raw = (struct blob){0};
    return ERR_OK;
}

err client_read_hubs(struct client *c, struct diag *d) {
    for (size_t i = 0; i < c->hub_count; i++) blob_clear(&c->hub_envelopes[i]);
    c->hub_count = 0;
    return client_object_list(c, "hub/", add_hub, c, d);
}

static err unlock_as_member(struct client *c, const struct keyring_household *h, struct diag *d) {
    AUTO(grantee_clear) struct grantee who = {0};
    err e = grantee_of_member(&c->keyring, h, &who, d);
    if (!e) e = grantee_open(c, &who, d);
    if (e == ERR_DENIED || e == ERR_NOT_FOUND)
        diag_prefix(d, "you are a %s of '%s', and what you were given there does not open",
                    keyring_roles[h->role], h->name);
    if (e) return e;
    memcpy(c->household.id, h->id, sizeof h->id);
    if (memcmp(c->grant->newest, h->sign, sizeof h->sign) != 0) client_pin_signer(c, c->grant->newest);
    return ERR_OK;
}

/* Of who was invited as an owner: the keys must be those of the household that the invitation named, or
 * those to which they led. */
static err check_invited(struct client *c, struct diag *d) {
    struct keyring_household *h = &c->keyring.households[c->household_index];
    const uint8_t *present = c->household.sign.public_key;
    if (!h->has_sign || memcmp(h->sign, present, sizeof h->sign) == 0) return ERR_OK;
    if (succession_chain_leads(&c->household.chain, h->id, h->sign, present, d))
        return diag_fail(d, ERR_FORGED,
                         "the vault's keys of '%s' are not those of the household that invited you", h->name);
    client_pin_signer(c, present);
    return ERR_OK;
}

void client_pin_signer(struct client *c, const uint8_t sign[SIGN_PUBLIC_BYTES]) {
    struct keyring_household *h = &c->keyring.households[c->household_index];
    struct diag ignored;
    memcpy(h->sign, sign, sizeof h->sign);
    (void)!client_store_keyring(c, &ignored); /* it is led there again the next time */
}

void client_log_key(const struct client *c, uint8_t out[HOUSEHOLD_LOG_KEY_BYTES]) {
    _Static_assert(LOG_KEY_BYTES == HOUSEHOLD_LOG_KEY_BYTES, "one log key");
    if (c->household.chain.count)
        memcpy(out, c->household.log_key, HOUSEHOLD_LOG_KEY_BYTES);
    else
        log_key_derive(c->household.sign.seed, out);
}

/* The keys that the household had first: what is told of it before its successions. */
static json_t *first_keys(const struct client *c) {
    const struct succession_chain *chain = &c->household.chain;
    const uint8_t *sign = chain->count ? chain->links[0].statement.former : c->household.sign.public_key;
    const struct box_key *box = chain->count ? &c->household.former[0] : &c->household.box;
    uint8_t log_key[HOUSEHOLD_LOG_KEY_BYTES];
    client_log_key(c, log_key);
    json_t *keys =
        json_pack("{s:o, s:o, s:o}", "sign", json_base64(BYTES(sign, SIGN_PUBLIC_BYTES)), "box",
                  json_base64(BYTES_OF(box->public_key)), "log_key", json_base64(BYTES_OF(log_key)));
    wipe(log_key, sizeof log_key);
    return keys;
}

/* The vault has the keys of before statement `from`: it is told the rest. */
static err tell_chain(struct client *c, size_t from, struct diag *d) {
    for (size_t i = from; i < c->household.chain.count; i++) {
        const struct succession_link *link = &c->household.chain.links[i];
        AUTO(json_release)
        json_t *ask = json_pack("{s:o}", "succession", json_base64(BYTES(link->raw, link->len)));
        if (!ask) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
        err e = client_json(c, "PUT", "/v1/household", ask, NULL, d);
        if (e == ERR_CONFLICT)
            return diag_fail(
                d, e,
                "another owner renewed the household's keys at the same time, and this vault took "
                "theirs: let them remove and invite you again");
        if (e) return e;
    }
    return ERR_OK;
}

static err other_keys(struct diag *d) {
    return diag_fail(d, ERR_FORGED,
                     "the vault holds other keys of this household than yours: grant nothing there");
}

err client_open_household(struct client *c, struct diag *d) {
    AUTO(json_release) json_t *held = NULL;
    AUTO(blob_clear) struct blob sign = {0}, box = {0};
    const struct household_keys *k = &c->household;
    err e = client_json(c, "GET", "/v1/household", NULL, &held, d);
    if (e == ERR_NOT_FOUND) {
        AUTO(json_release) json_t *first = first_keys(c);
        e = first ? client_json(c, "PUT", "/v1/household", first, NULL, d) : ERR_NO_MEMORY;
        return e ? e : tell_chain(c, 0, d);
    }
    if (e) return e;
    const char *sign_text = client_text(held, "sign"), *box_text = client_text(held, "box");
    if (base64_decode(sign_text, strlen(sign_text), &sign) || base64_decode(box_text, strlen(box_text), &box))
        return other_keys(d);
    if (bytes_equal(blob_bytes(&sign), BYTES_OF(k->sign.public_key)))
        return bytes_equal(blob_bytes(&box), BYTES_OF(k->box.public_key)) ? ERR_OK : other_keys(d);
    for (size_t i = 0; i < k->chain.count; i++)
        if (bytes_equal(blob_bytes(&sign), BYTES_OF(k->chain.links[i].statement.former)))
            return tell_chain(c, i, d);
    return other_keys(d);
}

err client_store_keyring(struct client *c, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    err e = keyring_seal(&c->keyring, &raw);
    if (e) return diag_fail(d, e, "the keyring cannot be sealed: it belongs to too many households");
    AUTO(json_release)
    json_t *ask = json_pack("{s:o, s:I}", "keyring", json_base64(blob_bytes(&raw)), "version",
                            (json_int_t)(c->keyring_version + 1));
    if (!ask) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    e = http_client_json(c->http, "PUT", "/v1/keyring", c->session, ask, NULL, d);
    if (!e) c->keyring_version++;
    return e;
}

err client_unlock(struct client *c, struct diag *d) {
    if (c->has_keyring && c->keyring.count && c->keyring.households[c->household_index].role != KEYRING_OWNER)
        return unlock_as_member(c, &c->keyring.households[c->household_index], d);
    char key[HOUSEHOLD_KEY_TEXT_BYTES], path[OBJECT_KEY_MAX_BYTES + 32];
    AUTO(blob_clear) struct blob raw = {0};
    const char *access;
    err e = client_access(c, &access, d);
    if (e) return e;
    household_keys_key(c->keyring.box.public_key, key);
    e = object_path(key, path, d);
    if (!e) e = client_bytes(c, path, NULL, &raw, d);
    if (e) return e;
    e = household_keys_open(&c->keyring.box, c->keyring.households[c->household_index].id, blob_bytes(&raw),
                            &c->household, d);
    struct object keys;
    if (!e) e = object_verify(blob_bytes(&raw), &keys, d);
    if (!e) e = recall(c, &keys, d);
    if (!e) e = check_invited(c, d);
    if (e) return e;
    c->unlocked = true;
    return client_read_hubs(c, d);
}

const struct hub_certificate *client_hub_by_key(const struct client *c, const uint8_t sign[32]) {
    for (size_t i = 0; i < c->hub_count; i++)
        if (memcmp(c->hubs[i].sign, sign, 32) == 0) return &c->hubs[i];
    return NULL;
}

const struct hub_certificate *client_hub_by_id(const struct client *c, const uint8_t id[HUB_ID_BYTES]) {
    for (size_t i = 0; i < c->hub_count; i++)
        if (memcmp(c->hubs[i].hub, id, HUB_ID_BYTES) == 0) return &c->hubs[i];
    return NULL;
}
