#include "camera/feed.h"

#include <strings.h>

#include "media/onvif.h"
#include "media/rtsp.h"

static bool has_scheme(const char *url, const char *scheme) {
    return strncasecmp(url, scheme, strlen(scheme)) == 0;
}

err feed_choose(const char *url, enum feed_kind *kind, const struct feed_ops **out, struct diag *d) {
    static const struct {
        const char *scheme;
        enum feed_kind kind;
        const struct feed_ops *ops;
    } schemes[] = {
        {"rtsp:", FEED_RTSP, &feed_rtsp},     {"rtsps:", FEED_RTSP, &feed_rtsp},
        {"onvif:", FEED_ONVIF, &feed_onvif},  {"file:", FEED_FILE, &feed_file},
        {"v4l2:", FEED_DEVICE, &feed_device},
    };
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (!has_scheme(url, schemes[i].scheme)) continue;
        *kind = schemes[i].kind;
        *out = schemes[i].ops;
        return ERR_OK;
    }
    return diag_fail(d, ERR_UNSUPPORTED,
                     "a camera's address begins with rtsp://, rtsps://, onvif://, file: or v4l2:");
}

err feed_prepare(enum feed_kind kind, struct diag *d) {
    if (kind == FEED_ONVIF) onvif_prepare();
    return kind == FEED_RTSP || kind == FEED_ONVIF ? rtsp_prepare(d) : ERR_OK;
}
