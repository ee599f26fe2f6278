/* A classifier's weights. The corpus holds files without the hash at their end, which is put there here: a
 * walk over bytes would never find one that fits. */
#include <math.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include "vision/classifier.h"

static void run(struct bytes file) {
    static uint8_t rgb[CLASSIFIER_SIDE * CLASSIFIER_SIDE * 3];
    AUTO(classifier_release) struct classifier *c = NULL;
    struct diag d;
    float scores[CLASSIFIER_CLASSES], sum = 0;
    if (classifier_load(file, &c, &d)) {
        if (c) abort();
        return;
    }
    for (size_t i = 0; i < sizeof rgb; i++) rgb[i] = (uint8_t)(i * 37);
    classifier_run(c, rgb, scores);
    for (int i = 0; i < CLASSIFIER_CLASSES; i++) sum += scores[i];
    if (!(fabsf(sum - 1) < 1e-3f)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO(blob_clear) struct blob file = {0};
    uint8_t hash[SHA256_DIGEST_LENGTH];
    run(BYTES(data, size));
    SHA256(data, size, hash);
    if (blob_append(&file, BYTES(data, size)) || blob_append(&file, BYTES_OF(hash))) return 0;
    run(blob_bytes(&file));
    return 0;
}
