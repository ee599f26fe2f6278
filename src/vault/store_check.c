#include "vault/store_check.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "store/backup.h"
#include "vault/access_log.h"
#include "vault/upload.h"
#include "vault/veil.h"

#define READ_PIECE_BYTES (256u << 10)

/* --- fsck --- */

struct check {
    const struct options *options;
    json_t *lines;
};

/* A blob's framing, followed from its first byte: what its row should say. */
static err scan_blob(struct blob_store *blobs, const struct store_id *name, struct reel_scanner *s,
                     struct diag *d) {
    struct blob_reader *reader = NULL;
    uint64_t bytes = 0;
    err e = blobs->ops->open(blobs, name, &reader, &bytes, d);
    if (e) return e;
    uint8_t *piece = malloc(READ_PIECE_BYTES);
    if (!piece) e = diag_fail(d, ERR_NO_MEMORY, "no memory to read a blob");
    for (uint64_t at = 0; !e && at < bytes;) {
        size_t got = 0;
        e = blobs->ops->read(reader, at, (struct buffer){piece, READ_PIECE_BYTES}, &got, d);
        if (!e && got == 0) e = diag_fail(d, ERR_INVALID, "the blob ends early");
        if (!e) e = reel_scanner_feed(s, BYTES(piece, got), NULL, NULL, d);
        at += got;
    }
    free(piece);
    blobs->ops->done(reader);
    return e == ERR_LIMIT ? ERR_INVALID : e;
}

static err scan(void *arg, struct blob_store *blobs, const struct reel_place *place, uint32_t epoch,
                const struct store_id *name, struct reel_info *out, struct blob *table, struct diag *d) {
    struct reel_scanner *s = reel_scanner_new(place->camera.bytes, epoch);
    if (!s) return diag_fail(d, ERR_NO_MEMORY, "no memory to follow a reel");
    err e = scan_blob(blobs, name, s, d);
    if (!e) {
        reel_scanner_finish(s);
        e = reel_describe(s, name, epoch, table, out, d);
    }
    reel_scanner_free(s);
    return e;
}

static void report(void *arg, const char *line) {
    struct check *c = arg;
    if (c->lines)
        json_array_append_new(c->lines, json_string(line));
    else
        printf("%s\n", line);
}

static void print_result(struct check *c, const struct fsck_result *f) {
    if (c->lines) {
        json_t *o =
            json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:b,s:O}", "reels", (json_int_t)f->reels, "faults",
                      (json_int_t)f->faults, "lost", (json_int_t)f->lost, "strays", (json_int_t)f->strays,
                      "staged", (json_int_t)f->staged, "uploads_old", (json_int_t)f->uploads_old, "removed",
                      (json_int_t)f->removed, "mended", c->options->mend, "lines", c->lines);
        char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
        if (text) puts(text);
        free(text);
        json_decref(o);
        return;
    }
    printf("%llu reels, %llu faults%s, %llu reels lost, %llu unknown blobs, %llu unknown staged, %llu old "
           "uploads\n",
           (unsigned long long)f->reels, (unsigned long long)f->faults,
           f->faults && c->options->mend ? " (mended, where that is possible)" : "",
           (unsigned long long)f->lost, (unsigned long long)f->strays, (unsigned long long)f->staged,
           (unsigned long long)f->uploads_old);
}

static int run_fsck(const struct options *o, struct vault *v) {
    struct check c = {o, o->json ? json_array() : NULL};
    struct fsck_result f = {0};
    struct diag d = {0};
    const struct fsck_options options = {.accounts = v->accounts,
                                         .desk = v->desk,
                                         .index = v->index,
                                         .blobs = v->blobs,
                                         .now = slot_now(),
                                         .mend = o->mend,
                                         .every_blob = true,
                                         .scan = scan,
                                         .report = report,
                                         .arg = &c};
    err e = fsck_run(&options, &f, &d);
    if (!e)
        print_result(&c, &f);
    else
        log_error("fsck: %s", d.text[0] ? d.text : err_text(e));
    json_decref(c.lines);
    return e || (f.faults && !o->mend) ? 1 : 0;
}

/* --- backup and restore: of what rests, veil and all, and of the secret beside it --- */

static err copy_secret(const char *from_folder, const char *to_folder, struct diag *d) {
    char from[PATH_TEXT_BYTES], to[PATH_TEXT_BYTES];
    AUTO(blob_clear) struct blob secret = {0};
    if (path_join(from, from_folder, "secret") || path_join(to, to_folder, "secret"))
        return diag_fail(d, ERR_LIMIT, "the path is too long");
    err e = file_read(from, 4096, &secret, d);
    return e ? e : file_replace(to, blob_bytes(&secret), 0600, d);
}

static void print_copied(const struct backup_result *b) {
    printf("%llu reels, %llu blobs copied (%llu MiB), %llu dropped", (unsigned long long)b->reels,
           (unsigned long long)b->copied, (unsigned long long)(b->copied_bytes >> 20),
           (unsigned long long)b->dropped);
    if (b->missing)
        printf("; %llu reels have lost their blob: run cardea fsck", (unsigned long long)b->missing);
    printf("\n");
}

static int run_backup(const struct options *o, struct vault *v) {
    char folder[PATH_MAX];
    struct backup_result b = {0};
    struct diag d = {0};
    err e = options_folder(o, folder, &d);
    if (!e) e = backup_make(v->accounts, v->index, v->blobs, o->folder, NULL, NULL, &b, &d);
    if (!e) e = backup_desk(v->desk, o->folder, &d);
    if (!e) e = copy_secret(folder, o->folder, &d);
    if (e)
        log_error("backup: %s", d.text[0] ? d.text : err_text(e));
    else
        print_copied(&b);
    return e ? 1 : 0;
}

static int run_restore(const struct options *o) {
    char folder[PATH_MAX], accounts[PATH_TEXT_BYTES], index[PATH_TEXT_BYTES], desk[PATH_TEXT_BYTES];
    struct backup_result b = {0};
    struct diag d = {0};
    struct vault v = {0};
    if (strncmp(o->index, "sqlite:", 7) != 0) {
        log_error("restore: --index sqlite:FOLDER is needed");
        return 2;
    }
    err e = options_folder(o, folder, &d);
    if (!e) e = folder_make(folder, &d);
    if (!e && (path_join(accounts, folder, "accounts.db") || path_join(index, folder, "index.db") ||
               path_join(desk, folder, "desk.db")))
        e = diag_fail(&d, ERR_LIMIT, "the path is too long");
    if (!e) e = blobs_open(&v, o, &d);
    if (!e) e = backup_restore(o->folder, accounts, index, v.blobs, NULL, NULL, &b, &d);
    if (!e) e = restore_desk(o->folder, desk, &d);
    if (!e) e = copy_secret(o->folder, folder, &d);
    if (!e) e = log_open_beside(&v, o, &d);
    if (!e) e = log_admin_act(&v, "restore", &d);
    access_log_close(&v.log);
    blob_store_release(&v.blobs);
    if (e)
        log_error("restore: %s", d.text[0] ? d.text : err_text(e));
    else
        print_copied(&b);
    return e ? 1 : 0;
}

static int run_on_stores(const struct options *o) {
    static struct vault v;
    struct diag d = {0};
    vault_init(&v);
    err e = o->mode == MODE_BACKUP ? stores_open_bare(&v, o, &d) : stores_open(&v, o, &d);
    if (e) log_error("%s", d.text[0] ? d.text : err_text(e));
    bool mends = o->mode == MODE_FSCK && o->mend;
    if (!e && mends) e = log_open_beside(&v, o, &d);
    if (!e && mends) e = log_admin_act(&v, "fsck mend", &d);
    if (e && mends) log_error("%s", d.text);
    int status = e ? 1 : o->mode == MODE_BACKUP ? run_backup(o, &v) : run_fsck(o, &v);
    vault_clear(&v);
    return status;
}

int store_check_run(const struct options *o) {
    if (o->mode == MODE_RESTORE) return run_restore(o);
    if (strncmp(o->index, "sqlite:", 7) != 0) {
        log_error("there is nothing in memory to look at: --index sqlite:FOLDER is needed");
        return 2;
    }
    return run_on_stores(o);
}
