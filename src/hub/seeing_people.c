/* face.*: naming people. A face is added by pictures that vision makes embeddings of, so face.add is answered
 * later. */
#include <stdio.h>

#include "base/log.h"
#include "hub/seeing_internal.h"

static err need_faces(const struct seeing *s, struct diag *d) {
    if (!s->faces) return diag_fail(d, ERR_IO, "%s", s->faces_trouble);
    if (!s->faces_on) return diag_fail(d, ERR_DENIED, "familiar faces are off: turn them on first");
    return ERR_OK;
}

json_t *see_people_json(const struct seeing *s) {
    return json_pack("{s:b,s:b,s:o,s:s}", "on", s->faces_on, "suggest", s->suggest, "people",
                     s->faces ? faces_people(s->faces) : json_array(), "message", s->faces_trouble);
}

/* --- face.add --- */

static err read_consent(json_t *o, const char **by, struct diag *d) {
    const struct json_field fields[] = {
        {.name = "by",
         .kind = JSON_KIND_TEXT,
         .required = true,
         .min = 1,
         .max = FACES_CONSENT_MAX_BYTES,
         .out = by},
    };
    err e = o ? JSON_READ(o, fields, d) : ERR_INVALID;
    if (e) diag_prefix(d, "\"consent\" (who has asked the person, and may say so)");
    return e;
}

static void refuse(struct see_pending *p, size_t picture, const char *why) {
    char text[240];
    snprintf(text, sizeof text, "picture %zu: %.190s", picture + 1, why[0] ? why : "there is no face in it");
    text_mend(text);
    json_array_append_new(p->refused, json_string(text));
}

static void pending_clear(struct see_pending *p) {
    json_decref(p->refused);
    wipe(p, sizeof *p);
}

static json_t *added(struct see_pending *p, const char *id) {
    json_t *refused = p->refused;
    p->refused = NULL;
    return json_pack("{s:s,s:i,s:o}", "person", id, "templates", (int)p->count, "refused", refused);
}

static const char *first_refusal(const struct see_pending *p) {
    const char *text = json_string_value(json_array_get(p->refused, 0));
    return text ? text : "no picture could be used";
}

/* All pictures are answered. */
static void finish(struct seeing *s, struct see_pending *p) {
    struct diag d = {{0}};
    char id[PERSON_ID_CHARS + 1];
    err e = p->count ? faces_add(s->faces, p->name, p->by, wall_now(),
                                 (const float(*)[VISION_EMBEDDING_FLOATS])p->embeddings, p->count, id, &d)
                     : diag_fail(&d, ERR_INVALID, "no picture could be used: %s", first_refusal(p));
    if (!e) log_info("familiar faces: somebody was added, with %zu pictures", p->count);
    json_t *result = e ? NULL : added(p, id);
    p->done(p->context, p->command, e, result, &d);
    pending_clear(p);
}

static err ask(struct seeing *s, struct see_pending *p, json_t *pictures, struct diag *d) {
    json_t *item;
    size_t i;
    json_array_foreach(pictures, i, item) {
        AUTO(blob_clear) struct blob jpeg = {0};
        const char *text = json_string_value(item);
        if (!text || base64_decode(text, json_string_length(item), &jpeg) || jpeg.len == 0 ||
            jpeg.len > VISION_PICTURE_MAX_BYTES)
            return diag_fail(d, ERR_INVALID, "\"pictures\": each is a JPEG of at most %u bytes, in base64url",
                             VISION_PICTURE_MAX_BYTES);
        p->requests[i] = ++s->next_request;
        err e = s->ports.embed(s->ports.context, p->requests[i], blob_bytes(&jpeg), d);
        if (e) return e;
        p->asked++;
    }
    return ERR_OK;
}

static struct see_pending *pending_new(struct seeing *s) {
    for (size_t i = 0; i < SEE_PEOPLE_PENDING; i++)
        if (!s->pending[i].used) return &s->pending[i];
    return NULL;
}

static err do_add(struct seeing *s, const uint8_t command[16], json_t *args, seeing_done_fn *done,
                  void *context, struct diag *d) {
    const char *name = NULL, *by = NULL;
    json_t *consent = NULL, *pictures = NULL;
    const struct json_field fields[] = {
        {.name = "name",
         .kind = JSON_KIND_TEXT,
         .required = true,
         .min = 1,
         .max = PERSON_NAME_MAX_BYTES,
         .out = &name},
        {.name = "consent", .kind = JSON_KIND_OBJECT, .required = true, .out = &consent},
        {.name = "pictures",
         .kind = JSON_KIND_ARRAY,
         .required = true,
         .max = FACES_ADD_MAX,
         .out = &pictures},
    };
    err e = need_faces(s, d);
    if (!e) e = JSON_READ(args, fields, d);
    if (!e) e = read_consent(consent, &by, d);
    if (!e && json_array_size(pictures) == 0) e = diag_fail(d, ERR_INVALID, "\"pictures\": at least one");
    struct see_pending *p = e ? NULL : pending_new(s);
    if (!e && !p) e = diag_fail(d, ERR_BUSY, "other people are being added: try again in a moment");
    if (e) return e;
    *p = (struct see_pending){.used = true,
                              .done = done,
                              .context = context,
                              .deadline = {wall_now().us + SEE_EMBED_US},
                              .refused = json_array()};
    memcpy(p->command, command, sizeof p->command);
    snprintf(p->name, sizeof p->name, "%s", name);
    snprintf(p->by, sizeof p->by, "%s", by);
    e = ask(s, p, pictures, d);
    if (e) pending_clear(p);
    return e;
}

static void take_faces(struct see_pending *p, size_t i, const struct vision_faces *f) {
    size_t usable = 0, best = 0;
    for (size_t k = 0; k < f->count && k < VISION_FACES_MAX; k++) {
        if (f->reasons[k][0]) continue;
        usable++;
        best = k;
    }
    if (usable == 1)
        memcpy(p->embeddings[p->count++], f->faces[best].embedding, sizeof p->embeddings[0]);
    else if (usable > 1)
        refuse(p, i, "there is more than one face in it");
    else
        refuse(p, i, f->count ? f->reasons[0] : f->message);
    p->answered++;
}

void seeing_faces(struct seeing *s, const struct vision_faces *f) {
    for (size_t i = 0; i < SEE_PEOPLE_PENDING; i++) {
        struct see_pending *p = &s->pending[i];
        for (size_t k = 0; p->used && k < p->asked; k++) {
            if (p->requests[k] != f->request) continue;
            p->requests[k] = 0;
            take_faces(p, k, f);
            if (p->answered == p->asked) finish(s, p);
            return;
        }
    }
}

void see_people_tick(struct seeing *s, struct wall_us now) {
    for (size_t i = 0; i < SEE_PEOPLE_PENDING; i++) {
        struct see_pending *p = &s->pending[i];
        struct diag d = {{0}};
        if (!p->used || now.us < p->deadline.us) continue;
        err e = diag_fail(&d, ERR_TIMEOUT, "nobody looked at the pictures in time: is recognition running?");
        p->done(p->context, p->command, e, NULL, &d);
        pending_clear(p);
    }
    if (s->faces) faces_tick(s->faces, now);
}

void see_people_clear(struct seeing *s) {
    for (size_t i = 0; i < SEE_PEOPLE_PENDING; i++)
        if (s->pending[i].used) pending_clear(&s->pending[i]);
}

/* --- The others --- */

/* Nobody is recognised any more by what is gone. */
static void forget_matches(struct seeing *s) {
    for (struct see_camera *c = s->cameras; c; c = c->next)
        for (size_t i = 0; i < VISION_TRACKS_MAX; i++) {
            struct see_track *t = c->tracks[i];
            if (!t) continue;
            t->face = (struct faces_match){0};
            t->unknown_looks = 0;
            wipe(t->unknown, sizeof t->unknown);
            t->unknown_quality = 0;
        }
}

static err do_set(struct seeing *s, json_t *args, json_t **result, struct diag *d) {
    const char *person = NULL, *name = NULL;
    bool exclude = false, given = false;
    const struct json_field fields[] = {
        {.name = "person", .kind = JSON_KIND_TEXT, .required = true, .max = PERSON_ID_CHARS, .out = &person},
        {.name = "name", .kind = JSON_KIND_TEXT, .min = 1, .max = PERSON_NAME_MAX_BYTES, .out = &name},
        {.name = "exclude", .kind = JSON_KIND_BOOL, .out = &exclude, .present = &given},
    };
    (void)result;
    err e = JSON_READ(args, fields, d);
    if (!e) e = faces_set(s->faces, person, name, given ? &exclude : NULL, d);
    if (!e) forget_matches(s);
    return e;
}

static err do_remove(struct seeing *s, json_t *args, json_t **result, struct diag *d) {
    const char *person = NULL;
    const struct json_field fields[] = {
        {.name = "person", .kind = JSON_KIND_TEXT, .required = true, .max = PERSON_ID_CHARS, .out = &person},
    };
    (void)result;
    err e = JSON_READ(args, fields, d);
    if (!e) e = faces_remove(s->faces, person, d);
    if (!e) forget_matches(s);
    if (!e) log_info("familiar faces: somebody was removed, and the key replaced");
    return e;
}

static err do_suggestions(struct seeing *s, json_t *args, json_t **result, struct diag *d) {
    (void)args;
    *result = json_pack("{s:o}", "suggestions", faces_suggestions(s->faces));
    return *result ? ERR_OK : diag_fail(d, ERR_NO_MEMORY, "out of memory");
}

static err do_name(struct seeing *s, json_t *args, json_t **result, struct diag *d) {
    const char *id = NULL, *name = NULL, *by = NULL;
    json_t *consent = NULL;
    char person[PERSON_ID_CHARS + 1];
    const struct json_field fields[] = {
        {.name = "id", .kind = JSON_KIND_TEXT, .required = true, .max = PERSON_ID_CHARS, .out = &id},
        {.name = "name",
         .kind = JSON_KIND_TEXT,
         .required = true,
         .min = 1,
         .max = PERSON_NAME_MAX_BYTES,
         .out = &name},
        {.name = "consent", .kind = JSON_KIND_OBJECT, .required = true, .out = &consent},
    };
    err e = need_faces(s, d);
    if (!e) e = JSON_READ(args, fields, d);
    if (!e) e = read_consent(consent, &by, d);
    if (!e) e = faces_name(s->faces, id, name, by, wall_now(), person, d);
    if (!e) *result = json_pack("{s:s}", "person", person);
    return e;
}

static err do_dismiss(struct seeing *s, json_t *args, json_t **result, struct diag *d) {
    const char *id = NULL;
    const struct json_field fields[] = {
        {.name = "id", .kind = JSON_KIND_TEXT, .required = true, .max = PERSON_ID_CHARS, .out = &id},
    };
    (void)result;
    err e = JSON_READ(args, fields, d);
    return e ? e : faces_dismiss(s->faces, id, d);
}

static const struct {
    const char *verb;
    err (*run)(struct seeing *s, json_t *args, json_t **result, struct diag *d);
} verbs[] = {
    {"face.set", do_set},   {"face.remove", do_remove},   {"face.suggestions", do_suggestions},
    {"face.name", do_name}, {"face.dismiss", do_dismiss},
};

err see_people_command(struct seeing *s, const uint8_t command[16], const char *verb, json_t *args,
                       json_t **result, bool *later, seeing_done_fn *done, void *context, struct diag *d) {
    if (!s->faces) return need_faces(s, d);
    if (strcmp(verb, "face.add") == 0) {
        err e = do_add(s, command, args, done, context, d);
        *later = !e;
        return e;
    }
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verb, verbs[i].verb) == 0) return verbs[i].run(s, args, result, d);
    return diag_fail(d, ERR_UNSUPPORTED, "this hub does not know \"%s\"", verb);
}
