#include "format/pairing.h"

#include "crypto/hash.h"
#include "format/certificate.h"
#include "format/json_bytes.h"

#define SYMBOLS 16
#define INFO "cardea/1 pairing"

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; /* Crockford: no I, L, O, U */

void pairing_format(const uint8_t secret[PAIRING_SECRET_BYTES], char out[PAIRING_TEXT_BYTES]) {
    for (unsigned i = 0; i < SYMBOLS; i++) {
        unsigned v = 0;
        for (unsigned bit = i * 5; bit < i * 5 + 5; bit++)
            v = v << 1 | (secret[bit / 8] >> (7 - bit % 8) & 1u);
        *out++ = alphabet[v];
        if (i % 4 == 3 && i + 1 < SYMBOLS) *out++ = '-';
    }
    *out = 0;
}

static int symbol_value(char c) {
    if (c >= 'a' && c <= 'z') c = (char)(c - 'a' + 'A');
    if (c == 'O') return 0;
    if (c == 'I' || c == 'L') return 1;
    const char *found = c ? strchr(alphabet, c) : NULL;
    return found ? (int)(found - alphabet) : -1;
}

err pairing_parse(const char *text, uint8_t out[PAIRING_SECRET_BYTES], struct diag *d) {
    uint8_t secret[PAIRING_SECRET_BYTES] = {0};
    unsigned count = 0;
    for (const char *at = text; *at; at++) {
        if (*at == '-' || *at == ' ') continue;
        int v = symbol_value(*at);
        if (v < 0)
            return diag_fail(d, ERR_INVALID, "letter %u of the pairing code cannot be; it is made of %s",
                             count + 1, alphabet);
        if (count == SYMBOLS)
            return diag_fail(d, ERR_INVALID, "the pairing code is longer than %d letters", SYMBOLS);
        for (unsigned i = 0; i < 5; i++) {
            unsigned bit = count * 5 + i;
            secret[bit / 8] = (uint8_t)(secret[bit / 8] | ((unsigned)v >> (4 - i) & 1u) << (7 - bit % 8));
        }
        count++;
    }
    if (count < SYMBOLS)
        return diag_fail(d, ERR_INVALID, "the pairing code has %d letters; there are %u", SYMBOLS, count);
    memcpy(out, secret, sizeof secret);
    wipe(secret, sizeof secret);
    return ERR_OK;
}

void pairing_derive(const uint8_t secret[PAIRING_SECRET_BYTES], struct pairing *out) {
    uint8_t hash[HASH_BYTES];
    const struct bytes none = {0};
    hash_sha256(BYTES(secret, PAIRING_SECRET_BYTES), hash);
    hash_hkdf_expand(hash, "cardea/1 pairing id", none, (struct buffer){out->id, sizeof out->id});
    hash_hkdf_expand(hash, "cardea/1 pairing", none, (struct buffer){out->key, sizeof out->key});
    wipe(hash, sizeof hash);
}

void pairing_clear(struct pairing *p) {
    if (p) wipe(p, sizeof *p);
}

static void mac_as(const struct pairing *p, const char *who, const uint8_t sign[SIGN_PUBLIC_BYTES],
                   const uint8_t box[BOX_PUBLIC_BYTES], uint8_t out[32]) {
    uint8_t message[8 + SIGN_PUBLIC_BYTES + BOX_PUBLIC_BYTES];
    size_t len = strlen(who);
    memcpy(message, who, len);
    memcpy(message + len, sign, SIGN_PUBLIC_BYTES);
    memcpy(message + len + SIGN_PUBLIC_BYTES, box, BOX_PUBLIC_BYTES);
    hash_hmac(BYTES_OF(p->key), BYTES(message, len + SIGN_PUBLIC_BYTES + BOX_PUBLIC_BYTES), out);
}

void pairing_mac(const struct pairing *p, const uint8_t sign[SIGN_PUBLIC_BYTES],
                 const uint8_t box[BOX_PUBLIC_BYTES], uint8_t out[32]) {
    mac_as(p, "hub", sign, box, out);
}

void pairing_member_mac(const struct pairing *p, const uint8_t sign[SIGN_PUBLIC_BYTES],
                        const uint8_t box[BOX_PUBLIC_BYTES], uint8_t out[32]) {
    mac_as(p, "member", sign, box, out);
}

err pairing_member_check(const struct pairing *p, const uint8_t sign[SIGN_PUBLIC_BYTES],
                         const uint8_t box[BOX_PUBLIC_BYTES], const uint8_t mac[32], struct diag *d) {
    uint8_t expected[32];
    pairing_member_mac(p, sign, box, expected);
    if (bytes_equal_secret(BYTES_OF(expected), BYTES(mac, 32))) return ERR_OK;
    return diag_fail(d, ERR_FORGED, "the keys were not sent by whoever has the invitation");
}

err pairing_check(const struct pairing *p, const uint8_t sign[SIGN_PUBLIC_BYTES],
                  const uint8_t box[BOX_PUBLIC_BYTES], const uint8_t mac[32], struct diag *d) {
    uint8_t expected[32];
    pairing_mac(p, sign, box, expected);
    if (bytes_equal_secret(BYTES_OF(expected), BYTES(mac, 32))) return ERR_OK;
    return diag_fail(d, ERR_FORGED, "the hub's keys were not sent by whoever shows this code");
}

void pairing_answer_clear(struct pairing_answer *a) {
    if (!a) return;
    blob_clear(&a->certificate);
    wipe(a, sizeof *a);
}

err pairing_answer_seal(const struct pairing_answer *a, const struct pairing *p,
                        const uint8_t hub_box[BOX_PUBLIC_BYTES], struct blob *out) {
    uint8_t ephemeral[BOX_SECRET_BYTES];
    random_bytes(ephemeral, sizeof ephemeral);
    err e = pairing_answer_seal_with(a, p, hub_box, ephemeral, out);
    wipe(ephemeral, sizeof ephemeral);
    return e;
}

err pairing_answer_seal_with(const struct pairing_answer *a, const struct pairing *p,
                             const uint8_t hub_box[BOX_PUBLIC_BYTES],
                             const uint8_t ephemeral[BOX_SECRET_BYTES], struct blob *out) {
    AUTO(json_release)
    json_t *value = json_pack("{s:i, s:o, s:o, s:o, s:o, s:o}", "v", 1, "household",
                              json_hex(BYTES_OF(a->household)), "box", json_base64(BYTES_OF(a->box)), "sign",
                              json_base64(BYTES_OF(a->sign)), "writer", json_base64(BYTES_OF(a->writer.seed)),
                              "certificate", json_base64(blob_bytes(&a->certificate)));
    AUTO(blob_clear) struct blob text = {0};
    err e = json_append(value, &text);
    return e ? e : box_seal_with(hub_box, ephemeral, INFO, BYTES_OF(p->key), blob_bytes(&text), out);
}

static err decode(struct bytes text, struct pairing_answer *out, struct diag *d) {
    AUTO(json_release) json_t *value = NULL;
    AUTO(blob_clear) struct blob box = {0};
    AUTO(blob_clear) struct blob sign = {0};
    AUTO(blob_clear) struct blob writer = {0};
    int64_t version = 0;
    const struct json_field fields[] = {
        JSON_VERSION(&version),
        JSON_ID("household", sizeof out->household, out->household),
        JSON_FIXED("box", BOX_PUBLIC_BYTES, &box),
        JSON_FIXED("sign", SIGN_PUBLIC_BYTES, &sign),
        JSON_FIXED("writer", SIGN_SEED_BYTES, &writer),
        {"certificate", JSON_KIND_BASE64, true, 1, PAIRING_ANSWER_MAX_BYTES, &out->certificate, NULL},
    };
    err e = json_parse(text, &value, d);
    if (!e) e = JSON_READ(value, fields, d);
    if (e) return e;
    memcpy(out->box, box.data, box.len);
    memcpy(out->sign, sign.data, sign.len);
    sign_key_from_seed(writer.data, &out->writer);
    return ERR_OK;
}

err pairing_answer_open(struct bytes raw, const struct pairing *p, const struct box_key *hub_box,
                        const uint8_t hub_sign[SIGN_PUBLIC_BYTES], struct pairing_answer *out,
                        struct diag *d) {
    if (raw.len > PAIRING_ANSWER_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "pairing: larger than %u bytes", PAIRING_ANSWER_MAX_BYTES);
    AUTO(blob_clear) struct blob text = {0};
    AUTO(pairing_answer_clear) struct pairing_answer found = {0};
    struct hub_certificate certificate;
    err e = box_open(hub_box, INFO, BYTES_OF(p->key), raw, &text);
    if (e) return diag_fail(d, e, "pairing: the answer was made without the code, or for another hub");
    e = decode(blob_bytes(&text), &found, d);
    if (!e) e = hub_certificate_verify(blob_bytes(&found.certificate), found.sign, &certificate, d);
    if (e) {
        diag_prefix(d, "pairing");
        return e;
    }
    if (memcmp(certificate.sign, hub_sign, SIGN_PUBLIC_BYTES) != 0 ||
        memcmp(certificate.box, hub_box->public_key, BOX_PUBLIC_BYTES) != 0 ||
        memcmp(certificate.writer, found.writer.public_key, SIGN_PUBLIC_BYTES) != 0)
        return diag_fail(d, ERR_FORGED, "pairing: the certificate is not of this hub's keys");
    *out = found;
    found = (struct pairing_answer){0};
    return ERR_OK;
}
