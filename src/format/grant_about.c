#include "format/grant_about.h"

#include "format/json_bytes.h"

void grant_about_clear(struct grant_about *a) {
    if (!a) return;
    for (size_t i = 0; i < a->hub_count; i++) blob_clear(&a->envelopes[i]);
    *a = (struct grant_about){0};
}

static json_t *camera_json(const struct grant_camera *c) {
    return json_pack("{s:s, s:o*, s:o*, s:o, s:b, s:s*}", "name", c->name, "main",
                     c->is_sub ? json_hex(BYTES_OF(c->main)) : NULL, "sub",
                     c->has_sub ? json_hex(BYTES_OF(c->sub)) : NULL, "hub", json_hex(BYTES_OF(c->hub)),
                     "indoor", (int)c->indoor, "codec", c->codec[0] ? c->codec : NULL);
}

/* NULL: out of memory, or a name that is not UTF-8. */
static json_t *cameras_json(const struct grant_about *a) {
    AUTO(json_release) json_t *cameras = json_object();
    for (size_t i = 0; i < a->camera_count; i++) {
        char id[2 * CAMERA_ID_BYTES + 1];
        hex_encode(BYTES_OF(a->cameras[i].id), id);
        if (json_object_set_new(cameras, id, camera_json(&a->cameras[i]))) return NULL;
    }
    return json_incref(cameras);
}

static json_t *hubs_json(const struct grant_about *a) {
    AUTO(json_release) json_t *hubs = json_array();
    for (size_t i = 0; i < a->hub_count; i++)
        if (json_array_append_new(hubs, json_base64(blob_bytes(&a->envelopes[i])))) return NULL;
    return json_incref(hubs);
}

err grant_about_encode(const struct grant_about *a, struct blob *out, struct diag *d) {
    AUTO(json_release)
    json_t *value =
        json_pack("{s:i, s:s, s:s*, s:o*, s:o, s:o}", "v", 1, "household", a->household, "words",
                  a->words[0] ? a->words : NULL, "actor", a->has_actor ? json_hex(BYTES_OF(a->actor)) : NULL,
                  "cameras", cameras_json(a), "hubs", hubs_json(a));
    AUTO(blob_clear) struct blob text = {0};
    if (!value) return diag_fail(d, ERR_INVALID, "grant: a name or the words are not UTF-8 text");
    err e = json_append(value, &text);
    if (!e && text.len > GRANT_ABOUT_MAX_BYTES)
        e = diag_fail(d, ERR_LIMIT, "grant: what it says of the cameras is larger than %u bytes",
                      GRANT_ABOUT_MAX_BYTES);
    return e ? e : blob_append(out, blob_bytes(&text));
}

static void copy_text(char *out, const char *text) {
    memcpy(out, text, strlen(text) + 1);
}

static err camera_decode(const char *key, json_t *value, const struct grant_statement *s,
                         struct grant_camera *out, bool *has_hub, struct diag *d) {
    const char *name = NULL, *codec = "";
    const struct json_field fields[] = {
        {"name", JSON_KIND_TEXT, true, 0, GRANT_NAME_MAX_BYTES, &name, NULL},
        {"main", JSON_KIND_HEX, false, 0, CAMERA_ID_BYTES, out->main, &out->is_sub},
        {"sub", JSON_KIND_HEX, false, 0, CAMERA_ID_BYTES, out->sub, &out->has_sub},
        {"hub", JSON_KIND_HEX, false, 0, HUB_ID_BYTES, out->hub, has_hub},
        {"indoor", JSON_KIND_BOOL, true, 0, 0, &out->indoor, NULL},
        {"codec", JSON_KIND_TEXT, false, 1, GRANT_CODEC_MAX_BYTES, &codec, NULL},
    };
    if (hex_decode(key, (struct buffer){out->id, sizeof out->id}))
        return diag_fail(d, ERR_INVALID, "\"cameras\" must be by ids of %d hex digits", 2 * CAMERA_ID_BYTES);
    if (!grant_names_camera(s, out->id))
        return diag_fail(d, ERR_FORGED, "it tells of a camera that the statement does not name");
    if (!json_is_object(value)) return diag_fail(d, ERR_INVALID, "\"cameras\" must hold objects");
    err e = JSON_READ(value, fields, d);
    if (e) return e;
    copy_text(out->name, name);
    copy_text(out->codec, codec);
    return ERR_OK;
}

static err hub_decode(json_t *value, const struct grant_statement *s, struct grant_about *out,
                      struct diag *d) {
    struct blob *envelope = &out->envelopes[out->hub_count];
    err e = json_is_string(value)
                ? base64_decode(json_string_value(value), json_string_length(value), envelope)
                : ERR_INVALID;
    if (e == ERR_NO_MEMORY) return e;
    if (e) return diag_fail(d, ERR_INVALID, "\"hubs\" must hold certificates in base64url");
    struct hub_certificate *hub = &out->hubs[out->hub_count++];
    return hub_certificate_verify(blob_bytes(envelope), s->issuer, hub, d);
}

/* Marks are believed of the camera's own hub alone; where there is one hub it need not be named. */
static err settle_hubs(struct grant_about *out, const bool named[], struct diag *d) {
    for (size_t i = 0; i < out->camera_count; i++) {
        bool known = false;
        if (!named[i] && out->hub_count == 1) memcpy(out->cameras[i].hub, out->hubs[0].hub, HUB_ID_BYTES);
        for (size_t h = 0; h < out->hub_count; h++)
            known = known || memcmp(out->cameras[i].hub, out->hubs[h].hub, HUB_ID_BYTES) == 0;
        if (!known) return diag_fail(d, ERR_INVALID, "\"hub\" of a camera is none of \"hubs\"");
    }
    return ERR_OK;
}

static err decode(struct bytes text, const struct grant_statement *s, struct grant_about *out,
                  struct diag *d) {
    AUTO(json_release) json_t *value = NULL;
    json_t *cameras = NULL, *hubs = NULL, *one;
    const char *household = NULL, *words = "", *key;
    int64_t version = 0;
    bool named[GRANT_CAMERAS_MAX] = {0};
    size_t i;
    const struct json_field fields[] = {
        JSON_VERSION(&version),
        {"household", JSON_KIND_TEXT, true, 0, GRANT_NAME_MAX_BYTES, &household, NULL},
        {"words", JSON_KIND_TEXT, false, 0, GRANT_WORDS_MAX_BYTES, &words, NULL},
        {"actor", JSON_KIND_HEX, false, 0, GRANT_ACTOR_BYTES, out->actor, &out->has_actor},
        {"cameras", JSON_KIND_OBJECT, true, 0, 0, &cameras, NULL},
        {"hubs", JSON_KIND_ARRAY, true, 0, GRANT_HUBS_MAX, &hubs, NULL},
    };
    err e = json_parse(text, &value, d);
    if (!e) e = JSON_READ(value, fields, d);
    if (e) return e;
    copy_text(out->household, household);
    copy_text(out->words, words);
    json_object_foreach(cameras, key, one) { /* at most those that the statement names, each once */
        e = camera_decode(key, one, s, &out->cameras[out->camera_count], &named[out->camera_count], d);
        if (e) return e;
        out->camera_count++;
    }
    json_array_foreach(hubs, i, one) {
        e = hub_decode(one, s, out, d);
        if (e) return e;
    }
    return settle_hubs(out, named, d);
}

err grant_about_read(struct bytes text, const struct grant_statement *s, struct grant_about *out,
                     struct diag *d) {
    AUTO(grant_about_clear) struct grant_about found = {0};
    if (text.len > GRANT_ABOUT_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "grant: what it says of the cameras is larger than %u bytes",
                         GRANT_ABOUT_MAX_BYTES);
    err e = decode(text, s, &found, d);
    if (e) {
        diag_prefix(d, "grant: about");
        return e;
    }
    grant_about_clear(out);
    *out = found;
    found = (struct grant_about){0};
    return ERR_OK;
}
