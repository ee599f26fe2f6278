/* A model comes in pieces, since a command holds no more than 64 KiB. Each names all that there is to know,
 * so that nothing has to be remembered between them but DIR/models/.part: a piece goes where the file so far
 * ends. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/hash.h"
#include "format/envelope.h"
#include "hub/models_internal.h"

struct piece {
    struct vision_detector detector;
    char name[VISION_MODEL_NAME_MAX_BYTES + 1];
    const struct published_model *published; /* NULL: a model of the owner's */
    struct model_file file;
    const char *licence, *origin;
    int64_t at;
    struct blob data;
};

static void piece_clear(struct piece *p) {
    blob_clear(&p->data);
}

/* --- Reading --- */

static err check_published(struct piece *p, struct diag *d) {
    for (size_t i = 0; i < p->published->file_count; i++) {
        const struct published_file *f = &p->published->files[i];
        uint8_t hash[HASH_BYTES];
        if (strcmp(f->name, p->file.name) != 0) continue;
        if (hex_decode(f->sha256, (struct buffer){hash, sizeof hash}) || f->bytes != p->file.bytes ||
            memcmp(hash, p->file.sha256, sizeof hash) != 0)
            return diag_fail(d, ERR_DENIED, "%s is a published model, and this is not its file", p->name);
        return ERR_OK;
    }
    return diag_fail(d, ERR_DENIED, "the published model %s has no file %s", p->name, p->file.name);
}

static err read_piece(json_t *args, struct piece *out, struct diag *d) {
    const char *name = json_string_value(json_object_get(args, "name"));
    if (!name || strlen(name) > VISION_MODEL_NAME_MAX_BYTES)
        return diag_fail(d, ERR_INVALID, "\"name\" must be a model's name");
    snprintf(out->name, sizeof out->name, "%s", name);
    out->published = published_find(out->name);
    err e = ERR_OK;
    if (out->published)
        json_object_del(args, "name");
    else
        e = vision_detector_take(args, &out->detector, d);
    json_t *file = NULL;
    out->licence = out->origin = "";
    const struct json_field fields[] = {
        {"file", JSON_KIND_OBJECT, true, 0, 0, &file, NULL},
        {"at", JSON_KIND_INT, true, 0, VISION_FILE_MAX_BYTES, &out->at, NULL},
        {"data", JSON_KIND_BASE64, true, 1, MODEL_PIECE_MAX_BYTES, &out->data, NULL},
        {"licence", JSON_KIND_TEXT, false, 0, 79, &out->licence, NULL},
        {"origin", JSON_KIND_TEXT, false, 0, 400, &out->origin, NULL},
    };
    if (!e) e = JSON_READ(args, fields, d);
    if (!e) e = model_file_read(file, &out->file, d);
    if (!e && strcmp(out->file.name, "manifest.json") == 0)
        e = diag_fail(d, ERR_INVALID, "a model's file cannot be called manifest.json");
    if (!e && (uint64_t)out->at + out->data.len > out->file.bytes)
        e = diag_fail(d, ERR_INVALID, "a piece goes past the end of its file");
    if (!e && out->published) e = check_published(out, d);
    return e;
}

/* --- Writing --- */

static err append_piece(const struct models *m, const struct piece *p, char path[PATH_TEXT_BYTES],
                        struct diag *d) {
    err e = folder_make(m->folder, d);
    if (e) return e;
    if (path_join(path, m->folder, ".part")) return diag_fail(d, ERR_LIMIT, "the path is too long");
    AUTO(fd_close)
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (p->at == 0 ? O_TRUNC : 0), 0600);
    struct stat s;
    if (fd < 0 || fstat(fd, &s)) return diag_fail(d, ERR_IO, "cannot write %s: %s", path, strerror(errno));
    if (s.st_size < p->at) return diag_fail(d, ERR_CONFLICT, "the piece before is missing: begin at 0");
    /* The same piece again, after an answer that was lost, is as good as the first. */
    if (lseek(fd, p->at, SEEK_SET) < 0 || ftruncate(fd, p->at))
        return diag_fail(d, ERR_IO, "cannot write %s", path);
    return fd_write_all(fd, blob_bytes(&p->data));
}

/* The manifest so far, when it is this hub's and of the same model; it then gets one more file. */
static json_t *manifest_files(const struct models *m, const struct piece *p) {
    static struct model old;
    json_t *list = json_array();
    if (models_find(m, p->name, &old, NULL)) return list;
    for (size_t i = 0; list && i < old.file_count; i++) {
        if (strcmp(old.files[i].name, p->file.name) == 0) continue;
        if (json_array_append_new(list, json_pack("{s:s,s:I,s:o}", "name", old.files[i].name, "bytes",
                                                  (json_int_t)old.files[i].bytes, "sha256",
                                                  json_hex(BYTES_OF(old.files[i].sha256)))))
            json_release(&list);
    }
    return list;
}

static err write_manifest(const struct models *m, const struct piece *p, struct diag *d) {
    AUTO(json_release) json_t *object = vision_detector_json(&p->detector);
    AUTO(blob_clear) struct blob raw = {0};
    char path[PATH_TEXT_BYTES];
    json_t *files = manifest_files(m, p);
    json_t *file = json_pack("{s:s,s:I,s:o}", "name", p->file.name, "bytes", (json_int_t)p->file.bytes,
                             "sha256", json_hex(BYTES_OF(p->file.sha256)));
    int bad = json_array_append_new(files, file);
    size_t count = json_array_size(files);
    bad |= json_object_set_new(object, "files", files);
    bad |= json_object_set_new(object, "v", json_integer(1));
    bad |= json_object_set_new(object, "licence", json_string(p->licence));
    bad |= json_object_set_new(object, "origin", json_string(p->origin));
    bad |= json_object_set_new(object, "lineage", json_pack("[s]", "added by the owner"));
    bad |= json_object_set_new(object, "figures", json_object());
    if (bad) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    if (count > VISION_MODEL_FILES_MAX)
        return diag_fail(d, ERR_LIMIT, "a model has at most %d files", VISION_MODEL_FILES_MAX);
    char *text = json_dumps(object, JSON_COMPACT);
    if (!text) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    err e = envelope_sign(m->sign, MODEL_DOMAIN, bytes_text(text), &raw);
    free(text);
    if (!e) e = model_path(m, p->name, "manifest.json", path);
    return e ? diag_fail(d, e, "cannot sign the manifest") : file_replace(path, blob_bytes(&raw), 0600, d);
}

/* The file is whole: only with the hash that was said does it get its name. */
static err finish(const struct models *m, const struct piece *p, const char *part, struct diag *d) {
    char folder[PATH_TEXT_BYTES], path[PATH_TEXT_BYTES];
    AUTO(fd_close) int checked = -1;
    struct model_file f = p->file;
    snprintf(f.path, sizeof f.path, "%s", part);
    err e = model_file_open(&f, &checked, d);
    if (e) {
        unlink(part);
        return e;
    }
    if (path_join(folder, m->folder, p->name) || model_path(m, p->name, p->file.name, path))
        return diag_fail(d, ERR_LIMIT, "the path is too long");
    e = folder_make(folder, d);
    if (e) return e;
    if (rename(part, path)) return diag_fail(d, ERR_IO, "cannot name %s: %s", path, strerror(errno));
    e = folder_sync(folder, d);
    return e || p->published ? e : write_manifest(m, p, d);
}

static uint64_t space_taken(const struct models *m) {
    AUTO(json_release) json_t *list = models_list(m);
    static struct model model;
    uint64_t bytes = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(list, i), "name"));
        if (!name || models_find(m, name, &model, NULL) || !model.own) continue;
        for (size_t k = 0; k < model.file_count; k++) bytes += model.files[k].bytes;
    }
    return bytes;
}

err models_add(struct models *m, json_t *args, bool *whole, struct diag *d) {
    AUTO(piece_clear) struct piece p = {.at = 0};
    char part[PATH_TEXT_BYTES];
    *whole = false;
    err e = read_piece(args, &p, d);
    if (!e && p.at == 0 && space_taken(m) + p.file.bytes > MODELS_BYTES_MAX)
        e = diag_fail(d, ERR_LIMIT, "the models of this hub would take more than %u MB",
                      (unsigned)(MODELS_BYTES_MAX >> 20));
    if (!e) e = append_piece(m, &p, part, d);
    if (e || (uint64_t)p.at + p.data.len < p.file.bytes) return e;
    e = finish(m, &p, part, d);
    if (!e) *whole = true;
    return e;
}

/* --- Removing --- */

err models_remove(struct models *m, const char *name, struct diag *d) {
    char folder[PATH_TEXT_BYTES], path[PATH_TEXT_BYTES];
    if (!*name || *name == '.' || strchr(name, '/') || path_join(folder, m->folder, name))
        return diag_fail(d, ERR_INVALID, "%.64s is not a model's name", name);
    DIR *dir = opendir(folder);
    if (!dir)
        return diag_fail(d, ERR_NOT_FOUND,
                         published_find(name) ? "%s was not fetched: what there is of it is not the hub's"
                                              : "there is no model %s",
                         name);
    err e = ERR_OK;
    const struct dirent *entry;
    while (!e && (entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (model_path(m, name, entry->d_name, path) || unlink(path))
            e = diag_fail(d, ERR_IO, "cannot remove %s/%s: %s", folder, entry->d_name, strerror(errno));
    }
    closedir(dir);
    if (!e && rmdir(folder)) e = diag_fail(d, ERR_IO, "cannot remove %s: %s", folder, strerror(errno));
    return e ? e : folder_sync(m->folder, d);
}
