#include "model.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"

static err read_names(const char *path, struct vision_detector *out, struct diag *d) {
    AUTO(blob_clear) struct blob names = {0};
    err e = file_read(path, MODEL_FILE_MAX_BYTES, &names, d);
    if (!e) e = blob_append_u8(&names, 0);
    if (e) return e;
    char *rest = NULL;
    for (char *line = strtok_r((char *)names.data, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest))
        if (out->label_count < VISION_MODEL_LABELS_MAX)
            snprintf(out->labels[out->label_count++], sizeof out->labels[0], "%s", line);
    return ERR_OK;
}

err model_load(char **args, int count, struct model *out, struct diag *d) {
    struct bytes files[MODEL_FILES_MAX];
    size_t file_count = count > 4 ? (size_t)count - 4 : 0;
    if (file_count == 0 || file_count > MODEL_FILES_MAX)
        return diag_fail(d, ERR_INVALID, "a model is KIND WIDTH HEIGHT NAMES FILE...");
    snprintf(out->about.name, sizeof out->about.name, "%s-%s", args[0], args[1]);
    if (vision_kind_read(args[0], &out->about.kind)) return diag_fail(d, ERR_INVALID, "no kind %s", args[0]);
    out->about.width = (uint16_t)strtol(args[1], NULL, 10);
    out->about.height = (uint16_t)strtol(args[2], NULL, 10);
    err e = read_names(args[3], &out->about, d);
    for (size_t i = 0; i < file_count && !e; i++) {
        e = file_read(args[4 + i], MODEL_FILE_MAX_BYTES, &out->files[i], d);
        files[i] = blob_bytes(&out->files[i]);
    }
    return e ? e : detector_load(&out->about, files, file_count, &out->detector, d);
}

void model_clear(struct model *m) {
    for (size_t i = 0; i < MODEL_FILES_MAX; i++) blob_clear(&m->files[i]);
}
