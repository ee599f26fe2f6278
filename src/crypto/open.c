#include "crypto/open.h"

#include <limits.h>
#include <openssl/evp.h>
#include <pthread.h>

#include "crypto/must.h"

struct aead_opener {
    EVP_CIPHER_CTX *ctx;
};

static EVP_CIPHER *gcm;
static pthread_once_t gcm_once = PTHREAD_ONCE_INIT;

static void gcm_fetch(void) {
    gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
}

struct aead_opener *aead_opener_new(void) {
    must(pthread_once(&gcm_once, gcm_fetch) == 0 && gcm);
    struct aead_opener *o = calloc(1, sizeof *o);
    if (!o) return NULL;
    o->ctx = EVP_CIPHER_CTX_new();
    if (!o->ctx) {
        free(o);
        return NULL;
    }
    return o;
}

void aead_opener_key(struct aead_opener *o, const uint8_t key[AEAD_KEY_BYTES]) {
    must(EVP_DecryptInit_ex(o->ctx, gcm, NULL, key, NULL) == 1);
}

err aead_open(struct aead_opener *o, const uint8_t nonce[AEAD_NONCE_BYTES], struct bytes aad,
              struct bytes sealed, struct buffer plain) {
    size_t len = sealed.len - AEAD_TAG_BYTES;
    if (sealed.len < AEAD_TAG_BYTES || sealed.len > INT_MAX || aad.len > INT_MAX || plain.len < len) {
        wipe(plain.data, plain.len);
        return ERR_INVALID;
    }
    int n = 0;
    uint8_t tag[AEAD_TAG_BYTES], none[1];
    memcpy(tag, sealed.data + len, sizeof tag);
    must(EVP_DecryptInit_ex(o->ctx, NULL, NULL, NULL, nonce) == 1); /* keeps the key schedule */
    if (aad.len) must(EVP_DecryptUpdate(o->ctx, NULL, &n, aad.data, (int)aad.len) == 1);
    if (len) must(EVP_DecryptUpdate(o->ctx, plain.data, &n, sealed.data, (int)len) == 1);
    must(EVP_CIPHER_CTX_ctrl(o->ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_BYTES, tag) == 1);
    if (EVP_DecryptFinal_ex(o->ctx, none, &n) == 1) return ERR_OK;
    wipe(plain.data, plain.len);
    return ERR_FORGED;
}

void aead_opener_free(struct aead_opener *o) {
    if (!o) return;
    EVP_CIPHER_CTX_free(o->ctx); /* wipes the key schedule */
    free(o);
}
