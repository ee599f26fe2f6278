#include "tlog/checkpoint.h"
#include "tlog/tile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct sign_key key;
    static const uint8_t seed[SIGN_SEED_BYTES] = {1};
    struct checkpoint c;
    struct diag d;
    if (!key.public_key[0]) sign_key_from_seed(seed, &key);
    if (checkpoint_verify(BYTES(data, size), NULL, key.public_key, &c, &d) == ERR_OK) {
        AUTO(blob_clear) struct blob again = {0};
        if (checkpoint_sign(&c, &key, &again)) __builtin_trap(); /* what verifies can be signed */
    }
    struct bytes rest = BYTES(data, size), entry;
    while (tile_next_entry(&rest, &entry) == ERR_OK) {
    }
    return 0;
}
