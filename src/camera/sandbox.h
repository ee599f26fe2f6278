/* sandbox.h: what a process gives up before it reads a byte from a camera.
 *
 * Afterwards it can read and write the descriptors that it has and those that come over its sockets, use
 * memory (none of it executable), read clocks and end. Layers that the kernel does not offer are left out and
 * not reported; without seccomp it fails. Threads: call it while there is one. */
#ifndef CARDEA_CAMERA_SANDBOX_H
#define CARDEA_CAMERA_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum sandbox_layer { /* the values of enum worker_layer */
                     SANDBOX_SECCOMP = 1,
                     SANDBOX_LANDLOCK = 2,
                     SANDBOX_NETNS = 4,
};

struct sandbox_options {
    bool v4l2;             /* allow the ioctls of a V4L2 capture device */
    uint64_t memory_bytes; /* of address space; 0: no limit */
};

/* *layers gets the layers that are active. ERR_UNSUPPORTED: no seccomp. */
err sandbox_enter(const struct sandbox_options *options, uint8_t *layers, struct diag *d) CHECKED;

#endif
