/* Blobs and rows are compared in 256 parts, by the first byte of the name, so that memory stays small; each
 * part's blobs are listed before its rows. As a vault may be at work, whatever looks wrong is looked at again
 * on its own. */
#include "store/fsck.h"

#include <stdarg.h>
#include <stdio.h>

#include "store/garbage.h"

#define GARBAGE_BATCH 1000u

struct listed_blob {
    struct store_id name;
    uint64_t bytes;
};

struct listed_row {
    struct store_id name;
    struct reel_place place;
    uint32_t epoch;
    uint64_t bytes;
};

struct run {
    const struct fsck_options *o;
    struct fsck_result *r;
    unsigned part;
    struct blob blobs; /* struct listed_blob[] */
    struct blob rows;  /* struct listed_row[] */
};

static void __attribute__((format(printf, 2, 3))) tell(const struct run *run, const char *format, ...) {
    char line[300];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (run->o->report) run->o->report(run->o->arg, line);
}

struct hex_name {
    char text[2 * STORE_ID_BYTES + 1];
};

static struct hex_name hex_of(const struct store_id *name) {
    struct hex_name hex;
    hex_encode(BYTES(name->bytes, STORE_ID_BYTES), hex.text);
    return hex;
}

static err check_accounts(struct run *run, struct diag *d) {
    struct accounts *accounts = run->o->accounts;
    if (!accounts) return ERR_OK;
    AUTO(blob_clear) struct blob report = {0};
    err e = accounts->ops->check(accounts, &report, d);
    if (!e && report.len) {
        run->r->faults++;
        tell(run, "accounts: %.*s", (int)(report.len < 250 ? report.len : 250), (const char *)report.data);
    }
    return e;
}

static err check_desk(struct run *run, struct diag *d) {
    struct desk *desk = run->o->desk;
    if (!desk) return ERR_OK;
    AUTO(blob_clear) struct blob report = {0};
    err e = desk->ops->check(desk, &report, d);
    if (!e && report.len) {
        run->r->faults++;
        tell(run, "support desk: %.*s", (int)(report.len < 250 ? report.len : 250),
             (const char *)report.data);
    }
    return e;
}

static void tell_line(void *arg, const char *line) {
    tell(arg, "%s", line);
}

/* --- one part --- */

static err note_blob(void *arg, const struct store_id *name, uint64_t bytes) {
    struct run *run = arg;
    if (name->bytes[0] != run->part) return ERR_CANCELLED; /* the part is over */
    struct listed_blob one = {*name, bytes};
    return blob_append(&run->blobs, BYTES(&one, sizeof one));
}

static err note_row(void *arg, const struct reel_place *place, const struct reel_info *reel) {
    struct run *run = arg;
    if (reel->reel.bytes[0] != run->part) return ERR_CANCELLED;
    struct listed_row one = {reel->reel, *place, reel->epoch, reel->bytes};
    return blob_append(&run->rows, BYTES(&one, sizeof one));
}

static err row_is_there(struct run *run, const struct listed_row *row, struct diag *d) {
    struct reel_place place;
    struct reel_info info;
    return run->o->index->ops->reel_get(run->o->index, &row->place.household, &row->name, &place, &info, NULL,
                                        d);
}

/* A row whose blob was not listed, or has another size. */
static err suspect_row(struct run *run, const struct listed_row *row, struct diag *d) {
    struct blob_store *blobs = run->o->blobs;
    struct index *index = run->o->index;
    struct blob_reader *reader;
    uint64_t bytes = 0;
    err e = blobs->ops->open(blobs, &row->name, &reader, &bytes, d);
    if (e && e != ERR_NOT_FOUND) return e;
    bool missing = e == ERR_NOT_FOUND;
    if (!missing) blobs->ops->done(reader);
    if (!missing && bytes == row->bytes) return ERR_OK; /* it came after the listing */
    e = row_is_there(run, row, d);
    if (e) return e == ERR_NOT_FOUND ? ERR_OK : e; /* the row went after the listing */
    run->r->faults++;
    run->r->lost++;
    if (missing)
        tell(run, "invariant 2: the blob of reel %s is missing", hex_of(&row->name).text);
    else
        tell(run, "invariant 2: the blob of reel %s has %llu bytes instead of %llu", hex_of(&row->name).text,
             (unsigned long long)bytes, (unsigned long long)row->bytes);
    if (!run->o->mend || !missing)
        return ERR_OK; /* a blob of another size may still hold footage: it stays */
    return index->ops->reel_remove(index, &row->place.household, &row->name, run->o->now, d);
}

static err suspect_blob(struct run *run, const struct listed_blob *blob, struct diag *d) {
    struct index *index = run->o->index;
    err e = index->ops->name_known(index, &blob->name, d);
    if (e != ERR_NOT_FOUND) return e;
    run->r->strays++;
    uint32_t since = run->o->now;
    if (!run->o->mend) {
        tell(run, "invariant 3: blob %s has no row", hex_of(&blob->name).text);
        return ERR_OK;
    }
    e = index->ops->stray_seen(index, &blob->name, run->o->now, false, &since, d);
    bool old = !e && since + STORE_DAY_SLOTS <= run->o->now;
    if (old) e = index->ops->stray_seen(index, &blob->name, run->o->now, true, &since, d);
    if (e) return e == ERR_CONFLICT ? ERR_OK : e; /* somebody begins to upload it */
    tell(run, "invariant 3: blob %s has no row: %s", hex_of(&blob->name).text,
         old ? "removed" : "to be removed when it has none tomorrow");
    return ERR_OK;
}

static err inspect_row(struct run *run, const struct listed_row *row, struct diag *d) {
    AUTO(blob_clear) struct blob stored = {0}, table = {0};
    struct reel_place place;
    struct reel_info is, should;
    struct index *index = run->o->index;
    err e = index->ops->reel_get(index, &row->place.household, &row->name, &place, &is, &stored, d);
    if (e) return e == ERR_NOT_FOUND ? ERR_OK : e;
    struct diag why = {{0}};
    e = run->o->scan(run->o->arg, run->o->blobs, &place, is.epoch, &row->name, &should, &table, &why);
    bool same = !e && is.first == should.first && is.end == should.end && is.segments == should.segments &&
                bytes_equal(is.table, blob_bytes(&table));
    if (same) return ERR_OK;
    if (e == ERR_NO_MEMORY || e == ERR_IO) return diag_fail(d, e, "%s", why.text);
    if (e == ERR_NOT_FOUND) return ERR_OK; /* told already, or gone meanwhile */
    run->r->faults++;
    run->r->lost++;
    tell(run, "invariant 1: reel %s is not what its row says%s%s", hex_of(&row->name).text, e ? ": " : "",
         why.text);
    return ERR_OK;
}

static err compare_part(struct run *run, struct diag *d) {
    const struct listed_blob *blob = (const void *)run->blobs.data;
    const struct listed_row *row = (const void *)run->rows.data;
    size_t blobs = run->blobs.len / sizeof *blob, rows = run->rows.len / sizeof *row;
    err e = ERR_OK;
    for (size_t b = 0, r = 0; !e && (b < blobs || r < rows);) {
        int order = b == blobs  ? 1
                    : r == rows ? -1
                                : memcmp(blob[b].name.bytes, row[r].name.bytes, STORE_ID_BYTES);
        bool agree = order == 0 && blob[b].bytes == row[r].bytes;
        if (order < 0)
            e = suspect_blob(run, &blob[b], d);
        else if (!agree)
            e = suspect_row(run, &row[r], d);
        if (agree && run->o->every_blob && run->o->scan) e = inspect_row(run, &row[r], d);
        b += order <= 0;
        r += order >= 0;
    }
    run->r->reels += rows;
    return e;
}

static err check_part(struct run *run, struct diag *d) {
    struct store_id from = {{0}};
    from.bytes[0] = (uint8_t)run->part;
    run->blobs.len = run->rows.len = 0;
    err e = run->o->blobs->ops->list(run->o->blobs, &from, note_blob, run, d);
    if (e && e != ERR_CANCELLED) return e;
    e = run->o->index->ops->reel_scan(run->o->index, &from, false, note_row, run, d);
    if (e && e != ERR_CANCELLED) return e;
    return compare_part(run, d);
}

/* --- uploads and staged blobs --- */

static err note_upload(void *arg, const struct index_upload *upload) {
    return blob_append(arg, BYTES(upload, sizeof *upload));
}

/* The blob became durable and its row did not: the vault was lost in between, and the hub did not come back.
 */
static err recover(struct run *run, const struct index_upload *upload, struct diag *d) {
    struct reel_info reel;
    AUTO(blob_clear) struct blob table = {0};
    if (!run->o->scan) return ERR_NOT_FOUND;
    err e = run->o->scan(run->o->arg, run->o->blobs, &upload->place, upload->epoch, &upload->reel, &reel,
                         &table, d);
    if (e) return e;
    reel.table = blob_bytes(&table);
    struct index *index = run->o->index;
    return index->ops->reel_commit(index, &upload->place.household, &reel, NULL, run->o->now, d);
}

static err check_uploads(struct run *run, struct diag *d) {
    AUTO(blob_clear) struct blob uploads = {0};
    struct index *index = run->o->index;
    if (run->o->now < STORE_DAY_SLOTS) return ERR_OK;
    err e = index->ops->upload_list(index, run->o->now - STORE_DAY_SLOTS, note_upload, &uploads, d);
    const struct index_upload *upload = (const void *)uploads.data;
    for (size_t i = 0; !e && i < uploads.len / sizeof *upload; i++) {
        run->r->uploads_old++;
        struct diag why;
        err recovered = run->o->mend ? recover(run, &upload[i], &why) : ERR_CANCELLED;
        if (recovered && run->o->mend)
            e = index->ops->upload_drop(index, &upload[i].place.household, &upload[i].reel, run->o->now, d);
        if (e == ERR_NOT_FOUND) e = ERR_OK; /* finished meanwhile */
        tell(run, "upload %s was begun more than a day ago%s", hex_of(&upload[i].reel).text,
             !run->o->mend ? ""
             : recovered   ? ": given up"
                           : ": its blob was whole, it is a reel now");
    }
    return e;
}

static err note_staged(void *arg, const struct store_id *name, uint64_t bytes) {
    return blob_append(arg, BYTES(name->bytes, STORE_ID_BYTES));
}

static err check_staged(struct run *run, struct diag *d) {
    AUTO(blob_clear) struct blob names = {0};
    struct blob_store *blobs = run->o->blobs;
    err e = blobs->ops->list_staged(blobs, note_staged, &names, d);
    for (size_t at = 0; !e && at < names.len; at += STORE_ID_BYTES) {
        struct store_id name;
        memcpy(name.bytes, names.data + at, STORE_ID_BYTES);
        e = run->o->index->ops->name_known(run->o->index, &name, d);
        if (e != ERR_NOT_FOUND) continue;
        run->r->staged++;
        e = run->o->mend ? blobs->ops->discard(blobs, &name, d) : ERR_OK;
        tell(run, "staged blob %s belongs to no upload%s", hex_of(&name).text,
             run->o->mend && !e ? ": removed" : "");
        if (e == ERR_NOT_FOUND || e == ERR_BUSY) e = ERR_OK;
    }
    return e;
}

static err collect_garbage(struct run *run, struct diag *d) {
    for (uint64_t removed = GARBAGE_BATCH; removed == GARBAGE_BATCH;) {
        err e = garbage_collect(run->o->index, run->o->blobs, GARBAGE_BATCH, &removed, d);
        run->r->removed += removed;
        if (e) return e;
    }
    return ERR_OK;
}

err fsck_run(const struct fsck_options *options, struct fsck_result *out, struct diag *d) {
    *out = (struct fsck_result){0};
    struct run run = {.o = options, .r = out};
    uint64_t faults = 0;
    err e = check_accounts(&run, d);
    if (!e) e = check_desk(&run, d);
    if (!e) e = options->index->ops->check(options->index, options->mend, tell_line, &run, &faults, d);
    out->faults += faults;
    for (run.part = 0; !e && run.part < 256; run.part++) {
        e = check_part(&run, d);
        if (!e && options->progress) e = options->progress(options->arg, run.part + 1, 256);
    }
    if (!e) e = check_uploads(&run, d);
    if (!e) e = check_staged(&run, d);
    if (!e && options->mend) e = collect_garbage(&run, d);
    blob_clear(&run.blobs);
    blob_clear(&run.rows);
    return e;
}
