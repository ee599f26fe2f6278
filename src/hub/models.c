#include "hub/models.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/hash.h"
#include "format/envelope.h"
#include "hub/models_internal.h"
#include "vision/classifier.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

err models_init(struct models *m, const char *data, const char *published, const char *builtin,
                const struct sign_key *sign, struct diag *d) {
    *m = (struct models){.sign = sign};
    if (path_join(m->folder, data, "models") ||
        snprintf(m->published, sizeof m->published, "%s", published ? published : "") >=
            (int)sizeof m->published ||
        snprintf(m->builtin, sizeof m->builtin, "%s", builtin ? builtin : "") >= (int)sizeof m->builtin)
        return diag_fail(d, ERR_LIMIT, "the path of the models is too long");
    return ERR_OK;
}

err model_path(const struct models *m, const char *model, const char *file, char out[PATH_TEXT_BYTES]) {
    int n = snprintf(out, PATH_TEXT_BYTES, "%s/%s/%s", m->folder, model, file);
    return n < 0 || n >= PATH_TEXT_BYTES ? ERR_LIMIT : ERR_OK;
}

/* --- Published models --- */

/* In the hub's folder, or in that of published weights. */
static err find_published_file(const struct models *m, const char *model, const struct published_file *p,
                               struct model_file *out) {
    snprintf(out->name, sizeof out->name, "%s", p->name);
    out->bytes = p->bytes;
    if (hex_decode(p->sha256, (struct buffer){out->sha256, sizeof out->sha256})) return ERR_INVALID;
    if (model_path(m, model, p->name, out->path) == ERR_OK && access(out->path, R_OK) == 0) return ERR_OK;
    int n = snprintf(out->path, sizeof out->path, "%s/%s/%s", m->published, p->folder, p->name);
    return m->published[0] && n > 0 && n < (int)sizeof out->path && access(out->path, R_OK) == 0
               ? ERR_OK
               : ERR_NOT_FOUND;
}

static err find_published(const struct models *m, const struct published_model *p, struct model *out,
                          struct diag *d) {
    published_detector(p, &out->detector);
    out->own = false;
    out->file_count = p->file_count;
    snprintf(out->licence, sizeof out->licence, "%s", p->licence);
    for (size_t i = 0; i < p->file_count; i++)
        if (find_published_file(m, p->name, &p->files[i], &out->files[i]))
            return diag_fail(d, ERR_NOT_FOUND, "the model %s is not here: `cardea model get %s` fetches it",
                             p->name, p->name);
    return ERR_OK;
}

/* --- The built-in classifier --- */

/* It came with the program, as the program's own code did, so its hash is that of what is there. */
static err find_builtin(const struct models *m, struct model *out, struct diag *d) {
    static const char *const labels[] = {"person", "vehicle", "animal"}; /* vision/classifier.h */
    AUTO(blob_clear) struct blob data = {0};
    err e = m->builtin[0] ? file_read(m->builtin, CLASSIFIER_FILE_MAX_BYTES, &data, d) : ERR_NOT_FOUND;
    if (e) return diag_fail(d, ERR_NOT_FOUND, "the built-in classifier of what moves is not installed");
    *out = (struct model){.licence = "AGPL-3.0-or-later", .file_count = 1};
    struct vision_detector *t = &out->detector;
    snprintf(t->name, sizeof t->name, "%s", MODEL_BUILTIN);
    t->kind = VISION_MOTION_CLASSIFIER;
    t->width = t->height = CLASSIFIER_SIDE;
    t->files = 1;
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
        snprintf(t->labels[t->label_count++], sizeof t->labels[0], "%s", labels[i]);
    struct model_file *f = &out->files[0];
    snprintf(f->name, sizeof f->name, "%s.bin", MODEL_BUILTIN);
    snprintf(f->path, sizeof f->path, "%s", m->builtin);
    f->bytes = (uint32_t)data.len;
    hash_sha256(blob_bytes(&data), f->sha256);
    return ERR_OK;
}

err models_faces(const struct models *m, struct model_file out[2], struct diag *d) {
    for (size_t i = 0; i < 2; i++)
        if (find_published_file(m, PUBLISHED_FACES, &published_faces.files[i], &out[i]))
            return diag_fail(d, ERR_NOT_FOUND,
                             "the models for faces are not here: `cardea model get faces` fetches them");
    return ERR_OK;
}

/* --- The owner's models --- */

static bool good_file_name(const char *name) {
    if (!name[0] || name[0] == '.' || strlen(name) > MODEL_FILE_NAME_MAX_BYTES) return false;
    for (const char *p = name; *p; p++)
        if (*p <= ' ' || *p > '~' || *p == '/') return false;
    return true;
}

err model_file_read(json_t *object, struct model_file *out, struct diag *d) {
    const char *name = "";
    int64_t bytes = 0;
    const struct json_field fields[] = {
        {"name", JSON_KIND_TEXT, true, 1, MODEL_FILE_NAME_MAX_BYTES, &name, NULL},
        {"bytes", JSON_KIND_INT, true, 1, VISION_FILE_MAX_BYTES, &bytes, NULL},
        {"sha256", JSON_KIND_HEX, true, 0, sizeof out->sha256, out->sha256, NULL},
    };
    if (!json_is_object(object)) return diag_fail(d, ERR_INVALID, "a model's file is no object");
    err e = JSON_READ(object, fields, d);
    if (!e && !good_file_name(name)) e = diag_fail(d, ERR_INVALID, "a model's file must have a plain name");
    if (e) return e;
    snprintf(out->name, sizeof out->name, "%s", name);
    out->bytes = (uint32_t)bytes;
    return ERR_OK;
}

static err read_files(const struct models *m, json_t *list, struct model *out, struct diag *d) {
    out->file_count = json_array_size(list);
    for (size_t i = 0; i < out->file_count; i++) {
        err e = model_file_read(json_array_get(list, i), &out->files[i], d);
        if (e) return e;
        if (model_path(m, out->detector.name, out->files[i].name, out->files[i].path))
            return diag_fail(d, ERR_LIMIT, "the path of a model is too long");
    }
    out->detector.files = (uint8_t)out->file_count;
    return ERR_OK;
}

static err read_manifest(const struct models *m, struct bytes message, const char *name, struct model *out,
                         struct diag *d) {
    AUTO(json_release) json_t *object = NULL;
    err e = json_parse(message, &object, d);
    if (!e) e = vision_detector_take(object, &out->detector, d);
    if (e) return e;
    if (strcmp(out->detector.name, name) != 0) return diag_fail(d, ERR_INVALID, "it is of another model");
    int64_t v = 0;
    json_t *files = NULL, *lineage = NULL, *figures = NULL;
    const char *licence = "", *origin = "";
    const struct json_field fields[] = {
        {"v", JSON_KIND_INT, true, 1, 1, &v, NULL},
        {"files", JSON_KIND_ARRAY, true, 0, VISION_MODEL_FILES_MAX, &files, NULL},
        {"licence", JSON_KIND_TEXT, false, 0, sizeof out->licence - 1, &licence, NULL},
        {"origin", JSON_KIND_TEXT, false, 0, 400, &origin, NULL},
        {"lineage", JSON_KIND_ARRAY, false, 0, 32, &lineage, NULL},
        {"figures", JSON_KIND_OBJECT, false, 0, 0, &figures, NULL},
    };
    e = JSON_READ(object, fields, d);
    if (e) return e;
    out->own = true;
    snprintf(out->licence, sizeof out->licence, "%s", licence);
    return read_files(m, files, out, d);
}

static err find_own(const struct models *m, const char *name, struct model *out, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    AUTO(blob_clear) struct blob raw = {0};
    struct bytes message;
    err e = model_path(m, name, "manifest.json", path);
    if (!e) e = file_read(path, MODEL_MANIFEST_MAX_BYTES, &raw, d);
    if (e == ERR_NOT_FOUND) return diag_fail(d, e, "there is no model %s", name);
    if (!e) e = envelope_verify_from(blob_bytes(&raw), m->sign->public_key, MODEL_DOMAIN, &message, d);
    if (!e) e = read_manifest(m, message, name, out, d);
    if (e) diag_prefix(d, "the manifest of model %s", name);
    return e;
}

err models_find(const struct models *m, const char *name, struct model *out, struct diag *d) {
    const struct published_model *p = published_find(name);
    if (p == &published_faces || !name[0] || strlen(name) > VISION_MODEL_NAME_MAX_BYTES ||
        strchr(name, '/') || name[0] == '.')
        return diag_fail(d, ERR_NOT_FOUND, "there is no such model");
    if (strcmp(name, MODEL_BUILTIN) == 0) return find_builtin(m, out, d);
    return p ? find_published(m, p, out, d) : find_own(m, name, out, d);
}

err models_default(const struct models *m, const char *than, struct model *out, struct diag *d) {
    const struct published_model *slow = than ? published_find(than) : NULL;
    for (const struct published_model *p = published_models; p->name; p++)
        if ((!slow || p->ms < slow->ms) && find_published(m, p, out, NULL) == ERR_OK) return ERR_OK;
    if (find_builtin(m, out, NULL) == ERR_OK) return ERR_OK;
    return diag_fail(d, ERR_NOT_FOUND,
                     "there is no model here: `cardea model get yolox-nano` fetches one, and nothing is "
                     "recognised until then");
}

/* --- Files --- */

static err seal_copy(struct bytes data, int *out, struct diag *d) {
    AUTO(fd_close) int fd = memfd_create("model", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return diag_fail(d, ERR_NO_MEMORY, "no memory for a model: %s", strerror(errno));
    err e = fd_write_all(fd, data);
    if (e) return diag_fail(d, e, "no memory for a model");
    if (fcntl(fd, F_ADD_SEALS, SEALS)) return diag_fail(d, ERR_IO, "sealing: %s", strerror(errno));
    *out = fd;
    fd = -1;
    return ERR_OK;
}

err model_file_open(const struct model_file *f, int *fd, struct diag *d) {
    AUTO(blob_clear) struct blob data = {0};
    uint8_t hash[HASH_BYTES];
    err e = file_read(f->path, VISION_FILE_MAX_BYTES, &data, d);
    if (e) return e;
    if (data.len != f->bytes)
        return diag_fail(d, ERR_INVALID, "%s has %zu bytes, and not the %u of its manifest: it is refused",
                         f->name, data.len, f->bytes);
    hash_sha256(blob_bytes(&data), hash);
    if (memcmp(hash, f->sha256, sizeof hash) != 0)
        return diag_fail(d, ERR_FORGED, "%s has another SHA-256 than its manifest: it is refused", f->name);
    return seal_copy(blob_bytes(&data), fd, d);
}

/* --- The list --- */

static json_t *entry(const char *name, const char *kind, bool here, bool own, const char *licence,
                     bool address, const char *message) {
    return json_pack("{s:s,s:s,s:b,s:b,s:s,s:b,s:s*}", "name", name, "kind", kind, "here", (int)here, "own",
                     (int)own, "licence", licence, "address", (int)address, "message", message);
}

static bool has_address(const struct published_model *p) {
    for (size_t i = 0; i < p->file_count; i++)
        if (!p->files[i].address) return false;
    return true;
}

static int own_names(const struct models *m, char names[MODELS_MAX][VISION_MODEL_NAME_MAX_BYTES + 1]) {
    DIR *folder = opendir(m->folder);
    int count = 0;
    if (!folder) return 0;
    for (struct dirent *f; count < MODELS_MAX && (f = readdir(folder));) {
        char path[PATH_TEXT_BYTES];
        if (f->d_name[0] == '.' || strlen(f->d_name) > VISION_MODEL_NAME_MAX_BYTES) continue;
        if (published_find(f->d_name) || model_path(m, f->d_name, "manifest.json", path) ||
            access(path, R_OK) != 0)
            continue;
        snprintf(names[count++], VISION_MODEL_NAME_MAX_BYTES + 1, "%.*s", VISION_MODEL_NAME_MAX_BYTES,
                 f->d_name);
    }
    closedir(folder);
    return count;
}

json_t *models_list(const struct models *m) {
    static struct model model;
    char names[MODELS_MAX][VISION_MODEL_NAME_MAX_BYTES + 1];
    struct diag d = {{0}};
    struct model_file faces[2];
    json_t *list = json_array();
    int bad = !list;
    for (const struct published_model *p = published_models; !bad && p->name; p++)
        bad = json_array_append_new(list, entry(p->name, vision_kind_text(p->kind),
                                                find_published(m, p, &model, NULL) == ERR_OK, false,
                                                p->licence, has_address(p), NULL));
    if (!bad)
        bad = json_array_append_new(list,
                                    entry(PUBLISHED_FACES, "faces", models_faces(m, faces, NULL) == ERR_OK,
                                          false, published_faces.licence, false, NULL));
    if (!bad && find_builtin(m, &model, NULL) == ERR_OK)
        bad = json_array_append_new(list, entry(MODEL_BUILTIN, vision_kind_text(VISION_MOTION_CLASSIFIER),
                                                true, false, model.licence, false, NULL));
    int count = own_names(m, names);
    for (int i = 0; !bad && i < count; i++) {
        err e = find_own(m, names[i], &model, &d);
        bad = json_array_append_new(list, entry(names[i], e ? "" : vision_kind_text(model.detector.kind),
                                                e == ERR_OK, true, e ? "" : model.licence, false,
                                                e ? d.text : NULL));
    }
    if (bad) json_release(&list);
    return list;
}
