/* ONVIF's answers as XML; the first byte chooses which. */
#include <stdlib.h>

#include "media/onvif_events.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void pressed(void *context, const char *topic) {
    (void)context;
    if (!onvif_topic_is_button(topic)) abort();
}

/* What a camera wants repeated goes into our questions: it must stay well-formed. */
static void pull(struct onvif_pull_point *p) {
    AUTO(blob_clear) struct blob b = {0};
    const struct onvif_login none = {0};
    if (p->port == 0 || p->path[0] != '/' || strpbrk(p->path, " \r\n") ||
        strlen(p->reference) >= ONVIF_REFERENCE_MAX_BYTES || onvif_pull_request(&none, p, "http://c/", &b))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    struct bytes in = BYTES(data + 1, size - 1);
    struct diag d = {0};
    struct wall_us wall;
    uint16_t port = 0;
    char text[ONVIF_ADDRESS_BYTES];
    static struct onvif_profile profiles[ONVIF_PROFILES_MAX];
    struct onvif_device device;
    static struct onvif_pull_point point;
    size_t count = 0;
    switch (data[0] % 7) {
        case 0:
            if (!onvif_time_parse(in, &wall, &d) && wall.us < 0) abort();
            break;
        case 1:
            if (!onvif_service_parse(in, "Media", &port, text, &d) &&
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
        case 5:
            if (onvif_pull_parse(in, pressed, NULL, &d) && !d.text[0]) abort();
            break;
        case 6:
            if (!onvif_subscribe_parse(in, &point, &d)) pull(&point);
            break;
        default:
            if (!onvif_probe_parse(in, "urn:uuid:1", &device, &d) && (device.port == 0 || !device.host[0]))
                abort();
            break;
    }
    return 0;
}
