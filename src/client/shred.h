/* shred.h: deletes a range of a camera: its keys first, so that no copy of the blobs opens any more, then the
 * rows and blobs (docs/keys.md, "Shredding"). Threads: one. */
#ifndef CARDEA_CLIENT_SHRED_H
#define CARDEA_CLIENT_SHRED_H

#include "client/camera.h"

struct shred_result {
    uint64_t segments, bytes;
    size_t epochs; /* whose keys were rewritten */
};

/* Slots [from, to). ERR_INVALID: `to` lies in the future, whose keys are needed for what is to be recorded.
 */
err shred_range(struct client *c, struct camera *cam, uint64_t from, uint64_t to, struct shred_result *out,
                struct diag *d) CHECKED;

#endif
