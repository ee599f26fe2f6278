#include "crypto/hash.h"
#include "crypto/seal.h"
#include "format/event.h"
#include "format/padme.h"

static void sealer_release(struct aead_sealer **s) {
    aead_sealer_free(*s);
}

err event_seal(const struct timekey_set *keys, enum event_kind kind, const uint8_t camera[CAMERA_ID_BYTES],
               uint32_t epoch, uint32_t slot, struct bytes data, uint8_t id[EVENT_ID_BYTES],
               struct blob *out) {
    random_bytes(id, EVENT_ID_BYTES);
    return event_seal_with(keys, kind, camera, epoch, slot, data, id, out);
}

err event_seal_with(const struct timekey_set *keys, enum event_kind kind,
                    const uint8_t camera[CAMERA_ID_BYTES], uint32_t epoch, uint32_t slot, struct bytes data,
                    const uint8_t id[EVENT_ID_BYTES], struct blob *out) {
    static const uint8_t nonce[AEAD_NONCE_BYTES]; /* zero: the key is this event's own */
    bool picture = kind == EVENT_KIND_PICTURE;
    if (data.len > (picture ? EVENT_PICTURE_MAX_BYTES : EVENT_DATA_MAX_BYTES)) return ERR_LIMIT;
    uint8_t leaf[TIMEKEY_BYTES], key[AEAD_KEY_BYTES],
        head[EVENT_HEAD_BYTES] = {'C', 'R', 'D', picture ? 'P' : 'V', 1, SUITE_1};
    size_t before = out->len, padded = padded_size(data.len);
    err e = blob_reserve(out, before + sizeof head + padded + AEAD_TAG_BYTES);
    if (e) return e;
    AUTO(sealer_release) struct aead_sealer *sealer = aead_sealer_new();
    if (!sealer) return ERR_NO_MEMORY;
    e = timekey_leaf(keys, slot, leaf);
    if (e) return e;
    memcpy(head + 6, camera, CAMERA_ID_BYTES);
    be32_put(head + 22, epoch);
    be32_put(head + 26, slot);
    memcpy(head + 30, id, EVENT_ID_BYTES);
    timekey_segment_commitment(leaf, id, head + 46);
    timekey_event_key(leaf, id, key);
    aead_sealer_key(sealer, key);
    wipe(leaf, sizeof leaf);
    wipe(key, sizeof key);
    e = blob_append(out, BYTES_OF(head));
    if (!e) e = padded_append(out, data);
    uint8_t *sealed = out->data + before + sizeof head;
    if (!e)
        e = aead_seal(sealer, nonce, BYTES_OF(head), BYTES(sealed, padded),
                      (struct buffer){sealed, padded + AEAD_TAG_BYTES});
    out->len = e ? before : before + sizeof head + padded + AEAD_TAG_BYTES;
    return e;
}
