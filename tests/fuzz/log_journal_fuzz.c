#include "tlog/log_journal.h"
#include "tlog/tile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes raw = BYTES(data, size), base, batches, batch, entry;
    struct diag d;
    if (log_journal_read(raw, &base, &batches, &d)) return 0;
    while (log_journal_next(raw, &batches, &batch) == ERR_OK)
        while (tile_next_entry(&batch, &entry) == ERR_OK)
            if (entry.data < data || entry.data + entry.len > data + size) __builtin_trap();
    return 0;
}
