/* spool_recover.h: what is left in a spool's folder after an end of any kind (spool.h has the names and the
 * rules). */
#ifndef CARDEA_HUB_SPOOL_RECOVER_H
#define CARDEA_HUB_SPOOL_RECOVER_H

#include "format/segment.h"

struct spool_found {
    uint8_t id[REEL_ID_BYTES], camera[CAMERA_ID_BYTES];
    uint32_t epoch, slot;
    uint64_t bytes;
    bool event;
};
typedef err spool_found_fn(void *context, const struct spool_found *found);

/* Cuts and renames `.part` files, removes `.held` ones and what holds nothing, and calls fn for each reel
 * that remains. ERR_IO, ERR_DENIED, ERR_NO_MEMORY, or what fn returned. */
err spool_recover(const char *folder, spool_found_fn *fn, void *context, struct diag *d) CHECKED;

/* How much of a reel's bytes is worth keeping: up to its last whole record, without a last segment that shows
 * nothing. 0: nothing. */
uint64_t spool_whole_bytes(struct bytes reel);

#endif
