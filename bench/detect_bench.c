/* detect_bench.c: what looking costs: for each model that is here, processor time and time for one part of a
 * picture with one thread and with two, for a whole frame as cardea-vision handles it, and the memory. Each
 * measurement is a process of its own. Usage: detect_bench [--json] [--models DIR] [--image FILE.jpg [--model
 * NAME]]
 *
 * With --image: what the model finds in that picture. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "vision/dnn.h"
#include "vision/jpeg.h"
#include "vision/published.h"
#include "vision/watcher.h"

#define WIDTH 640
#define HEIGHT 360
#define PARTS 30
#define FRAMES 40
#define WARM 3

struct figures {
    double cpu_ms, wall_ms; /* of one part */
    double frame_cpu_ms;    /* of one frame */
    double load_ms;
    long memory_kb;
};

struct pieces { /* of a model */
    struct blob files[PUBLISHED_FILES_MAX];
    struct bytes list[PUBLISHED_FILES_MAX];
};

static void fail(const struct diag *d) {
    fprintf(stderr, "detect_bench: %s\n", d->text);
    exit(1);
}

/* Processor time of this process: what others do on the machine meanwhile does not count. */
static double cpu_ms(void) {
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return 1e3 * (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           1e-3 * (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

static double now_ms(void) {
    return (double)steady_now().us / 1e3;
}

static bool read_pieces(const char *folder, const struct published_model *m, struct pieces *p) {
    char path[PATH_TEXT_BYTES];
    for (size_t i = 0; i < m->file_count; i++) {
        snprintf(path, sizeof path, "%s/%s/%s", folder, m->files[i].folder, m->files[i].name);
        if (file_read(path, VISION_FILE_MAX_BYTES, &p->files[i], NULL)) return false;
        p->list[i] = blob_bytes(&p->files[i]);
    }
    return true;
}

static struct detector *load(const struct published_model *m, const struct pieces *p, int threads) {
    static struct vision_detector model;
    struct detector *t = NULL;
    struct diag d = {{0}};
    published_detector(m, &model);
    dnn_threads(threads);
    if (detector_load(&model, p->list, m->file_count, &t, &d)) fail(&d);
    return t;
}

/* A frame of soft shapes, of which one moves with the number. */
static void paint(uint8_t *pixels, int number) {
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            float wave = sinf((float)x * 0.05f) + cosf((float)y * 0.07f);
            int dx = x - 40 - 10 * number, dy = y - 180;
            pixels[y * WIDTH + x] = (uint8_t)(dx * dx / 4 + dy * dy / 16 < 400 ? 40 : 120 + (int)(30 * wave));
        }
    memset(pixels + WIDTH * HEIGHT, 128, WIDTH * HEIGHT / 2);
}

static err drop_sightings(void *context, const struct vision_sightings *m) {
    return ERR_OK;
}
static err drop_picture(void *context, const struct vision_picture *m) {
    return ERR_OK;
}

static void measure(const struct published_model *m, const struct pieces *p, int threads,
                    struct figures *out) {
    static uint8_t pixels[WIDTH * HEIGHT * 3 / 2];
    struct diag d = {{0}};
    double begin = now_ms();
    struct detector *t = load(m, p, threads);
    out->load_ms = now_ms() - begin;
    paint(pixels, 0);
    const struct image image = image_i420(pixels, WIDTH, HEIGHT);
    double cpu = 0;
    for (int i = -WARM; i < PARTS; i++) {
        if (i == 0) {
            begin = now_ms();
            cpu = cpu_ms();
        }
        struct detections found = {.count = 0};
        if (detector_run(t, &image, (struct rect){100, 0, 416, 360}, &found, &d)) fail(&d);
    }
    out->wall_ms = (now_ms() - begin) / PARTS;
    out->cpu_ms = (cpu_ms() - cpu) / PARTS;
    struct watcher *w = NULL;
    const struct watcher_ports ports = {NULL, drop_sightings, drop_picture};
    if (watcher_new(t, NULL, &ports, &w, &d)) fail(&d);
    cpu = cpu_ms();
    double painting = 0;
    for (int i = 0; i < FRAMES; i++) {
        double before = cpu_ms();
        paint(pixels, i);
        painting += cpu_ms() - before;
        const struct vision_frame frame = {.wall = {INT64_C(1700000000000000) + i * 200000},
                                           .source_width = WIDTH,
                                           .source_height = HEIGHT,
                                           .width = WIDTH,
                                           .height = HEIGHT,
                                           .region_count = 1,
                                           .regions = {{(uint8_t)(10 + 4 * i), 100, 30, 60}},
                                           .i420 = BYTES_OF(pixels)};
        if (watcher_frame(w, &frame, &d)) fail(&d);
    }
    out->frame_cpu_ms = (cpu_ms() - cpu - painting) / FRAMES;
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    out->memory_kb = use.ru_maxrss;
    watcher_free(w);
}

/* In a process of its own. */
static bool measure_apart(const char *folder, const struct published_model *m, int threads,
                          struct figures *out) {
    int ends[2];
    if (pipe(ends)) return false;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct pieces p = {0};
        struct figures f = {0};
        close(ends[0]);
        if (!read_pieces(folder, m, &p)) _exit(1);
        measure(m, &p, threads, &f);
        _exit(fd_write_all(ends[1], BYTES(&f, sizeof f)) ? 1 : 0);
    }
    close(ends[1]);
    bool ok = pid > 0 && read(ends[0], out, sizeof *out) == (ssize_t)sizeof *out;
    close(ends[0]);
    if (pid > 0) waitpid(pid, NULL, 0);
    return ok;
}

static void print_figures(bool json, const char *name, int threads, const struct figures *f, bool *first) {
    if (json) {
        printf("%s\n {\"model\":\"%s\",\"threads\":%d,\"cpu_ms\":%.1f,\"wall_ms\":%.1f,\"frame_cpu_ms\":%.1f,"
               "\"load_ms\":%.0f,\"memory_mb\":%.1f,\"cores_for_4_cameras\":%.2f}",
               *first ? "[" : ",", name, threads, f->cpu_ms, f->wall_ms, f->frame_cpu_ms, f->load_ms,
               (double)f->memory_kb / 1024, f->frame_cpu_ms * 20 / 1000);
    } else {
        if (*first)
            printf("%-22s %7s %10s %10s %12s %10s %16s\n", "model", "threads", "part, CPU", "part, time",
                   "frame, CPU", "memory", "4 cameras at 5/s");
        printf("%-22s %7d %7.1f ms %7.1f ms %9.1f ms %7.1f MB %10.2f cores\n", name, threads, f->cpu_ms,
               f->wall_ms, f->frame_cpu_ms, (double)f->memory_kb / 1024, f->frame_cpu_ms * 20 / 1000);
    }
    *first = false;
}

static int look_at_image(const char *folder, const char *path, const char *name) {
    struct diag d = {{0}};
    struct pieces p = {0};
    struct blob jpeg = {0}, pixels = {0};
    struct image m;
    struct detections found = {.count = 0};
    const struct published_model *model = published_find(name);
    if (!model || model == &published_faces || !read_pieces(folder, model, &p)) {
        fprintf(stderr, "detect_bench: there is no model %s in %s\n", name, folder);
        return 1;
    }
    struct detector *t = load(model, &p, 1);
    if (file_read(path, VISION_FILE_MAX_BYTES, &jpeg, &d) ||
        jpeg_decode(blob_bytes(&jpeg), &pixels, &m, &d) ||
        detector_run(t, &m, (struct rect){0, 0, m.width, m.height}, &found, &d))
        fail(&d);
    for (size_t i = 0; i < found.count; i++) {
        const struct detection *f = &found.list[i];
        struct place_box b = area_box(f->box);
        printf("%-11s %.3f  %5u %5u %5u %5u\n", seen_label_text(f->label), (double)f->score, b.x, b.y, b.w,
               b.h);
    }
    return 0;
}

int main(int argc, char **argv) {
    const char *folder = getenv("CARDEA_MODELS"), *image = NULL, *name = "picodet-s-416";
    bool json = false, first = true;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strcmp(argv[i], "--models") == 0 && i + 1 < argc)
            folder = argv[++i];
        else if (strcmp(argv[i], "--image") == 0 && i + 1 < argc)
            image = argv[++i];
        else if (strcmp(argv[i], "--model") == 0 && i + 1 < argc)
            name = argv[++i];
        else {
            fputs("usage: detect_bench [--json] [--models DIR] [--image FILE.jpg [--model NAME]]\n", stderr);
            return 2;
        }
    }
    if (!folder) {
        fputs("detect_bench: --models or CARDEA_MODELS names a folder of weights\n", stderr);
        return 1;
    }
    if (image) return look_at_image(folder, image, name);
    for (const struct published_model *m = published_models; m->name; m++)
        for (int threads = 1; threads <= 2; threads++) {
            struct figures f;
            if (measure_apart(folder, m, threads, &f)) print_figures(json, m->name, threads, &f, &first);
        }
    if (json) puts(first ? "[]" : "\n]");
    if (first && !json) fprintf(stderr, "detect_bench: there is no model in %s\n", folder);
    return first ? 1 : 0;
}
