/* record_bench.c: what recording costs, against `ffmpeg -c copy -f segment`, in the same seconds from the
 * same cameras.
 *
 * Starts the camera simulator, a home with N cameras, and N ffmpeg processes that record the same cameras
 * without sealing; measures the CPU of both process trees over the same windows, and their memory. Usage:
 *   record_bench [--cameras 1,4] [--seconds 20] [--rounds 3] [--no-peer] [--clip FILE.h264] [--json] */
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/bench_home.h"

#define ROUNDS_MAX 20

struct setup {
    struct bench_home home;
    int seconds, rounds;
    bool peer, json;
};

struct result {
    int cameras;
    double hub_s[ROUNDS_MAX], vault_s[ROUNDS_MAX], peer_s[ROUNDS_MAX]; /* CPU seconds for a camera minute */
    double hub_mb, vault_mb, peer_mb;
    long lost;
};

static void start_peers(struct setup *s, int cameras, pid_t *peers) {
    for (int i = 0; i < cameras; i++) {
        char url[96], out[PATH_TEXT_BYTES];
        snprintf(url, sizeof url, "rtsp://127.0.0.1:%ld/cam%d", s->home.port, i);
        snprintf(out, sizeof out, "%s/peer-%d-%%05d.mp4", s->home.folder, i);
        char *argv[] = {"ffmpeg",
                        "-nostdin",
                        "-v",
                        "error",
                        "-rtsp_transport",
                        "tcp",
                        "-i",
                        url,
                        "-an",
                        "-c",
                        "copy",
                        "-f",
                        "segment",
                        "-segment_time",
                        "10",
                        "-segment_format",
                        "mp4",
                        "-reset_timestamps",
                        "1",
                        out,
                        NULL};
        peers[i] = meter_start(argv, NULL, NULL, NULL, 0);
        if (!peers[i]) bench_quit("ffmpeg did not start");
    }
}

static struct meter_use peers_use(const pid_t *peers, int count) {
    struct meter_use sum = {0};
    for (int i = 0; i < count; i++) {
        struct meter_use one = meter_tree(peers[i]);
        sum.cpu_s += one.cpu_s;
        sum.pss_mb += one.pss_mb;
    }
    return sum;
}

static void measure(struct setup *s, int cameras, struct result *r) {
    pid_t peers[BENCH_CAMERAS_MAX] = {0};
    bench_start(&s->home, cameras);
    pid_t hub = meter_find(s->home.home, "cardea-hub"), vault = meter_find(s->home.home, "cardea-vault");
    if (!hub || !vault) bench_quit("the hub or the vault is not running");
    if (s->peer) start_peers(s, cameras, peers);
    bench_pause_ms(6000); /* ffmpeg probes its input for about five seconds: not what is measured */
    int peers_running = s->peer ? cameras : 0;
    for (int round = 0; round < s->rounds; round++) {
        struct meter_use h0 = meter_tree(hub), v0 = meter_tree(vault), p0 = peers_use(peers, peers_running);
        int64_t began = steady_now().us;
        bench_pause_ms(s->seconds * 1000);
        struct meter_use h1 = meter_tree(hub), v1 = meter_tree(vault), p1 = peers_use(peers, peers_running);
        double minutes = (double)(steady_now().us - began) / 60e6 * cameras;
        r->hub_s[round] = (h1.cpu_s - h0.cpu_s) / minutes;
        r->vault_s[round] = (v1.cpu_s - v0.cpu_s) / minutes;
        r->peer_s[round] = (p1.cpu_s - p0.cpu_s) / minutes;
        r->hub_mb = h1.pss_mb;
        r->vault_mb = v1.pss_mb;
        r->peer_mb = p1.pss_mb;
        fprintf(stderr,
                "  round %d: hub and workers %.3f, vault %.3f, ffmpeg %.3f CPU s for a camera minute\n",
                round + 1, r->hub_s[round], r->vault_s[round], r->peer_s[round]);
    }
    if (bench_streaming(&s->home, &r->lost) < cameras)
        bench_quit("a camera stopped streaming during the measurement");
    for (int i = 0; i < peers_running; i++) meter_stop(peers[i]);
    bench_stop(&s->home);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values, int count) {
    double sorted[ROUNDS_MAX];
    memcpy(sorted, values, (size_t)count * sizeof *values);
    qsort(sorted, (size_t)count, sizeof *sorted, by_value);
    return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

static void report(const struct setup *s, const struct result *all, int count) {
    if (!s->json)
        printf("%8s %14s %8s %8s %8s %10s %10s %6s\n", "cameras", "hub + workers", "vault", "ffmpeg", "ratio",
               "PSS MB", "ffmpeg MB", "lost");
    for (int i = 0; i < count; i++) {
        const struct result *r = &all[i];
        double hub = median(r->hub_s, s->rounds), vault = median(r->vault_s, s->rounds),
               peer = median(r->peer_s, s->rounds);
        if (s->json)
            printf("{\"bench\":\"record\",\"cameras\":%d,\"seconds\":%d,\"rounds\":%d,\"hub_cpu_s_per_camera_"
                   "min\":%.4f,"
                   "\"vault_cpu_s_per_camera_min\":%.4f,\"ffmpeg_cpu_s_per_camera_min\":%.4f,\"ratio\":%.3f,"
                   "\"hub_pss_mb\":%.1f,"
                   "\"vault_pss_mb\":%.1f,\"ffmpeg_pss_mb\":%.1f,\"lost\":%ld}\n",
                   r->cameras, s->seconds, s->rounds, hub, vault, peer, peer > 0 ? hub / peer : 0, r->hub_mb,
                   r->vault_mb, r->peer_mb, r->lost);
        else
            printf("%8d %14.3f %8.3f %8.3f %8.2f %10.1f %10.1f %6ld\n", r->cameras, hub, vault, peer,
                   peer > 0 ? hub / peer : 0, r->hub_mb, r->peer_mb, r->lost);
    }
    if (!s->json)
        printf("CPU seconds for a camera minute, median of %d windows of %d s; ratio = hub and workers / "
               "ffmpeg\n",
               s->rounds, s->seconds);
}

static void options(int argc, char **argv, struct setup *s, const char **cameras) {
    static const struct option names[] = {{"cameras", 1, 0, 'c'},
                                          {"seconds", 1, 0, 's'},
                                          {"rounds", 1, 0, 'r'},
                                          {"no-peer", 0, 0, 'n'},
                                          {"clip", 1, 0, 'f'},
                                          {"json", 0, 0, 'j'},
                                          {0}};
    for (int o; (o = getopt_long(argc, argv, "", names, NULL)) > 0;) {
        if (o == 'c')
            *cameras = optarg;
        else if (o == 's')
            s->seconds = (int)strtol(optarg, NULL, 10);
        else if (o == 'r')
            s->rounds = (int)strtol(optarg, NULL, 10);
        else if (o == 'n')
            s->peer = false;
        else if (o == 'f')
            s->home.clip = optarg;
        else if (o == 'j')
            s->json = true;
        else
            exit(2);
    }
    if (s->seconds < 1 || s->rounds < 1 || s->rounds > ROUNDS_MAX)
        bench_quit("--seconds and --rounds (at most 20) must be positive");
}

int main(int argc, char **argv) {
    struct setup s = {.seconds = 20, .rounds = 3, .peer = true};
    const char *cameras = "1,4";
    struct result results[16] = {0};
    int count = 0;
    signal(SIGPIPE, SIG_IGN);
    options(argc, argv, &s, &cameras);
    bench_open(&s.home);
    for (const char *at = cameras; *at && count < 16;) {
        char *end;
        long n = strtol(at, &end, 10);
        if (end == at || n < 1 || n > BENCH_CAMERAS_MAX)
            bench_quit("--cameras is a list such as 1,4,16, each at most 64");
        results[count].cameras = (int)n;
        measure(&s, (int)n, &results[count++]);
        at = *end == ',' ? end + 1 : end;
    }
    report(&s, results, count);
    bench_close(&s.home);
    return 0;
}
