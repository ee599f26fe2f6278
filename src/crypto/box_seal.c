#include <limits.h>

#include "crypto/hash.h"
#include "crypto/hpke.h"
#include "crypto/seal.h"

static void sealer_release(struct aead_sealer **s) {
    aead_sealer_free(*s);
}

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
    e = aead_seal(s, nonce, aad, plain, (struct buffer){at + BOX_ENC_BYTES, plain.len + AEAD_TAG_BYTES});
    wipe(dh, sizeof dh);
    wipe(key, sizeof key);
    if (e) return e;
    memcpy(at, enc, BOX_ENC_BYTES);
    out->len += plain.len + BOX_OVERHEAD_BYTES;
    return ERR_OK;
}
