/* seeing_bench.c: what watching a still scene costs a camera's worker, beside Debian's `motion` on the same
 * stream in the same seconds.
 *
 * Plays the hub (docs/worker.md) for workers of three kinds on the same simulated cameras: recording alone,
 * with motion, and with frames for recognition; nobody watches. Usage:
 *   seeing_bench [--clip FILE.h264] [--fps 15] [--cameras 4] [--seconds 60] [--settle 20] [--no-peer]
 *                [--masks] [--json] */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "bench/meter.h"
#include "media/worker_message.h"

#define CAMERAS_MAX 16
#define KINDS 4

static const char *const kind_names[KINDS] = {"recording alone", "and motion", "and frames", "with masks"};

struct played {
    pid_t pid;
    int socket;
    struct worker_reader reader;
    unsigned fragments, motions, frames, safeties;
};

struct bench {
    char folder[64], programs[PATH_TEXT_BYTES], clip[PATH_TEXT_BYTES];
    const char *fps;
    pid_t simulator, peer;
    uint16_t port;
    int cameras, seconds, settle, kinds;
    bool no_peer, json;
    struct played workers[KINDS][CAMERAS_MAX];
};

static struct bench *running;

static void stop_all(void) {
    for (int k = 0; running && k < KINDS; k++)
        for (int i = 0; i < CAMERAS_MAX; i++)
            if (running->workers[k][i].pid) kill(running->workers[k][i].pid, SIGKILL);
    if (running) meter_stop(running->peer);
    if (running) meter_stop(running->simulator);
}

static void quit(const char *what) {
    fprintf(stderr, "seeing_bench: %s\n", what);
    stop_all();
    exit(1);
}

/* --- Playing the hub --- */

static int connect_to(uint16_t port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || connect(fd, (const struct sockaddr *)&a, sizeof a))
        quit("the simulator takes no connection");
    return fd;
}

static void start_worker(struct bench *b, int kind, int number) {
    struct played *w = &b->workers[kind][number];
    int ends[2];
    char program[PATH_TEXT_BYTES + 64];
    snprintf(program, sizeof program, "%s/../src/camera/cardea-camera", b->programs);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) quit("no socket");
    w->pid = fork();
    if (w->pid == 0) {
        char *argv[] = {program, NULL}, *environment[] = {NULL};
        if (dup2(ends[1], WORKER_SOCKET) == WORKER_SOCKET) execve(program, argv, environment);
        _exit(127);
    }
    close(ends[1]);
    w->socket = ends[0];
    struct worker_config c = {.motion = kind > 0,
                              .see = kind > 1,
                              .picture_s = 10,
                              .transport = WORKER_TRANSPORT_TCP,
                              .stream = WORKER_STREAM_SUB};
    if (kind == 3) c.masks = (struct worker_masks){1, {{3, {{0, 0}, {5000, 0}, {0, 5000}}}}};
    snprintf(c.url, sizeof c.url, "rtsp://127.0.0.1:%u/cam%d", b->port, number);
    AUTO(blob_clear) struct blob out = {0};
    if (worker_config_append(&out, &c) || worker_pace_append(&out, false) ||
        worker_message_send(w->socket, blob_bytes(&out), -1))
        quit("a worker takes no configuration");
}

static void serve_want(struct bench *b, struct played *w, struct bytes payload) {
    struct worker_want want;
    struct diag d;
    AUTO(blob_clear) struct blob out = {0};
    if (worker_want_decode(payload, &want, &d)) quit(d.text);
    AUTO(fd_close) int fd = connect_to(b->port);
    const struct worker_descriptor answer = {.request = want.request, .ok = true};
    if (worker_descriptor_append(&out, &answer) || worker_message_send(w->socket, blob_bytes(&out), fd))
        quit("a worker takes no connection");
}

static void take(struct bench *b, struct played *w, const struct worker_message *m) {
    struct worker_status status;
    struct worker_frame frame;
    struct diag d = {0};
    if (m->type == WORKER_TYPE_WANT) serve_want(b, w, m->payload);
    if (m->type == WORKER_TYPE_FRAGMENT) w->fragments++;
    if (m->type == WORKER_TYPE_MOTION) w->motions++;
    if (m->type == WORKER_TYPE_FRAME) {
        if (worker_frame_decode(m->payload, &frame, &d)) quit(d.text);
        w->frames += frame.flags == 0;
        w->safeties += frame.flags != 0;
    }
    if (m->type == WORKER_TYPE_STATUS && !worker_status_decode(m->payload, &status, &d) &&
        status.state == WORKER_STATE_FAILED)
        quit(status.message);
}

static void read_worker(struct bench *b, struct played *w) {
    struct diag d;
    struct worker_message m;
    err e = worker_reader_fill(&w->reader, w->socket, false, &d);
    if (e == ERR_BUSY) return;
    if (e) quit(d.text);
    while (!(e = worker_reader_next(&w->reader, &m, &d))) take(b, w, &m);
    if (e != ERR_BUSY) quit(d.text);
}

static void serve_for(struct bench *b, int64_t us) {
    struct pollfd fds[KINDS * CAMERAS_MAX];
    for (int64_t until = steady_now().us + us; steady_now().us < until;) {
        nfds_t n = 0;
        for (int k = 0; k < b->kinds; k++)
            for (int i = 0; i < b->cameras; i++)
                fds[n++] = (struct pollfd){.fd = b->workers[k][i].socket, .events = POLLIN};
        if (poll(fds, n, 100) <= 0) continue;
        for (nfds_t at = 0; at < n; at++)
            if (fds[at].revents)
                read_worker(b, &b->workers[at / (nfds_t)b->cameras][at % (nfds_t)b->cameras]);
    }
}

/* --- The others --- */

/* The footage's still scene, coded as a camera's substream is; without its beginning, where the encoder finds
 * its rate, so that the end and the beginning go together in the loop. */
static void make_clip(struct bench *b) {
    char source[PATH_TEXT_BYTES], weather[PATH_TEXT_BYTES + 64], rendered[PATH_TEXT_BYTES];
    const char *root = getenv("CARDEA_SOURCE");
    snprintf(source, sizeof source, "%s", root ? root : ".");
    snprintf(weather, sizeof weather, "%s/tests/footage/weather", source);
    snprintf(rendered, sizeof rendered, "%s/still.mp4", b->folder);
    snprintf(b->clip, sizeof b->clip, "%s/still.h264", b->folder);
    char *render[] = {weather, "still", rendered, NULL};
    char *copy[] = {
        "ffmpeg", "-nostdin",         "-v", "error", "-y",    "-ss", "4", "-i", rendered, "-c", "copy",
        "-bsf:v", "h264_mp4toannexb", "-f", "h264",  b->clip, NULL};
    if (meter_run(render, NULL, NULL) || meter_run(copy, NULL, NULL))
        quit("the still scene could not be rendered: run from the source folder, or give --clip");
}

static void start_peer(struct bench *b) {
    char path[PATH_TEXT_BYTES], text[1024];
    struct diag d;
    snprintf(path, sizeof path, "%s/motion.conf", b->folder);
    snprintf(text, sizeof text,
             "daemon off\nlog_level 3\nsetup_mode off\nnetcam_url rtsp://127.0.0.1:%u/cam0\nwidth "
             "640\nheight 360\n"
             "framerate %s\npicture_output off\nmovie_output off\nwebcontrol_port 0\nstream_port "
             "0\ntarget_dir %s\n",
             b->port, b->fps, b->folder);
    char *argv[] = {"motion", "-c", path, NULL};
    if (file_replace(path, bytes_text(text), 0600, &d)) quit(d.text);
    b->peer = meter_start(argv, NULL, NULL, NULL, 0);
    if (!b->peer) fprintf(stderr, "seeing_bench: no motion to compare with\n");
}

static void start(struct bench *b) {
    char simulator[PATH_TEXT_BYTES + 32], line[64];
    snprintf(simulator, sizeof simulator, "%s/camera_simulator", b->programs);
    char *argv[] = {simulator, "-f", b->clip, "-r", (char *)b->fps, NULL};
    b->simulator = meter_start(argv, NULL, "port", line, sizeof line);
    if (!b->simulator) quit("the camera simulator did not start");
    b->port = (uint16_t)strtol(line + 5, NULL, 10);
    for (int k = 0; k < b->kinds; k++)
        for (int i = 0; i < b->cameras; i++) start_worker(b, k, i);
    if (!b->no_peer) start_peer(b);
}

static double cpu_of(const struct bench *b, int kind) {
    double sum = 0;
    for (int i = 0; i < b->cameras; i++) sum += meter_tree(b->workers[kind][i].pid).cpu_s;
    return sum;
}

static void report(const struct bench *b, const double before[KINDS + 1], const double after[KINDS + 1],
                   double passed_s) {
    double alone = 0;
    for (int k = 0; k < b->kinds; k++) {
        unsigned motions = 0, frames = 0, safeties = 0;
        for (int i = 0; i < b->cameras; i++) {
            motions += b->workers[k][i].motions;
            frames += b->workers[k][i].frames;
            safeties += b->workers[k][i].safeties;
        }
        double share = 100 * (after[k] - before[k]) / passed_s / b->cameras;
        if (k == 0) alone = share;
        if (b->json)
            printf("{\"bench\":\"seeing\",\"kind\":\"%s\",\"cpu_percent\":%.3f,\"added\":%.3f,\"motions\":%u,"
                   "\"frames\":%u,"
                   "\"safety\":%u}\n",
                   kind_names[k], share, share - alone, motions, frames, safeties);
        else
            printf("%-18s %8.3f %8.3f %8u %8u %8u\n", kind_names[k], share, share - alone, motions, frames,
                   safeties);
    }
    if (b->peer) printf("%-18s %8.3f\n", "motion", 100 * (after[KINDS] - before[KINDS]) / passed_s);
    if (!b->json)
        printf("%% of a core for each camera, %d cameras of each kind, %.0f s\n", b->cameras, passed_s);
}

static void measure(struct bench *b) {
    double before[KINDS + 1] = {0}, after[KINDS + 1] = {0};
    serve_for(b, (int64_t)b->settle * 1000000);
    int64_t began = steady_now().us;
    for (int k = 0; k < b->kinds; k++) before[k] = cpu_of(b, k);
    if (b->peer) before[KINDS] = meter_tree(b->peer).cpu_s;
    serve_for(b, (int64_t)b->seconds * 1000000);
    for (int k = 0; k < b->kinds; k++) after[k] = cpu_of(b, k);
    if (b->peer) after[KINDS] = meter_tree(b->peer).cpu_s;
    if (!b->json)
        printf("%-18s %8s %8s %8s %8s %8s\n", "worker", "CPU %", "added", "motions", "frames", "safety");
    report(b, before, after, (double)(steady_now().us - began) / 1e6);
}

static void options(int argc, char **argv, struct bench *b) {
    static const struct option names[] = {
        {"clip", 1, 0, 'f'},    {"fps", 1, 0, 'r'},    {"cameras", 1, 0, 'c'},
        {"seconds", 1, 0, 's'}, {"settle", 1, 0, 'w'}, {"no-peer", 0, 0, 'n'},
        {"masks", 0, 0, 'm'},   {"json", 0, 0, 'j'},   {0}};
    for (int o; (o = getopt_long(argc, argv, "", names, NULL)) > 0;) {
        if (o == 'f')
            snprintf(b->clip, sizeof b->clip, "%s", optarg);
        else if (o == 'r')
            b->fps = optarg;
        else if (o == 'c')
            b->cameras = (int)strtol(optarg, NULL, 10);
        else if (o == 's')
            b->seconds = (int)strtol(optarg, NULL, 10);
        else if (o == 'w')
            b->settle = (int)strtol(optarg, NULL, 10);
        else if (o == 'n')
            b->no_peer = true;
        else if (o == 'm')
            b->kinds = KINDS;
        else if (o == 'j')
            b->json = true;
        else
            exit(2);
    }
    if (b->cameras < 1 || b->cameras > CAMERAS_MAX || b->seconds < 1 || b->settle < 1)
        quit("--cameras is 1 to 16, --seconds and --settle are positive");
}

int main(int argc, char **argv) {
    static struct bench b = {.fps = "15", .cameras = 4, .seconds = 60, .settle = 20, .kinds = 3};
    signal(SIGPIPE, SIG_IGN);
    options(argc, argv, &b);
    running = &b;
    ssize_t n = readlink("/proc/self/exe", b.programs, sizeof b.programs - 1);
    b.programs[n > 0 ? n : 0] = 0;
    char *slash = strrchr(b.programs, '/');
    if (slash) *slash = 0;
    snprintf(b.folder, sizeof b.folder, "/tmp/cardea-bench-XXXXXX");
    if (!mkdtemp(b.folder)) quit("no folder under /tmp");
    if (!b.clip[0]) make_clip(&b);
    start(&b);
    measure(&b);
    stop_all();
    char *clean[] = {"rm", "-rf", b.folder, NULL};
    return meter_run(clean, NULL, NULL) ? 1 : 0;
}
