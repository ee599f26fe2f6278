#include "vision/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>

#include "base/confine.h"
#include "vision/vision_message.h"

#define DESCRIPTORS_MAX 16
#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NO_ARGUMENT ((struct scmp_arg_cmp){0})

static const int allowed[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(close),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(recvmsg),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getcpu),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_yield),
    SCMP_SYS(getrusage),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(clock_gettime64),
    SCMP_SYS(clock_nanosleep_time64),
    SCMP_SYS(ppoll_time64),
    SCMP_SYS(futex_time64),
    SCMP_SYS(sigreturn),
};

/* Libraries try these and live without; what is in no list ends the process. */
static const int refused[] = {
    SCMP_SYS(open),          SCMP_SYS(openat),
    SCMP_SYS(access),        SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),    SCMP_SYS(stat),
    SCMP_SYS(lstat),         SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),    SCMP_SYS(statx),
    SCMP_SYS(readlink),      SCMP_SYS(readlinkat),
    SCMP_SYS(sysinfo),       SCMP_SYS(uname),
    SCMP_SYS(prlimit64),     SCMP_SYS(getrlimit),
    SCMP_SYS(getuid),        SCMP_SYS(geteuid),
    SCMP_SYS(getgid),        SCMP_SYS(getegid),
    SCMP_SYS(tgkill),        SCMP_SYS(prctl),
    SCMP_SYS(ioctl),         SCMP_SYS(getcwd),
    SCMP_SYS(lseek),         SCMP_SYS(sched_setaffinity),
    SCMP_SYS(set_mempolicy), SCMP_SYS(get_mempolicy),
    SCMP_SYS(mbind),
};

/* Unknown on this architecture (EDOM and the like for pseudo numbers) is as good as added. */
static int rule(scmp_filter_ctx c, uint32_t action, int number, unsigned count, struct scmp_arg_cmp cmp) {
    int failed = count ? seccomp_rule_add(c, action, number, 1, cmp) : seccomp_rule_add(c, action, number, 0);
    return failed == -EDOM || failed == -EINVAL || failed == -EOPNOTSUPP ? (number < 0 ? 0 : failed) : failed;
}

/* Allows a call where the comparison holds and refuses it, without ending us, where its opposite does. */
static int either(scmp_filter_ctx c, int number, struct scmp_arg_cmp allow, struct scmp_arg_cmp refuse) {
    int failed = rule(c, SCMP_ACT_ALLOW, number, 1, allow);
    return failed ? failed : rule(c, SCMP_ACT_ERRNO(EACCES), number, 1, refuse);
}

static int add_argument_rules(scmp_filter_ctx c) {
    /* Memory is never executable. */
    static const int maps[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
    int failed = 0;
    for (size_t i = 0; !failed && i < COUNT(maps); i++)
        failed = either(c, maps[i], SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                        SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));
    if (!failed)
        failed = either(c, SCMP_SYS(sendmsg), SCMP_A0(SCMP_CMP_EQ, VISION_SOCKET, 0),
                        SCMP_A0(SCMP_CMP_NE, VISION_SOCKET, 0));
    /* Threads, and no processes. The flags of clone3 are out of a filter's sight: libc falls back to clone.
     */
    if (!failed)
        failed = either(c, SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD),
                        SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
    if (!failed) failed = rule(c, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0, NO_ARGUMENT);
    if (!failed) failed = rule(c, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, F_GETFL, 0));
    return failed;
}

static err enter_seccomp(struct diag *d) {
    scmp_filter_ctx c = seccomp_init(SCMP_ACT_KILL_PROCESS); /* the kernel's audit log names the call */
    if (!c) return diag_fail(d, ERR_UNSUPPORTED, "this system has no seccomp");
    seccomp_attr_set(c, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    int failed = seccomp_attr_set(c, SCMP_FLTATR_CTL_TSYNC, 1); /* threads that a library began, too */
    for (size_t i = 0; !failed && i < COUNT(allowed); i++)
        failed = rule(c, SCMP_ACT_ALLOW, allowed[i], 0, NO_ARGUMENT);
    for (size_t i = 0; !failed && i < COUNT(refused); i++)
        failed = rule(c, SCMP_ACT_ERRNO(EACCES), refused[i], 0, NO_ARGUMENT);
    if (!failed) failed = add_argument_rules(c);
    if (!failed) failed = seccomp_load(c);
    seccomp_release(c);
    if (failed)
        return diag_fail(d, ERR_UNSUPPORTED, "the seccomp filter was not taken: %s", strerror(-failed));
    return ERR_OK;
}

err vision_sandbox_enter(uint64_t memory_bytes, uint8_t *layers, struct diag *d) {
    unsigned active = 0;
    err e = confine_process(DESCRIPTORS_MAX, memory_bytes, d);
    if (e) return e;
    if (confine_network()) active |= VISION_LAYER_NETNS;
    confine_capabilities();
    if (confine_files()) active |= VISION_LAYER_LANDLOCK;
    e = enter_seccomp(d);
    if (e) return e;
    *layers = (uint8_t)(active | VISION_LAYER_SECCOMP);
    return ERR_OK;
}
