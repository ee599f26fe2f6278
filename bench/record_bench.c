/* record_bench.c: what recording costs, against `ffmpeg -c copy -f segment`, in the same seconds from the same cameras.
 *
 * Starts the camera simulator, a home with N cameras, and N ffmpeg processes that record the same cameras without sealing;
 * measures the CPU of both process trees over the same windows, and their memory. Usage:
 *   record_bench [--cameras 1,4] [--seconds 20] [--rounds 3] [--no-peer] [--clip FILE.h264] [--programs BUILD_DIR] [--json] */
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "bench/meter.h"

#define CAMERAS_MAX 64
#define ROUNDS_MAX 20

struct setup {
    const char *programs, *clip;
    int seconds, rounds;
    bool peer, json;
    char folder[64], cardea[PATH_TEXT_BYTES], log[PATH_TEXT_BYTES];
    long port;
};

struct result {
    int cameras;
    double hub_s[ROUNDS_MAX], vault_s[ROUNDS_MAX], peer_s[ROUNDS_MAX]; /* CPU seconds for a camera minute */
    double hub_mb, vault_mb, peer_mb;
    long lost;
};

static void quit(const char *what) {
    fprintf(stderr, "record_bench: %s\n", what);
    exit(1);
}

static void pause_ms(int ms) { poll(NULL, 0, ms); }

static void make_clip(struct setup *s) {
    static char path[PATH_TEXT_BYTES];
    static const char vtest[] = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";
    char *argv[] = {"ffmpeg", "-nostdin", "-y", "-v", "error", "-i", (char *)vtest, "-t", "20", "-vf",
                    "framerate=fps=25,crop=768:432,scale=1920:1080:flags=bicubic,noise=alls=3:allf=t,format=yuv420p", "-an",
                    "-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high", "-bf", "0", "-g", "50", "-keyint_min", "50",
                    "-b:v", "4M", "-maxrate", "4.4M", "-bufsize", "4M", "-x264-params",
                    "slices=1:sliced-threads=0:scenecut=0:aud=0", "-f", "h264", path, NULL};
    snprintf(path, sizeof path, "%s/main.h264", s->folder);
    fprintf(stderr, "making a clip of 1080p at 25/s and 4 Mbit/s …\n");
    if (access(vtest, R_OK)) quit("vtest.avi is missing; install opencv-doc, or give --clip FILE.h264");
    if (meter_run(argv, NULL, NULL)) quit("ffmpeg could not make the clip");
    s->clip = path;
}

static int run_cardea(struct setup *s, struct blob *output, char *const more[]) {
    char *argv[24] = {s->cardea}, data[PATH_TEXT_BYTES];
    size_t n = 1;
    for (; more[n - 1] && n < 20; n++) argv[n] = more[n - 1];
    snprintf(data, sizeof data, "%s/home", s->folder);
    argv[n++] = "--data";
    argv[n] = data;
    return meter_run(argv, s->log, output);
}

/* The cameras that stream, and the packets lost so far, as `cardea status --json` tells. */
static int streaming(struct setup *s, long *lost) {
    AUTO(blob_clear) struct blob text = {0};
    char *status[] = {"status", "--json", NULL};
    struct diag d;
    AUTO(json_release) json_t *root = NULL;
    if (run_cardea(s, &text, status) < 0 || json_parse(blob_bytes(&text), &root, &d)) return 0;
    int count = 0;
    size_t i;
    json_t *camera;
    *lost = 0;
    json_array_foreach(json_object_get(root, "cameras"), i, camera) {
        const char *state = json_string_value(json_object_get(camera, "state"));
        count += state && strcmp(state, "streaming") == 0;
        *lost += json_integer_value(json_object_get(camera, "lost"));
    }
    return count;
}

static pid_t start_home(struct setup *s, int cameras) {
    char data[PATH_TEXT_BYTES], secret[PATH_TEXT_BYTES], line[512];
    struct diag d;
    snprintf(data, sizeof data, "%s/home", s->folder);
    snprintf(secret, sizeof secret, "%s/passphrase", s->folder);
    if (file_replace(secret, bytes_text("a long passphrase for a benchmark\n"), 0600, &d)) quit(d.text);
    setenv("CARDEA_PASSPHRASE_FILE", secret, 1);
    char *home[] = {s->cardea, "home", "--data", data, "--listen", "127.0.0.1:0", NULL};
    pid_t pid = meter_start(home, s->log, "http", line, sizeof line);
    char recovery[PATH_TEXT_BYTES];
    snprintf(recovery, sizeof recovery, "%s/recovery", s->folder);
    char *init[] = {"init", "--name", "bench@example.org", "--recovery-file", recovery, NULL};
    if (!pid || run_cardea(s, NULL, init)) quit("the home did not start; see its log");
    for (int i = 0; i < cameras; i++) {
        char name[32], url[96];
        snprintf(name, sizeof name, "camera-%d", i);
        snprintf(url, sizeof url, "rtsp://127.0.0.1:%ld/cam%d", s->port, i);
        char *add[] = {"camera", "add", name, url, "--audio", "off", NULL};
        if (run_cardea(s, NULL, add)) quit("a camera could not be added; see the log");
    }
    return pid;
}

static void start_peers(struct setup *s, int cameras, pid_t *peers) {
    for (int i = 0; i < cameras; i++) {
        char url[96], out[PATH_TEXT_BYTES];
        snprintf(url, sizeof url, "rtsp://127.0.0.1:%ld/cam%d", s->port, i);
        snprintf(out, sizeof out, "%s/peer-%d-%%05d.mp4", s->folder, i);
        char *argv[] = {"ffmpeg", "-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-i", url, "-an", "-c", "copy",
                        "-f", "segment", "-segment_time", "10", "-segment_format", "mp4", "-reset_timestamps", "1", out, NULL};
        peers[i] = meter_start(argv, NULL, NULL, NULL, 0);
        if (!peers[i]) quit("ffmpeg did not start");
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
    pid_t home = start_home(s, cameras), peers[CAMERAS_MAX] = {0};
    fprintf(stderr, "%d camera%s: waiting until all stream …\n", cameras, cameras > 1 ? "s" : "");
    int64_t deadline = steady_now().us + 60000000;
    while (streaming(s, &r->lost) < cameras) {
        if (steady_now().us > deadline) quit("not all cameras stream; see the log");
        pause_ms(500);
    }
    pid_t hub = meter_find(home, "cardea-hub"), vault = meter_find(home, "cardea-vault");
    if (!hub || !vault) quit("the hub or the vault is not running");
    if (s->peer) start_peers(s, cameras, peers);
    pause_ms(6000); /* ffmpeg probes its input for about five seconds: not what is measured */
    int peers_running = s->peer ? cameras : 0;
    for (int round = 0; round < s->rounds; round++) {
        struct meter_use h0 = meter_tree(hub), v0 = meter_tree(vault), p0 = peers_use(peers, peers_running);
        int64_t began = steady_now().us;
        pause_ms(s->seconds * 1000);
        struct meter_use h1 = meter_tree(hub), v1 = meter_tree(vault), p1 = peers_use(peers, peers_running);
        double minutes = (double)(steady_now().us - began) / 60e6 * cameras;
        r->hub_s[round] = (h1.cpu_s - h0.cpu_s) / minutes;
        r->vault_s[round] = (v1.cpu_s - v0.cpu_s) / minutes;
        r->peer_s[round] = (p1.cpu_s - p0.cpu_s) / minutes;
        r->hub_mb = h1.pss_mb;
        r->vault_mb = v1.pss_mb;
        r->peer_mb = p1.pss_mb;
        fprintf(stderr, "  round %d: hub and workers %.3f, vault %.3f, ffmpeg %.3f CPU s for a camera minute\n", round + 1,
                r->hub_s[round], r->vault_s[round], r->peer_s[round]);
    }
    if (streaming(s, &r->lost) < cameras) quit("a camera stopped streaming during the measurement");
    for (int i = 0; i < peers_running; i++) meter_stop(peers[i]);
    meter_stop(home);
    char data[PATH_TEXT_BYTES];
    snprintf(data, sizeof data, "%s/home", s->folder);
    char *clean[] = {"rm", "-rf", data, NULL};
    meter_run(clean, NULL, NULL);
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
        double hub = median(r->hub_s, s->rounds), vault = median(r->vault_s, s->rounds), peer = median(r->peer_s, s->rounds);
        if (s->json)
            printf("{\"bench\":\"record\",\"cameras\":%d,\"seconds\":%d,\"rounds\":%d,\"hub_cpu_s_per_camera_min\":%.4f,"
                   "\"vault_cpu_s_per_camera_min\":%.4f,\"ffmpeg_cpu_s_per_camera_min\":%.4f,\"ratio\":%.3f,\"hub_pss_mb\":%.1f,"
                   "\"vault_pss_mb\":%.1f,\"ffmpeg_pss_mb\":%.1f,\"lost\":%ld}\n",
                   r->cameras, s->seconds, s->rounds, hub, vault, peer, peer > 0 ? hub / peer : 0, r->hub_mb,
                   r->vault_mb, r->peer_mb, r->lost);
        else
            printf("%8d %14.3f %8.3f %8.3f %8.2f %10.1f %10.1f %6ld\n", r->cameras, hub, vault, peer,
                   peer > 0 ? hub / peer : 0, r->hub_mb, r->peer_mb, r->lost);
    }
    if (!s->json) printf("CPU seconds for a camera minute, median of %d windows of %d s; ratio = hub and workers / ffmpeg\n",
                         s->rounds, s->seconds);
}

static void options(int argc, char **argv, struct setup *s, const char **cameras) {
    static const struct option names[] = {{"cameras", 1, 0, 'c'}, {"seconds", 1, 0, 's'}, {"rounds", 1, 0, 'r'},
                                          {"no-peer", 0, 0, 'n'}, {"clip", 1, 0, 'f'},    {"programs", 1, 0, 'p'},
                                          {"json", 0, 0, 'j'},    {0}};
    for (int o; (o = getopt_long(argc, argv, "", names, NULL)) > 0;) {
        if (o == 'c') *cameras = optarg;
        else if (o == 's') s->seconds = (int)strtol(optarg, NULL, 10);
        else if (o == 'r') s->rounds = (int)strtol(optarg, NULL, 10);
        else if (o == 'n') s->peer = false;
        else if (o == 'f') s->clip = optarg;
        else if (o == 'p') s->programs = optarg;
        else if (o == 'j') s->json = true;
        else exit(2);
    }
    if (s->seconds < 1 || s->rounds < 1 || s->rounds > ROUNDS_MAX) quit("--seconds and --rounds (at most 20) must be positive");
}

int main(int argc, char **argv) {
    struct setup s = {.programs = "build", .seconds = 20, .rounds = 3, .peer = true, .folder = "/tmp/cardea-bench-XXXXXX"};
    const char *cameras = "1,4";
    struct result results[16] = {0};
    int count = 0;
    signal(SIGPIPE, SIG_IGN);
    options(argc, argv, &s, &cameras);
    if (!mkdtemp(s.folder)) quit("no folder under /tmp");
    snprintf(s.cardea, sizeof s.cardea, "%s/src/cli/cardea", s.programs);
    snprintf(s.log, sizeof s.log, "%s/log", s.folder);
    if (!s.clip) make_clip(&s);
    char simulator[PATH_TEXT_BYTES], line[64];
    snprintf(simulator, sizeof simulator, "%s/bench/camera_simulator", s.programs);
    char *sim[] = {simulator, "-f", (char *)s.clip, NULL};
    pid_t simulated = meter_start(sim, s.log, "port", line, sizeof line);
    if (!simulated) quit("the camera simulator did not start");
    s.port = strtol(line + 5, NULL, 10);
    for (const char *at = cameras; *at && count < 16;) {
        char *end;
        long n = strtol(at, &end, 10);
        if (end == at || n < 1 || n > CAMERAS_MAX) quit("--cameras is a list such as 1,4,16, each at most 64");
        results[count].cameras = (int)n;
        measure(&s, (int)n, &results[count++]);
        at = *end == ',' ? end + 1 : end;
    }
    meter_stop(simulated);
    report(&s, results, count);
    char *clean[] = {"rm", "-rf", s.folder, NULL};
    meter_run(clean, NULL, NULL);
    return 0;
}
