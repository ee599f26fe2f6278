#include "crypto/seal.h"

#include <limits.h>
#include <openssl/evp.h>
#include <pthread.h>

#include "crypto/hash.h"
#include "crypto/hpke.h"
#include "crypto/must.h"

struct aead_sealer {
    EVP_CIPHER_CTX *ctx;
};

static EVP_CIPHER *gcm;
static pthread_once_t gcm_once = PTHREAD_ONCE_INIT;

static void gcm_fetch(void) { gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL); }

struct aead_sealer *aead_sealer_new(void) {
    must(pthread_once(&gcm_once, gcm_fetch) == 0 && gcm);
    struct aead_sealer *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->ctx = EVP_CIPHER_CTX_new();
    if (!s->ctx) {
        free(s);
        return NULL;
    }
    return s;
}

void aead_sealer_key(struct aead_sealer *s, const uint8_t key[AEAD_KEY_BYTES]) {
    must(EVP_EncryptInit_ex(s->ctx, gcm, NULL, key, NULL) == 1);
}

err aead_seal(struct aead_sealer *s, const uint8_t nonce[AEAD_NONCE_BYTES], struct bytes aad,
              struct bytes plain, struct buffer out) {
    if (plain.len > INT_MAX - AEAD_TAG_BYTES || aad.len > INT_MAX || out.len < plain.len + AEAD_TAG_BYTES)
        return ERR_INVALID;
    int n = 0;
    must(EVP_EncryptInit_ex(s->ctx, NULL, NULL, NULL, nonce) == 1); /* keeps the key schedule */
    if (aad.len) must(EVP_EncryptUpdate(s->ctx, NULL, &n, aad.data, (int)aad.len) == 1);
    if (plain.len) must(EVP_EncryptUpdate(s->ctx, out.data, &n, plain.data, (int)plain.len) == 1);
    must(EVP_EncryptFinal_ex(s->ctx, out.data + plain.len, &n) == 1);
    must(EVP_CIPHER_CTX_ctrl(s->ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_BYTES, out.data + plain.len) == 1);
    return ERR_OK;
}

void aead_sealer_free(struct aead_sealer *s) {
    if (!s) return;
    EVP_CIPHER_CTX_free(s->ctx); /* wipes the key schedule */
    free(s);
}

static void sealer_release(struct aead_sealer **s) { aead_sealer_free(*s); }

err box_seal(const uint8_t recipient[BOX_PUBLIC_BYTES], const char *info, struct bytes aad,
             struct bytes plain, struct blob *out) {
    uint8_t ephemeral[BOX_SECRET_BYTES];
    random_bytes(ephemeral, sizeof ephemeral);
    err e = box_seal_with(recipient, ephemeral, info, aad, plain, out);
    wipe(ephemeral, sizeof ephemeral);
    return e;
}

err box_seal_with(const uint8_t recipient[BOX_PUBLIC_BYTES], const uint8_t ephemeral[BOX_SECRET_BYTES],
                  const char *info, struct bytes aad, struct bytes plain, struct blob *out) {
    if (plain.len > INT_MAX - BOX_OVERHEAD_BYTES) return ERR_NO_MEMORY;
    AUTO(sealer_release) struct aead_sealer *s = aead_sealer_new();
    if (!s) return ERR_NO_MEMORY;
    err e = blob_reserve(out, out->len + plain.len + BOX_OVERHEAD_BYTES);
    if (e) return e;
    uint8_t dh[32], key[AEAD_KEY_BYTES], nonce[AEAD_NONCE_BYTES], enc[BOX_ENC_BYTES];
    e = hpke_shared(ephemeral, recipient, dh);
    if (e) return e;
    hpke_public(ephemeral, enc);
    hpke_schedule(dh, enc, recipient, info, key, nonce);
    aead_sealer_key(s, key);
    uint8_t *at = out->data + out->len;
    e = aead_seal(s, nonce, aad, plain,
                  (struct buffer){at + BOX_ENC_BYTES, plain.len + AEAD_TAG_BYTES});
    wipe(dh, sizeof dh);
    wipe(key, sizeof key);
    if (e) return e;
    memcpy(at, enc, BOX_ENC_BYTES);
    out->len += plain.len + BOX_OVERHEAD_BYTES;
    return ERR_OK;
}
