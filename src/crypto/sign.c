#include "crypto/sign.h"

#include <openssl/evp.h>

#include "crypto/hash.h"
#include "crypto/must.h"

static void pkey_free(EVP_PKEY **key) {
    EVP_PKEY_free(*key);
}
static void context_free(EVP_MD_CTX **ctx) {
    EVP_MD_CTX_free(*ctx);
}

static EVP_PKEY *pkey_of(const uint8_t seed[SIGN_SEED_BYTES]) {
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SIGN_SEED_BYTES);
    must(key != NULL);
    return key;
}

void sign_key_generate(struct sign_key *out) {
    uint8_t seed[SIGN_SEED_BYTES];
    random_bytes(seed, sizeof seed);
    sign_key_from_seed(seed, out);
    wipe(seed, sizeof seed);
}

void sign_key_from_seed(const uint8_t seed[SIGN_SEED_BYTES], struct sign_key *out) {
    AUTO(pkey_free) EVP_PKEY *key = pkey_of(seed);
    memmove(out->seed, seed, SIGN_SEED_BYTES);
    size_t len = SIGN_PUBLIC_BYTES;
    must(EVP_PKEY_get_raw_public_key(key, out->public_key, &len) == 1 && len == SIGN_PUBLIC_BYTES);
}

void sign_key_clear(struct sign_key *k) {
    if (k) wipe(k, sizeof *k);
}

void sign_raw(const struct sign_key *k, struct bytes message, uint8_t out[SIGNATURE_BYTES]) {
    AUTO(pkey_free) EVP_PKEY *key = pkey_of(k->seed);
    AUTO(context_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    must(ctx != NULL);
    size_t len = SIGNATURE_BYTES;
    must(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1);
    must(EVP_DigestSign(ctx, out, &len, message.data, message.len) == 1 && len == SIGNATURE_BYTES);
}

void sign_message(const struct sign_key *k, const char *domain, struct bytes message,
                  uint8_t out[SIGNATURE_BYTES]) {
    AUTO(blob_clear) struct blob whole = {0};
    must(blob_append(&whole, BYTES(domain, strlen(domain) + 1)) == ERR_OK);
    must(blob_append(&whole, message) == ERR_OK);
    sign_raw(k, blob_bytes(&whole), out);
}
