/* feed.h: the worker's one source of media, whatever its kind: RTSP, a file, a device.
 *
 * Asks the hub for descriptors with a want message, is handed them, and works when the loop says so. Threads:
 * one. */
#ifndef CARDEA_CAMERA_FEED_H
#define CARDEA_CAMERA_FEED_H

#include <poll.h>

#include "media/source.h"
#include "media/worker_message.h"

#define FEED_POLL_MAX 8

enum feed_kind { FEED_RTSP, FEED_FILE, FEED_DEVICE, FEED_ONVIF };

struct feed_start {
    const struct worker_config *config;
    const struct media_sink *sink; /* borrowed until free */
    struct blob *out;              /* where want messages are appended; borrowed until free */
};

/* Errors as in source.h; after an error the feed is over, and only free may be called. */
struct feed_ops {
    const char *name; /* for messages: "rtsp", "file", "v4l2" */
    err (*open)(const struct feed_start *start, void **out, struct diag *d);
    /* Whether the hub's ok to this request brings a descriptor along. */
    bool (*brings)(const void *feed, uint32_t request);
    /* The hub's answer. Takes fd (-1 when there is none), also on error. */
    err (*answer)(void *feed, const struct worker_descriptor *answer, int fd, struct diag *d);
    size_t (*poll)(const void *feed, struct pollfd *fds, size_t max);
    struct steady_us (*deadline)(const void *feed);
    err (*ready)(void *feed, struct steady_us now, struct diag *d); /* ERR_CANCELLED: ended as asked */
    void (*stop)(void *feed);
    /* The camera's own wall time of a media time; NULL where tracks share one media time. */
    bool (*camera_wall)(const void *feed, uint8_t track, int64_t pts_ticks, struct wall_us *out);
    void (*free)(void *feed);
};

/* By the URL's scheme. ERR_UNSUPPORTED names the schemes there are. */
err feed_choose(const char *url, enum feed_kind *kind, const struct feed_ops **out, struct diag *d) CHECKED;

/* Loads what libraries of this kind need from the file system, before the sandbox closes it. */
err feed_prepare(enum feed_kind kind, struct diag *d) CHECKED;

extern const struct feed_ops feed_rtsp, feed_file, feed_device, feed_onvif;

#endif
