#include "crypto/hpke.h"

#include <openssl/evp.h>

#include "crypto/hash.h"
#include "crypto/must.h"

#define INFO_MAX_BYTES 256 /* infos are labels of ours; a longer one is a mistake in the program */

static const uint8_t kem_suite[] = {'K', 'E', 'M', 0x00, 0x20};
static const uint8_t hpke_suite[] = {'H', 'P', 'K', 'E', 0x00, 0x20, 0x00, 0x01, 0x00, 0x02};

static void pkey_free(EVP_PKEY **key) {
    EVP_PKEY_free(*key);
}
static void context_free(EVP_PKEY_CTX **ctx) {
    EVP_PKEY_CTX_free(*ctx);
}

void hpke_public(const uint8_t secret[BOX_SECRET_BYTES], uint8_t out[BOX_PUBLIC_BYTES]) {
    AUTO(pkey_free)
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, BOX_SECRET_BYTES);
    size_t len = BOX_PUBLIC_BYTES;
    must(key && EVP_PKEY_get_raw_public_key(key, out, &len) == 1 && len == BOX_PUBLIC_BYTES);
}

err hpke_shared(const uint8_t secret[BOX_SECRET_BYTES], const uint8_t public_key[BOX_PUBLIC_BYTES],
                uint8_t out[32]) {
    AUTO(pkey_free)
    EVP_PKEY *mine = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, BOX_SECRET_BYTES);
    AUTO(pkey_free)
    EVP_PKEY *theirs = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public_key, BOX_PUBLIC_BYTES);
    must(mine && theirs);
    AUTO(context_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(mine, NULL);
    must(ctx && EVP_PKEY_derive_init(ctx) == 1);
    static const uint8_t zero[32];
    size_t len = 32;
    bool derived =
        EVP_PKEY_derive_set_peer(ctx, theirs) == 1 && EVP_PKEY_derive(ctx, out, &len) == 1 && len == 32;
    if (derived && !bytes_equal_secret(BYTES(out, 32), BYTES_OF(zero))) return ERR_OK;
    wipe(out, 32);
    return ERR_INVALID;
}

/* Section 4: the same labels in front of everything that is extracted or expanded. */
struct labeled {
    uint8_t data[2 + 7 + sizeof hpke_suite + 16 + 1 + 2 * HASH_BYTES + INFO_MAX_BYTES];
    size_t len;
};

static void labeled_add(struct labeled *l, struct bytes part) {
    must(part.len <= sizeof l->data - l->len);
    if (part.len) memcpy(l->data + l->len, part.data, part.len);
    l->len += part.len;
}

static void labeled_start(struct labeled *l, struct bytes suite, const char *label, struct bytes rest) {
    labeled_add(l, bytes_text("HPKE-v1"));
    labeled_add(l, suite);
    labeled_add(l, bytes_text(label));
    labeled_add(l, rest);
}

static void labeled_extract(struct bytes salt, struct bytes suite, const char *label, struct bytes secret,
                            uint8_t out[HASH_BYTES]) {
    struct labeled l = {.len = 0};
    labeled_start(&l, suite, label, secret);
    hash_hkdf_extract(salt, BYTES(l.data, l.len), out);
    wipe(&l, sizeof l);
}

static void labeled_expand(const uint8_t key[HASH_BYTES], struct bytes suite, const char *label,
                           struct bytes info, struct buffer out) {
    struct labeled l = {.len = 2};
    be16_put(l.data, (uint16_t)out.len);
    labeled_start(&l, suite, label, info);
    hash_hkdf_expand(key, "", BYTES(l.data, l.len), out);
}

void hpke_schedule(const uint8_t dh[32], const uint8_t enc[BOX_ENC_BYTES],
                   const uint8_t recipient[BOX_PUBLIC_BYTES], const char *info, uint8_t key[AEAD_KEY_BYTES],
                   uint8_t nonce[AEAD_NONCE_BYTES]) {
    const struct bytes none = {0};
    uint8_t kem_context[BOX_ENC_BYTES + BOX_PUBLIC_BYTES], secret[HASH_BYTES], shared[32];
    memcpy(kem_context, enc, BOX_ENC_BYTES);
    memcpy(kem_context + BOX_ENC_BYTES, recipient, BOX_PUBLIC_BYTES);
    labeled_extract(none, BYTES_OF(kem_suite), "eae_prk", BYTES(dh, 32), secret);
    labeled_expand(secret, BYTES_OF(kem_suite), "shared_secret", BYTES_OF(kem_context),
                   (struct buffer){shared, sizeof shared});

    uint8_t context[1 + 2 * HASH_BYTES] = {0}; /* mode base */
    labeled_extract(none, BYTES_OF(hpke_suite), "psk_id_hash", none, context + 1);
    labeled_extract(none, BYTES_OF(hpke_suite), "info_hash", bytes_text(info), context + 1 + HASH_BYTES);
    labeled_extract(BYTES_OF(shared), BYTES_OF(hpke_suite), "secret", none, secret);
    labeled_expand(secret, BYTES_OF(hpke_suite), "key", BYTES_OF(context),
                   (struct buffer){key, AEAD_KEY_BYTES});
    labeled_expand(secret, BYTES_OF(hpke_suite), "base_nonce", BYTES_OF(context),
                   (struct buffer){nonce, AEAD_NONCE_BYTES});
    wipe(secret, sizeof secret);
    wipe(shared, sizeof shared);
}
