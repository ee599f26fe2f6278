#include "vault/web_release.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"

#define PIECE_BYTES 65536u

/* A file as it was when it was hashed. */
struct known {
    bool hashed, good;
    struct stat info;
};

struct web_release {
    struct release release;
    struct known *known; /* for each of release.files */
    pthread_mutex_t lock;
    bool quiet;                /* it is not served yet */
    struct web_release *older; /* taken */
    bool logged;
    uint64_t entry;
};

static bool same_file(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void hash_clear(struct hash **h) {
    hash_free(*h);
}

/* The offset of fd stays where it is. */
static err hash_file(int fd, uint8_t out[HASH_BYTES]) {
    AUTO(hash_clear) struct hash *h = hash_new();
    uint8_t piece[PIECE_BYTES];
    if (!h) return ERR_NO_MEMORY;
    hash_start(h);
    for (off_t at = 0;;) {
        ssize_t n = pread(fd, piece, sizeof piece, at);
        if (n < 0) return ERR_IO;
        if (n == 0) break;
        hash_update(h, BYTES(piece, (size_t)n));
        at += n;
    }
    hash_finish(h, out);
    return ERR_OK;
}

bool web_release_allows(struct web_release *w, const char *path, int fd, const struct stat *info) {
    if (strcmp(path, RELEASE_PATH) == 0) return true;
    const struct release_file *file = release_find(&w->release, path);
    if (!file) {
        log_error("%s is in the web folder and in no release: it is not served", path);
        return false;
    }
    struct known *k = &w->known[file - w->release.files];
    pthread_mutex_lock(&w->lock);
    bool known = k->hashed && same_file(&k->info, info), good = k->good;
    pthread_mutex_unlock(&w->lock);
    if (known) return good;
    uint8_t hash[HASH_BYTES];
    good = hash_file(fd, hash) == ERR_OK && memcmp(hash, file->hash, HASH_BYTES) == 0;
    if (!good && !w->quiet)
        log_error(
            "the page's file %s is not the one of release %s: somebody changed it, and it is not served; "
            "install the pages again",
            path, w->release.version);
    pthread_mutex_lock(&w->lock);
    *k = (struct known){.hashed = true, .good = good, .info = *info};
    pthread_mutex_unlock(&w->lock);
    return good;
}

/* --- at the start --- */

static void look_at(struct web_release *w, const char *folder, const char *path) {
    char full[PATH_TEXT_BYTES];
    struct stat info;
    int n = snprintf(full, sizeof full, "%s%s", folder, path);
    AUTO(fd_close)
    int fd = n > 0 && n < (int)sizeof full ? open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    bool missing = fd < 0 || fstat(fd, &info);
    if (missing && !w->quiet)
        log_error("the page's file %s of release %s is missing: install the pages again", path,
                  w->release.version);
    if (!missing) (void)web_release_allows(w, path, fd, &info);
}

err web_release_open(const char *folder, bool quiet, struct web_release **out, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    AUTO(blob_clear) struct blob list = {0};
    if (path_join(path, folder, &RELEASE_PATH[1]))
        return diag_fail(d, ERR_LIMIT, "the path of --web is too long");
    err e = file_read(path, RELEASE_MAX_BYTES, &list, d);
    if (e) return e;
    struct web_release *w = calloc(1, sizeof *w);
    if (!w) return diag_fail(d, ERR_NO_MEMORY, "no memory for the pages' release");
    pthread_mutex_init(&w->lock, NULL);
    w->quiet = quiet;
    e = release_read(blob_bytes(&list), &w->release, d);
    w->known = e ? NULL : calloc(w->release.count, sizeof *w->known);
    if (!e && !w->known) e = diag_fail(d, ERR_NO_MEMORY, "no memory for the pages' release");
    if (e) {
        web_release_free(w);
        return e;
    }
    for (size_t i = 0; i < w->release.count; i++) look_at(w, folder, w->release.files[i].path);
    *out = w;
    return ERR_OK;
}

void web_release_free(struct web_release *w) {
    if (!w) return;
    web_release_free(w->older);
    pthread_mutex_destroy(&w->lock);
    release_clear(&w->release);
    free(w->known);
    free(w);
}

bool web_release_whole(struct web_release *w) {
    bool whole = true;
    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < w->release.count; i++) whole &= w->known[i].hashed && w->known[i].good;
    pthread_mutex_unlock(&w->lock);
    return whole;
}

void web_release_supersedes(struct web_release *w, struct web_release *older) {
    w->older = older;
    w->quiet = false;
}

const struct release *web_release_of(const struct web_release *w) {
    return &w->release;
}

void web_release_stands_at(struct web_release *w, uint64_t entry) {
    w->entry = entry;
    w->logged = true;
}

json_t *web_release_json(const struct web_release *w) {
    if (!w || !w->logged) return NULL;
    return json_pack("{s:o, s:s, s:I}", "release", json_hex(BYTES_OF(w->release.hash)), "version",
                     w->release.version, "entry", (json_int_t)w->entry);
}
