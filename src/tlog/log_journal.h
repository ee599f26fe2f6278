/* log_journal.h: the part of a log that is durable before its tiles are.
 *
 * A file that a log writer alone knows. Tiles, bundles and the checkpoint are many files, each of which would
 * want a sync of its own; so what is appended is first written here, with one sync, and the rest follows
 * unsynced. From time to time the rest is synced and a new journal begins.
 *
 *     magic "CRDJ" | version 1 | length (4) | base: the text of the checkpoint at which it begins
 *     batch*    length (4) | hash (32) | { length (2) | entry } *
 *
 * `length` of a batch counts its entries' bytes, `hash` is SHA-256(offset of the batch (8) || those bytes). A
 * crash at any byte leaves whole batches and then something that is none, which nobody was told of: it is cut
 * off. Threads: one at a time. */
#ifndef CARDEA_TLOG_LOG_JOURNAL_H
#define CARDEA_TLOG_LOG_JOURNAL_H

#include "base/bytes.h"

#define LOG_JOURNAL_BATCH_MAX_BYTES (64u << 20)
#define LOG_JOURNAL_MAX_BYTES (256u << 20) /* what a reader takes; a writer begins anew long before */

struct log_journal {
    int fd; /* -1: none */
    uint64_t size;
    bool broken; /* what the disk holds is unknown: nothing more is written */
};
#define LOG_JOURNAL_NONE ((struct log_journal){.fd = -1})

/* A new journal in place of what is at `path`; durable on return. */
err log_journal_begin(struct log_journal *j, const char *path, struct bytes base, struct diag *d) CHECKED;
void log_journal_close(struct log_journal *j);

/* Adds a batch of bundle entries (tile_append_entry); durable on return. On failure the journal is as before,
 * or broken. ERR_LIMIT, ERR_NO_SPACE, ERR_IO. */
err log_journal_add(struct log_journal *j, struct bytes entries, struct diag *d) CHECKED;
/* Takes back what was added since it had `size` bytes. On failure it is broken. */
err log_journal_undo(struct log_journal *j, uint64_t size, struct diag *d) CHECKED;

/* Reads a journal's bytes. *base and the batches point into raw.
 *   ERR_INVALID  it does not begin as a journal does */
err log_journal_read(struct bytes raw, struct bytes *base, struct bytes *batches, struct diag *d) CHECKED;
/* Takes the next whole batch off *batches; ERR_NOT_FOUND: no more, or what is left is no whole batch. `raw`
 * is as above: a batch's place in it is part of its hash. */
err log_journal_next(struct bytes raw, struct bytes *batches, struct bytes *entries) CHECKED;

#endif
