/* rtsp_pull.c: receives a stream and says what came, as one line of JSON. Usage:
 *   rtsp_pull URL [--udp|--tcp|--auto] [--sound] [--units N] [--seconds N] [--wake-ms N] [--pin HEX] [--keep
 * FOLDER] Exit status 0 even when the stream fails: the line says how it ended. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/file.h"
#include "base/json.h"
#include "rtsp_driver.h"

static const char *const codecs[] = {"h264", "h265", "aac", "opus", "pcmu", "pcma"};

static int write_streams(const struct rtsp_driver *r, const char *folder) {
    for (size_t i = 0; i < r->track_count; i++) {
        char path[PATH_TEXT_BYTES], name[32];
        struct diag d;
        snprintf(name, sizeof name, "%zu.%s", i, codecs[r->tracks[i].codec]);
        if (path_join(path, folder, name) || file_replace(path, blob_bytes(&r->stream[i]), 0600, &d))
            return 1;
        snprintf(name, sizeof name, "%zu.config", i);
        if (path_join(path, folder, name) || file_replace(path, blob_bytes(&r->config[i]), 0600, &d))
            return 1;
    }
    return 0;
}

static json_t *report(const struct rtsp_driver *r, err e, const struct diag *d) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    double cpu = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
                 (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
    json_t *tracks = json_array();
    for (size_t i = 0; i < r->track_count; i++) {
        const struct media_track *t = &r->tracks[i];
        double seconds = (double)(r->last_pts[i] - r->first_pts[i]) / t->clock_hz;
        json_array_append_new(
            tracks, json_pack("{s:s s:i s:i s:i s:i s:I s:f s:b}", "codec", codecs[t->codec], "width",
                              t->width, "height", t->height, "hz", (int)t->clock_hz, "channels", t->channels,
                              "samples", (json_int_t)r->samples[i], "seconds", seconds, "wall", r->wall[i]));
    }
    return json_pack("{s:s s:s s:o s:I s:I s:I s:I s:I s:I s:I s:I s:b s:s s:s s:f s:i s:I}", "error",
                     err_text(e), "message", d->text, "tracks", tracks, "tracks_told",
                     (json_int_t)r->tracks_told, "keys", (json_int_t)r->keys, "bytes", (json_int_t)r->bytes,
                     "packets", (json_int_t)r->status.packets, "lost", (json_int_t)r->lost, "dropped",
                     (json_int_t)r->status.dropped_units, "garbage", (json_int_t)r->status.garbage_bytes,
                     "time_faults", (json_int_t)r->time_faults, "udp", r->status.udp, "server",
                     r->status.server, "fingerprint", r->status.fingerprint, "cpu_s", cpu, "first_width",
                     r->first_width, "rss_kib", (json_int_t)u.ru_maxrss);
}

int main(int argc, char **argv) {
    struct rtsp_driver r = {0};
    const char *folder = NULL;
    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(argv[i], "--udp"))
            r.options.transport = RTSP_TRANSPORT_UDP;
        else if (!strcmp(argv[i], "--tcp"))
            r.options.transport = RTSP_TRANSPORT_TCP;
        else if (!strcmp(argv[i], "--auto"))
            r.options.transport = RTSP_TRANSPORT_AUTO;
        else if (!strcmp(argv[i], "--sound"))
            r.options.audio = true;
        else if (!strcmp(argv[i], "--units"))
            r.stop_after_video = strtoull(next, NULL, 10), i++;
        else if (!strcmp(argv[i], "--seconds"))
            r.stop_after_us = atoll(next) * 1000000, i++;
        else if (!strcmp(argv[i], "--wake-ms"))
            r.wake_us = atoll(next) * 1000, i++;
        else if (!strcmp(argv[i], "--pin"))
            r.options.pin = next, i++;
        else if (!strcmp(argv[i], "--keep"))
            folder = next, i++;
        else
            r.url = argv[i];
    }
    if (!r.url) return 2;
    r.keep = folder != NULL;
    struct diag d = {0};
    err e = rtsp_driver_run(&r, &d);
    if (folder && write_streams(&r, folder)) return 1;
    AUTO(json_release) json_t *line = report(&r, e, &d);
    if (line) json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
    rtsp_driver_clear(&r);
    return line ? 0 : 1;
}
