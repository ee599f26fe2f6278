#include "tlog/log_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "tlog/tile.h"

#define LEVELS (TLOG_LEVELS_MAX / TILE_HEIGHT)

/* The tiles at the log's right edge, which appending changes. */
struct edge {
    struct blob hashes[LEVELS]; /* of the partial tile at each level, 32 bytes each */
    struct blob entries;        /* of the partial bundle */
    struct tlog_tree tree;
};

struct log_writer {
    char folder[PATH_TEXT_BYTES];
    struct sign_key key;
    struct checkpoint checkpoint;
    struct blob text; /* the checkpoint, signed */
    struct edge edge;
};

static void edge_clear(struct edge *e) {
    for (unsigned level = 0; level < LEVELS; level++) blob_clear(&e->hashes[level]);
    blob_clear(&e->entries);
}

static err edge_copy(const struct edge *from, struct edge *to) {
    *to = (struct edge){.tree = from->tree};
    err e = blob_append(&to->entries, blob_bytes(&from->entries));
    for (unsigned level = 0; !e && level < LEVELS; level++)
        e = blob_append(&to->hashes[level], blob_bytes(&from->hashes[level]));
    return e;
}

/* Readers see the old file or the new one; neither is durable. */
static err write_file(struct log_writer *w, const char *name, struct bytes data, struct diag *d) {
    char path[PATH_TEXT_BYTES], fresh[PATH_TEXT_BYTES];
    if (path_join(path, w->folder, name) || path_join(fresh, w->folder, "new"))
        return diag_fail(d, ERR_LIMIT, "the log's path is too long");
    AUTO(fd_close) int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return diag_fail(d, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO, "cannot make %s: %m", fresh);
    err e = fd_write_all(fd, data);
    if (e) return diag_fail(d, e, "cannot write %s: %s", fresh, err_text(e));
    return rename(fresh, path) ? diag_fail(d, ERR_IO, "cannot replace %s: %m", path) : ERR_OK;
}

static err store(struct log_writer *w, unsigned level, uint64_t index, unsigned width, struct bytes data,
                 struct diag *d) {
    char name[TILE_PATH_BYTES], path[PATH_TEXT_BYTES], parent[PATH_TEXT_BYTES];
    tile_path(level, index, width, name);
    if (path_join(path, w->folder, name)) return diag_fail(d, ERR_LIMIT, "the log's path is too long");
    memcpy(parent, path, sizeof parent);
    *strrchr(parent, '/') = 0;
    err e = folder_make(parent, d);
    if (!e) e = file_replace(path, data, 0644, d);
    return e;
}

/* A subtree is complete: when it is as high as a tile's row, it takes its place there. */
struct completing {
    struct log_writer *w;
    struct edge *edge;
    struct diag *d;
};
static err take_complete(void *context, unsigned height, uint64_t index, const uint8_t hash[HASH_BYTES]) {
    struct completing *c = context;
    unsigned level = height / TILE_HEIGHT;
    if (height % TILE_HEIGHT || level >= LEVELS) return ERR_OK;
    struct blob *row = &c->edge->hashes[level];
    err e = blob_append(row, BYTES(hash, HASH_BYTES));
    if (e || row->len < TILE_WIDTH * HASH_BYTES) return e;
    e = store(c->w, level, index / TILE_WIDTH, TILE_WIDTH, blob_bytes(row), c->d);
    row->len = 0;
    return e;
}

static err append_one(struct log_writer *w, struct edge *edge, struct bytes entry, struct diag *d) {
    uint8_t leaf[HASH_BYTES];
    err e = tlog_leaf_hash(entry, leaf);
    if (e) return diag_fail(d, e, "a log entry is longer than %d bytes", TLOG_ENTRY_MAX_BYTES);
    uint64_t number = edge->tree.size;
    e = tile_append_entry(&edge->entries, entry);
    if (!e && (number + 1) % TILE_WIDTH == 0) {
        e = store(w, TILE_LEVEL_ENTRIES, number / TILE_WIDTH, TILE_WIDTH, blob_bytes(&edge->entries), d);
        edge->entries.len = 0;
    }
    struct completing context = {w, edge, d};
    return e ? e : tlog_tree_append(&edge->tree, leaf, take_complete, &context);
}

/* Writes the partial tiles, then the checkpoint. */
static err publish(struct log_writer *w, struct edge *edge, struct diag *d) {
    uint64_t size = edge->tree.size;
    unsigned partial = (unsigned)(size % TILE_WIDTH);
    err e = ERR_OK;
    if (partial) e = store(w, TILE_LEVEL_ENTRIES, size / TILE_WIDTH, partial, blob_bytes(&edge->entries), d);
    for (unsigned level = 0; !e && level < LEVELS; level++) {
        unsigned width = (unsigned)(edge->hashes[level].len / HASH_BYTES);
        if (width)
            e = store(w, level, size >> (TILE_HEIGHT * (level + 1)), width, blob_bytes(&edge->hashes[level]),
                      d);
    }
    if (e) return e;
    struct checkpoint next = w->checkpoint;
    next.size = size;
    tlog_tree_root(&edge->tree, next.root);
    AUTO(blob_clear) struct blob text = {0};
    char path[PATH_TEXT_BYTES];
    e = checkpoint_sign(&next, &w->key, &text);
    if (!e) e = path_join(path, w->folder, "checkpoint");
    if (!e) e = file_replace(path, blob_bytes(&text), 0644, d);
    if (e) return e;
    w->checkpoint = next;
    blob_clear(&w->text);
    w->text = text;
    text = (struct blob){0};
    return ERR_OK;
}

err log_writer_append(struct log_writer *w, const struct bytes *entries, size_t count, uint64_t *first,
                      struct diag *d) {
    struct edge next;
    err e = edge_copy(&w->edge, &next);
    for (size_t i = 0; !e && i < count; i++) e = append_one(w, &next, entries[i], d);
    if (!e && count) e = publish(w, &next, d);
    if (e) {
        edge_clear(&next);
        return e;
    }
    *first = w->edge.tree.size;
    edge_clear(&w->edge);
    w->edge = next;
    return ERR_OK;
}

static err load_tile(struct log_writer *w, unsigned level, uint64_t index, unsigned width, size_t limit,
                     struct blob *out, struct diag *d) {
    char name[TILE_PATH_BYTES], path[PATH_TEXT_BYTES];
    tile_path(level, index, width, name);
    if (path_join(path, w->folder, name)) return ERR_LIMIT;
    return file_read(path, limit, out, d);
}

/* Rebuilds the edge from the tiles that the checkpoint covers. roots[h] is a root of height h: those within a
 * tile's height are made by hashing the row below. */
static err load_edge(struct log_writer *w, struct diag *d) {
    uint64_t size = w->checkpoint.size;
    struct edge *edge = &w->edge;
    edge->tree.size = size;
    err e = ERR_OK;
    for (unsigned level = 0; !e && level < LEVELS; level++) {
        unsigned width = (unsigned)(size >> (TILE_HEIGHT * level)) % TILE_WIDTH;
        if (!width) continue;
        struct blob *row = &edge->hashes[level];
        e = load_tile(w, level, size >> (TILE_HEIGHT * (level + 1)), width, TILE_WIDTH * HASH_BYTES, row, d);
        if (!e && row->len != width * HASH_BYTES) e = diag_fail(d, ERR_FORGED, "the log's tiles are damaged");
        struct tlog_tree part = {0};
        for (unsigned i = 0; !e && i < width; i++)
            e = tlog_tree_append(&part, row->data + i * HASH_BYTES, NULL, NULL);
        for (unsigned h = 0; !e && h < TILE_HEIGHT; h++)
            if (width >> h & 1) memcpy(edge->tree.roots[level * TILE_HEIGHT + h], part.roots[h], HASH_BYTES);
    }
    if (!e && size % TILE_WIDTH)
        e = load_tile(w, TILE_LEVEL_ENTRIES, size / TILE_WIDTH, (unsigned)(size % TILE_WIDTH),
                      TILE_BUNDLE_MAX_BYTES, &edge->entries, d);
    if (e) return e;
    uint8_t root[HASH_BYTES];
    tlog_tree_root(&edge->tree, root);
    if (!bytes_equal(BYTES_OF(root), BYTES_OF(w->checkpoint.root)))
        return diag_fail(d, ERR_FORGED, "the log's tiles do not lead to its checkpoint");
    return ERR_OK;
}

static err load(struct log_writer *w, const char *origin, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    AUTO(blob_clear) struct blob text = {0};
    if (path_join(path, w->folder, "checkpoint"))
        return diag_fail(d, ERR_LIMIT, "the log's path is too long");
    err e = file_read(path, CHECKPOINT_TEXT_MAX_BYTES, &text, d);
    if (e == ERR_NOT_FOUND) {
        if (strlen(origin) > CHECKPOINT_ORIGIN_MAX_BYTES)
            return diag_fail(d, ERR_INVALID, "the log's name is too long");
        snprintf(w->checkpoint.origin, sizeof w->checkpoint.origin, "%s", origin);
        return publish(w, &w->edge, d);
    }
    if (!e) e = checkpoint_verify(blob_bytes(&text), origin, w->key.public_key, &w->checkpoint, d);
    if (!e) e = load_edge(w, d);
    if (!e) e = checkpoint_sign(&w->checkpoint, &w->key, &w->text); /* without what witnesses added */
    return e;
}

err log_writer_open(const char *folder, const char *origin, const struct sign_key *key,
                    struct log_writer **out, struct diag *d) {
    struct log_writer *w = calloc(1, sizeof *w);
    if (!w) return diag_fail(d, ERR_NO_MEMORY, "no memory for the log");
    w->key = *key;
    int n = snprintf(w->folder, sizeof w->folder, "%s", folder);
    err e = n < 0 || n >= (int)sizeof w->folder ? diag_fail(d, ERR_LIMIT, "the log's path is too long")
                                                : folder_make(folder, d);
    if (!e) e = load(w, origin, d);
    if (e) {
        log_writer_close(w);
        return e;
    }
    *out = w;
    return ERR_OK;
}

void log_writer_close(struct log_writer *w) {
    if (!w) return;
    edge_clear(&w->edge);
    blob_clear(&w->text);
    wipe(w, sizeof *w);
    free(w);
}

const struct checkpoint *log_writer_checkpoint(const struct log_writer *w) {
    return &w->checkpoint;
}

struct bytes log_writer_text(const struct log_writer *w) {
    return blob_bytes(&w->text);
}

err log_writer_cosign(struct log_writer *w, struct bytes lines, struct diag *d) {
    AUTO(blob_clear) struct blob text = {0};
    err e = blob_append(&text, blob_bytes(&w->text));
    if (!e) e = blob_append(&text, lines);
    return e ? e : write_file(w, "checkpoint", blob_bytes(&text), d);
}
