#include "bench/bench_home.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"

static struct bench_home *opened; /* what a program that gives up must not leave running */

void bench_quit(const char *what) {
    fprintf(stderr, "bench: %s\n", what);
    if (opened) {
        meter_stop(opened->home);
        meter_stop(opened->simulator);
        fprintf(stderr, "bench: the log is %s\n", opened->log);
    }
    exit(1);
}

void bench_pause_ms(int ms) {
    poll(NULL, 0, ms);
}

static void make_clip(struct bench_home *b) {
    static const char vtest[] = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";
    char *argv[] = {
        "ffmpeg",
        "-nostdin",
        "-y",
        "-v",
        "error",
        "-i",
        (char *)vtest,
        "-t",
        "20",
        "-vf",
        "framerate=fps=25,crop=768:432,scale=1920:1080:flags=bicubic,noise=alls=3:allf=t,format=yuv420p",
        "-an",
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-profile:v",
        "high",
        "-bf",
        "0",
        "-g",
        "50",
        "-keyint_min",
        "50",
        "-b:v",
        "4M",
        "-maxrate",
        "4.4M",
        "-bufsize",
        "4M",
        "-x264-params",
        "slices=1:sliced-threads=0:scenecut=0:aud=0",
        "-f",
        "h264",
        b->made_clip,
        NULL};
    snprintf(b->made_clip, sizeof b->made_clip, "%s/main.h264", b->folder);
    fprintf(stderr, "making a clip of 1080p at 25/s and 4 Mbit/s …\n");
    if (access(vtest, R_OK)) bench_quit("vtest.avi is missing; install opencv-doc, or give --clip FILE.h264");
    if (meter_run(argv, NULL, NULL)) bench_quit("ffmpeg could not make the clip");
    b->clip = b->made_clip;
}

int bench_cardea(struct bench_home *b, struct blob *output, char *const more[]) {
    char *argv[24] = {b->cardea};
    size_t n = 1;
    for (; more[n - 1] && n < 20; n++) argv[n] = more[n - 1];
    argv[n++] = "--data";
    argv[n] = b->data;
    return meter_run(argv, b->log, output);
}

/* The cameras that stream, and the packets lost so far, as `cardea status --json` tells. */
int bench_streaming(struct bench_home *b, long *lost) {
    AUTO(blob_clear) struct blob text = {0};
    char *status[] = {"status", "--json", NULL};
    struct diag d;
    AUTO(json_release) json_t *root = NULL;
    if (bench_cardea(b, &text, status) < 0 || json_parse(blob_bytes(&text), &root, &d)) return 0;
    int count = 0;
    size_t i, k;
    json_t *hub, *camera;
    *lost = 0;
    json_array_foreach(json_object_get(root, "hubs"), i, hub) {
        json_array_foreach(json_object_get(hub, "cameras"), k, camera) {
            const char *state = json_string_value(json_object_get(camera, "state"));
            count += state && strcmp(state, "streaming") == 0;
            *lost += json_integer_value(json_object_get(camera, "lost"));
        }
    }
    return count;
}

static void start_home(struct bench_home *b) {
    char secret[PATH_TEXT_BYTES], recovery[PATH_TEXT_BYTES], line[512];
    struct diag d;
    snprintf(secret, sizeof secret, "%s/passphrase", b->folder);
    snprintf(recovery, sizeof recovery, "%s/recovery", b->folder);
    unlink(recovery); /* of the home before this one */
    if (file_replace(secret, bytes_text(BENCH_PASSPHRASE "\n"), 0600, &d)) bench_quit(d.text);
    setenv("CARDEA_PASSPHRASE_FILE", secret, 1);
    char *home[] = {b->cardea, "home", "--data", b->data, "--listen", "127.0.0.1:0", NULL};
    b->home = meter_start(home, b->log, "http://", line, sizeof line);
    char *init[] = {"init", "--name", BENCH_LOGIN, "--recovery-file", recovery, NULL};
    if (!b->home || bench_cardea(b, NULL, init)) bench_quit("the home did not start; see its log");
    const char *url = strstr(line, "http://");
    snprintf(b->url, sizeof b->url, "%.*s", (int)(7 + strcspn(url + 7, " /#")), url);
}

void bench_start(struct bench_home *b, int cameras) {
    start_home(b);
    for (int i = 0; i < cameras; i++) {
        char name[32], url[96];
        snprintf(name, sizeof name, "camera-%d", i);
        snprintf(url, sizeof url, "rtsp://127.0.0.1:%ld/cam%d", b->port, i);
        char *add[] = {"camera", "add", name, url, "--audio", "off", NULL};
        if (bench_cardea(b, NULL, add)) bench_quit("a camera could not be added; see the log");
    }
    fprintf(stderr, "%d camera%s: waiting until all stream …\n", cameras, cameras > 1 ? "s" : "");
    long lost;
    int64_t deadline = steady_now().us + 90000000;
    while (bench_streaming(b, &lost) < cameras) {
        if (steady_now().us > deadline) bench_quit("not all cameras stream; see the log");
        bench_pause_ms(500);
    }
}

static void remove_tree(const char *path) {
    char *argv[] = {"rm", "-rf", (char *)path, NULL};
    meter_run(argv, NULL, NULL);
}

void bench_stop(struct bench_home *b) {
    meter_stop(b->home);
    b->home = 0;
    remove_tree(b->data);
}

/* Benchmarks stand beside the simulator: in the build's bench folder, or where the product's programs are
 * installed. */
static const char *own_folder(void) {
    static char path[PATH_TEXT_BYTES];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[n > 0 ? n : 0] = 0;
    char *slash = strrchr(path, '/');
    if (slash) *slash = 0;
    return path;
}

static void find_cardea(struct bench_home *b) {
    snprintf(b->cardea, sizeof b->cardea, "%.900s/../src/cli/cardea", own_folder());
    if (access(b->cardea, X_OK)) snprintf(b->cardea, sizeof b->cardea, "cardea"); /* installed: by PATH */
}

void bench_open(struct bench_home *b) {
    snprintf(b->folder, sizeof b->folder, "/tmp/cardea-bench-XXXXXX");
    if (!mkdtemp(b->folder)) bench_quit("no folder under /tmp");
    snprintf(b->data, sizeof b->data, "%s/home", b->folder);
    find_cardea(b);
    snprintf(b->log, sizeof b->log, "%s/log", b->folder);
    if (!b->clip) make_clip(b);
    char simulator[PATH_TEXT_BYTES + 32], line[64];
    snprintf(simulator, sizeof simulator, "%s/camera_simulator", own_folder());
    char *argv[] = {simulator, "-f", (char *)b->clip, NULL};
    b->simulator = meter_start(argv, b->log, "port", line, sizeof line);
    if (!b->simulator) bench_quit("the camera simulator did not start");
    opened = b;
    b->port = strtol(line + 5, NULL, 10);
}

void bench_close(struct bench_home *b) {
    if (b->home) bench_stop(b);
    meter_stop(b->simulator);
    remove_tree(b->folder);
}
