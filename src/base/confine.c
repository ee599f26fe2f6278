#include "base/confine.h"

#include <linux/capability.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Landlock's header is older on Debian 12 than the kernels it runs on, so the numbers are ours. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_restrict_self 446
#endif
#define LANDLOCK_VERSION_FLAG 1u

struct landlock_rules {
    uint64_t fs, net, scoped;
};

/* There is no rule that allows anything. */
bool confine_files(void) {
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION_FLAG);
    if (version < 1) return false;
    static const unsigned fs_rights[] = {13, 14, 15, 15, 16}; /* by version: refer, truncate, (TCP), ioctl */
    unsigned rights = fs_rights[version > 5 ? 4 : version - 1];
    struct landlock_rules rules = {.fs = (1u << rights) - 1};
    size_t size = offsetof(struct landlock_rules, net);
    if (version >= 4) {
        rules.net = 3; /* TCP bind and connect */
        size = offsetof(struct landlock_rules, scoped);
    }
    if (version >= 6) {
        rules.scoped = 3; /* abstract Unix sockets, signals */
        size = sizeof rules;
    }
    int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    if (fd < 0) return false;
    bool ok = syscall(SYS_landlock_restrict_self, fd, 0) == 0;
    close(fd);
    return ok;
}

bool confine_network(void) {
    return unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
}

void confine_capabilities(void) {
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2];
    memset(none, 0, sizeof none);
    syscall(SYS_capset, &head, none);
}

static void limit(int resource, uint64_t value) {
    const struct rlimit l = {value, value};
    setrlimit(resource, &l);
}

err confine_process(uint32_t descriptors, uint64_t memory_bytes, struct diag *d) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return diag_fail(d, ERR_UNSUPPORTED, "no_new_privs was refused");
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NOFILE, descriptors);
    if (memory_bytes) limit(RLIMIT_AS, memory_bytes);
    return ERR_OK;
}
