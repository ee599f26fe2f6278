#include <stdlib.h>

#include "crypto/hash.h"
#include "format/mark.h"

void mark_hash(uint8_t kind, struct bytes data, uint8_t out[MARK_HASH_BYTES]) {
    struct hash *h = hash_new();
    if (!h) abort();
    hash_update(h, BYTES(&kind, 1));
    hash_update(h, data);
    hash_finish(h, out);
    hash_free(h);
}

err mark_verify(struct bytes raw, struct mark *out, struct diag *d) {
    struct reader r = reader_of(raw);
    struct mark m = {0};
    uint8_t magic[4], version;
    struct bytes hashes, signature;
    if (!reader_copy(&r, magic, 4) || memcmp(magic, "CRDM", 4) != 0)
        return diag_fail(d, ERR_INVALID, "mark: the magic is not CRDM");
    if (!reader_u8(&r, &version) || version != 1)
        return diag_fail(d, ERR_INVALID, "mark: this version is not known");
    if (!reader_copy(&r, m.camera, CAMERA_ID_BYTES) || !reader_be32(&r, &m.epoch) ||
        !reader_be32(&r, &m.slot) || !reader_copy(&r, m.segment, SEGMENT_ID_BYTES) ||
        !reader_copy(&r, m.previous, MARK_HASH_BYTES) || !reader_be32(&r, &m.count))
        return diag_fail(d, ERR_INVALID, "mark: the length is too small");
    if (m.count > MARK_HASHES_MAX)
        return diag_fail(d, ERR_INVALID, "mark: the count of %u is too large", m.count);
    if (!reader_take(&r, (size_t)m.count * MARK_HASH_BYTES, &hashes) ||
        !reader_copy(&r, m.hub, SIGN_PUBLIC_BYTES) || !reader_take(&r, SIGNATURE_BYTES, &signature) ||
        reader_left(&r))
        return diag_fail(d, ERR_INVALID, "mark: the count does not fit the length");
    m.hashes = hashes.data;
    err e =
        verify_message(m.hub, "cardea/1 mark", BYTES(raw.data, raw.len - SIGNATURE_BYTES), signature.data);
    if (e) return diag_fail(d, e, "mark: the signature does not fit");
    *out = m;
    return ERR_OK;
}
