#include "bench/meter.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

#define READY_LIMIT_MS 60000
#define PROCESSES_MAX 4096

static pid_t start(char *const argv[], const char *log, int *out) {
    int pipe_ends[2] = {-1, -1};
    if (out && pipe2(pipe_ends, O_CLOEXEC)) return -1;
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR),
            errors = log ? open(log, O_WRONLY | O_CREAT | O_APPEND, 0600) : null;
        dup2(null, 0);
        dup2(out ? pipe_ends[1] : null, 1);
        dup2(errors, 2);
        execvp(argv[0], argv);
        _exit(127);
    }
    if (out) {
        close(pipe_ends[1]);
        *out = pipe_ends[0];
    }
    return pid;
}

static bool read_line(int fd, char *line, size_t size, int64_t deadline_us) {
    size_t len = 0;
    for (;;) {
        int64_t left_ms = (deadline_us - steady_now().us) / 1000;
        struct pollfd p = {.fd = fd, .events = POLLIN};
        char c;
        if (left_ms <= 0 || poll(&p, 1, (int)left_ms) <= 0 || read(fd, &c, 1) != 1) return false;
        if (c == '\n') break;
        if (len + 1 < size) line[len++] = c;
    }
    line[len] = 0;
    return true;
}

pid_t meter_start(char *const argv[], const char *log, const char *ready, char *line, size_t line_bytes) {
    int out = -1;
    pid_t pid = start(argv, log, ready ? &out : NULL);
    if (pid <= 0 || !ready) return pid > 0 ? pid : 0;
    int64_t deadline = steady_now().us + READY_LIMIT_MS * 1000LL;
    while (read_line(out, line, line_bytes, deadline))
        if (strstr(line, ready))
            return pid; /* the pipe stays open, so that later lines do not end the program */
    close(out);
    meter_stop(pid);
    return 0;
}

int meter_run(char *const argv[], const char *log, struct blob *output) {
    int out = -1, status = 0;
    pid_t pid = start(argv, log, &out);
    if (pid <= 0) return -1;
    uint8_t piece[4096];
    ssize_t n;
    while ((n = read(out, piece, sizeof piece)) > 0)
        if (output && output->len < 1u << 20 && blob_append(output, BYTES(piece, (size_t)n))) break;
    close(out);
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
}

void meter_stop(pid_t pid) {
    if (pid <= 0) return;
    kill(pid, SIGTERM);
    for (int64_t deadline = steady_now().us + 20000000; steady_now().us < deadline; poll(NULL, 0, 20))
        if (waitpid(pid, NULL, WNOHANG) != 0) return;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

struct entry {
    pid_t pid, parent;
    char name[20];
};

static size_t list_processes(struct entry *out) {
    size_t count = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *e; proc && (e = readdir(proc)) && count < PROCESSES_MAX;) {
        char path[64], text[512] = "";
        long pid = strtol(e->d_name, NULL, 10);
        if (pid <= 0) continue;
        snprintf(path, sizeof path, "/proc/%ld/stat", pid);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
        if (fd >= 0) close(fd);
        char *open_at = n > 0 ? strchr(text, '(') : NULL, *close_at = n > 0 ? strrchr(text, ')') : NULL;
        if (!open_at || !close_at) continue;
        *close_at = 0;
        struct entry *p = &out[count++];
        p->pid = (pid_t)pid;
        p->parent = (pid_t)strtol(close_at + 4, NULL, 10); /* ") S " and then the parent */
        snprintf(p->name, sizeof p->name, "%s", open_at + 1);
    }
    if (proc) closedir(proc);
    return count;
}

/* Moves the tree of `root` to the front of the list; returns how many it has. */
static size_t select_tree(struct entry *all, size_t count, pid_t root) {
    size_t have = 0;
    for (bool grew = true; grew;) {
        grew = false;
        for (size_t i = have; i < count; i++) {
            bool in = all[i].pid == root;
            for (size_t k = 0; k < have && !in; k++) in = all[k].pid == all[i].parent;
            if (!in) continue;
            struct entry e = all[i];
            all[i] = all[have];
            all[have++] = e;
            grew = true;
        }
    }
    return have;
}

static double cpu_of(pid_t pid) {
    char path[64];
    double total = 0;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    for (struct dirent *e; tasks && (e = readdir(tasks));) {
        char file[400], text[64] = "";
        if (e->d_name[0] == '.') continue;
        snprintf(file, sizeof file, "/proc/%d/task/%s/schedstat", pid, e->d_name);
        int fd = open(file, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && read(fd, text, sizeof text - 1) > 0) total += strtod(text, NULL) / 1e9;
        if (fd >= 0) close(fd);
    }
    if (tasks) closedir(tasks);
    return total;
}

static double pss_of(pid_t pid) {
    char path[64];
    struct diag d;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
    AUTO(blob_clear) struct blob text = {0};
    if (file_read(path, 65536, &text, &d) || blob_append_u8(&text, 0)) return 0;
    const char *at = strstr((const char *)text.data, "\nPss:");
    return at ? strtod(at + 5, NULL) / 1024 : 0;
}

struct meter_use meter_tree(pid_t pid) {
    static struct entry all[PROCESSES_MAX];
    size_t count = select_tree(all, list_processes(all), pid);
    struct meter_use use = {.processes = (unsigned)count};
    for (size_t i = 0; i < count; i++) {
        use.cpu_s += cpu_of(all[i].pid);
        use.pss_mb += pss_of(all[i].pid);
    }
    return use;
}

pid_t meter_find(pid_t pid, const char *name) {
    static struct entry all[PROCESSES_MAX];
    size_t count = select_tree(all, list_processes(all), pid);
    for (size_t i = 0; i < count; i++)
        if (strncmp(all[i].name, name, strlen(name)) == 0) return all[i].pid;
    return 0;
}
