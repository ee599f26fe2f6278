#include "base/json.h"

#include <malloc.h>
#include <stdlib.h>

#define NESTING_MAX 16

/* Keyrings, household keys and pairing answers are JSON with secrets in it, and jansson copies strings about:
 * so all memory that it lets go of is wiped, from the start of the program. */
static void wiping_free(void *data) {
    if (data) wipe(data, malloc_usable_size(data));
    free(data);
}

/* jansson takes a failed allocation for a text that is not JSON, or even for the end of a string. */
static _Thread_local bool starved;

static void *watched_malloc(size_t size) {
    void *data = malloc(size);
    if (!data) starved = true;
    return data;
}

static __attribute__((constructor)) void watch_from_the_start(void) {
    json_set_alloc_funcs(watched_malloc, wiping_free);
}

void json_release(json_t **value) {
    json_decref(*value);
    *value = NULL;
}

/* jansson itself recurses to 2048; what we accept is far flatter. Brackets inside strings are skipped. */
static bool too_deep(struct bytes text) {
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > NESTING_MAX) return true;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return false;
}

err json_parse(struct bytes text, json_t **out, struct diag *d) {
    if (too_deep(text)) return diag_fail(d, ERR_INVALID, "the JSON is nested deeper than %d", NESTING_MAX);
    json_error_t why;
    starved = false;
    json_t *value = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &why);
    if (starved) {
        json_decref(value);
        return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    }
    if (!value) return diag_fail(d, ERR_INVALID, "not JSON: %s, at byte %d", why.text, why.position);
    if (!json_is_object(value)) {
        json_decref(value);
        return diag_fail(d, ERR_INVALID, "a JSON object is expected");
    }
    *out = value;
    return ERR_OK;
}

static err read_text(json_t *value, const struct json_field *f, struct diag *d) {
    if (!json_is_string(value)) return diag_fail(d, ERR_INVALID, "\"%s\" must be a string", f->name);
    size_t len = json_string_length(value);
    if ((int64_t)len > f->max)
        return diag_fail(d, ERR_INVALID, "\"%s\" is longer than %lld bytes", f->name, (long long)f->max);
    if ((int64_t)len < f->min)
        return diag_fail(d, ERR_INVALID, "\"%s\" is shorter than %lld bytes", f->name, (long long)f->min);
    *(const char **)f->out = json_string_value(value);
    return ERR_OK;
}

static err read_base64(json_t *value, const struct json_field *f, struct diag *d) {
    if (!json_is_string(value)) return diag_fail(d, ERR_INVALID, "\"%s\" must be a string", f->name);
    AUTO(blob_clear) struct blob decoded = {0};
    err e = base64_decode(json_string_value(value), json_string_length(value), &decoded);
    if (e) return diag_fail(d, e, "\"%s\" is not base64url without padding", f->name);
    if ((int64_t)decoded.len > f->max || (int64_t)decoded.len < f->min)
        return diag_fail(d, ERR_INVALID, "\"%s\" holds %zu bytes; %lld to %lld are allowed", f->name,
                         decoded.len, (long long)f->min, (long long)f->max);
    *(struct blob *)f->out = decoded;
    decoded = (struct blob){0};
    return ERR_OK;
}

static err read_hex(json_t *value, const struct json_field *f, struct diag *d) {
    struct buffer out = {f->out, (size_t)f->max};
    if (!json_is_string(value) || hex_decode(json_string_value(value), out))
        return diag_fail(d, ERR_INVALID, "\"%s\" must be %lld lower-case hex digits", f->name,
                         (long long)f->max * 2);
    return ERR_OK;
}

static err read_int(json_t *value, const struct json_field *f, struct diag *d) {
    if (!json_is_integer(value)) return diag_fail(d, ERR_INVALID, "\"%s\" must be a whole number", f->name);
    int64_t v = json_integer_value(value);
    if (v < f->min || v > f->max)
        return diag_fail(d, ERR_INVALID, "\"%s\" must lie between %lld and %lld", f->name, (long long)f->min,
                         (long long)f->max);
    *(int64_t *)f->out = v;
    return ERR_OK;
}

static err read_nested(json_t *value, const struct json_field *f, struct diag *d) {
    if (f->kind == JSON_KIND_OBJECT ? !json_is_object(value) : !json_is_array(value))
        return diag_fail(d, ERR_INVALID, "\"%s\" must be %s", f->name,
                         f->kind == JSON_KIND_OBJECT ? "an object" : "an array");
    if (f->kind == JSON_KIND_ARRAY && (int64_t)json_array_size(value) > f->max)
        return diag_fail(d, ERR_INVALID, "\"%s\" has more than %lld items", f->name, (long long)f->max);
    *(json_t **)f->out = value;
    return ERR_OK;
}

static err read_field(json_t *value, const struct json_field *f, struct diag *d) {
    switch (f->kind) {
        case JSON_KIND_TEXT: return read_text(value, f, d);
        case JSON_KIND_BASE64: return read_base64(value, f, d);
        case JSON_KIND_HEX: return read_hex(value, f, d);
        case JSON_KIND_INT: return read_int(value, f, d);
        case JSON_KIND_BOOL:
            if (!json_is_boolean(value))
                return diag_fail(d, ERR_INVALID, "\"%s\" must be true or false", f->name);
            *(bool *)f->out = json_is_true(value);
            return ERR_OK;
        case JSON_KIND_OBJECT:
        case JSON_KIND_ARRAY: return read_nested(value, f, d);
    }
    return ERR_INVALID;
}

static bool in_table(const char *name, const struct json_field *fields, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(fields[i].name, name) == 0) return true;
    return false;
}

static err read_all(json_t *object, const struct json_field *fields, size_t count, size_t *done,
                    struct diag *d) {
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value) {
        if (!in_table(name, fields, count))
            return diag_fail(d, ERR_INVALID, "\"%.60s\" is not a field of this request", name);
    }
    for (*done = 0; *done < count; ++*done) {
        const struct json_field *f = &fields[*done];
        value = json_object_get(object, f->name);
        if (f->present) *f->present = value != NULL;
        if (!value && f->required) return diag_fail(d, ERR_INVALID, "\"%s\" is missing", f->name);
        if (!value) continue;
        err e = read_field(value, f, d);
        if (e) return e;
    }
    return ERR_OK;
}

err json_read(json_t *object, const struct json_field *fields, size_t count, struct diag *d) {
    size_t done = 0;
    err e = read_all(object, fields, count, &done, d);
    for (size_t i = 0; e && i < done; i++)
        if (fields[i].kind == JSON_KIND_BASE64) blob_clear(fields[i].out);
    return e;
}

json_t *json_base64(struct bytes data) {
    char *text = malloc(BASE64_CHARS(data.len));
    if (!text) return NULL;
    base64_encode(data, text);
    json_t *value = json_string(text);
    wipe(text, strlen(text));
    free(text);
    return value;
}

json_t *json_hex(struct bytes data) {
    char *text = malloc(2 * data.len + 1);
    if (!text) return NULL;
    hex_encode(data, text);
    json_t *value = json_string(text);
    free(text);
    return value;
}
