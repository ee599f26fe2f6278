#include "client/log_seen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct log_seen s;
    struct diag d;
    if (log_seen_decode(BYTES(data, size), &s, &d)) return 0;
    for (size_t n = 0; n < s.count; n++) {
        struct log_own own = log_seen_at(&s, n);
        if (own.raw.data < s.bytes.data || own.raw.data + own.raw.len > s.bytes.data + s.bytes.len)
            __builtin_trap();
    }
    log_seen_cut(&s, s.count / 2);
    log_seen_clear(&s);
    return 0;
}
