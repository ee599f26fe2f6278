/* event_fuzz.c: events under the root of the vectors. */
#include <stdlib.h>

#include "crypto/hash.h"
#include "format/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct timekey_set root;
    if (!root.count) {
        uint8_t key[HASH_BYTES];
        if (timekey_generate(&root)) abort();
        hash_sha256(bytes_text("cardea vectors"), key);
        hash_hkdf_expand(key, "camera root", (struct bytes){0},
                         (struct buffer){root.nodes[0].key, TIMEKEY_BYTES});
    }
    struct event_head head;
    AUTO(blob_clear) struct blob json = {0};
    struct diag d = {0};
    enum event_kind kind = size > 3 && data[3] == 'P' ? EVENT_KIND_PICTURE : EVENT_KIND_EVENT;
    err e = event_open(&root, kind, BYTES(data, size), &head, &json, &d);
    if (e && (json.len || !d.text[0])) abort();
    if (json.len > (kind == EVENT_KIND_PICTURE ? EVENT_PICTURE_MAX_BYTES : EVENT_DATA_MAX_BYTES)) abort();
    return 0;
}
