/* access_log.h: the vault's public log of who looked, and of what was done to it (docs/trust.md, "The access
 * log"; C2SP tlog-tiles under /log/).
 *
 * An entry is durable before the act that it records goes on; appends of many threads share one sync. Entries
 * of a household are numbered from 0 without a gap, tagged so that only the household can tell them, and
 * their details are sealed to it. Which entry is whose stands in the index as a hint (log_map.c), and is
 * mapped again from the log itself after a crash.
 *
 * The log lies in FOLDER/log, its key in FOLDER/log.key, beside the index. Threads: any; one process at a
 * time. */
#ifndef CARDEA_VAULT_ACCESS_LOG_H
#define CARDEA_VAULT_ACCESS_LOG_H

#include <jansson.h>

#include "crypto/hash.h"
#include "crypto/verify.h"
#include "net/http_server.h"
#include "store/id.h"

struct access_log;
struct vault;

/* ERR_BUSY: another process has it. ERR_FORGED: what lies there is not a log of this key. */
err access_log_open(const char *folder, struct access_log **out, struct diag *d) CHECKED;
/* Maps what the index has not mapped yet, then starts what works beside: rows for the index, and witnesses.
 * Call it once, before any append for a household; v->log and v->index are open. */
err access_log_start(struct vault *v, struct diag *d) CHECKED;
void access_log_close(struct access_log **log); /* NULL inside is fine; for AUTO */
const uint8_t *access_log_key(const struct access_log *log);

/* All borrowed. */
struct access_act {
    const char *kind;                 /* "grant.use" */
    const struct store_id *household; /* NULL: none, and the details are in the clear */
    const uint8_t *actor; /* LOG_ACTOR_BYTES, or NULL: none; see log_actor_staff, log_actor_private */
    json_t *facts;        /* {text: unsigned}, or NULL: none */
    json_t *details;      /* an object, or NULL: {} */
};

/* Durable on return. *index (may be NULL) is the entry's number in the log; *entry (may be NULL) is replaced
 * by its bytes. On any error what was to be recorded must not happen.
 *
 *   ERR_NOT_FOUND           the household has not told its keys
 *   ERR_INVALID, ERR_LIMIT  kind, facts or details cannot be
 *   ERR_UNSUPPORTED         this vault keeps no log: its stores are in memory
 *   ERR_IO, ERR_NO_SPACE    nothing was logged
 */
err access_log_append(struct vault *v, const struct access_act *act, uint64_t *index, struct blob *entry,
                      struct diag *d) CHECKED;

/* admin.act of no household: {"act": what, "version": this program's}. */
err log_admin_act(struct vault *v, const char *what, struct diag *d) CHECKED;

/* The proof that entry `index` is in the log: *checkpoint is replaced by the text, with the cosignatures of
 * the household's hubs that are there (NULL: of any); `proof` has room for TLOG_PROOF_MAX + 1 hashes. Where
 * none of theirs covers the entry, *cosigned (may be NULL) is false, and with `ask` (and a household) its
 * hubs are asked for one now; whoever waits for it hears of it on channel_cosigned, and calls again.
 *   ERR_NOT_FOUND  there is no such entry */
err access_log_prove(struct vault *v, uint64_t index, const struct store_id *household, bool ask,
                     struct blob *checkpoint, uint8_t (*proof)[HASH_BYTES], size_t *count, bool *cosigned,
                     struct diag *d) CHECKED;

/* Its hashes in base64, returned; NULL: out of memory, since half a proof would be taken for a forged one. */
json_t *log_proof_json(const uint8_t (*proof)[HASH_BYTES], size_t count);

/* Answers GET /log/PATH from the log's folder. */
void access_log_serve(struct access_log *log, const char *path, struct http_reply *r);

#endif
