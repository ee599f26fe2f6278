/* tile_tree.h: a log's hashes as its tiles hold them (c2sp.org/tlog-tiles), each held against the root before
 * it is believed.
 *
 * A tile tree stands for the log at one size and root. Its right edge is read first and must lead to the
 * root; a full tile is believed when its own root is the entry that the tile above has for it. So the hash of
 * any leaf, the root of the log at any earlier size, and proofs cost a few tiles each, and no answer of the
 * log's about them is trusted. Reading many leaves in ascending order reads each tile once. Threads: one at a
 * time. */
#ifndef CARDEA_TLOG_TILE_TREE_H
#define CARDEA_TLOG_TILE_TREE_H

#include "tlog/tile.h"

/* Appends the file at `path` ("checkpoint", "tile/entries/000.p/7") to *out. ERR_NOT_FOUND: there is none. */
typedef err log_fetch_fn(void *context, const char *path, size_t limit, struct blob *out, struct diag *d);

struct tile_tree;

/* ERR_FORGED: the tiles at the edge do not lead to the root. Errors of fetch. */
err tile_tree_open(log_fetch_fn *fetch, void *context, uint64_t size, const uint8_t root[HASH_BYTES],
                   struct tile_tree **out, struct diag *d) CHECKED;
void tile_tree_free(struct tile_tree *t); /* NULL is fine */

/* The hash of leaf `index`, below the tree's size.
 *   ERR_FORGED   a tile is not what the log's root says     ERR_INVALID  there is no such leaf
 *   errors of fetch */
err tile_tree_leaf(struct tile_tree *t, uint64_t index, uint8_t out[HASH_BYTES], struct diag *d) CHECKED;
/* The root of the first `size` leaves: what the log was when it had that size. Errors as above. */
err tile_tree_root(struct tile_tree *t, uint64_t size, uint8_t out[HASH_BYTES], struct diag *d) CHECKED;

/* Proofs within the tree, for index < size <= the tree's size; `proof` has room for TLOG_PROOF_MAX + 1. */
err tile_tree_prove_inclusion(struct tile_tree *t, uint64_t index, uint64_t size,
                              uint8_t (*proof)[HASH_BYTES], size_t *count, struct diag *d) CHECKED;
err tile_tree_prove_consistency(struct tile_tree *t, uint64_t first, uint64_t second,
                                uint8_t (*proof)[HASH_BYTES], size_t *count, struct diag *d) CHECKED;

/* The bundle of entries with number `index`, of `width` entries; falls back to the full bundle, of which it
 * may be the beginning by now. Replaces *out. */
err tile_fetch_bundle(log_fetch_fn *fetch, void *context, uint64_t index, unsigned width, struct blob *out,
                      struct diag *d) CHECKED;

#endif
