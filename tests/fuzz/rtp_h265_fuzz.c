#include "rtp_video.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return fuzz_rtp_video(true, data, size);
}
