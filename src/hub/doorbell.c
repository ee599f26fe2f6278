#include "hub/doorbell.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "crypto/hash.h"

#define FILE_MAX_BYTES 16384
#define TOKEN_BYTES 32

static err read_one(json_t *o, struct doorbell *out, struct diag *d) {
    const struct json_field fields[] = {
        {.name = "ring", .kind = JSON_KIND_HEX, .required = true, .max = sizeof out->ring, .out = out->ring},
        {.name = "camera",
         .kind = JSON_KIND_HEX,
         .required = true,
         .max = sizeof out->camera,
         .out = out->camera},
        {.name = "added",
         .kind = JSON_KIND_INT,
         .required = true,
         .min = 0,
         .max = INT64_MAX,
         .out = &out->added.us},
    };
    return json_is_object(o) ? JSON_READ(o, fields, d)
                             : diag_fail(d, ERR_INVALID, "a doorbell must be an object");
}

err doorbells_load(const char *data, struct doorbells *out, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(json_release) json_t *file = NULL;
    *out = (struct doorbells){0};
    if (path_join(out->path, data, "doorbells.json")) return diag_fail(d, ERR_LIMIT, "the path is too long");
    err e = file_read(out->path, FILE_MAX_BYTES, &raw, d);
    if (e == ERR_NOT_FOUND) return ERR_OK;
    if (!e) e = json_parse(blob_bytes(&raw), &file, d);
    json_t *list = json_object_get(file, "doorbells"), *one;
    size_t i;
    if (!e && (json_integer_value(json_object_get(file, "v")) != 1 || json_array_size(list) > DOORBELLS_MAX))
        e = diag_fail(d, ERR_INVALID, "this version does not understand it");
    json_array_foreach(list, i, one) {
        if (!e) e = read_one(one, &out->list[out->count], d);
        if (!e) out->count++;
    }
    if (e) diag_prefix(d, "%s", out->path);
    return e;
}

static err save(const struct doorbells *b, struct diag *d) {
    json_t *list = json_array();
    for (size_t i = 0; i < b->count; i++)
        json_array_append_new(list, json_pack("{s:o,s:o,s:I}", "ring", json_hex(BYTES_OF(b->list[i].ring)),
                                              "camera", json_hex(BYTES_OF(b->list[i].camera)), "added",
                                              (json_int_t)b->list[i].added.us));
    AUTO(json_release) json_t *file = json_pack("{s:i,s:o}", "v", 1, "doorbells", list);
    char *text = file && json_array_size(list) == b->count ? json_dumps(file, JSON_INDENT(1)) : NULL;
    err e = text ? file_replace(b->path, bytes_text(text), 0600, d)
                 : diag_fail(d, ERR_NO_MEMORY, "out of memory");
    free(text);
    return e;
}

static struct doorbell *of_camera(struct doorbells *b, const uint8_t camera[16]) {
    for (size_t i = 0; i < b->count; i++)
        if (memcmp(b->list[i].camera, camera, sizeof b->list[i].camera) == 0) return &b->list[i];
    return NULL;
}

static void remove_one(struct doorbells *b, struct doorbell *bell) {
    size_t i = (size_t)(bell - b->list);
    memmove(bell, bell + 1, (b->count - i - 1) * sizeof *bell);
    b->count--;
}

static err read_camera(json_t *args, uint8_t camera[16], struct diag *d) {
    const struct json_field fields[] = {
        {.name = "camera", .kind = JSON_KIND_HEX, .required = true, .max = 16, .out = camera}};
    return JSON_READ(args, fields, d);
}

static err do_add(struct doorbells *b, json_t *args, json_t **result, struct diag *d) {
    struct doorbells before = *b;
    uint8_t camera[16], token[TOKEN_BYTES], hash[HASH_BYTES];
    char text[BASE64_CHARS(TOKEN_BYTES)], path[sizeof text + 16];
    err e = read_camera(args, camera, d);
    if (e) return e;
    struct doorbell *bell = of_camera(b, camera);
    if (!bell && b->count == DOORBELLS_MAX)
        return diag_fail(d, ERR_LIMIT, "there are %d doorbells already", DOORBELLS_MAX);
    if (!bell) bell = &b->list[b->count++];
    random_bytes(token, sizeof token);
    base64_encode(BYTES_OF(token), text);
    hash_sha256(bytes_text(text), hash);
    *bell = (struct doorbell){.added = wall_now()};
    memcpy(bell->camera, camera, sizeof camera);
    memcpy(bell->ring, hash, sizeof bell->ring);
    snprintf(path, sizeof path, "/v1/ring/%s", text);
    *result = json_pack("{s:o,s:s}", "camera", json_hex(BYTES_OF(camera)), "path", path);
    e = *result ? save(b, d) : diag_fail(d, ERR_NO_MEMORY, "out of memory");
    wipe(token, sizeof token);
    wipe(text, sizeof text);
    wipe(path, sizeof path);
    if (!e) return ERR_OK;
    *b = before;
    json_release(result);
    return e;
}

static err do_remove(struct doorbells *b, json_t *args, struct diag *d) {
    uint8_t camera[16];
    struct doorbells before = *b;
    err e = read_camera(args, camera, d);
    if (e) return e;
    struct doorbell *bell = of_camera(b, camera);
    if (!bell) return diag_fail(d, ERR_NOT_FOUND, "that camera has no doorbell of this kind");
    remove_one(b, bell);
    e = save(b, d);
    if (e) *b = before;
    return e;
}

static err do_list(const struct doorbells *b, json_t **result, struct diag *d) {
    json_t *list = json_array();
    for (size_t i = 0; i < b->count; i++) {
        char added[WALL_TEXT_BYTES];
        wall_format(b->list[i].added, added);
        json_array_append_new(
            list, json_pack("{s:o,s:s}", "camera", json_hex(BYTES_OF(b->list[i].camera)), "added", added));
    }
    *result = json_pack("{s:o}", "doorbells", list);
    return *result ? ERR_OK : diag_fail(d, ERR_NO_MEMORY, "out of memory");
}

err doorbells_command(struct doorbells *b, const char *verb, json_t *args, json_t **result, bool *changed,
                      struct diag *d) {
    *changed = false;
    if (strcmp(verb, "doorbell.list") == 0) return do_list(b, result, d);
    err e = strcmp(verb, "doorbell.add") == 0 ? do_add(b, args, result, d)
            : strcmp(verb, "doorbell.remove") == 0
                ? do_remove(b, args, d)
                : diag_fail(d, ERR_UNSUPPORTED, "this hub does not know \"%s\"", verb);
    *changed = e == ERR_OK;
    return e;
}

bool doorbells_forget(struct doorbells *b, const uint8_t camera[16]) {
    struct doorbell *bell = of_camera(b, camera);
    struct diag d = {{0}};
    if (!bell) return false;
    remove_one(b, bell);
    if (save(b, &d)) log_warning("%s", d.text);
    return true;
}

bool doorbells_press(struct doorbells *b, const uint8_t ring[LINK_RING_BYTES], struct steady_us now,
                     uint8_t camera[16]) {
    for (size_t i = 0; i < b->count; i++) {
        struct doorbell *bell = &b->list[i];
        if (memcmp(bell->ring, ring, LINK_RING_BYTES) != 0) continue;
        if (bell->rang.us && now.us - bell->rang.us < DOORBELL_AGAIN_US) return false;
        bell->rang = now;
        memcpy(camera, bell->camera, sizeof bell->camera);
        return true;
    }
    return false;
}

void doorbells_tell(const struct doorbells *b, struct link *l) {
    uint8_t rings[DOORBELLS_MAX][LINK_RING_BYTES];
    for (size_t i = 0; i < b->count; i++) memcpy(rings[i], b->list[i].ring, LINK_RING_BYTES);
    link_rings(l, (const uint8_t(*)[LINK_RING_BYTES])rings, b->count);
}
