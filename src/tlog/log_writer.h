/* log_writer.h: an append-only log in a folder, laid out so that the folder can be served as it is (C2SP
 * tlog-tiles).
 *
 *   checkpoint              what the log says it is; replaced after all that it covers is there
 *   tile/<L>/…              hashes     tile/entries/…   entries
 *   journal                 what is durable already and whose tiles may not be (log_journal.h)
 *
 * An append is one write and one sync of the journal; then its tiles and the checkpoint are written, which
 * readers see whole or not at all, and which a crash may lose: they are made again from the journal. From
 * time to time they are synced, and a new journal begins. So no checkpoint that anybody saw is ever followed
 * by another history, whatever byte a crash comes at. Files of a partial tile are kept until the tile after
 * theirs is full, and those from which the journal begins until another journal does. One process and one
 * thread at a time for each folder. */
#ifndef CARDEA_TLOG_LOG_WRITER_H
#define CARDEA_TLOG_LOG_WRITER_H

#include "crypto/sign.h"
#include "tlog/checkpoint.h"

#define LOG_WRITER_JOURNAL_BYTES (4u << 20) /* then the tiles are synced, and a new one begins */

struct log_writer;

/* `key` is copied. Makes the folder and an empty log's checkpoint when there is none.
 *
 *   ERR_FORGED   the folder's checkpoint is not by this key and origin, or ahead of what is durable, or the
 *                tiles do not lead to its root
 *   ERR_INVALID  the origin, or a damaged journal
 *   ERR_IO, ERR_NO_SPACE
 */
err log_writer_open(const char *folder, const char *origin, const struct sign_key *key,
                    struct log_writer **out, struct diag *d) CHECKED;
/* Syncs the tiles; NULL is fine; wipes the key. */
void log_writer_close(struct log_writer *w);

/* Appends all of them, durable and under a new checkpoint on return; *first is the number of the first.
 * On failure the log is as before: ERR_LIMIT (an entry is too long), ERR_NO_SPACE, ERR_IO. */
err log_writer_append(struct log_writer *w, const struct bytes *entries, size_t count, uint64_t *first,
                      struct diag *d) CHECKED;

const struct checkpoint *log_writer_checkpoint(const struct log_writer *w);
/* The signed text, as it lies in the folder. Borrowed until the next append. */
struct bytes log_writer_text(const struct log_writer *w);
/* Adds lines of cosignatures to the text in the folder, for this very checkpoint; not durable: what is lost a
 * witness can say again. */
err log_writer_cosign(struct log_writer *w, struct bytes lines, struct diag *d) CHECKED;

#endif
