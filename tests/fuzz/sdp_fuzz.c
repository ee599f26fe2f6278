#include <stdlib.h>

#include "media/rtsp_url.h"
#include "media/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sdp s;
    struct diag d;
    if (sdp_parse(BYTES(data, size), &s, &d)) return 0;
    if (s.count == 0 || s.count > SDP_MEDIA_MAX) abort();
    for (size_t i = 0; i < s.count; i++) {
        const struct sdp_media *m = &s.media[i];
        enum media_codec codec;
        struct bytes value;
        uint32_t number;
        uint8_t raw[64];
        size_t len, used;
        char url[RTSP_URL_TEXT_BYTES];
        (void)sdp_codec(m, &codec);
        (void)sdp_param_number(m->fmtp, "sizelength", 16, &number);
        if (sdp_param(m->fmtp, "sprop-parameter-sets", &value))
            (void)!sdp_base64(value, (struct buffer){raw, sizeof raw}, &len, &used);
        if (!rtsp_url_control("rtsp://camera.example/a/", m->control, url) && strlen(url) >= sizeof url)
            abort();
    }
    return 0;
}
