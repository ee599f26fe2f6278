#include "format/keyring_body.h"

#include "format/json_bytes.h"

static json_t *households_json(const struct keyring *k) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < k->count; i++) {
        const struct keyring_household *h = &k->households[i];
        json_t *one = json_pack("{s:o, s:o, s:s}", "id", json_hex(BYTES_OF(h->id)), "capability",
                                json_base64(BYTES_OF(h->capability.seed)), "name", h->name);
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

static err household_decode(json_t *household, struct keyring *out, struct diag *d) {
    AUTO(blob_clear) struct blob capability = {0};
    uint8_t id[HOUSEHOLD_ID_BYTES];
    const char *name = NULL;
    const struct json_field fields[] = {
        JSON_ID("id", HOUSEHOLD_ID_BYTES, id),
        JSON_FIXED("capability", SIGN_SEED_BYTES, &capability),
        {"name", JSON_KIND_TEXT, true, 0, HOUSEHOLD_NAME_MAX_BYTES, &name, NULL},
    };
    if (!json_is_object(household)) return diag_fail(d, ERR_INVALID, "\"households\" must hold objects");
    err e = JSON_READ(household, fields, d);
    if (e) return e;
    struct sign_key key;
    sign_key_from_seed(capability.data, &key);
    e = keyring_add_household(out, id, &key, name);
    sign_key_clear(&key);
    return e ? diag_fail(d, ERR_INVALID, "\"households\" names one twice") : ERR_OK;
}

err keyring_body_decode(struct bytes text, struct keyring *out, struct diag *d) {
    AUTO(json_release) json_t *value = NULL;
    AUTO(blob_clear) struct blob recovery = {0};
    json_t *account = NULL, *households = NULL;
    int64_t version = 0;
    const struct json_field fields[] = {
        JSON_VERSION(&version),
        {"account", JSON_KIND_OBJECT, true, 0, 0, &account, NULL},
        JSON_FIXED("recovery", sizeof out->recovery_wrap, &recovery),
        {"households", JSON_KIND_ARRAY, true, 0, KEYRING_HOUSEHOLDS_MAX, &households, NULL},
    };
    err e = json_parse(text, &value, d);
    if (!e) e = JSON_READ(value, fields, d);
    if (!e) e = account_decode(account, out, d);
    if (e) return e;
    memcpy(out->recovery_wrap, recovery.data, recovery.len);
    for (size_t i = 0; !e && i < json_array_size(households); i++)
        e = household_decode(json_array_get(households, i), out, d);
    return e;
}
