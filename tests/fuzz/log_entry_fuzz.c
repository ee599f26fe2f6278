#include "tlog/log_entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What reads of version 2 has one encoding: itself. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct log_entry entry;
    struct diag d;
    if (log_entry_decode(BYTES(data, size), &entry, &d) != ERR_OK) return 0;
    AUTO(blob_clear) struct blob again = {0};
    if (entry.version == 1) return 0;
    if (log_entry_encode(&entry, &again)) __builtin_trap();
    if (!bytes_equal(blob_bytes(&again), BYTES(data, size))) __builtin_trap();
    return 0;
}
