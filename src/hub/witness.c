#include "hub/witness.h"

#include <dirent.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "tlog/checkpoint.h"
#include "tlog/cosignature.h"
#include "tlog/log_clock.h"
#include "tlog/log_entry.h"

#define MAGIC "CRDW"
#define OLD_HEAD_BYTES (4 + 1 + SIGN_PUBLIC_BYTES + 8)
#define HEAD_BYTES (OLD_HEAD_BYTES + 8)
#define PAIR_BYTES 8 /* of a hash, in the names of evidence */

struct witness {
    pthread_mutex_t lock;
    char path[PATH_TEXT_BYTES], evidence[PATH_TEXT_BYTES];
    struct sign_key key;
    bool known; /* the rest is set */
    uint8_t log_key[SIGN_PUBLIC_BYTES];
    uint64_t time_s;
    struct blob text;
    struct checkpoint checkpoint;
    struct log_clock clock; /* of last entries; zero: none came yet */
    unsigned unproven;
};

/* --- what is remembered --- */

static err read_state(struct witness *w, struct bytes raw, struct diag *d) {
    bool sound = raw.len > HEAD_BYTES && memcmp(raw.data, MAGIC, 4) == 0;
    if (!sound || (raw.data[4] != 1 && raw.data[4] != 2))
        return diag_fail(d, ERR_INVALID, "%s is damaged", w->path);
    size_t head = raw.data[4] == 1 ? OLD_HEAD_BYTES : HEAD_BYTES;
    if (raw.data[4] == 2) w->clock.latest.us = (int64_t)(be64_get(raw.data + OLD_HEAD_BYTES) & INT64_MAX);
    memcpy(w->log_key, raw.data + 5, sizeof w->log_key);
    w->time_s = be64_get(raw.data + 5 + sizeof w->log_key);
    struct bytes text = BYTES(raw.data + head, raw.len - head);
    err e = checkpoint_verify(text, NULL, w->log_key, &w->checkpoint, d);
    if (!e) e = blob_append(&w->text, text);
    w->known = e == ERR_OK;
    return e;
}

err witness_open(const char *folder, const struct sign_key *key, struct witness **out, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    struct witness *w = calloc(1, sizeof *w);
    if (!w) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    pthread_mutex_init(&w->lock, NULL);
    w->key = *key;
    err e = path_join(w->path, folder, "witness");
    if (!e) e = path_join(w->evidence, folder, "evidence");
    if (e) e = diag_fail(d, e, "the path %s is too long", folder);
    if (!e) e = file_read(w->path, HEAD_BYTES + CHECKPOINT_TEXT_MAX_BYTES, &raw, d);
    if (e == ERR_NOT_FOUND)
        e = ERR_OK;
    else if (!e && read_state(w, blob_bytes(&raw), d))
        e = diag_fail(
            d, ERR_INVALID,
            "%s is damaged: what the hub saw of the vault's log is lost. Remove the file to begin anew, "
            "and run `cardea log verify` on a device that has looked before",
            w->path);
    if (e)
        witness_free(w);
    else
        *out = w;
    return e;
}

void witness_free(struct witness *w) {
    if (!w) return;
    sign_key_clear(&w->key);
    blob_clear(&w->text);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

void witness_answer_clear(struct witness_answer *a) {
    blob_clear(&a->body);
}

/* Durable before anything is signed. */
static err remember(struct witness *w, const uint8_t log_key[SIGN_PUBLIC_BYTES], const struct checkpoint *c,
                    struct bytes text, const struct log_clock *clock, uint64_t time_s, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    struct blob copy = {0};
    err e = blob_append(&raw, bytes_text(MAGIC));
    if (!e) e = blob_append_u8(&raw, 2);
    if (!e) e = blob_append(&raw, BYTES(log_key, SIGN_PUBLIC_BYTES));
    if (!e) e = blob_append_be64(&raw, time_s);
    if (!e) e = blob_append_be64(&raw, (uint64_t)clock->latest.us);
    if (!e) e = blob_append(&raw, text);
    if (!e) e = blob_append(&copy, text);
    if (!e) e = file_replace(w->path, blob_bytes(&raw), 0600, d);
    if (e) {
        blob_clear(&copy);
        return e;
    }
    blob_clear(&w->text);
    w->text = copy;
    w->checkpoint = *c;
    w->clock = *clock;
    w->time_s = time_s;
    memcpy(w->log_key, log_key, sizeof w->log_key);
    w->known = true;
    w->unproven = 0;
    return ERR_OK;
}

/* --- evidence --- */

static size_t count_evidence(const struct witness *w) {
    size_t count = 0;
    DIR *dir = opendir(w->evidence);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir)) != NULL) {
        size_t len = strlen(entry->d_name);
        if (len > 6 && strcmp(entry->d_name + len - 6, "-shown") == 0) count++;
    }
    if (dir) closedir(dir);
    return count;
}

static err put_evidence(const struct witness *w, const char *pair, const char *which, struct bytes text,
                        struct diag *d) {
    char name[2 * PAIR_BYTES + 16], path[PATH_TEXT_BYTES];
    snprintf(name, sizeof name, "%s-%s", pair, which);
    err e = path_join(path, w->evidence, name);
    return e ? e : file_replace(path, text, 0600, d);
}

/* Both texts, once for each pair. *fresh: it was not there yet. */
static err keep_evidence(const struct witness *w, struct bytes shown, bool *fresh, struct diag *d) {
    AUTO(blob_clear) struct blob both = {0};
    uint8_t hash[HASH_BYTES];
    char pair[2 * PAIR_BYTES + 1], name[2 * PAIR_BYTES + 16], path[PATH_TEXT_BYTES];
    err e = blob_append(&both, blob_bytes(&w->text));
    if (!e) e = blob_append(&both, shown);
    if (e) return e;
    hash_sha256(blob_bytes(&both), hash);
    hex_encode(BYTES(hash, PAIR_BYTES), pair);
    snprintf(name, sizeof name, "%s-shown", pair);
    e = path_join(path, w->evidence, name);
    if (e) return e;
    *fresh = access(path, F_OK) != 0;
    if (!*fresh || count_evidence(w) >= WITNESS_EVIDENCE_MAX) return ERR_OK;
    e = folder_make(w->evidence, d);
    if (!e) e = put_evidence(w, pair, "known", blob_bytes(&w->text), d);
    return e ? e : put_evidence(w, pair, "shown", shown, d);
}

static err refuse(const struct witness *w, struct bytes shown, struct witness_answer *out, struct diag *d,
                  const char *what) {
    bool fresh = false;
    err e = keep_evidence(w, shown, &fresh, d);
    if (fresh || e)
        snprintf(out->alarm, sizeof out->alarm, "%s%s", what,
                 e ? " The two states could not be kept: the hub's disk does not take them." : "");
    return e;
}

/* --- messages --- */

struct shown {
    uint64_t old;
    uint8_t log_key[SIGN_PUBLIC_BYTES];
    struct bytes text;
    struct checkpoint checkpoint;
    uint8_t proof[TLOG_PROOF_MAX + 1][HASH_BYTES];
    size_t count;
    bool has_last;
    uint8_t leaf[HASH_BYTES]; /* of the last entry */
    struct wall_us time;
    uint8_t last_proof[TLOG_PROOF_MAX + 1][HASH_BYTES];
    size_t last_count;
};

/* `list` has at most TLOG_PROOF_MAX + 1. */
static err read_proof(json_t *list, uint8_t (*out)[HASH_BYTES], size_t *count, struct diag *d) {
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one) {
        AUTO(blob_clear) struct blob hash = {0};
        const char *text = json_string_value(one);
        if (!text || base64_decode(text, strlen(text), &hash) || hash.len != HASH_BYTES)
            return diag_fail(d, ERR_INVALID, "the proof is none");
        memcpy(out[(*count)++], hash.data, HASH_BYTES);
    }
    return ERR_OK;
}

static err read_last(json_t *last, struct shown *s, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    struct log_entry entry;
    json_t *proof = NULL;
    const struct json_field fields[] = {
        {"entry", JSON_KIND_BASE64, true, 1, UINT16_MAX, &raw, NULL},
        {"proof", JSON_KIND_ARRAY, true, 0, TLOG_PROOF_MAX + 1, &proof, NULL},
    };
    err e = JSON_READ(last, fields, d);
    if (!e) e = log_entry_decode(blob_bytes(&raw), &entry, d);
    if (!e) e = tlog_leaf_hash(blob_bytes(&raw), s->leaf);
    if (e) return e;
    s->has_last = true;
    s->time = entry.time;
    return read_proof(proof, s->last_proof, &s->last_count, d);
}

/* `document` holds what s->text points into. */
static err read_message(struct bytes json, json_t **document, struct shown *s, struct diag *d) {
    AUTO(blob_clear) struct blob log = {0};
    const char *text = NULL;
    json_t *proof = NULL, *last = NULL;
    int64_t old = 0;
    const struct json_field fields[] = {
        {"old", JSON_KIND_INT, true, 0, INT64_MAX, &old, NULL},
        {"log", JSON_KIND_BASE64, true, SIGN_PUBLIC_BYTES, SIGN_PUBLIC_BYTES, &log, NULL},
        {"checkpoint", JSON_KIND_TEXT, true, 1, CHECKPOINT_TEXT_MAX_BYTES, &text, NULL},
        {"proof", JSON_KIND_ARRAY, true, 0, TLOG_PROOF_MAX + 1, &proof, NULL},
        {"last", JSON_KIND_OBJECT, false, 0, 0, &last, NULL},
    };
    if (json.len > WITNESS_MESSAGE_MAX_BYTES) return diag_fail(d, ERR_INVALID, "the message is too long");
    err e = json_parse(json, document, d);
    if (!e) e = JSON_READ(*document, fields, d);
    if (e) return e;
    s->old = (uint64_t)old;
    memcpy(s->log_key, log.data, sizeof s->log_key);
    s->text = bytes_text(text);
    e = read_proof(proof, s->proof, &s->count, d);
    return e || !last ? e : read_last(last, s, d);
}

static err say(struct witness_answer *out, json_t *body) {
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    err e = text ? blob_append(&out->body, bytes_text(text)) : ERR_NO_MEMORY;
    free(text);
    return e;
}

static err refuse_time(struct witness *w, const struct shown *s, enum log_clock_fault fault,
                       struct witness_answer *out, struct diag *d) {
    if (fault == LOG_CLOCK_BACK)
        return refuse(w, s->text, out, d,
                      "Time goes back in the vault's log of who looked: what is written now has an earlier "
                      "time than what "
                      "was there. Both states are kept with the hub. Run `cardea log verify`.");
    return refuse(
        w, s->text, out, d,
        "The vault's log of who looked is ahead of the hub's clock by more than five minutes: one of the "
        "two clocks is wrong, or times are made up. Run `cardea log verify`.");
}

static err cosign(struct witness *w, const struct shown *s, struct wall_us now, struct witness_answer *out,
                  struct diag *d) {
    AUTO(blob_clear) struct blob line = {0};
    char name[COSIGNER_NAME_BYTES];
    uint64_t time_s = (uint64_t)(now.us / 1000000);
    struct log_clock clock = w->clock;
    bool same = w->known && w->checkpoint.size == s->checkpoint.size;
    if (s->has_last) { /* its own clock may have been set back: it was later once */
        struct wall_us least = {(int64_t)(w->time_s & INT32_MAX) * 1000000};
        enum log_clock_fault fault = log_clock_take(&clock, s->time, now.us > least.us ? now : least);
        if (fault) return refuse_time(w, s, fault, out, d);
    }
    err e = same ? ERR_OK : remember(w, s->log_key, &s->checkpoint, s->text, &clock, time_s, d);
    if (e) return e;
    cosigner_name(w->key.public_key, name);
    e = cosignature_sign(s->text, name, &w->key, time_s, &line);
    if (e) return diag_fail(d, e, "the checkpoint could not be signed");
    return say(out, json_pack("{s:I,s:s#}", "size", (json_int_t)s->checkpoint.size, "cosignature",
                              (const char *)line.data, (int)line.len - 1)); /* the line without its end */
}

/* The vault proves from another size than the hub knows: it is told which. One that never proves from there
 * is hiding something. */
static err ask_from_known(struct witness *w, const struct shown *s, struct witness_answer *out,
                          struct diag *d) {
    if (++w->unproven > WITNESS_UNPROVEN_MAX) {
        w->unproven = 0;
        return refuse(
            w, s->text, out, d,
            "The vault does not prove any more that its log of who looked only grew. Run `cardea log "
            "verify`; both states are kept with the hub.");
    }
    return say(out, json_pack("{s:I}", "size", (json_int_t)w->checkpoint.size));
}

static err judge(struct witness *w, const struct shown *s, struct wall_us now, struct witness_answer *out,
                 struct diag *d) {
    const struct checkpoint *known = &w->checkpoint, *c = &s->checkpoint;
    if (s->has_last &&
        tlog_verify_inclusion(c->size - 1, c->size, s->leaf, s->last_proof, s->last_count, c->root))
        return diag_fail(d, ERR_INVALID, "the last entry is not the log's");
    if (!w->known) return cosign(w, s, now, out, d);
    if (c->size < known->size)
        return refuse(
            w, s->text, out, d,
            "The vault's log of who looked has shrunk: entries that were there are gone. Both states are "
            "kept with the hub as evidence. Run `cardea log verify`.");
    if (c->size > known->size && s->old != known->size && known->size > 0)
        return ask_from_known(w, s, out, d);
    err e = tlog_verify_consistency(known->size, c->size, known->root, c->root,
                                    c->size == known->size ? NULL : (const uint8_t(*)[HASH_BYTES])s->proof,
                                    c->size == known->size ? 0 : s->count);
    if (!e && !s->has_last && w->clock.latest.us) return ask_from_known(w, s, out, d);
    if (e)
        return refuse(
            w, s->text, out, d,
            "The vault's log of who looked has been changed: it does not continue what was there. Both "
            "states are kept with the hub as evidence. Run `cardea log verify`.");
    return cosign(w, s, now, out, d);
}

static err take(struct witness *w, const struct shown *s, struct wall_us now, struct witness_answer *out,
                struct diag *d) {
    if (w->known && memcmp(w->log_key, s->log_key, sizeof w->log_key) != 0)
        return refuse(
            w, s->text, out, d,
            "The vault shows another log of who looked than before: its key has changed. If the vault was "
            "not set up anew, somebody hides the old one. Both states are kept with the hub.");
    struct shown verified = *s;
    err e = checkpoint_verify(s->text, w->known ? w->checkpoint.origin : NULL, s->log_key,
                              &verified.checkpoint, d);
    if (e) return e; /* no evidence of anything: anybody can write a text that is not signed */
    return judge(w, &verified, now, out, d);
}

err witness_take(struct witness *w, struct bytes json, struct wall_us now, struct witness_answer *out,
                 struct diag *d) {
    AUTO(json_release) json_t *document = NULL;
    struct shown s = {0};
    err e = read_message(json, &document, &s, d);
    if (e) return e;
    pthread_mutex_lock(&w->lock);
    e = take(w, &s, now, out, d);
    pthread_mutex_unlock(&w->lock);
    return e;
}

json_t *witness_describe(struct witness *w) {
    char time[WALL_TEXT_BYTES];
    pthread_mutex_lock(&w->lock);
    json_t *evidence = json_integer((json_int_t)count_evidence(w)), *o;
    if (!w->known) {
        o = json_pack("{s:i,s:n,s:n,s:n,s:n,s:o}", "size", 0, "root", "time", "log", "checkpoint", "evidence",
                      evidence);
    } else {
        wall_format((struct wall_us){(int64_t)w->time_s * 1000000}, time);
        o = json_pack("{s:I,s:o,s:s,s:o,s:s#,s:o}", "size", (json_int_t)w->checkpoint.size, "root",
                      json_base64(BYTES_OF(w->checkpoint.root)), "time", time, "log",
                      json_base64(BYTES_OF(w->log_key)), "checkpoint", (const char *)w->text.data,
                      (int)w->text.len, "evidence", evidence);
    }
    pthread_mutex_unlock(&w->lock);
    return o;
}
