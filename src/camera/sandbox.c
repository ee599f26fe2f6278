#include "camera/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>

#include "base/confine.h"

#define DESCRIPTORS_MAX 32
#define HUB_SOCKET 3

/* --- seccomp --- */

static const int allowed[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(getsockopt),
    SCMP_SYS(shutdown),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_yield),
    SCMP_SYS(getrusage),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(clock_gettime64),
    SCMP_SYS(clock_nanosleep_time64),
    SCMP_SYS(ppoll_time64),
    SCMP_SYS(futex_time64),
    SCMP_SYS(sigreturn),
    SCMP_SYS(_llseek),
    SCMP_SYS(recv),
    SCMP_SYS(send),
};

/* Libraries try these and live without; what is in no list ends the process. */
static const int refused[] = {
    SCMP_SYS(open),    SCMP_SYS(openat),      SCMP_SYS(access),      SCMP_SYS(faccessat),
    SCMP_SYS(stat),    SCMP_SYS(lstat),       SCMP_SYS(fstat),       SCMP_SYS(newfstatat),
    SCMP_SYS(statx),   SCMP_SYS(readlink),    SCMP_SYS(readlinkat),  SCMP_SYS(setsockopt),
    SCMP_SYS(sysinfo), SCMP_SYS(uname),       SCMP_SYS(prlimit64),   SCMP_SYS(getrlimit),
    SCMP_SYS(getuid),  SCMP_SYS(geteuid),     SCMP_SYS(getgid),      SCMP_SYS(getegid),
    SCMP_SYS(tgkill),  SCMP_SYS(getsockname), SCMP_SYS(getpeername),
};

static const unsigned long capture_ioctls[] = {
    VIDIOC_QUERYCAP,  VIDIOC_ENUM_FMT, VIDIOC_G_FMT,  VIDIOC_S_FMT, VIDIOC_TRY_FMT,
    VIDIOC_REQBUFS,   VIDIOC_QUERYBUF, VIDIOC_QBUF,   VIDIOC_DQBUF, VIDIOC_STREAMON,
    VIDIOC_STREAMOFF, VIDIOC_G_PARM,   VIDIOC_S_PARM,
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Unknown on this architecture (EDOM and the like for pseudo numbers) is as good as added. */
static int rule(scmp_filter_ctx c, uint32_t action, int number, unsigned count, struct scmp_arg_cmp cmp) {
    int failed = count ? seccomp_rule_add(c, action, number, 1, cmp) : seccomp_rule_add(c, action, number, 0);
    return failed == -EDOM || failed == -EINVAL || failed == -EOPNOTSUPP ? (number < 0 ? 0 : failed) : failed;
}
#define NO_ARGUMENT ((struct scmp_arg_cmp){0})

/* Allows a call where the comparison holds and refuses it, without ending us, where its opposite does. */
static int either(scmp_filter_ctx c, int number, struct scmp_arg_cmp allow, struct scmp_arg_cmp refuse) {
    int failed = rule(c, SCMP_ACT_ALLOW, number, 1, allow);
    return failed ? failed : rule(c, SCMP_ACT_ERRNO(EACCES), number, 1, refuse);
}

static int add_argument_rules(scmp_filter_ctx c, bool v4l2) {
    /* Memory is never executable. */
    static const int maps[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
    int failed = 0;
    for (size_t i = 0; !failed && i < COUNT(maps); i++)
        failed = either(c, maps[i], SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                        SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));
    /* Only to the peer a socket is connected to: a UDP socket would take any address otherwise. sendmsg's
     * address is out of a filter's sight, so it is allowed to the hub alone. */
    if (!failed) failed = either(c, SCMP_SYS(sendto), SCMP_A4(SCMP_CMP_EQ, 0, 0), SCMP_A4(SCMP_CMP_NE, 0, 0));
    if (!failed)
        failed = either(c, SCMP_SYS(sendmsg), SCMP_A0(SCMP_CMP_EQ, HUB_SOCKET, 0),
                        SCMP_A0(SCMP_CMP_NE, HUB_SOCKET, 0));
    if (!failed) failed = rule(c, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, F_GETFL, 0));
    if (!failed) failed = rule(c, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, F_SETFL, 0));
    for (size_t i = 0; v4l2 && !failed && i < COUNT(capture_ioctls); i++)
        failed = rule(c, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                      SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, capture_ioctls[i]));
    if (!failed && !v4l2) failed = rule(c, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 0, NO_ARGUMENT);
    return failed;
}

static err enter_seccomp(bool v4l2, struct diag *d) {
    scmp_filter_ctx c = seccomp_init(SCMP_ACT_KILL_PROCESS); /* the kernel's audit log names the call */
    if (!c) return diag_fail(d, ERR_UNSUPPORTED, "this system has no seccomp");
    seccomp_attr_set(c, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    int failed = 0;
    for (size_t i = 0; !failed && i < COUNT(allowed); i++)
        failed = rule(c, SCMP_ACT_ALLOW, allowed[i], 0, NO_ARGUMENT);
    for (size_t i = 0; !failed && i < COUNT(refused); i++)
        failed = rule(c, SCMP_ACT_ERRNO(EACCES), refused[i], 0, NO_ARGUMENT);
    if (!failed) failed = add_argument_rules(c, v4l2);
    if (!failed) failed = seccomp_load(c);
    seccomp_release(c);
    if (failed)
        return diag_fail(d, ERR_UNSUPPORTED, "the seccomp filter was not taken: %s", strerror(-failed));
    return ERR_OK;
}

/* --- All of it --- */

err sandbox_enter(const struct sandbox_options *options, uint8_t *layers, struct diag *d) {
    uint8_t active = 0;
    err e = confine_process(DESCRIPTORS_MAX, options->memory_bytes, d);
    if (e) return e;
    if (confine_network()) active |= SANDBOX_NETNS;
    confine_capabilities();
    if (confine_files()) active |= SANDBOX_LANDLOCK;
    e = enter_seccomp(options->v4l2, d);
    if (e) return e;
    *layers = active | SANDBOX_SECCOMP;
    return ERR_OK;
}
