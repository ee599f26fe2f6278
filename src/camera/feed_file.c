/* Files and devices: one descriptor is asked for, and that is the source. */
#include <stdlib.h>

#include "base/file.h"
#include "camera/feed.h"
#include "media/device_source.h"
#include "media/file_source.h"

#define REQUEST 1
#define ANSWER_DEADLINE_US 10000000
#define FRAME_DEADLINE_US 10000000 /* a device that delivers nothing for this long has failed */

struct feed {
    struct file_source *file; /* either, once the hub has answered */
    struct device_source *device;
    const struct media_sink *sink;
    bool audio, stopped, is_device;
    struct steady_us deadline; /* for the answer, later for the device's next frame */
};

static err open_feed(const struct feed_start *start, bool is_device, void **out, struct diag *d) {
    struct feed *f = calloc(1, sizeof *f);
    if (!f) return diag_fail(d, ERR_NO_MEMORY, "no memory for a camera");
    f->sink = start->sink;
    f->audio = start->config->audio;
    f->is_device = is_device;
    f->deadline.us = steady_now().us + ANSWER_DEADLINE_US;
    const struct worker_want want = {REQUEST, is_device ? WORKER_WANT_DEVICE : WORKER_WANT_FILE, 0};
    err e = worker_want_append(start->out, &want);
    if (e)
        free(f);
    else
        *out = f;
    return e;
}

static err open_file(const struct feed_start *start, void **out, struct diag *d) {
    return open_feed(start, false, out, d);
}

static err open_device(const struct feed_start *start, void **out, struct diag *d) {
    return open_feed(start, true, out, d);
}

static bool brings(const void *feed, uint32_t request) {
    (void)feed, (void)request;
    return true;
}

static err answer(void *feed, const struct worker_descriptor *a, int fd, struct diag *d) {
    struct feed *f = feed;
    if (f->file || f->device || a->request != REQUEST) {
        fd_close(&fd);
        return ERR_OK;
    }
    const char *what = f->is_device ? "device" : "file";
    if (!a->ok)
        return diag_fail(d, ERR_NOT_FOUND, "%s%s%s", a->message[0] ? a->message : "the ",
                         a->message[0] ? "" : what, a->message[0] ? "" : " cannot be opened");
    if (fd < 0) return diag_fail(d, ERR_INVALID, "the hub sent no %s", what);
    if (!f->is_device) return file_source_new(fd, f->audio, f->sink, &f->file, d);
    f->deadline.us = steady_now().us + FRAME_DEADLINE_US;
    return device_source_new(fd, f->sink, &f->device, d);
}

static size_t poll_feed(const void *feed, struct pollfd *fds, size_t max) {
    const struct feed *f = feed;
    if (!f->device || max == 0) return 0;
    fds[0] = (struct pollfd){.fd = device_source_descriptor(f->device), .events = POLLIN};
    return 1;
}

static struct steady_us deadline(const void *feed) {
    const struct feed *f = feed;
    return f->stopped ? (struct steady_us){0} : f->file ? file_source_deadline(f->file) : f->deadline;
}

static err ready(void *feed, struct steady_us now, struct diag *d) {
    struct feed *f = feed;
    if (f->stopped) return ERR_CANCELLED;
    if (f->file) return file_source_ready(f->file, now, d);
    if (now.us >= f->deadline.us)
        return f->device ? diag_fail(d, ERR_TIMEOUT, "the device sends no pictures")
                         : diag_fail(d, ERR_TIMEOUT, "the hub did not hand over what was asked for");
    if (!f->device) return ERR_OK;
    f->deadline.us = now.us + FRAME_DEADLINE_US;
    return device_source_ready(f->device, now, d);
}

static void stop(void *feed) {
    ((struct feed *)feed)->stopped = true;
}

static void free_feed(void *feed) {
    struct feed *f = feed;
    file_source_free(f->file);
    device_source_free(f->device);
    free(f);
}

const struct feed_ops feed_file = {"file",   open_file, brings, answer, poll_feed,
                                   deadline, ready,     stop,   NULL,   free_feed};
const struct feed_ops feed_device = {"v4l2",   open_device, brings, answer, poll_feed,
                                     deadline, ready,       stop,   NULL,   free_feed};
