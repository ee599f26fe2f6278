/* cmd_doctor.c: looks at this installation piece by piece; each finding comes with its mend. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/seccomp.h>

#include "base/json.h"
#include "cli/authority.h"
#include "cli/doctor.h"
#include "cli/home.h"
#include "cli/session.h"
#include "client/hub_command.h"

#define DISK_LOW_BYTES (2ull << 30)
#define CLOCK_OFF_S 30
#define CERTIFICATE_SOON_S (7 * 86400)

enum finding { FINDING_WELL, FINDING_NOTE, FINDING_WRONG };

struct report {
    json_t *list; /* NULL: print */
    size_t wrong;
};

__attribute__((format(printf, 4, 5))) static void find(struct report *r, enum finding f, const char *what,
                                                       const char *format, ...) {
    static const char *const words[] = {"well", "note", "wrong"}, *const marks[] = {"  ok  ", " note ",
                                                                                    "WRONG "};
    char text[600];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (f == FINDING_WRONG) r->wrong++;
    if (r->list)
        json_array_append_new(r->list,
                              json_pack("{s:s, s:s, s:s}", "what", what, "state", words[f], "message", text));
    else
        printf("%s %-12s %s\n", marks[f], what, text);
}

/* First line of a program's output. ERR_IO: it did not run. */
static err first_line(const char *program, const char *arg, char *out, size_t size) {
    int ends[2];
    struct diag d;
    if (pipe2(ends, O_CLOEXEC)) return ERR_IO;
    AUTO(fd_close) int ours = ends[0];
    AUTO(fd_close) int theirs = ends[1];
    AUTO(fd_close) int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    struct child c;
    child_init(&c, program);
    snprintf(c.program, sizeof c.program, "%s", program);
    child_arg(&c, arg);
    c.log_fd = null;
    c.stdout_fd = theirs;
    if (child_start(&c, &d)) return ERR_IO;
    fd_close(&theirs);
    size_t len = 0;
    while (len < size - 1) {
        ssize_t n = read(ours, out + len, size - 1 - len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        len += (size_t)n;
    }
    out[len] = 0;
    out[strcspn(out, "\n")] = 0;
    child_stop(&c, 2000);
    return len ? ERR_OK : ERR_IO;
}

static void check_programs(struct report *r) {
    static const char *const names[] = {"cardea-vault", "cardea-hub", "cardea-camera", "cardea-vision"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[PATH_TEXT_BYTES], line[128] = "";
        struct diag d;
        if (program_find(names[i], path, &d)) {
            find(r, FINDING_WRONG, names[i], "%s", d.text);
            continue;
        }
        if (i >= 2 || first_line(path, "--version", line, sizeof line) != ERR_OK)
            find(r, FINDING_WELL, names[i], "%s", path);
        else if (!strstr(line, CARDEA_VERSION))
            find(r, FINDING_WRONG, names[i],
                 "%s says '%s', this is " CARDEA_VERSION ": run `make install` again", path, line);
        else
            find(r, FINDING_WELL, names[i], "%s", path);
    }
    char web[PATH_TEXT_BYTES];
    struct diag d;
    if (program_web_folder(web, &d))
        find(r, FINDING_WRONG, "owner's app", "%s", d.text);
    else
        find(r, FINDING_WELL, "owner's app", "%s", web);
}

static void check_private(struct report *r, const char *data, const char *name) {
    char path[PATH_TEXT_BYTES];
    struct stat info;
    if (path_join(path, data, name) || stat(path, &info)) return;
    if (info.st_uid != geteuid())
        find(r, FINDING_WRONG, "permissions", "%s belongs to another user: run `chown -R $(id -un) %s`", path,
             data);
    else if (info.st_mode & 077)
        find(r, FINDING_WRONG, "permissions", "%s can be read by others: run `chmod go= %s`", path, path);
}

static void check_folder(struct report *r, const char *data) {
    static const char *const private_names[] = {"",         "home.json",  "owner.json",     "hub",
                                                "vault",    "tls/ca.key", "tls/server.key", "setup-code",
                                                "seen.json"};
    struct stat info;
    struct statvfs fs;
    if (stat(data, &info)) {
        find(r, FINDING_NOTE, "folder", "%s is not there yet: `cardea home` or `cardea init` makes it", data);
        return;
    }
    size_t before = r->wrong;
    for (size_t i = 0; i < sizeof private_names / sizeof *private_names; i++)
        check_private(r, data, private_names[i]);
    if (r->wrong == before) find(r, FINDING_WELL, "permissions", "%s is this user's alone", data);
    if (statvfs(data, &fs)) return;
    uint64_t left = (uint64_t)fs.f_bavail * fs.f_frsize;
    char text[24];
    cli_bytes_text(left, text);
    if (left < DISK_LOW_BYTES)
        find(r, FINDING_WRONG, "disk", "only %s are free: make room, or shorten the cameras' retention",
             text);
    else
        find(r, FINDING_WELL, "disk", "%s are free", text);
}

static void check_certificates(struct report *r, const char *data) {
    char folder[PATH_TEXT_BYTES], path[PATH_TEXT_BYTES];
    int64_t left = 0;
    struct diag d;
    if (path_join(folder, data, "tls") || path_join(path, folder, "server.crt") || access(path, F_OK)) return;
    if (authority_server_left(folder, wall_now(), &left, &d))
        find(r, FINDING_WRONG, "certificate", "%s", d.text);
    else if (left < CERTIFICATE_SOON_S)
        find(r, FINDING_WRONG, "certificate",
             "it ends in %lld days: is `cardea home` running, which renews it?", (long long)(left / 86400));
    else
        find(r, FINDING_WELL, "certificate", "good for %lld days; renewed by itself",
             (long long)(left / 86400));
}

static void check_kernel(struct report *r) {
    unsigned action = SECCOMP_RET_KILL_PROCESS;
    if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0)
        find(r, FINDING_WELL, "seccomp", "camera workers are confined by it");
    else
        find(r, FINDING_WRONG, "seccomp",
             "the kernel has no seccomp filters: camera workers cannot be confined; use a kernel with "
             "CONFIG_SECCOMP_FILTER");
#ifdef SYS_landlock_create_ruleset
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1u);
    if (abi > 0)
        find(r, FINDING_WELL, "landlock", "version %ld%s", abi,
             abi >= 4 ? "" : ", without network rules (since Linux 6.7)");
    else
        find(r, FINDING_NOTE, "landlock",
             "not in this kernel: seccomp confines the workers alone; Linux 5.13 and later have it");
#endif
}

static void check_media(struct report *r) {
    char line[160];
    if (first_line("ffmpeg", "-version", line, sizeof line))
        find(r, FINDING_NOTE, "ffmpeg",
             "the program is missing; only demo and benchmarks need it: apt-get install ffmpeg");
    else
        find(r, FINDING_WELL, "ffmpeg", "%s", line);
}

/* Who holds the standard port, when no home runs. */
static void check_port(struct report *r) {
    AUTO(fd_close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(HOME_DEFAULT_PORT)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
        find(r, FINDING_WELL, "port", "%d is free", HOME_DEFAULT_PORT);
        return;
    }
    find(r, FINDING_NOTE, "port",
         "%d is taken by another program (`ss -ltnp` names it): give `cardea home --listen 127.0.0.1:OTHER`",
         HOME_DEFAULT_PORT);
}

static void check_clock(struct report *r, struct client *c) {
    struct client_vault vault;
    struct diag d;
    if (client_vault(c, &vault, &d)) {
        find(r, FINDING_WRONG, "vault", "%s", d.text);
        return;
    }
    if (strcmp(vault.version, CARDEA_VERSION) != 0)
        find(r, FINDING_NOTE, "vault", "its version is %s, this is " CARDEA_VERSION, vault.version);
    else
        find(r, FINDING_WELL, "vault", "%s answers", c->url);
    int64_t off = (wall_now().us - vault.time.us) / 1000000;
    if (llabs(off) > CLOCK_OFF_S)
        find(r, FINDING_WRONG, "clock", "%lld s %s the vault's: set up NTP (`timedatectl set-ntp true`)",
             (long long)llabs(off), off > 0 ? "ahead of" : "behind");
    else
        find(r, FINDING_WELL, "clock", "agrees with the vault's");
    if (wall_now().us < 1700000000 * INT64_C(1000000))
        find(r, FINDING_WRONG, "clock", "the date is before 2024: set the clock, recordings are keyed by it");
}

static const char *member(json_t *o, const char *name) {
    const char *text = json_string_value(json_object_get(o, name));
    return text ? text : "";
}

static void check_channel(struct report *r, json_t *one) {
    const char *state = member(one, "state"), *name = member(one, "name"), *message = member(one, "message");
    if (strcmp(state, "failing") == 0)
        find(r, FINDING_WRONG, "alerts",
             "%s: %s; `cardea notify test %s` tries it now, `cardea notify set %s` "
             "changes it",
             name, message, name, name);
    else if (strcmp(state, "gone") == 0)
        find(r, FINDING_WRONG, "alerts",
             "%s: %s; `cardea notify remove %s`, and turn it on again in that browser", name, message, name);
    else
        find(r, FINDING_WELL, "alerts", "%s: %s", name, state);
}

static void check_seeing(struct report *r, json_t *seeing) {
    json_t *model = json_object_get(seeing, "model"), *vision = json_object_get(seeing, "vision"), *one;
    const char *state = member(vision, "state"), *message = member(vision, "message");
    size_t i;
    if (!seeing) return;
    if (!json_is_true(json_object_get(seeing, "on")))
        find(r, FINDING_NOTE, "seeing", "off: nothing alerts; `cardea see on` turns it on");
    else if (strcmp(state, "failed") == 0)
        find(r, FINDING_WRONG, "seeing",
             "nobody looks: %s; it is started again by itself, and if it stays so "
             "`cardea model use auto` has another model look",
             message);
    else if (strcmp(member(model, "kind"), "motion-classifier") == 0)
        find(r, FINDING_NOTE, "seeing",
             "by the small model that is built in; `cardea model get yolox-nano`, then "
             "`cardea model use auto`, look better");
    else
        find(r, *message ? FINDING_NOTE : FINDING_WELL, "seeing", "%s is %s%s%s", member(model, "name"),
             member(model, "state"), *message ? ": " : "", message);
    if (json_array_size(json_object_get(seeing, "channels")) == 0 &&
        json_is_true(json_object_get(seeing, "on")))
        find(r, FINDING_NOTE, "alerts",
             "go to nobody yet: `cardea notify add`, or a browser's own in the app");
    json_array_foreach(json_object_get(seeing, "channels"), i, one) check_channel(r, one);
}

static void check_cameras(struct report *r, struct session *s) {
    for (size_t i = 0; i < s->client.hub_count; i++) {
        AUTO(json_release) json_t *status = NULL;
        struct diag d;
        size_t k;
        json_t *cam;
        if (hub_command(&s->client, &s->client.hubs[i], "status", NULL, 10, &status, &d)) {
            find(r, FINDING_WRONG, "hub", "%s", d.text);
            continue;
        }
        find(r, FINDING_WELL, "hub", "answers");
        json_array_foreach(json_object_get(status, "cameras"), k, cam) {
            const char *state = json_string_value(json_object_get(cam, "state"));
            const char *name = json_string_value(json_object_get(cam, "name"));
            const char *message = json_string_value(json_object_get(cam, "message"));
            bool well = state && strcmp(state, "streaming") == 0;
            find(r, well ? FINDING_WELL : FINDING_WRONG, "camera", "%s%s: %s%s%s", name ? name : "?",
                 strcmp(member(cam, "kind"), "sub") == 0 ? " (small)" : "", state ? state : "?",
                 message && *message ? ": " : "", message ? message : "");
        }
        check_seeing(r, json_object_get(status, "seeing"));
    }
}

static void check_running(struct report *r, const struct cli *cli) {
    char url[SESSION_URL_BYTES], ca_file[PATH_TEXT_BYTES];
    struct diag d;
    struct home_owner owner;
    if (session_vault(cli, url, ca_file, &d)) {
        find(r, FINDING_NOTE, "home", "%s", d.text);
        check_port(r);
        return;
    }
    AUTO(client_clear) struct client c = {0};
    if (client_open(&c, url, *ca_file ? ca_file : NULL, &d)) {
        find(r, FINDING_WRONG, "vault", "%s", d.text);
        return;
    }
    check_clock(r, &c);
    if (home_owner_read(cli->data, &owner, &d)) {
        find(r, FINDING_NOTE, "household", "none was made with this folder: run `cardea init`");
        return;
    }
    const char *file = cli->passphrase_file ? cli->passphrase_file : getenv("CARDEA_PASSPHRASE_FILE");
    if (!file || !*file) {
        find(r, FINDING_NOTE, "cameras", "not asked: give --passphrase-file to hear the hub about them");
        return;
    }
    AUTO(session_close) struct session s = {0};
    if (session_open(cli, &s, &d))
        find(r, FINDING_WRONG, "household", "%s", d.text);
    else
        check_cameras(r, &s);
}

int run_doctor(struct cli *cli, const struct args *args) {
    AUTO(json_release) json_t *list = cli->json ? json_array() : NULL;
    struct report r = {.list = list};
    check_programs(&r);
    check_folder(&r, cli->data);
    check_certificates(&r, cli->data);
    check_kernel(&r);
    check_media(&r);
    check_running(&r, cli);
    if (cli->json) {
        json_dumpf(list, stdout, JSON_INDENT(1));
        putchar('\n');
    } else {
        printf(r.wrong ? "%zu to mend\n" : "nothing to mend\n", r.wrong);
    }
    return r.wrong ? STATUS_FAILED : STATUS_DONE;
}
