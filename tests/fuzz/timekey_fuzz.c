/* timekey_fuzz.c: a set that is read is written back to the same bytes, and cuts up without harm. */
#include <stdlib.h>

#include "crypto/timekey.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO(timekey_set_clear) struct timekey_set set = {0};
    AUTO(blob_clear) struct blob raw = {0};
    struct diag d = {0};
    if (timekey_decode(BYTES(data, size), &set, &d)) {
        if (!d.text[0]) abort();
        return 0;
    }
    if (timekey_encode(&set, &raw) || !bytes_equal(blob_bytes(&raw), BYTES(data, size))) abort();
    if (set.count == 0) return 0;
    uint32_t first = set.nodes[0].first;
    uint8_t leaf[TIMEKEY_BYTES];
    if (timekey_leaf(&set, first, leaf)) abort();
    if (timekey_forward(&set, (uint64_t)first + 1)) abort();
    if (timekey_leaf(&set, first, leaf) != ERR_NOT_FOUND) abort();
    return 0;
}
