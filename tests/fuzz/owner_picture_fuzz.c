/* A JPEG of the owner's, or of who claims to be: decoded within its limits, or refused in words. */
#include <stdlib.h>

#include "vision/jpeg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO(blob_clear) struct blob pixels = {0};
    struct image m;
    struct diag d = {{0}};
    if (size == 0) return 0;
    err e = jpeg_decode(BYTES(data, size), &pixels, &m, &d);
    if (e && !d.text[0]) abort();
    if (e) return 0;
    if (m.width < 2 || m.height < 2 || (size_t)m.width * (size_t)m.height * 3 / 2 != pixels.len) abort();
    return 0;
}
