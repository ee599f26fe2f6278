#include "format/staff_key.h"

#include "crypto/hash.h"
#include "format/json_bytes.h"

#define DOMAIN "cardea/1 staff key"

err staff_name_check(const char *name, struct diag *d) {
    size_t len = strlen(name);
    if (len == 0 || len > STAFF_NAME_MAX_BYTES)
        return diag_fail(d, ERR_INVALID, "\"name\" must have 1 to %d bytes", STAFF_NAME_MAX_BYTES);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return diag_fail(d, ERR_INVALID, "\"name\" holds a control character");
    return ERR_OK;
}

void staff_fingerprint(const uint8_t sign[SIGN_PUBLIC_BYTES], char out[STAFF_FINGERPRINT_TEXT_BYTES]) {
    uint8_t hash[HASH_BYTES];
    char hex[33];
    hash_sha256(BYTES(sign, SIGN_PUBLIC_BYTES), hash);
    hex_encode(BYTES(hash, 16), hex);
    for (size_t i = 0; i < 8; i++) {
        memcpy(out + 5 * i, hex + 4 * i, 4);
        out[5 * i + 4] = i == 7 ? 0 : ' ';
    }
}

static err decode(struct bytes text, struct staff_key *out, struct diag *d) {
    AUTO(json_release) json_t *value = NULL;
    AUTO(blob_clear) struct blob staff = {0};
    AUTO(blob_clear) struct blob desk = {0};
    int64_t version = 0, time = 0;
    const char *name = NULL;
    const struct json_field fields[] = {
        JSON_VERSION(&version),
        JSON_FIXED("staff", SIGN_PUBLIC_BYTES, &staff),
        JSON_FIXED("desk", BOX_PUBLIC_BYTES, &desk),
        {"name", JSON_KIND_TEXT, true, 1, STAFF_NAME_MAX_BYTES, &name, NULL},
        {"time", JSON_KIND_INT, true, 0, UINT32_MAX, &time, NULL},
    };
    err e = json_parse(text, &value, d);
    if (!e) e = JSON_READ(value, fields, d);
    if (!e) e = staff_name_check(name, d);
    if (e) return e;
    memcpy(out->staff, staff.data, staff.len);
    memcpy(out->desk, desk.data, desk.len);
    memcpy(out->name, name, strlen(name) + 1);
    out->time = (uint32_t)time;
    return ERR_OK;
}

err staff_key_read(struct bytes raw, struct staff_key *out, struct diag *d) {
    struct envelope envelope;
    struct staff_key found = {0};
    if (raw.len > STAFF_KEY_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "staff key: larger than %u bytes", STAFF_KEY_MAX_BYTES);
    err e = envelope_verify(raw, DOMAIN, &envelope, d);
    if (!e) e = decode(envelope.message, &found, d);
    if (!e && memcmp(envelope.signer, found.staff, SIGN_PUBLIC_BYTES) != 0)
        e = diag_fail(d, ERR_FORGED, "it is signed by another key than it names");
    if (e) {
        diag_prefix(d, "staff key");
        return e;
    }
    *out = found;
    return ERR_OK;
}
