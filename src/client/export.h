/* export.h: takes a span of a camera out of the vault as MP4 (docs/formats.md, "Export"). Threads: one. */
#ifndef CARDEA_CLIENT_EXPORT_H
#define CARDEA_CLIENT_EXPORT_H

#include "client/timeline.h"

#define EXPORT_SPANS_MAX 256
#define EXPORT_FILES_MAX 64

enum export_lack {
    EXPORT_LACK_NOT_RECORDED, /* or deleted */
    EXPORT_LACK_NO_KEY,       /* its keys are gone, or are somebody else's */
    EXPORT_LACK_DAMAGED,      /* altered bytes: not what the hub sealed */
    EXPORT_LACK_CUT_SHORT,    /* the recording broke off */
};
struct export_span {
    int64_t from_us, to_us; /* wall time */
    enum export_lack lack;
};

struct export_result {
    char files[EXPORT_FILES_MAX][1024];
    size_t file_count;
    int64_t from_us, to_us; /* first to last exported picture */
    uint64_t bytes;
    size_t fragments;
    struct export_span lacks[EXPORT_SPANS_MAX];
    size_t lack_count; /* may be larger than the array: the rest was not kept */
};

struct export_request {
    const char *path;
    struct wall_us from, to;
    /* Told what part of the time is done, 0 to 1; may be NULL. ERR_CANCELLED stops. */
    err (*progress)(void *context, double done, uint64_t bytes);
    void *context;
};

/* The clip begins at the last key frame before `from`. A change of codec or of hub begins another file
 * (NAME-2.mp4). ERR_NOT_FOUND  nothing of it is recorded: d says what is ERR_EXISTS     the file is there
 * ERR_NO_SPACE     what was written is removed */
err export_run(struct client *c, struct camera *cam, const struct export_request *request,
               struct export_result *out, struct diag *d) CHECKED;

#endif
