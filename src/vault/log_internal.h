/* log_internal.h: the parts of the access log among themselves.
 *
 *   access_log.c   the folder, its key, and appending in groups
 *   log_map.c      which entry is whose
 *   log_witness.c  checkpoints to hubs, their cosignatures, proofs
 *   log_routes.c   requests
 *
 * Locks, in this order: `leading` is no lock but a turn (the leader alone touches the writer and `numbers`);
 * `writing` is held while files change; `proving` while the tree is used; `lock` for all else, and for a
 * short time. */
#ifndef CARDEA_VAULT_LOG_INTERNAL_H
#define CARDEA_VAULT_LOG_INTERNAL_H

#include <pthread.h>

#include "base/file.h"
#include "crypto/seal.h"
#include "tlog/log_entry.h"
#include "tlog/log_writer.h"
#include "tlog/tile_tree.h"
#include "vault/access_log.h"
#include "vault/vault.h"

#define LOG_GROUP_MAX 512            /* entries that share a sync */
#define LOG_MAP_US 1000000           /* rows reach the index at least this often */
#define LOG_MAP_ROWS 4096            /* or when there are so many */
#define LOG_WITNESS_US 60000000      /* a hub is shown the log at least this often while it grows */
#define LOG_WITNESS_PASS_US 10000000 /* all hubs are looked at so often */
#define LOG_WITNESS_BUCKETS 4096u

/* One append that waits for its group. */
struct log_pending {
    const struct access_act *act;
    struct index_household keys;
    struct box_sealer box; /* its costly half is done while the group before is synced */
    bool boxed;
    struct blob details; /* JSON */
    struct blob entry;
    uint64_t n, index;
    err result;
    struct diag d;
    bool done;
    struct log_pending *next;
};

/* A household's next number. */
struct log_number {
    struct store_id household;
    uint64_t next;
    bool set;
};
struct log_numbers {
    struct log_number *slots;
    size_t room, used; /* room is a power of two */
};

/* What a hub was asked, and what it has cosigned. */
struct log_witness {
    struct store_id household, hub;
    uint64_t knows;         /* the size that it cosigned last, as far as it told us */
    uint64_t asked;         /* the size that it was asked about last */
    struct blob asked_text; /* the checkpoint, without cosignatures */
    uint64_t cosigned;      /* 0: nothing yet */
    struct blob text, line; /* that checkpoint, and its line */
    struct steady_us asked_at;
    struct log_witness *next;
};

struct access_log {
    char folder[PATH_TEXT_BYTES];
    struct sign_key key;
    struct log_writer *writer;
    int lock_fd;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* something below has */
    struct log_pending *first, **last;
    bool leading;
    atomic_uint_fast64_t groups; /* committed, for figures */
    struct checkpoint checkpoint;
    struct blob text;         /* the checkpoint, signed by the log */
    struct blob cosignatures; /* lines for it */
    struct log_row *fresh;    /* rows that the index may not have yet, ascending by entry */
    size_t fresh_count, fresh_room;
    uint64_t map_until; /* of entries from here on rows are missing: only a start maps them */
    struct log_witness *witnesses[LOG_WITNESS_BUCKETS]; /* by household */
    struct steady_us witnessed_at;                      /* all hubs were looked at */
    struct store_id *stirred;                           /* households with new entries, to be witnessed now */
    size_t stirred_count, stirred_room;

    pthread_mutex_t writing;
    struct log_numbers numbers; /* the leader's */

    pthread_mutex_t witnessing; /* so that a hub sees checkpoints in their order; before `proving` */

    pthread_mutex_t proving;
    struct tile_tree *tree; /* of tree_size; NULL: none yet */
    uint64_t tree_size;

    struct vault *vault; /* since access_log_start */
    pthread_t thread;
    bool started, stopping;
};

/* The log_fetch_fn of the folder; context: the log. */
err log_fetch_file(void *context, const char *path, size_t limit, struct blob *out, struct diag *d) CHECKED;
/* Appends the bytes of entry `index`, below `size`. *bundle and *bundle_index (UINT64_MAX at first) keep the
 * bundle for the next call. */
err log_read_entry(struct access_log *log, uint64_t index, uint64_t size, struct blob *bundle,
                   uint64_t *bundle_index, struct bytes *out, struct diag *d) CHECKED;
/* The same for entries in their order: *entry is that of the one before, which saves finding the place anew.
 */
err log_read_next(struct access_log *log, uint64_t index, uint64_t size, struct blob *bundle,
                  uint64_t *bundle_index, struct bytes *entry, struct diag *d) CHECKED;

/* --- log_map.c --- */
err log_map_tail(struct vault *v, struct diag *d) CHECKED;
/* The household's next number; the leader's. */
err log_number_next(struct vault *v, const struct store_id *household, struct log_number **out,
                    struct diag *d) CHECKED;
/* Adds a row to `fresh`; with the lock. */
err log_row_add(struct access_log *log, const struct log_row *row) CHECKED;
/* Gives `fresh` to the index. */
err log_map_fresh(struct vault *v, struct diag *d) CHECKED;
/* The rows of the household from n on, at most max: *rows is returned, free it. */
err log_rows_from(struct vault *v, const struct store_id *household, uint64_t n, uint32_t max,
                  struct log_row **rows, size_t *count, struct diag *d) CHECKED;
/* Calls `each` with those entries themselves, in their order; what it answers ends it. *count: how many there
 * were, which is `max` when there may be more. */
typedef err log_each_fn(void *arg, const struct log_row *row, struct bytes entry, struct diag *d);
err log_each_from(struct vault *v, const struct store_id *household, uint64_t n, uint32_t max,
                  log_each_fn *each, void *arg, size_t *count, struct diag *d) CHECKED;
/* How many entries the household has: the number of its next one. */
err log_count(struct vault *v, const struct store_id *household, uint64_t *out, struct diag *d) CHECKED;
void log_numbers_clear(struct log_numbers *numbers);

/* --- log_witness.c --- */
/* A household has a new entry: its hubs are shown the log soon. With the lock. */
void log_stir(struct access_log *log, const struct store_id *household);
/* Shows the log to the hubs that are due: of households that were stirred, and of all once a minute. */
void log_witness_due(struct vault *v);
void log_witnesses_clear(struct access_log *log);
/* Takes a hub's cosignature (line empty: it says which size it knows, and wants the proof from there).
 *   ERR_FORGED  it does not fit     ERR_CONFLICT  not of a checkpoint that this hub was asked about */
err log_cosign(struct vault *v, const struct store_id *household, const struct store_id *hub, uint64_t size,
               const char *line, struct diag *d) CHECKED;
/* The tree of at least `size` entries, with `proving` held until log_tree_done. */
err log_tree(struct access_log *log, uint64_t size, struct tile_tree **out, struct diag *d) CHECKED;
void log_tree_done(struct access_log *log);

#endif
