/* witness.h: the hub sees that the vault's access log only grows (docs/trust.md, "Witnesses").
 *
 * The log's key is taken at first sight and kept. A checkpoint is cosigned when the log that the hub knows is
 * its beginning, after the hub remembers it durably; so no two that contradict each other ever are. Of a log
 * that forked or shrank both checkpoints are kept as evidence, and the owner hears of it.
 *
 * The last entry comes with the checkpoint: one that is older than the last entry that the hub saw, or ahead
 * of the hub's clock, by more than LOG_CLOCK_OFF_S is not cosigned. Once a vault has sent one it has to go
 * on.
 *
 *     DIR/witness
 *         magic "CRDW" | version 2 | log's key (32) | time (8, seconds) | latest (8, µs of the last entry, 0:
 *         none came) | text of the checkpoint. Version 1, which an earlier program wrote, has no latest.
 *     DIR/evidence/<16 hex>-known, …-shown
 *         two texts that cannot both be true, or whose proof failed
 *
 * Threads: any. */
#ifndef CARDEA_HUB_WITNESS_H
#define CARDEA_HUB_WITNESS_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/json.h"
#include "crypto/sign.h"

#define WITNESS_EVIDENCE_MAX 64 /* pairs that are kept; the first ones */
/* Checkpoints in a row without a proof from what the hub knows: then an alarm. */
#define WITNESS_UNPROVEN_MAX 5
#define WITNESS_MESSAGE_MAX_BYTES 131072u /* with an entry as long as one can be */

struct witness;

/* `folder` is the hub's own; `key` is copied. ERR_INVALID: the file is damaged; d says what to do. */
err witness_open(const char *folder, const struct sign_key *key, struct witness **out,
                 struct diag *d) CHECKED;
void witness_free(struct witness *w); /* NULL is fine; wipes the key */

struct witness_answer {
    struct blob body; /* JSON for POST /v1/log/cosignatures; empty: nothing is said */
    char alarm[320];  /* for the owner; empty: none */
};
void witness_answer_clear(struct witness_answer *a); /* for AUTO */

/* A message of type 21. *out is zeroed by the caller. What a vault could do wrong is an answer with an alarm,
 * not an error. ERR_INVALID: the message is none; ERR_IO, ERR_NO_SPACE: nothing is cosigned. */
err witness_take(struct witness *w, struct bytes json, struct wall_us now, struct witness_answer *out,
                 struct diag *d) CHECKED;

/* {"size","root","time","log","checkpoint","evidence"} as the verb log.witness says it; size 0 and nulls
 * before the first. NULL: out of memory. */
json_t *witness_describe(struct witness *w);

#endif
