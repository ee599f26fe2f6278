#include "cli/programs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static err own_folder(char out[PATH_TEXT_BYTES], struct diag *d) {
    ssize_t n = readlink("/proc/self/exe", out, PATH_TEXT_BYTES - 1);
    if (n <= 0) return diag_fail(d, ERR_IO, "cannot read /proc/self/exe: %s", strerror(errno));
    out[n] = 0;
    char *slash = strrchr(out, '/');
    if (slash) *slash = 0;
    return ERR_OK;
}

__attribute__((format(printf, 3, 4))) static bool try_path(int mode, char out[PATH_TEXT_BYTES],
                                                           const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(out, PATH_TEXT_BYTES, format, args);
    va_end(args);
    return n > 0 && n < PATH_TEXT_BYTES && access(out, mode) == 0;
}

err program_find(const char *name, char out[PATH_TEXT_BYTES], struct diag *d) {
    char own[PATH_TEXT_BYTES];
    err e = own_folder(own, d);
    if (e) return e;
    const char *module = strchr(name, '-') ? strchr(name, '-') + 1 : name;
    const char *libexec = getenv("CARDEA_LIBEXEC");
    if (libexec && *libexec) {
        if (try_path(X_OK, out, "%s/%s", libexec, name)) return ERR_OK;
        return diag_fail(d, ERR_NOT_FOUND, "there is no program %s in CARDEA_LIBEXEC (%s)", name, libexec);
    }
    if (try_path(X_OK, out, "%s/../%s/%s", own, module, name) || try_path(X_OK, out, "%s/%s", own, name) ||
        try_path(X_OK, out, "%s/%s", CARDEA_LIBEXEC_DIR, name))
        return ERR_OK;
    return diag_fail(d, ERR_NOT_FOUND,
                     "the program %s is neither beside %s nor in %s: run `make build` or `make install`",
                     name, own, CARDEA_LIBEXEC_DIR);
}

err program_find_bench(const char *name, char out[PATH_TEXT_BYTES], struct diag *d) {
    char own[PATH_TEXT_BYTES];
    err e = own_folder(own, d);
    if (e) return e;
    const char *libexec = getenv("CARDEA_LIBEXEC");
    if (libexec && *libexec && try_path(X_OK, out, "%s/%s", libexec, name)) return ERR_OK;
    if (try_path(X_OK, out, "%s/../../bench/%s", own, name)) return ERR_OK;
    if (try_path(X_OK, out, "%s/%s", CARDEA_LIBEXEC_DIR, name)) return ERR_OK;
    return diag_fail(d, ERR_NOT_FOUND,
                     "the benchmark %s is not there: run it from a source tree, after `make build`", name);
}

err program_web_folder(char out[PATH_TEXT_BYTES], struct diag *d) {
    char own[PATH_TEXT_BYTES];
    err e = own_folder(own, d);
    if (e) return e;
    const char *web = getenv("CARDEA_WEB");
    if (web && *web) {
        if (try_path(R_OK, out, "%s", web)) return ERR_OK;
        return diag_fail(d, ERR_NOT_FOUND, "CARDEA_WEB names %s, which is not there", web);
    }
    char page[PATH_TEXT_BYTES];
    if (try_path(R_OK, page, "%s/../../../web/dist/index.html", own) &&
        try_path(R_OK, out, "%s/../../../web/dist", own))
        return ERR_OK;
    if (try_path(R_OK, page, "%s/web/index.html", CARDEA_DATA_DIR) &&
        try_path(R_OK, out, "%s/web", CARDEA_DATA_DIR))
        return ERR_OK;
    return diag_fail(d, ERR_NOT_FOUND, "the owner's app is not built: run `make build`");
}

err program_shared_file(const char *name, char out[PATH_TEXT_BYTES], struct diag *d) {
    char own[PATH_TEXT_BYTES];
    err e = own_folder(own, d);
    if (e) return e;
    if (try_path(R_OK, out, "%s/../../../packaging/%s", own, name) ||
        try_path(R_OK, out, "%s/%s", CARDEA_DATA_DIR, name))
        return ERR_OK;
    return diag_fail(d, ERR_NOT_FOUND, "%s is missing from this installation", name);
}

void child_init(struct child *c, const char *label) {
    *c = (struct child){.label = label, .log_fd = -1, .stdout_fd = -1, .ready_fd = -1};
}

void child_arg(struct child *c, const char *text) {
    size_t len = strlen(text) + 1;
    if (c->count + 1 >= CHILD_ARGS_MAX || c->text_used + len > sizeof c->text) {
        c->overflow = true;
        return;
    }
    memcpy(c->text + c->text_used, text, len);
    c->args[c->count++] = c->text + c->text_used;
    c->text_used += len;
}

/* In the child: only what is safe after fork. */
static void become(const struct child *c, char *const *argv, pid_t parent) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(127); /* it died before the line above */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    int null = open("/dev/null", O_RDWR);
    if (null >= 0) dup2(null, STDIN_FILENO);
    if (null > 2) close(null);
    if (c->log_fd >= 0) {
        dup2(c->log_fd, STDOUT_FILENO);
        dup2(c->log_fd, STDERR_FILENO);
    }
    if (c->stdout_fd >= 0) dup2(c->stdout_fd, STDOUT_FILENO);
    if (c->ready_fd == CHILD_READY_FD)
        fcntl(CHILD_READY_FD, F_SETFD, 0);
    else if (c->ready_fd >= 0)
        dup2(c->ready_fd, CHILD_READY_FD);
    execvp(c->program, argv);
    _exit(127);
}

err child_start(struct child *c, struct diag *d) {
    if (c->overflow) return diag_fail(d, ERR_LIMIT, "the arguments of %s are too long", c->program);
    char *argv[CHILD_ARGS_MAX + 2] = {c->program};
    for (size_t i = 0; i < c->count; i++) argv[i + 1] = (char *)c->args[i];
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0) return diag_fail(d, ERR_IO, "cannot start %s: %s", c->program, strerror(errno));
    if (pid == 0) become(c, argv, parent);
    setpgid(pid, pid); /* whichever of the two comes first */
    c->pid = pid;
    c->status = 0;
    c->started = steady_now();
    return ERR_OK;
}

bool child_alive(struct child *c) {
    if (c->pid <= 0) return false;
    pid_t got = waitpid(c->pid, &c->status, WNOHANG);
    if (got == 0 || (got < 0 && errno == EINTR)) return true;
    c->pid = 0;
    return false;
}

bool child_wait(struct child *c, int timeout_ms) {
    if (!child_alive(c)) return true;
    /* A pidfd becomes readable when the process ends. */
    AUTO(fd_close) int fd = (int)syscall(SYS_pidfd_open, c->pid, 0);
    if (fd < 0) { /* a kernel without it: wait without a limit on what was already asked to stop */
        while (waitpid(c->pid, &c->status, 0) < 0 && errno == EINTR) continue;
        c->pid = 0;
        return true;
    }
    int64_t end = steady_now().us + (int64_t)timeout_ms * 1000;
    for (;;) {
        int64_t left = end - steady_now().us;
        if (left <= 0) return !child_alive(c);
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, (int)(left / 1000) + 1) > 0 && !child_alive(c)) return true;
    }
}

void child_stop(struct child *c, int timeout_ms) {
    if (!child_alive(c)) return;
    kill(c->pid, SIGTERM);
    if (child_wait(c, timeout_ms)) return;
    kill(c->pid, SIGKILL);
    while (c->pid > 0 && waitpid(c->pid, &c->status, 0) < 0 && errno == EINTR) continue;
    c->pid = 0;
}

void child_end_text(const struct child *c, char out[64]) {
    if (WIFSIGNALED(c->status))
        snprintf(out, 64, "was killed by signal %d", WTERMSIG(c->status));
    else
        snprintf(out, 64, "ended with status %d", WEXITSTATUS(c->status));
}

int child_status(const struct child *c) {
    return WIFEXITED(c->status) ? WEXITSTATUS(c->status) : -1;
}
