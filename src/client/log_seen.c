#include "client/log_seen.h"

#include <stdlib.h>

#include "base/file.h"

#define MAGIC "CRDO"
#define HEAD_BYTES 5
#define ENTRY_HEAD_BYTES 10

void log_seen_clear(struct log_seen *s) {
    blob_clear(&s->text);
    blob_clear(&s->bytes);
    free(s->offsets);
    *s = (struct log_seen){0};
}

err log_seen_add(struct log_seen *s, uint64_t index, struct bytes entry) {
    uint8_t head[ENTRY_HEAD_BYTES];
    if (entry.len > UINT16_MAX || s->count >= LOG_SEEN_ENTRIES_MAX) return ERR_LIMIT;
    if (s->count == s->room) {
        size_t room = s->room ? 2 * s->room : 256;
        size_t *larger = realloc(s->offsets, room * sizeof *larger);
        if (!larger) return ERR_NO_MEMORY;
        s->offsets = larger;
        s->room = room;
    }
    size_t at = s->bytes.len;
    be64_put(head, index);
    be16_put(head + 8, (uint16_t)entry.len);
    err e = blob_append(&s->bytes, BYTES_OF(head));
    if (!e) e = blob_append(&s->bytes, entry);
    if (e)
        s->bytes.len = at;
    else
        s->offsets[s->count++] = at;
    return e;
}

struct log_own log_seen_at(const struct log_seen *s, size_t n) {
    const uint8_t *at = s->bytes.data + s->offsets[n];
    return (struct log_own){be64_get(at), BYTES(at + ENTRY_HEAD_BYTES, be16_get(at + 8))};
}

void log_seen_cut(struct log_seen *s, size_t n) {
    if (n >= s->count) return;
    s->bytes.len = s->offsets[n];
    s->count = n;
}

/* --- the file --- */

static err damaged(struct diag *d, const char *what) {
    return diag_fail(d, ERR_INVALID, "%s is damaged", what);
}

/* A compact range; its checkpoint is one that nobody signed again. */
static err read_old(struct reader *r, struct log_seen *out, struct diag *d) {
    struct tlog_tree tree;
    if (!reader_copy(r, out->key, sizeof out->key) || !reader_be64(r, &tree.size) ||
        !reader_copy(r, tree.roots, sizeof tree.roots) || reader_left(r) || tree.size >> 63)
        return damaged(d, "its compact range");
    out->checkpoint.size = tree.size;
    tlog_tree_root(&tree, out->checkpoint.root);
    out->known = true;
    return ERR_OK;
}

static err read_entries(struct reader *r, struct log_seen *out, struct diag *d) {
    uint64_t count, index;
    struct bytes len, entry;
    if (!reader_be64(r, &count) || count > LOG_SEEN_ENTRIES_MAX) return damaged(d, "its number of entries");
    for (uint64_t i = 0; i < count; i++) {
        if (!reader_be64(r, &index) || !reader_take(r, 2, &len) ||
            !reader_take(r, be16_get(len.data), &entry))
            return damaged(d, "an entry");
        err e = log_seen_add(out, index, entry);
        if (e) return diag_fail(d, e, "no memory for the log's entries");
    }
    return reader_left(r) ? damaged(d, "its end") : ERR_OK;
}

static bool read_looked(struct reader *r, unsigned version, struct log_seen *out) {
    uint64_t latest;
    if (version == 2) { /* from where on it had looked it did not say */
        if (!reader_be64(r, &out->searched)) return false;
        out->searched = 0;
        return true;
    }
    if (!reader_be64(r, &out->from) || !reader_be64(r, &out->searched) || !reader_be64(r, &out->timed) ||
        !reader_be64(r, &latest))
        return false;
    out->clock.latest.us = (int64_t)latest;
    return out->from <= out->searched && latest <= INT64_MAX;
}

static err read_new(struct reader *r, unsigned version, struct log_seen *out, struct diag *d) {
    uint32_t len;
    struct bytes text;
    if (!reader_copy(r, out->key, sizeof out->key) ||
        !reader_copy(r, out->household, sizeof out->household) || !read_looked(r, version, out) ||
        !reader_be32(r, &len) || len > CHECKPOINT_TEXT_MAX_BYTES || !reader_take(r, len, &text))
        return damaged(d, "its head");
    err e = len ? checkpoint_verify(text, NULL, out->key, &out->checkpoint, d) : ERR_OK;
    if (e) return damaged(d, "its checkpoint");
    e = blob_append(&out->text, text);
    if (e) return diag_fail(d, e, "no memory for the log's checkpoint");
    out->known = true;
    return read_entries(r, out, d);
}

err log_seen_decode(struct bytes raw, struct log_seen *out, struct diag *d) {
    struct log_seen s = {0};
    struct reader r = reader_of(raw);
    struct bytes head;
    if (!reader_take(&r, HEAD_BYTES, &head) || memcmp(head.data, MAGIC, 4) != 0 || head.data[4] < 1 ||
        head.data[4] > 3)
        return damaged(d, "its head");
    err e = head.data[4] == 1 ? read_old(&r, &s, d) : read_new(&r, head.data[4], &s, d);
    if (e)
        log_seen_clear(&s);
    else
        *out = s;
    return e;
}

err log_seen_read(const char *path, const uint8_t household[HOUSEHOLD_ID_BYTES], struct log_seen *out,
                  struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    static const uint8_t nobody[HOUSEHOLD_ID_BYTES];
    err e = file_read(path, LOG_SEEN_FILE_MAX_BYTES, &raw, d);
    if (e == ERR_NOT_FOUND) return ERR_OK;
    if (!e) e = log_seen_decode(blob_bytes(&raw), out, d);
    if (e == ERR_INVALID)
        return diag_fail(
            d, e,
            "%s is damaged: without it the log's past cannot be compared. Remove it to begin anew, and "
            "compare what `cardea log verify` says with another device",
            path);
    if (e) return e;
    if (memcmp(out->household, nobody, sizeof nobody) != 0 &&
        memcmp(out->household, household, sizeof nobody) != 0) {
        log_seen_cut(out,
                     0); /* the log is the same vault's, or its key will say so; the entries are not ours */
        out->from = out->searched = 0;
    }
    return ERR_OK;
}

err log_seen_write(const char *path, const struct log_seen *s, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    err e = blob_append(&raw, bytes_text(MAGIC));
    if (!e) e = blob_append_u8(&raw, 3);
    if (!e) e = blob_append(&raw, BYTES_OF(s->key));
    if (!e) e = blob_append(&raw, BYTES_OF(s->household));
    if (!e) e = blob_append_be64(&raw, s->from);
    if (!e) e = blob_append_be64(&raw, s->searched);
    if (!e) e = blob_append_be64(&raw, s->timed);
    if (!e) e = blob_append_be64(&raw, (uint64_t)s->clock.latest.us);
    if (!e) e = blob_append_be32(&raw, (uint32_t)s->text.len);
    if (!e) e = blob_append(&raw, blob_bytes(&s->text));
    if (!e) e = blob_append_be64(&raw, s->count);
    if (!e) e = blob_append(&raw, blob_bytes(&s->bytes));
    if (e) return diag_fail(d, e, "no memory to remember the log");
    return file_replace(path, blob_bytes(&raw), 0600, d);
}
