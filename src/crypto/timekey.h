/* timekey.h: a key for each second, in a binary tree (docs/keys.md, "Time keys").
 *
 * A root has depth 0; a node at depth d covers 2^(32-d) slots, starting at `first`. Children:
 * HKDF-Expand(node, "cardea/1 node", 64), left half || right half. The leaf of slot s is reached
 * by the bits of s, highest first. A set holds disjoint nodes in order of `first`; it wipes itself.
 * Threads: no shared state. */
#ifndef CARDEA_CRYPTO_TIMEKEY_H
#define CARDEA_CRYPTO_TIMEKEY_H

#include "base/bytes.h"

#define TIMEKEY_BYTES 32
#define TIMEKEY_DEPTH 32
#define TIMEKEY_SLOT_END ((uint64_t)1 << 32)
#define TIMEKEY_COVER_MAX 62  /* nodes that cover any one range out of a root */
#define TIMEKEY_SET_MAX 65536 /* nodes that a reader accepts in one set */

struct timekey_node {
    uint32_t first; /* first slot; its low 32 - depth bits are zero */
    uint8_t depth;  /* 0..32 */
    uint8_t key[TIMEKEY_BYTES];
};

struct timekey_set {
    struct timekey_node *nodes;
    size_t count, cap;
};

void timekey_set_clear(struct timekey_set *set); /* wipes */
err timekey_set_copy(const struct timekey_set *from, struct timekey_set *out) CHECKED;

/* A fresh random root. Replaces *out. */
err timekey_generate(struct timekey_set *out) CHECKED;

/* The smallest set that covers exactly [begin, end). Replaces *out.
 *   ERR_INVALID    begin >= end, or end past TIMEKEY_SLOT_END
 *   ERR_NOT_FOUND  `from` lacks a part of the range */
err timekey_cover(const struct timekey_set *from, uint64_t begin, uint64_t end,
                  struct timekey_set *out) CHECKED;

/* All of `from` that lies within [begin, end); may come out empty. Replaces *out. */
err timekey_intersect(const struct timekey_set *from, uint64_t begin, uint64_t end,
                      struct timekey_set *out) CHECKED;

/* Drops and wipes everything that opens a slot in [begin, end) (shredding), or below `now`
 * (forward-only). On ERR_NO_MEMORY the set is unchanged. */
err timekey_remove(struct timekey_set *set, uint64_t begin, uint64_t end) CHECKED;
err timekey_forward(struct timekey_set *set, uint64_t now) CHECKED;

bool timekey_covers(const struct timekey_set *set, uint64_t begin, uint64_t end);

/* ERR_NOT_FOUND: the set does not open this slot. */
err timekey_leaf(const struct timekey_set *set, uint32_t slot, uint8_t out[TIMEKEY_BYTES]) CHECKED;

/* Keys under a leaf: HKDF-Expand(leaf, label || id, 32). Labels "cardea/1 segment",
 * "cardea/1 commit", "cardea/1 event". */
#define SEGMENT_ID_BYTES 16
void timekey_segment_key(const uint8_t leaf[TIMEKEY_BYTES], const uint8_t id[SEGMENT_ID_BYTES],
                         uint8_t out[32]);
void timekey_segment_commitment(const uint8_t leaf[TIMEKEY_BYTES], const uint8_t id[SEGMENT_ID_BYTES],
                                uint8_t out[32]);
void timekey_event_key(const uint8_t leaf[TIMEKEY_BYTES], const uint8_t id[SEGMENT_ID_BYTES],
                       uint8_t out[32]);

/* Bytes: magic "CRDT", version 1, suite 1, count (4), then for each node depth (1), first (4),
 * key (32). Encode appends; decode replaces *out.
 *   ERR_INVALID  with the field's name in d: magic, version, suite, count, depth, first, order */
err timekey_encode(const struct timekey_set *set, struct blob *out) CHECKED;
err timekey_decode(struct bytes raw, struct timekey_set *out, struct diag *d) CHECKED;

#endif
