#include "format/household.h"

#include "crypto/hash.h"
#include "format/json_bytes.h"
#include "format/object.h"

#define INFO "cardea/1 household"

void household_keys_clear(struct household_keys *k) {
    if (k) wipe(k, sizeof *k);
}

void household_keys_key(const uint8_t account_box[BOX_PUBLIC_BYTES], char out[HOUSEHOLD_KEY_TEXT_BYTES]) {
    static const char prefix[] = "household/keys/";
    uint8_t hash[HASH_BYTES];
    hash_sha256(BYTES(account_box, BOX_PUBLIC_BYTES), hash);
    memcpy(out, prefix, sizeof prefix - 1);
    hex_encode(BYTES(hash, 8), out + sizeof prefix - 1);
}

static err encode(const struct household_keys *k, struct blob *out) {
    AUTO(json_release)
    json_t *value =
        json_pack("{s:i, s:o, s:s, s:o, s:o}", "v", 1, "id", json_hex(BYTES_OF(k->id)), "name", k->name,
                  "box", json_base64(BYTES_OF(k->box.secret)), "sign", json_base64(BYTES_OF(k->sign.seed)));
    return json_append(value, out);
}

err household_keys_seal(const struct household_keys *k, const uint8_t account_box[BOX_PUBLIC_BYTES],
                        struct blob *out) {
    AUTO(blob_clear) struct blob text = {0};
    err e = encode(k, &text);
    return e ? e : box_seal(account_box, INFO, (struct bytes){0}, blob_bytes(&text), out);
}

err household_keys_seal_with(const struct household_keys *k, const uint8_t account_box[BOX_PUBLIC_BYTES],
                             const uint8_t ephemeral[BOX_SECRET_BYTES], struct blob *out) {
    AUTO(blob_clear) struct blob text = {0};
    err e = encode(k, &text);
    return e ? e : box_seal_with(account_box, ephemeral, INFO, (struct bytes){0}, blob_bytes(&text), out);
}

static err decode(struct bytes text, struct household_keys *out, struct diag *d) {
    AUTO(json_release) json_t *value = NULL;
    AUTO(blob_clear) struct blob box = {0};
    AUTO(blob_clear) struct blob sign = {0};
    const char *name = NULL;
    int64_t version = 0;
    const struct json_field fields[] = {
        JSON_VERSION(&version),
        JSON_ID("id", HOUSEHOLD_ID_BYTES, out->id),
        {"name", JSON_KIND_TEXT, true, 0, HOUSEHOLD_NAME_MAX_BYTES, &name, NULL},
        JSON_FIXED("box", BOX_SECRET_BYTES, &box),
        JSON_FIXED("sign", SIGN_SEED_BYTES, &sign),
    };
    err e = json_parse(text, &value, d);
    if (!e) e = JSON_READ(value, fields, d);
    if (e) return e;
    memcpy(out->name, name, strlen(name) + 1);
    box_key_from_secret(box.data, &out->box);
    sign_key_from_seed(sign.data, &out->sign);
    return ERR_OK;
}

err household_keys_open(const struct box_key *account, const uint8_t id[HOUSEHOLD_ID_BYTES], struct bytes raw,
                        struct household_keys *out, struct diag *d) {
    struct object object;
    err e = object_verify(raw, &object, d);
    if (e) return e;
    AUTO(blob_clear) struct blob text = {0};
    e = box_open(account, INFO, (struct bytes){0}, object.payload, &text);
    if (e) return diag_fail(d, e, "household keys: the box is not for this account, or damaged");
    AUTO(household_keys_clear) struct household_keys found = {0};
    e = decode(blob_bytes(&text), &found, d);
    if (e) {
        diag_prefix(d, "household keys");
        return e;
    }
    char key[HOUSEHOLD_KEY_TEXT_BYTES];
    household_keys_key(account->public_key, key);
    if (memcmp(found.id, id, HOUSEHOLD_ID_BYTES) != 0)
        return diag_fail(d, ERR_FORGED, "household keys: they are of another household");
    if (memcmp(object.signer, found.sign.public_key, SIGN_PUBLIC_BYTES) != 0 || strcmp(object.key, key) != 0)
        return diag_fail(d, ERR_FORGED, "household keys: the household did not sign them for this account");
    *out = found;
    return ERR_OK;
}
