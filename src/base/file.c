#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void fd_close(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static err from_errno(void) {
    switch (errno) {
        case ENOENT: return ERR_NOT_FOUND;
        case ENOSPC:
        case EDQUOT: return ERR_NO_SPACE;
        case EACCES:
        case EPERM: return ERR_DENIED;
        default: return ERR_IO;
    }
}

static err fail_path(struct diag *d, const char *what, const char *path) {
    err e = from_errno();
    return diag_fail(d, e, "%s %s: %s", what, path, strerror(errno));
}

err file_read(const char *path, size_t limit, struct blob *out, struct diag *d) {
    AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_path(d, "cannot open", path);
    AUTO(blob_clear) struct blob read_bytes = {0};
    for (;;) {
        err e = blob_reserve(&read_bytes, read_bytes.len + 65536);
        if (e) return diag_fail(d, e, "no memory to read %s", path);
        ssize_t n = read(fd, read_bytes.data + read_bytes.len, 65536);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_path(d, "cannot read", path);
        if (n == 0) break;
        read_bytes.len += (size_t)n;
        if (read_bytes.len > limit)
            return diag_fail(d, ERR_LIMIT, "%s is larger than %zu bytes", path, limit);
    }
    err e = blob_append(out, blob_bytes(&read_bytes));
    if (e) return diag_fail(d, e, "no memory to read %s", path);
    return ERR_OK;
}

err fd_write_all(int fd, struct bytes data) {
    while (data.len) {
        ssize_t n = write(fd, data.data, data.len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return from_errno() == ERR_NO_SPACE ? ERR_NO_SPACE : ERR_IO;
        data = BYTES(data.data + n, data.len - (size_t)n);
    }
    return ERR_OK;
}

static err parent_of(const char *path, char out[PATH_TEXT_BYTES]) {
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 1;
    if (len >= PATH_TEXT_BYTES) return ERR_LIMIT;
    if (slash && len == 0) len = 1; /* "/name" */
    memcpy(out, slash ? path : ".", len);
    out[len] = 0;
    return ERR_OK;
}

err folder_sync(const char *path, struct diag *d) {
    AUTO(fd_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd)) return fail_path(d, "cannot sync", path);
    return ERR_OK;
}

static err write_and_sync(const char *path, struct bytes data, mode_t mode, struct diag *d) {
    AUTO(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0) return fail_path(d, "cannot create", path);
    err e = fd_write_all(fd, data);
    if (e) return diag_fail(d, e, "cannot write %s: %s", path, strerror(errno));
    if (fsync(fd)) return fail_path(d, "cannot sync", path);
    return ERR_OK;
}

err file_replace(const char *path, struct bytes data, mode_t mode, struct diag *d) {
    char folder[PATH_TEXT_BYTES], temporary[PATH_TEXT_BYTES];
    if (parent_of(path, folder) ||
        snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary)
        return diag_fail(d, ERR_LIMIT, "the path %s is too long", path);
    err e = write_and_sync(temporary, data, mode, d);
    if (!e && rename(temporary, path)) e = fail_path(d, "cannot replace", path);
    if (e) {
        unlink(temporary);
        return e;
    }
    return folder_sync(folder, d);
}

err folder_make(const char *path, struct diag *d) {
    char partial[PATH_TEXT_BYTES];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof partial) return diag_fail(d, ERR_LIMIT, "the path is too long");
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != 0) continue;
        memcpy(partial, path, i);
        partial[i] = 0;
        if (mkdir(partial, 0700) && errno != EEXIST) return fail_path(d, "cannot make", partial);
    }
    struct stat info;
    if (stat(path, &info)) return fail_path(d, "cannot use", path);
    if (!S_ISDIR(info.st_mode)) return diag_fail(d, ERR_EXISTS, "%s is a file, not a folder", path);
    return ERR_OK;
}

err path_join(char out[PATH_TEXT_BYTES], const char *folder, const char *name) {
    int n = snprintf(out, PATH_TEXT_BYTES, "%s/%s", folder, name);
    return n < 0 || n >= PATH_TEXT_BYTES ? ERR_LIMIT : ERR_OK;
}
