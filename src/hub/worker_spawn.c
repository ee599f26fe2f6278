/* A worker's birth. Between fork and exec only what is safe there. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "hub/worker_internal.h"

#define SOCKET_BUFFER_BYTES (512 << 10)

static void become_worker(const char *program, int socket, int log, pid_t hub) {
    static char *const no_environment[] = {NULL};
    char *const arguments[] = {(char *)(uintptr_t)program, NULL};
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int s = 1; s < NSIG; s++) signal(s, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != hub) _exit(1); /* it died in between */
    setpgid(0, 0); /* the terminal's interrupt is for the hub, which ends its workers in order */
    /* Out of the way of 0 to 3 first, since the two may be among them. */
    socket = fcntl(socket, F_DUPFD, 10);
    log = fcntl(log, F_DUPFD, 10);
    int null = open("/dev/null", O_RDWR);
    if (socket < 0 || log < 0 || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(log, 2) < 0 ||
        dup2(socket, WORKER_SOCKET) < 0 || close_range(WORKER_SOCKET + 1, ~0u, 0))
        _exit(1);
    execve(program, arguments, no_environment);
    _exit(127);
}

err worker_spawn(const char *program, pid_t *out_pid, int *out_socket, int *out_log, struct diag *d) {
    AUTO(fd_close) int hub_socket = -1;
    AUTO(fd_close) int worker_socket = -1;
    AUTO(fd_close) int log_read = -1;
    AUTO(fd_close) int log_write_end = -1;
    int pair[2], ends[2];
    if (access(program, X_OK))
        return diag_fail(d, ERR_NOT_FOUND, "cannot run %s: %s", program, strerror(errno));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        return diag_fail(d, ERR_IO, "no socket pair");
    hub_socket = pair[0];
    worker_socket = pair[1];
    if (pipe2(ends, O_CLOEXEC)) return diag_fail(d, ERR_IO, "no pipe");
    log_read = ends[0];
    log_write_end = ends[1];
    int bytes = SOCKET_BUFFER_BYTES;
    setsockopt(worker_socket, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    if (fcntl(hub_socket, F_SETFL, O_NONBLOCK) || fcntl(log_read, F_SETFL, O_NONBLOCK))
        return diag_fail(d, ERR_IO, "fcntl: %s", strerror(errno));
    pid_t hub = getpid(), pid = fork();
    if (pid < 0) return diag_fail(d, ERR_NO_MEMORY, "cannot fork: %s", strerror(errno));
    if (pid == 0) become_worker(program, worker_socket, log_write_end, hub);
    *out_pid = pid;
    *out_socket = hub_socket;
    *out_log = log_read;
    hub_socket = log_read = -1;
    return ERR_OK;
}
