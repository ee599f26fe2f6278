#include "tlog/release.h"

#include <stdlib.h>

#include "base/json.h"

#define PATH_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./"

/* No hidden file, no way up, no folder: what a server may be asked for as it stands. */
static bool path_is_valid(const char *path) {
    size_t len = strlen(path);
    return len > 1 && len <= RELEASE_NAME_MAX_BYTES && path[0] == '/' && path[len - 1] != '/' &&
           strspn(path, PATH_CHARS) == len && !strstr(path, "/.") && !strstr(path, "//");
}

static bool version_is_valid(const char *version) {
    size_t len = strlen(version);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)version[i] <= ' ' || (unsigned char)version[i] > '~' || version[i] == '"' ||
            version[i] == '\\')
            return false;
    return len > 0 && len <= RELEASE_VERSION_MAX_BYTES;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct release_file *)a)->path, ((const struct release_file *)b)->path);
}

static err read_files(json_t *files, struct release *r, struct diag *d) {
    const char *path;
    json_t *value;
    size_t count = json_object_size(files);
    if (count == 0 || count > RELEASE_FILES_MAX)
        return diag_fail(d, ERR_INVALID, "a release has 1 to %u files", RELEASE_FILES_MAX);
    r->files = calloc(count, sizeof *r->files);
    if (!r->files) return diag_fail(d, ERR_NO_MEMORY, "no memory for a release's files");
    json_object_foreach(files, path, value) {
        struct release_file *f = &r->files[r->count];
        const char *hash = json_string_value(value);
        if (!path_is_valid(path) || strcmp(path, RELEASE_PATH) == 0)
            return diag_fail(d, ERR_INVALID, "the release names a file that cannot be: %.80s", path);
        if (!hash || hex_decode(hash, (struct buffer){f->hash, HASH_BYTES}))
            return diag_fail(d, ERR_INVALID, "the release has no hash of %s", path);
        memcpy(f->path, path, strlen(path) + 1);
        r->count++;
    }
    qsort(r->files, r->count, sizeof *r->files, by_path);
    return ERR_OK;
}

err release_read(struct bytes list, struct release *out, struct diag *d) {
    AUTO(json_release) json_t *document = NULL;
    const char *version = NULL;
    json_t *files = NULL;
    int64_t v = 0;
    const struct json_field fields[] = {
        {"v", JSON_KIND_INT, true, 1, 1, &v, NULL},
        {"version", JSON_KIND_TEXT, true, 1, RELEASE_VERSION_MAX_BYTES, &version, NULL},
        {"files", JSON_KIND_OBJECT, true, 0, 0, &files, NULL},
    };
    if (list.len > RELEASE_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "the release's list is larger than %u bytes", RELEASE_MAX_BYTES);
    err e = json_parse(list, &document, d);
    if (!e) e = JSON_READ(document, fields, d);
    if (e) return e;
    if (!version_is_valid(version)) return diag_fail(d, ERR_INVALID, "the release's version is no name");
    struct release r = {0};
    e = read_files(files, &r, d);
    if (e) {
        release_clear(&r);
        return e;
    }
    hash_sha256(list, r.hash);
    memcpy(r.version, version, strlen(version) + 1);
    *out = r;
    return ERR_OK;
}

void release_clear(struct release *r) {
    free(r->files);
    *r = (struct release){0};
}

const struct release_file *release_find(const struct release *r, const char *path) {
    struct release_file key;
    size_t len = strlen(path);
    if (len > RELEASE_NAME_MAX_BYTES || r->count == 0) return NULL;
    memcpy(key.path, path, len + 1);
    return bsearch(&key, r->files, r->count, sizeof *r->files, by_path);
}

err release_details(struct bytes details, uint8_t hash[HASH_BYTES], char *version, struct diag *d) {
    AUTO(json_release) json_t *document = NULL;
    const char *said = NULL;
    uint8_t found[HASH_BYTES];
    const struct json_field fields[] = {
        {"release", JSON_KIND_HEX, true, 0, HASH_BYTES, found, NULL},
        {"version", JSON_KIND_TEXT, true, 1, RELEASE_VERSION_MAX_BYTES, &said, NULL},
    };
    err e = json_parse(details, &document, d);
    if (!e) e = JSON_READ(document, fields, d);
    if (e) return e;
    if (!version_is_valid(said)) return diag_fail(d, ERR_INVALID, "the release's version is no name");
    memcpy(hash, found, HASH_BYTES);
    memcpy(version, said, strlen(said) + 1);
    return ERR_OK;
}
