/* backup.h: a consistent copy of the whole store while it is at work, and the way back.
 *
 * A backup is a folder: accounts.sqlite, index.sqlite, desk.sqlite, blobs/xx/<name>. What it holds is
 * ciphertext, as the store itself. Blobs never change, so a second backup into the same folder copies only
 * what is new, and drops what the store has dropped. Until a backup is complete, the one before it in the
 * same folder is. */
#ifndef CARDEA_STORE_BACKUP_H
#define CARDEA_STORE_BACKUP_H

#include "store/fsck.h"

struct backup_result {
    uint64_t reels;  /* in the backup */
    uint64_t copied; /* blobs copied this time */
    uint64_t copied_bytes;
    uint64_t dropped; /* blobs that the store no longer has */
    uint64_t missing; /* reels whose blob the store has lost: run fsck */
};

/* `blobs` is the driver's store itself: what wraps it and changes bytes (a veil) must not stand between it
 * and a backup, here or when restoring. ERR_NO_SPACE, ERR_CANCELLED: may be tried again, and goes on where it
 * stopped. */
err backup_make(struct accounts *accounts, struct index *index, struct blob_store *blobs, const char *folder,
                store_progress progress, void *arg, struct backup_result *out, struct diag *d) CHECKED;

/* The support desk's file, beside what backup_make wrote and after it. */
err backup_desk(struct desk *desk, const char *folder, struct diag *d) CHECKED;
/* The way back, after backup_restore; a backup from before there were desks has none, which is ERR_OK.
 * ERR_EXISTS: there is one already; ERR_INVALID: it is damaged. */
err restore_desk(const char *folder, const char *path, struct diag *d) CHECKED;

/* Makes a store of a backup: files `accounts_path` and `index_path` that do not exist yet, and a blob store
 * that is empty or that a restore which stopped has begun to fill. Everything is checked before it is used,
 * and index and accounts come last. ERR_EXISTS: there is a store already; ERR_NOT_FOUND: no backup;
 * ERR_CUT_SHORT: the backup lacks blobs that its index names; ERR_INVALID: it is damaged. */
err backup_restore(const char *folder, const char *accounts_path, const char *index_path,
                   struct blob_store *blobs, store_progress progress, void *arg, struct backup_result *out,
                   struct diag *d) CHECKED;

#endif
