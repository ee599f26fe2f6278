#include "store/blob.h"

err blob_read_all(struct blob_store *store, const struct store_id *name, size_t limit, struct blob *out,
                  struct diag *d) {
    struct blob_reader *reader;
    uint64_t bytes;
    err e = store->ops->open(store, name, &reader, &bytes, d);
    if (e) return e;
    if (bytes > limit) {
        store->ops->done(reader);
        return diag_fail(d, ERR_LIMIT, "the blob has %llu bytes, more than the %zu allowed",
                         (unsigned long long)bytes, limit);
    }
    e = blob_reserve(out, out->len + (size_t)bytes + 1); /* never NULL, even for an empty blob */
    if (e) diag_fail(d, e, "no memory for a blob of %llu bytes", (unsigned long long)bytes);
    size_t got = 0;
    if (!e) e = store->ops->read(reader, 0, (struct buffer){out->data + out->len, (size_t)bytes}, &got, d);
    store->ops->done(reader);
    if (!e && got != bytes) e = diag_fail(d, ERR_IO, "the blob ended before its size");
    if (!e) out->len += got;
    return e;
}

void blob_store_release(struct blob_store **store) {
    if (*store) (*store)->ops->close(*store);
    *store = NULL;
}
