#include "hub/spool_recover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"

static void scanner_release(struct reel_scanner **s) {
    reel_scanner_free(*s);
}

uint64_t spool_whole_bytes(struct bytes reel) {
    struct segment_header head;
    if (segment_header_decode(reel, &head, NULL)) return 0;
    AUTO(scanner_release) struct reel_scanner *scanner = reel_scanner_new(head.camera, head.epoch);
    if (!scanner) return 0;
    if (reel_scanner_feed(scanner, reel, NULL, NULL, NULL)) {
        /* Garbage after whole records: an old block under a length that was extended. Scan only what is
         * whole. */
        uint64_t whole = reel_scanner_record_bytes(scanner);
        return whole < reel.len ? spool_whole_bytes(BYTES(reel.data, (size_t)whole)) : 0;
    }
    reel_scanner_finish(scanner);
    const struct reel_entry *entries;
    size_t count = reel_scanner_entries(scanner, &entries);
    return count ? (uint64_t)entries[count - 1].offset + entries[count - 1].length : 0;
}

static void unmap(struct bytes *b) {
    if (b->len) munmap((void *)(uintptr_t)b->data, b->len);
}

/* Cuts the file after what is whole. */
static err mend(int fd, uint64_t *bytes) {
    struct stat info;
    if (fstat(fd, &info)) return ERR_IO;
    if (info.st_size <= 0 || info.st_size > REEL_HARD_MAX_BYTES) return ERR_INVALID;
    void *at = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED) return ERR_NO_MEMORY;
    AUTO(unmap) struct bytes reel = BYTES(at, (size_t)info.st_size);
    *bytes = spool_whole_bytes(reel);
    if (*bytes == 0) return ERR_INVALID;
    if (*bytes < reel.len && (ftruncate(fd, (off_t)*bytes) || fsync(fd))) return ERR_IO;
    return ERR_OK;
}

static err read_head(int fd, struct spool_found *found) {
    uint8_t raw[SEGMENT_HEADER_BYTES];
    struct segment_header head;
    struct stat info;
    if (fstat(fd, &info) || pread(fd, raw, sizeof raw, 0) != (ssize_t)sizeof raw) return ERR_INVALID;
    if (segment_header_decode(BYTES_OF(raw), &head, NULL) ||
        memcmp(head.camera, found->camera, sizeof head.camera) != 0)
        return ERR_INVALID;
    found->epoch = head.epoch;
    found->slot = head.slot;
    found->bytes = (uint64_t)info.st_size;
    return ERR_OK;
}

static err recover_file(const char *folder, const char *name, struct spool_found *found, bool *keep,
                        struct diag *d) {
    char path[PATH_TEXT_BYTES], lasting[PATH_TEXT_BYTES];
    const char *suffix = name + 2 * REEL_ID_BYTES + 1;
    *keep = false;
    if (path_join(path, folder, name)) return ERR_OK;
    bool part = strcmp(suffix, "part") == 0;
    found->event = strcmp(suffix, "event") == 0;
    if (!part && !found->event && strcmp(suffix, "reel") != 0) {
        unlink(path); /* held, or not ours */
        return ERR_OK;
    }
    AUTO(fd_close) int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return diag_fail(d, ERR_IO, "cannot open %s: %s", path, strerror(errno));
    uint64_t bytes = 0;
    err e = part ? mend(fd, &bytes) : ERR_OK;
    if (!e) e = read_head(fd, found);
    if (e == ERR_INVALID) {
        log_warning("a reel of the spool holds nothing that is whole, and is removed");
        unlink(path);
        return ERR_OK;
    }
    if (e) return diag_fail(d, e, "cannot mend %s: %s", path, strerror(errno));
    *keep = true;
    if (!part) return ERR_OK;
    snprintf(lasting, sizeof lasting, "%s", path);
    memcpy(lasting + strlen(lasting) - 4, "reel", 4);
    if (rename(path, lasting)) return diag_fail(d, ERR_IO, "cannot rename %s: %s", path, strerror(errno));
    return ERR_OK;
}

static void folder_close(DIR **folder) {
    if (*folder) closedir(*folder);
}

static err recover_camera(const char *folder, const char *hex, spool_found_fn *fn, void *context,
                          struct diag *d) {
    char path[PATH_TEXT_BYTES];
    struct spool_found found = {0};
    if (hex_decode(hex, (struct buffer){found.camera, sizeof found.camera}) || path_join(path, folder, hex))
        return ERR_OK;
    AUTO(folder_close) DIR *names = opendir(path);
    if (!names) return diag_fail(d, ERR_IO, "cannot read %s: %s", path, strerror(errno));
    for (struct dirent *entry; (entry = readdir(names));) {
        char id[2 * REEL_ID_BYTES + 1] = {0};
        if (strlen(entry->d_name) < sizeof id + 3 || entry->d_name[2 * REEL_ID_BYTES] != '.') continue;
        memcpy(id, entry->d_name, 2 * REEL_ID_BYTES);
        if (hex_decode(id, (struct buffer){found.id, sizeof found.id})) continue;
        bool keep;
        err e = recover_file(path, entry->d_name, &found, &keep, d);
        if (!e && keep) e = fn(context, &found);
        if (e) return e;
    }
    return ERR_OK;
}

err spool_recover(const char *folder, spool_found_fn *fn, void *context, struct diag *d) {
    AUTO(folder_close) DIR *cameras = opendir(folder);
    if (!cameras) return diag_fail(d, ERR_IO, "cannot read %s: %s", folder, strerror(errno));
    for (struct dirent *entry; (entry = readdir(cameras));) {
        if (entry->d_name[0] == '.') continue;
        err e = recover_camera(folder, entry->d_name, fn, context, d);
        if (e) return e;
    }
    return ERR_OK;
}
