/* ONVIF's answers as XML; the first byte chooses which. */
#include <stdlib.h>

#include "media/onvif.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    struct bytes in = BYTES(data + 1, size - 1);
    struct diag d = {0};
    struct wall_us wall;
    uint16_t port = 0;
    char text[ONVIF_ADDRESS_BYTES];
    static struct onvif_profile profiles[ONVIF_PROFILES_MAX];
    struct onvif_device device;
    size_t count = 0;
    switch (data[0] % 5) {
        case 0:
            if (!onvif_time_parse(in, &wall, &d) && wall.us < 0) abort();
            break;
        case 1:
            if (!onvif_media_parse(in, &port, text, &d) &&
                (port == 0 || text[0] != '/' || strpbrk(text, " \r\n")))
                abort();
            break;
        case 2:
            if (onvif_profiles_parse(in, profiles, &count, &d)) break;
            if (count == 0 || count > ONVIF_PROFILES_MAX) abort();
            (void)onvif_profile_choose(profiles, count, false);
            break;
        case 3:
            if (!onvif_stream_parse(in, "camera.example", "user", "a b", text, &d) &&
                !strstr(text, "//user:a%20b@camera.example"))
                abort();
            break;
        default:
            if (!onvif_probe_parse(in, "urn:uuid:1", &device, &d) && (device.port == 0 || !device.host[0]))
                abort();
            break;
    }
    return 0;
}
