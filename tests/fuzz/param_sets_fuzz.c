/* Parameter sets, each after its length in two bytes; the first byte chooses the codec. */
#include <stdlib.h>

#include "media/h264_sps.h"
#include "media/param_sets.h"
#include "packets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    static struct param_sets s;
    memset(&s, 0, sizeof s);
    s.h265 = data[0] & 1;
    AUTO(blob_clear) struct blob config = {0};
    struct reader r = reader_of(BYTES(data + 1, size - 1));
    struct bytes nal;
    while (packet_next(&r, &nal)) {
        struct h264_slice slice;
        struct media_track t;
        uint8_t reorder;
        (void)!param_sets_put(&s, nal);
        (void)!h264_slice_parse(nal, &slice);
        (void)h264_sei_recovers(nal);
        if (param_sets_describe(&s, &t, &config, &reorder)) continue;
        if (t.width == 0 || t.height == 0 || t.width > MEDIA_WIDTH_MAX || t.height > MEDIA_HEIGHT_MAX)
            abort();
    }
    return 0;
}
