/* mark_fuzz.c: marks as they stand; and with their last bytes replaced by a signature that fits. */
#include <stdlib.h>

#include "format/mark.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t seed[SIGN_SEED_BYTES] = {2};
    struct mark m;
    struct diag d = {0};
    if (mark_verify(BYTES(data, size), &m, &d) && !d.text[0]) abort();
    if (size < SIGN_PUBLIC_BYTES + SIGNATURE_BYTES) return 0;
    struct sign_key key;
    AUTO(blob_clear) struct blob raw = {0};
    sign_key_from_seed(seed, &key);
    if (blob_append(&raw, BYTES(data, size))) abort();
    uint8_t *signature = raw.data + raw.len - SIGNATURE_BYTES;
    memcpy(signature - SIGN_PUBLIC_BYTES, key.public_key, SIGN_PUBLIC_BYTES);
    sign_message(&key, "cardea/1 mark", BYTES(raw.data, raw.len - SIGNATURE_BYTES), signature);
    if (mark_verify(blob_bytes(&raw), &m, &d)) return 0;
    if (MARK_OVERHEAD_BYTES + (size_t)m.count * MARK_HASH_BYTES != size) abort();
    uint8_t sum = 0;
    for (size_t i = 0; i < (size_t)m.count * MARK_HASH_BYTES; i++) sum ^= m.hashes[i];
    return sum == 0 && m.count > MARK_HASHES_MAX;
}
