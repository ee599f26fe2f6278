/* copying_cipher.c: stands in for src/crypto/seal.c in one benchmark's build of the hub, and nowhere else, to
 * measure what sealing costs: the same records, with a copy where the cipher would be. Never installed; the
 * product's hub has no switch for this. It still refuses to let video reach a disk in the clear: what it
 * writes is complemented. */
#include <stdlib.h>

#include "crypto/seal.h"

struct aead_sealer {
    uint8_t unused;
};

struct aead_sealer *aead_sealer_new(void) {
    return calloc(1, sizeof(struct aead_sealer));
}

void aead_sealer_key(struct aead_sealer *s, const uint8_t key[AEAD_KEY_BYTES]) {
    (void)s;
    (void)key;
}

err aead_seal(struct aead_sealer *s, const uint8_t nonce[AEAD_NONCE_BYTES], struct bytes aad,
              struct bytes plain, struct buffer out) {
    (void)s;
    (void)nonce;
    (void)aad;
    if (out.len < plain.len + AEAD_TAG_BYTES) return ERR_INVALID;
    size_t i = 0;
    for (uint64_t word; i + sizeof word <= plain.len; i += sizeof word) {
        memcpy(&word, plain.data + i, sizeof word);
        word = ~word;
        memcpy(out.data + i, &word, sizeof word);
    }
    for (; i < plain.len; i++) out.data[i] = (uint8_t)~plain.data[i];
    memset(out.data + plain.len, 0, AEAD_TAG_BYTES);
    return ERR_OK;
}

void aead_sealer_free(struct aead_sealer *s) {
    free(s);
}
