#include "vault/veil.h"

#include <stdlib.h>

struct veil {
    struct blob_store store;
    struct blob_store *inner;
    uint8_t key[KEYSTREAM_KEY_BYTES];
};

struct blob_writer {
    struct veil *veil;
    struct blob_writer *inner;
    struct keystream *stream, *back; /* appending and reading back stand at different places */
    struct blob scratch;
    uint64_t held;
};

struct blob_reader {
    struct veil *veil;
    struct blob_reader *inner;
    struct keystream *stream;
};

static struct veil *veil_of(struct blob_store *s) {
    return (struct veil *)s;
}

static void veil_close(struct blob_store *s) {
    if (!s) return;
    struct veil *v = veil_of(s);
    v->inner->ops->close(v->inner);
    wipe(v, sizeof *v);
    free(v);
}

/* The inner writer has been given back already. */
static void writer_free(struct blob_writer *w) {
    keystream_free(w->stream);
    keystream_free(w->back);
    blob_clear(&w->scratch);
    free(w);
}

static err veil_begin(struct blob_store *s, const struct store_id *name, struct blob_writer **out,
                      uint64_t *held, struct diag *d) {
    struct veil *v = veil_of(s);
    struct blob_writer *w = calloc(1, sizeof *w);
    if (!w) return diag_fail(d, ERR_NO_MEMORY, "no memory for an upload");
    w->veil = v;
    w->stream = keystream_new(v->key, name->bytes);
    w->back = keystream_new(v->key, name->bytes);
    err e = w->stream && w->back ? v->inner->ops->begin(v->inner, name, &w->inner, &w->held, d)
                                 : diag_fail(d, ERR_NO_MEMORY, "no memory for an upload");
    if (e) {
        writer_free(w);
        return e;
    }
    *held = w->held;
    *out = w;
    return ERR_OK;
}

static err veil_append(struct blob_writer *w, struct bytes data, struct diag *d) {
    w->scratch.len = 0;
    err e = blob_append(&w->scratch, data);
    if (e) return diag_fail(d, e, "no memory for an upload");
    keystream_apply(w->stream, w->held, (struct buffer){w->scratch.data, w->scratch.len});
    e = w->veil->inner->ops->append(w->inner, blob_bytes(&w->scratch), d);
    if (!e) w->held += data.len;
    return e;
}

static err veil_read_back(struct blob_writer *w, uint64_t offset, struct buffer out, size_t *got,
                          struct diag *d) {
    err e = w->veil->inner->ops->read_back(w->inner, offset, out, got, d);
    if (!e) keystream_apply(w->back, offset, (struct buffer){out.data, *got});
    return e;
}

static err veil_truncate(struct blob_writer *w, uint64_t bytes, struct diag *d) {
    err e = w->veil->inner->ops->truncate(w->inner, bytes, d);
    if (!e) w->held = bytes;
    return e;
}

static err veil_sync(struct blob_writer *w, struct diag *d) {
    return w->veil->inner->ops->sync(w->inner, d);
}

static err veil_commit(struct blob_writer *w, struct diag *d) {
    err e = w->veil->inner->ops->commit(w->inner, d);
    writer_free(w);
    return e;
}

static void veil_pause(struct blob_writer *w) {
    if (!w) return;
    w->veil->inner->ops->pause(w->inner);
    writer_free(w);
}

static void veil_abort(struct blob_writer *w) {
    if (!w) return;
    w->veil->inner->ops->abort(w->inner);
    writer_free(w);
}

static void veil_done(struct blob_reader *r) {
    if (!r) return;
    if (r->inner) r->veil->inner->ops->done(r->inner);
    keystream_free(r->stream);
    free(r);
}

static err veil_open_blob(struct blob_store *s, const struct store_id *name, struct blob_reader **out,
                          uint64_t *bytes, struct diag *d) {
    struct veil *v = veil_of(s);
    struct blob_reader *r = calloc(1, sizeof *r);
    if (!r) return diag_fail(d, ERR_NO_MEMORY, "no memory for a reader");
    r->veil = v;
    r->stream = keystream_new(v->key, name->bytes);
    err e = r->stream ? v->inner->ops->open(v->inner, name, &r->inner, bytes, d)
                      : diag_fail(d, ERR_NO_MEMORY, "no memory for a reader");
    if (e) {
        r->inner = NULL;
        veil_done(r);
        return e;
    }
    *out = r;
    return ERR_OK;
}

static err veil_read(struct blob_reader *r, uint64_t offset, struct buffer out, size_t *got, struct diag *d) {
    err e = r->veil->inner->ops->read(r->inner, offset, out, got, d);
    if (!e) keystream_apply(r->stream, offset, (struct buffer){out.data, *got});
    return e;
}

static int veil_descriptor(struct blob_reader *r) {
    (void)r;
    return -1; /* what lies there is of no use to a client */
}

static err veil_address(struct blob_store *s, const struct store_id *name, uint32_t seconds, struct blob *out,
                        struct diag *d) {
    (void)s, (void)name, (void)seconds, (void)out;
    return diag_fail(d, ERR_UNSUPPORTED, "veiled blobs are read through the vault");
}

static err veil_remove(struct blob_store *s, const struct store_id *name, struct diag *d) {
    return veil_of(s)->inner->ops->remove(veil_of(s)->inner, name, d);
}

static err veil_discard(struct blob_store *s, const struct store_id *name, struct diag *d) {
    return veil_of(s)->inner->ops->discard(veil_of(s)->inner, name, d);
}

static err veil_list(struct blob_store *s, const struct store_id *from, blob_visit visit, void *arg,
                     struct diag *d) {
    return veil_of(s)->inner->ops->list(veil_of(s)->inner, from, visit, arg, d);
}

static err veil_list_staged(struct blob_store *s, blob_visit visit, void *arg, struct diag *d) {
    return veil_of(s)->inner->ops->list_staged(veil_of(s)->inner, visit, arg, d);
}

static err veil_room(struct blob_store *s, uint64_t *bytes, struct diag *d) {
    return veil_of(s)->inner->ops->room(veil_of(s)->inner, bytes, d);
}

static const struct blob_ops veil_ops = {
    .name = "veil",
    .close = veil_close,
    .begin = veil_begin,
    .append = veil_append,
    .read_back = veil_read_back,
    .truncate = veil_truncate,
    .sync = veil_sync,
    .commit = veil_commit,
    .pause = veil_pause,
    .abort = veil_abort,
    .open = veil_open_blob,
    .read = veil_read,
    .descriptor = veil_descriptor,
    .done = veil_done,
    .address = veil_address,
    .remove = veil_remove,
    .discard = veil_discard,
    .list = veil_list,
    .list_staged = veil_list_staged,
    .room = veil_room,
};

err veil_open(struct blob_store *inner, const uint8_t key[KEYSTREAM_KEY_BYTES], struct blob_store **out) {
    struct veil *v = calloc(1, sizeof *v);
    if (!v) return ERR_NO_MEMORY;
    v->store.ops = &veil_ops;
    v->inner = inner;
    memcpy(v->key, key, sizeof v->key);
    *out = &v->store;
    return ERR_OK;
}
