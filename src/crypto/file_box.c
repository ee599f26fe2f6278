#include "crypto/file_box.h"

#include <limits.h>
#include <openssl/evp.h>

#include "crypto/hash.h"
#include "crypto/must.h"

#define NONCE_BYTES 12
#define TAG_BYTES 16

static void context_free(EVP_CIPHER_CTX **c) {
    EVP_CIPHER_CTX_free(*c); /* wipes the key schedule */
}

static void derive(const uint8_t key[FILE_BOX_KEY_BYTES], const char *name, uint8_t out[32]) {
    hash_hkdf_expand(key, "cardea/1 file", bytes_text(name), (struct buffer){out, 32});
}

err file_box_seal(const uint8_t key[FILE_BOX_KEY_BYTES], const char *name, struct bytes plain,
                  struct blob *out) {
    uint8_t head[FILE_BOX_HEAD_BYTES] = {'C', 'R', 'D', 'B', 1, 1}, aes[32];
    size_t before = out->len;
    int n = 0;
    if (plain.len > INT_MAX - FILE_BOX_OVERHEAD_BYTES) return ERR_LIMIT;
    random_bytes(head + 6, NONCE_BYTES);
    err e = blob_reserve(out, before + plain.len + FILE_BOX_OVERHEAD_BYTES);
    if (!e) e = blob_append(out, BYTES_OF(head));
    AUTO(context_free) EVP_CIPHER_CTX *c = e ? NULL : EVP_CIPHER_CTX_new();
    if (!c) {
        out->len = before;
        return ERR_NO_MEMORY;
    }
    derive(key, name, aes);
    uint8_t *sealed = out->data + out->len;
    must(EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, aes, head + 6) == 1);
    wipe(aes, sizeof aes);
    must(EVP_EncryptUpdate(c, NULL, &n, head, sizeof head) == 1);
    if (plain.len) must(EVP_EncryptUpdate(c, sealed, &n, plain.data, (int)plain.len) == 1);
    must(EVP_EncryptFinal_ex(c, sealed + plain.len, &n) == 1);
    must(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, sealed + plain.len) == 1);
    out->len += plain.len + TAG_BYTES;
    return ERR_OK;
}

static bool of_this_format(struct bytes s) {
    static const uint8_t magic[] = {'C', 'R', 'D', 'B', 1, 1};
    return s.len >= FILE_BOX_OVERHEAD_BYTES && s.len <= INT_MAX && memcmp(s.data, magic, sizeof magic) == 0;
}

err file_box_open(const uint8_t key[FILE_BOX_KEY_BYTES], const char *name, struct bytes sealed,
                  struct blob *plain) {
    if (!of_this_format(sealed)) return ERR_INVALID;
    size_t len = sealed.len - FILE_BOX_OVERHEAD_BYTES, before = plain->len;
    const uint8_t *body = sealed.data + FILE_BOX_HEAD_BYTES;
    uint8_t aes[32], tag[TAG_BYTES], none[1];
    int n = 0;
    err e = blob_reserve(plain, before + len + 1);
    AUTO(context_free) EVP_CIPHER_CTX *c = e ? NULL : EVP_CIPHER_CTX_new();
    if (!c) return ERR_NO_MEMORY;
    uint8_t *out = plain->data + before;
    memcpy(tag, body + len, sizeof tag);
    derive(key, name, aes);
    must(EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, aes, sealed.data + 6) == 1);
    wipe(aes, sizeof aes);
    must(EVP_DecryptUpdate(c, NULL, &n, sealed.data, FILE_BOX_HEAD_BYTES) == 1);
    if (len) must(EVP_DecryptUpdate(c, out, &n, body, (int)len) == 1);
    must(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1);
    if (EVP_DecryptFinal_ex(c, none, &n) != 1) {
        wipe(out, len);
        return ERR_FORGED;
    }
    plain->len = before + len;
    return ERR_OK;
}
