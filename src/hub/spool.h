/* spool.h: sealed reels on the hub's disk until the vault has them (docs/architecture.md, invariants 4 and
 * 5).
 *
 * DIR/<camera hex>/<reel hex>.part    being recorded
 *                            .reel    ended and synced; waits for the vault
 *                            .event   the same, with something noteworthy in it: dropped last when space runs
 * out .held    pre-roll or live only: nobody has asked to keep it; removed at start
 *
 * A file's bytes are exactly what is uploaded. After a crash a `.part` is scanned and cut after its last
 * whole record; a segment of which no picture is whole is cut off. The others were synced before they got
 * their name. The spool is bounded: when full, the oldest `.reel` goes first, `.event` last, and what went is
 * counted.
 *
 * Threads: one writer (the recording loop); the uploader calls what says so. Reels are counted. */
#ifndef CARDEA_HUB_SPOOL_H
#define CARDEA_HUB_SPOOL_H

#include <stdatomic.h>

#include "base/clock.h"
#include "format/segment.h"
#include "hub/disk_thread.h"

#define SPOOL_DEFAULT_BYTES (10ull << 30)
#define SPOOL_DISK_SHARE 5              /* at most one part in five of the disk */
#define SPOOL_RESERVE_BYTES (48u << 20) /* of the disk that is left free for keys and settings */

struct spool;

enum spool_kind { SPOOL_KIND_KEEP, SPOOL_KIND_EVENT, SPOOL_KIND_HELD };

struct spool_reel {
    /* Constant. */
    uint8_t id[REEL_ID_BYTES], camera[CAMERA_ID_BYTES];
    uint32_t epoch, first_slot;
    bool recovered; /* from before this start: the vault may have some of it */
    /* Under the spool's lock; spool_reel_look reads them together. */
    enum spool_kind kind;
    uint64_t bytes; /* whole records, in the file */
    bool ended, dropped;
    /* The spool's own. */
    unsigned references;
    int fd; /* while it is recorded */
    bool on_disk_thread;
    struct spool_reel *next, *previous;
    struct spool *spool;
    /* The uploader's own. */
    bool in_flight, live_only_sent, attempted;
    uint64_t sent;
};

/* limit_bytes 0: SPOOL_DEFAULT_BYTES, or the disk's share if that is less. Recovers what is there.
 *   ERR_IO, ERR_DENIED, ERR_NO_MEMORY */
err spool_open(const char *folder, uint64_t limit_bytes, struct disk_thread *disk, struct spool **out,
               struct diag *d) CHECKED;
void spool_close(struct spool *s);

/* --- The recording loop */

/* *out holds a reference, given back by spool_reel_end. ERR_NO_SPACE: nothing can be made free. */
err spool_reel_begin(struct spool *s, const uint8_t camera[CAMERA_ID_BYTES], uint32_t epoch, uint32_t slot,
                     enum spool_kind kind, struct spool_reel **out, struct diag *d) CHECKED;
/* Whole headers and records only. ERR_NO_SPACE, ERR_IO: the reel is as before; end it. */
err spool_reel_append(struct spool_reel *r, struct bytes records, struct diag *d) CHECKED;
/* Starts to make durable what is there. */
void spool_reel_sync(struct spool_reel *r);
/* It is over, and gets its lasting name once it is durable. An empty one vanishes. NULL is fine. */
void spool_reel_end(struct spool_reel *r);
/* A held reel is to be kept, or one to keep holds an event. */
void spool_reel_promote(struct spool_reel *r, enum spool_kind kind);

/* Drops what is held and older than `before`, unless it is still being recorded. */
void spool_drop_held(struct spool *s, const uint8_t camera[CAMERA_ID_BYTES], uint32_t before_slot);
/* Promotes the camera's held reels that reach past `from_slot`. */
void spool_promote_held(struct spool *s, const uint8_t camera[CAMERA_ID_BYTES], uint32_t from_slot,
                        enum spool_kind kind);
/* A camera was removed: its reels go. */
void spool_remove_camera(struct spool *s, const uint8_t camera[CAMERA_ID_BYTES]);

struct spool_state {
    uint64_t bytes, limit_bytes, dropped_bytes;
    uint32_t reels, oldest_slot; /* 0: none */
    bool full; /* something had to be dropped, or could not be written, in the last minute */
};
void spool_state(struct spool *s, struct spool_state *out);

/* --- The uploader; any thread */

struct spool_look {
    enum spool_kind kind;
    uint64_t bytes;
    bool ended, dropped;
};
void spool_reel_look(const struct spool_reel *r, struct spool_look *out);

/* Calls fn for each reel, oldest first, under the spool's lock: fn only looks, and may take a reference. */
typedef bool spool_visit_fn(void *context, struct spool_reel *r); /* false: stop */
void spool_visit(struct spool *s, spool_visit_fn *fn, void *context);
struct spool_reel *spool_reel_ref_locked(struct spool_reel *r); /* within fn alone */
void spool_reel_unref(struct spool_reel *r);

/* The file, for reading; the caller closes it. It stays readable when the reel is dropped. */
err spool_reel_file(const struct spool_reel *r, int *out_fd) CHECKED;

/* The vault has it: the file goes. */
void spool_reel_acknowledge(struct spool_reel *r);

#endif
