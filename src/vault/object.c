/* A household's small sealed things. The vault checks that an envelope is one, and says what it is stored as:
 * it can neither move, swap nor edit it, and it cannot read it. */
#include <stdio.h>
#include <stdlib.h>

#include "format/object.h"
#include "vault/vault.h"

static bool key_sound(const char *key, bool prefix, struct http_reply *r) {
    size_t len = strlen(key);
    if (len <= INDEX_OBJECT_KEY_CHARS && strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789/-") == len &&
        (len || prefix))
        return true;
    reply_invalid(r, "a key is 1 to %d characters of a-z, 0-9, / and -", INDEX_OBJECT_KEY_CHARS);
    return false;
}

/* Writers keep what belongs to cameras, and nothing else. */
static bool key_allowed(struct http_request *request, const char *key, struct http_reply *r) {
    if (caller_of(request)->who == WHO_OWNER || strncmp(key, "camera/", 7) == 0) return true;
    reply_error(r, 403, "denied", "a hub may change only what is under camera/");
    return false;
}

static err append_object(void *arg, const struct object_info *o) {
    json_t *item = json_pack("{s:s,s:I,s:I}", "key", o->key, "version", (json_int_t)o->version, "bytes",
                             (json_int_t)o->bytes);
    return json_array_append_new(arg, item) ? ERR_NO_MEMORY : ERR_OK;
}

enum http_outcome object_list(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const char *prefix = "";
    const struct query_field fields[] = {{"prefix", QUERY_TEXT, false, INDEX_OBJECT_KEY_CHARS, &prefix}};
    if (!REQUEST_QUERY(request, fields, r) || !key_sound(prefix, true, r)) return HTTP_DONE;
    AUTO(json_release) json_t *list = json_array();
    struct diag d = {0};
    err e = v->index->ops->object_list(v->index, &caller_of(request)->capability.household, prefix,
                                       append_object, list, &d);
    if (e) return reply_err(r, e, &d);
    return reply_json(r, 200, json_pack("{s:O}", "objects", list));
}

enum http_outcome object_get(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const char *key = request->params[0];
    if (!key_sound(key, false, r)) return HTTP_DONE;
    uint64_t version = 0;
    AUTO(blob_clear) struct blob value = {0};
    struct diag d = {0};
    err e = v->index->ops->object_get(v->index, &caller_of(request)->capability.household, key, &version,
                                      &value, &d);
    if (e == ERR_NOT_FOUND) return reply_error(r, 404, "not_found", "there is no such object");
    if (e) return reply_err(r, e, &d);
    http_reply_header(r, "ETag", "\"%llu\"", (unsigned long long)version);
    return reply_text(r, 200, "application/octet-stream", &value);
}

/* `"7"` to 7. */
static bool read_etag(const char *text, uint64_t *out) {
    uint64_t v = 0;
    size_t digits = text && text[0] == '"' ? strspn(text + 1, "0123456789") : 0;
    if (digits == 0 || digits > 18 || strcmp(text + 1 + digits, "\"") != 0) return false;
    for (size_t i = 1; i <= digits; i++) v = v * 10 + (uint64_t)(text[i] - '0');
    *out = v;
    return true;
}

/* Is it an envelope of this key and version, by whoever's key stands in it? */
static err envelope_check(struct bytes raw, const char *key, uint64_t version,
                          uint8_t signer[SIGN_PUBLIC_BYTES], struct diag *d) {
    struct object o;
    err e = object_verify(raw, &o, d);
    if (e)
        return e == ERR_FORGED ? diag_fail(d, ERR_INVALID, "the envelope's signature does not fit")
                               : ERR_INVALID;
    memcpy(signer, o.signer, SIGN_PUBLIC_BYTES);
    if (strcmp(o.key, key) != 0) return diag_fail(d, ERR_INVALID, "the envelope is of another key");
    if (o.version == version) return ERR_OK;
    return diag_fail(d, ERR_INVALID, "the envelope is of version %llu, not %llu",
                     (unsigned long long)o.version, (unsigned long long)version);
}

/* A camera is its hub's: another hub of the household, which may be a stolen one, writes nothing of it. Its
 * hub is the signer of its profile. */
static err camera_check(struct vault *v, const struct store_id *household, const char *key,
                        const uint8_t signer[SIGN_PUBLIC_BYTES], struct diag *d) {
    const char *rest = strchr(key + strlen("camera/"), '/');
    char profile[INDEX_OBJECT_KEY_CHARS + 16];
    AUTO(blob_clear) struct blob raw = {0};
    struct object o;
    uint64_t version;
    if (!rest) return ERR_OK;
    int n = snprintf(profile, sizeof profile, "%.*s/profile", (int)(rest - key), key);
    if (n > INDEX_OBJECT_KEY_CHARS) return ERR_OK; /* there can be no such profile */
    err e = v->index->ops->object_get(v->index, household, profile, &version, &raw, d);
    if (e == ERR_NOT_FOUND) return ERR_OK;
    if (!e && object_verify(blob_bytes(&raw), &o, NULL) == ERR_OK &&
        memcmp(o.signer, signer, SIGN_PUBLIC_BYTES) != 0)
        return diag_fail(d, ERR_DENIED, "this camera is another hub's");
    return e;
}

enum http_outcome object_put(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const char *key = request->params[0];
    uint64_t replaces = 0, current = 0;
    if (!key_sound(key, false, r) || !key_allowed(request, key, r)) return HTTP_DONE;
    if (!read_etag(http_header(request, "If-Match"), &replaces))
        return reply_invalid(r,
                             "the header If-Match is missing, or not a version in quotes (\"0\" to create)");
    /* Whoever holds a stolen hub could destroy every recording by writing over its keys. */
    if (replaces && caller_of(request)->who != WHO_OWNER && strstr(key, "/root/"))
        return reply_error(r, 403, "denied", "a hub may not replace keys that it has stored");
    struct diag d = {0};
    uint8_t signer[SIGN_PUBLIC_BYTES];
    err e = envelope_check(request->body, key, replaces + 1, signer, &d);
    if (!e && caller_of(request)->who != WHO_OWNER)
        e = camera_check(v, &caller_of(request)->capability.household, key, signer, &d);
    if (e) return reply_err(r, e, &d);
    e = v->index->ops->object_put(v->index, &caller_of(request)->capability.household, key, replaces,
                                  request->body, &current, &d);
    if (e == ERR_CONFLICT) {
        reply_error(r, 409, "conflict", "the object has version %llu", (unsigned long long)current);
        http_reply_header(r, "ETag", "\"%llu\"", (unsigned long long)current);
        return HTTP_DONE;
    }
    return e ? reply_err(r, e, &d) : reply_empty(r, 204);
}

enum http_outcome object_delete(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const char *key = request->params[0];
    if (!key_sound(key, false, r)) return HTTP_DONE;
    struct diag d = {0};
    err e = v->index->ops->object_remove(v->index, &caller_of(request)->capability.household, key, &d);
    if (e == ERR_NOT_FOUND) return reply_error(r, 404, "not_found", "there is no such object");
    return e ? reply_err(r, e, &d) : reply_empty(r, 204);
}
