/* model_file.h: the files of a model, from disk or from their published address. Threads: no shared state. */
#ifndef CARDEA_CLI_MODEL_FILE_H
#define CARDEA_CLI_MODEL_FILE_H

#include "base/bytes.h"
#include "crypto/hash.h"
#include "vision/published.h"

/* Fetches a published file and checks it. ERR_NOT_FOUND: it has no address, d says what to do instead;
 * ERR_UNREACHABLE, ERR_TIMEOUT; ERR_FORGED: what came has another hash. */
err model_file_fetch(const struct published_file *f, struct blob *out, struct diag *d) CHECKED;

/* One name a line; empty lines are left out. Sets labels and label_count. ERR_INVALID, ERR_LIMIT. */
err model_labels_read(const char *path, struct vision_detector *out, struct diag *d) CHECKED;

#endif
