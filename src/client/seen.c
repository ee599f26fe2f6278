/* seen.c: the file, JSON:
 *
 *     {"v":1,"households":{HEX:{KEY:[version, "signer's public key in base64url", "payload's SHA-256 in
 * it"]}}}
 *
 * An entry without the third is of a program before it was kept.
 * It is replaced as a whole; a crash leaves the old one, which remembers less and nothing false. */
#include "client/seen.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/json.h"
#include "crypto/hash.h"

struct seen {
    char path[PATH_TEXT_BYTES];
    json_t *households;
    size_t keys;
    bool changed;
};

static err read_file(const char *path, json_t **households, struct diag *d) {
    AUTO(blob_clear) struct blob text = {0};
    AUTO(json_release) json_t *document = NULL;
    json_t *found = NULL;
    int64_t v = 0;
    const struct json_field fields[] = {
        {.name = "v", .kind = JSON_KIND_INT, .required = true, .min = 1, .max = 1, .out = &v},
        {.name = "households", .kind = JSON_KIND_OBJECT, .required = true, .out = &found},
    };
    err e = file_read(path, SEEN_FILE_MAX_BYTES, &text, d);
    if (e == ERR_NOT_FOUND) {
        *households = json_object();
        return *households ? ERR_OK : diag_fail(d, ERR_NO_MEMORY, "out of memory");
    }
    if (!e) e = json_parse(blob_bytes(&text), &document, d);
    if (!e) e = JSON_READ(document, fields, d);
    if (e == ERR_INVALID || e == ERR_LIMIT)
        return diag_fail(
            d, ERR_INVALID,
            "%s is damaged: remove it (then an older state of the household is not noticed once)", path);
    if (!e) *households = json_incref(found);
    return e;
}

static size_t count_keys(json_t *households) {
    const char *id;
    json_t *household;
    size_t count = 0;
    json_object_foreach(households, id, household) count += json_object_size(household);
    return count;
}

err seen_open(const char *path, struct seen **out, struct diag *d) {
    struct seen *s = calloc(1, sizeof *s);
    if (!s) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    if (strlen(path) >= sizeof s->path) {
        free(s);
        return diag_fail(d, ERR_LIMIT, "the path is too long");
    }
    memcpy(s->path, path, strlen(path) + 1);
    err e = read_file(path, &s->households, d);
    if (e) {
        seen_free(s);
        return e;
    }
    s->keys = count_keys(s->households);
    *out = s;
    return ERR_OK;
}

void seen_free(struct seen *s) {
    if (!s) return;
    json_decref(s->households);
    free(s);
}

static uint64_t version_of(json_t *entry) {
    json_int_t v = json_integer_value(json_array_get(entry, 0));
    return v > 0 ? (uint64_t)v : 0;
}

/* Into *s goes what the file has that is newer. */
static void merge(struct seen *s, json_t *from) {
    const char *id, *key;
    json_t *theirs, *entry;
    json_object_foreach(from, id, theirs) {
        json_t *ours = json_object_get(s->households, id);
        if (!ours) {
            json_object_set(s->households, id, theirs);
            continue;
        }
        json_object_foreach(theirs, key, entry) {
            if (version_of(entry) > version_of(json_object_get(ours, key))) json_object_set(ours, key, entry);
        }
    }
    s->keys = count_keys(s->households);
}

err seen_save(struct seen *s, struct diag *d) {
    if (!s->changed) return ERR_OK;
    json_t *others = NULL;
    err e = read_file(s->path, &others, d);
    if (e) return e;
    merge(s, others);
    json_decref(others);
    AUTO(json_release) json_t *document = json_pack("{s:i, s:O}", "v", 1, "households", s->households);
    char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
    if (!text) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    e = file_replace(s->path, bytes_text(text), 0600, d);
    free(text);
    if (!e) s->changed = false;
    return e;
}

/* Keys of which one signer alone can ever speak. */
static bool one_signer(const char *key) {
    const char *end = strrchr(key, '/');
    if (strncmp(key, "household/keys/", 15) == 0) return true;
    return strncmp(key, "camera/", 7) == 0 && end && strcmp(end, "/profile") == 0;
}

static bool signer_of(json_t *entry, uint8_t out[SIGN_PUBLIC_BYTES]) {
    AUTO(blob_clear) struct blob raw = {0};
    const char *text = json_string_value(json_array_get(entry, 1));
    if (!text || base64_decode(text, strlen(text), &raw) || raw.len != SIGN_PUBLIC_BYTES) return false;
    memcpy(out, raw.data, SIGN_PUBLIC_BYTES);
    return true;
}

/* The signer of before, or one to whom it handed over. */
static bool may_sign(json_t *entry, const struct object *o, const struct succession_chain *chain) {
    uint8_t before[SIGN_PUBLIC_BYTES];
    if (!signer_of(entry, before)) return false;
    if (memcmp(before, o->signer, sizeof before) == 0) return true;
    return chain && strncmp(o->key, "household/keys/", 15) == 0 &&
           succession_chain_leads(chain, NULL, before, o->signer, NULL) == ERR_OK;
}

static err not_older(const struct seen *s, json_t *entry, const struct object *o, struct diag *d) {
    uint64_t before = version_of(entry);
    if (o->version >= before) return ERR_OK;
    return diag_fail(
        d, ERR_FORGED,
        "the vault sent version %llu of %s, of which this device has seen version %llu: it holds "
        "a change back. If it was restored from a backup, remove %.200s to accept that",
        (unsigned long long)o->version, o->key, (unsigned long long)before, s->path);
}

static err compare(const struct seen *s, json_t *entry, const struct object *o,
                   const struct succession_chain *chain, struct diag *d) {
    err e = not_older(s, entry, o, d);
    if (e) return e;
    if (one_signer(o->key) && !may_sign(entry, o, chain))
        return diag_fail(d, ERR_FORGED, "%s is signed by another key than this device has seen before",
                         o->key);
    return ERR_OK;
}

static bool same_payload(json_t *entry, const struct object *o) {
    AUTO(blob_clear) struct blob raw = {0};
    const char *text = json_string_value(json_array_get(entry, 2));
    uint8_t hash[HASH_BYTES];
    hash_sha256(o->payload, hash);
    return text && base64_decode(text, strlen(text), &raw) == ERR_OK &&
           bytes_equal(blob_bytes(&raw), BYTES_OF(hash));
}

static err note(struct seen *s, json_t *household, const struct object *o, bool fresh, struct diag *d) {
    uint8_t hash[HASH_BYTES];
    if (fresh && s->keys >= SEEN_KEYS_MAX) return ERR_OK;
    hash_sha256(o->payload, hash);
    json_t *entry = json_pack("[I, o, o]", (json_int_t)o->version, json_base64(BYTES_OF(o->signer)),
                              json_base64(BYTES_OF(hash)));
    if (json_object_set_new(household, o->key, entry)) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    s->keys += fresh;
    s->changed = true;
    return ERR_OK;
}

err seen_check(struct seen *s, const uint8_t household[SEEN_HOUSEHOLD_BYTES], const struct object *object,
               const struct succession_chain *chain, struct diag *d) {
    char id[2 * SEEN_HOUSEHOLD_BYTES + 1];
    hex_encode(BYTES(household, SEEN_HOUSEHOLD_BYTES), id);
    json_t *of = json_object_get(s->households, id);
    if (!json_is_object(of)) {
        of = json_object();
        if (json_object_set_new(s->households, id, of)) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    }
    json_t *entry = json_object_get(of, object->key);
    err e = entry ? compare(s, entry, object, chain, d) : ERR_OK;
    /* Of an entry without a hash the object is noted again. */
    if (e || (entry && object->version == version_of(entry) && json_array_size(entry) > 2)) return e;
    return note(s, of, object, !entry, d);
}

err seen_not_older(const struct seen *s, const uint8_t household[SEEN_HOUSEHOLD_BYTES],
                   const struct object *object, struct diag *d) {
    char id[2 * SEEN_HOUSEHOLD_BYTES + 1];
    hex_encode(BYTES(household, SEEN_HOUSEHOLD_BYTES), id);
    json_t *entry = json_object_get(json_object_get(s->households, id), object->key);
    return entry ? not_older(s, entry, object, d) : ERR_OK;
}

bool seen_has(const struct seen *s, const uint8_t household[SEEN_HOUSEHOLD_BYTES], const char *key) {
    char id[2 * SEEN_HOUSEHOLD_BYTES + 1];
    hex_encode(BYTES(household, SEEN_HOUSEHOLD_BYTES), id);
    return json_object_get(json_object_get(s->households, id), key) != NULL;
}

bool seen_knows(const struct seen *s, const uint8_t household[SEEN_HOUSEHOLD_BYTES],
                const struct object *object) {
    char id[2 * SEEN_HOUSEHOLD_BYTES + 1];
    uint8_t signer[SIGN_PUBLIC_BYTES];
    hex_encode(BYTES(household, SEEN_HOUSEHOLD_BYTES), id);
    json_t *entry = json_object_get(json_object_get(s->households, id), object->key);
    return entry && version_of(entry) == object->version && signer_of(entry, signer) &&
           memcmp(signer, object->signer, sizeof signer) == 0 && same_payload(entry, object);
}
