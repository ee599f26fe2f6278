#include "tlog/cosignature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct sign_key key;
    static const uint8_t seed[SIGN_SEED_BYTES] = {2};
    char name[COSIGNER_NAME_BYTES];
    struct diag d;
    if (!key.public_key[0]) sign_key_from_seed(seed, &key);
    cosigner_name(key.public_key, name);
    uint64_t seen = 0;
    err first = cosignature_verify(BYTES(data, size), name, key.public_key, &seen, &d);
    if (first != ERR_OK && first != ERR_NOT_FOUND) return 0;
    AUTO(blob_clear) struct blob more = {0}; /* what is a checkpoint can be cosigned, and then verifies */
    if (blob_append(&more, BYTES(data, size))) return 0;
    if (cosignature_sign(BYTES(data, size), name, &key, 1700000000, &more)) __builtin_trap();
    err then = cosignature_verify(blob_bytes(&more), name, key.public_key, &seen, &d);
    if (then != ERR_OK && more.len <= 16384) __builtin_trap();
    return 0;
}
