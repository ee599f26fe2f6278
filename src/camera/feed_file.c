#include <stdlib.h>

#include "base/file.h"
#include "camera/feed.h"
#include "media/file_source.h"

#define REQUEST 1
#define ANSWER_DEADLINE_US 10000000

struct feed {
    struct file_source *file; /* NULL until the hub has answered */
    const struct media_sink *sink;
    bool audio, stopped;
    struct steady_us answer_by;
};

static err open_file(const struct feed_start *start, void **out, struct diag *d) {
    struct feed *f = calloc(1, sizeof *f);
    if (!f) return diag_fail(d, ERR_NO_MEMORY, "no memory for a file");
    f->sink = start->sink;
    f->audio = start->config->audio;
    f->answer_by.us = steady_now().us + ANSWER_DEADLINE_US;
    const struct worker_want want = {REQUEST, WORKER_WANT_FILE, 0};
    err e = worker_want_append(start->out, &want);
    if (e)
        free(f);
    else
        *out = f;
    return e;
}

static bool brings(const void *feed, uint32_t request) {
    (void)feed, (void)request;
    return true;
}

static err answer(void *feed, const struct worker_descriptor *a, int fd, struct diag *d) {
    struct feed *f = feed;
    if (f->file || a->request != REQUEST) {
        fd_close(&fd);
        return ERR_OK;
    }
    if (!a->ok)
        return diag_fail(d, ERR_NOT_FOUND, "%s", a->message[0] ? a->message : "the file cannot be opened");
    if (fd < 0) return diag_fail(d, ERR_INVALID, "the hub sent no file");
    return file_source_new(fd, f->audio, f->sink, &f->file, d);
}

static size_t poll_file(const void *feed, struct pollfd *fds, size_t max) {
    (void)feed, (void)fds, (void)max;
    return 0;
}

static struct steady_us deadline(const void *feed) {
    const struct feed *f = feed;
    return f->stopped ? (struct steady_us){0} : f->file ? file_source_deadline(f->file) : f->answer_by;
}

static err ready(void *feed, struct steady_us now, struct diag *d) {
    struct feed *f = feed;
    if (f->stopped) return ERR_CANCELLED;
    if (f->file) return file_source_ready(f->file, now, d);
    return now.us > f->answer_by.us ? diag_fail(d, ERR_TIMEOUT, "the hub did not hand over the file")
                                    : ERR_OK;
}

static void stop(void *feed) {
    ((struct feed *)feed)->stopped = true;
}

static uint64_t received(const void *feed) {
    (void)feed;
    return 0;
}

static void free_file(void *feed) {
    struct feed *f = feed;
    file_source_free(f->file);
    free(f);
}

const struct feed_ops feed_file = {"file",   open_file, brings, answer,   poll_file,
                                   deadline, ready,     stop,   received, free_file};
