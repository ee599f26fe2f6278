#include "tlog/log_proof.h"

#include <inttypes.h>

#include "tlog/cosignature.h"

err log_proof_check(const uint8_t log_key[SIGN_PUBLIC_BYTES], const char *checkpoint, size_t len,
                    uint64_t index, struct bytes leaf, const uint8_t (*proof)[HASH_BYTES], size_t proof_count,
                    const uint8_t (*witnesses)[SIGN_PUBLIC_BYTES], size_t witness_count,
                    struct checkpoint *out, struct diag *d) {
    struct checkpoint c;
    uint8_t hash[HASH_BYTES];
    struct bytes text = BYTES(checkpoint, len);
    if (witness_count > LOG_WITNESSES_MAX)
        return diag_fail(d, ERR_INVALID, "a proof may want at most %d witnesses", LOG_WITNESSES_MAX);
    err e = checkpoint_verify(text, NULL, log_key, &c, d);
    if (e) return e;
    if (index >= c.size)
        return diag_fail(d, ERR_FORGED, "entry %" PRIu64 " is not in the log: it has %" PRIu64, index,
                         c.size);
    if (tlog_leaf_hash(leaf, hash)) return diag_fail(d, ERR_INVALID, "the log entry is too long");
    e = tlog_verify_inclusion(index, c.size, hash, proof, proof_count, c.root);
    if (e)
        return diag_fail(d, e,
                         e == ERR_FORGED ? "the entry is not in the log: its proof leads to another root"
                                         : "the proof of inclusion has the wrong length");
    if (witness_count && cosignatures_count(text, witnesses, witness_count) == 0)
        return diag_fail(
            d, ERR_NOT_FOUND,
            "no hub of the household has witnessed this state of the log yet: try again when one is "
            "connected");
    *out = c;
    return ERR_OK;
}
