#include "tlog/log_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "crypto/hash.h"

#define HEAD_BYTES (4 + 1 + 4)
#define BATCH_HEAD_BYTES (4 + HASH_BYTES)
#define VERSION 1
static const char magic[] = "CRDJ";

static void batch_hash(uint64_t offset, struct bytes entries, uint8_t out[HASH_BYTES]) {
    uint8_t place[8];
    struct hash *h = hash_new();
    if (!h) abort(); /* as everything that hashes does without memory */
    be64_put(place, offset);
    hash_start(h);
    hash_update(h, BYTES_OF(place));
    hash_update(h, entries);
    hash_finish(h, out);
    hash_free(h);
}

err log_journal_begin(struct log_journal *j, const char *path, struct bytes base, struct diag *d) {
    AUTO(blob_clear) struct blob head = {0};
    err e = blob_append(&head, BYTES(magic, 4));
    if (!e) e = blob_append_u8(&head, VERSION);
    if (!e) e = blob_append_be32(&head, (uint32_t)base.len);
    if (!e) e = blob_append(&head, base);
    if (e) return diag_fail(d, e, "no memory for the log's journal");
    e = file_replace(path, blob_bytes(&head), 0600, d);
    if (e) return e;
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd < 0) {
        j->broken = true; /* the file that is open is no journal any more */
        return diag_fail(d, ERR_IO, "cannot open %s: %m", path);
    }
    log_journal_close(j);
    *j = (struct log_journal){.fd = fd, .size = head.len};
    return ERR_OK;
}

void log_journal_close(struct log_journal *j) {
    fd_close(&j->fd);
}

err log_journal_undo(struct log_journal *j, uint64_t size, struct diag *d) {
    if (ftruncate(j->fd, (off_t)size) || fdatasync(j->fd)) {
        j->broken = true;
        return diag_fail(d, ERR_IO, "the log's journal cannot be written any more: %m");
    }
    j->size = size;
    return ERR_OK;
}

err log_journal_add(struct log_journal *j, struct bytes entries, struct diag *d) {
    uint8_t head[BATCH_HEAD_BYTES];
    AUTO(blob_clear) struct blob batch = {0};
    struct diag undo;
    if (j->broken)
        return diag_fail(d, ERR_IO, "the log's journal could not be written before: start the vault anew");
    if (entries.len > LOG_JOURNAL_BATCH_MAX_BYTES) return diag_fail(d, ERR_LIMIT, "too much for one append");
    be32_put(head, (uint32_t)entries.len);
    batch_hash(j->size, entries, head + 4);
    err e = blob_append(&batch, BYTES_OF(head));
    if (!e) e = blob_append(&batch, entries);
    if (e) return diag_fail(d, e, "no memory for the log's journal");
    e = fd_write_all(j->fd, blob_bytes(&batch));
    if (!e && fdatasync(j->fd)) e = errno == ENOSPC || errno == EDQUOT ? ERR_NO_SPACE : ERR_IO;
    if (e) {
        err ignored = log_journal_undo(j, j->size, &undo);
        (void)ignored; /* it is broken then, and says so */
        return diag_fail(d, e, "the log's journal cannot be written: %s", err_text(e));
    }
    j->size += batch.len;
    return ERR_OK;
}

err log_journal_read(struct bytes raw, struct bytes *base, struct bytes *batches, struct diag *d) {
    if (raw.len < HEAD_BYTES || memcmp(raw.data, magic, 4) != 0 || raw.data[4] != VERSION)
        return diag_fail(d, ERR_INVALID, "the log's journal is damaged: it does not begin as one");
    size_t len = be32_get(raw.data + 5);
    if (len > raw.len - HEAD_BYTES)
        return diag_fail(d, ERR_INVALID, "the log's journal is damaged: its base is cut");
    *base = BYTES(raw.data + HEAD_BYTES, len);
    *batches = BYTES(raw.data + HEAD_BYTES + len, raw.len - HEAD_BYTES - len);
    return ERR_OK;
}

err log_journal_next(struct bytes raw, struct bytes *batches, struct bytes *entries) {
    uint8_t hash[HASH_BYTES];
    if (batches->len < BATCH_HEAD_BYTES) return ERR_NOT_FOUND;
    size_t len = be32_get(batches->data);
    if (len > batches->len - BATCH_HEAD_BYTES) return ERR_NOT_FOUND;
    struct bytes found = BYTES(batches->data + BATCH_HEAD_BYTES, len);
    batch_hash((uint64_t)(batches->data - raw.data), found, hash);
    if (memcmp(hash, batches->data + 4, HASH_BYTES) != 0) return ERR_NOT_FOUND;
    *entries = found;
    *batches = BYTES(found.data + len, batches->len - BATCH_HEAD_BYTES - len);
    return ERR_OK;
}
