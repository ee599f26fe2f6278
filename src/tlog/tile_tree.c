#include "tlog/tile_tree.h"

#include <inttypes.h>
#include <stdlib.h>

#define LEVELS (TLOG_LEVELS_MAX / TILE_HEIGHT)
#define CACHED 64u /* tiles kept of each level */

struct cached {
    bool there;
    uint64_t index;
    unsigned width;
    uint8_t hashes[TILE_WIDTH][HASH_BYTES];
};

struct tile_tree {
    log_fetch_fn *fetch;
    void *context;
    uint64_t size;
    struct cached *cache[LEVELS]; /* CACHED of each level that the log has */
    struct cached *edge[LEVELS];  /* the partial tile; NULL: none */
    struct diag *d;               /* of the call at hand, for subtree_of */
};

static uint64_t entries_of(const struct tile_tree *t, unsigned level) {
    return t->size >> (TILE_HEIGHT * level);
}

/* A partial tile may be gone since the tile is full; the full one begins with the same. */
static err fetch_tile(log_fetch_fn *fetch, void *context, unsigned level, uint64_t index, unsigned width,
                      size_t limit, struct blob *out, struct diag *d) {
    char path[TILE_PATH_BYTES];
    out->len = 0;
    tile_path(level, index, width, path);
    err e = fetch(context, path, limit, out, d);
    if (e != ERR_NOT_FOUND || width == TILE_WIDTH) return e;
    tile_path(level, index, TILE_WIDTH, path);
    out->len = 0;
    return fetch(context, path, limit, out, d);
}

err tile_fetch_bundle(log_fetch_fn *fetch, void *context, uint64_t index, unsigned width, struct blob *out,
                      struct diag *d) {
    return fetch_tile(fetch, context, TILE_LEVEL_ENTRIES, index, width, TILE_BUNDLE_MAX_BYTES, out, d);
}

static err read_tile(struct tile_tree *t, unsigned level, uint64_t index, unsigned width, struct cached *out,
                     struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    err e = fetch_tile(t->fetch, t->context, level, index, width, TILE_WIDTH * HASH_BYTES, &raw, d);
    if (e) return e;
    if (raw.len < width * HASH_BYTES)
        return diag_fail(d, ERR_FORGED, "the log's tile %u/%" PRIu64 " is too short", level, index);
    out->there = false;
    out->index = index;
    out->width = width;
    memcpy(out->hashes, raw.data, width * HASH_BYTES);
    return ERR_OK;
}

/* The root of `count` (a power of two) hashes, which are overwritten. */
static void fold(uint8_t (*hashes)[HASH_BYTES], size_t count) {
    for (; count > 1; count /= 2)
        for (size_t i = 0; i < count / 2; i++) tlog_node_hash(hashes[2 * i], hashes[2 * i + 1], hashes[i]);
}

static err tile_at(struct tile_tree *t, unsigned level, uint64_t index, const struct cached **out,
                   struct diag *d);

/* Does the tile above have this one's root? */
static err check_full(struct tile_tree *t, unsigned level, const struct cached *tile, struct diag *d) {
    uint8_t hashes[TILE_WIDTH][HASH_BYTES];
    const struct cached *above;
    if (level + 1 >= LEVELS) return diag_fail(d, ERR_INVALID, "the log is too large");
    memcpy(hashes, tile->hashes, sizeof hashes);
    fold(hashes, TILE_WIDTH);
    err e = tile_at(t, level + 1, tile->index / TILE_WIDTH, &above, d);
    if (e) return e;
    if (memcmp(above->hashes[tile->index % TILE_WIDTH], hashes[0], HASH_BYTES) != 0)
        return diag_fail(d, ERR_FORGED, "the log's tile %u/%" PRIu64 " is not what its root says", level,
                         tile->index);
    return ERR_OK;
}

static err tile_at(struct tile_tree *t, unsigned level, uint64_t index, const struct cached **out,
                   struct diag *d) {
    struct cached *slot = &t->cache[level][index % CACHED];
    if (t->edge[level] && t->edge[level]->index == index) {
        *out = t->edge[level];
        return ERR_OK;
    }
    if (!slot->there || slot->index != index) {
        err e = read_tile(t, level, index, TILE_WIDTH, slot, d);
        if (!e) e = check_full(t, level, slot, d);
        if (e) {
            slot->there = false;
            return e;
        }
        slot->there = true;
    }
    *out = slot;
    return ERR_OK;
}

/* Reads the partial tiles; roots that they hold make the log's root (compare log_writer.c, load_edge). */
static err read_edge(struct tile_tree *t, struct tlog_tree *tree, struct diag *d) {
    tree->size = t->size;
    for (unsigned level = 0; level < LEVELS && entries_of(t, level); level++) {
        t->cache[level] = calloc(CACHED, sizeof *t->cache[level]);
        if (!t->cache[level]) return diag_fail(d, ERR_NO_MEMORY, "no memory for the log's tiles");
        unsigned width = (unsigned)(entries_of(t, level) % TILE_WIDTH);
        if (!width) continue;
        struct cached *slot = t->edge[level] = calloc(1, sizeof *slot);
        if (!slot) return diag_fail(d, ERR_NO_MEMORY, "no memory for the log's tiles");
        err e = read_tile(t, level, entries_of(t, level) / TILE_WIDTH, width, slot, d);
        if (e) return e;
        struct tlog_tree part = {0};
        for (unsigned i = 0; !e && i < width; i++) e = tlog_tree_append(&part, slot->hashes[i], NULL, NULL);
        if (e) return e;
        for (unsigned h = 0; h < TILE_HEIGHT; h++)
            if (width >> h & 1) memcpy(tree->roots[level * TILE_HEIGHT + h], part.roots[h], HASH_BYTES);
    }
    return ERR_OK;
}

err tile_tree_open(log_fetch_fn *fetch, void *context, uint64_t size, const uint8_t root[HASH_BYTES],
                   struct tile_tree **out, struct diag *d) {
    struct tlog_tree edge = {0};
    uint8_t computed[HASH_BYTES];
    struct tile_tree *t = calloc(1, sizeof *t);
    if (!t) return diag_fail(d, ERR_NO_MEMORY, "no memory for the log's tiles");
    *t = (struct tile_tree){.fetch = fetch, .context = context, .size = size};
    err e = size >> 62 ? diag_fail(d, ERR_INVALID, "the log is too large") : read_edge(t, &edge, d);
    if (!e) {
        tlog_tree_root(&edge, computed);
        if (memcmp(computed, root, HASH_BYTES) != 0)
            e = diag_fail(d, ERR_FORGED,
                          "the log's tiles do not lead to its checkpoint of %" PRIu64 " entries", size);
    }
    if (e)
        tile_tree_free(t);
    else
        *out = t;
    return e;
}

void tile_tree_free(struct tile_tree *t) {
    if (!t) return;
    for (unsigned level = 0; level < LEVELS; level++) {
        free(t->cache[level]);
        free(t->edge[level]);
    }
    free(t);
}

err tile_tree_leaf(struct tile_tree *t, uint64_t index, uint8_t out[HASH_BYTES], struct diag *d) {
    const struct cached *tile;
    if (index >= t->size)
        return diag_fail(d, ERR_INVALID, "the log has no entry %" PRIu64 ": it has %" PRIu64, index, t->size);
    err e = tile_at(t, 0, index / TILE_WIDTH, &tile, d);
    if (!e) memcpy(out, tile->hashes[index % TILE_WIDTH], HASH_BYTES);
    return e;
}

/* A subtree lies within one tile: 2^(height % 8) neighbors of the tile's row. */
static err subtree_of(void *context, unsigned height, uint64_t index, uint8_t out[HASH_BYTES]) {
    struct tile_tree *t = context;
    unsigned level = height / TILE_HEIGHT, count = 1u << height % TILE_HEIGHT;
    uint64_t first = index * count;
    uint8_t hashes[TILE_WIDTH][HASH_BYTES];
    const struct cached *tile;
    if (level >= LEVELS || first + count > entries_of(t, level)) return ERR_INVALID;
    err e = tile_at(t, level, first / TILE_WIDTH, &tile, t->d);
    if (e) return e;
    memcpy(hashes, tile->hashes[first % TILE_WIDTH], count * HASH_BYTES);
    fold(hashes, count);
    memcpy(out, hashes[0], HASH_BYTES);
    return ERR_OK;
}

err tile_tree_root(struct tile_tree *t, uint64_t size, uint8_t out[HASH_BYTES], struct diag *d) {
    struct tlog_tree part = {.size = size};
    if (size > t->size)
        return diag_fail(d, ERR_INVALID, "the log has no %" PRIu64 " entries: it has %" PRIu64, size,
                         t->size);
    t->d = d;
    for (unsigned h = 0; h < TLOG_LEVELS_MAX; h++) {
        if (!(size >> h & 1)) continue;
        err e = subtree_of(t, h, (size >> h) - 1, part.roots[h]);
        if (e) return e;
    }
    tlog_tree_root(&part, out);
    return ERR_OK;
}

err tile_tree_prove_inclusion(struct tile_tree *t, uint64_t index, uint64_t size,
                              uint8_t (*proof)[HASH_BYTES], size_t *count, struct diag *d) {
    if (index >= size || size > t->size)
        return diag_fail(d, ERR_INVALID, "the log has no entry %" PRIu64 " among %" PRIu64, index, size);
    t->d = d;
    return tlog_prove_inclusion(index, size, subtree_of, t, proof, count);
}

err tile_tree_prove_consistency(struct tile_tree *t, uint64_t first, uint64_t second,
                                uint8_t (*proof)[HASH_BYTES], size_t *count, struct diag *d) {
    if (first > second || second > t->size)
        return diag_fail(d, ERR_INVALID, "the log did not grow from %" PRIu64 " to %" PRIu64 " entries",
                         first, second);
    t->d = d;
    return tlog_prove_consistency(first, second, subtree_of, t, proof, count);
}
