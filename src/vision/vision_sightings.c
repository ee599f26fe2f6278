/* Sightings and faces: what JSON holds of tracks and of faces (docs/seeing.md, "Vision", 17 and 19). */
#include <math.h>

#include "vision/vision_json.h"

#define EMBEDDING_BYTES (VISION_EMBEDDING_FLOATS * 4)

static const char *const state_words[] = {"new", "seen", "lost"};

/* --- Writing --- */

static json_t *box_json(const struct place_box *b) {
    return json_pack("[i,i,i,i]", (int)b->x, (int)b->y, (int)b->w, (int)b->h);
}

static json_t *embedding_json(const float *embedding) {
    uint8_t raw[EMBEDDING_BYTES];
    for (size_t i = 0; i < VISION_EMBEDDING_FLOATS; i++) {
        uint32_t bits;
        memcpy(&bits, embedding + i, sizeof bits);
        for (size_t k = 0; k < 4; k++) raw[4 * i + k] = (uint8_t)(bits >> 8 * k);
    }
    return json_base64(BYTES_OF(raw));
}

/* Six decimals say all that a score has to say. */
static double rounded(float value) {
    return round((double)value * 1e6) / 1e6;
}

static json_t *face_json(const struct seen_face *f, const char *reason) {
    if (reason && reason[0])
        return json_pack("{s:f,s:s,s:o}", "quality", rounded(f->quality), "reason", reason, "box",
                         box_json(&f->box));
    return json_pack("{s:f,s:o,s:o}", "quality", rounded(f->quality), "box", box_json(&f->box), "embedding",
                     embedding_json(f->embedding));
}

static json_t *track_json(const struct seen_track *t) {
    json_t *object = json_pack("{s:I,s:s,s:f,s:o,s:I,s:b,s:s,s:o}", "id", (json_int_t)t->id, "label",
                               seen_label_text(t->label), "score", rounded(t->score), "box",
                               box_json(&t->box), "first", (json_int_t)t->first.us, "still", (int)t->still,
                               "state", state_words[t->state], "look", json_base64(BYTES_OF(t->look)));
    if (object && t->has_face && json_object_set_new(object, "face", face_json(&t->face, NULL)))
        json_release(&object);
    return object;
}

err vision_sightings_append(struct blob *out, const struct vision_sightings *m) {
    if (m->count > VISION_TRACKS_MAX) return ERR_LIMIT;
    json_t *tracks = json_array();
    for (size_t i = 0; tracks && i < m->count; i++)
        if (json_array_append_new(tracks, track_json(&m->tracks[i]))) json_release(&tracks);
    return vision_append_json_message(out, VISION_TYPE_SIGHTINGS,
                                      json_pack("{s:i,s:I,s:I,s:o}", "camera", (int)m->camera, "wall",
                                                (json_int_t)m->wall.us, "ms", (json_int_t)m->took_ms,
                                                "tracks", tracks));
}

err vision_faces_append(struct blob *out, const struct vision_faces *m) {
    if (m->count > VISION_FACES_MAX) return ERR_LIMIT;
    json_t *faces = json_array();
    for (size_t i = 0; faces && i < m->count; i++)
        if (json_array_append_new(faces, face_json(&m->faces[i], m->reasons[i]))) json_release(&faces);
    json_t *object = json_pack("{s:o,s:s*}", "faces", faces, "message", m->message[0] ? m->message : NULL);
    size_t mark = out->len;
    err e = message_begin(out, VISION_TYPE_FACES, &mark);
    if (!e) e = blob_append_be32(out, m->request);
    if (e)
        json_release(&object);
    else
        e = vision_append_json(out, object);
    if (!e) e = message_end(out, mark, vision_type_limit);
    if (e) out->len = mark;
    return e;
}

/* --- Reading --- */

static err box_read(json_t *list, struct place_box *out, struct diag *d) {
    int64_t v[4];
    for (size_t i = 0; i < 4; i++) {
        json_t *item = json_array_get(list, i);
        v[i] = json_integer_value(item);
        if (!json_is_integer(item) || v[i] < 0 || v[i] > PLACE_WHOLE)
            return diag_fail(d, ERR_INVALID, "\"box\" must be four numbers from 0 to %d", PLACE_WHOLE);
    }
    if (json_array_size(list) != 4 || v[0] + v[2] > PLACE_WHOLE || v[1] + v[3] > PLACE_WHOLE)
        return diag_fail(d, ERR_INVALID, "\"box\" leaves the picture");
    *out = (struct place_box){(uint16_t)v[0], (uint16_t)v[1], (uint16_t)v[2], (uint16_t)v[3]};
    return ERR_OK;
}

static err embedding_read(struct bytes raw, float out[VISION_EMBEDDING_FLOATS], struct diag *d) {
    if (raw.len != EMBEDDING_BYTES) return diag_fail(d, ERR_INVALID, "\"embedding\" has another size");
    for (size_t i = 0; i < VISION_EMBEDDING_FLOATS; i++) {
        const uint8_t *p = raw.data + 4 * i;
        uint32_t bits = (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
        memcpy(out + i, &bits, sizeof bits);
        if (!(fabsf(out[i]) <= 1.001f)) return diag_fail(d, ERR_INVALID, "\"embedding\" is not of length 1");
    }
    return ERR_OK;
}

/* `reason` NULL: a face that is of use, with its embedding. */
static err face_read(json_t *object, struct seen_face *out, char reason[VISION_REASON_MAX_BYTES + 1],
                     struct diag *d) {
    struct seen_face f = {0};
    double quality = 0;
    json_t *box = NULL;
    const char *why = "";
    AUTO(blob_clear) struct blob embedding = {0};
    bool has_embedding = false;
    const struct json_field fields[] = {
        {"box", JSON_KIND_ARRAY, true, 4, 4, &box, NULL},
        {"reason", JSON_KIND_TEXT, false, 1, VISION_REASON_MAX_BYTES, &why, NULL},
        {"embedding", JSON_KIND_BASE64, false, 0, EMBEDDING_BYTES, &embedding, &has_embedding},
    };
    if (!json_is_object(object)) return diag_fail(d, ERR_INVALID, "a face is no object");
    err e = vision_take_number(object, "quality", true, 0, 1, &quality, d);
    if (!e) e = JSON_READ(object, fields, d);
    if (!e) e = box_read(box, &f.box, d);
    if (!e && has_embedding) e = embedding_read(blob_bytes(&embedding), f.embedding, d);
    if (!e && !has_embedding && (!reason || !why[0]))
        e = diag_fail(d, ERR_INVALID, "a face has neither embedding nor reason");
    if (e) return e;
    f.quality = (float)quality;
    *out = f;
    if (reason) vision_copy_text(reason, VISION_REASON_MAX_BYTES + 1, why);
    return ERR_OK;
}

static err state_read(const char *word, enum track_state *out, struct diag *d) {
    for (size_t i = 0; i < sizeof state_words / sizeof *state_words; i++) {
        if (strcmp(word, state_words[i]) != 0) continue;
        *out = (enum track_state)i;
        return ERR_OK;
    }
    return diag_fail(d, ERR_INVALID, "\"state\" has an unknown value");
}

static err look_read(struct bytes raw, int8_t out[VISION_LOOK_BYTES], struct diag *d) {
    if (raw.len != VISION_LOOK_BYTES) return diag_fail(d, ERR_INVALID, "\"look\" has another size");
    memcpy(out, raw.data, VISION_LOOK_BYTES);
    return ERR_OK;
}

static err track_read(json_t *object, struct seen_track *out, struct diag *d) {
    struct seen_track *t = out;
    *t = (struct seen_track){0};
    int64_t id = 0, first = 0;
    const char *label = "", *state = "";
    double score = 0;
    json_t *box = NULL, *face = NULL;
    AUTO(blob_clear) struct blob look = {0};
    const struct json_field fields[] = {
        {"id", JSON_KIND_INT, true, 1, INT64_MAX, &id, NULL},
        {"label", JSON_KIND_TEXT, true, 1, 16, &label, NULL},
        {"box", JSON_KIND_ARRAY, true, 4, 4, &box, NULL},
        {"first", JSON_KIND_INT, true, 0, VISION_WALL_END - 1, &first, NULL},
        {"still", JSON_KIND_BOOL, true, 0, 0, &t->still, NULL},
        {"state", JSON_KIND_TEXT, true, 1, 8, &state, NULL},
        {"look", JSON_KIND_BASE64, true, 0, VISION_LOOK_BYTES, &look, NULL},
        {"face", JSON_KIND_OBJECT, false, 0, 0, &face, NULL},
    };
    if (!json_is_object(object)) return diag_fail(d, ERR_INVALID, "a track is no object");
    err e = vision_take_number(object, "score", true, 0, 1, &score, d);
    if (!e) e = JSON_READ(object, fields, d);
    if (!e && seen_label_read(label, &t->label))
        e = diag_fail(d, ERR_INVALID, "\"label\" has an unknown value");
    if (!e) e = state_read(state, &t->state, d);
    if (!e) e = box_read(box, &t->box, d);
    if (!e) e = look_read(blob_bytes(&look), t->look, d);
    if (!e && face) e = face_read(face, &t->face, NULL, d);
    if (e) return e;
    t->id = (uint64_t)id;
    t->first.us = first;
    t->score = (float)score;
    t->has_face = face != NULL;
    return ERR_OK;
}

err vision_sightings_decode(struct bytes payload, struct vision_sightings *out, struct diag *d) {
    AUTO(json_release) json_t *object = NULL;
    err e = json_parse(payload, &object, d);
    if (e) return e;
    int64_t camera = 0, wall = 0, ms = 0;
    json_t *tracks = NULL;
    const struct json_field fields[] = {
        {"camera", JSON_KIND_INT, true, 0, VISION_CAMERAS_MAX - 1, &camera, NULL},
        {"wall", JSON_KIND_INT, true, 0, VISION_WALL_END - 1, &wall, NULL},
        {"ms", JSON_KIND_INT, true, 0, UINT32_MAX, &ms, NULL},
        {"tracks", JSON_KIND_ARRAY, true, 0, VISION_TRACKS_MAX, &tracks, NULL},
    };
    e = JSON_READ(object, fields, d);
    out->count = json_array_size(tracks);
    for (size_t i = 0; !e && i < out->count; i++)
        e = track_read(json_array_get(tracks, i), &out->tracks[i], d);
    if (e) return e;
    out->camera = (uint8_t)camera;
    out->wall.us = wall;
    out->took_ms = (uint32_t)ms;
    return ERR_OK;
}

err vision_faces_decode(struct bytes payload, struct vision_faces *out, struct diag *d) {
    struct reader r = reader_of(payload);
    if (!reader_be32(&r, &out->request)) return diag_fail(d, ERR_INVALID, "faces: no request");
    AUTO(json_release) json_t *object = NULL;
    err e = json_parse(BYTES(r.at, reader_left(&r)), &object, d);
    if (e) return e;
    json_t *faces = NULL;
    const char *message = "";
    const struct json_field fields[] = {
        {"faces", JSON_KIND_ARRAY, true, 0, VISION_FACES_MAX, &faces, NULL},
        {"message", JSON_KIND_TEXT, false, 1, VISION_TEXT_MAX_BYTES, &message, NULL},
    };
    e = JSON_READ(object, fields, d);
    out->count = json_array_size(faces);
    for (size_t i = 0; !e && i < out->count; i++)
        e = face_read(json_array_get(faces, i), &out->faces[i], out->reasons[i], d);
    if (!e) vision_copy_text(out->message, sizeof out->message, message);
    return e;
}
