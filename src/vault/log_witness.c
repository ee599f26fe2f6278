/* Checkpoints to the hubs that witness the log, their cosignatures, and proofs (docs/trust.md, "Witnesses").
 *
 * A hub that has told nothing yet is asked from size 0, without a proof; one that knows more answers with its
 * size, and is asked again from there. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "format/certificate.h"
#include "format/envelope.h"
#include "tlog/cosignature.h"
#include "vault/log_internal.h"
#include "vault/stream.h"

#define PUBLIC_COSIGNATURES_MAX_BYTES 12000u /* in the checkpoint that everybody gets */
#define HUB_KEY_BYTES (4 + 2 * STORE_ID_BYTES + 1)

void log_stir(struct access_log *log, const struct store_id *household) {
    for (size_t i = 0; i < log->stirred_count; i++)
        if (store_id_equal(&log->stirred[i], household)) return;
    if (log->stirred_count == log->stirred_room) {
        size_t room = log->stirred_room ? 2 * log->stirred_room : 64;
        struct store_id *larger = realloc(log->stirred, room * sizeof *larger);
        if (!larger) return; /* its hubs see the log within the minute */
        log->stirred = larger;
        log->stirred_room = room;
    }
    log->stirred[log->stirred_count++] = *household;
}

/* Where a household's hubs hang; ids are random. */
static struct log_witness **bucket_of(struct access_log *log, const struct store_id *household) {
    return &log->witnesses[be16_get(household->bytes) % LOG_WITNESS_BUCKETS];
}

/* With the lock. NULL: out of memory. */
static struct log_witness *witness_of(struct access_log *log, const struct store_id *household,
                                      const struct store_id *hub, bool make) {
    struct log_witness **bucket = bucket_of(log, household);
    for (struct log_witness *w = *bucket; w; w = w->next)
        if (store_id_equal(&w->hub, hub) && store_id_equal(&w->household, household)) return w;
    struct log_witness *w = make ? calloc(1, sizeof *w) : NULL;
    if (!w) return NULL;
    w->household = *household;
    w->hub = *hub;
    w->next = *bucket;
    *bucket = w;
    return w;
}

void log_witnesses_clear(struct access_log *log) {
    for (size_t i = 0; i < LOG_WITNESS_BUCKETS; i++)
        for (struct log_witness *w = log->witnesses[i], *next; w; w = next) {
            next = w->next;
            blob_clear(&w->asked_text);
            blob_clear(&w->text);
            blob_clear(&w->line);
            free(w);
        }
}

/* --- the tree --- */

err log_tree(struct access_log *log, uint64_t size, struct tile_tree **out, struct diag *d) {
    pthread_mutex_lock(&log->proving);
    if (!log->tree || log->tree_size < size) {
        struct checkpoint c;
        struct tile_tree *tree = NULL;
        pthread_mutex_lock(&log->lock);
        c = log->checkpoint;
        pthread_mutex_unlock(&log->lock);
        err e = c.size < size
                    ? diag_fail(d, ERR_NOT_FOUND, "the log has %llu entries", (unsigned long long)c.size)
                    : tile_tree_open(log_fetch_file, log, c.size, c.root, &tree, d);
        if (e) {
            pthread_mutex_unlock(&log->proving);
            return e;
        }
        tile_tree_free(log->tree);
        log->tree = tree;
        log->tree_size = c.size;
    }
    *out = log->tree;
    return ERR_OK;
}

void log_tree_done(struct access_log *log) {
    pthread_mutex_unlock(&log->proving);
}

json_t *log_proof_json(const uint8_t (*proof)[HASH_BYTES], size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        if (json_array_append_new(list, json_base64(BYTES(proof[i], HASH_BYTES)))) {
            json_decref(list); /* a reader would take half a proof for a forged one */
            return NULL;
        }
    return list;
}

static json_t *consistency_json(struct access_log *log, uint64_t old, uint64_t size) {
    uint8_t proof[TLOG_PROOF_MAX + 1][HASH_BYTES];
    size_t count = 0;
    struct tile_tree *tree;
    struct diag d;
    if (old == 0 || old >= size) return json_array();
    if (log_tree(log, size, &tree, &d)) return NULL;
    err e = tile_tree_prove_consistency(tree, old, size, proof, &count, &d);
    log_tree_done(log);
    return e ? NULL : log_proof_json((const uint8_t(*)[HASH_BYTES])proof, count);
}

/* The last entry and its proof: by its time a hub sees whether the log's time goes back. NULL: it cannot be
 * had. */
static json_t *last_json(struct access_log *log, uint64_t size) {
    uint8_t proof[TLOG_PROOF_MAX][HASH_BYTES];
    uint64_t bundle_index = UINT64_MAX;
    size_t count = 0;
    struct tile_tree *tree;
    struct bytes entry;
    AUTO(blob_clear) struct blob bundle = {0};
    struct diag d;
    if (size == 0 || log_tree(log, size, &tree, &d)) return NULL;
    err e = tile_tree_prove_inclusion(tree, size - 1, size, proof, &count, &d);
    log_tree_done(log);
    if (!e) e = log_read_entry(log, size - 1, size, &bundle, &bundle_index, &entry, &d);
    if (e) return NULL;
    return json_pack("{s:o,s:o}", "entry", json_base64(entry), "proof",
                     log_proof_json((const uint8_t(*)[HASH_BYTES])proof, count));
}

/* --- asking --- */

struct due_hub {
    struct store_id household, hub;
};
struct due {
    struct access_log *log;
    bool all;
    struct store_id *stirred;
    size_t stirred_count;
    struct due_hub *hubs;
    size_t count, room;
    json_t *last; /* of last_size: most hubs are shown the same checkpoint */
    uint64_t last_size;
};

static bool is_stirred(const struct due *due, const struct store_id *household) {
    for (size_t i = 0; i < due->stirred_count; i++)
        if (store_id_equal(&due->stirred[i], household)) return true;
    return false;
}

static void take_hub(void *arg, const struct store_id *household, const struct store_id *hub) {
    struct due *due = arg;
    if (!due->all && !is_stirred(due, household)) return;
    if (due->count == due->room) {
        size_t room = due->room ? 2 * due->room : 16;
        struct due_hub *larger = realloc(due->hubs, room * sizeof *larger);
        if (!larger) return;
        due->hubs = larger;
        due->room = room;
    }
    due->hubs[due->count++] = (struct due_hub){*household, *hub};
}

/* Whether to ask, and what: *old, and a copy of the checkpoint; with the lock. */
static bool note_asked(struct access_log *log, const struct due *due, const struct due_hub *hub,
                       uint64_t *old, struct blob *text, struct checkpoint *c) {
    struct log_witness *w = witness_of(log, &hub->household, &hub->hub, true);
    struct steady_us now = steady_now();
    if (!w || log->checkpoint.size == 0) return false;
    bool grew = log->checkpoint.size > w->cosigned;
    bool late = !w->asked_at.us || now.us - w->asked_at.us >= LOG_WITNESS_US;
    if (!(grew && (late || is_stirred(due, &hub->household)))) return false;
    if (blob_append(text, blob_bytes(&log->text))) return false;
    w->asked_text.len = 0;
    if (blob_append(&w->asked_text, blob_bytes(&log->text))) return false;
    w->asked = log->checkpoint.size;
    w->asked_at = now;
    *old = w->knows;
    *c = log->checkpoint;
    return true;
}

static void ask(struct vault *v, struct due *due, const struct due_hub *hub) {
    struct access_log *log = v->log;
    AUTO(blob_clear) struct blob text = {0};
    char channel[CHANNEL_BYTES];
    uint64_t old;
    struct checkpoint c;
    pthread_mutex_lock(&log->lock);
    bool wanted = note_asked(log, due, hub, &old, &text, &c);
    pthread_mutex_unlock(&log->lock);
    if (!wanted) return;
    channel_hub(&hub->household, &hub->hub, channel);
    if (due->last_size != c.size) {
        json_decref(due->last);
        due->last = last_json(log, c.size);
        due->last_size = c.size;
    }
    publish_json(v, channel, STREAM_WITNESS,
                 json_pack("{s:I,s:o,s:o,s:o,s:O*}", "old", (json_int_t)old, "log",
                           json_base64(BYTES(log->key.public_key, SIGN_PUBLIC_BYTES)), "checkpoint",
                           json_stringn((const char *)text.data, text.len), "proof",
                           consistency_json(log, old, c.size), "last", due->last));
}

void log_witness_due(struct vault *v) {
    struct access_log *log = v->log;
    struct due due = {.log = log};
    pthread_mutex_lock(&log->witnessing);
    pthread_mutex_lock(&log->lock);
    int64_t now = steady_now().us;
    due.all = now - log->witnessed_at.us >= LOG_WITNESS_PASS_US;
    if (due.all) log->witnessed_at.us = now;
    due.stirred = log->stirred;
    due.stirred_count = log->stirred_count;
    log->stirred = NULL;
    log->stirred_count = log->stirred_room = 0;
    pthread_mutex_unlock(&log->lock);
    if (due.all || due.stirred_count) hubs_each(v, take_hub, &due);
    for (size_t i = 0; i < due.count; i++) ask(v, &due, &due.hubs[i]);
    pthread_mutex_unlock(&log->witnessing);
    free(due.stirred);
    free(due.hubs);
    json_decref(due.last);
}

/* --- cosignatures --- */

/* The hub's key: that of its certificate, which the hub's id binds. */
static err hub_key(struct vault *v, const struct store_id *household, const struct store_id *hub,
                   uint8_t out[SIGN_PUBLIC_BYTES], struct diag *d) {
    char key[HUB_KEY_BYTES] = "hub/";
    AUTO(blob_clear) struct blob raw = {0};
    struct envelope envelope;
    struct hub_certificate c;
    uint64_t version;
    hex_encode(BYTES_OF(hub->bytes), key + 4);
    err e = v->index->ops->object_get(v->index, household, key, &version, &raw, d);
    if (!e) e = envelope_verify(blob_bytes(&raw), "cardea/1 object", &envelope, d);
    if (!e) e = hub_certificate_verify(blob_bytes(&raw), envelope.signer, &c, d);
    if (!e && memcmp(c.hub, hub->bytes, STORE_ID_BYTES) != 0)
        e = diag_fail(d, ERR_FORGED, "the hub's certificate is another's");
    if (!e) memcpy(out, c.sign, SIGN_PUBLIC_BYTES);
    return e;
}

static err check_line(const struct blob *asked, const char *line, const uint8_t key[SIGN_PUBLIC_BYTES],
                      struct blob *out, struct diag *d) {
    AUTO(blob_clear) struct blob text = {0};
    char name[COSIGNER_NAME_BYTES];
    size_t len = strlen(line);
    if (len == 0 || len > COSIGNATURE_LINE_MAX_BYTES || memchr(line, '\n', len))
        return diag_fail(d, ERR_INVALID, "\"cosignature\" must be one line");
    cosigner_name(key, name);
    err e = blob_append(out, BYTES(line, len));
    if (!e) e = blob_append_u8(out, '\n');
    if (!e) e = blob_append(&text, blob_bytes(asked));
    if (!e) e = blob_append(&text, blob_bytes(out));
    return e ? e : cosignature_verify(blob_bytes(&text), name, key, NULL, d);
}

/* With the lock: the hub has signed what it was asked. *current: it is the log's newest checkpoint. */
static err take_line(struct access_log *log, struct log_witness *w, struct blob *asked, struct blob *line,
                     uint64_t size, bool *current) {
    *current = size == log->checkpoint.size &&
               log->cosignatures.len + line->len <= PUBLIC_COSIGNATURES_MAX_BYTES && w->cosigned != size;
    if (*current && blob_append(&log->cosignatures, blob_bytes(line))) return ERR_NO_MEMORY;
    blob_clear(&w->text);
    blob_clear(&w->line);
    w->text = *asked;
    w->line = *line;
    *asked = *line = (struct blob){0};
    w->cosigned = w->knows = size;
    return ERR_OK;
}

/* What readers of the folder see; a later checkpoint needs no more. */
static void store_lines(struct access_log *log, uint64_t size) {
    AUTO(blob_clear) struct blob lines = {0};
    struct diag d = {0};
    pthread_mutex_lock(&log->writing);
    pthread_mutex_lock(&log->lock);
    err e = log->checkpoint.size == size ? blob_append(&lines, blob_bytes(&log->cosignatures)) : ERR_CONFLICT;
    pthread_mutex_unlock(&log->lock);
    if (!e && log_writer_checkpoint(log->writer)->size == size)
        e = log_writer_cosign(log->writer, blob_bytes(&lines), &d);
    pthread_mutex_unlock(&log->writing);
    if (e && e != ERR_CONFLICT) log_warning("the log's cosignatures are not in its folder: %s", d.text);
}

/* The hub says what it knows: it is asked again, from there. */
static err take_size(struct access_log *log, struct log_witness *w, uint64_t size, struct diag *d) {
    if (size == w->knows || size > log->checkpoint.size)
        return diag_fail(d, ERR_CONFLICT, "the log had no %llu entries to prove from",
                         (unsigned long long)size);
    w->knows = size;
    w->cosigned = 0;
    log_stir(log, &w->household);
    pthread_cond_broadcast(&log->changed);
    return ERR_OK;
}

err log_cosign(struct vault *v, const struct store_id *household, const struct store_id *hub, uint64_t size,
               const char *line, struct diag *d) {
    struct access_log *log = v->log;
    AUTO(blob_clear) struct blob asked = {0};
    AUTO(blob_clear) struct blob checked = {0};
    uint8_t key[SIGN_PUBLIC_BYTES];
    if (!log) return diag_fail(d, ERR_NOT_FOUND, "this vault keeps no access log");
    pthread_mutex_lock(&log->lock);
    struct log_witness *w = witness_of(log, household, hub, false);
    err e = ERR_OK;
    if (w && !line)
        e = take_size(log, w, size, d);
    else if (!w || size != w->asked)
        e = diag_fail(d, ERR_CONFLICT,
                      "this hub was not asked about that checkpoint, or about a later one since");
    else
        e = blob_append(&asked, blob_bytes(&w->asked_text));
    pthread_mutex_unlock(&log->lock);
    if (e || !line) return e;
    e = hub_key(v, household, hub, key, d);
    if (!e) e = check_line(&asked, line, key, &checked, d);
    if (e) return e;
    bool current = false;
    pthread_mutex_lock(&log->lock);
    if (size > w->cosigned) e = take_line(log, w, &asked, &checked, size, &current);
    pthread_mutex_unlock(&log->lock);
    if (current) store_lines(log, size);
    char channel[CHANNEL_BYTES];
    channel_cosigned(household, channel);
    publish_json(v, channel, STREAM_WAKE, json_object()); /* openings wait for it */
    return e;
}

/* --- proofs --- */

/* The household's newest cosigned checkpoint that has the entry; with the lock. */
static const struct log_witness *cosigned_one(struct access_log *log, const struct store_id *household,
                                              uint64_t index) {
    const struct log_witness *best = NULL;
    for (const struct log_witness *w = *bucket_of(log, household); w; w = w->next)
        if (store_id_equal(&w->household, household) && w->cosigned > index &&
            (!best || w->cosigned > best->cosigned))
            best = w;
    return best;
}

static err take_text(struct access_log *log, const struct log_witness *best, struct blob *out,
                     uint64_t *size) {
    *size = best ? best->cosigned : log->checkpoint.size;
    err e = blob_append(out, best ? blob_bytes(&best->text) : blob_bytes(&log->text));
    if (!best) return e ? e : blob_append(out, blob_bytes(&log->cosignatures));
    for (const struct log_witness *w = *bucket_of(log, &best->household); !e && w; w = w->next)
        if (w->cosigned == *size && store_id_equal(&w->household, &best->household))
            e = blob_append(out, blob_bytes(&w->line));
    return e;
}

err access_log_prove(struct vault *v, uint64_t index, const struct store_id *household, bool ask,
                     struct blob *checkpoint, uint8_t (*proof)[HASH_BYTES], size_t *count, bool *cosigned,
                     struct diag *d) {
    struct access_log *log = v->log;
    struct tile_tree *tree;
    uint64_t size = 0;
    if (!log)
        return diag_fail(d, ERR_UNSUPPORTED, "this vault keeps no access log: its stores are in memory");
    checkpoint->len = 0;
    pthread_mutex_lock(&log->lock);
    if (index >= log->checkpoint.size) {
        pthread_mutex_unlock(&log->lock);
        return diag_fail(d, ERR_NOT_FOUND, "the log has no such entry");
    }
    const struct log_witness *best = household ? cosigned_one(log, household, index) : NULL;
    if (household && !best && ask) {
        log_stir(log, household);
        pthread_mutex_unlock(&log->lock);
        log_witness_due(v);
        pthread_mutex_lock(&log->lock);
        best = cosigned_one(log, household, index);
    }
    err e = take_text(log, best, checkpoint, &size);
    pthread_mutex_unlock(&log->lock);
    if (cosigned) *cosigned = best != NULL;
    if (!e) e = log_tree(log, size, &tree, d);
    if (e) return e;
    e = tile_tree_prove_inclusion(tree, index, size, proof, count, d);
    log_tree_done(log);
    return e;
}
