/* provenance_fuzz.c: a hostile clip. Whatever it holds, there is a verdict; and no clip is untouched without
 * a signer. */
#include <stdlib.h>

#include "client/provenance.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct provenance p;
    struct diag d;
    if (provenance_check(BYTES(data, size), &p, &d)) return 0;
    if (p.verdict == VERDICT_UNTOUCHED && !p.signer_known) abort();
    if (p.gap_count > PROVENANCE_SPANS_MAX) abort();
    return 0;
}
