/* The plaintext of DIR/faces (faces.h):
 *
 *     version 1 (1) | people (1) | { id (8) | excluded (1) | name | consent by | consent µs (8) | added µs
 * (8) | templates (1) | template * } * | suggestions (1) | { id (8) | seen (4) | first µs (8) | last µs (8) |
 *     template | length (4) | JPEG } *
 *
 * Texts are length (1) | UTF-8; a template is 256 floats as their IEEE 754 bits (4 each). */
#include <math.h>

#include "hub/faces.h"

#define VERSION 1

static err put_template(struct blob *out, const float t[VISION_EMBEDDING_FLOATS]) {
    err e = ERR_OK;
    for (size_t i = 0; i < VISION_EMBEDDING_FLOATS && !e; i++) {
        uint32_t bits;
        memcpy(&bits, &t[i], sizeof bits);
        e = blob_append_be32(out, bits);
    }
    return e;
}

static err put_text(struct blob *out, const char *text) {
    err e = blob_append_u8(out, (uint8_t)strlen(text));
    return e ? e : blob_append(out, bytes_text(text));
}

static err put_person(struct blob *out, const struct face_person *p) {
    err e = blob_append(out, BYTES_OF(p->id));
    if (!e) e = blob_append_u8(out, p->exclude);
    if (!e) e = put_text(out, p->name);
    if (!e) e = put_text(out, p->by);
    if (!e) e = blob_append_be64(out, (uint64_t)p->consent_at.us);
    if (!e) e = blob_append_be64(out, (uint64_t)p->added.us);
    if (!e) e = blob_append_u8(out, (uint8_t)p->count);
    for (size_t i = 0; i < p->count && !e; i++) e = put_template(out, p->templates[i]);
    return e;
}

static err put_suggestion(struct blob *out, const struct face_suggestion *s) {
    err e = blob_append(out, BYTES_OF(s->id));
    if (!e) e = blob_append_be32(out, s->seen);
    if (!e) e = blob_append_be64(out, (uint64_t)s->first.us);
    if (!e) e = blob_append_be64(out, (uint64_t)s->last.us);
    if (!e) e = put_template(out, s->template);
    if (!e) e = blob_append_be32(out, (uint32_t)s->jpeg.len);
    return e ? e : blob_append(out, blob_bytes(&s->jpeg));
}

err face_book_write(const struct face_book *b, struct blob *out) {
    err e = blob_append_u8(out, VERSION);
    if (!e) e = blob_append_u8(out, (uint8_t)b->people_count);
    for (size_t i = 0; i < b->people_count && !e; i++) e = put_person(out, &b->people[i]);
    if (!e) e = blob_append_u8(out, (uint8_t)b->suggestion_count);
    for (size_t i = 0; i < b->suggestion_count && !e; i++) e = put_suggestion(out, &b->suggestions[i]);
    return e;
}

static bool take_template(struct reader *r, float t[VISION_EMBEDDING_FLOATS]) {
    double length = 0;
    for (size_t i = 0; i < VISION_EMBEDDING_FLOATS; i++) {
        uint32_t bits;
        if (!reader_be32(r, &bits)) return false;
        memcpy(&t[i], &bits, sizeof bits);
        length += (double)t[i] * t[i];
    }
    return isfinite(length) && fabs(length - 1) < 0.01;
}

static bool take_text(struct reader *r, char *out, size_t most) {
    uint8_t len;
    if (!reader_u8(r, &len) || len == 0 || len > most || !reader_copy(r, out, len)) return false;
    out[len] = 0;
    return memchr(out, 0, len) == NULL;
}

static bool take_time(struct reader *r, struct wall_us *out) {
    uint64_t us;
    if (!reader_be64(r, &us) || us > INT64_MAX) return false;
    out->us = (int64_t)us;
    return true;
}

static bool take_person(struct reader *r, struct face_person *p) {
    uint8_t excluded, count;
    if (!reader_copy(r, p->id, sizeof p->id) || !reader_u8(r, &excluded) || excluded > 1 ||
        !take_text(r, p->name, PERSON_NAME_MAX_BYTES) || !take_text(r, p->by, FACES_CONSENT_MAX_BYTES) ||
        !take_time(r, &p->consent_at) || !take_time(r, &p->added) || !reader_u8(r, &count) ||
        count > FACES_TEMPLATES_MAX)
        return false;
    p->exclude = excluded;
    for (p->count = 0; p->count < count; p->count++)
        if (!take_template(r, p->templates[p->count])) return false;
    return true;
}

static err take_suggestion(struct reader *r, struct face_suggestion *s) {
    uint32_t len;
    struct bytes jpeg;
    if (!reader_copy(r, s->id, sizeof s->id) || !reader_be32(r, &s->seen) || !take_time(r, &s->first) ||
        !take_time(r, &s->last) || !take_template(r, s->template) || !reader_be32(r, &len) ||
        len > VISION_PICTURE_MAX_BYTES || !reader_take(r, len, &jpeg))
        return ERR_INVALID;
    return blob_append(&s->jpeg, jpeg);
}

static err take_book(struct reader *r, struct face_book *b) {
    uint8_t version, people, suggestions;
    if (!reader_u8(r, &version) || version != VERSION || !reader_u8(r, &people) || people > FACES_PEOPLE_MAX)
        return ERR_INVALID;
    for (; b->people_count < people; b->people_count++)
        if (!take_person(r, &b->people[b->people_count])) return ERR_INVALID;
    if (!reader_u8(r, &suggestions) || suggestions > FACES_SUGGESTIONS_MAX) return ERR_INVALID;
    while (b->suggestion_count < suggestions) {
        err e = take_suggestion(r, &b->suggestions[b->suggestion_count++]);
        if (e) return e;
    }
    return reader_left(r) ? ERR_INVALID : ERR_OK;
}

err face_book_read(struct bytes plain, struct face_book *out) {
    struct reader r = reader_of(plain);
    face_book_clear(out);
    err e = take_book(&r, out);
    if (e) face_book_clear(out);
    return e;
}

void face_book_clear(struct face_book *b) {
    for (size_t i = 0; i < FACES_SUGGESTIONS_MAX; i++) blob_clear(&b->suggestions[i].jpeg);
    wipe(b, sizeof *b);
}
