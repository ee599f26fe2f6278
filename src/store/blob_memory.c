/* Blobs in memory, for tests: what the disk driver promises, without the disk. Like a driver of multipart
 * uploads it keeps what is staged only as long as the store is open. */
#include <pthread.h>
#include <stdlib.h>

#include "store/blob.h"

struct content {
    struct blob data;
    unsigned references; /* by the table and by readers; under the store's lock */
};

struct entry {
    struct store_id name;
    struct content *content;
    bool committed;
    bool writing;
};

struct blob_memory {
    struct blob_store store;
    pthread_mutex_t lock;
    uint64_t capacity, used;
    struct entry *entries; /* ascending by name */
    size_t count, room;
};

struct blob_writer {
    struct blob_memory *memory;
    struct store_id name;
};

struct blob_reader {
    struct blob_memory *memory;
    struct content *content;
};

static struct blob_memory *memory_of(struct blob_store *store) {
    return (struct blob_memory *)store;
}

/* The first entry that is not below the name. */
static size_t place_of(const struct blob_memory *m, const struct store_id *name) {
    size_t low = 0, high = m->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(m->entries[middle].name.bytes, name->bytes, STORE_ID_BYTES) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct entry *find(struct blob_memory *m, const struct store_id *name) {
    size_t at = place_of(m, name);
    return at < m->count && store_id_equal(&m->entries[at].name, name) ? &m->entries[at] : NULL;
}

static void content_unref(struct blob_memory *m, struct content *content) {
    if (--content->references) return;
    m->used -= content->data.len;
    blob_clear(&content->data);
    free(content);
}

static void entry_drop(struct blob_memory *m, struct entry *entry) {
    content_unref(m, entry->content);
    size_t at = (size_t)(entry - m->entries);
    memmove(entry, entry + 1, (m->count - at - 1) * sizeof *entry);
    m->count--;
}

static struct entry *entry_add(struct blob_memory *m, const struct store_id *name) {
    if (m->count == m->room) {
        size_t room = m->room ? m->room * 2 : 64;
        struct entry *grown = realloc(m->entries, room * sizeof *grown);
        if (!grown) return NULL;
        m->entries = grown;
        m->room = room;
    }
    struct content *content = calloc(1, sizeof *content);
    if (!content) return NULL;
    content->references = 1;
    size_t at = place_of(m, name);
    memmove(m->entries + at + 1, m->entries + at, (m->count - at) * sizeof *m->entries);
    m->entries[at] = (struct entry){.name = *name, .content = content};
    m->count++;
    return &m->entries[at];
}

static err begin_locked(struct blob_memory *m, const struct store_id *name, uint64_t *held, struct diag *d) {
    struct entry *entry = find(m, name);
    if (entry && entry->committed) return diag_fail(d, ERR_EXISTS, "this blob is stored already");
    if (entry && entry->writing) return diag_fail(d, ERR_BUSY, "this blob is being written");
    if (m->used >= m->capacity) return diag_fail(d, ERR_NO_SPACE, "the blob store is full");
    if (!entry) entry = entry_add(m, name);
    if (!entry) return diag_fail(d, ERR_NO_MEMORY, "no memory for a blob");
    entry->writing = true;
    *held = entry->content->data.len;
    return ERR_OK;
}

static err memory_begin(struct blob_store *store, const struct store_id *name, struct blob_writer **out,
                        uint64_t *held, struct diag *d) {
    struct blob_memory *m = memory_of(store);
    struct blob_writer *w = malloc(sizeof *w);
    if (!w) return diag_fail(d, ERR_NO_MEMORY, "no memory for a writer");
    *w = (struct blob_writer){.memory = m, .name = *name};
    pthread_mutex_lock(&m->lock);
    err e = begin_locked(m, name, held, d);
    pthread_mutex_unlock(&m->lock);
    if (e) {
        free(w);
        return e;
    }
    *out = w;
    return ERR_OK;
}

static err memory_append(struct blob_writer *w, struct bytes data, struct diag *d) {
    struct blob_memory *m = w->memory;
    err e = ERR_OK;
    pthread_mutex_lock(&m->lock);
    struct entry *entry = find(m, &w->name);
    if (data.len > m->capacity - m->used) e = diag_fail(d, ERR_NO_SPACE, "the blob store is full");
    if (!e) e = blob_append(&entry->content->data, data);
    if (!e) m->used += data.len;
    pthread_mutex_unlock(&m->lock);
    return e;
}

static void copy_range(const struct blob *data, uint64_t offset, struct buffer out, size_t *got) {
    size_t left = offset < data->len ? data->len - (size_t)offset : 0;
    size_t n = left < out.len ? left : out.len;
    if (n) memcpy(out.data, data->data + offset, n);
    *got = n;
}

static err memory_read_back(struct blob_writer *w, uint64_t offset, struct buffer out, size_t *got,
                            struct diag *d) {
    pthread_mutex_lock(&w->memory->lock);
    copy_range(&find(w->memory, &w->name)->content->data, offset, out, got);
    pthread_mutex_unlock(&w->memory->lock);
    return ERR_OK;
}

static err memory_truncate(struct blob_writer *w, uint64_t bytes, struct diag *d) {
    struct blob_memory *m = w->memory;
    err e = ERR_OK;
    pthread_mutex_lock(&m->lock);
    struct blob *data = &find(m, &w->name)->content->data;
    if (bytes > data->len) {
        e = diag_fail(d, ERR_INVALID, "the staged blob is shorter than that");
    } else {
        m->used -= data->len - bytes;
        data->len = (size_t)bytes;
    }
    pthread_mutex_unlock(&m->lock);
    return e;
}

static err memory_sync(struct blob_writer *w, struct diag *d) {
    return ERR_OK;
}

static err memory_commit(struct blob_writer *w, struct diag *d) {
    pthread_mutex_lock(&w->memory->lock);
    struct entry *entry = find(w->memory, &w->name);
    entry->committed = true;
    entry->writing = false;
    pthread_mutex_unlock(&w->memory->lock);
    free(w);
    return ERR_OK;
}

static void memory_pause(struct blob_writer *w) {
    if (!w) return;
    pthread_mutex_lock(&w->memory->lock);
    find(w->memory, &w->name)->writing = false;
    pthread_mutex_unlock(&w->memory->lock);
    free(w);
}

static void memory_abort(struct blob_writer *w) {
    if (!w) return;
    pthread_mutex_lock(&w->memory->lock);
    entry_drop(w->memory, find(w->memory, &w->name));
    pthread_mutex_unlock(&w->memory->lock);
    free(w);
}

static err memory_open(struct blob_store *store, const struct store_id *name, struct blob_reader **out,
                       uint64_t *bytes, struct diag *d) {
    struct blob_memory *m = memory_of(store);
    struct blob_reader *r = malloc(sizeof *r);
    if (!r) return diag_fail(d, ERR_NO_MEMORY, "no memory for a reader");
    r->memory = m;
    r->content = NULL;
    pthread_mutex_lock(&m->lock);
    struct entry *entry = find(m, name);
    if (entry && entry->committed) {
        r->content = entry->content;
        r->content->references++;
    }
    pthread_mutex_unlock(&m->lock);
    if (!r->content) {
        free(r);
        return diag_fail(d, ERR_NOT_FOUND, "there is no such blob");
    }
    *bytes = r->content->data.len;
    *out = r;
    return ERR_OK;
}

static err memory_read(struct blob_reader *r, uint64_t offset, struct buffer out, size_t *got,
                       struct diag *d) {
    copy_range(&r->content->data, offset, out, got); /* committed: nobody writes it any more */
    return ERR_OK;
}

static int memory_descriptor(struct blob_reader *r) {
    return -1;
}

static void memory_done(struct blob_reader *r) {
    if (!r) return;
    pthread_mutex_lock(&r->memory->lock);
    content_unref(r->memory, r->content);
    pthread_mutex_unlock(&r->memory->lock);
    free(r);
}

static err memory_address(struct blob_store *store, const struct store_id *name, uint32_t seconds,
                          struct blob *out, struct diag *d) {
    return diag_fail(d, ERR_UNSUPPORTED, "blobs in memory have no address of their own");
}

static err drop(struct blob_store *store, const struct store_id *name, bool committed, struct diag *d) {
    struct blob_memory *m = memory_of(store);
    err e = ERR_OK;
    pthread_mutex_lock(&m->lock);
    struct entry *entry = find(m, name);
    if (!entry || entry->committed != committed)
        e = diag_fail(d, ERR_NOT_FOUND, "there is no such blob");
    else if (entry->writing)
        e = diag_fail(d, ERR_BUSY, "this blob is being written");
    else
        entry_drop(m, entry);
    pthread_mutex_unlock(&m->lock);
    return e;
}

static err memory_remove(struct blob_store *store, const struct store_id *name, struct diag *d) {
    return drop(store, name, true, d);
}

static err memory_discard(struct blob_store *store, const struct store_id *name, struct diag *d) {
    return drop(store, name, false, d);
}

/* The visitor may use the store: the lock is let go for each visit, and the place found again by name. */
static err visit_all(struct blob_memory *m, const struct store_id *from, bool committed, blob_visit visit,
                     void *arg) {
    struct store_id next = {0};
    if (from) next = *from;
    for (bool first = true;; first = false) {
        struct store_id name = next;
        uint64_t bytes = 0;
        pthread_mutex_lock(&m->lock);
        size_t at = place_of(m, &next);
        if (!first && at < m->count && store_id_equal(&m->entries[at].name, &next)) at++;
        while (at < m->count && m->entries[at].committed != committed) at++;
        bool found = at < m->count;
        if (found) {
            name = m->entries[at].name;
            bytes = m->entries[at].content->data.len;
        }
        pthread_mutex_unlock(&m->lock);
        if (!found) return ERR_OK;
        err e = visit(arg, &name, bytes);
        if (e) return e;
        next = name;
    }
}

static err memory_list(struct blob_store *store, const struct store_id *from, blob_visit visit, void *arg,
                       struct diag *d) {
    return visit_all(memory_of(store), from, true, visit, arg);
}

static err memory_list_staged(struct blob_store *store, blob_visit visit, void *arg, struct diag *d) {
    return visit_all(memory_of(store), NULL, false, visit, arg);
}

static err memory_room(struct blob_store *store, uint64_t *bytes, struct diag *d) {
    struct blob_memory *m = memory_of(store);
    pthread_mutex_lock(&m->lock);
    *bytes = m->capacity - m->used;
    pthread_mutex_unlock(&m->lock);
    return ERR_OK;
}

static void memory_close(struct blob_store *store) {
    if (!store) return;
    struct blob_memory *m = memory_of(store);
    while (m->count) entry_drop(m, &m->entries[m->count - 1]);
    free(m->entries);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static const struct blob_ops memory_ops = {
    .name = "memory",
    .close = memory_close,
    .begin = memory_begin,
    .append = memory_append,
    .read_back = memory_read_back,
    .truncate = memory_truncate,
    .sync = memory_sync,
    .commit = memory_commit,
    .pause = memory_pause,
    .abort = memory_abort,
    .open = memory_open,
    .read = memory_read,
    .descriptor = memory_descriptor,
    .done = memory_done,
    .address = memory_address,
    .remove = memory_remove,
    .discard = memory_discard,
    .list = memory_list,
    .list_staged = memory_list_staged,
    .room = memory_room,
};

err blob_memory_open(uint64_t capacity, struct blob_store **out, struct diag *d) {
    struct blob_memory *m = calloc(1, sizeof *m);
    if (!m) return diag_fail(d, ERR_NO_MEMORY, "no memory for the blob store");
    m->store.ops = &memory_ops;
    m->capacity = capacity;
    pthread_mutex_init(&m->lock, NULL);
    *out = &m->store;
    return ERR_OK;
}
