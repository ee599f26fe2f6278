#include "crypto/hash.h"

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sys/random.h>

#include "crypto/must.h"

#define BLOCK_BYTES 64

/* Fetched once: OpenSSL 3 otherwise looks the algorithm up, under a lock, at every digest. */
static EVP_MD *sha256;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

static void sha256_fetch(void) {
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static const EVP_MD *sha256_get(void) {
    must(pthread_once(&sha256_once, sha256_fetch) == 0 && sha256);
    return sha256;
}

static void context_free(EVP_MD_CTX **ctx) {
    EVP_MD_CTX_free(*ctx);
}

void hash_sha256(struct bytes data, uint8_t out[HASH_BYTES]) {
    must(EVP_Digest(data.data, data.len, out, NULL, sha256_get(), NULL) == 1);
}

struct hash {
    EVP_MD_CTX *ctx;
};

struct hash *hash_new(void) {
    struct hash *h = calloc(1, sizeof *h);
    if (!h) return NULL;
    h->ctx = EVP_MD_CTX_new();
    if (!h->ctx) {
        free(h);
        return NULL;
    }
    hash_start(h);
    return h;
}

void hash_start(struct hash *h) {
    must(EVP_DigestInit_ex(h->ctx, sha256_get(), NULL) == 1);
}

void hash_update(struct hash *h, struct bytes data) {
    must(EVP_DigestUpdate(h->ctx, data.data, data.len) == 1);
}

void hash_finish(struct hash *h, uint8_t out[HASH_BYTES]) {
    must(EVP_DigestFinal_ex(h->ctx, out, NULL) == 1);
}

void hash_free(struct hash *h) {
    if (!h) return;
    EVP_MD_CTX_free(h->ctx);
    free(h);
}

/* HMAC over the concatenation of parts, so that callers need no buffer of their own. Written on the
 * digest, since EVP_MAC allocates and fetches several times for each call. */
static void hmac_parts(EVP_MD_CTX *ctx, struct bytes key, const struct bytes *parts, size_t count,
                       uint8_t out[HASH_BYTES]) {
    const EVP_MD *md = sha256_get();
    uint8_t pad[BLOCK_BYTES] = {0}, inner[HASH_BYTES];
    if (key.len > BLOCK_BYTES)
        hash_sha256(key, pad);
    else if (key.len)
        memcpy(pad, key.data, key.len);
    for (size_t i = 0; i < BLOCK_BYTES; i++) pad[i] ^= 0x36;
    must(EVP_DigestInit_ex(ctx, md, NULL) == 1 && EVP_DigestUpdate(ctx, pad, BLOCK_BYTES) == 1);
    for (size_t i = 0; i < count; i++) must(EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) == 1);
    must(EVP_DigestFinal_ex(ctx, inner, NULL) == 1);
    for (size_t i = 0; i < BLOCK_BYTES; i++) pad[i] ^= 0x36 ^ 0x5c;
    must(EVP_DigestInit_ex(ctx, md, NULL) == 1 && EVP_DigestUpdate(ctx, pad, BLOCK_BYTES) == 1 &&
         EVP_DigestUpdate(ctx, inner, HASH_BYTES) == 1 && EVP_DigestFinal_ex(ctx, out, NULL) == 1);
    wipe(pad, sizeof pad);
    wipe(inner, sizeof inner);
}

void hash_hmac(struct bytes key, struct bytes data, uint8_t out[HASH_BYTES]) {
    AUTO(context_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    must(ctx != NULL);
    hmac_parts(ctx, key, &data, 1, out);
}

void hash_hkdf_extract(struct bytes salt, struct bytes secret, uint8_t out[HASH_BYTES]) {
    hash_hmac(salt, secret, out);
}

void hash_hkdf_expand(const uint8_t key[HASH_BYTES], const char *label, struct bytes context,
                      struct buffer out) {
    must(out.len <= 255 * HASH_BYTES);
    AUTO(context_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    must(ctx != NULL);
    uint8_t block[HASH_BYTES], counter = 1;
    for (size_t done = 0; done < out.len; counter++) {
        const struct bytes parts[] = {BYTES(block, done ? HASH_BYTES : 0), bytes_text(label), context,
                                      BYTES(&counter, 1)};
        hmac_parts(ctx, BYTES(key, HASH_BYTES), parts, sizeof parts / sizeof *parts, block);
        size_t n = out.len - done < HASH_BYTES ? out.len - done : HASH_BYTES;
        memcpy(out.data + done, block, n);
        done += n;
    }
    wipe(block, sizeof block);
}

void random_bytes(void *out, size_t len) {
    uint8_t *at = out;
    while (len) {
        ssize_t n = getrandom(at, len, 0);
        if (n < 0 && errno == EINTR) continue;
        must(n > 0);
        at += n;
        len -= (size_t)n;
    }
}
