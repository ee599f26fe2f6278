/* motion_bench.c: what the worker's eye for motion makes of clips, without a camera or a clock: how many
 * seconds move, how many frames would be sent for recognition, how much was decoded, and the CPU of it.
 * H.264 or H.265 in MP4. Usage: motion_bench [--verbose] [--truth BEGIN-END,…] FILE… */
#include <getopt.h>
#include <libavformat/avformat.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "media/motion.h"

#define SECONDS_MAX 3600
#define INTERVALS_MAX 32

struct interval {
    double begin, end;
};

struct report {
    const char *name;
    struct interval truth[INTERVALS_MAX];
    size_t truth_count;
    bool verbose;
    uint64_t frames, motions, pictures, safeties;
    double seconds, cpu_s;
    uint8_t strongest[SECONDS_MAX]; /* score, by second */
};

static double cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void take(struct report *r, const struct motion_seen *seen, double at_s) {
    size_t second = at_s < SECONDS_MAX ? (size_t)at_s : SECONDS_MAX - 1;
    if (seen->tell && seen->motion.score) {
        r->motions++;
        if (seen->motion.score > r->strongest[second]) r->strongest[second] = seen->motion.score;
    }
    if (seen->picture && seen->safety) r->safeties++;
    if (seen->picture && !seen->safety) r->pictures++;
    if (!r->verbose || !seen->tell) return;
    printf("  %7.2f s  score %3u ", at_s, seen->motion.score);
    for (size_t i = 0; i < seen->motion.count; i++) {
        const struct worker_region *g = &seen->motion.regions[i];
        printf(" [%u %u %u %u]", g->x, g->y, g->w, g->h);
    }
    printf("\n");
}

static void play(AVFormatContext *format, const AVStream *stream, struct motion *m, struct report *r) {
    AVPacket *packet = av_packet_alloc();
    if (!packet) exit(1);
    while (av_read_frame(format, packet) >= 0) {
        if (packet->stream_index == stream->index) {
            double at_s = (double)packet->dts * av_q2d(stream->time_base);
            /* Arrival times are the file's own; they begin late enough for a first look to be due. */
            const struct media_sample s = {.key = (packet->flags & AV_PKT_FLAG_KEY) != 0,
                                           .pts_ticks = packet->pts,
                                           .dts_ticks = packet->dts,
                                           .arrived.us = (int64_t)(at_s * 1e6) + 100000000,
                                           .data = BYTES(packet->data, (size_t)packet->size)};
            struct motion_seen seen;
            double before = cpu_s();
            motion_frame(m, &s, (struct wall_us){s.arrived.us}, &seen);
            r->cpu_s += cpu_s() - before;
            r->frames++;
            r->seconds = at_s;
            take(r, &seen, at_s);
        }
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
}

static bool inside(const struct report *r, size_t second) {
    for (size_t i = 0; i < r->truth_count; i++)
        if ((double)second + 1 > r->truth[i].begin && (double)second < r->truth[i].end) return true;
    return false;
}

static void print(const struct report *r, const struct motion_counts *c) {
    unsigned moving = 0, outside = 0, wanted = 0, missed = 0;
    for (size_t s = 0; s < SECONDS_MAX && (double)s < r->seconds; s++) {
        bool truth = inside(r, s), moves = r->strongest[s] > 0;
        moving += moves;
        wanted += truth;
        missed += truth && !moves;
        outside += moves && !truth;
    }
    printf("%-34s %6.1f %6u %7u %7u %6u %7llu %6llu %8.1f %8.3f\n", r->name, r->seconds, moving, outside,
           wanted, missed, (unsigned long long)r->pictures, (unsigned long long)r->safeties,
           100.0 * (double)c->decoded / (double)r->frames, 100.0 * r->cpu_s / r->seconds);
}

static int report_file(const char *path, struct report *r) {
    AVFormatContext *format = NULL;
    if (avformat_open_input(&format, path, NULL, NULL) < 0 || avformat_find_stream_info(format, NULL) < 0)
        return 1;
    int index = av_find_best_stream(format, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    const AVStream *stream = index >= 0 ? format->streams[index] : NULL;
    if (!stream) return 1;
    const struct media_track track = {
        .codec = stream->codecpar->codec_id == AV_CODEC_ID_HEVC ? MEDIA_CODEC_H265 : MEDIA_CODEC_H264,
        .clock_hz = 90000,
        .width = (uint16_t)stream->codecpar->width,
        .height = (uint16_t)stream->codecpar->height,
        .config = BYTES(stream->codecpar->extradata, (size_t)stream->codecpar->extradata_size)};
    struct motion *m;
    struct diag d;
    if (motion_new(&track, &m, &d)) return 1;
    const char *slash = strrchr(path, '/');
    r->name = slash ? slash + 1 : path;
    play(format, stream, m, r);
    struct motion_counts counts;
    motion_counts(m, &counts);
    print(r, &counts);
    motion_free(m);
    avformat_close_input(&format);
    return 0;
}

static void read_truth(struct report *r, const char *text) {
    r->truth_count = 0;
    while (*text && r->truth_count < INTERVALS_MAX) {
        char *end;
        struct interval *t = &r->truth[r->truth_count];
        t->begin = strtod(text, &end);
        if (end == text || *end != '-') return;
        t->end = strtod(end + 1, &end);
        r->truth_count++;
        text = *end == ',' ? end + 1 : end;
    }
}

int main(int argc, char **argv) {
    static const struct option names[] = {
        {"verbose", 0, 0, 'v'}, {"truth", 1, 0, 't'}, {"header", 0, 0, 'h'}, {0}};
    struct report base = {.verbose = false};
    for (int o; (o = getopt_long(argc, argv, "", names, NULL)) > 0;) {
        if (o == 'v') base.verbose = true;
        if (o == 't') read_truth(&base, optarg);
        if (o == 'h')
            printf("%-34s %6s %6s %7s %7s %6s %7s %6s %8s %8s\n", "clip", "s", "moving", "outside", "truth s",
                   "missed", "frames", "safety", "decoded%", "CPU%");
        if (o == '?') return 2;
    }
    int failed = 0;
    for (int i = optind; i < argc; i++) {
        static struct report r;
        r = base;
        if (report_file(argv[i], &r)) {
            fprintf(stderr, "motion_bench: %s cannot be read\n", argv[i]);
            failed = 1;
        }
        fflush(stdout);
    }
    return failed;
}
