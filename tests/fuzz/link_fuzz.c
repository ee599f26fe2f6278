/* link_fuzz.c: links as people paste them. What is read says the same when it is written again. */
#include <stdlib.h>

#include "format/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char text[512], vault[LINK_URL_MAX_BYTES], again[LINK_TEXT_BYTES];
    struct link l, twice;
    struct diag d = {0};
    if (size >= sizeof text) return 0;
    if (size) memcpy(text, data, size);
    text[size] = 0;
    err e = link_parse(text, &l, vault, &d);
    if (e && !d.text[0]) abort();
    if (e) return 0;
    if (link_format(&l, vault, again) || link_parse(again, &twice, vault, &d)) abort();
    if (memcmp(l.secret, twice.secret, sizeof l.secret) != 0 || l.password != twice.password) abort();
    return 0;
}
