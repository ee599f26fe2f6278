/* mark_picture_fuzz.c: screenshots that somebody hands in, and the search for a frame in them. */
#include "mark/hidden_mark.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO(mark_picture_clear) struct mark_picture p = {0};
    struct mark_reading r;
    struct diag d = {{0}};
    if (mark_picture_read(BYTES(data, size), &p, &d)) return d.text[0] ? 0 : -1;
    /* Larger ones are searched for a mark place by place, which takes a second and depends on no byte's
     * meaning. */
    if (p.width >= MARK_READ_WIDTH_MIN && p.height >= MARK_READ_HEIGHT_MIN) return 0;
    return hidden_mark_find(&p, &r) == ERR_OK && !(r.agreement > 0 && r.agreement <= 1.0001);
}
