/* sandbox.h: what cardea-vision gives up before it reads a model or a frame.
 *
 * Afterwards it can speak over its one socket, use memory (none of it executable), run threads, read clocks
 * and end. Layers that the kernel does not offer are left out and not reported; without seccomp it fails.
 * Threads: call it while there is one. */
#ifndef CARDEA_VISION_SANDBOX_H
#define CARDEA_VISION_SANDBOX_H

#include <stdint.h>

#include "base/err.h"

/* memory_bytes: of address space; 0: no limit. *layers gets the values of enum vision_layer that are active.
 * ERR_UNSUPPORTED: no seccomp. */
err vision_sandbox_enter(uint64_t memory_bytes, uint8_t *layers, struct diag *d) CHECKED;

#endif
