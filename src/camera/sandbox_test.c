/* Each attempt runs in a child that has entered the sandbox; the parent judges how it ended. */
#include "camera/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum outcome { DID_IT = 10, REFUSED = 11, NO_SANDBOX = 12 };

static int spare_udp = -1, spare_pipe[2] = {-1, -1};

static bool attempt_open(void) {
    return open("/etc/passwd", O_RDONLY) >= 0;
}
static bool attempt_create(void) {
    return open("/tmp/cardea-sandbox-escape", O_CREAT | O_WRONLY, 0600) >= 0;
}
static bool attempt_stat(void) {
    struct stat s;
    return stat("/etc/passwd", &s) == 0;
}
static bool attempt_socket(void) {
    return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}
static bool attempt_unix_socket(void) {
    return socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}
static bool attempt_connect(void) {
    const struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    return connect(spare_udp, (const struct sockaddr *)&a, sizeof a) == 0;
}
static bool attempt_bind(void) {
    const struct sockaddr_in a = {.sin_family = AF_INET};
    return bind(spare_udp, (const struct sockaddr *)&a, sizeof a) == 0;
}
static bool attempt_send_elsewhere(void) {
    const struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    return sendto(spare_udp, "x", 1, 0, (const struct sockaddr *)&a, sizeof a) == 1;
}
static bool attempt_sendmsg_elsewhere(void) {
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct iovec part = {"x", 1};
    const struct msghdr m = {.msg_name = &a, .msg_namelen = sizeof a, .msg_iov = &part, .msg_iovlen = 1};
    return sendmsg(spare_udp, &m, 0) == 1;
}
static bool attempt_exec(void) {
    char *const arguments[] = {"true", NULL};
    execv("/bin/true", arguments);
    return false;
}
static bool attempt_fork(void) {
    return syscall(SYS_fork) >= 0;
}
static bool attempt_clone(void) {
    return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) >= 0;
}
static bool attempt_ptrace(void) {
    return ptrace(PTRACE_ATTACH, getppid(), 0, 0) == 0;
}
static bool attempt_kill(void) {
    return kill(getppid(), 0) == 0;
}
static bool attempt_executable_memory(void) {
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
           MAP_FAILED;
}
static bool attempt_make_executable(void) {
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page != MAP_FAILED && mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
}
static bool attempt_setuid(void) {
    return setuid(0) == 0;
}
static bool attempt_io_uring(void) {
    return syscall(425, 8, NULL) >= 0;
}
static bool attempt_ioctl(void) {
    int n;
    return ioctl(spare_pipe[0], 0x541b /* FIONREAD */, &n) == 0;
}
static bool attempt_duplicate(void) {
    return dup2(spare_pipe[0], 3) >= 0;
}

static bool permitted_pipe(void) {
    char c = 0;
    return write(spare_pipe[1], "x", 1) == 1 && read(spare_pipe[0], &c, 1) == 1 && c == 'x';
}
static bool permitted_memory(void) {
    const size_t len = 64 << 20;
    uint8_t *big = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (big == MAP_FAILED) return false;
    for (size_t i = 0; i < len; i += 4096) big[i] = 1;
    return munmap(big, len) == 0;
}
static bool permitted_random(void) {
    uint8_t out[16];
    return syscall(SYS_getrandom, out, sizeof out, 0) == sizeof out;
}

static enum outcome run(bool (*attempt)(void), bool sandboxed) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        uint8_t layers = 0;
        struct diag d;
        spare_udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        const struct sandbox_options options = {0};
        if (sandboxed && (sandbox_enter(&options, &layers, &d) || !(layers & SANDBOX_SECCOMP)))
            _exit(NO_SANDBOX);
        _exit(attempt() ? DID_IT : REFUSED);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) return REFUSED;
    assert_true(WIFEXITED(status));
    return (enum outcome)WEXITSTATUS(status);
}

static void test_nothing_gets_out(void **state) {
    (void)state;
    static const struct {
        const char *label;
        bool (*attempt)(void);
        bool works_outside; /* so that the refusal is the sandbox's */
    } cases[] = {
        {"open a file", attempt_open, true},
        {"create a file", attempt_create, true},
        {"look at a file", attempt_stat, true},
        {"make a TCP socket", attempt_socket, true},
        {"make a Unix socket", attempt_unix_socket, true},
        {"connect a socket it has", attempt_connect, true},
        {"bind a socket it has", attempt_bind, true},
        {"send a datagram elsewhere", attempt_send_elsewhere, true},
        {"send a message elsewhere", attempt_sendmsg_elsewhere, true},
        {"run a program", attempt_exec, false},
        {"fork", attempt_fork, true},
        {"clone", attempt_clone, true},
        {"trace its parent", attempt_ptrace, false},
        {"signal its parent", attempt_kill, true},
        {"map executable memory", attempt_executable_memory, true},
        {"make memory executable", attempt_make_executable, true},
        {"become root", attempt_setuid, false},
        {"set up io_uring", attempt_io_uring, false},
        {"an ioctl", attempt_ioctl, true},
        {"replace the hub's socket", attempt_duplicate, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (cases[i].works_outside && run(cases[i].attempt, false) != DID_IT)
            fail_msg("outside of the sandbox it could not %s", cases[i].label);
        if (run(cases[i].attempt, true) != REFUSED) fail_msg("in the sandbox it could %s", cases[i].label);
    }
    unlink("/tmp/cardea-sandbox-escape");
}

static void test_work_goes_on(void **state) {
    (void)state;
    assert_int_equal(run(permitted_pipe, true), DID_IT);
    assert_int_equal(run(permitted_memory, true), DID_IT);
    assert_int_equal(run(permitted_random, true), DID_IT);
}

static int set_up(void **state) {
    (void)state;
    return pipe(spare_pipe);
}

static int tear_down(void **state) {
    (void)state;
    close(spare_pipe[0]);
    close(spare_pipe[1]);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_gets_out),
        cmocka_unit_test(test_work_goes_on),
    };
    return cmocka_run_group_tests_name("sandbox", tests, set_up, tear_down);
}
