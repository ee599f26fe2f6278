/* log_audit.h: reads a log as a stranger would and proves that it is whole and only grew.
 *
 * The auditor keeps a compact range of what it has seen and hashes every entry that came since; so a log that
 * dropped, changed or reordered an entry, shrank or forked cannot pass, and nothing is fetched twice.
 * Threads: no shared state. */
#ifndef CARDEA_TLOG_LOG_AUDIT_H
#define CARDEA_TLOG_LOG_AUDIT_H

#include "tlog/checkpoint.h"
#include "tlog/tile_tree.h"

/* Each entry since the last audit, in order; borrowed. An error ends the audit with it. */
typedef err log_entry_fn(void *context, uint64_t number, struct bytes entry);

struct log_source {
    log_fetch_fn *fetch;
    void *context;
    const char *origin;        /* NULL: any */
    const uint8_t *public_key; /* SIGN_PUBLIC_BYTES */
};

/* `seen` is what earlier audits saw (zeros at first), and what this one saw on success; unchanged on failure.
 * *out is the checkpoint that was proven, or with ERR_FORGED the one that failed, to be kept as evidence.
 *   ERR_FORGED   the log shrank, forked, or its entries do not lead to its checkpoint: d says which
 *   ERR_INVALID  a file is malformed      errors of fetch and of fn */
err log_audit(const struct log_source *source, struct tlog_tree *seen, log_entry_fn *fn, void *context,
              struct checkpoint *out, struct diag *d) CHECKED;

#endif
