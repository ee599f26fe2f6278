/* disk_thread.h: one thread that waits for the disk, so that the recording loop never does.
 *
 * Jobs run one after another, in the order they were given. A job that cannot be queued (out of memory) is
 * run at once by the caller: slower, and never lost. Threads: disk_thread_do from any. */
#ifndef CARDEA_HUB_DISK_THREAD_H
#define CARDEA_HUB_DISK_THREAD_H

#include "base/err.h"

struct disk_thread;

err disk_thread_new(struct disk_thread **out, struct diag *d) CHECKED;
/* Runs what is queued, then ends the thread. */
void disk_thread_free(struct disk_thread *t);

typedef void disk_job_fn(void *context);
void disk_thread_do(struct disk_thread *t, disk_job_fn *fn, void *context);

/* Returns when everything that was queued before has run. */
void disk_thread_drain(struct disk_thread *t);

#endif
