#include "crypto/keystream.h"

#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "crypto/must.h"

#define BLOCK_BYTES 16

struct keystream {
    EVP_CIPHER_CTX *ctx;
    uint8_t nonce[KEYSTREAM_NONCE_BYTES];
    uint64_t at; /* where the context stands */
};

struct keystream *keystream_new(const uint8_t key[KEYSTREAM_KEY_BYTES],
                                const uint8_t nonce[KEYSTREAM_NONCE_BYTES]) {
    struct keystream *k = calloc(1, sizeof *k);
    if (!k) return NULL;
    memcpy(k->nonce, nonce, sizeof k->nonce);
    k->ctx = EVP_CIPHER_CTX_new();
    if (!k->ctx) {
        free(k);
        return NULL;
    }
    must(EVP_EncryptInit_ex(k->ctx, EVP_aes_256_ctr(), NULL, key, nonce) == 1);
    return k;
}

static void run(struct keystream *k, struct buffer data) {
    int n = 0;
    must(data.len <= INT_MAX && EVP_EncryptUpdate(k->ctx, data.data, &n, data.data, (int)data.len) == 1);
    k->at += data.len;
}

/* Sets the counter to the block of `offset` and passes over the bytes before it. */
static void seek(struct keystream *k, uint64_t offset) {
    uint8_t counter[KEYSTREAM_NONCE_BYTES], skipped[BLOCK_BYTES] = {0};
    uint64_t block = offset / BLOCK_BYTES, low = be64_get(k->nonce + 8), high = be64_get(k->nonce);
    be64_put(counter + 8, low + block);
    be64_put(counter, high + (low + block < low ? 1 : 0));
    must(EVP_EncryptInit_ex(k->ctx, NULL, NULL, NULL, counter) == 1);
    k->at = block * BLOCK_BYTES;
    run(k, (struct buffer){skipped, offset % BLOCK_BYTES});
    wipe(skipped, sizeof skipped);
}

void keystream_apply(struct keystream *k, uint64_t offset, struct buffer data) {
    if (k->at != offset) seek(k, offset);
    while (data.len > 0) {
        size_t n = data.len < (1u << 30) ? data.len : 1u << 30;
        run(k, (struct buffer){data.data, n});
        data = (struct buffer){data.data + n, data.len - n};
    }
}

void keystream_free(struct keystream *k) {
    if (!k) return;
    EVP_CIPHER_CTX_free(k->ctx); /* wipes the key schedule */
    free(k);
}
