#include "vault/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tlog/log_writer.h"
#include "vault/vault.h"

#define ORIGIN_KEY_BYTES 8 /* of the key, in the log's name */

struct access_log {
    char folder[PATH_TEXT_BYTES];
    struct sign_key key;
    struct log_writer *writer;
    pthread_mutex_t lock;
    int lock_fd;
};

static err load_key(const char *folder, struct sign_key *out, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    AUTO(blob_clear) struct blob seed = {0};
    if (path_join(path, folder, "log.key")) return diag_fail(d, ERR_LIMIT, "the path %s is too long", folder);
    err e = file_read(path, SIGN_SEED_BYTES, &seed, d);
    if (e == ERR_NOT_FOUND) {
        sign_key_generate(out);
        return file_replace(path, BYTES_OF(out->seed), 0600, d);
    }
    if (e) return e;
    if (seed.len != SIGN_SEED_BYTES)
        return diag_fail(d, ERR_INVALID, "%s is damaged: restore it from a backup", path);
    sign_key_from_seed(seed.data, out);
    return ERR_OK;
}

static err lock_folder(struct access_log *log, const char *folder, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    if (path_join(path, folder, "log.lock") || path_join(log->folder, folder, "log"))
        return diag_fail(d, ERR_LIMIT, "the path %s is too long", folder);
    log->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (log->lock_fd < 0) return diag_fail(d, ERR_IO, "cannot open %s: %m", path);
    if (flock(log->lock_fd, LOCK_EX | LOCK_NB))
        return diag_fail(d, ERR_BUSY, "another vault is at work in %s: stop it first", folder);
    return ERR_OK;
}

err access_log_open(const char *folder, struct access_log **out, struct diag *d) {
    char origin[32 + 2 * ORIGIN_KEY_BYTES] = "cardea-vault/";
    struct access_log *log = calloc(1, sizeof *log);
    if (!log) return diag_fail(d, ERR_NO_MEMORY, "no memory for the access log");
    log->lock_fd = -1;
    pthread_mutex_init(&log->lock, NULL);
    err e = lock_folder(log, folder, d);
    if (!e) e = load_key(folder, &log->key, d);
    if (!e) {
        hex_encode(BYTES(log->key.public_key, ORIGIN_KEY_BYTES), origin + strlen(origin));
        e = log_writer_open(log->folder, origin, &log->key, &log->writer, d);
    }
    if (e)
        access_log_close(&log);
    else
        *out = log;
    return e;
}

void access_log_close(struct access_log **log) {
    if (!*log) return;
    log_writer_close((*log)->writer);
    sign_key_clear(&(*log)->key);
    fd_close(&(*log)->lock_fd);
    pthread_mutex_destroy(&(*log)->lock);
    free(*log);
    *log = NULL;
}

const uint8_t *access_log_key(const struct access_log *log) {
    return log->key.public_key;
}

/* CBOR text of at most 65535 bytes (RFC 8949, major type 3). */
static err append_text(struct blob *out, const char *text) {
    size_t len = strlen(text);
    const uint8_t head[3] = {0x79, (uint8_t)(len >> 8), (uint8_t)len};
    err e = blob_append(out, BYTES_OF(head));
    return e ? e : blob_append(out, BYTES(text, len));
}

err access_log_act(struct access_log *log, const char *details, struct diag *d) {
    static const uint8_t head[] = {0x85, 0x01, 0x1b}, null[] = {0xf6};
    AUTO(blob_clear) struct blob entry = {0};
    uint64_t first;
    err e = blob_append(&entry, BYTES_OF(head));
    if (!e) e = blob_append_be64(&entry, (uint64_t)wall_now().us);
    if (!e) e = append_text(&entry, "admin.act");
    if (!e) e = blob_append(&entry, BYTES_OF(null));
    if (!e) e = append_text(&entry, details);
    if (e) return diag_fail(d, e, "no memory for an entry of the access log");
    const struct bytes bytes = blob_bytes(&entry);
    pthread_mutex_lock(&log->lock);
    e = log_writer_append(log->writer, &bytes, 1, &first, d);
    pthread_mutex_unlock(&log->lock);
    return e;
}

void access_log_serve(const struct access_log *log, const char *path, struct http_reply *r) {
    char full[2 * PATH_TEXT_BYTES];
    struct stat info;
    bool sound =
        log && strspn(path, "abcdefghijklmnopqrstuvwxyz0123456789./") == strlen(path) && !strstr(path, "..");
    int n = sound ? snprintf(full, sizeof full, "%s/%s", log->folder, path) : -1;
    int fd = n > 0 && n < (int)sizeof full ? open(full, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (fd >= 0 && (fstat(fd, &info) || !S_ISREG(info.st_mode))) fd_close(&fd);
    if (fd < 0) {
        reply_error(r, 404, "not_found", "the log has no such file");
        return;
    }
    bool tile = strncmp(path, "tile/", 5) == 0;
    http_reply_header(r, "Cache-Control", "%s", tile ? "public, max-age=31536000, immutable" : "no-cache");
    r->status = 200;
    r->type = tile ? "application/octet-stream" : "text/plain; charset=utf-8";
    r->fd = fd;
    r->fd_bytes = (uint64_t)info.st_size;
}
