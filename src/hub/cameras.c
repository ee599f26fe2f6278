#include "hub/cameras.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "crypto/hash.h"

#define FILE_MAX_BYTES (2u << 20)

void cameras_clear(struct cameras *c) {
    if (c->list) wipe(c->list, CAMERAS_MAX * sizeof *c->list);
    free(c->list);
    c->list = NULL;
    c->count = 0;
}

struct camera_settings *cameras_find(const struct cameras *c, const uint8_t camera[CAMERA_ID_BYTES]) {
    for (size_t i = 0; i < c->count; i++) {
        struct camera_settings *s = &c->list[i];
        if (memcmp(s->id, camera, CAMERA_ID_BYTES) == 0 ||
            (s->has_sub && memcmp(s->sub, camera, CAMERA_ID_BYTES) == 0))
            return s;
    }
    return NULL;
}

/* --- The file
 * ----------------------------------------------------------------------------------------------------- */

static json_t *to_json(const struct camera_settings *s) {
    char added[WALL_TEXT_BYTES];
    wall_format(s->added, added);
    return json_pack("{s:o,s:o,s:s,s:s,s:o,s:b,s:b,s:s,s:o,s:I,s:I,s:I}", "camera", json_hex(BYTES_OF(s->id)),
                     "sub", s->has_sub ? json_hex(BYTES_OF(s->sub)) : json_null(), "name", s->name, "url",
                     s->url, "sub_url", s->has_sub ? json_string(s->sub_url) : json_null(), "indoor",
                     s->indoor, "audio", s->audio, "added", added, "record", record_settings_json(&s->record),
                     "retention_days", (json_int_t)s->retention_days, "epoch", (json_int_t)s->epoch,
                     "sub_epoch", (json_int_t)s->sub_epoch);
}

static err copy_text(json_t *o, const char *name, char *out, size_t size) {
    const char *text = json_string_value(json_object_get(o, name));
    if (!text || strlen(text) >= size) return ERR_INVALID;
    memcpy(out, text, strlen(text) + 1);
    return ERR_OK;
}

static err from_json(json_t *o, struct camera_settings *s, struct diag *d) {
    const char *id = json_string_value(json_object_get(o, "camera")),
               *sub = json_string_value(json_object_get(o, "sub"));
    char added[WALL_TEXT_BYTES];
    *s = (struct camera_settings){.has_sub = sub != NULL};
    if (!id || hex_decode(id, (struct buffer){s->id, sizeof s->id}) ||
        (sub && hex_decode(sub, (struct buffer){s->sub, sizeof s->sub})) ||
        copy_text(o, "name", s->name, sizeof s->name) || copy_text(o, "url", s->url, sizeof s->url) ||
        (sub && copy_text(o, "sub_url", s->sub_url, sizeof s->sub_url)) ||
        copy_text(o, "added", added, sizeof added) || wall_parse(added, wall_now(), &s->added, d))
        return ERR_INVALID;
    s->indoor = json_is_true(json_object_get(o, "indoor"));
    s->audio = json_is_true(json_object_get(o, "audio"));
    s->retention_days = (uint32_t)json_integer_value(json_object_get(o, "retention_days"));
    s->epoch = (uint32_t)json_integer_value(json_object_get(o, "epoch"));
    s->sub_epoch = (uint32_t)json_integer_value(json_object_get(o, "sub_epoch"));
    return record_settings_read(json_object_get(o, "record"), &s->record, d);
}

err cameras_load(const char *path, struct cameras *out, struct diag *d) {
    *out = (struct cameras){0};
    out->list = calloc(CAMERAS_MAX, sizeof *out->list);
    if (!out->list) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    snprintf(out->path, sizeof out->path, "%s", path);
    AUTO(blob_clear) struct blob raw = {0};
    err e = file_read(path, FILE_MAX_BYTES, &raw, d);
    if (e) return e == ERR_NOT_FOUND ? ERR_OK : e;
    AUTO(json_release) json_t *file = NULL;
    struct diag why = {{0}};
    e = json_parse(blob_bytes(&raw), &file, &why);
    json_t *list = json_object_get(file, "cameras"), *o;
    size_t i;
    if (!e && (!json_is_array(list) || json_array_size(list) > CAMERAS_MAX)) e = ERR_INVALID;
    if (!e) json_array_foreach(list, i, o) {
            e = from_json(o, &out->list[out->count], &why);
            if (e) break;
            out->count++;
        }
    return e ? diag_fail(d, e, "%s is damaged (%s): mend it, or remove it and add the cameras anew", path,
                         why.text)
             : ERR_OK;
}

err cameras_store(const struct cameras *c, struct diag *d) {
    AUTO(json_release) json_t *file = json_pack("{s:i,s:[]}", "v", 1, "cameras");
    for (size_t i = 0; i < c->count; i++)
        if (!file || json_array_append_new(json_object_get(file, "cameras"), to_json(&c->list[i])))
            return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    char *text = file ? json_dumps(file, JSON_COMPACT) : NULL;
    if (!text) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    err e = file_replace(c->path, bytes_text(text), 0600, d);
    wipe(text, strlen(text));
    free(text);
    return e;
}

/* --- Changes
 * ------------------------------------------------------------------------------------------------------ */

static err check_taken(const struct cameras *c, const struct camera_settings *s, struct diag *d) {
    if (s->has_sub && camera_url_same(s->url, s->sub_url))
        return diag_fail(d, ERR_INVALID, "\"sub\" is the same address as \"url\"");
    for (size_t i = 0; i < c->count; i++) {
        const struct camera_settings *o = &c->list[i];
        if (memcmp(o->id, s->id, sizeof o->id) == 0) continue;
        if (strcmp(o->name, s->name) == 0)
            return diag_fail(d, ERR_EXISTS, "there is a camera named \"%s\" already", s->name);
        if (camera_url_same(o->url, s->url) || (o->has_sub && camera_url_same(o->sub_url, s->url)) ||
            (s->has_sub && (camera_url_same(o->url, s->sub_url) ||
                            (o->has_sub && camera_url_same(o->sub_url, s->sub_url)))))
            return diag_fail(d, ERR_EXISTS, "this camera was added already, as \"%s\"", o->name);
    }
    return ERR_OK;
}

static err take_name(struct camera_settings *s, const char *name, struct diag *d) {
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < 32 || *p == 127)
            return diag_fail(d, ERR_INVALID, "\"name\" has a control character in it");
    snprintf(s->name, sizeof s->name, "%s", name);
    return ERR_OK;
}

static err take_url(const char *url, const char *field, char out[CAMERA_URL_MAX_BYTES + 1], struct diag *d) {
    struct camera_url parsed;
    err e = camera_url_parse(url, &parsed, d);
    if (e) {
        diag_prefix(d, "\"%s\"", field);
        return e;
    }
    snprintf(out, CAMERA_URL_MAX_BYTES + 1, "%s", url);
    return ERR_OK;
}

err cameras_add(struct cameras *c, json_t *args, struct wall_us now, struct camera_settings **out,
                struct diag *d) {
    const char *name = NULL, *url = NULL, *sub = NULL;
    struct camera_settings s = {.audio = true,
                                .added = now,
                                .retention_days = 30,
                                .record = {.mode = RECORD_MODE_ALWAYS, .pre_s = 5, .post_s = 10}};
    json_t *sub_value = json_object_get(args, "sub");
    if (json_is_null(sub_value)) json_object_del(args, "sub");
    const struct json_field fields[] = {
        {.name = "name",
         .kind = JSON_KIND_TEXT,
         .required = true,
         .min = 1,
         .max = CAMERA_NAME_MAX_BYTES,
         .out = &name},
        {.name = "url",
         .kind = JSON_KIND_TEXT,
         .required = true,
         .min = 1,
         .max = CAMERA_URL_MAX_BYTES,
         .out = &url},
        {.name = "sub", .kind = JSON_KIND_TEXT, .min = 1, .max = CAMERA_URL_MAX_BYTES, .out = &sub},
        {.name = "indoor", .kind = JSON_KIND_BOOL, .out = &s.indoor},
        {.name = "audio", .kind = JSON_KIND_BOOL, .out = &s.audio},
    };
    err e = JSON_READ(args, fields, d);
    if (!e) e = take_name(&s, name, d);
    if (!e) e = take_url(url, "url", s.url, d);
    if (!e && sub) e = take_url(sub, "sub", s.sub_url, d);
    s.has_sub = sub != NULL;
    random_bytes(s.id, sizeof s.id);
    if (s.has_sub) random_bytes(s.sub, sizeof s.sub);
    if (!e) e = check_taken(c, &s, d);
    if (!e && c->count >= CAMERAS_MAX)
        e = diag_fail(d, ERR_LIMIT, "a hub takes at most %d cameras", CAMERAS_MAX);
    if (!e) {
        c->list[c->count++] = s;
        e = cameras_store(c, d);
        if (e)
            wipe(&c->list[--c->count], sizeof s);
        else
            *out = &c->list[c->count - 1];
    }
    wipe(&s, sizeof s);
    return e;
}

err cameras_set(struct cameras *c, struct camera_settings *camera, json_t *args, struct diag *d) {
    const char *name = NULL;
    struct camera_settings s = *camera, before = *camera;
    int64_t retention = s.retention_days;
    json_t *record = NULL;
    const struct json_field fields[] = {
        {.name = "name", .kind = JSON_KIND_TEXT, .min = 1, .max = CAMERA_NAME_MAX_BYTES, .out = &name},
        {.name = "indoor", .kind = JSON_KIND_BOOL, .out = &s.indoor},
        {.name = "audio", .kind = JSON_KIND_BOOL, .out = &s.audio},
        {.name = "record", .kind = JSON_KIND_OBJECT, .out = &record},
        {.name = "retention_days",
         .kind = JSON_KIND_INT,
         .min = 0,
         .max = RETENTION_MAX_DAYS,
         .out = &retention},
    };
    err e = JSON_READ(args, fields, d);
    if (!e && name) e = take_name(&s, name, d);
    if (!e && record) e = record_settings_read(record, &s.record, d);
    s.retention_days = (uint32_t)retention;
    if (!e) e = check_taken(c, &s, d);
    if (!e) {
        *camera = s;
        e = cameras_store(c, d);
        if (e) *camera = before;
    }
    wipe(&s, sizeof s);
    wipe(&before, sizeof before);
    return e;
}

err cameras_remove(struct cameras *c, struct camera_settings *camera, struct diag *d) {
    size_t at = (size_t)(camera - c->list);
    struct camera_settings removed = *camera;
    memmove(camera, camera + 1, (c->count - at - 1) * sizeof *camera);
    wipe(&c->list[--c->count], sizeof *camera);
    err e = cameras_store(c, d);
    if (e) {
        memmove(camera + 1, camera, (c->count - at) * sizeof *camera);
        *camera = removed;
        c->count++;
    }
    wipe(&removed, sizeof removed);
    return e;
}

json_t *camera_profile(const struct camera_settings *c, bool sub, const uint8_t hub[16]) {
    char added[WALL_TEXT_BYTES];
    wall_format(c->added, added);
    json_t *o = json_pack("{s:i,s:s,s:s,s:o,s:b,s:b,s:s,s:o,s:I}", "v", 1, "name", c->name, "kind",
                          sub ? "sub" : "main", "hub", json_hex(BYTES(hub, 16)), "indoor", c->indoor, "audio",
                          c->audio, "added", added, "record", record_settings_json(&c->record),
                          "retention_days", (json_int_t)c->retention_days);
    if (!o) return NULL;
    if (sub)
        json_object_set_new(o, "main", json_hex(BYTES_OF(c->id)));
    else
        json_object_set_new(o, "sub", c->has_sub ? json_hex(BYTES_OF(c->sub)) : json_null());
    return o;
}
