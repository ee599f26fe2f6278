#include "hub/faces.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "crypto/file_box.h"
#include "crypto/hash.h"

#define FILE_MAX_BYTES (2u << 20)
#define FILE_NAME "faces" /* what the box is sealed for */
#define KEY_SLOTS 2
#define SAME_FACE_MIN 0.50f /* of suggestions: again the same stranger */

/* DIR/faces.key: two slots, one of which is zeros but while a deletion is under way. A deletion writes a
 * fresh key to the empty slot, then the file under it, then zeros over the old key, each durable before the
 * next. */
struct faces {
    char path[PATH_TEXT_BYTES], key_path[PATH_TEXT_BYTES];
    uint8_t keys[KEY_SLOTS][FILE_BOX_KEY_BYTES];
    size_t slot;   /* of the key in use */
    bool deleting; /* a deletion did not reach the disk: it is tried again until it does */
    struct face_book book;
};

/* --- The key --- */

static bool empty_key(const uint8_t key[FILE_BOX_KEY_BYTES]) {
    static const uint8_t zeros[FILE_BOX_KEY_BYTES];
    return memcmp(key, zeros, sizeof zeros) == 0;
}

/* Writes a slot where it lies: a copy elsewhere would leave the old key on the disk. */
static err write_slot(const struct faces *f, size_t slot, struct diag *d) {
    AUTO(fd_close) int fd = open(f->key_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ssize_t n =
        fd < 0 ? -1 : pwrite(fd, f->keys[slot], FILE_BOX_KEY_BYTES, (off_t)(slot * FILE_BOX_KEY_BYTES));
    if (n != FILE_BOX_KEY_BYTES || fsync(fd))
        return diag_fail(d, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO, "cannot write %s: %s", f->key_path,
                         strerror(errno));
    return ERR_OK;
}

static err wipe_slot(struct faces *f, size_t slot, struct diag *d) {
    if (empty_key(f->keys[slot])) return ERR_OK;
    wipe(f->keys[slot], FILE_BOX_KEY_BYTES);
    return write_slot(f, slot, d);
}

static err parent_sync(const struct faces *f, struct diag *d) {
    char folder[PATH_TEXT_BYTES];
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(f->path, '/') - f->path), f->path);
    return folder_sync(folder, d);
}

static err load_key(struct faces *f, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    err e = file_read(f->key_path, sizeof f->keys, &raw, d);
    if (e == ERR_NOT_FOUND) return ERR_OK;
    if (e) return e;
    memcpy(f->keys, raw.data, raw.len < sizeof f->keys ? raw.len : sizeof f->keys);
    return ERR_OK;
}

/* --- The file --- */

static err load(struct faces *f, struct diag *d) {
    AUTO(blob_clear) struct blob sealed = {0};
    err e = load_key(f, d);
    if (!e) e = file_read(f->path, FILE_MAX_BYTES, &sealed, d);
    if (e) return e == ERR_NOT_FOUND ? ERR_OK : e;
    for (size_t slot = 0; slot < KEY_SLOTS; slot++) {
        AUTO(blob_clear) struct blob plain = {0};
        if (empty_key(f->keys[slot])) continue;
        e = file_box_open(f->keys[slot], FILE_NAME, blob_bytes(&sealed), &plain);
        if (e == ERR_FORGED) continue;
        if (!e) e = face_book_read(blob_bytes(&plain), &f->book);
        if (e) return diag_fail(d, e, "%s is damaged", f->path);
        f->slot = slot;
        return wipe_slot(f, 1 - slot, d); /* a deletion that was broken off: its other key opens nothing */
    }
    return diag_fail(d, ERR_FORGED, "%s cannot be opened with %s", f->path, f->key_path);
}

err faces_open(const char *data, struct faces **out, struct diag *d) {
    struct faces *f = calloc(1, sizeof *f);
    if (!f) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    err e = ERR_OK;
    if (path_join(f->path, data, "faces") || path_join(f->key_path, data, "faces.key"))
        e = diag_fail(d, ERR_LIMIT, "the path is too long");
    if (!e) e = load(f, d);
    if (e) {
        faces_free(f);
        return e;
    }
    *out = f;
    return ERR_OK;
}

void faces_free(struct faces *f) {
    if (!f) return;
    face_book_clear(&f->book);
    wipe(f, sizeof *f);
    free(f);
}

static err write_book(struct faces *f, size_t slot, struct diag *d) {
    AUTO(blob_clear) struct blob plain = {0};
    AUTO(blob_clear) struct blob sealed = {0};
    err e = face_book_write(&f->book, &plain);
    if (!e) e = file_box_seal(f->keys[slot], FILE_NAME, blob_bytes(&plain), &sealed);
    if (e) return diag_fail(d, e, "cannot seal the faces: %s", err_text(e));
    return file_replace(f->path, blob_bytes(&sealed), 0600, d);
}

static err store_deleted(struct faces *f, struct diag *d);

/* Something was added or renamed. */
static err store(struct faces *f, struct diag *d) {
    err e = ERR_OK;
    if (f->deleting) return store_deleted(f, d);
    if (empty_key(f->keys[f->slot])) {
        random_bytes(f->keys[f->slot], FILE_BOX_KEY_BYTES);
        e = write_slot(f, f->slot, d);
        if (!e) e = parent_sync(f, d);
    }
    return e ? e : write_book(f, f->slot, d);
}

static err remove_all(struct faces *f, struct diag *d) {
    err e = wipe_slot(f, 0, d);
    if (!e) e = wipe_slot(f, 1, d);
    if (unlink(f->path) && errno != ENOENT && !e)
        e = diag_fail(d, ERR_IO, "cannot remove %s: %s", f->path, strerror(errno));
    return e ? e : parent_sync(f, d);
}

static err replace_key(struct faces *f, struct diag *d) {
    size_t old = f->slot, fresh = 1 - f->slot;
    random_bytes(f->keys[fresh], FILE_BOX_KEY_BYTES);
    err e = write_slot(f, fresh, d);
    if (!e) e = write_book(f, fresh, d);
    if (e) {
        wipe(f->keys[fresh], FILE_BOX_KEY_BYTES);
        return e;
    }
    f->slot = fresh;
    return wipe_slot(f, old, d);
}

/* Something was deleted: nothing that was sealed before opens again. */
static err store_deleted(struct faces *f, struct diag *d) {
    bool empty = f->book.people_count == 0 && f->book.suggestion_count == 0;
    f->deleting = true;
    err e = empty ? remove_all(f, d) : replace_key(f, d);
    f->deleting = e != ERR_OK;
    return e;
}

/* --- Looking --- */

static float cosine(const float a[VISION_EMBEDDING_FLOATS], const float b[VISION_EMBEDDING_FLOATS]) {
    float sum = 0;
    for (size_t i = 0; i < VISION_EMBEDDING_FLOATS; i++) sum += a[i] * b[i];
    return sum;
}

static bool sound(const float e[VISION_EMBEDDING_FLOATS]) {
    float length = cosine(e, e);
    return isfinite(length) && fabsf(length - 1) < 0.01f;
}

void faces_look(const struct faces *f, const float embedding[VISION_EMBEDDING_FLOATS],
                struct faces_match *out) {
    const struct face_person *best = NULL;
    *out = (struct faces_match){.state = FACE_NONE};
    if (!sound(embedding)) return;
    for (size_t i = 0; i < f->book.people_count; i++) {
        const struct face_person *p = &f->book.people[i];
        for (size_t t = 0; t < p->count; t++) {
            float c = cosine(p->templates[t], embedding);
            if (best && c <= out->cosine) continue;
            best = p;
            out->cosine = c;
        }
    }
    out->state = FACE_UNKNOWN;
    if (!best || out->cosine < FACES_MATCH_MIN) return;
    out->excluded = best->exclude;
    out->state = best->exclude ? FACE_NONE : FACE_KNOWN;
    if (best->exclude) return;
    hex_encode(BYTES_OF(best->id), out->person);
    snprintf(out->name, sizeof out->name, "%s", best->name);
}

bool faces_any(const struct faces *f) {
    return f->book.people_count > 0;
}

/* --- People --- */

static json_t *time_json(struct wall_us t) {
    char text[WALL_TEXT_BYTES];
    wall_format(t, text);
    return json_string(text);
}

json_t *faces_people(const struct faces *f) {
    json_t *list = json_array();
    for (size_t i = 0; i < f->book.people_count; i++) {
        const struct face_person *p = &f->book.people[i];
        json_array_append_new(
            list, json_pack("{s:o,s:s,s:{s:s,s:o},s:o,s:b,s:i}", "id", json_hex(BYTES_OF(p->id)), "name",
                            p->name, "consent", "by", p->by, "at", time_json(p->consent_at), "added",
                            time_json(p->added), "exclude", p->exclude, "templates", (int)p->count));
    }
    return list;
}

static struct face_person *find(struct faces *f, const char *id) {
    uint8_t raw[PERSON_ID_BYTES];
    if (!id || hex_decode(id, (struct buffer){raw, sizeof raw})) return NULL;
    for (size_t i = 0; i < f->book.people_count; i++)
        if (memcmp(f->book.people[i].id, raw, sizeof raw) == 0) return &f->book.people[i];
    return NULL;
}

static struct face_person *find_name(struct faces *f, const char *name) {
    for (size_t i = 0; i < f->book.people_count; i++)
        if (strcmp(f->book.people[i].name, name) == 0) return &f->book.people[i];
    return NULL;
}

static err new_person(struct faces *f, const char *name, const char *by, struct wall_us now,
                      struct face_person **out, struct diag *d) {
    if (f->book.people_count == FACES_PEOPLE_MAX)
        return diag_fail(d, ERR_LIMIT, "at most %d people can be named: remove somebody first",
                         FACES_PEOPLE_MAX);
    struct face_person *p = &f->book.people[f->book.people_count];
    *p = (struct face_person){.consent_at = now, .added = now};
    random_bytes(p->id, sizeof p->id);
    snprintf(p->name, sizeof p->name, "%s", name);
    snprintf(p->by, sizeof p->by, "%s", by);
    *out = p;
    return ERR_OK;
}

err faces_add(struct faces *f, const char *name, const char *by, struct wall_us now,
              const float (*embeddings)[VISION_EMBEDDING_FLOATS], size_t count, char id[PERSON_ID_CHARS + 1],
              struct diag *d) {
    struct face_person *p = find_name(f, name);
    bool fresh = !p;
    for (size_t i = 0; i < count; i++)
        if (!sound(embeddings[i])) return diag_fail(d, ERR_INVALID, "a face has no usable embedding");
    err e = p ? ERR_OK : new_person(f, name, by, now, &p, d);
    if (!e && p->count + count > FACES_TEMPLATES_MAX)
        e = diag_fail(d, ERR_LIMIT, "%s has %zu pictures already; at most %d are kept", name, p->count,
                      FACES_TEMPLATES_MAX);
    if (e) return e;
    memcpy(p->templates[p->count], embeddings, count * sizeof *embeddings);
    p->count += count;
    f->book.people_count += fresh;
    e = store(f, d);
    if (e) { /* what is not on the disk is not in force either */
        f->book.people_count -= fresh;
        p->count -= count;
        wipe(p->templates[p->count], count * sizeof *embeddings);
        return e;
    }
    hex_encode(BYTES_OF(p->id), id);
    return ERR_OK;
}

err faces_set(struct faces *f, const char *id, const char *name, const bool *exclude, struct diag *d) {
    struct face_person *p = find(f, id), *named = name ? find_name(f, name) : NULL;
    if (!p) return diag_fail(d, ERR_NOT_FOUND, "nobody with that id is named");
    if (named && named != p) return diag_fail(d, ERR_EXISTS, "somebody else is called %s", name);
    if (name) snprintf(p->name, sizeof p->name, "%s", name);
    if (exclude) p->exclude = *exclude;
    return store(f, d);
}

err faces_remove(struct faces *f, const char *id, struct diag *d) {
    struct face_person *p = find(f, id);
    if (!p) return diag_fail(d, ERR_NOT_FOUND, "nobody with that id is named");
    struct face_person *last = &f->book.people[f->book.people_count - 1];
    memmove(p, p + 1, (size_t)(last - p) * sizeof *p);
    wipe(last, sizeof *last);
    f->book.people_count--;
    return store_deleted(f, d);
}

/* --- Suggestions --- */

static void drop_suggestion(struct faces *f, size_t i) {
    struct face_suggestion *s = &f->book.suggestions[i];
    struct face_suggestion *last = &f->book.suggestions[f->book.suggestion_count - 1];
    blob_clear(&s->jpeg);
    memmove(s, s + 1, (size_t)(last - s) * sizeof *s);
    wipe(last, sizeof *last); /* its blob has moved */
    f->book.suggestion_count--;
}

static struct face_suggestion *same_stranger(struct faces *f,
                                             const float embedding[VISION_EMBEDDING_FLOATS]) {
    for (size_t i = 0; i < f->book.suggestion_count; i++)
        if (cosine(f->book.suggestions[i].template, embedding) >= SAME_FACE_MIN)
            return &f->book.suggestions[i];
    return NULL;
}

void faces_suggest(struct faces *f, const float embedding[VISION_EMBEDDING_FLOATS], struct bytes jpeg,
                   struct wall_us now) {
    struct diag d = {{0}};
    bool full = false;
    if (!sound(embedding)) return;
    struct face_suggestion *s = same_stranger(f, embedding);
    if (!s) {
        full = f->book.suggestion_count == FACES_SUGGESTIONS_MAX;
        if (full) drop_suggestion(f, 0);
        s = &f->book.suggestions[f->book.suggestion_count++];
        *s = (struct face_suggestion){.first = now};
        random_bytes(s->id, sizeof s->id);
        memcpy(s->template, embedding, sizeof s->template);
        if (jpeg.len <= VISION_PICTURE_MAX_BYTES && blob_append(&s->jpeg, jpeg)) s->jpeg.len = 0;
    }
    s->seen++;
    s->last = now;
    if (full ? store_deleted(f, &d) : store(f, &d)) log_warning("a suggestion could not be kept: %s", d.text);
}

json_t *faces_suggestions(const struct faces *f) {
    json_t *list = json_array();
    for (size_t i = 0; i < f->book.suggestion_count; i++) {
        const struct face_suggestion *s = &f->book.suggestions[i];
        if (s->seen < FACES_SUGGEST_SEEN) continue;
        json_array_append_new(list, json_pack("{s:o,s:I,s:I,s:o}", "id", json_hex(BYTES_OF(s->id)), "seen",
                                              (json_int_t)s->seen, "last", (json_int_t)s->last.us, "picture",
                                              json_base64(blob_bytes(&s->jpeg))));
    }
    return list;
}

static err find_suggestion(const struct faces *f, const char *id, size_t *out, struct diag *d) {
    uint8_t raw[PERSON_ID_BYTES];
    bool valid = id && !hex_decode(id, (struct buffer){raw, sizeof raw});
    for (size_t i = 0; valid && i < f->book.suggestion_count; i++) {
        if (memcmp(f->book.suggestions[i].id, raw, sizeof raw) != 0) continue;
        *out = i;
        return ERR_OK;
    }
    return diag_fail(d, ERR_NOT_FOUND, "there is no such suggestion (they are kept for 7 days)");
}

err faces_name(struct faces *f, const char *id, const char *name, const char *by, struct wall_us now,
               char person[PERSON_ID_CHARS + 1], struct diag *d) {
    size_t i = 0;
    float template[1][VISION_EMBEDDING_FLOATS];
    err e = find_suggestion(f, id, &i, d);
    if (e) return e;
    memcpy(template[0], f -> book.suggestions[i].template, sizeof template[0]);
    e = faces_add(f, name, by, now, (const float(*)[VISION_EMBEDDING_FLOATS]) template, 1, person, d);
    wipe(template, sizeof template);
    if (e) return e;
    drop_suggestion(f, i);
    return store_deleted(f, d);
}

err faces_dismiss(struct faces *f, const char *id, struct diag *d) {
    size_t i = 0;
    err e = find_suggestion(f, id, &i, d);
    if (e) return e;
    drop_suggestion(f, i);
    return store_deleted(f, d);
}

err faces_suggest_none(struct faces *f, struct diag *d) {
    if (f->book.suggestion_count == 0) return ERR_OK;
    while (f->book.suggestion_count) drop_suggestion(f, f->book.suggestion_count - 1);
    return store_deleted(f, d);
}

void faces_tick(struct faces *f, struct wall_us now) {
    struct diag d = {{0}};
    bool gone = f->deleting;
    for (size_t i = f->book.suggestion_count; i-- > 0;) {
        if (now.us - f->book.suggestions[i].first.us < (int64_t)FACES_SUGGEST_S * 1000000) continue;
        drop_suggestion(f, i);
        gone = true;
    }
    if (gone && store_deleted(f, &d)) log_error("faces whose time is over are still on the disk: %s", d.text);
}
