#include "format/keyring_body.h"

#include "format/json_bytes.h"

const char *const keyring_roles[] = {"owner", "member", "viewer", NULL};

/* The role is written of those who were invited; who made the household is its owner without a word. */
static json_t *household_json(const struct keyring_household *h) {
    bool invited = h->role != KEYRING_OWNER || h->has_sign;
    return json_pack("{s:o, s:o*, s:s, s:s*, s:o*, s:o*}", "id", json_hex(BYTES_OF(h->id)), "capability",
                     h->role == KEYRING_OWNER ? json_base64(BYTES_OF(h->capability.seed)) : NULL, "name",
                     h->name, "role", invited ? keyring_roles[h->role] : NULL, "sign",
                     h->has_sign ? json_base64(BYTES_OF(h->sign)) : NULL, "grant",
                     h->has_grant ? json_hex(BYTES_OF(h->grant)) : NULL);
}

static json_t *households_json(const struct keyring *k) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < k->count; i++) {
        if (json_array_append_new(list, household_json(&k->households[i]))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* NULL when there is none: then the field is left out, as it was before there were passkeys. */
static json_t *passkeys_json(const struct keyring *k) {
    json_t *list = k->passkey_count ? json_array() : NULL;
    for (size_t i = 0; list && i < k->passkey_count; i++) {
        json_t *one = json_pack("{s:o, s:o}", "id", json_hex(BYTES_OF(k->passkeys[i].id)), "wrap",
                                json_base64(BYTES_OF(k->passkeys[i].wrap)));
        if (json_array_append_new(list, one)) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

err keyring_body_encode(const struct keyring *k, struct blob *out) {
    AUTO(json_release)
    json_t *value =
        json_pack("{s:i, s:{s:o, s:o}, s:o, s:o}", "v", 1, "account", "box",
                  json_base64(BYTES_OF(k->box.secret)), "sign", json_base64(BYTES_OF(k->sign.seed)),
                  "recovery", json_base64(BYTES_OF(k->recovery_wrap)), "households", households_json(k));
    json_t *passkeys = passkeys_json(k);
    if (*k->login && json_object_set_new(value, "login", json_string(k->login))) {
        json_decref(passkeys);
        return ERR_NO_MEMORY;
    }
    if (k->passkey_count && (!passkeys || json_object_set_new(value, "passkeys", passkeys)))
        return ERR_NO_MEMORY;
    return json_append(value, out);
}

static err account_decode(json_t *account, struct keyring *out, struct diag *d) {
    AUTO(blob_clear) struct blob box = {0};
    AUTO(blob_clear) struct blob sign = {0};
    const struct json_field fields[] = {
        JSON_FIXED("box", BOX_SECRET_BYTES, &box),
        JSON_FIXED("sign", SIGN_SEED_BYTES, &sign),
    };
    err e = JSON_READ(account, fields, d);
    if (e) return e;
    box_key_from_secret(box.data, &out->box);
    sign_key_from_seed(sign.data, &out->sign);
    return ERR_OK;
}

static err role_decode(const char *text, enum keyring_role *out, struct diag *d) {
    for (int i = 0; keyring_roles[i]; i++) {
        if (strcmp(keyring_roles[i], text) != 0) continue;
        *out = (enum keyring_role)i;
        return ERR_OK;
    }
    return diag_fail(d, ERR_INVALID, "\"role\" is not one that is known");
}

static err household_decode(json_t *household, struct keyring *out, struct diag *d) {
    AUTO(blob_clear) struct blob capability = {0};
    AUTO(blob_clear) struct blob sign = {0};
    struct keyring_household h = {0};
    bool has_capability = false;
    const char *name = NULL, *role = "owner";
    const struct json_field fields[] = {
        JSON_ID("id", HOUSEHOLD_ID_BYTES, h.id),
        {"capability", JSON_KIND_BASE64, false, SIGN_SEED_BYTES, SIGN_SEED_BYTES, &capability,
         &has_capability},
        {"name", JSON_KIND_TEXT, true, 0, HOUSEHOLD_NAME_MAX_BYTES, &name, NULL},
        {"role", JSON_KIND_TEXT, false, 1, 16, &role, NULL},
        {"sign", JSON_KIND_BASE64, false, SIGN_PUBLIC_BYTES, SIGN_PUBLIC_BYTES, &sign, &h.has_sign},
        {"grant", JSON_KIND_HEX, false, 0, KEYRING_GRANT_BYTES, h.grant, &h.has_grant},
    };
    if (!json_is_object(household)) return diag_fail(d, ERR_INVALID, "\"households\" must hold objects");
    err e = JSON_READ(household, fields, d);
    if (!e) e = role_decode(role, &h.role, d);
    if (!e && has_capability != (h.role == KEYRING_OWNER))
        e = diag_fail(d, ERR_INVALID, "\"capability\" belongs to an owner, and to nobody else");
    if (e) return e;
    if (keyring_find_household(out, h.id)) return diag_fail(d, ERR_INVALID, "\"households\" names one twice");
    memcpy(h.name, name, strlen(name));
    if (sign.len) memcpy(h.sign, sign.data, sign.len);
    if (has_capability) sign_key_from_seed(capability.data, &h.capability);
    e = keyring_join_household(out, &h);
    wipe(&h, sizeof h);
    return e ? diag_fail(d, ERR_INVALID, "\"households\": a member's needs \"sign\" and \"grant\"") : ERR_OK;
}

static err passkey_decode(json_t *passkey, struct keyring *out, struct diag *d) {
    AUTO(blob_clear) struct blob wrap = {0};
    struct keyring_passkey p;
    const struct json_field fields[] = {
        JSON_ID("id", KEYRING_PASSKEY_ID_BYTES, p.id),
        JSON_FIXED("wrap", sizeof p.wrap, &wrap),
    };
    if (!json_is_object(passkey)) return diag_fail(d, ERR_INVALID, "\"passkeys\" must hold objects");
    err e = JSON_READ(passkey, fields, d);
    if (e) return e;
    memcpy(p.wrap, wrap.data, wrap.len);
    out->passkeys[out->passkey_count++] = p;
    wipe(&p, sizeof p);
    return ERR_OK;
}

err keyring_body_decode(struct bytes text, struct keyring *out, struct diag *d) {
    AUTO(json_release) json_t *value = NULL;
    AUTO(blob_clear) struct blob recovery = {0};
    json_t *account = NULL, *households = NULL, *passkeys = NULL;
    int64_t version = 0;
    const char *login = "";
    const struct json_field fields[] = {
        JSON_VERSION(&version),
        {"account", JSON_KIND_OBJECT, true, 0, 0, &account, NULL},
        JSON_FIXED("recovery", sizeof out->recovery_wrap, &recovery),
        {"households", JSON_KIND_ARRAY, true, 0, KEYRING_HOUSEHOLDS_MAX, &households, NULL},
        {"passkeys", JSON_KIND_ARRAY, false, 0, KEYRING_PASSKEYS_MAX, &passkeys, NULL},
        {"login", JSON_KIND_TEXT, false, 0, KEYRING_LOGIN_MAX_BYTES, &login, NULL},
    };
    err e = json_parse(text, &value, d);
    if (!e) e = JSON_READ(value, fields, d);
    if (!e) e = account_decode(account, out, d);
    if (e) return e;
    memcpy(out->recovery_wrap, recovery.data, recovery.len);
    memcpy(out->login, login, strlen(login) + 1);
    for (size_t i = 0; !e && i < json_array_size(households); i++)
        e = household_decode(json_array_get(households, i), out, d);
    for (size_t i = 0; !e && i < json_array_size(passkeys); i++)
        e = passkey_decode(json_array_get(passkeys, i), out, d);
    return e;
}
