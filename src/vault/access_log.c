#include "vault/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "crypto/seal.h"
#include "vault/log_internal.h"

#define ORIGIN_KEY_BYTES 8 /* of the key, in the log's name */

/* --- the folder --- */

static err load_key(const char *folder, struct sign_key *out, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    AUTO(blob_clear) struct blob seed = {0};
    if (path_join(path, folder, "log.key")) return diag_fail(d, ERR_LIMIT, "the path %s is too long", folder);
    err e = file_read(path, SIGN_SEED_BYTES, &seed, d);
    if (e == ERR_NOT_FOUND) {
        sign_key_generate(out);
        return file_replace(path, BYTES_OF(out->seed), 0600, d);
    }
    if (e) return e;
    if (seed.len != SIGN_SEED_BYTES)
        return diag_fail(d, ERR_INVALID, "%s is damaged: restore it from a backup", path);
    sign_key_from_seed(seed.data, out);
    return ERR_OK;
}

static err lock_folder(struct access_log *log, const char *folder, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    if (path_join(path, folder, "log.lock") || path_join(log->folder, folder, "log"))
        return diag_fail(d, ERR_LIMIT, "the path %s is too long", folder);
    log->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (log->lock_fd < 0) return diag_fail(d, ERR_IO, "cannot open %s: %m", path);
    if (flock(log->lock_fd, LOCK_EX | LOCK_NB))
        return diag_fail(d, ERR_BUSY, "another vault is at work in %s: stop it first", folder);
    return ERR_OK;
}

/* What readers see is the writer's checkpoint of now; with the lock, by the leader. It needs no memory: what
 * is durable already would else be hidden until the next append, and the opening that it records refused. */
static void take_checkpoint(struct access_log *log) {
    struct bytes text = log_writer_text(log->writer);
    memcpy(log->text.data, text.data, text.len); /* room for the longest was made when the log was opened */
    log->text.len = text.len;
    log->cosignatures.len = 0;
    log->checkpoint = *log_writer_checkpoint(log->writer);
}

err access_log_open(const char *folder, struct access_log **out, struct diag *d) {
    char origin[32 + 2 * ORIGIN_KEY_BYTES] = "cardea-vault/";
    struct access_log *log = calloc(1, sizeof *log);
    if (!log) return diag_fail(d, ERR_NO_MEMORY, "no memory for the access log");
    log->lock_fd = -1;
    log->last = &log->first;
    pthread_mutex_init(&log->lock, NULL);
    pthread_mutex_init(&log->writing, NULL);
    pthread_mutex_init(&log->proving, NULL);
    pthread_mutex_init(&log->witnessing, NULL);
    log->map_until = UINT64_MAX;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&log->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    err e = lock_folder(log, folder, d);
    if (!e) e = load_key(folder, &log->key, d);
    if (!e) {
        hex_encode(BYTES(log->key.public_key, ORIGIN_KEY_BYTES), origin + strlen(origin));
        e = log_writer_open(log->folder, origin, &log->key, &log->writer, d);
    }
    if (!e) e = blob_reserve(&log->text, CHECKPOINT_TEXT_MAX_BYTES);
    if (!e) take_checkpoint(log);
    if (e)
        access_log_close(&log);
    else
        *out = log;
    return e;
}

static void stop_thread(struct access_log *log) {
    struct diag d = {0};
    if (!log->started) return;
    pthread_mutex_lock(&log->lock);
    log->stopping = true;
    pthread_cond_broadcast(&log->changed);
    pthread_mutex_unlock(&log->lock);
    pthread_join(log->thread, NULL);
    if (log_map_fresh(log->vault, &d))
        log_warning("the access log is mapped again at the next start: %s", d.text);
}

void access_log_close(struct access_log **held) {
    struct access_log *log = *held;
    if (!log) return;
    stop_thread(log);
    log_writer_close(log->writer);
    tile_tree_free(log->tree);
    log_witnesses_clear(log);
    log_numbers_clear(&log->numbers);
    sign_key_clear(&log->key);
    fd_close(&log->lock_fd);
    blob_clear(&log->text);
    blob_clear(&log->cosignatures);
    free(log->fresh);
    free(log->stirred);
    pthread_cond_destroy(&log->changed);
    pthread_mutex_destroy(&log->lock);
    pthread_mutex_destroy(&log->writing);
    pthread_mutex_destroy(&log->proving);
    pthread_mutex_destroy(&log->witnessing);
    free(log);
    *held = NULL;
}

const uint8_t *access_log_key(const struct access_log *log) {
    return log->key.public_key;
}

/* --- what works beside --- */

static void wait_changed(struct access_log *log, int64_t us) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + us % 1000000 * 1000;
    until.tv_sec += us / 1000000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_cond_timedwait(&log->changed, &log->lock, &until);
}

/* Rows for the index once a second, and hubs that are due. */
static void *work_beside(void *arg) {
    struct vault *v = arg;
    struct access_log *log = v->log;
    struct diag d = {0};
    int64_t mapped_us = steady_now().us;
    pthread_mutex_lock(&log->lock);
    while (!log->stopping) {
        int64_t since = steady_now().us - mapped_us;
        bool due = log->fresh_count >= LOG_MAP_ROWS || since >= LOG_MAP_US;
        bool stirred = log->stirred_count > 0;
        if (!due && !stirred) {
            wait_changed(log, LOG_MAP_US - since);
            continue;
        }
        bool rows = due && log->fresh_count > 0;
        pthread_mutex_unlock(&log->lock);
        log_witness_due(v);
        if (rows && log_map_fresh(v, &d)) log_warning("the access log's rows wait: %s", d.text);
        if (due) mapped_us = steady_now().us;
        pthread_mutex_lock(&log->lock);
    }
    pthread_mutex_unlock(&log->lock);
    return NULL;
}

err access_log_start(struct vault *v, struct diag *d) {
    struct access_log *log = v->log;
    if (!log || log->started) return ERR_OK;
    log->vault = v;
    err e = log_map_tail(v, d);
    if (e) return e;
    if (pthread_create(&log->thread, NULL, work_beside, v))
        return diag_fail(d, ERR_NO_MEMORY, "no thread for the access log");
    log->started = true;
    return ERR_OK;
}

/* --- appending --- */

static err take_facts(json_t *facts, struct log_entry *entry) {
    const char *name;
    json_t *value;
    json_object_foreach(facts, name, value) {
        if (entry->fact_count == LOG_FACTS_MAX) return ERR_LIMIT;
        struct log_fact *fact = &entry->facts[entry->fact_count++];
        if (strlen(name) >= sizeof fact->name || !json_is_integer(value) || json_integer_value(value) < 0)
            return ERR_INVALID;
        memcpy(fact->name, name, strlen(name) + 1);
        fact->value = (uint64_t)json_integer_value(value);
    }
    return ERR_OK;
}

/* The entry's bytes, now that its number is known. */
static err encode(struct log_pending *p) {
    AUTO(blob_clear) struct blob sealed = {0};
    const struct access_act *act = p->act;
    struct log_entry entry = {.time = wall_now(), .tagged = act->household, .acted = act->actor};
    if (strlen(act->kind) >= sizeof entry.kind) return ERR_INVALID;
    memcpy(entry.kind, act->kind, strlen(act->kind) + 1);
    if (act->actor) memcpy(entry.actor, act->actor, sizeof entry.actor);
    err e = take_facts(act->facts, &entry);
    entry.details = blob_bytes(&p->details);
    if (!e && act->household) {
        log_tag(p->keys.log_key.bytes, p->n, entry.tag);
        e = p->boxed ? box_sealer_seal(&p->box, BYTES_OF(entry.tag), entry.details, &sealed) : ERR_INVALID;
        entry.details = blob_bytes(&sealed);
    }
    p->entry.len = 0;
    return e ? e : log_entry_encode(&entry, &p->entry);
}

/* Numbers and encodes one; on failure the household's number is free again. */
static err prepare(struct vault *v, struct log_pending *p) {
    struct log_number *number = NULL;
    if (p->act->household) {
        err e = log_number_next(v, p->act->household, &number, &p->d);
        if (e) return e;
        p->n = number->next;
    }
    err e = encode(p);
    if (e)
        return diag_fail(&p->d, e, "an entry of the access log (%s) cannot be made: %s", p->act->kind,
                         err_text(e));
    if (number) number->next++;
    return ERR_OK;
}

/* The group was not logged: its numbers are free again. */
static void give_back(struct vault *v, struct log_pending *group) {
    for (struct log_pending *p = group; p; p = p->next) {
        struct log_number *number;
        if (p->result || !p->act->household) continue;
        if (log_number_next(v, p->act->household, &number, NULL) == ERR_OK && number->next > p->n)
            number->next = p->n;
    }
}

/* With the lock: everybody sees the group. */
static err publish(struct access_log *log, struct log_pending *group) {
    err e = ERR_OK;
    take_checkpoint(log);
    for (struct log_pending *p = group; !e && p; p = p->next) {
        if (p->result || !p->act->household) continue;
        e = log_row_add(log, &(struct log_row){*p->act->household, p->n, p->index});
        if (e && p->index < log->map_until) log->map_until = p->index;
        log_stir(log, p->act->household);
    }
    return e;
}

/* The leader's work: the whole group becomes durable by one append. */
static void commit(struct vault *v, struct log_pending *group, size_t count) {
    struct access_log *log = v->log;
    struct bytes *entries = calloc(count, sizeof *entries);
    struct diag d = {0};
    uint64_t first = 0;
    size_t n = 0;
    err e = entries ? ERR_OK : diag_fail(&d, ERR_NO_MEMORY, "no memory for the access log");
    for (struct log_pending *p = group; !e && p; p = p->next) {
        p->result = prepare(v, p);
        if (!p->result) entries[n++] = blob_bytes(&p->entry);
    }
    pthread_mutex_lock(&log->writing);
    if (!e && n) e = log_writer_append(log->writer, entries, n, &first, &d);
    pthread_mutex_unlock(&log->writing);
    free(entries);
    atomic_fetch_add(&log->groups, 1);
    if (e && n) give_back(v, group); /* without memory for `entries` none was numbered */
    for (struct log_pending *p = group; p; p = p->next) {
        if (p->result) continue;
        p->result = e;
        p->index = first;
        if (e)
            p->d = d;
        else
            first++;
    }
    pthread_mutex_lock(&log->lock);
    if (!e && n && publish(log, group))
        log_warning("no memory for the access log's rows: they are mapped at the next start");
    for (struct log_pending *p = group, *next; p; p = next) {
        next = p->next;
        p->done = true; /* from here on it is its thread's again */
    }
    pthread_cond_broadcast(&log->changed);
    pthread_mutex_unlock(&log->lock);
}

/* With the lock. */
static struct log_pending *take_group(struct access_log *log, size_t *count) {
    struct log_pending *group = log->first, **end = &log->first;
    for (*count = 0; *end && *count < LOG_GROUP_MAX; (*count)++) end = &(*end)->next;
    log->first = *end;
    if (!log->first) log->last = &log->first;
    *end = NULL;
    return group;
}

/* Waits until it is done; whoever finds nobody at work leads: it takes all that wait, itself among them or
 * not, and while it syncs the next group gathers. */
static void join_group(struct vault *v, struct log_pending *p) {
    struct access_log *log = v->log;
    pthread_mutex_lock(&log->lock);
    *log->last = p;
    log->last = &p->next;
    while (!p->done) {
        if (log->leading) {
            pthread_cond_wait(&log->changed, &log->lock);
            continue;
        }
        size_t count;
        struct log_pending *group = take_group(log, &count);
        log->leading = true;
        pthread_mutex_unlock(&log->lock);
        commit(v, group, count);
        pthread_mutex_lock(&log->lock);
        log->leading = false;
        pthread_cond_broadcast(&log->changed);
    }
    pthread_mutex_unlock(&log->lock);
}

static err take_details(const struct access_act *act, struct blob *out) {
    if (!act->details) return blob_append(out, bytes_text("{}"));
    char *text = json_dumps(act->details, JSON_COMPACT);
    err e = text ? blob_append(out, bytes_text(text)) : ERR_NO_MEMORY;
    free(text);
    return e;
}

err access_log_append(struct vault *v, const struct access_act *act, uint64_t *index, struct blob *entry,
                      struct diag *d) {
    if (!v->log)
        return diag_fail(d, ERR_UNSUPPORTED, "this vault keeps no access log: its stores are in memory");
    struct log_pending p = {.act = act};
    err e = take_details(act, &p.details);
    if (!e && act->household) e = v->index->ops->household_keys_get(v->index, act->household, &p.keys, d);
    if (!e && act->household) {
        e = box_sealer_init(&p.box, p.keys.box.bytes, LOG_BOX_INFO);
        p.boxed = e == ERR_OK;
        if (e) e = diag_fail(d, e, "the household's box key is none");
    }
    if (!e) {
        join_group(v, &p);
        e = p.result;
        if (e && d) *d = p.d;
    }
    if (!e && index) *index = p.index;
    if (!e && entry) {
        blob_clear(entry);
        *entry = p.entry;
        p.entry = (struct blob){0};
    }
    blob_clear(&p.entry);
    blob_clear(&p.details);
    wipe(&p.keys, sizeof p.keys);
    wipe(&p.box, sizeof p.box);
    return e;
}

err log_admin_act(struct vault *v, const char *what, struct diag *d) {
    AUTO(json_release) json_t *details = json_pack("{s:s,s:s}", "act", what, "version", CARDEA_VERSION);
    if (!details) return diag_fail(d, ERR_NO_MEMORY, "no memory for an entry of the access log");
    const struct access_act act = {.kind = "admin.act", .details = details};
    return access_log_append(v, &act, NULL, NULL, d);
}

/* --- reading --- */

err log_fetch_file(void *context, const char *path, size_t limit, struct blob *out, struct diag *d) {
    const struct access_log *log = context;
    char full[PATH_TEXT_BYTES];
    if (path_join(full, log->folder, path)) return diag_fail(d, ERR_LIMIT, "the log's path is too long");
    return file_read(full, limit, out, d);
}

err log_read_entry(struct access_log *log, uint64_t index, uint64_t size, struct blob *bundle,
                   uint64_t *bundle_index, struct bytes *out, struct diag *d) {
    uint64_t number = index / TILE_WIDTH;
    if (index >= size) return diag_fail(d, ERR_NOT_FOUND, "the log has no such entry");
    if (number != *bundle_index) {
        uint64_t left = size - number * TILE_WIDTH;
        err e = tile_fetch_bundle(log_fetch_file, log, number,
                                  left < TILE_WIDTH ? (unsigned)left : TILE_WIDTH, bundle, d);
        if (e) return e;
        *bundle_index = number;
    }
    struct bytes rest = blob_bytes(bundle);
    for (uint64_t i = number * TILE_WIDTH; i <= index; i++)
        if (tile_next_entry(&rest, out)) return diag_fail(d, ERR_IO, "the log's entries are damaged");
    return ERR_OK;
}

err log_read_next(struct access_log *log, uint64_t index, uint64_t size, struct blob *bundle,
                  uint64_t *bundle_index, struct bytes *entry, struct diag *d) {
    bool follows = entry->data && index % TILE_WIDTH && index / TILE_WIDTH == *bundle_index && index < size;
    if (!follows) return log_read_entry(log, index, size, bundle, bundle_index, entry, d);
    const uint8_t *at = entry->data + entry->len;
    struct bytes rest = BYTES(at, (size_t)(bundle->data + bundle->len - at));
    if (tile_next_entry(&rest, entry)) return diag_fail(d, ERR_IO, "the log's entries are damaged");
    return ERR_OK;
}

/* The checkpoint is served from memory: with the cosignatures that have come since. */
static void serve_checkpoint(struct access_log *log, struct http_reply *r) {
    AUTO(blob_clear) struct blob text = {0};
    pthread_mutex_lock(&log->lock);
    err e = blob_append(&text, blob_bytes(&log->text));
    if (!e) e = blob_append(&text, blob_bytes(&log->cosignatures));
    pthread_mutex_unlock(&log->lock);
    http_reply_header(r, "Cache-Control", "no-cache");
    if (e)
        reply_err(r, e, NULL);
    else
        reply_text(r, 200, "text/plain; charset=utf-8", &text);
}

void access_log_serve(struct access_log *log, const char *path, struct http_reply *r) {
    char full[2 * PATH_TEXT_BYTES];
    struct stat info;
    if (log && strcmp(path, "checkpoint") == 0) {
        serve_checkpoint(log, r);
        return;
    }
    bool sound = log && strncmp(path, "tile/", 5) == 0 &&
                 strspn(path, "abcdefghijklmnopqrstuvwxyz0123456789./") == strlen(path) &&
                 !strstr(path, "..");
    int n = sound ? snprintf(full, sizeof full, "%s/%s", log->folder, path) : -1;
    int fd = n > 0 && n < (int)sizeof full ? open(full, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (fd >= 0 && (fstat(fd, &info) || !S_ISREG(info.st_mode))) fd_close(&fd);
    if (fd < 0) {
        reply_error(r, 404, "not_found", "the log has no such file");
        return;
    }
    http_reply_header(r, "Cache-Control", "public, max-age=31536000, immutable");
    r->status = 200;
    r->type = "application/octet-stream";
    r->fd = fd;
    r->fd_bytes = (uint64_t)info.st_size;
}
