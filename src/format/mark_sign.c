#include "crypto/hash.h"
#include "format/mark.h"

err mark_sign(const struct mark *m, const struct sign_key *hub, struct blob *out) {
    if (m->count > MARK_HASHES_MAX) return ERR_LIMIT;
    size_t hashes = (size_t)m->count * MARK_HASH_BYTES, before = out->len;
    err e = blob_reserve(out, before + MARK_OVERHEAD_BYTES + hashes);
    if (e) return e;
    uint8_t *at = out->data + before;
    memcpy(at, "CRDM", 4);
    at[4] = 1;
    memcpy(at + 5, m->camera, CAMERA_ID_BYTES);
    be32_put(at + 21, m->epoch);
    be32_put(at + 25, m->slot);
    memcpy(at + 29, m->segment, SEGMENT_ID_BYTES);
    memcpy(at + 45, m->previous, MARK_HASH_BYTES);
    be32_put(at + 77, m->count);
    if (hashes) memcpy(at + 81, m->hashes, hashes);
    memcpy(at + 81 + hashes, hub->public_key, SIGN_PUBLIC_BYTES);
    sign_message(hub, "cardea/1 mark", BYTES(at, 81 + hashes + SIGN_PUBLIC_BYTES),
                 at + 81 + hashes + SIGN_PUBLIC_BYTES);
    out->len += MARK_OVERHEAD_BYTES + hashes;
    return ERR_OK;
}
