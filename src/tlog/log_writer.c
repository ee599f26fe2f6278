#include "tlog/log_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "tlog/log_journal.h"
#include "tlog/tile.h"

#define LEVELS (TLOG_LEVELS_MAX / TILE_HEIGHT)
#define UNSYNCED_MAX 64 /* full tiles that are not durable; past it the tiles are synced */

/* The tiles at the log's right edge, which appending changes. */
struct edge {
    struct blob hashes[LEVELS]; /* of the partial tile at each level, 32 bytes each */
    struct blob entries;        /* of the partial bundle */
    struct tlog_tree tree;
};

/* A full tile that was written and not synced. */
struct unsynced {
    unsigned level;
    uint64_t index;
};

struct log_writer {
    char folder[PATH_TEXT_BYTES];
    struct sign_key key;
    struct checkpoint checkpoint;
    struct blob text; /* the checkpoint, signed */
    struct edge edge;
    struct log_journal journal;
    uint64_t base; /* entries before the journal: it begins from their tiles */
    struct unsynced unsynced[UNSYNCED_MAX];
    size_t unsynced_count;
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

/* --- files --- */

/* Readers see the old file or the new one; neither is durable. */
static err write_file(struct log_writer *w, const char *name, struct bytes data, struct diag *d) {
    char path[PATH_TEXT_BYTES], fresh[PATH_TEXT_BYTES];
    if (path_join(path, w->folder, name) || path_join(fresh, w->folder, "new"))
        return diag_fail(d, ERR_LIMIT, "the log's path is too long");
    AUTO(fd_close) int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return diag_fail(d, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO, "cannot make %s: %m", fresh);
    err e = fd_write_all(fd, data);
    if (e) return diag_fail(d, e, "cannot write %s: %s", fresh, err_text(e));
    return rename(fresh, path)
               ? diag_fail(d, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot make %s: %m", path)
               : ERR_OK;
}

static err parent_of(const struct log_writer *w, const char *name, char out[PATH_TEXT_BYTES],
                     struct diag *d) {
    if (path_join(out, w->folder, name)) return diag_fail(d, ERR_LIMIT, "the log's path is too long");
    *strrchr(out, '/') = 0;
    return ERR_OK;
}

static err store(struct log_writer *w, unsigned level, uint64_t index, unsigned width, struct bytes data,
                 struct diag *d) {
    char name[TILE_PATH_BYTES], parent[PATH_TEXT_BYTES];
    tile_path(level, index, width, name);
    err e = write_file(w, name, data, d);
    if (e != ERR_NOT_FOUND) return e;
    e = parent_of(w, name, parent, d);
    if (!e) e = folder_make(parent, d);
    return e ? e : write_file(w, name, data, d);
}

static err sync_path(const char *path, struct diag *d) {
    AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 || fsync(fd) ? diag_fail(d, ERR_IO, "cannot sync %s: %m", path) : ERR_OK;
}

/* A file, and the folders that lead to it: any of them may be new. */
static err sync_file(struct log_writer *w, const char *name, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    if (path_join(path, w->folder, name)) return diag_fail(d, ERR_LIMIT, "the log's path is too long");
    err e = sync_path(path, d);
    for (char *slash; !e && (slash = strrchr(path, '/')) && strlen(path) > strlen(w->folder);) {
        *slash = 0;
        e = sync_path(path, d);
    }
    return e;
}

static err sync_tile(struct log_writer *w, unsigned level, uint64_t index, unsigned width, struct diag *d) {
    char name[TILE_PATH_BYTES];
    tile_path(level, index, width, name);
    return sync_file(w, name, d);
}

/* Full tiles that were written, and those at the edge, become durable. */
static err sync_tiles(struct log_writer *w, struct diag *d) {
    uint64_t size = w->checkpoint.size;
    err e = ERR_OK;
    for (size_t i = 0; !e && i < w->unsynced_count; i++)
        e = sync_tile(w, w->unsynced[i].level, w->unsynced[i].index, TILE_WIDTH, d);
    if (!e && size % TILE_WIDTH)
        e = sync_tile(w, TILE_LEVEL_ENTRIES, size / TILE_WIDTH, size % TILE_WIDTH, d);
    for (unsigned level = 0; !e && level < LEVELS; level++) {
        unsigned width = (unsigned)(size >> (TILE_HEIGHT * level)) % TILE_WIDTH;
        if (width) e = sync_tile(w, level, size >> (TILE_HEIGHT * (level + 1)), width, d);
    }
    if (!e) w->unsynced_count = 0;
    return e;
}

static uint64_t row_of(uint64_t size, unsigned level) {
    return level == TILE_LEVEL_ENTRIES ? size : size >> (TILE_HEIGHT * level);
}

/* Is this the tile that was partial when the journal began? After a crash the log is made again from there.
 */
static bool journal_needs(const struct log_writer *w, unsigned level, uint64_t index) {
    uint64_t row = row_of(w->base, level);
    return row % TILE_WIDTH && row / TILE_WIDTH == index;
}

static void forget_partials(struct log_writer *w, unsigned level, uint64_t index) {
    char name[TILE_PATH_BYTES], path[PATH_TEXT_BYTES];
    for (unsigned width = 1; width < TILE_WIDTH; width++) {
        tile_path(level, index, width, name);
        if (path_join(path, w->folder, name)) return;
        unlink(path); /* most were never there: a group is larger than one */
    }
    *strrchr(path, '/') = 0;
    rmdir(path);
}

/* What only the journal before needed. */
static void forget_base(struct log_writer *w, unsigned level) {
    uint64_t row = row_of(w->base, level), now = row_of(w->checkpoint.size, level);
    if (row % TILE_WIDTH && now / TILE_WIDTH > row / TILE_WIDTH + 1)
        forget_partials(w, level, row / TILE_WIDTH);
}

/* All that the checkpoint covers becomes durable, then a journal begins that needs nothing before it. */
static err settle(struct log_writer *w, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    err e = sync_tiles(w, d);
    if (!e) e = path_join(path, w->folder, "journal");
    if (!e) e = log_journal_begin(&w->journal, path, blob_bytes(&w->text), d);
    if (e) return e;
    forget_base(w, TILE_LEVEL_ENTRIES);
    for (unsigned level = 0; level < LEVELS; level++) forget_base(w, level);
    w->base = w->checkpoint.size;
    return ERR_OK;
}

static err store_full(struct log_writer *w, unsigned level, uint64_t index, struct bytes data,
                      struct diag *d) {
    err e = store(w, level, index, TILE_WIDTH, data, d);
    if (e) return e;
    /* Whoever read a checkpoint when the tile before was partial has had his time. */
    if (index && !journal_needs(w, level, index - 1)) forget_partials(w, level, index - 1);
    if (w->unsynced_count == UNSYNCED_MAX) return sync_tile(w, level, index, TILE_WIDTH, d);
    w->unsynced[w->unsynced_count++] = (struct unsynced){level, index};
    return ERR_OK;
}

/* --- appending --- */

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
    e = store_full(c->w, level, index / TILE_WIDTH, blob_bytes(row), c->d);
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
        e = store_full(w, TILE_LEVEL_ENTRIES, number / TILE_WIDTH, blob_bytes(&edge->entries), d);
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
    e = checkpoint_sign(&next, &w->key, &text);
    if (!e) e = write_file(w, "checkpoint", blob_bytes(&text), d);
    if (e) return e;
    w->checkpoint = next;
    blob_clear(&w->text);
    w->text = text;
    text = (struct blob){0};
    return ERR_OK;
}

/* Tiles and checkpoint for entries that the journal has. On failure nothing but files that no checkpoint
 * covers has changed. */
static err apply(struct log_writer *w, struct bytes batch, struct diag *d) {
    struct edge next;
    struct bytes entry;
    err e = edge_copy(&w->edge, &next), more;
    while (!e && (more = tile_next_entry(&batch, &entry)) != ERR_NOT_FOUND)
        e = more ? diag_fail(d, ERR_INVALID, "the log's journal is damaged") : append_one(w, &next, entry, d);
    if (!e) e = publish(w, &next, d);
    if (e) {
        edge_clear(&next);
        return e;
    }
    edge_clear(&w->edge);
    w->edge = next;
    return ERR_OK;
}

err log_writer_append(struct log_writer *w, const struct bytes *entries, size_t count, uint64_t *first,
                      struct diag *d) {
    AUTO(blob_clear) struct blob batch = {0};
    struct diag other;
    err e = ERR_OK;
    if (w->journal.size > LOG_WRITER_JOURNAL_BYTES || w->unsynced_count == UNSYNCED_MAX) e = settle(w, d);
    for (size_t i = 0; !e && i < count; i++) {
        e = tile_append_entry(&batch, entries[i]);
        if (e) return diag_fail(d, e, "a log entry is longer than %d bytes", TLOG_ENTRY_MAX_BYTES);
    }
    uint64_t before = w->journal.size, number = w->edge.tree.size;
    if (!e && count) e = log_journal_add(&w->journal, blob_bytes(&batch), d);
    if (e) return e;
    if (count) e = apply(w, blob_bytes(&batch), d);
    if (e) { /* durable, but nobody saw it: it is taken back */
        err undone = log_journal_undo(&w->journal, before, &other);
        (void)undone; /* if it cannot be, nothing more is written, and the next start has it in the log */
        return e;
    }
    *first = number;
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

/* Where the log stands for certain: the journal's base, or, without a journal, the checkpoint, as an earlier
 * version left it. */
static err load_base(struct log_writer *w, const char *origin, struct bytes text, struct diag *d) {
    err e = checkpoint_verify(text, origin, w->key.public_key, &w->checkpoint, d);
    if (!e) e = load_edge(w, d);
    if (!e) e = checkpoint_sign(&w->checkpoint, &w->key, &w->text);
    w->base = w->checkpoint.size;
    return e;
}

static err make_first(struct log_writer *w, const char *origin, struct diag *d) {
    if (strlen(origin) > CHECKPOINT_ORIGIN_MAX_BYTES)
        return diag_fail(d, ERR_INVALID, "the log's name is too long");
    snprintf(w->checkpoint.origin, sizeof w->checkpoint.origin, "%s", origin);
    return publish(w, &w->edge, d);
}

/* What readers may have seen must not be ahead of what is durable. A checkpoint that is torn was seen by
 * nobody. */
static err check_seen(struct log_writer *w, struct bytes seen, struct diag *d) {
    struct checkpoint c;
    if (checkpoint_verify(seen, w->checkpoint.origin, w->key.public_key, &c, NULL)) return ERR_OK;
    if (c.size > w->checkpoint.size ||
        (c.size == w->checkpoint.size && memcmp(c.root, w->checkpoint.root, HASH_BYTES) != 0))
        return diag_fail(
            d, ERR_FORGED,
            "the log's journal is not the one that belongs to its checkpoint: restore the folder whole");
    return ERR_OK;
}

static err replay(struct log_writer *w, struct bytes raw, struct bytes batches, struct diag *d) {
    struct bytes batch;
    err e = ERR_OK;
    while (!e && log_journal_next(raw, &batches, &batch) == ERR_OK) e = apply(w, batch, d);
    return e;
}

static err load_journal(struct log_writer *w, const char *origin, struct bytes raw, struct bytes seen,
                        struct diag *d) {
    struct bytes base, batches;
    err e = log_journal_read(raw, &base, &batches, d);
    if (!e) e = load_base(w, origin, base, d);
    if (!e) e = replay(w, raw, batches, d);
    return e ? e : check_seen(w, seen, d);
}

static err load(struct log_writer *w, const char *origin, struct diag *d) {
    char path[PATH_TEXT_BYTES], journal[PATH_TEXT_BYTES];
    AUTO(blob_clear) struct blob text = {0};
    AUTO(blob_clear) struct blob raw = {0};
    if (path_join(path, w->folder, "checkpoint") || path_join(journal, w->folder, "journal"))
        return diag_fail(d, ERR_LIMIT, "the log's path is too long");
    err seen = file_read(path, CHECKPOINT_TEXT_MAX_BYTES, &text, d);
    if (seen && seen != ERR_NOT_FOUND) return seen;
    err e = file_read(journal, LOG_JOURNAL_MAX_BYTES, &raw, d);
    if (e == ERR_NOT_FOUND)
        e = seen ? make_first(w, origin, d) : load_base(w, origin, blob_bytes(&text), d);
    else if (!e)
        e = load_journal(w, origin, blob_bytes(&raw), blob_bytes(&text), d);
    if (!e && blob_bytes(&w->text).len && raw.len) e = write_file(w, "checkpoint", blob_bytes(&w->text), d);
    return e ? e : settle(w, d);
}

err log_writer_open(const char *folder, const char *origin, const struct sign_key *key,
                    struct log_writer **out, struct diag *d) {
    struct log_writer *w = calloc(1, sizeof *w);
    if (!w) return diag_fail(d, ERR_NO_MEMORY, "no memory for the log");
    w->key = *key;
    w->journal = LOG_JOURNAL_NONE;
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
    struct diag d;
    if (!w) return;
    if (w->journal.fd >= 0 && !w->journal.broken && settle(w, &d))
        w->journal.broken = true; /* replayed then */
    log_journal_close(&w->journal);
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
