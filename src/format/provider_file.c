#include "format/provider_file.h"

#include "crypto/hash.h"
#include "crypto/open.h"
#include "format/json_bytes.h"

#define HEAD_BYTES 30
#define NONCE_AT HEAD_BYTES
#define SEALED_AT (HEAD_BYTES + AEAD_NONCE_BYTES)

static void sealer_release(struct aead_sealer **s) {
    aead_sealer_free(*s);
}
static void opener_release(struct aead_opener **o) {
    aead_opener_free(*o);
}

void provider_secrets_clear(struct provider_secrets *p) {
    if (p) wipe(p, sizeof *p);
}

static void head_make(struct passphrase_cost cost, uint8_t head[HEAD_BYTES]) {
    memcpy(head, "CRDP\x01\x01", 6);
    be32_put(head + 6, cost.memory_kib);
    be32_put(head + 10, cost.passes);
    random_bytes(head + 14, PASSPHRASE_SALT_BYTES);
}

static err body_make(const struct provider_secrets *p, struct blob *out) {
    AUTO(json_release)
    json_t *value = json_pack("{s:i, s:s, s:o, s:o, s:I}", "v", 1, "name", p->name, "staff",
                              json_base64(BYTES_OF(p->staff.seed)), "desk",
                              json_base64(BYTES_OF(p->desk.secret)), "time", (json_int_t)p->time);
    return json_append(value, out);
}

err provider_file_seal(const struct provider_secrets *p, struct bytes passphrase, struct passphrase_cost cost,
                       struct blob *out, struct diag *d) {
    AUTO(passphrase_keys_clear) struct passphrase_keys keys = {0};
    AUTO(blob_clear) struct blob body = {0};
    uint8_t head[SEALED_AT];
    err e = staff_name_check(p->name, d);
    head_make(cost, head);
    random_bytes(head + NONCE_AT, AEAD_NONCE_BYTES);
    if (!e) e = passphrase_derive(passphrase, head + 14, cost, &keys, d);
    if (!e) e = body_make(p, &body);
    size_t sealed = body.len + AEAD_TAG_BYTES;
    if (!e) e = blob_reserve(out, out->len + sizeof head + sealed);
    AUTO(sealer_release) struct aead_sealer *s = e ? NULL : aead_sealer_new();
    if (!e && !s) e = ERR_NO_MEMORY;
    if (e) return e;
    aead_sealer_key(s, keys.wrap);
    memcpy(out->data + out->len, head, sizeof head);
    e = aead_seal(s, head + NONCE_AT, BYTES(head, HEAD_BYTES), blob_bytes(&body),
                  (struct buffer){out->data + out->len + sizeof head, sealed});
    if (!e) out->len += sizeof head + sealed;
    return e;
}

static err body_read(struct bytes text, struct provider_secrets *out, struct diag *d) {
    AUTO(json_release) json_t *value = NULL;
    AUTO(blob_clear) struct blob staff = {0};
    AUTO(blob_clear) struct blob desk = {0};
    int64_t version = 0, time = 0;
    const char *name = NULL;
    const struct json_field fields[] = {
        JSON_VERSION(&version),
        {"name", JSON_KIND_TEXT, true, 1, STAFF_NAME_MAX_BYTES, &name, NULL},
        JSON_FIXED("staff", SIGN_SEED_BYTES, &staff),
        JSON_FIXED("desk", BOX_SECRET_BYTES, &desk),
        {"time", JSON_KIND_INT, true, 0, UINT32_MAX, &time, NULL},
    };
    err e = json_parse(text, &value, d);
    if (!e) e = JSON_READ(value, fields, d);
    if (!e) e = staff_name_check(name, d);
    if (e) return e;
    memcpy(out->name, name, strlen(name) + 1);
    sign_key_from_seed(staff.data, &out->staff);
    box_key_from_secret(desk.data, &out->desk);
    out->time = (uint32_t)time;
    return ERR_OK;
}

static err head_check(struct bytes raw, struct diag *d) {
    if (raw.len > PROVIDER_FILE_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "provider file: larger than %u bytes", PROVIDER_FILE_MAX_BYTES);
    if (raw.len < 4 || memcmp(raw.data, "CRDP", 4) != 0)
        return diag_fail(d, ERR_INVALID, "provider file: the magic is not CRDP");
    if (raw.len < 6 || raw.data[4] != 1 || raw.data[5] != 1)
        return diag_fail(d, ERR_INVALID, "provider file: this version or suite is not known");
    if (raw.len < SEALED_AT + AEAD_TAG_BYTES)
        return diag_fail(d, ERR_INVALID, "provider file: the length is too small");
    return ERR_OK;
}

err provider_file_open(struct bytes raw, struct bytes passphrase, struct provider_secrets *out,
                       struct diag *d) {
    AUTO(passphrase_keys_clear) struct passphrase_keys keys = {0};
    AUTO(blob_clear) struct blob plain = {0};
    AUTO(provider_secrets_clear) struct provider_secrets found = {0};
    err e = head_check(raw, d);
    if (e) return e;
    struct passphrase_cost cost = {be32_get(raw.data + 6), be32_get(raw.data + 10)};
    struct bytes sealed = BYTES(raw.data + SEALED_AT, raw.len - SEALED_AT);
    e = passphrase_derive(passphrase, raw.data + 14, cost, &keys, d);
    if (!e) e = blob_reserve(&plain, sealed.len);
    AUTO(opener_release) struct aead_opener *o = e ? NULL : aead_opener_new();
    if (!e && !o) e = ERR_NO_MEMORY;
    if (e) return e;
    aead_opener_key(o, keys.wrap);
    e = aead_open(o, raw.data + NONCE_AT, BYTES(raw.data, HEAD_BYTES), sealed,
                  (struct buffer){plain.data, plain.cap});
    if (e) return diag_fail(d, e, "provider file: another passphrase, or damaged");
    plain.len = sealed.len - AEAD_TAG_BYTES;
    e = body_read(blob_bytes(&plain), &found, d);
    if (e)
        diag_prefix(d, "provider file");
    else
        *out = found;
    return e;
}

err provider_statement(const struct provider_secrets *p, struct blob *out) {
    struct staff_key key = {.time = p->time};
    memcpy(key.name, p->name, sizeof key.name);
    memcpy(key.desk, p->desk.public_key, sizeof key.desk);
    return staff_key_sign(&key, &p->staff, out);
}
