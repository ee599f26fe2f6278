#include "crypto/open.h"
#include "format/event.h"
#include "format/padme.h"

static void opener_release(struct aead_opener **o) {
    aead_opener_free(*o);
}

static err open_sealed(const uint8_t key[AEAD_KEY_BYTES], struct bytes raw, struct blob *out) {
    static const uint8_t nonce[AEAD_NONCE_BYTES];
    AUTO(opener_release) struct aead_opener *opener = aead_opener_new();
    if (!opener) return ERR_NO_MEMORY;
    aead_opener_key(opener, key);
    struct bytes sealed = BYTES(raw.data + EVENT_HEAD_BYTES, raw.len - EVENT_HEAD_BYTES), data;
    AUTO(blob_clear) struct blob plain = {0};
    err e = blob_reserve(&plain, sealed.len - AEAD_TAG_BYTES);
    if (e) return e;
    plain.len = sealed.len - AEAD_TAG_BYTES;
    e = aead_open(opener, nonce, BYTES(raw.data, EVENT_HEAD_BYTES), sealed,
                  (struct buffer){plain.data, plain.len});
    if (!e) e = padded_read(blob_bytes(&plain), &data);
    return e ? e : blob_append(out, data);
}

err event_open(const struct timekey_set *keys, enum event_kind kind, struct bytes raw,
               struct event_head *head, struct blob *data, struct diag *d) {
    struct event_head found;
    err e = event_head_decode(raw, &found, d);
    if (e) return e;
    if (found.kind != kind)
        return diag_fail(d, ERR_INVALID, "event: %s where %s should be",
                         kind == EVENT_KIND_EVENT ? "a picture" : "an event",
                         kind == EVENT_KIND_EVENT ? "an event" : "a picture");
    uint8_t leaf[TIMEKEY_BYTES], key[AEAD_KEY_BYTES], commitment[COMMITMENT_BYTES];
    e = timekey_leaf(keys, found.slot, leaf);
    if (e) return diag_fail(d, e, "event: no key opens the second %u", found.slot);
    timekey_segment_commitment(leaf, found.id, commitment);
    timekey_event_key(leaf, found.id, key);
    wipe(leaf, sizeof leaf);
    e = bytes_equal_secret(BYTES_OF(commitment), BYTES_OF(found.commitment)) ? open_sealed(key, raw, data)
                                                                             : ERR_FORGED;
    wipe(key, sizeof key);
    if (e) return diag_fail(d, e, "event: altered, or sealed under another key");
    *head = found;
    return ERR_OK;
}
