/* fsck.h: checks the numbered invariants of docs/invariants.md between index and blobs, tells, and mends.
 *
 * May run beside a vault that is at work. What is mended: counters; rows whose blob is gone (the footage is
 * lost, the row says so no longer); uploads given up; blobs that no row knows, once they were seen a day
 * apart. */
#ifndef CARDEA_STORE_FSCK_H
#define CARDEA_STORE_FSCK_H

#include "store/accounts.h"
#include "store/blob.h"
#include "store/desk.h"
#include "store/index.h"

/* Computes from a committed blob what its row should say (reel, first, end, bytes, segments, flags, and the
 * table, which replaces *table). The store knows no formats: the vault gives this. ERR_INVALID: the blob is
 * not what it should be; ERR_NOT_FOUND: it went meanwhile. */
typedef err (*fsck_scan)(void *arg, struct blob_store *blobs, const struct reel_place *place, uint32_t epoch,
                         const struct store_id *name, struct reel_info *out, struct blob *table,
                         struct diag *d);
typedef void (*fsck_report)(void *arg, const char *line);
/* Returns other than ERR_OK to stop (ERR_CANCELLED). `total` is 0 while it is not known. */
typedef err (*store_progress)(void *arg, uint64_t done, uint64_t total);

struct fsck_options {
    struct accounts *accounts; /* NULL: not checked */
    struct desk *desk;         /* the same */
    struct index *index;
    struct blob_store *blobs;
    uint32_t now; /* slot */
    bool mend;
    bool every_blob;         /* read each one, and compare it with its row; needs scan */
    fsck_scan scan;          /* may be NULL */
    fsck_report report;      /* may be NULL */
    store_progress progress; /* may be NULL */
    void *arg;               /* for all three */
};

struct fsck_result {
    uint64_t reels;       /* rows looked at */
    uint64_t faults;      /* invariants broken; with `mend`, before mending */
    uint64_t lost;        /* of them: rows without a blob, or with a damaged one */
    uint64_t strays;      /* blobs that no row knows; garbage after a day, and no fault before */
    uint64_t staged;      /* staged blobs that no upload knows */
    uint64_t uploads_old; /* uploads begun more than a day ago */
    uint64_t removed;     /* blobs removed */
};

err fsck_run(const struct fsck_options *options, struct fsck_result *out, struct diag *d) CHECKED;

#endif
