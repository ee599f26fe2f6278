/* log_seen.h: what this device has proven of a vault's access log. A file of the owner's own, DIR/log-seen:
 *
 *     magic "CRDO" | version 3 | log's key (32) | household (16) | from (8) | searched (8) | timed (8) |
 *     latest (8) | length (4) | text of the checkpoint | count (8) | { index (8) | length (2) | entry } *
 *
 * The checkpoint is the last that was proven; the entries are the household's own, from number 0 on, proven
 * to be in it, so that the next check goes on from there. Version 2, which an earlier program wrote, had
 * searched alone of the four numbers: what it had looked through is looked through once more. Version 1,
 * which an earlier program wrote, had the key and a compact range (size (8) | roots (64 * 32)): its size and
 * root are still held against the log. Threads: one. */
#ifndef CARDEA_CLIENT_LOG_SEEN_H
#define CARDEA_CLIENT_LOG_SEEN_H

#include "format/household.h"
#include "tlog/checkpoint.h"
#include "tlog/log_clock.h"
#include "tlog/log_entry.h"

#define LOG_SEEN_FILE_MAX_BYTES (256u << 20)
#define LOG_SEEN_ENTRIES_MAX 1000000u

/* One of the household's entries; its number is its place in the list. */
struct log_own {
    uint64_t index;
    struct bytes raw; /* into the blob below, or the caller's */
};

struct log_seen {
    bool known; /* there is a key; the rest may still be empty */
    uint8_t key[SIGN_PUBLIC_BYTES];
    uint8_t household[HOUSEHOLD_ID_BYTES];
    uint64_t from, searched;      /* entries [from, searched) were looked through for withheld ones */
    uint64_t timed;               /* times are held against each other from this entry on */
    struct log_clock clock;       /* of the entries from timed up to searched */
    struct checkpoint checkpoint; /* size 0: none proven yet */
    struct blob text;             /* empty with a checkpoint of version 1 */
    struct blob bytes;
    size_t *offsets; /* of the entries in `bytes`, each as above */
    size_t count, room;
};
void log_seen_clear(struct log_seen *s); /* for AUTO */

/* A file that is not there is an empty memory; so is one of another household. ERR_INVALID: it is damaged; d
 * says what to do. */
err log_seen_read(const char *path, const uint8_t household[HOUSEHOLD_ID_BYTES], struct log_seen *out,
                  struct diag *d) CHECKED;
/* The same from memory; for the fuzzer. */
err log_seen_decode(struct bytes raw, struct log_seen *out, struct diag *d) CHECKED;
err log_seen_write(const char *path, const struct log_seen *s, struct diag *d) CHECKED;

/* Adds the household's next entry. */
err log_seen_add(struct log_seen *s, uint64_t index, struct bytes entry) CHECKED;
struct log_own log_seen_at(const struct log_seen *s, size_t n); /* n < count */
/* Drops the entries from n on. */
void log_seen_cut(struct log_seen *s, size_t n);

#endif
