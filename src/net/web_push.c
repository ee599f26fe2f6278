#include "net/web_push.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

#define HEAD_BYTES (WEB_PUSH_SALT_BYTES + 4 + 1 + WEB_PUSH_PUBLIC_BYTES)
#define TAG_BYTES 16
#define KEY_BYTES 16
#define NONCE_BYTES 12
#define SHARED_BYTES 32
#define SIGNATURE_HALF_BYTES 32
#define INFO_MAX_BYTES 160
#define DELIMITER_LAST 2 /* of the last record (RFC 8188 section 2) */
#define ORIGIN_MAX_BYTES 300
#define CLAIMS_MAX_BYTES 700

_Static_assert(HEAD_BYTES + WEB_PUSH_PLAIN_MAX_BYTES + 1 + TAG_BYTES == WEB_PUSH_BODY_BYTES, "one record");

static void free_pkey(EVP_PKEY **p) {
    EVP_PKEY_free(*p);
}
static void free_pkey_ctx(EVP_PKEY_CTX **p) {
    EVP_PKEY_CTX_free(*p);
}
static void free_group(EC_GROUP **p) {
    EC_GROUP_free(*p);
}
static void free_point(EC_POINT **p) {
    EC_POINT_free(*p);
}
static void free_number(BIGNUM **p) {
    BN_clear_free(*p);
}
static void free_builder(OSSL_PARAM_BLD **p) {
    OSSL_PARAM_BLD_free(*p);
}
static void free_params(OSSL_PARAM **p) {
    OSSL_PARAM_free(*p);
}
static void free_cipher(EVP_CIPHER_CTX **p) {
    EVP_CIPHER_CTX_free(*p);
}
static void free_digest(EVP_MD_CTX **p) {
    EVP_MD_CTX_free(*p);
}
static void free_signature(ECDSA_SIG **p) {
    ECDSA_SIG_free(*p);
}

static err no_memory(struct diag *d) {
    return diag_fail(d, ERR_NO_MEMORY, "out of memory");
}

/* --- Keys --- */

err web_push_key_from_secret(const uint8_t secret[WEB_PUSH_SECRET_BYTES], struct web_push_key *out) {
    AUTO(free_group) EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    AUTO(free_point) EC_POINT *point = group ? EC_POINT_new(group) : NULL;
    AUTO(free_number) BIGNUM *scalar = BN_secure_new();
    if (!point || !scalar || !BN_bin2bn(secret, WEB_PUSH_SECRET_BYTES, scalar)) return ERR_NO_MEMORY;
    if (BN_is_zero(scalar) || BN_cmp(scalar, EC_GROUP_get0_order(group)) >= 0) return ERR_INVALID;
    struct web_push_key k;
    memcpy(k.secret, secret, sizeof k.secret);
    if (!EC_POINT_mul(group, point, scalar, NULL, NULL, NULL) ||
        EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, k.public_key, sizeof k.public_key,
                           NULL) != sizeof k.public_key) {
        web_push_key_clear(&k);
        return ERR_NO_MEMORY;
    }
    *out = k;
    web_push_key_clear(&k);
    return ERR_OK;
}

void web_push_key_generate(struct web_push_key *out) {
    uint8_t secret[WEB_PUSH_SECRET_BYTES];
    err e;
    do { /* one in 2^32 is no scalar of the group */
        if (RAND_priv_bytes(secret, sizeof secret) != 1) abort();
        e = web_push_key_from_secret(secret, out);
        if (e && e != ERR_INVALID) abort();
    } while (e);
    wipe(secret, sizeof secret);
}

void web_push_key_clear(struct web_push_key *k) {
    wipe(k, sizeof *k);
}

/* With a secret, or a public key alone. A point that is not on the curve is refused: its sender would learn
 * something of the secret (invalid curve attack). */
static err make_pkey(const uint8_t *secret, const uint8_t public_key[WEB_PUSH_PUBLIC_BYTES], EVP_PKEY **out) {
    AUTO(free_builder) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    AUTO(free_number) BIGNUM *scalar = secret ? BN_secure_new() : NULL;
    if (!builder || (secret && (!scalar || !BN_bin2bn(secret, WEB_PUSH_SECRET_BYTES, scalar))))
        return ERR_NO_MEMORY;
    if (!OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) ||
        !OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, public_key,
                                          WEB_PUSH_PUBLIC_BYTES) ||
        (scalar && !OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, scalar)))
        return ERR_NO_MEMORY;
    AUTO(free_params) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    AUTO(free_pkey_ctx) EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    AUTO(free_pkey) EVP_PKEY *key = NULL;
    if (!params || !make || EVP_PKEY_fromdata_init(make) != 1) return ERR_NO_MEMORY;
    if (EVP_PKEY_fromdata(make, &key, secret ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) != 1)
        return ERR_INVALID;
    AUTO(free_pkey_ctx) EVP_PKEY_CTX *check = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (!check) return ERR_NO_MEMORY;
    if (EVP_PKEY_public_check(check) != 1) return ERR_INVALID;
    *out = key;
    key = NULL;
    return ERR_OK;
}

static err read_exactly(const char *text, const char *name, uint8_t *out, size_t len, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    size_t chars = strlen(text);
    while (chars && text[chars - 1] == '=') chars--; /* some browsers' libraries pad */
    if (base64_decode(text, chars, &raw) || raw.len != len)
        return diag_fail(d, ERR_INVALID, "\"%s\" must be base64url of %zu bytes", name, len);
    memcpy(out, raw.data, len);
    return ERR_OK;
}

err web_push_receiver_read(const char *p256dh, const char *auth, struct web_push_receiver *out,
                           struct diag *d) {
    struct web_push_receiver r;
    AUTO(free_pkey) EVP_PKEY *key = NULL;
    err e = read_exactly(p256dh, "p256dh", r.p256dh, sizeof r.p256dh, d);
    if (!e) e = read_exactly(auth, "auth", r.auth, sizeof r.auth, d);
    if (e) return e;
    e = make_pkey(NULL, r.p256dh, &key);
    if (e == ERR_INVALID) return diag_fail(d, e, "\"p256dh\" is not a public key on P-256");
    if (e) return no_memory(d);
    *out = r;
    wipe(&r, sizeof r);
    return ERR_OK;
}

/* --- RFC 8291 --- */

static err agree(const struct web_push_key *mine, const uint8_t theirs[WEB_PUSH_PUBLIC_BYTES],
                 uint8_t out[SHARED_BYTES]) {
    AUTO(free_pkey) EVP_PKEY *own = NULL, *peer = NULL;
    err e = make_pkey(mine->secret, mine->public_key, &own);
    if (!e) e = make_pkey(NULL, theirs, &peer);
    if (e) return e;
    AUTO(free_pkey_ctx) EVP_PKEY_CTX *derive = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
    size_t len = SHARED_BYTES;
    if (!derive || EVP_PKEY_derive_init(derive) != 1 || EVP_PKEY_derive_set_peer(derive, peer) != 1 ||
        EVP_PKEY_derive(derive, out, &len) != 1 || len != SHARED_BYTES)
        return ERR_NO_MEMORY;
    return ERR_OK;
}

static err hkdf(struct bytes salt, struct bytes secret, struct bytes info, struct buffer out) {
    AUTO(free_pkey_ctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
    size_t len = out.len;
    if (!ctx || EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_CTX_set_hkdf_md(ctx, EVP_sha256()) != 1 ||
        EVP_PKEY_CTX_set1_hkdf_salt(ctx, salt.data, (int)salt.len) != 1 ||
        EVP_PKEY_CTX_set1_hkdf_key(ctx, secret.data, (int)secret.len) != 1 ||
        EVP_PKEY_CTX_add1_hkdf_info(ctx, info.data, (int)info.len) != 1 ||
        EVP_PKEY_derive(ctx, out.data, &len) != 1 || len != out.len)
        return ERR_NO_MEMORY;
    return ERR_OK;
}

struct record_keys {
    uint8_t key[KEY_BYTES], nonce[NONCE_BYTES];
};

/* Sections 3.3 and 3.4 of RFC 8291, then 2.2 and 2.3 of RFC 8188. The infos end with a zero. */
static err derive_keys(const struct web_push_receiver *to, const struct web_push_key *sender,
                       const uint8_t salt[WEB_PUSH_SALT_BYTES], struct record_keys *out) {
    static const char key_info[] = "Content-Encoding: aes128gcm", nonce_info[] = "Content-Encoding: nonce";
    uint8_t shared[SHARED_BYTES], secret[SHARED_BYTES], info[INFO_MAX_BYTES];
    size_t used = sizeof "WebPush: info";
    memcpy(info, "WebPush: info", used);
    memcpy(info + used, to->p256dh, WEB_PUSH_PUBLIC_BYTES);
    used += WEB_PUSH_PUBLIC_BYTES;
    memcpy(info + used, sender->public_key, WEB_PUSH_PUBLIC_BYTES);
    used += WEB_PUSH_PUBLIC_BYTES;
    err e = agree(sender, to->p256dh, shared);
    if (!e)
        e = hkdf(BYTES_OF(to->auth), BYTES_OF(shared), BYTES(info, used),
                 (struct buffer){secret, sizeof secret});
    struct bytes salted = BYTES(salt, WEB_PUSH_SALT_BYTES);
    if (!e)
        e = hkdf(salted, BYTES_OF(secret), BYTES_OF(key_info), (struct buffer){out->key, sizeof out->key});
    if (!e)
        e = hkdf(salted, BYTES_OF(secret), BYTES_OF(nonce_info),
                 (struct buffer){out->nonce, sizeof out->nonce});
    wipe(shared, sizeof shared);
    wipe(secret, sizeof secret);
    return e;
}

/* Encrypts in place; the tag goes behind. */
static err encrypt(const struct record_keys *keys, uint8_t *data, size_t len) {
    AUTO(free_cipher) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int n = 0;
    if (!c || EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), NULL, keys->key, keys->nonce) != 1 ||
        EVP_EncryptUpdate(c, data, &n, data, (int)len) != 1 || EVP_EncryptFinal_ex(c, data + n, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, data + len) != 1)
        return ERR_NO_MEMORY;
    return ERR_OK;
}

err web_push_seal_with(const struct web_push_receiver *to, const struct web_push_key *sender,
                       const uint8_t salt[WEB_PUSH_SALT_BYTES], struct bytes plain, size_t zeros,
                       struct blob *out, struct diag *d) {
    if (plain.len > WEB_PUSH_PLAIN_MAX_BYTES || zeros > WEB_PUSH_PLAIN_MAX_BYTES - plain.len)
        return diag_fail(d, ERR_LIMIT, "a push message holds at most %d bytes", WEB_PUSH_PLAIN_MAX_BYTES);
    struct record_keys keys;
    size_t record = plain.len + 1 + zeros, before = out->len;
    err e = derive_keys(to, sender, salt, &keys);
    if (!e) e = blob_reserve(out, before + HEAD_BYTES + record + TAG_BYTES);
    if (!e) {
        uint8_t *at = out->data + before;
        memcpy(at, salt, WEB_PUSH_SALT_BYTES);
        be32_put(at + WEB_PUSH_SALT_BYTES, WEB_PUSH_BODY_BYTES);
        at[WEB_PUSH_SALT_BYTES + 4] = WEB_PUSH_PUBLIC_BYTES;
        memcpy(at + WEB_PUSH_SALT_BYTES + 5, sender->public_key, WEB_PUSH_PUBLIC_BYTES);
        at += HEAD_BYTES;
        if (plain.len) memcpy(at, plain.data, plain.len);
        at[plain.len] = DELIMITER_LAST;
        memset(at + plain.len + 1, 0, zeros);
        e = encrypt(&keys, at, record);
        if (e)
            wipe(at, record);
        else
            out->len = before + HEAD_BYTES + record + TAG_BYTES;
    }
    wipe(&keys, sizeof keys);
    if (e == ERR_INVALID) return diag_fail(d, e, "the subscription's key is not on P-256");
    return e ? no_memory(d) : ERR_OK;
}

err web_push_seal(const struct web_push_receiver *to, struct bytes plain, struct blob *out, struct diag *d) {
    struct web_push_key once;
    uint8_t salt[WEB_PUSH_SALT_BYTES];
    if (plain.len > WEB_PUSH_PLAIN_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "a push message holds at most %d bytes", WEB_PUSH_PLAIN_MAX_BYTES);
    if (RAND_bytes(salt, sizeof salt) != 1) abort();
    web_push_key_generate(&once);
    err e = web_push_seal_with(to, &once, salt, plain, WEB_PUSH_PLAIN_MAX_BYTES - plain.len, out, d);
    web_push_key_clear(&once);
    return e;
}

/* --- RFC 8292 --- */

/* "https://push.example.net:8443" of "https://push.example.net:8443/x/y" (RFC 6454 section 6.2). */
static err origin_of(const char *endpoint, char out[ORIGIN_MAX_BYTES]) {
    const char *host = strncmp(endpoint, "https://", 8) == 0  ? endpoint + 8
                       : strncmp(endpoint, "http://", 7) == 0 ? endpoint + 7
                                                              : NULL;
    if (!host) return ERR_INVALID;
    size_t len = (size_t)(host - endpoint) + strcspn(host, "/?#");
    if (len == (size_t)(host - endpoint) || len >= ORIGIN_MAX_BYTES) return ERR_INVALID;
    for (size_t i = 0; i < len; i++) {
        char c = endpoint[i];
        if (c <= ' ' || c == '"' || c == '\\' || c == '@' || c > '~') return ERR_INVALID;
        out[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    out[len] = 0;
    return ERR_OK;
}

/* ES256 of RFC 7518 section 3.4: r and s, 32 bytes each. */
static err sign_es256(const struct web_push_key *k, struct bytes text,
                      uint8_t out[2 * SIGNATURE_HALF_BYTES]) {
    AUTO(free_pkey) EVP_PKEY *key = NULL;
    err e = make_pkey(k->secret, k->public_key, &key);
    if (e) return e;
    AUTO(free_digest) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t der[80];
    const uint8_t *at = der;
    size_t len = sizeof der;
    if (!ctx || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
        EVP_DigestSign(ctx, der, &len, text.data, text.len) != 1)
        return ERR_NO_MEMORY;
    AUTO(free_signature) ECDSA_SIG *parts = d2i_ECDSA_SIG(NULL, &at, (long)len);
    if (!parts || BN_bn2binpad(ECDSA_SIG_get0_r(parts), out, SIGNATURE_HALF_BYTES) < 0 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(parts), out + SIGNATURE_HALF_BYTES, SIGNATURE_HALF_BYTES) < 0)
        return ERR_NO_MEMORY;
    return ERR_OK;
}

err web_push_authorization(const struct web_push_key *vapid, const char *endpoint, const char *subject,
                           struct wall_us now, char out[WEB_PUSH_AUTHORIZATION_BYTES], struct diag *d) {
    static const char head[] = "{\"typ\":\"JWT\",\"alg\":\"ES256\"}";
    char origin[ORIGIN_MAX_BYTES], claims[CLAIMS_MAX_BYTES],
        token[BASE64_CHARS(sizeof head) + BASE64_CHARS(CLAIMS_MAX_BYTES)];
    char last[BASE64_CHARS(2 * SIGNATURE_HALF_BYTES)], key[BASE64_CHARS(WEB_PUSH_PUBLIC_BYTES)];
    uint8_t signature[2 * SIGNATURE_HALF_BYTES];
    if (strpbrk(subject, "\"\\\r\n")) return diag_fail(d, ERR_INVALID, "the contact is not usable");
    if (origin_of(endpoint, origin))
        return diag_fail(d, ERR_INVALID, "the push endpoint is no https address");
    long long expires = now.us / 1000000 + WEB_PUSH_TOKEN_LIFE_S;
    int n = snprintf(claims, sizeof claims, "{\"aud\":\"%s\",\"exp\":%lld,\"sub\":\"%s\"}", origin, expires,
                     subject);
    if (n < 0 || n >= (int)sizeof claims) return diag_fail(d, ERR_LIMIT, "the contact is too long");
    base64_encode(BYTES(head, sizeof head - 1), token);
    size_t used = strlen(token);
    token[used++] = '.';
    base64_encode(BYTES(claims, (size_t)n), token + used);
    err e = sign_es256(vapid, bytes_text(token), signature);
    if (e) return diag_fail(d, e, "cannot sign the push message");
    base64_encode(BYTES_OF(signature), last);
    base64_encode(BYTES_OF(vapid->public_key), key);
    n = snprintf(out, WEB_PUSH_AUTHORIZATION_BYTES, "vapid t=%s.%s, k=%s", token, last, key);
    return n < 0 || n >= WEB_PUSH_AUTHORIZATION_BYTES ? diag_fail(d, ERR_LIMIT, "the token is too long")
                                                      : ERR_OK;
}
