#include "client/staff.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/internal.h"
#include "crypto/hash.h"
#include "format/pairing.h"

#define DOMAIN "cardea/1 staff access"
#define DESK_INFO "cardea/1 desk key"
#define RENEW_S 60
#define DAY_SLOTS 86400

err staff_key_told(struct client *c, struct staff_key *out, struct diag *d) {
    AUTO(json_release) json_t *answer = NULL;
    AUTO(blob_clear) struct blob raw = {0};
    err e = http_client_json(c->http, "GET", "/v1/vault", NULL, NULL, &answer, d);
    if (e) return e;
    const char *text = client_text(answer, "staff");
    if (!*text) return diag_fail(d, ERR_NOT_FOUND, "this vault has no support desk");
    e = base64_decode(text, strlen(text), &raw);
    if (e) return diag_fail(d, e, "the vault's answer holds no staff key");
    return staff_key_read(blob_bytes(&raw), out, d);
}

/* {"challenge","signature"} by this key. */
static err proof_make(struct client *c, const struct sign_key *key, json_t **out, struct diag *d) {
    AUTO(json_release) json_t *answer = NULL;
    AUTO(blob_clear) struct blob raw = {0};
    uint8_t signature[SIGNATURE_BYTES];
    err e = http_client_json(c->http, "GET", "/v1/access/challenge", NULL, NULL, &answer, d);
    if (e) return e;
    const char *text = client_text(answer, "challenge");
    if (base64_decode(text, strlen(text), &raw) || raw.len == 0)
        return diag_fail(d, ERR_INVALID, "the vault's answer holds no challenge");
    sign_message(key, DOMAIN, blob_bytes(&raw), signature);
    *out = json_pack("{s:s, s:o}", "challenge", text, "signature", json_base64(BYTES_OF(signature)));
    return *out ? ERR_OK : diag_fail(d, ERR_NO_MEMORY, "out of memory");
}

static err keep_access(json_t *answer, char access[CLIENT_TOKEN_BYTES], struct diag *d) {
    const char *token = client_text(answer, "token");
    if (!*token || snprintf(access, CLIENT_TOKEN_BYTES, "Access %s", token) >= CLIENT_TOKEN_BYTES)
        return diag_fail(d, ERR_INVALID, "the vault's answer holds no token");
    return ERR_OK;
}

/* ---- the provider ---- */

err provider_connect(struct client *c, const struct provider_secrets *secrets, struct provider_link *out,
                     struct diag *d) {
    AUTO(json_release) json_t *proof = NULL;
    AUTO(json_release) json_t *answer = NULL;
    struct staff_key told;
    *out = (struct provider_link){.client = c, .secrets = secrets};
    err e = staff_key_told(c, &told, d);
    if (e) return e;
    if (memcmp(told.staff, secrets->staff.public_key, sizeof told.staff) != 0)
        return diag_fail(d, ERR_DENIED,
                         "the vault's support desk is that of '%s', under another staff key than this file's",
                         told.name);
    e = proof_make(c, &secrets->staff, &proof, d);
    if (!e) e = http_client_json(c->http, "POST", "/v1/staff/provider", NULL, proof, &answer, d);
    return e ? e : keep_access(answer, out->access, d);
}

err provider_json(struct provider_link *p, const char *method, const char *path, json_t *body, json_t **out,
                  struct diag *d) {
    return http_client_json(p->client->http, method, path, p->access, body, out, d);
}

err provider_find(struct provider_link *p, const char *name, json_t **list, json_t **out, struct diag *d) {
    AUTO(json_release) json_t *answer = NULL;
    json_t *item, *found = NULL;
    size_t i;
    err e = provider_json(p, "GET", "/v1/staff", NULL, &answer, d);
    if (e) return e;
    json_array_foreach(json_object_get(answer, "staff"), i, item) {
        char number[24];
        snprintf(number, sizeof number, "%lld",
                 (long long)json_integer_value(json_object_get(item, "number")));
        bool gone = strcmp(client_text(item, "state"), "revoked") == 0;
        if (strcmp(number, name) == 0 || (strcmp(client_text(item, "name"), name) == 0 && (!gone || !found)))
            found = item;
    }
    if (!found)
        return diag_fail(d, ERR_NOT_FOUND, "there is nobody called '%s': see `cardea staff list`", name);
    *list = answer;
    answer = NULL;
    *out = found;
    return ERR_OK;
}

err provider_invite(struct provider_link *p, const char *name, unsigned roles, char code[24],
                    uint64_t *number, struct diag *d) {
    uint8_t secret[PAIRING_SECRET_BYTES], hash[HASH_BYTES];
    AUTO(json_release) json_t *answer = NULL;
    err e = staff_name_check(name, d);
    if (!e) e = staff_roles_check(roles, d);
    if (e) return e;
    random_bytes(secret, sizeof secret);
    hash_sha256(BYTES_OF(secret), hash);
    pairing_format(secret, code);
    wipe(secret, sizeof secret);
    AUTO(json_release)
    json_t *ask = json_pack("{s:s, s:o, s:o}", "name", name, "roles", staff_roles_json(roles), "code_hash",
                            json_base64(BYTES_OF(hash)));
    if (!ask) return diag_fail(d, ERR_INVALID, "the name is not UTF-8 text");
    e = provider_json(p, "POST", "/v1/staff/invites", ask, &answer, d);
    if (!e) *number = (uint64_t)json_integer_value(json_object_get(answer, "number"));
    return e;
}

static err fixed(const json_t *member, const char *field, uint8_t *out, size_t len, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    const char *text = client_text((json_t *)member, field);
    if (base64_decode(text, strlen(text), &raw) || raw.len != len)
        return diag_fail(d, ERR_INVALID, "%s has not joined yet: the code is still to be used",
                         client_text((json_t *)member, "name"));
    memcpy(out, raw.data, len);
    return ERR_OK;
}

static err certificate_of(const json_t *member, int64_t days, struct staff_certificate *out, struct diag *d) {
    uint32_t now = wall_slot(wall_now());
    struct staff_certificate c = {.number = (uint64_t)json_integer_value(json_object_get(member, "number")),
                                  .from = now,
                                  .expires = now + (uint32_t)(days * DAY_SLOTS)};
    snprintf(c.name, sizeof c.name, "%s", client_text((json_t *)member, "name"));
    err e = staff_roles_read(json_object_get(member, "roles"), &c.roles, d);
    if (!e) e = fixed(member, "sign", c.sign, sizeof c.sign, d);
    if (!e) e = fixed(member, "box", c.box, sizeof c.box, d);
    if (!e) *out = c;
    return e;
}

err provider_certify(struct provider_link *p, const json_t *member, int64_t days, const char *by,
                     struct diag *d) {
    struct staff_certificate c;
    AUTO(blob_clear) struct blob raw = {0}, secret = {0};
    err e = certificate_of(member, days, &c, d);
    if (!e) e = staff_certificate_sign(&c, &p->secrets->staff, &raw, d);
    /* Who does not use the desk does not get what opens its tickets. */
    uint8_t nothing[BOX_SECRET_BYTES] = {0};
    const uint8_t *desk = c.roles & STAFF_AGENT ? p->secrets->desk.secret : nothing;
    if (!e) e = box_seal(c.box, DESK_INFO, (struct bytes){0}, BYTES(desk, BOX_SECRET_BYTES), &secret);
    if (e) return e;
    AUTO(json_release)
    json_t *ask = json_pack("{s:o, s:o, s:s*}", "certificate", json_base64(blob_bytes(&raw)), "desk",
                            json_base64(blob_bytes(&secret)), "by", by);
    if (!ask) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    return provider_json(p, "POST", "/v1/staff/certificates", ask, NULL, d);
}

err provider_revoke(struct provider_link *p, const json_t *member, struct diag *d) {
    struct staff_revocation r = {.number = (uint64_t)json_integer_value(json_object_get(member, "number")),
                                 .time = wall_slot(wall_now())};
    AUTO(blob_clear) struct blob raw = {0};
    if (json_object_get(member, "sign")) {
        err e = fixed(member, "sign", r.sign, sizeof r.sign, d);
        if (e) return e;
    }
    err e = staff_revocation_sign(&r, &p->secrets->staff, &raw);
    if (e) return diag_fail(d, e, "out of memory");
    AUTO(json_release) json_t *ask = json_pack("{s:o}", "revocation", json_base64(blob_bytes(&raw)));
    if (!ask) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    return provider_json(p, "POST", "/v1/staff/revocations", ask, NULL, d);
}

/* ---- a member of staff ---- */

void staff_link_clear(struct staff_link *s) {
    blob_clear(&s->certificate_raw);
    wipe(s, sizeof *s);
}

err staff_join(struct client *c, const char *code, char *name, uint64_t *number, struct diag *d) {
    uint8_t secret[PAIRING_SECRET_BYTES];
    AUTO(json_release) json_t *answer = NULL;
    err e = pairing_parse(code, secret, d);
    if (e) return e;
    AUTO(json_release)
    json_t *ask = json_pack("{s:o, s:o, s:o}", "code", json_base64(BYTES_OF(secret)), "sign",
                            json_base64(BYTES_OF(c->keyring.sign.public_key)), "box",
                            json_base64(BYTES_OF(c->keyring.box.public_key)));
    wipe(secret, sizeof secret);
    if (!ask) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    e = http_client_json(c->http, "POST", "/v1/staff/requests", c->session, ask, &answer, d);
    if (e) return e;
    snprintf(name, STAFF_NAME_MAX_BYTES + 1, "%s", client_text(answer, "name"));
    *number = (uint64_t)json_integer_value(json_object_get(answer, "number"));
    return ERR_OK;
}

static err field_blob(json_t *answer, const char *field, struct blob *out, struct diag *d) {
    const char *text = client_text(answer, field);
    out->len = 0;
    if (*text && !base64_decode(text, strlen(text), out)) return ERR_OK;
    return diag_fail(d, ERR_INVALID, "the vault's answer holds no \"%s\"", field);
}

static err take_certificate(struct staff_link *s, json_t *answer, struct diag *d) {
    const struct keyring *k = &s->client->keyring;
    AUTO(blob_clear) struct blob sealed = {0}, secret = {0};
    err e = field_blob(answer, "certificate", &s->certificate_raw, d);
    if (!e)
        e = staff_certificate_read(blob_bytes(&s->certificate_raw), s->provider.staff, &s->certificate, d);
    if (e) return e;
    if (memcmp(s->certificate.sign, k->sign.public_key, sizeof s->certificate.sign) != 0 ||
        memcmp(s->certificate.box, k->box.public_key, sizeof s->certificate.box) != 0)
        return diag_fail(d, ERR_FORGED, "the vault's certificate is of other keys than this account's");
    if (!(s->certificate.roles & STAFF_AGENT)) return ERR_OK;
    e = field_blob(answer, "desk", &sealed, d);
    if (!e && (box_open(&k->box, DESK_INFO, (struct bytes){0}, blob_bytes(&sealed), &secret) ||
               secret.len != BOX_SECRET_BYTES))
        e = diag_fail(d, ERR_FORGED,
                      "the desk's key is not sealed to this account: ask for a new certificate");
    if (e) return e;
    box_key_from_secret(secret.data, &s->desk);
    if (memcmp(s->desk.public_key, s->provider.desk, sizeof s->provider.desk) != 0)
        return diag_fail(d, ERR_FORGED, "the desk's key is not the one that the provider tells");
    return ERR_OK;
}

static err get_access(struct staff_link *s, struct diag *d) {
    AUTO(json_release) json_t *proof = NULL;
    AUTO(json_release) json_t *answer = NULL;
    struct client *c = s->client;
    err e = proof_make(c, &c->keyring.sign, &proof, d);
    if (!e) e = http_client_json(c->http, "POST", "/v1/staff/access", c->session, proof, &answer, d);
    if (!e) e = keep_access(answer, s->access, d);
    if (!e) e = take_certificate(s, answer, d);
    if (e) return e;
    int64_t lasts = json_integer_value(json_object_get(answer, "expires_in_s"));
    s->access_until.us = steady_now().us + (lasts - RENEW_S) * 1000000;
    return ERR_OK;
}

err staff_connect(struct client *c, struct staff_link *out, struct diag *d) {
    *out = (struct staff_link){.client = c};
    err e = staff_key_told(c, &out->provider, d);
    if (!e) e = get_access(out, d);
    if (e) staff_link_clear(out);
    return e;
}

err staff_json(struct staff_link *s, const char *method, const char *path, json_t *body, json_t **out,
               struct diag *d) {
    err e = steady_now().us >= s->access_until.us ? get_access(s, d) : ERR_OK;
    return e ? e : http_client_json(s->client->http, method, path, s->access, body, out, d);
}
