#include <stdlib.h>
#include <unistd.h>

#include "hub/witness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct witness *w;
    static const uint8_t seed[SIGN_SEED_BYTES] = {3};
    struct diag d;
    if (!w) { /* nothing that a mutation makes is signed: the folder stays empty */
        char folder[] = "/tmp/cardea-witness-fuzz-XXXXXX";
        struct sign_key key;
        sign_key_from_seed(seed, &key);
        if (!mkdtemp(folder) || witness_open(folder, &key, &w, &d)) abort();
        rmdir(folder);
    }
    AUTO(witness_answer_clear) struct witness_answer a = {0};
    err ignored = witness_take(w, BYTES(data, size), (struct wall_us){0}, &a, &d);
    (void)ignored;
    return 0;
}
