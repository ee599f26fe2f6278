/* models_internal.h: shared by models.c and models_add.c. */
#ifndef CARDEA_HUB_MODELS_INTERNAL_H
#define CARDEA_HUB_MODELS_INTERNAL_H

#include "hub/models.h"

/* DIR/models/MODEL/FILE. ERR_LIMIT. */
err model_path(const struct models *m, const char *model, const char *file,
               char out[PATH_TEXT_BYTES]) CHECKED;

/* {"name","bytes","sha256"}: all but the path. */
err model_file_read(json_t *object, struct model_file *out, struct diag *d) CHECKED;

#endif
