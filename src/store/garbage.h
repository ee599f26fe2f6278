/* garbage.h: removes the blobs whose rows are gone. */
#ifndef CARDEA_STORE_GARBAGE_H
#define CARDEA_STORE_GARBAGE_H

#include "store/blob.h"
#include "store/index.h"

/* Removes the blobs, committed or staged, of at most `max` names of the index's garbage, oldest first, and
 * forgets those names. A staged blob that a writer still holds stays until the next time. *removed counts the
 * names that were forgotten: fewer than `max` says that there is no more to do now. Threads: any; two at once
 * do no harm. ERR_IO  some blob could not be removed: its name is kept, the others are done */
err garbage_collect(struct index *index, struct blob_store *blobs, uint32_t max, uint64_t *removed,
                    struct diag *d) CHECKED;

#endif
