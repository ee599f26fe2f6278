#include "client/account.h"

#include <stdio.h>

#include "client/internal.h"

/* A name that another device sealed; empty when it is none of ours. */
static void open_name(const struct client *c, json_t *item, char out[DEVICE_NAME_MAX_BYTES + 1]) {
    AUTO(blob_clear) struct blob sealed = {0};
    const char *text = client_text(item, "label");
    out[0] = 0;
    if (base64_decode(text, strlen(text), &sealed) ||
        device_name_open(&c->keyring.sign, blob_bytes(&sealed), out))
        out[0] = 0;
}

static json_t *sealed_name(const struct client *c, const char *name) {
    uint8_t sealed[DEVICE_NAME_SEALED_BYTES];
    if (device_name_seal(&c->keyring.sign, name, sealed)) return NULL;
    return json_base64(BYTES_OF(sealed));
}

static err read_id(json_t *item, char out[CLIENT_ID_CHARS], struct diag *d) {
    const char *id = client_text(item, "id");
    if (strlen(id) != CLIENT_ID_CHARS - 1 || strspn(id, "0123456789abcdef") != CLIENT_ID_CHARS - 1)
        return diag_fail(d, ERR_INVALID, "the vault's answer holds no id");
    memcpy(out, id, CLIENT_ID_CHARS);
    return ERR_OK;
}

err client_sessions(struct client *c, struct client_session out[CLIENT_SESSIONS_MAX], size_t *count,
                    struct diag *d) {
    AUTO(json_release) json_t *answer = NULL;
    err e = http_client_json(c->http, "GET", "/v1/sessions", c->session, NULL, &answer, d);
    if (e) return e;
    size_t i;
    json_t *item;
    *count = 0;
    json_array_foreach(json_object_get(answer, "sessions"), i, item) {
        if (*count == CLIENT_SESSIONS_MAX) break;
        struct client_session *s = &out[*count];
        e = read_id(item, s->id, d);
        if (e) return e;
        char text[DEVICE_NAME_MAX_BYTES + 1];
        open_name(c, item, text);
        session_label_read(text, &s->label);
        s->expires_day = json_integer_value(json_object_get(item, "expires_day"));
        s->current = json_is_true(json_object_get(item, "current"));
        s->factor = json_is_true(json_object_get(item, "factor"));
        (*count)++;
    }
    return ERR_OK;
}

err client_session_end(struct client *c, const char *id, struct diag *d) {
    char path[96];
    snprintf(path, sizeof path, "/v1/sessions/%.32s", id);
    return http_client_json(c->http, "DELETE", path, c->session, NULL, NULL, d);
}

err client_session_name(struct client *c, const char *name, struct diag *d) {
    struct session_label label = {.how = SESSION_PASSPHRASE, .since = wall_slot(wall_now())};
    char text[DEVICE_NAME_MAX_BYTES + 1];
    label.used = label.since;
    snprintf(label.name, sizeof label.name, "%s", name);
    session_label_text(&label, text);
    AUTO(json_release) json_t *ask = json_pack("{s:o}", "label", sealed_name(c, text));
    if (!ask) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    return http_client_json(c->http, "PUT", "/v1/sessions/current", c->session, ask, NULL, d);
}

err client_factors(struct client *c, struct client_factor out[CLIENT_FACTORS_MAX], size_t *count,
                   struct diag *d) {
    AUTO(json_release) json_t *answer = NULL;
    err e = http_client_json(c->http, "GET", "/v1/factors", c->session, NULL, &answer, d);
    if (e) return e;
    size_t i;
    json_t *item;
    *count = 0;
    json_array_foreach(json_object_get(answer, "factors"), i, item) {
        if (*count == CLIENT_FACTORS_MAX) break;
        struct client_factor *f = &out[*count];
        e = read_id(item, f->id, d);
        if (e) return e;
        open_name(c, item, f->name);
        f->totp = strcmp(client_text(item, "kind"), "totp") == 0;
        f->passkey = json_is_true(json_object_get(item, "passkey"));
        (*count)++;
    }
    return ERR_OK;
}

err client_totp_begin(struct client *c, struct client_totp *out, struct diag *d) {
    AUTO(json_release) json_t *answer = NULL;
    AUTO(json_release)
    json_t *ask = json_pack("{s:o}", client_proof_field(c), json_base64(BYTES_OF(c->proof)));
    if (!ask) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    err e = http_client_json(c->http, "POST", "/v1/factors/totp", c->session, ask, &answer, d);
    if (e) return e;
    AUTO(blob_clear) struct blob secret = {0};
    const char *text = client_text(answer, "secret"), *pending = client_text(answer, "pending");
    /* Read, so that nothing but a secret reaches the terminal. */
    if (base32_decode(text, TOTP_SECRET_BYTES, &secret) || secret.len != TOTP_SECRET_BYTES || !*pending ||
        strlen(pending) >= sizeof out->pending)
        return diag_fail(d, ERR_INVALID, "the vault's answer holds no secret");
    base32_encode(blob_bytes(&secret), out->secret);
    memcpy(out->pending, pending, strlen(pending) + 1);
    return ERR_OK;
}

err client_totp_confirm(struct client *c, const struct client_totp *totp, const char *code, const char *name,
                        struct diag *d) {
    AUTO(json_release)
    json_t *ask =
        json_pack("{s:s, s:s, s:o}", "pending", totp->pending, "code", code, "label", sealed_name(c, name));
    if (!ask) return diag_fail(d, ERR_INVALID, "the code is six digits");
    return http_client_json(c->http, "POST", "/v1/factors/totp/confirm", c->session, ask, NULL, d);
}

err client_factor_remove(struct client *c, const char *id, struct bytes passphrase, struct diag *d) {
    char path[96];
    AUTO(passphrase_keys_clear) struct passphrase_keys keys = {0};
    struct passphrase_cost cost = {be32_get(c->keyring.locks + 6), be32_get(c->keyring.locks + 10)};
    err e = passphrase_derive(passphrase, c->keyring.locks + 14, cost, &keys, d);
    if (e) return e;
    AUTO(json_release) json_t *ask = json_pack("{s:o}", "present_auth", json_base64(BYTES_OF(keys.auth)));
    if (!ask) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    snprintf(path, sizeof path, "/v1/factors/%.32s", id);
    return http_client_json(c->http, "DELETE", path, c->session, ask, NULL, d);
}
