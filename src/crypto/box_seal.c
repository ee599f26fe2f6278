#include <limits.h>

#include "crypto/hash.h"
#include "crypto/hpke.h"
#include "crypto/seal.h"

static void sealer_release(struct aead_sealer **s) {
    aead_sealer_free(*s);
}

static err sealer_init(struct box_sealer *s, const uint8_t recipient[BOX_PUBLIC_BYTES],
                       const uint8_t ephemeral[BOX_SECRET_BYTES], const char *info) {
    uint8_t dh[32];
    err e = hpke_shared(ephemeral, recipient, dh);
    if (e) return e;
    hpke_public(ephemeral, s->enc);
    hpke_schedule(dh, s->enc, recipient, info, s->key, s->nonce);
    wipe(dh, sizeof dh);
    return ERR_OK;
}

err box_sealer_init(struct box_sealer *s, const uint8_t recipient[BOX_PUBLIC_BYTES], const char *info) {
    uint8_t ephemeral[BOX_SECRET_BYTES];
    random_bytes(ephemeral, sizeof ephemeral);
    err e = sealer_init(s, recipient, ephemeral, info);
    wipe(ephemeral, sizeof ephemeral);
    return e;
}

static err sealer_seal(const struct box_sealer *box, struct bytes aad, struct bytes plain, struct blob *out) {
    if (plain.len > INT_MAX - BOX_OVERHEAD_BYTES) return ERR_NO_MEMORY;
    AUTO(sealer_release) struct aead_sealer *s = aead_sealer_new();
    if (!s) return ERR_NO_MEMORY;
    err e = blob_reserve(out, out->len + plain.len + BOX_OVERHEAD_BYTES);
    if (e) return e;
    aead_sealer_key(s, box->key);
    uint8_t *at = out->data + out->len;
    e = aead_seal(s, box->nonce, aad, plain, (struct buffer){at + BOX_ENC_BYTES, plain.len + AEAD_TAG_BYTES});
    if (e) return e;
    memcpy(at, box->enc, BOX_ENC_BYTES);
    out->len += plain.len + BOX_OVERHEAD_BYTES;
    return ERR_OK;
}

err box_sealer_seal(struct box_sealer *s, struct bytes aad, struct bytes plain, struct blob *out) {
    err e = sealer_seal(s, aad, plain, out);
    wipe(s, sizeof *s);
    return e;
}

err box_seal(const uint8_t recipient[BOX_PUBLIC_BYTES], const char *info, struct bytes aad,
             struct bytes plain, struct blob *out) {
    struct box_sealer s;
    err e = box_sealer_init(&s, recipient, info);
    return e ? e : box_sealer_seal(&s, aad, plain, out);
}

err box_seal_with(const uint8_t recipient[BOX_PUBLIC_BYTES], const uint8_t ephemeral[BOX_SECRET_BYTES],
                  const char *info, struct bytes aad, struct bytes plain, struct blob *out) {
    struct box_sealer s;
    err e = sealer_init(&s, recipient, ephemeral, info);
    return e ? e : box_sealer_seal(&s, aad, plain, out);
}
