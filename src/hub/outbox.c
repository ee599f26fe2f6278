#include "hub/outbox.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"

#define NAME_CHARS 16
#define KEY_CHARS 129

struct waiting {
    uint64_t number;
    bool event;
    char key[KEY_CHARS]; /* of an object that replaces; else empty */
    char camera[33];     /* hex, or empty */
};

struct outbox {
    char folder[PATH_TEXT_BYTES - 64];
    struct disk_thread *disk;
    pthread_mutex_t lock;
    struct waiting *list; /* ascending */
    size_t count, cap;
    uint64_t next;
    outbox_changed_fn *changed;
    void *context;
};

static void entry_path(const struct outbox *o, uint64_t number, char out[PATH_TEXT_BYTES]) {
    snprintf(out, PATH_TEXT_BYTES, "%s/%016llx", o->folder, (unsigned long long)number);
}

static void describe(json_t *head, struct waiting *w) {
    const char *kind = json_string_value(json_object_get(head, "kind"));
    const char *key = json_string_value(json_object_get(head, "key"));
    const char *camera = json_string_value(json_object_get(head, "camera"));
    if (camera)
        snprintf(w->camera, sizeof w->camera, "%.32s", camera);
    else if (key && strncmp(key, "camera/", 7) == 0)
        snprintf(w->camera, sizeof w->camera, "%.32s", key + 7);
    w->event = kind && strcmp(kind, "event") == 0;
    if (kind && strcmp(kind, "object") == 0 && key && !json_is_true(json_object_get(head, "create")))
        snprintf(w->key, sizeof w->key, "%s", key);
    else if (kind && strcmp(kind, "retention") == 0)
        snprintf(w->key, sizeof w->key, "retention/%s", w->camera);
}

/* --- The list, under the lock
 * ------------------------------------------------------------------------------------- */

static void drop_at(struct outbox *o, size_t i) {
    char path[PATH_TEXT_BYTES];
    entry_path(o, o->list[i].number, path);
    unlink(path);
    memmove(&o->list[i], &o->list[i + 1], (o->count - i - 1) * sizeof *o->list);
    o->count--;
}

static err insert(struct outbox *o, const struct waiting *w) {
    if (o->count == o->cap) {
        size_t cap = o->cap ? o->cap * 2 : 16;
        struct waiting *more = realloc(o->list, cap * sizeof *more);
        if (!more) return ERR_NO_MEMORY;
        o->list = more;
        o->cap = cap;
    }
    size_t i = o->count;
    while (i && o->list[i - 1].number > w->number) i--;
    memmove(&o->list[i + 1], &o->list[i], (o->count - i) * sizeof *o->list);
    o->list[i] = *w;
    o->count++;
    return ERR_OK;
}

static void drop_replaced(struct outbox *o, const struct waiting *w) {
    for (size_t i = 0; w->key[0] && i < o->count; i++)
        if (o->list[i].number < w->number && strcmp(o->list[i].key, w->key) == 0) drop_at(o, i--);
    for (size_t i = 0; o->count > OUTBOX_MAX && i < o->count; i++) {
        if (!o->list[i].event) continue;
        log_warning("too much waits for the vault: the oldest event is dropped");
        drop_at(o, i);
        break;
    }
}

/* --- Files
 * -------------------------------------------------------------------------------------------------------- */

static err read_entry(const struct outbox *o, uint64_t number, struct outbox_entry *out) {
    char path[PATH_TEXT_BYTES];
    AUTO(blob_clear) struct blob raw = {0};
    entry_path(o, number, path);
    err e = file_read(path, OUTBOX_PAYLOAD_MAX_BYTES + 1024, &raw, NULL);
    if (e) return e;
    const uint8_t *eol = memchr(raw.data, '\n', raw.len);
    if (!eol) return ERR_INVALID;
    size_t head_len = (size_t)(eol - raw.data);
    json_t *head = NULL;
    e = json_parse(BYTES(raw.data, head_len), &head, NULL);
    if (e) return e;
    e = blob_append(&out->payload, BYTES(eol + 1, raw.len - head_len - 1));
    if (e) {
        json_decref(head);
        return e;
    }
    out->number = number;
    out->head = head;
    return ERR_OK;
}

void outbox_entry_clear(struct outbox_entry *e) {
    json_release(&e->head);
    blob_clear(&e->payload);
}

static err load_one(struct outbox *o, const char *name) {
    uint8_t raw[NAME_CHARS / 2];
    char path[PATH_TEXT_BYTES];
    if (strlen(name) != NAME_CHARS || hex_decode(name, (struct buffer){raw, sizeof raw})) {
        if (!path_join(path, o->folder, name)) unlink(path); /* an unfinished one */
        return ERR_OK;
    }
    struct waiting w = {.number = be64_get(raw)};
    AUTO(outbox_entry_clear) struct outbox_entry entry = {0};
    if (w.number >= o->next) o->next = w.number + 1;
    err e = read_entry(o, w.number, &entry);
    if (e == ERR_NO_MEMORY) return e;
    if (e) {
        log_warning("something that waited for the vault is not readable, and is dropped");
        entry_path(o, w.number, path);
        unlink(path);
        return ERR_OK;
    }
    describe(entry.head, &w);
    return insert(o, &w);
}

err outbox_open(const char *folder, struct disk_thread *disk, struct outbox **out, struct diag *d) {
    if (strlen(folder) >= sizeof(*out)->folder) return diag_fail(d, ERR_LIMIT, "the path is too long");
    err e = folder_make(folder, d);
    if (e) return e;
    struct outbox *o = calloc(1, sizeof *o);
    if (!o) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    memcpy(o->folder, folder, strlen(folder) + 1);
    pthread_mutex_init(&o->lock, NULL);
    DIR *names = opendir(folder);
    if (!names) e = diag_fail(d, ERR_IO, "cannot read %s: %s", folder, strerror(errno));
    for (struct dirent *entry; !e && (entry = readdir(names));)
        if (entry->d_name[0] != '.') e = load_one(o, entry->d_name);
    if (names) closedir(names);
    o->disk = disk;
    if (e) {
        outbox_close(o);
        return e;
    }
    *out = o;
    return ERR_OK;
}

void outbox_close(struct outbox *o) {
    if (!o) return;
    if (o->disk) disk_thread_drain(o->disk);
    pthread_mutex_destroy(&o->lock);
    free(o->list);
    free(o);
}

void outbox_on_change(struct outbox *o, outbox_changed_fn *fn, void *context) {
    pthread_mutex_lock(&o->lock);
    o->changed = fn;
    o->context = context;
    pthread_mutex_unlock(&o->lock);
}

err outbox_add(struct outbox *o, json_t *head, struct bytes payload, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    struct waiting w = {0};
    AUTO(blob_clear) struct blob file = {0};
    char *text = json_dumps(head, JSON_COMPACT);
    err e = text ? blob_append(&file, bytes_text(text)) : ERR_NO_MEMORY;
    free(text);
    if (!e) e = blob_append(&file, BYTES("\n", 1));
    if (!e) e = blob_append(&file, payload);
    if (e) return diag_fail(d, e, "out of memory");
    describe(head, &w);
    pthread_mutex_lock(&o->lock);
    w.number = o->next++;
    pthread_mutex_unlock(&o->lock);
    entry_path(o, w.number, path);
    e = file_replace(path, blob_bytes(&file), 0600, d);
    if (e) return e;
    pthread_mutex_lock(&o->lock);
    e = insert(o, &w);
    if (!e) drop_replaced(o, &w);
    outbox_changed_fn *changed = o->changed;
    void *context = o->context;
    pthread_mutex_unlock(&o->lock);
    if (!e && changed) changed(context);
    return e;
}

struct later {
    struct outbox *o;
    json_t *head;
    struct blob payload;
};

static void add_now(void *context) {
    struct later *l = context;
    struct diag d = {{0}};
    err e = outbox_add(l->o, l->head, blob_bytes(&l->payload), &d);
    if (e) log_warning("an event was lost: %s", d.text[0] ? d.text : err_text(e));
    json_decref(l->head);
    blob_clear(&l->payload);
    free(l);
}

void outbox_add_later(struct outbox *o, json_t *head, struct bytes payload) {
    struct later *l = head ? calloc(1, sizeof *l) : NULL;
    if (!l || blob_append(&l->payload, payload)) {
        free(l);
        json_decref(head);
        log_warning("an event was lost: out of memory");
        return;
    }
    l->o = o;
    l->head = head;
    disk_thread_do(o->disk, add_now, l);
}

err outbox_peek(struct outbox *o, struct outbox_entry *out) {
    for (;;) {
        pthread_mutex_lock(&o->lock);
        bool any = o->count > 0;
        uint64_t number = any ? o->list[0].number : 0;
        pthread_mutex_unlock(&o->lock);
        if (!any) return ERR_NOT_FOUND;
        err e = read_entry(o, number, out);
        if (e != ERR_INVALID && e != ERR_NOT_FOUND) return e;
        outbox_remove(o, number); /* replaced meanwhile, or damaged */
    }
}

void outbox_remove(struct outbox *o, uint64_t number) {
    pthread_mutex_lock(&o->lock);
    for (size_t i = 0; i < o->count; i++) {
        if (o->list[i].number != number) continue;
        drop_at(o, i);
        break;
    }
    pthread_mutex_unlock(&o->lock);
}

void outbox_forget(struct outbox *o, const char *camera_hex) {
    disk_thread_drain(o->disk); /* what is about to be added is there then */
    pthread_mutex_lock(&o->lock);
    for (size_t i = 0; i < o->count; i++)
        if (strcmp(o->list[i].camera, camera_hex) == 0) drop_at(o, i--);
    pthread_mutex_unlock(&o->lock);
}

size_t outbox_count(struct outbox *o) {
    pthread_mutex_lock(&o->lock);
    size_t count = o->count;
    pthread_mutex_unlock(&o->lock);
    return count;
}
