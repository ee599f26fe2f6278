/* faces.h: the people whom the household has named, and what their faces are recognised by.
 *
 * DIR/faces holds everything, sealed under the key in DIR/faces.key (crypto/file_box.h). Whatever deletes a
 * template seals what remains under a fresh key and overwrites the old one: no copy of the file, wherever it
 * is, opens after that. Of a face that nobody has named nothing is kept, unless suggestions are asked for,
 * and then for FACES_SUGGEST_S. What crosses this interface as an embedding has length 1; others are refused.
 * Threads: one. */
#ifndef CARDEA_HUB_FACES_H
#define CARDEA_HUB_FACES_H

#include "base/clock.h"
#include "hub/rules.h"

#define FACES_PEOPLE_MAX 32
#define FACES_TEMPLATES_MAX 8 /* of a person */
#define FACES_ADD_MAX 4       /* pictures in one face.add */
#define FACES_SUGGESTIONS_MAX 16
#define FACES_SUGGEST_S (7 * 86400)
#define FACES_SUGGEST_SEEN 3 /* so often before it is suggested */
#define FACES_CONSENT_MAX_BYTES 64
/* Cosine. At 0.50: 1.3 false matches in 100 000 pairs (docs/recognition.md). */
#define FACES_MATCH_MIN 0.50f
#define FACES_QUALITY_MIN 0.35f /* less says nothing about who it is */

struct faces;

/* Reads what there is. ERR_FORGED, ERR_INVALID: the file is damaged or its key is another's; it is left
 * alone. */
err faces_open(const char *data, struct faces **out, struct diag *d) CHECKED;
void faces_free(struct faces *f); /* wipes; NULL is fine */

struct faces_match {
    enum face_state state;
    bool excluded; /* somebody of whom nothing is to be said: state is FACE_NONE */
    float cosine;
    char person[PERSON_ID_CHARS + 1], name[PERSON_NAME_MAX_BYTES + 1];
};
/* FACE_UNKNOWN when there is no match. */
void faces_look(const struct faces *f, const float embedding[VISION_EMBEDDING_FLOATS],
                struct faces_match *out);
bool faces_any(const struct faces *f);

/* [{"id","name","consent":{"by","at"},"added","exclude","templates":n}] */
json_t *faces_people(const struct faces *f);
/* Durable on return; `id` is the person's. With the name of a person who is there, templates are added to it.
 *   ERR_LIMIT  too many people or templates     ERR_INVALID  an embedding */
err faces_add(struct faces *f, const char *name, const char *by, struct wall_us now,
              const float (*embeddings)[VISION_EMBEDDING_FLOATS], size_t count, char id[PERSON_ID_CHARS + 1],
              struct diag *d) CHECKED;
/* name and exclude may be NULL. ERR_NOT_FOUND. */
err faces_set(struct faces *f, const char *id, const char *name, const bool *exclude, struct diag *d) CHECKED;
err faces_remove(struct faces *f, const char *id, struct diag *d) CHECKED; /* ERR_NOT_FOUND */

/* A face that nobody has named was seen; jpeg may be empty. Only for who asked for suggestions. */
void faces_suggest(struct faces *f, const float embedding[VISION_EMBEDDING_FLOATS], struct bytes jpeg,
                   struct wall_us now);
/* [{"id","seen","last","picture"}], of those that were seen often enough. */
json_t *faces_suggestions(const struct faces *f);
/* Makes a person of a suggestion. ERR_NOT_FOUND. */
err faces_name(struct faces *f, const char *id, const char *name, const char *by, struct wall_us now,
               char person[PERSON_ID_CHARS + 1], struct diag *d) CHECKED;
err faces_dismiss(struct faces *f, const char *id, struct diag *d) CHECKED; /* ERR_NOT_FOUND */
err faces_suggest_none(struct faces *f, struct diag *d) CHECKED;            /* forgets all suggestions */
/* Forgets suggestions whose time is over. */
void faces_tick(struct faces *f, struct wall_us now);

/* The plaintext of DIR/faces, for faces.c and its fuzz target. */
struct face_person {
    uint8_t id[PERSON_ID_BYTES];
    bool exclude;
    char name[PERSON_NAME_MAX_BYTES + 1], by[FACES_CONSENT_MAX_BYTES + 1];
    struct wall_us consent_at, added;
    size_t count;
    float templates[FACES_TEMPLATES_MAX][VISION_EMBEDDING_FLOATS];
};
struct face_suggestion {
    uint8_t id[PERSON_ID_BYTES];
    uint32_t seen;
    struct wall_us first, last;
    float template[VISION_EMBEDDING_FLOATS];
    struct blob jpeg;
};
struct face_book {
    size_t people_count, suggestion_count;
    struct face_person people[FACES_PEOPLE_MAX];
    struct face_suggestion suggestions[FACES_SUGGESTIONS_MAX];
};
err face_book_write(const struct face_book *b, struct blob *out) CHECKED;
/* ERR_INVALID. What was read before the fault is cleared. */
err face_book_read(struct bytes plain, struct face_book *out) CHECKED;
void face_book_clear(struct face_book *b); /* wipes */

#endif
