/* log_proof.h: the proof that an act was logged, as a grantee's software wants it before it opens anything
 * (docs/trust.md, "Opening"). Threads: no shared state. */
#ifndef CARDEA_TLOG_LOG_PROOF_H
#define CARDEA_TLOG_LOG_PROOF_H

#include "tlog/checkpoint.h"

#define LOG_WITNESSES_MAX 16

/* Is `leaf` entry `index` of the log of that key, by this checkpoint and proof? With witness_count > 0 one of
 * these hubs' keys must have cosigned the checkpoint. *out is the checkpoint, which the caller may compare
 * with one that it saw before. What the entry says is the caller's question (log_entry.h). ERR_INVALID    the
 * checkpoint or the proof is malformed, or there are too many witnesses ERR_FORGED     the checkpoint is not
 * the log's, the entry is not in it, or a cosignature does not fit ERR_NOT_FOUND  no witness has cosigned */
err log_proof_check(const uint8_t log_key[SIGN_PUBLIC_BYTES], const char *checkpoint, size_t len,
                    uint64_t index, struct bytes leaf, const uint8_t (*proof)[HASH_BYTES], size_t proof_count,
                    const uint8_t (*witnesses)[SIGN_PUBLIC_BYTES], size_t witness_count,
                    struct checkpoint *out, struct diag *d) CHECKED;

#endif
