#include "format/certificate.h"

#include "crypto/hash.h"
#include "format/json_bytes.h"

void hub_id_of(const uint8_t sign[SIGN_PUBLIC_BYTES], uint8_t out[HUB_ID_BYTES]) {
    uint8_t hash[HASH_BYTES];
    hash_sha256(BYTES(sign, SIGN_PUBLIC_BYTES), hash);
    memcpy(out, hash, HUB_ID_BYTES);
}

void hub_certificate_key(const uint8_t hub[HUB_ID_BYTES], char out[HUB_KEY_TEXT_BYTES]) {
    memcpy(out, "hub/", 4);
    hex_encode(BYTES(hub, HUB_ID_BYTES), out + 4);
}

err hub_certificate_encode(const struct hub_certificate *c, struct blob *out) {
    uint8_t id[HUB_ID_BYTES];
    char added[WALL_TEXT_BYTES];
    hub_id_of(c->sign, id);
    wall_format(c->added, added);
    AUTO(json_release)
    json_t *value = json_pack("{s:i, s:o, s:o, s:o, s:o, s:s}", "v", 1, "hub", json_hex(BYTES_OF(id)), "sign",
                              json_base64(BYTES_OF(c->sign)), "box", json_base64(BYTES_OF(c->box)), "writer",
                              json_base64(BYTES_OF(c->writer)), "added", added);
    return json_append(value, out);
}

static err decode(struct bytes text, struct hub_certificate *out, struct diag *d) {
    AUTO(json_release) json_t *value = NULL;
    AUTO(blob_clear) struct blob sign = {0};
    AUTO(blob_clear) struct blob box = {0};
    AUTO(blob_clear) struct blob writer = {0};
    const char *added = NULL;
    int64_t version = 0;
    const struct json_field fields[] = {
        JSON_VERSION(&version),
        JSON_ID("hub", HUB_ID_BYTES, out->hub),
        JSON_FIXED("sign", SIGN_PUBLIC_BYTES, &sign),
        JSON_FIXED("box", sizeof out->box, &box),
        JSON_FIXED("writer", SIGN_PUBLIC_BYTES, &writer),
        {"added", JSON_KIND_TEXT, true, 1, WALL_TEXT_BYTES, &added, NULL},
    };
    err e = json_parse(text, &value, d);
    if (!e) e = JSON_READ(value, fields, d);
    if (e) return e;
    if (added[strlen(added) - 1] != 'Z' || wall_parse(added, (struct wall_us){0}, &out->added, NULL))
        return diag_fail(d, ERR_INVALID, "\"added\" must be a time in UTC");
    memcpy(out->sign, sign.data, sign.len);
    memcpy(out->box, box.data, box.len);
    memcpy(out->writer, writer.data, writer.len);
    return ERR_OK;
}

err hub_certificate_verify(struct bytes raw, const uint8_t household[SIGN_PUBLIC_BYTES],
                           struct hub_certificate *out, struct diag *d) {
    struct object object;
    struct hub_certificate found = {0};
    err e = object_verify(raw, &object, d);
    if (!e && memcmp(object.signer, household, SIGN_PUBLIC_BYTES) != 0)
        e = diag_fail(d, ERR_FORGED, "it is signed by another household");
    if (!e) e = decode(object.payload, &found, d);
    if (e) {
        diag_prefix(d, "hub's certificate");
        return e;
    }
    uint8_t id[HUB_ID_BYTES];
    char key[HUB_KEY_TEXT_BYTES];
    hub_id_of(found.sign, id);
    hub_certificate_key(id, key);
    if (memcmp(found.hub, id, sizeof id) != 0 || strcmp(object.key, key) != 0)
        return diag_fail(d, ERR_FORGED, "hub's certificate: the hub's id is not its key's");
    *out = found;
    return ERR_OK;
}
