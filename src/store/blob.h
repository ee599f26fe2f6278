/* blob.h: where sealed bytes rest. Written once under a random name, read by range, never changed.
 *
 * A blob's life: `begin` (staged, not visible) → `append`… `sync` → `commit` (durable and visible) →
 * `remove`. Staged bytes outlive a restart where the driver can do that; 0 bytes held is always a right
 * answer, and is what a driver that cannot (multipart uploads) gives. Nothing that a store keeps tells a
 * date, a camera or a household: names are random, sizes are padded by their maker, and drivers keep no time
 * stamps they can avoid.
 *
 * Usage: `store->ops->begin(store, …)`. Threads: a store may be used from any; a writer and a reader from one
 * at a time. No lock of the caller's may be held that a visitor takes. */
#ifndef CARDEA_STORE_BLOB_H
#define CARDEA_STORE_BLOB_H

#include <stdbool.h>

#include "base/bytes.h"
#include "store/id.h"

struct blob_store {
    const struct blob_ops *ops;
};
struct blob_writer; /* one staged blob, held exclusively */
struct blob_reader; /* one committed blob; stays readable after `remove` */

/* Returns other than ERR_OK to stop the listing with that value. */
typedef err (*blob_visit)(void *arg, const struct store_id *name, uint64_t bytes);

struct blob_ops {
    const char *name; /* for messages: "disk", "memory", "s3" */

    void (*close)(struct blob_store *); /* NULL is fine; writers and readers are closed before */

    /* Opens a staged blob for writing, new or as an earlier begin left it; *held is how many bytes it has.
     * Of a blob that a crash interrupted, *held may be more than was synced; the caller checks what it reads
     * back. ERR_EXISTS    that name is committed      ERR_BUSY  a writer of that name is open, here or in
     * another process ERR_NO_SPACE free space is below the reserve       ERR_IO */
    err (*begin)(struct blob_store *, const struct store_id *name, struct blob_writer **out, uint64_t *held,
                 struct diag *);
    /* ERR_NO_SPACE, ERR_IO: the writer holds what it held before. */
    err (*append)(struct blob_writer *, struct bytes data, struct diag *);
    /* Reads what the writer holds; *got is less than out.len only at the end. ERR_UNSUPPORTED, ERR_IO. */
    err (*read_back)(struct blob_writer *, uint64_t offset, struct buffer out, size_t *got, struct diag *);
    /* Drops what is held from `bytes` on (a torn segment). ERR_INVALID when it holds less; ERR_UNSUPPORTED;
     * ERR_IO. */
    err (*truncate)(struct blob_writer *, uint64_t bytes, struct diag *);
    /* What is held survives the loss of the machine's power, when ERR_OK. ERR_NO_SPACE, ERR_IO: unknown. */
    err (*sync)(struct blob_writer *, struct diag *);
    /* Durable under its name on return. Always takes the writer. After an error the name may or may not
     * exist, and what was staged may be held still. ERR_EXISTS, ERR_NO_SPACE, ERR_IO. */
    err (*commit)(struct blob_writer *, struct diag *);
    /* Closes the writer and keeps what it holds for a later begin, if the driver can. NULL is fine. */
    void (*pause)(struct blob_writer *);
    /* Closes the writer and drops what it holds. NULL is fine. */
    void (*abort)(struct blob_writer *);

    /* ERR_NOT_FOUND, ERR_IO. */
    err (*open)(struct blob_store *, const struct store_id *name, struct blob_reader **out, uint64_t *bytes,
                struct diag *);
    /* *got is less than out.len only at the end. ERR_IO. */
    err (*read)(struct blob_reader *, uint64_t offset, struct buffer out, size_t *got, struct diag *);
    /* A descriptor of the whole blob for sendfile, valid until `done`, or -1 when the driver has none. */
    int (*descriptor)(struct blob_reader *);
    void (*done)(struct blob_reader *); /* NULL is fine */

    /* An address from which a client may fetch the blob itself for `seconds`, in out (returned).
     * ERR_UNSUPPORTED when the driver serves no one but us. */
    err (*address)(struct blob_store *, const struct store_id *name, uint32_t seconds, struct blob *out,
                   struct diag *);

    /* ERR_NOT_FOUND: it is not there (any more), which is what was wanted. ERR_IO. */
    err (*remove)(struct blob_store *, const struct store_id *name, struct diag *);
    /* Drops a staged blob that no writer holds. ERR_NOT_FOUND, ERR_BUSY, ERR_IO. */
    err (*discard)(struct blob_store *, const struct store_id *name, struct diag *);

    /* Every committed blob whose name is >= *from (NULL: all), by ascending name. One that comes or goes
     * meanwhile may be listed or not. ERR_IO. */
    err (*list)(struct blob_store *, const struct store_id *from, blob_visit visit, void *arg, struct diag *);
    /* Every staged blob, in any order. */
    err (*list_staged)(struct blob_store *, blob_visit visit, void *arg, struct diag *);

    /* Bytes that may still be written before the reserve is reached; UINT64_MAX where nobody knows. */
    err (*room)(struct blob_store *, uint64_t *bytes, struct diag *);
};

/* Below this much free space a store on a disk refuses new bytes, so that the database beside it goes on. */
#define BLOB_RESERVE_DEFAULT_BYTES (256u * 1024 * 1024)

/* A folder: `xx/<32 hex>` for what is committed, `staging/<32 hex>` for what is not; made if missing.
 * Modification times are set to 1970. Several processes may use one folder: a vault, and a backup or fsck
 * beside it. */
err blob_disk_open(const char *folder, uint64_t reserve_bytes, struct blob_store **out,
                   struct diag *d) CHECKED;

/* In memory, for tests; `capacity` is its disk's size. */
err blob_memory_open(uint64_t capacity, struct blob_store **out, struct diag *d) CHECKED;

/* The whole of a committed blob, appended to *out. ERR_NOT_FOUND, ERR_LIMIT, ERR_NO_MEMORY, ERR_IO. */
err blob_read_all(struct blob_store *store, const struct store_id *name, size_t limit, struct blob *out,
                  struct diag *d) CHECKED;

/* For AUTO: closes *store. */
void blob_store_release(struct blob_store **store);

#endif
