/* segment_fuzz.c: whole segments under the root of the vectors, so that some of the corpus opens. */
#include <stdlib.h>

#include "crypto/hash.h"
#include "format/segment_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static err take(void *context, enum record_kind kind, uint32_t slot, struct bytes record) {
    uint8_t *sum = context;
    for (size_t i = 0; i < record.len; i++) *sum ^= record.data[i];
    *sum ^= (uint8_t)(kind ^ slot);
    return ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct segment_reader *reader;
    static struct timekey_set root;
    if (!reader) {
        uint8_t key[HASH_BYTES];
        reader = segment_reader_new();
        if (!reader || timekey_generate(&root)) abort();
        hash_sha256(bytes_text("cardea vectors"), key);
        hash_hkdf_expand(key, "camera root", (struct bytes){0},
                         (struct buffer){root.nodes[0].key, TIMEKEY_BYTES});
    }
    uint8_t sum = 0;
    struct diag d = {0};
    err e = segment_read(reader, &root, BYTES(data, size), take, &sum, &d);
    if (e == ERR_OK && !segment_reader_complete(reader)) abort();
    if (e && !d.text[0]) abort();
    return 0;
}
