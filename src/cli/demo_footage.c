#include "cli/demo_footage.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "crypto/hash.h"

#define CLIP_SECONDS "40"
#define ENCODE_MS 180000
#define SERVER_START_MS 10000
#define SERVER_RETRY_S 2
#define MAIN_FPS 25, 1
#define SUB_FPS 25, 2
#define CONFIG_MAX_BYTES 8192
#define PYTHON "/usr/bin/python3" /* Debian's own: the GStreamer bindings belong to it */

/* What each camera shows, in order of liking. */
static const struct {
    const char *name, *file;
    const char *clips[3];
} choices[DEMO_CAMERAS] = {
    {"walkway", "walkway", {"vtest.avi", "one-by-one-person-detection.mp4", NULL}},
    {"garden", "garden", {"tree.avi", "porch-cat.mp4", NULL}},
};

static bool find_in(const char *folder, const char *clip, char out[PATH_TEXT_BYTES]) {
    return snprintf(out, PATH_TEXT_BYTES, "%s/%s", folder, clip) < PATH_TEXT_BYTES && access(out, R_OK) == 0;
}

static bool find_clip(const char *clip, char out[PATH_TEXT_BYTES]) {
    const char *given = getenv("CARDEA_FOOTAGE");
    char folder[PATH_TEXT_BYTES];
    if (given && *given) {
        if (find_in(given, clip, out)) return true;
        if (path_join(folder, given, "clips") == ERR_OK && find_in(folder, clip, out)) return true;
    }
    return find_in("/usr/share/doc/opencv-doc/examples/data", clip, out);
}

static err choose_clip(size_t i, struct demo_camera *cam, struct diag *d) {
    child_init(&cam->encoder, choices[i].name);
    cam->name = choices[i].name;
    cam->file = choices[i].file;
    for (size_t k = 0; choices[i].clips[k]; k++)
        if (find_clip(choices[i].clips[k], cam->source)) return ERR_OK;
    return diag_fail(d, ERR_NOT_FOUND,
                     "there is no footage for the demo: apt-get install opencv-doc, or name a folder with %s "
                     "in CARDEA_FOOTAGE",
                     choices[i].clips[0]);
}

static void clip_path(const struct demo_footage *f, size_t i, const char *suffix, char out[PATH_TEXT_BYTES]) {
    snprintf(out, PATH_TEXT_BYTES, "%.900s/%s%s", f->folder, f->cameras[i].file, suffix);
}

/* One stream: size, rate, bit rate, and a name that is only taken when the encoder is done. */
static void encode_stream(struct child *c, const char *filter, const char *gop, const char *rate,
                          const char *buffer, const char *path) {
    const char *const args[] = {"-map",    "0:v:0",       "-an",      "-vf",           filter, "-c:v",
                                "libx264", "-preset",     "veryfast", "-bf",           "0",    "-g",
                                gop,       "-keyint_min", gop,        "-sc_threshold", "0",    "-crf",
                                "27",      "-maxrate",    rate,       "-bufsize",      buffer, "-pix_fmt",
                                "yuv420p"};
    for (size_t i = 0; i < sizeof args / sizeof *args; i++) child_arg(c, args[i]);
    bool raw = strstr(path, ".h264") != NULL;
    if (raw) {
        child_arg(c, "-x264-params");
        child_arg(c, "aud=1");
    }
    child_arg(c, "-f");
    child_arg(c, raw ? "h264" : "mp4");
    child_arg(c, path);
}

static err encode(struct demo_footage *f, size_t i, struct diag *d) {
    struct demo_camera *cam = &f->cameras[i];
    char main_path[PATH_TEXT_BYTES], part[PATH_TEXT_BYTES], sub_part[PATH_TEXT_BYTES];
    clip_path(f, i, ".h264", main_path);
    cam->ready = access(main_path, R_OK) == 0;
    if (cam->ready) return ERR_OK;
    struct child *c = &cam->encoder;
    snprintf(c->program, sizeof c->program, "ffmpeg");
    const char *const head[] = {"-nostdin", "-v", "error", "-y", "-t", CLIP_SECONDS, "-i", cam->source};
    for (size_t k = 0; k < sizeof head / sizeof *head; k++) child_arg(c, head[k]);
    clip_path(f, i, "-part.h264", part);
    clip_path(f, i, "-sub-part.h264", sub_part);
    encode_stream(c, "scale=-2:720:flags=bicubic,fps=25", "50", "1500k", "3000k", part);
    encode_stream(c, "scale=-2:360,fps=25/2", "25", "300k", "600k", sub_part);
    return child_start(c, d);
}

err demo_footage_begin(struct demo_footage *f, const char *data, struct diag *d) {
    *f = (struct demo_footage){.server_out = -1};
    child_init(&f->server, "cameras");
    for (size_t i = 0; i < DEMO_CAMERAS; i++) child_init(&f->cameras[i].encoder, "ffmpeg");
    if (path_join(f->folder, data, "demo")) return diag_fail(d, ERR_LIMIT, "the path %s is too long", data);
    err e = folder_make(f->folder, d);
    for (size_t i = 0; i < DEMO_CAMERAS && !e; i++) {
        e = choose_clip(i, &f->cameras[i], d);
        if (!e) e = encode(f, i, d);
    }
    return e;
}

static err take_name(const struct demo_footage *f, size_t i, const char *from, const char *to,
                     struct diag *d) {
    char old[PATH_TEXT_BYTES], name[PATH_TEXT_BYTES];
    clip_path(f, i, from, old);
    clip_path(f, i, to, name);
    return rename(old, name) ? diag_fail(d, ERR_IO, "cannot name %s: %s", name, strerror(errno)) : ERR_OK;
}

static err wait_encoder(struct child *c, bool (*stopped)(void *), void *context, struct diag *d) {
    int64_t end = steady_now().us + (int64_t)ENCODE_MS * 1000;
    while (!child_wait(c, 200)) {
        if (stopped(context)) return diag_fail(d, ERR_CANCELLED, "interrupted");
        if (steady_now().us > end) return diag_fail(d, ERR_TIMEOUT, "ffmpeg takes too long over the footage");
    }
    return ERR_OK;
}

static err wait_encoders(struct demo_footage *f, bool (*stopped)(void *), void *context, struct diag *d) {
    for (size_t i = 0; i < DEMO_CAMERAS; i++) {
        struct demo_camera *cam = &f->cameras[i];
        char how[64];
        if (cam->ready) continue;
        err e = wait_encoder(&cam->encoder, stopped, context, d);
        if (e) return e;
        child_end_text(&cam->encoder, how);
        if (child_status(&cam->encoder) == 127)
            return diag_fail(d, ERR_NOT_FOUND, "the program ffmpeg is missing: apt-get install ffmpeg");
        if (child_status(&cam->encoder)) return diag_fail(d, ERR_IO, "ffmpeg %s over %s", how, cam->source);
        e = take_name(f, i, "-sub-part.h264", "-sub.h264", d);
        if (!e) e = take_name(f, i, "-part.h264", ".h264", d);
        if (e) return e;
        cam->ready = true;
    }
    return ERR_OK;
}

/* ---- the server ---- */

static json_t *camera_config(const struct demo_footage *f, size_t i, bool sub, int num, int den) {
    char file[PATH_TEXT_BYTES], path[64];
    clip_path(f, i, sub ? "-sub.h264" : ".h264", file);
    snprintf(path, sizeof path, "/%s%s", f->cameras[i].file, sub ? "-sub" : "");
    return json_pack("{s:s, s:s, s:i, s:i}", "path", path, "file", file, "fps_num", num, "fps_den", den);
}

/* Port and password stay the same between runs: the hub remembers the cameras' addresses. */
static void read_config(struct demo_footage *f, const char *path) {
    AUTO(blob_clear) struct blob text = {0};
    AUTO(json_release) json_t *json = NULL;
    struct diag ignored;
    uint8_t random[16];
    if (file_read(path, CONFIG_MAX_BYTES, &text, &ignored) == ERR_OK &&
        json_parse(blob_bytes(&text), &json, &ignored) == ERR_OK) {
        const char *password = json_string_value(json_object_get(json, "password"));
        json_int_t port = json_integer_value(json_object_get(json, "port"));
        if (password && strlen(password) == sizeof f->password - 1 && port > 0 && port < 65536) {
            memcpy(f->password, password, sizeof f->password);
            f->port = (unsigned)port;
            return;
        }
    }
    random_bytes(random, sizeof random);
    hex_encode(BYTES_OF(random), f->password);
    f->port = 0;
}

static err write_config(const struct demo_footage *f, const char *path, struct diag *d) {
    AUTO(json_release) json_t *cameras = json_array();
    for (size_t i = 0; i < DEMO_CAMERAS; i++) {
        json_array_append_new(cameras, camera_config(f, i, false, MAIN_FPS));
        json_array_append_new(cameras, camera_config(f, i, true, SUB_FPS));
    }
    AUTO(json_release)
    json_t *json = json_pack("{s:s, s:i, s:s, s:s, s:O}", "address", "127.0.0.1", "port", (int)f->port,
                             "user", "demo", "password", f->password, "cameras", cameras);
    char *text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
    if (!text) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    err e = file_replace(path, bytes_text(text), 0600, d);
    free(text);
    return e;
}

static bool read_ready(struct demo_footage *f) {
    char line[64];
    size_t len = 0;
    int64_t end = steady_now().us + (int64_t)SERVER_START_MS * 1000;
    while (len < sizeof line - 1) {
        struct pollfd p = {.fd = f->server_out, .events = POLLIN};
        int64_t left_ms = (end - steady_now().us) / 1000;
        if (left_ms <= 0) return false;
        if (poll(&p, 1, (int)left_ms) <= 0) continue;
        ssize_t n = read(f->server_out, line + len, 1);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        if (line[len] == '\n') break;
        len++;
    }
    line[len] = 0;
    return sscanf(line, "ready %u", &f->port) == 1;
}

static err start_server(struct demo_footage *f, struct diag *d) {
    char config[PATH_TEXT_BYTES], script[PATH_TEXT_BYTES];
    int ends[2];
    if (path_join(config, f->folder, "cameras.json"))
        return diag_fail(d, ERR_LIMIT, "the path %s is too long", f->folder);
    err e = program_shared_file("demo/rtsp_cameras.py", script, d);
    if (!e) e = write_config(f, config, d);
    if (e) return e;
    if (pipe2(ends, O_CLOEXEC)) return diag_fail(d, ERR_IO, "cannot make a pipe: %s", strerror(errno));
    AUTO(fd_close) int theirs = ends[1];
    AUTO(fd_close) int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    fd_close(&f->server_out);
    f->server_out = ends[0];
    child_init(&f->server, "cameras");
    snprintf(f->server.program, sizeof f->server.program, "%s",
             access(PYTHON, X_OK) == 0 ? PYTHON : "python3");
    child_arg(&f->server, script);
    child_arg(&f->server, config);
    f->server.log_fd = null; /* GStreamer's own messages */
    f->server.stdout_fd = theirs;
    e = child_start(&f->server, d);
    if (e) return e;
    fd_close(&theirs);
    if (read_ready(f)) return write_config(f, config, d);
    child_stop(&f->server, 2000);
    return diag_fail(d, ERR_NOT_FOUND, "GStreamer's RTSP server for Python does not start");
}

/* Clips for file: cameras, whose reader wants a container. */
static err make_files(struct demo_footage *f, struct diag *d) {
    for (size_t i = 0; i < DEMO_CAMERAS; i++) {
        char raw[PATH_TEXT_BYTES], path[PATH_TEXT_BYTES];
        clip_path(f, i, ".h264", raw);
        clip_path(f, i, ".mp4", path);
        if (access(path, R_OK) == 0) continue;
        struct child *c = &f->cameras[i].encoder;
        child_init(c, "ffmpeg");
        snprintf(c->program, sizeof c->program, "ffmpeg");
        const char *const args[] = {"-nostdin", "-v", "error", "-y",   "-r", "25",
                                    "-i",       raw,  "-c",    "copy", path};
        for (size_t k = 0; k < sizeof args / sizeof *args; k++) child_arg(c, args[k]);
        err e = child_start(c, d);
        if (e) return e;
        if (!child_wait(c, ENCODE_MS) || child_status(c))
            return diag_fail(d, ERR_IO, "ffmpeg cannot write %s", path);
    }
    return ERR_OK;
}

err demo_footage_serve(struct demo_footage *f, bool (*stopped)(void *), void *context, struct diag *d) {
    char config[PATH_TEXT_BYTES];
    err e = wait_encoders(f, stopped, context, d);
    if (e) return e;
    if (path_join(config, f->folder, "cameras.json"))
        return diag_fail(d, ERR_LIMIT, "the path %s is too long", f->folder);
    read_config(f, config);
    bool fixed = f->port != 0;
    f->rtsp = start_server(f, d) == ERR_OK;
    if (f->rtsp) return ERR_OK;
    if (fixed)
        return diag_fail(
            d, ERR_BUSY,
            "the demo's cameras cannot be served on port %u again: is another demo running? Else remove %s",
            f->port, config);
    unlink(config);
    log_info("%s: the cameras are files instead (apt-get install gir1.2-gst-rtsp-server-1.0 python3-gi)",
             d->text);
    return make_files(f, d);
}

void demo_footage_tend(struct demo_footage *f) {
    struct diag d;
    if (!f->rtsp || child_alive(&f->server) ||
        steady_now().us - f->server.started.us < (int64_t)SERVER_RETRY_S * 1000000)
        return;
    log_warning("the demo's cameras stopped; starting them again");
    if (start_server(f, &d)) log_error("%s", d.text);
}

void demo_footage_stop(struct demo_footage *f) {
    for (size_t i = 0; i < DEMO_CAMERAS; i++) child_stop(&f->cameras[i].encoder, 2000);
    child_stop(&f->server, 2000);
    fd_close(&f->server_out);
    wipe(f->password, sizeof f->password);
}

void demo_footage_urls(const struct demo_footage *f, size_t i, char main_url[DEMO_URL_BYTES],
                       char sub_url[DEMO_URL_BYTES]) {
    char path[PATH_TEXT_BYTES];
    sub_url[0] = 0;
    if (!f->rtsp) {
        clip_path(f, i, ".mp4", path);
        snprintf(main_url, DEMO_URL_BYTES, "file:%s", path);
        return;
    }
    const char *file = f->cameras[i].file;
    snprintf(main_url, DEMO_URL_BYTES, "rtsp://demo:%s@127.0.0.1:%u/%s", f->password, f->port, file);
    snprintf(sub_url, DEMO_URL_BYTES, "rtsp://demo:%s@127.0.0.1:%u/%s-sub", f->password, f->port, file);
}
