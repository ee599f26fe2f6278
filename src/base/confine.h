/* confine.h: what a worker gives up of the system, apart from its calls (a seccomp filter of its own says
 * those). Each layer that the kernel does not offer is left out, and not reported. Threads: call these while
 * there is one. */
#ifndef CARDEA_BASE_CONFINE_H
#define CARDEA_BASE_CONFINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* No new privileges, no core, no debugger, at most so many descriptors and so much address space (0: no
 * limit). ERR_UNSUPPORTED: no_new_privs was refused. */
err confine_process(uint32_t descriptors, uint64_t memory_bytes, struct diag *d) CHECKED;

/* An empty network of its own: sockets that were handed over keep theirs. */
bool confine_network(void);

void confine_capabilities(void); /* gives up all */

/* Landlock: denies all of the file system, and of TCP, that this kernel's version can deny. */
bool confine_files(void);

#endif
