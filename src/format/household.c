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

const struct box_key *household_keys_box(const struct household_keys *k, size_t i) {
    if (i == 0) return &k->box;
    return i <= k->chain.count ? &k->former[k->chain.count - i] : NULL;
}

err household_keys_unbox(const struct household_keys *k, const char *info, struct bytes aad,
                         struct bytes sealed, struct blob *out) {
    const struct box_key *key;
    err e = ERR_FORGED;
    for (size_t i = 0; e == ERR_FORGED && (key = household_keys_box(k, i)); i++)
        e = box_open(key, info, aad, sealed, out);
    return e;
}

err household_keys_succeed_with(const struct household_keys *k,
                                const uint8_t log_key[HOUSEHOLD_LOG_KEY_BYTES], uint64_t time,
                                const struct box_key *box, const struct sign_key *sign,
                                struct household_keys *out, struct diag *d) {
    AUTO(household_keys_clear) struct household_keys next = *k;
    AUTO(blob_clear) struct blob raw = {0};
    struct succession s = {.n = (uint32_t)k->chain.count + 1, .time = time};
    if (k->chain.count == SUCCESSIONS_MAX)
        return diag_fail(
            d, ERR_LIMIT,
            "the household's keys were succeeded %d times, which is the most: make a new household",
            SUCCESSIONS_MAX);
    next.box = *box;
    next.sign = *sign;
    next.former[k->chain.count] = k->box;
    memcpy(next.log_key, log_key, sizeof next.log_key);
    memcpy(s.household, k->id, sizeof s.household);
    memcpy(s.box, box->public_key, sizeof s.box);
    err e = succession_make(&s, &k->sign, sign, &raw);
    if (!e) e = succession_chain_add(&next.chain, blob_bytes(&raw), d);
    if (e) return diag_fail(d, e, "the succession cannot be made");
    *out = next;
    return ERR_OK;
}

err household_keys_succeed(const struct household_keys *k, const uint8_t log_key[HOUSEHOLD_LOG_KEY_BYTES],
                           uint64_t time, struct household_keys *out, struct diag *d) {
    AUTO(box_key_clear) struct box_key box = {0};
    AUTO(sign_key_clear) struct sign_key sign = {0};
    box_key_generate(&box);
    sign_key_generate(&sign);
    return household_keys_succeed_with(k, log_key, time, &box, &sign, out, d);
}

static err add_former(const struct household_keys *k, json_t *value) {
    AUTO(json_release) json_t *former = json_array();
    for (size_t i = 0; i < k->chain.count; i++)
        if (json_array_append_new(former, json_base64(BYTES_OF(k->former[i].secret)))) return ERR_NO_MEMORY;
    if (json_object_set_new(value, "log", json_base64(BYTES_OF(k->log_key))) ||
        json_object_set(value, "former", former) ||
        json_object_set_new(value, "succession", succession_chain_json(&k->chain)))
        return ERR_NO_MEMORY;
    return ERR_OK;
}

static err encode(const struct household_keys *k, struct blob *out) {
    AUTO(json_release)
    json_t *value =
        json_pack("{s:i, s:o, s:s, s:o, s:o}", "v", 1, "id", json_hex(BYTES_OF(k->id)), "name", k->name,
                  "box", json_base64(BYTES_OF(k->box.secret)), "sign", json_base64(BYTES_OF(k->sign.seed)));
    err e = value ? ERR_OK : ERR_NO_MEMORY;
    if (!e && k->chain.count) e = add_former(k, value);
    return e ? e : json_append(value, out);
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

static err read_former(json_t *list, struct household_keys *out, struct diag *d) {
    json_t *one;
    size_t i;
    if (json_array_size(list) != out->chain.count)
        return diag_fail(d, ERR_INVALID,
                         "\"former\" must have as many keys as \"succession\" has statements");
    json_array_foreach(list, i, one) {
        AUTO(blob_clear) struct blob secret = {0};
        if (!json_is_string(one) || json_string_length(one) > BASE64_CHARS(BOX_SECRET_BYTES) ||
            base64_decode(json_string_value(one), json_string_length(one), &secret) ||
            secret.len != BOX_SECRET_BYTES)
            return diag_fail(d, ERR_INVALID, "\"former\" must hold keys of %d bytes", BOX_SECRET_BYTES);
        box_key_from_secret(secret.data, &out->former[i]);
    }
    return ERR_OK;
}

/* The chain names this household, the present keys, and the box before each statement. */
static err check_chain(const struct household_keys *k, struct diag *d) {
    const struct succession *last = succession_chain_last(&k->chain);
    if (memcmp(last->household, k->id, sizeof k->id) != 0)
        return diag_fail(d, ERR_FORGED, "\"succession\" is of another household");
    if (memcmp(last->sign, k->sign.public_key, sizeof last->sign) != 0 ||
        memcmp(last->box, k->box.public_key, sizeof last->box) != 0)
        return diag_fail(d, ERR_FORGED, "\"succession\" does not name these keys");
    for (size_t i = 1; i < k->chain.count; i++)
        if (memcmp(k->chain.links[i - 1].statement.box, k->former[i].public_key, SUCCESSION_BOX_BYTES) != 0)
            return diag_fail(d, ERR_FORGED, "\"former\" are not the keys that \"succession\" names");
    return ERR_OK;
}

static err read_chain(const struct blob *log, json_t *former, json_t *succession, struct household_keys *out,
                      struct diag *d) {
    if (!log->len && !former && !succession) return ERR_OK;
    if (!log->len || !former || !succession || json_array_size(succession) == 0)
        return diag_fail(d, ERR_INVALID,
                         "\"log\", \"former\" and \"succession\" stand together, or not at all");
    err e = succession_chain_parse(succession, &out->chain, d);
    if (!e) e = read_former(former, out, d);
    if (e) return e;
    memcpy(out->log_key, log->data, sizeof out->log_key);
    return check_chain(out, d);
}

static err decode(struct bytes text, struct household_keys *out, struct diag *d) {
    AUTO(json_release) json_t *value = NULL;
    AUTO(blob_clear) struct blob box = {0};
    AUTO(blob_clear) struct blob sign = {0};
    AUTO(blob_clear) struct blob log = {0};
    json_t *former = NULL, *succession = NULL;
    const char *name = NULL;
    int64_t version = 0;
    const struct json_field fields[] = {
        JSON_VERSION(&version),
        JSON_ID("id", HOUSEHOLD_ID_BYTES, out->id),
        {"name", JSON_KIND_TEXT, true, 0, HOUSEHOLD_NAME_MAX_BYTES, &name, NULL},
        JSON_FIXED("box", BOX_SECRET_BYTES, &box),
        JSON_FIXED("sign", SIGN_SEED_BYTES, &sign),
        {"log", JSON_KIND_BASE64, false, HOUSEHOLD_LOG_KEY_BYTES, HOUSEHOLD_LOG_KEY_BYTES, &log, NULL},
        {"former", JSON_KIND_ARRAY, false, 0, SUCCESSIONS_MAX, &former, NULL},
        {"succession", JSON_KIND_ARRAY, false, 0, SUCCESSIONS_MAX, &succession, NULL},
    };
    err e = json_parse(text, &value, d);
    if (!e) e = JSON_READ(value, fields, d);
    if (e) return e;
    memcpy(out->name, name, strlen(name) + 1);
    box_key_from_secret(box.data, &out->box);
    sign_key_from_seed(sign.data, &out->sign);
    return read_chain(&log, former, succession, out, d);
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
