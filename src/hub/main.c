/* cardea-hub: one household's box. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "crypto/hash.h"
#include "hub/hub.h"

#define TICK_US 1000000
#if defined(__SANITIZE_ADDRESS__) || defined(CARDEA_SANITIZED)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif
#define CODE_FILE_MAX_BYTES 256

static volatile sig_atomic_t stop;

static void on_signal(int number) {
    (void)number;
    stop = 1;
}

struct arguments {
    const char *vault, *data, *ca_file, *camera_program, *vision_program, *code_file;
    uint64_t spool_limit_bytes;
};

static int usage(const struct arguments *a) {
    if (!a->vault)
        fputs("cardea-hub: --vault is missing: the address of the vault that stores for it\n", stderr);
    if (a->vault && !a->data)
        fputs("cardea-hub: --data is missing: the folder for its keys and its spool\n", stderr);
    fputs("usage: cardea-hub --vault URL --data DIR [--ca FILE] [--setup-code-file FILE]\n"
          "                  [--camera-program PATH] [--vision-program PATH] [--spool-limit BYTES]\n",
          stderr);
    return 2;
}

static bool read_arguments(int argc, char **argv, struct arguments *a) {
    static const struct option options[] = {{"vault", required_argument, NULL, 'v'},
                                            {"data", required_argument, NULL, 'd'},
                                            {"ca", required_argument, NULL, 'c'},
                                            {"ca-file", required_argument, NULL, 'c'},
                                            {"camera-program", required_argument, NULL, 'p'},
                                            {"vision-program", required_argument, NULL, 'i'},
                                            {"spool-limit", required_argument, NULL, 'l'},
                                            {"setup-code-file", required_argument, NULL, 's'},
                                            {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        char *end = NULL;
        switch (option) {
            case 'v': a->vault = optarg; break;
            case 'd': a->data = optarg; break;
            case 'c': a->ca_file = optarg; break;
            case 'p': a->camera_program = optarg; break;
            case 'i': a->vision_program = optarg; break;
            case 's': a->code_file = optarg; break;
            case 'l':
                a->spool_limit_bytes = strtoull(optarg, &end, 10);
                if (*end || a->spool_limit_bytes == 0) return false;
                break;
            default: return false;
        }
    }
    return optind == argc && a->vault && a->data;
}

/* Installed, or in the build's tree beside this program. */
static const char *find_program(const char *name, const char *in_build, char out[PATH_TEXT_BYTES]) {
    const char *const beside[] = {name, in_build};
    char self[PATH_TEXT_BYTES];
    const char *folder = getenv("CARDEA_LIBEXEC");
    if (folder && !path_join(out, folder, name)) return out;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash = NULL;
    if (n > 0) {
        self[n] = 0;
        slash = strrchr(self, '/');
    }
    for (size_t i = 0; slash && i < sizeof beside / sizeof *beside; i++) {
        *slash = 0;
        if (!path_join(out, self, beside[i]) && access(out, X_OK) == 0) return out;
    }
    snprintf(out, PATH_TEXT_BYTES, "%s/%s", CARDEA_LIBEXEC_DIR, name);
    return out;
}

/* In the source tree whose build this program is of, or installed. */
static const char *find_builtin(char out[PATH_TEXT_BYTES]) {
    char self[PATH_TEXT_BYTES];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) {
        self[n] = 0;
        char *slash = strrchr(self, '/');
        if (slash) *slash = 0;
        if (!path_join(out, self, "../../../data/models/motion-classifier.bin") && access(out, R_OK) == 0)
            return out;
    }
    snprintf(out, PATH_TEXT_BYTES, "%s/models/motion-classifier.bin", CARDEA_DATA_DIR);
    return out;
}

/* One hub for each folder: two would use each other's keys and spool. The lock lasts as long as the process.
 */
static err lock_folder(const char *data, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    err e = folder_make(data, d);
    if (!e && path_join(path, data, "lock")) e = diag_fail(d, ERR_LIMIT, "the path is too long");
    if (e) return e;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return diag_fail(d, ERR_IO, "cannot open %s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return ERR_OK;
    close(fd);
    return diag_fail(d, ERR_EXISTS, "a hub is running on %s already", data);
}

static err read_code(const char *path, uint8_t out[PAIRING_SECRET_BYTES], struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    err e = file_read(path, CODE_FILE_MAX_BYTES, &raw, d);
    if (e) return e;
    while (raw.len && (raw.data[raw.len - 1] == '\n' || raw.data[raw.len - 1] == '\r')) raw.len--;
    e = blob_append_u8(&raw, 0);
    if (!e) e = pairing_parse((const char *)raw.data, out, d);
    if (e) diag_prefix(d, "%s", path);
    return e;
}

/* The code of --setup-code-file, or one of our own, kept in DIR/setup-code for `cardea init` on the same
 * machine. */
static err pairing_secret(const struct arguments *a, uint8_t out[PAIRING_SECRET_BYTES], struct diag *d) {
    char text[PAIRING_TEXT_BYTES], path[PATH_TEXT_BYTES];
    if (a->code_file) return read_code(a->code_file, out, d);
    if (path_join(path, a->data, "setup-code")) return diag_fail(d, ERR_LIMIT, "the path is too long");
    err e = read_code(path, out, d);
    if (e == ERR_NOT_FOUND) {
        random_bytes(out, PAIRING_SECRET_BYTES);
        pairing_format(out, text);
        e = file_replace(path, bytes_text(text), 0600, d);
    }
    if (e) return e;
    pairing_format(out, text);
    printf("pairing code %s\n", text);
    fflush(stdout);
    wipe(text, sizeof text);
    return ERR_OK;
}

static err pair(struct identity *id, const struct arguments *a, struct diag *d) {
    uint8_t secret[PAIRING_SECRET_BYTES];
    struct http_client *vault = NULL;
    err e = http_client_new(&(struct http_options){.url = a->vault, .ca_file = a->ca_file}, &vault, d);
    if (!e) e = pairing_secret(a, secret, d);
    if (!e) {
        sd_notify(0, "READY=1\nSTATUS=waiting to be paired");
        e = identity_pair(id, a->data, vault, secret, &stop, d);
    }
    wipe(secret, sizeof secret);
    http_client_free(vault);
    if (e) return e;
    log_info("paired");
    char path[PATH_TEXT_BYTES];
    if (!path_join(path, a->data, "setup-code")) unlink(path); /* a code is good for one pairing */
    return ERR_OK;
}

static void run(struct hub *h) {
    struct steady_us next = {steady_now().us + TICK_US};
    sd_notify(0, "READY=1\nSTATUS=recording");
    while (!stop) {
        int64_t left = next.us - steady_now().us;
        hub_round(h, left > 0 ? (int)(left / 1000) + 1 : 0);
        if (steady_now().us < next.us) continue;
        next.us = steady_now().us + TICK_US;
        hub_tick(h);
        sd_notify(0, "WATCHDOG=1");
    }
    sd_notify(0, "STOPPING=1");
}

static err serve(const struct arguments *a, struct identity *id, struct diag *d) {
    char camera[PATH_TEXT_BYTES], vision[PATH_TEXT_BYTES], builtin[PATH_TEXT_BYTES];
    struct hub_options options = {.data = a->data,
                                  .vault = a->vault,
                                  .ca_file = a->ca_file,
                                  .camera_program = a->camera_program,
                                  .vision_program = a->vision_program,
                                  .models = getenv("CARDEA_MODELS"),
                                  .builtin = find_builtin(builtin),
                                  .spool_limit_bytes = a->spool_limit_bytes,
                                  .identity = id};
    if (!options.camera_program)
        options.camera_program = find_program("cardea-camera", "../camera/cardea-camera", camera);
    if (!options.vision_program)
        options.vision_program = find_program("cardea-vision", "../vision/cardea-vision", vision);
    struct hub h;
    err e = hub_init(&h, &options, d);
    if (!e) run(&h);
    hub_clear(&h);
    return e;
}

/* No core, no debugger of the same user: both would hold keys. */
static void harden(void) {
    struct rlimit none = {0, 0};
    umask(077);
    if (setrlimit(RLIMIT_CORE, &none)) log_warning("core dumps could not be switched off");
    if (!SANITIZED) prctl(PR_SET_DUMPABLE, 0); /* the leak checker looks at itself from outside */
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int main(int argc, char **argv) {
    struct arguments a = {0};
    struct identity id = {0};
    struct diag d = {{0}};
    log_open("cardea-hub", LOG_LEVEL_INFO);
    if (!read_arguments(argc, argv, &a)) return usage(&a);
    harden();
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    err e = lock_folder(a.data, &d);
    if (!e) e = identity_load(a.data, &id, &d);
    if (!e && !id.paired) e = pair(&id, &a, &d);
    if (!e) e = serve(&a, &id, &d);
    identity_clear(&id);
    if (e && !(e == ERR_CANCELLED && stop)) {
        log_error("%s", d.text[0] ? d.text : err_text(e));
        return e == ERR_INVALID ? 2 : 1;
    }
    return 0;
}
