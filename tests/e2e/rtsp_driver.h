/* rtsp_driver.h: runs an RTSP client as a camera worker and its hub do together: hands it the sockets it
 * wants, and keeps what it delivers. For tests and measurements. */
#ifndef CARDEA_TESTS_E2E_RTSP_DRIVER_H
#define CARDEA_TESTS_E2E_RTSP_DRIVER_H

#include "media/rtsp.h"

struct rtsp_driver {
    /* To be filled in. */
    const char *url;
    struct rtsp_options options; /* want and context are the driver's */
    uint64_t stop_after_video;   /* access units; 0: never */
    int64_t stop_after_us;
    int64_t wake_us; /* least time between two turns; 0: as soon as anything comes */
    bool keep;       /* the elementary streams in `stream` */

    /* Results. */
    uint64_t tracks_told, samples[MEDIA_TRACKS_MAX], keys, bytes;
    size_t track_count;
    struct media_track tracks[MEDIA_TRACKS_MAX];
    uint16_t first_width;
    struct blob config[MEDIA_TRACKS_MAX];
    struct blob stream[MEDIA_TRACKS_MAX]; /* video: Annex B without parameter sets; sound: payloads */
    int64_t last_dts[MEDIA_TRACKS_MAX], first_pts[MEDIA_TRACKS_MAX], last_pts[MEDIA_TRACKS_MAX];
    uint64_t time_faults; /* decoding times that do not go forward, or come after presentation */
    uint64_t lost, turns;
    bool wall[MEDIA_TRACKS_MAX];
    struct rtsp_status status;

    struct rtsp_client *client;
    struct rtsp_want wants[32];
    size_t want_count;
};

/* Until the client ends; then its error and words. ERR_CANCELLED: stopped as asked. */
err rtsp_driver_run(struct rtsp_driver *r, struct diag *d);
void rtsp_driver_clear(struct rtsp_driver *r);

#endif
