/* demo_footage.h: the demo's clips, made once, and the program that serves them as cameras.
 *
 * DIR/demo/NAME.h264, NAME-sub.h264, NAME.mp4 (for file: cameras), cameras.json (0600: port and password) */
#ifndef CARDEA_CLI_DEMO_FOOTAGE_H
#define CARDEA_CLI_DEMO_FOOTAGE_H

#include "cli/programs.h"

#define DEMO_CAMERAS 2

struct demo_camera {
    const char *name, *file; /* "walkway" */
    char source[PATH_TEXT_BYTES];
    bool ready;
    struct child encoder;
};

struct demo_footage {
    char folder[PATH_TEXT_BYTES];
    struct demo_camera cameras[DEMO_CAMERAS];
    struct child server;
    int server_out; /* its standard output */
    bool rtsp;      /* else file: cameras */
    unsigned port;
    char password[33];
};

/* Finds two clips (CARDEA_FOOTAGE, ../shared/footage, Debian's opencv-doc) and starts encoding what is not
 * there yet. ERR_NOT_FOUND  no clips, or no ffmpeg: d says what to install */
err demo_footage_begin(struct demo_footage *f, const char *data, struct diag *d) CHECKED;
/* Waits for the encoders (`stopped` is asked meanwhile: ERR_CANCELLED), then starts the RTSP server; without
 * GStreamer for Python `rtsp` becomes false. */
err demo_footage_serve(struct demo_footage *f, bool (*stopped)(void *), void *context,
                       struct diag *d) CHECKED;
/* Starts the server again if it has died. */
void demo_footage_tend(struct demo_footage *f);
void demo_footage_stop(struct demo_footage *f); /* for AUTO */

/* Addresses for `camera add`; `sub` is empty for file: cameras. */
#define DEMO_URL_BYTES (PATH_TEXT_BYTES + 64)
void demo_footage_urls(const struct demo_footage *f, size_t i, char main_url[DEMO_URL_BYTES],
                       char sub_url[DEMO_URL_BYTES]);

#endif
