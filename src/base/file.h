/* file.h: whole files, read with a limit and replaced so that a crash leaves the old or the new.
 * Threads: no shared state. */
#ifndef CARDEA_BASE_FILE_H
#define CARDEA_BASE_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/bytes.h"

/* Closes *fd if it is open; for AUTO(fd_close). */
void fd_close(int *fd);

/* Appends the whole file to *out.
 *   ERR_NOT_FOUND  no such file     ERR_LIMIT  larger than `limit` bytes     ERR_IO */
err file_read(const char *path, size_t limit, struct blob *out, struct diag *d) CHECKED;

/* Writes a temporary file beside `path`, syncs it, renames it over `path` and syncs the folder.
 * ERR_NO_SPACE, ERR_IO: the old file is untouched. */
err file_replace(const char *path, struct bytes data, mode_t mode, struct diag *d) CHECKED;

/* Writes all of `data`, retrying short writes. ERR_NO_SPACE, ERR_IO. */
err fd_write_all(int fd, struct bytes data) CHECKED;

/* Makes the folder and its missing parents, readable by the owner alone. */
err folder_make(const char *path, struct diag *d) CHECKED;

/* Makes names that were created, renamed or removed in the folder durable. */
err folder_sync(const char *path, struct diag *d) CHECKED;

/* Joins into out: "a/b". ERR_LIMIT when it does not fit. */
#define PATH_TEXT_BYTES 1024
err path_join(char out[PATH_TEXT_BYTES], const char *folder, const char *name) CHECKED;

#endif
