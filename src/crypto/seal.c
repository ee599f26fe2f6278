#include "crypto/seal.h"

#include <limits.h>
#include <openssl/evp.h>
#include <pthread.h>

#include "crypto/must.h"

struct aead_sealer {
    EVP_CIPHER_CTX *ctx;
};

static EVP_CIPHER *gcm;
static pthread_once_t gcm_once = PTHREAD_ONCE_INIT;

static void gcm_fetch(void) {
    gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
}

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
