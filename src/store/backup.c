/* Order of a backup: the index is copied first, then the blobs that this copy names, then the copy takes its
 * name, then blobs that it does not name are dropped. So index.sqlite in the folder always has all its blobs
 * beside it. What the store removes while the blobs are copied is taken out of the copy of the index.
 *
 * Order of a restore: the backup is checked, blobs are stored, and the index and accounts come last. */
#include "store/backup.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"

#define CHUNK_BYTES (1u << 20)
#define DESK_FILE "desk.sqlite"

struct row {
    struct store_id name;
    struct store_id household;
    uint64_t bytes;
};

struct copying {
    struct index *live; /* NULL: the source is a backup */
    struct index *copy; /* the index that says what belongs in the target */
    struct blob_store *from, *to;
    unsigned part;
    struct blob rows; /* struct row[], of one part */
    struct blob chunk;
    uint64_t done;
    store_progress progress;
    void *arg;
    struct backup_result *out;
};

static err note_row(void *arg, const struct reel_place *place, const struct reel_info *reel) {
    struct copying *c = arg;
    if (reel->reel.bytes[0] != c->part) return ERR_CANCELLED; /* the part is over */
    struct row one = {reel->reel, place->household, reel->bytes};
    return blob_append(&c->rows, BYTES(&one, sizeof one));
}

/* ERR_NOT_FOUND: it is not there; ERR_INVALID: it has another size. */
static err check_blob(struct blob_store *store, const struct row *row, struct diag *d) {
    struct blob_reader *reader;
    uint64_t bytes;
    err e = store->ops->open(store, &row->name, &reader, &bytes, d);
    if (e) return e;
    store->ops->done(reader);
    return bytes == row->bytes ? ERR_OK
                               : diag_fail(d, ERR_INVALID, "a blob has not the size that its row says");
}

static err pour(struct copying *c, struct blob_reader *reader, struct blob_writer *writer, uint64_t bytes,
                struct diag *d) {
    for (uint64_t at = 0; at < bytes;) {
        size_t got = 0;
        err e = c->from->ops->read(reader, at, (struct buffer){c->chunk.data, CHUNK_BYTES}, &got, d);
        if (!e && got == 0) e = diag_fail(d, ERR_IO, "a blob ended before its size");
        if (!e) e = c->to->ops->append(writer, BYTES(c->chunk.data, got), d);
        if (e) return e;
        at += got;
    }
    return ERR_OK;
}

static err copy_blob(struct copying *c, const struct row *row, struct diag *d) {
    struct blob_reader *reader;
    struct blob_writer *writer;
    uint64_t bytes, held;
    err e = c->from->ops->open(c->from, &row->name, &reader, &bytes, d);
    if (e) return e;
    if (bytes != row->bytes) e = diag_fail(d, ERR_INVALID, "a blob has not the size that its row says");
    if (!e) e = c->to->ops->begin(c->to, &row->name, &writer, &held, d);
    if (!e) {
        if (held) e = c->to->ops->truncate(writer, 0, d); /* of an attempt before: copied anew */
        if (!e) e = pour(c, reader, writer, bytes, d);
        if (e)
            c->to->ops->abort(writer);
        else
            e = c->to->ops->commit(writer, d);
    }
    c->from->ops->done(reader);
    if (e) return e;
    c->out->copied++;
    c->out->copied_bytes += bytes;
    return ERR_OK;
}

/* A row of the copied index whose blob is not in the store: gone since the copy, or lost. Either way the copy
 * must not name it. */
static err forget_row(struct copying *c, const struct row *row, struct diag *d) {
    struct reel_place place;
    struct reel_info info;
    err e = c->live->ops->reel_get(c->live, &row->household, &row->name, &place, &info, NULL, d);
    if (e && e != ERR_NOT_FOUND) return e;
    if (!e) c->out->missing++;
    e = c->copy->ops->reel_remove(c->copy, &row->household, &row->name, 0, d);
    return e ? e : c->copy->ops->garbage_done(c->copy, &row->name, 1, d);
}

static err copy_row(struct copying *c, const struct row *row, struct diag *d) {
    struct diag ignored;
    err e = check_blob(c->to, row, &ignored);
    if (e == ERR_INVALID) { /* damaged where it is to be: copied anew */
        e = c->to->ops->remove(c->to, &row->name, d);
        if (!e) e = ERR_NOT_FOUND;
    }
    if (e == ERR_NOT_FOUND) e = copy_blob(c, row, d);
    if (c->live && (e == ERR_NOT_FOUND || e == ERR_INVALID)) return forget_row(c, row, d);
    if (!e) c->out->reels++;
    return e;
}

static err copy_part(struct copying *c, struct diag *d) {
    struct store_id from = {{0}};
    from.bytes[0] = (uint8_t)c->part;
    c->rows.len = 0;
    err e = c->copy->ops->reel_scan(c->copy, &from, false, note_row, c, d);
    if (e == ERR_CANCELLED) e = ERR_OK;
    const struct row *rows = (const void *)c->rows.data;
    for (size_t i = 0; !e && i < c->rows.len / sizeof *rows; i++) {
        e = copy_row(c, &rows[i], d);
        if (!e && c->progress) e = c->progress(c->arg, ++c->done, 0);
        if (e == ERR_CANCELLED) diag_fail(d, e, "stopped as asked");
    }
    return e;
}

static err copy_all(struct copying *c, struct diag *d) {
    err e = blob_reserve(&c->chunk, CHUNK_BYTES);
    if (e) return diag_fail(d, e, "no memory to copy blobs");
    for (c->part = 0; !e && c->part < 256; c->part++) e = copy_part(c, d);
    blob_clear(&c->rows);
    blob_clear(&c->chunk);
    return e;
}

/* --- backup --- */

static err note_blob(void *arg, const struct store_id *name, uint64_t bytes) {
    return blob_append(arg, BYTES(name->bytes, STORE_ID_BYTES));
}

/* Drops from the backup what its index does not name. */
static err prune(struct copying *c, struct diag *d) {
    AUTO(blob_clear) struct blob names = {0};
    err e = c->to->ops->list(c->to, NULL, note_blob, &names, d);
    for (size_t at = 0; !e && at < names.len; at += STORE_ID_BYTES) {
        struct store_id name;
        memcpy(name.bytes, names.data + at, STORE_ID_BYTES);
        e = c->copy->ops->name_known(c->copy, &name, d);
        if (e != ERR_NOT_FOUND) continue;
        e = c->to->ops->remove(c->to, &name, d);
        c->out->dropped += !e;
    }
    return e;
}

/* Names within a backup's folder. */
struct layout {
    char accounts[PATH_TEXT_BYTES], accounts_new[PATH_TEXT_BYTES];
    char index[PATH_TEXT_BYTES], index_new[PATH_TEXT_BYTES];
    char blobs[PATH_TEXT_BYTES];
};

static err layout_of(const char *folder, struct layout *out, struct diag *d) {
    if (path_join(out->accounts, folder, "accounts.sqlite") ||
        path_join(out->accounts_new, folder, "accounts.new") ||
        path_join(out->index, folder, "index.sqlite") || path_join(out->index_new, folder, "index.new") ||
        path_join(out->blobs, folder, "blobs"))
        return diag_fail(d, ERR_LIMIT, "the path %s is too long", folder);
    return ERR_OK;
}

static void drop_logs(const char *path) {
    static const char *const suffixes[] = {"-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char name[PATH_TEXT_BYTES + 16];
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
}

static void drop_database(const char *path) {
    drop_logs(path);
    unlink(path);
}

static err move(const char *from, const char *to, struct diag *d) {
    drop_logs(to); /* a log of the old one must not be read into the new */
    if (rename(from, to)) return diag_fail(d, ERR_IO, "cannot rename %s: %s", from, strerror(errno));
    return ERR_OK;
}

static err fill(struct copying *c, const struct layout *at, const char *folder, struct diag *d) {
    err e = copy_all(c, d);
    index_release(&c->copy); /* writes its log into the file, which may then be renamed */
    if (!e) e = move(at->accounts_new, at->accounts, d);
    if (!e) e = move(at->index_new, at->index, d);
    if (!e) e = folder_sync(folder, d);
    if (!e) e = index_sqlite_open(at->index, &c->copy, d);
    if (!e) e = prune(c, d);
    index_release(&c->copy);
    return e;
}

err backup_make(struct accounts *accounts, struct index *index, struct blob_store *blobs, const char *folder,
                store_progress progress, void *arg, struct backup_result *out, struct diag *d) {
    struct layout at;
    *out = (struct backup_result){0};
    err e = layout_of(folder, &at, d);
    if (!e) e = folder_make(folder, d);
    if (e) return e;
    struct copying c = {.live = index, .from = blobs, .progress = progress, .arg = arg, .out = out};
    drop_database(at.accounts_new);
    drop_database(at.index_new);
    e = accounts->ops->copy(accounts, at.accounts_new, d);
    if (!e) e = index->ops->copy(index, at.index_new, d);
    if (!e) e = index_sqlite_open(at.index_new, &c.copy, d);
    if (!e) e = blob_disk_open(at.blobs, 0, &c.to, d);
    if (!e) e = fill(&c, &at, folder, d);
    index_release(&c.copy);
    blob_store_release(&c.to);
    return e;
}

err backup_desk(struct desk *desk, const char *folder, struct diag *d) {
    char path[PATH_TEXT_BYTES], fresh[PATH_TEXT_BYTES];
    if (path_join(path, folder, DESK_FILE) || path_join(fresh, folder, "desk.new"))
        return diag_fail(d, ERR_LIMIT, "the path %s is too long", folder);
    drop_database(fresh);
    err e = desk->ops->copy(desk, fresh, d);
    if (!e) e = move(fresh, path, d);
    return e ? e : folder_sync(folder, d);
}

/* --- restore --- */

static err need_empty(const char *accounts_path, const char *index_path, struct diag *d) {
    if (access(accounts_path, F_OK) && access(index_path, F_OK)) return ERR_OK;
    return diag_fail(d, ERR_EXISTS, "there is a store already: restore into an empty folder");
}

static void first_line(void *arg, const char *line) {
    struct diag *d = arg;
    if (!d->text[0]) snprintf(d->text, sizeof d->text, "the backup is damaged: %s", line);
}

static err check_backup(struct accounts *accounts, struct index *index, struct diag *d) {
    AUTO(blob_clear) struct blob report = {0};
    uint64_t faults = 0;
    struct diag first = {{0}};
    err e = accounts->ops->check(accounts, &report, d);
    if (!e && report.len) e = diag_fail(d, ERR_INVALID, "the accounts in the backup are damaged");
    if (!e) e = index->ops->check(index, false, first_line, &first, &faults, d);
    if (!e && faults) e = diag_fail(d, ERR_INVALID, "%s", first.text);
    return e;
}

struct source {
    struct accounts *accounts;
    struct copying c;
};

static err restore_from(struct source *s, const char *accounts_path, const char *index_path, struct diag *d) {
    err e = check_backup(s->accounts, s->c.copy, d);
    if (!e) e = copy_all(&s->c, d);
    if (e == ERR_NOT_FOUND) e = diag_fail(d, ERR_CUT_SHORT, "the backup lacks a blob that its index names");
    if (!e) e = s->accounts->ops->copy(s->accounts, accounts_path, d);
    if (!e) e = s->c.copy->ops->copy(s->c.copy, index_path, d);
    return e;
}

err backup_restore(const char *folder, const char *accounts_path, const char *index_path,
                   struct blob_store *blobs, store_progress progress, void *arg, struct backup_result *out,
                   struct diag *d) {
    struct layout at;
    *out = (struct backup_result){0};
    err e = layout_of(folder, &at, d);
    if (!e && (access(at.index, F_OK) || access(at.accounts, F_OK) || access(at.blobs, F_OK)))
        e = diag_fail(d, ERR_NOT_FOUND, "%s is not a backup, or it was never completed", folder);
    if (!e) e = need_empty(accounts_path, index_path, d);
    if (e) return e;
    struct source s = {.c = {.to = blobs, .progress = progress, .arg = arg, .out = out}};
    e = accounts_sqlite_open(at.accounts, &s.accounts, d);
    if (!e) e = index_sqlite_open(at.index, &s.c.copy, d);
    if (!e) e = blob_disk_open(at.blobs, 0, &s.c.from, d);
    if (!e) e = restore_from(&s, accounts_path, index_path, d);
    blob_store_release(&s.c.from);
    index_release(&s.c.copy);
    accounts_release(&s.accounts);
    return e;
}

err restore_desk(const char *folder, const char *path, struct diag *d) {
    char from[PATH_TEXT_BYTES];
    AUTO(blob_clear) struct blob report = {0};
    struct desk *desk = NULL;
    if (path_join(from, folder, DESK_FILE)) return diag_fail(d, ERR_LIMIT, "the path %s is too long", folder);
    if (access(from, F_OK)) return ERR_OK;
    err e = desk_sqlite_open(from, &desk, d);
    if (!e) e = desk->ops->check(desk, &report, d);
    if (!e && report.len) e = diag_fail(d, ERR_INVALID, "the support desk in the backup is damaged");
    if (!e) e = desk->ops->copy(desk, path, d);
    desk_release(&desk);
    return e;
}
