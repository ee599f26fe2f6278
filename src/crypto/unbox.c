#include "crypto/unbox.h"

#include <limits.h>
#include <openssl/evp.h>

#include "crypto/hash.h"
#include "crypto/hpke.h"
#include "crypto/must.h"

static void context_free(EVP_CIPHER_CTX **ctx) {
    EVP_CIPHER_CTX_free(*ctx);
}

void box_key_generate(struct box_key *out) {
    uint8_t secret[BOX_SECRET_BYTES];
    random_bytes(secret, sizeof secret);
    box_key_from_secret(secret, out);
    wipe(secret, sizeof secret);
}

void box_key_from_secret(const uint8_t secret[BOX_SECRET_BYTES], struct box_key *out) {
    hpke_public(secret, out->public_key);
    memmove(out->secret, secret, BOX_SECRET_BYTES);
}

void box_key_clear(struct box_key *k) {
    if (k) wipe(k, sizeof *k);
}

/* Private here rather than a use of open.h: a hub links this file, and must not link that one. */
static bool gcm_open(const uint8_t key[AEAD_KEY_BYTES], const uint8_t nonce[AEAD_NONCE_BYTES],
                     struct bytes aad, struct bytes sealed, uint8_t *plain) {
    AUTO(context_free) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    must(ctx && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) == 1);
    int n = 0;
    size_t len = sealed.len - AEAD_TAG_BYTES;
    uint8_t tag[AEAD_TAG_BYTES];
    memcpy(tag, sealed.data + len, sizeof tag);
    if (aad.len) must(EVP_DecryptUpdate(ctx, NULL, &n, aad.data, (int)aad.len) == 1);
    if (len) must(EVP_DecryptUpdate(ctx, plain, &n, sealed.data, (int)len) == 1);
    must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_BYTES, tag) == 1);
    if (EVP_DecryptFinal_ex(ctx, plain + len, &n) == 1) return true;
    wipe(plain, len);
    return false;
}

err box_open(const struct box_key *k, const char *info, struct bytes aad, struct bytes sealed,
             struct blob *plain) {
    if (sealed.len < BOX_OVERHEAD_BYTES || sealed.len > INT_MAX || aad.len > INT_MAX) return ERR_INVALID;
    size_t len = sealed.len - BOX_OVERHEAD_BYTES;
    err e = blob_reserve(plain, plain->len + len + 1); /* never NULL, even for an empty plaintext */
    if (e) return e;
    uint8_t dh[32], key[AEAD_KEY_BYTES], nonce[AEAD_NONCE_BYTES];
    if (hpke_shared(k->secret, sealed.data, dh)) return ERR_FORGED;
    hpke_schedule(dh, sealed.data, k->public_key, info, key, nonce);
    bool opened = gcm_open(key, nonce, aad, BYTES(sealed.data + BOX_ENC_BYTES, len + AEAD_TAG_BYTES),
                           plain->data + plain->len);
    wipe(dh, sizeof dh);
    wipe(key, sizeof key);
    if (!opened) return ERR_FORGED;
    plain->len += len;
    return ERR_OK;
}
