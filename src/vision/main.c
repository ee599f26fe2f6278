/* cardea-vision: one process that looks at the frames of all cameras of a hub. Speaks docs/seeing.md,
 * "Vision", over descriptor 3, and takes no arguments. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/sanitized.h"
#include "vision/dnn.h"
#include "vision/sandbox.h"
#include "vision/watcher.h"

#define CONFIG_WAIT_MS 10000
#define STATUS_MS 5000
#define MEMORY_MAX_BYTES                                                                                     \
    (UINT64_C(3) << 30) /* of address space; libraries and threads alone map some 700 MB */
#define NICE 5
#define FILES_MAX (VISION_MODEL_FILES_MAX + FACES_FILES)
#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK)

struct program {
    struct message_reader reader;
    struct vision_config config;
    struct bytes files[FILES_MAX]; /* mapped */
    size_t file_count;
    struct watcher *watcher;
    struct steady_us told;
};

static void unmap_files(struct program *p) {
    for (size_t i = 0; i < p->file_count; i++) munmap((void *)(uintptr_t)p->files[i].data, p->files[i].len);
    p->file_count = 0;
}

static void program_clear(struct program *p) {
    unmap_files(p);
    watcher_free(p->watcher);
    message_reader_clear(&p->reader);
}

/* --- The hub's messages --- */

/* The next message; waits at most timeout_ms for each piece of it. ERR_TIMEOUT. */
static err receive(struct program *p, bool descriptors, int timeout_ms, struct message *out, struct diag *d) {
    for (;;) {
        err e = message_reader_next(&p->reader, vision_type_limit, out, d);
        if (e != ERR_BUSY) return e;
        struct pollfd poll_for = {.fd = VISION_SOCKET, .events = POLLIN};
        int n = poll(&poll_for, 1, timeout_ms);
        if (n == 0) return diag_fail(d, ERR_TIMEOUT, "the hub sent nothing");
        if (n < 0 && errno != EINTR) return diag_fail(d, ERR_IO, "poll: %s", strerror(errno));
        e = message_reader_fill(&p->reader, VISION_SOCKET, descriptors, vision_type_limit, d);
        if (e && e != ERR_BUSY) return e;
    }
}

/* Sends, and begins anew with an empty blob. */
static err answer(struct blob *out, err e) {
    if (!e) e = message_send(VISION_SOCKET, blob_bytes(out), -1);
    out->len = 0;
    return e;
}

static err on_sightings(void *context, const struct vision_sightings *m) {
    AUTO(blob_clear) struct blob out = {0};
    return answer(&out, vision_sightings_append(&out, m));
}

static err on_picture(void *context, const struct vision_picture *m) {
    AUTO(blob_clear) struct blob out = {0};
    return answer(&out, vision_picture_append(&out, m));
}

/* --- The models --- */

/* Maps a sealed file: neither its size nor its bytes can change while they are read. */
static err map_file(struct program *p, int fd, const struct vision_file *m, struct diag *d) {
    struct stat s;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS)
        return diag_fail(d, ERR_DENIED, "a model's file came without seals");
    if (fstat(fd, &s) || s.st_size != (off_t)m->bytes)
        return diag_fail(d, ERR_INVALID, "a model's file has not the %u bytes that were said", m->bytes);
    void *data = mmap(NULL, m->bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) return diag_fail(d, ERR_NO_MEMORY, "cannot map a model's file");
    p->files[p->file_count++] = BYTES(data, m->bytes);
    return ERR_OK;
}

static err receive_file(struct program *p, struct diag *d) {
    struct message m;
    struct vision_file file;
    err e = receive(p, true, CONFIG_WAIT_MS, &m, d);
    if (e) return e;
    AUTO(fd_close) int fd = message_reader_take_descriptor(&p->reader);
    if (m.type != VISION_TYPE_FILE || fd < 0)
        return diag_fail(d, ERR_INVALID, "the hub sent no file where one is due");
    e = vision_file_decode(m.payload, &file, d);
    return e ? e : map_file(p, fd, &file, d);
}

static err receive_models(struct program *p, struct diag *d) {
    struct message m;
    err e = receive(p, true, CONFIG_WAIT_MS, &m, d);
    if (e) return e;
    if (m.type != VISION_TYPE_CONFIG)
        return diag_fail(d, ERR_INVALID, "the hub's first message is no config");
    e = vision_config_decode(m.payload, &p->config, d);
    size_t count = (size_t)p->config.detector.files + (p->config.faces ? FACES_FILES : 0);
    for (size_t i = 0; !e && i < count; i++) e = receive_file(p, d);
    return e;
}

static err load(struct program *p, struct vision_ready *ready, struct diag *d) {
    struct steady_us begin = steady_now();
    struct detector *detector = NULL;
    struct faces *faces = NULL;
    size_t own = p->config.detector.files;
    dnn_threads(p->config.threads);
    err e = detector_load(&p->config.detector, p->files, own, &detector, d);
    if (e) return e;
    /* Faces are an extra: without them the rest is of use. */
    struct diag why = {{0}};
    if (p->config.faces && faces_load(p->files + own, &faces, &why))
        snprintf(ready->message, sizeof ready->message, "%.*s", VISION_TEXT_MAX_BYTES, why.text);
    const struct watcher_ports ports = {p, on_sightings, on_picture};
    e = watcher_new(detector, faces, &ports, &p->watcher, d);
    if (e) {
        detector_free(detector);
        faces_unload(faces);
        return e;
    }
    snprintf(ready->model, sizeof ready->model, "%s", p->config.detector.name);
    ready->load_ms = (uint32_t)((steady_now().us - begin.us) / 1000);
    return ERR_OK;
}

/* --- The work --- */

static err take(struct program *p, const struct message *m, struct diag *d) {
    AUTO(blob_clear) struct blob out = {0};
    static struct vision_faces faces;
    union {
        struct vision_frame frame;
        struct vision_embed embed;
        uint8_t camera;
    } u;
    err e;
    switch (m->type) {
        case VISION_TYPE_FRAME:
            e = vision_frame_decode(m->payload, &u.frame, d);
            return e ? e : watcher_frame(p->watcher, &u.frame, d);
        case VISION_TYPE_FORGET:
            e = vision_forget_decode(m->payload, &u.camera, d);
            if (!e) watcher_forget(p->watcher, u.camera);
            return e;
        case VISION_TYPE_EMBED:
            e = vision_embed_decode(m->payload, &u.embed, d);
            if (e) return e;
            watcher_embed(p->watcher, &u.embed, &faces);
            e = answer(&out, vision_faces_append(&out, &faces));
            wipe(&faces, sizeof faces);
            return e;
        default: return diag_fail(d, ERR_INVALID, "message type %d is not for vision", m->type);
    }
}

static err tell_counts(struct program *p) {
    AUTO(blob_clear) struct blob out = {0};
    struct vision_counts counts;
    watcher_counts(p->watcher, &counts);
    p->told = steady_now();
    return answer(&out, vision_counts_append(&out, &counts));
}

static err work(struct program *p, struct diag *d) {
    for (;;) {
        struct message m;
        int64_t left = STATUS_MS - (steady_now().us - p->told.us) / 1000;
        err e = left > 0 ? receive(p, false, (int)left, &m, d) : ERR_TIMEOUT;
        if (e == ERR_TIMEOUT) {
            e = tell_counts(p);
            if (e) return e;
            continue;
        }
        if (!e) e = take(p, &m, d);
        if (e) return e;
    }
}

static err run(struct program *p, struct diag *d) {
    AUTO(blob_clear) struct blob out = {0};
    struct vision_ready ready = {.load_ms = 0};
    err e = receive_models(p, d);
    if (!e) e = vision_sandbox_enter(SANITIZED ? 0 : MEMORY_MAX_BYTES, &ready.sandbox, d);
    if (!e) e = load(p, &ready, d);
    if (e) return e;
    unmap_files(p);
    malloc_trim(0);
    e = answer(&out, vision_ready_append(&out, &ready));
    if (!e) e = tell_counts(p);
    return e ? e : work(p, d);
}

/* What cannot be said any more is said to the log. */
static void tell_refusal(err e, const struct diag *d) {
    AUTO(blob_clear) struct blob out = {0};
    struct vision_refused m;
    snprintf(m.message, sizeof m.message, "%.*s", VISION_TEXT_MAX_BYTES, d->text[0] ? d->text : err_text(e));
    if (answer(&out, vision_refused_append(&out, &m))) log_error("%s", m.message);
}

/* OpenBLAS, which OpenCV brings along and our networks do not use, begins its threads before main. Landlock
 * and the network's namespace take a process of one thread, so it is told not to, in a second start. */
static void be_alone(char **argv) {
    if (getenv("OPENBLAS_NUM_THREADS")) return;
    if (setenv("OPENBLAS_NUM_THREADS", "1", 1) == 0) execv("/proc/self/exe", argv);
}

int main(int argc, char **argv) {
    log_open("cardea-vision", LOG_LEVEL_WARNING);
    int type = 0;
    socklen_t len = sizeof type;
    if (getsockopt(VISION_SOCKET, SOL_SOCKET, SO_TYPE, &type, &len) || type != SOCK_STREAM) {
        log_error("this program is started by cardea-hub; it has nothing to do on its own");
        return 2;
    }
    be_alone(argv);
    mallopt(M_ARENA_MAX, 2);
    (void)!nice(NICE); /* recording goes first */
    AUTO(program_clear) struct program p = {.file_count = 0};
    struct diag d = {{0}};
    err e = run(&p, &d);
    if (e == ERR_CUT_SHORT || e == ERR_UNREACHABLE) return 0; /* the hub is gone */
    tell_refusal(e, &d);
    return 1;
}
