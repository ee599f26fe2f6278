#include "tlog/log_audit.h"

#include <inttypes.h>

/* Passes over the entries of one bundle, from number `*next` on. */
static err audit_bundle(struct bytes bundle, uint64_t first, unsigned width, struct tlog_tree *tree,
                        log_entry_fn *fn, void *context, struct diag *d) {
    for (unsigned i = 0; i < width; i++) {
        struct bytes entry;
        uint8_t leaf[HASH_BYTES];
        err e = tile_next_entry(&bundle, &entry);
        if (e)
            return diag_fail(d, ERR_INVALID, "log entry %" PRIu64 " is missing from its bundle", first + i);
        if (first + i < tree->size) continue; /* seen before: its hash is in the compact range */
        e = tlog_leaf_hash(entry, leaf);
        if (!e) e = tlog_tree_append(tree, leaf, NULL, NULL);
        if (!e && fn) e = fn(context, first + i, entry);
        if (e) return e;
    }
    if (bundle.len && width == TILE_WIDTH) /* a full one may stand in for its beginning */
        return diag_fail(d, ERR_INVALID, "the log's bundle at %" PRIu64 " has entries too many", first);
    return ERR_OK;
}

static err audit_entries(const struct log_source *source, uint64_t size, struct tlog_tree *tree,
                         log_entry_fn *fn, void *context, struct diag *d) {
    while (tree->size < size) {
        uint64_t index = tree->size / TILE_WIDTH, first = index * TILE_WIDTH;
        unsigned width = size - first < TILE_WIDTH ? (unsigned)(size - first) : TILE_WIDTH;
        AUTO(blob_clear) struct blob bundle = {0};
        err e = tile_fetch_bundle(source->fetch, source->context, index, width, &bundle, d);
        if (!e) e = audit_bundle(blob_bytes(&bundle), first, width, tree, fn, context, d);
        if (e) return e;
    }
    return ERR_OK;
}

err log_audit(const struct log_source *source, struct tlog_tree *seen, log_entry_fn *fn, void *context,
              struct checkpoint *out, struct diag *d) {
    AUTO(blob_clear) struct blob text = {0};
    struct checkpoint c;
    err e = source->fetch(source->context, "checkpoint", CHECKPOINT_TEXT_MAX_BYTES, &text, d);
    if (!e) e = checkpoint_verify(blob_bytes(&text), source->origin, source->public_key, &c, d);
    if (e) return e;
    *out = c;
    if (c.size < seen->size)
        return diag_fail(d, ERR_FORGED, "the log shrank: it had %" PRIu64 " entries and now says %" PRIu64,
                         seen->size, c.size);
    struct tlog_tree tree = *seen;
    e = audit_entries(source, c.size, &tree, fn, context, d);
    if (e) return e;
    uint8_t root[HASH_BYTES];
    tlog_tree_root(&tree, root);
    if (!bytes_equal(BYTES_OF(root), BYTES_OF(c.root)))
        return diag_fail(d, ERR_FORGED,
                         seen->size ? "the log forked: its %" PRIu64
                                      " entries do not continue what was seen before"
                                    : "the log's %" PRIu64 " entries do not lead to its checkpoint",
                         c.size);
    *seen = tree;
    return ERR_OK;
}
