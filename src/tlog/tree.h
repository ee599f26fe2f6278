/* tree.h: the hashes of an append-only log (RFC 6962 section 2.1), without its storage.
 *
 * A `struct tlog_tree` is the log's compact range: the roots of the complete subtrees that its size consists
 * of, largest first. It is all that is needed to append, and to prove to oneself that a log only grew.
 * Threads: no shared state. */
#ifndef CARDEA_TLOG_TREE_H
#define CARDEA_TLOG_TREE_H

#include "base/bytes.h"
#include "crypto/hash.h"

#define TLOG_LEVELS_MAX 64
#define TLOG_PROOF_MAX 64 /* hashes in an inclusion proof; a consistency proof has at most one more */

#define TLOG_ENTRY_MAX_BYTES 65535 /* an entry bundle counts each entry in 16 bits */

/* ERR_LIMIT: the entry is longer than TLOG_ENTRY_MAX_BYTES. */
err tlog_leaf_hash(struct bytes entry, uint8_t out[HASH_BYTES]) CHECKED;
void tlog_node_hash(const uint8_t left[HASH_BYTES], const uint8_t right[HASH_BYTES], uint8_t out[HASH_BYTES]);

struct tlog_tree {
    uint64_t size; /* leaves */
    uint8_t roots[TLOG_LEVELS_MAX][HASH_BYTES];
};

/* Called with each subtree that an append completes: its height (0: the leaf itself), its index at that
 * height, and its root. */
typedef err tlog_complete_fn(void *context, unsigned height, uint64_t index, const uint8_t hash[HASH_BYTES]);

/* Appends a leaf; `fn` may be NULL. An error of fn's is returned, and the tree is as before.
 * ERR_LIMIT: the tree has 2^63 leaves. */
err tlog_tree_append(struct tlog_tree *t, const uint8_t leaf[HASH_BYTES], tlog_complete_fn *fn,
                     void *context) CHECKED;

/* The root; of an empty tree the hash of nothing. */
void tlog_tree_root(const struct tlog_tree *t, uint8_t out[HASH_BYTES]);

/* RFC 9162 section 2.1.3.2. ERR_INVALID: index or proof length cannot be; ERR_FORGED: the proof does not lead
 * to the root. */
err tlog_verify_inclusion(uint64_t index, uint64_t size, const uint8_t leaf[HASH_BYTES],
                          const uint8_t (*proof)[HASH_BYTES], size_t count,
                          const uint8_t root[HASH_BYTES]) CHECKED;

/* RFC 9162 section 2.1.4.2: the log of `second` leaves has that of `first` as its beginning. Errors as above.
 */
err tlog_verify_consistency(uint64_t first, uint64_t second, const uint8_t first_root[HASH_BYTES],
                            const uint8_t second_root[HASH_BYTES], const uint8_t (*proof)[HASH_BYTES],
                            size_t count) CHECKED;

/* Gives the root of the complete subtree of that height and index; from tiles, or from memory. */
typedef err tlog_subtree_fn(void *context, unsigned height, uint64_t index, uint8_t out[HASH_BYTES]);

/* Makes proofs for the tree of `size` leaves. `proof` has room for TLOG_PROOF_MAX + 1 hashes.
 * ERR_INVALID: the arguments cannot be; errors of fn's. */
err tlog_prove_inclusion(uint64_t index, uint64_t size, tlog_subtree_fn *fn, void *context,
                         uint8_t (*proof)[HASH_BYTES], size_t *count) CHECKED;
err tlog_prove_consistency(uint64_t first, uint64_t second, tlog_subtree_fn *fn, void *context,
                           uint8_t (*proof)[HASH_BYTES], size_t *count) CHECKED;

#endif
