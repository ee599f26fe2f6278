#include "store/garbage.h"

static err note_name(void *arg, const struct store_id *name, uint32_t since) {
    return blob_append(arg, BYTES(name->bytes, STORE_ID_BYTES));
}

/* Both forms are tried: an upload that was given up may have been committed in the same moment. */
static err remove_one(struct blob_store *blobs, const struct store_id *name, struct diag *d) {
    err e = blobs->ops->discard(blobs, name, d);
    if (e && e != ERR_NOT_FOUND) return e;
    e = blobs->ops->remove(blobs, name, d);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

err garbage_collect(struct index *index, struct blob_store *blobs, uint32_t max, uint64_t *removed,
                    struct diag *d) {
    AUTO(blob_clear) struct blob names = {0}, gone = {0};
    *removed = 0;
    err e = index->ops->garbage_list(index, max, note_name, &names, d);
    if (e) return e;
    err failure = ERR_OK;
    for (size_t at = 0; at < names.len; at += STORE_ID_BYTES) {
        struct store_id name;
        struct diag why;
        memcpy(name.bytes, names.data + at, STORE_ID_BYTES);
        e = remove_one(blobs, &name, &why);
        if (!e) e = blob_append(&gone, BYTES(name.bytes, STORE_ID_BYTES));
        if (e && e != ERR_BUSY) {
            failure = e;
            if (d) *d = why;
        }
    }
    size_t count = gone.len / STORE_ID_BYTES;
    if (count)
        e = index->ops->garbage_done(index, (const struct store_id *)gone.data, count, d);
    else
        e = ERR_OK;
    if (!e) *removed = count;
    return e ? e : failure;
}
