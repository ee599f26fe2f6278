/* mark_picture_fuzz.c: screenshots that somebody hands in, and the search for a frame in them. */
#include "mark/hidden_mark.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO(mark_picture_clear) struct mark_picture p = {0};
    struct mark_reading r;
    struct diag d = {{0}};
    if (mark_picture_read(BYTES(data, size), &p, &d)) return d.text[0] ? 0 : -1;
    if ((int64_t)p.width * p.height > 1 << 18)
        return 0; /* the search is slow on what is large, and no different */
    return hidden_mark_find(&p, &r) == ERR_OK && !(r.agreement > 0 && r.agreement <= 1.0001);
}
