/* A video file from anywhere, as the worker reads it: through libavformat, from a descriptor. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <libavutil/log.h>

#include "base/file.h"
#include "media/file_source.h"

#define READS_MAX 40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static err take_tracks(void *context, const struct media_track *tracks, size_t count, struct diag *d) {
    (void)context, (void)d;
    if (count == 0 || count > MEDIA_TRACKS_MAX) abort();
    for (size_t i = 0; i < count; i++)
        if (tracks[i].clock_hz == 0) abort();
    return ERR_OK;
}

static err take_sample(void *context, const struct media_sample *s, struct diag *d) {
    (void)d;
    int64_t *last = context;
    if (s->track >= MEDIA_TRACKS_MAX || s->data.len > MEDIA_SAMPLE_MAX_BYTES ||
        s->dts_ticks <= last[s->track])
        abort();
    last[s->track] = s->dts_ticks;
    return ERR_OK;
}

static void count_lost(void *context, uint64_t packets) {
    (void)context, (void)packets;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    av_log_set_level(AV_LOG_QUIET);
    int fd = memfd_create("file", MFD_CLOEXEC);
    if (fd < 0 || fd_write_all(fd, BYTES(data, size))) abort();
    int64_t last[MEDIA_TRACKS_MAX] = {INT64_MIN, INT64_MIN};
    const struct media_sink sink = {last, take_tracks, take_sample, count_lost};
    struct file_source *s = NULL;
    struct diag d = {0};
    err e = file_source_new(fd, true, &sink, &s, &d);
    /* Time goes as fast as the file wants it to. */
    for (int i = 0; !e && i < READS_MAX; i++) e = file_source_ready(s, file_source_deadline(s), &d);
    file_source_free(s);
    return 0;
}
