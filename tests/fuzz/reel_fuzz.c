/* reel_fuzz.c: the scanner says the same of a reel however it arrives. */
#include <stdlib.h>

#include "format/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct reel_scanner *scan(struct bytes raw, size_t step, err *e) {
    static const uint8_t none[CAMERA_ID_BYTES];
    const uint8_t *camera = raw.len >= 26 ? raw.data + 6 : none;
    uint32_t epoch = raw.len >= 26 ? be32_get(raw.data + 22) : 0;
    struct reel_scanner *s = reel_scanner_new(camera, epoch);
    struct diag d = {0};
    if (!s) abort();
    *e = ERR_OK;
    for (size_t at = 0; at < raw.len && !*e; at += step)
        *e = reel_scanner_feed(s, BYTES(raw.data + at, raw.len - at < step ? raw.len - at : step), NULL, NULL,
                               &d);
    reel_scanner_finish(s);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    err one = ERR_OK, other = ERR_OK;
    const struct reel_entry *a = NULL, *b = NULL;
    struct reel_scanner *s = scan(BYTES(data, size), size ? size : 1, &one);
    struct reel_scanner *t = scan(BYTES(data, size), 1, &other);
    size_t count = reel_scanner_entries(s, &a);
    if (one != other || count != reel_scanner_entries(t, &b)) abort();
    uint64_t end = 0;
    for (size_t i = 0; i < count; i++) {
        uint8_t x[REEL_ENTRY_BYTES], y[REEL_ENTRY_BYTES];
        struct reel_entry back;
        reel_entry_encode(&a[i], x);
        reel_entry_encode(&b[i], y);
        if (memcmp(x, y, sizeof x) != 0 || reel_entry_decode(x, &back)) abort();
        if (a[i].offset != end || a[i].offset + a[i].length > size) abort();
        end = a[i].offset + a[i].length;
    }
    if (reel_scanner_whole_bytes(s) > reel_scanner_record_bytes(s) || reel_scanner_record_bytes(s) > size)
        abort();
    reel_scanner_free(s);
    reel_scanner_free(t);
    return 0;
}
