/* Blobs in a folder.
 *
 *   xx/<32 hex>        committed: xx is the first two digits
 *   staging/<32 hex>   staged; its writer holds an exclusive flock on the file
 *
 * commit: fsync the file, rename without replacing, fsync the folder xx. A crash before the rename leaves a
 * staged file, one after it a committed blob whose name may be lost: both are what the caller was told to
 * expect. Times: files and folders get the modification time 0 once nothing is being written to them, so that
 * a copy of the folder carries no date. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "store/blob.h"

#define STAGING "staging"
#define NAME_CHARS (2 * STORE_ID_BYTES)
#define PATH_CHARS (sizeof STAGING + NAME_CHARS + 1) /* longer than "xx/<32 hex>" */
#define ROOM_CHECK_BYTES (1u << 20)

struct blob_disk {
    struct blob_store store;
    int root;
    int staging; /* the folder */
    uint64_t reserve;
};

struct blob_writer {
    struct blob_disk *disk;
    struct store_id name;
    int fd;
    uint64_t held;
    uint64_t since_check; /* bytes written since free space was looked at */
    bool listed;          /* the staging folder was synced since begin */
};

struct blob_reader {
    int fd;
};

static struct blob_disk *disk_of(struct blob_store *store) {
    return (struct blob_disk *)store;
}

static err fail_errno(struct diag *d, const char *what) {
    int number = errno;
    err e = ERR_IO;
    if (number == ENOENT) e = ERR_NOT_FOUND;
    if (number == ENOSPC || number == EDQUOT || number == EFBIG) e = ERR_NO_SPACE;
    if (number == ENOMEM) e = ERR_NO_MEMORY;
    return diag_fail(d, e, "blob store: %s: %s", what, strerror(number));
}

static void path_committed(const struct store_id *name, char out[PATH_CHARS]) {
    char hex[NAME_CHARS + 1];
    hex_encode(BYTES(name->bytes, STORE_ID_BYTES), hex);
    snprintf(out, PATH_CHARS, "%.2s/%s", hex, hex);
}

static void path_staged(const struct store_id *name, char out[PATH_CHARS]) {
    char hex[NAME_CHARS + 1];
    hex_encode(BYTES(name->bytes, STORE_ID_BYTES), hex);
    snprintf(out, PATH_CHARS, STAGING "/%s", hex);
}

/* Best effort: a file system without times tells no date either. */
static void forget_times(int fd) {
    const struct timespec none[2] = {{0, UTIME_OMIT}, {0, 0}};
    if (futimens(fd, none)) return;
}

static err sync_folder(struct blob_disk *disk, const char *name, struct diag *d) {
    AUTO(fd_close) int fd = openat(disk->root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail_errno(d, "cannot open a folder");
    forget_times(fd);
    if (fsync(fd)) return fail_errno(d, "cannot sync a folder");
    return ERR_OK;
}

static err room_get(struct blob_disk *disk, uint64_t *bytes, struct diag *d) {
    struct statvfs info;
    if (fstatvfs(disk->root, &info)) return fail_errno(d, "cannot ask for free space");
    uint64_t free_bytes = (uint64_t)info.f_bavail * info.f_frsize;
    *bytes = free_bytes > disk->reserve ? free_bytes - disk->reserve : 0;
    return ERR_OK;
}

static err room_need(struct blob_disk *disk, uint64_t bytes, struct diag *d) {
    uint64_t room = 0;
    err e = room_get(disk, &room, d);
    if (e) return e;
    if (room < bytes || room == 0)
        return diag_fail(d, ERR_NO_SPACE,
                         "the disk of the blob store is full: %llu MiB are kept free for the index",
                         (unsigned long long)(disk->reserve >> 20));
    return ERR_OK;
}

static err disk_room(struct blob_store *store, uint64_t *bytes, struct diag *d) {
    return room_get(disk_of(store), bytes, d);
}

static bool is_committed(struct blob_disk *disk, const struct store_id *name) {
    char path[PATH_CHARS];
    path_committed(name, path);
    return faccessat(disk->root, path, F_OK, 0) == 0;
}

/* Opens and locks a staged file; the one that was locked may have been renamed or removed meanwhile, by
 * whoever held it before: then *same is false. */
static err lock_staged(struct blob_disk *disk, const struct store_id *name, int flags, int *out, bool *same,
                       struct diag *d) {
    char path[PATH_CHARS];
    path_staged(name, path);
    AUTO(fd_close) int fd = openat(disk->root, path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return fail_errno(d, "cannot open a staged blob");
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        if (errno != EWOULDBLOCK) return fail_errno(d, "cannot lock a staged blob");
        return diag_fail(d, ERR_BUSY, "this blob is being written");
    }
    struct stat mine, there;
    if (fstat(fd, &mine)) return fail_errno(d, "cannot look at a staged blob");
    *same = fstatat(disk->root, path, &there, AT_SYMLINK_NOFOLLOW) == 0 && there.st_ino == mine.st_ino &&
            there.st_dev == mine.st_dev;
    *out = fd;
    fd = -1;
    return ERR_OK;
}

static err disk_begin(struct blob_store *store, const struct store_id *name, struct blob_writer **out,
                      uint64_t *held, struct diag *d) {
    struct blob_disk *disk = disk_of(store);
    if (is_committed(disk, name)) return diag_fail(d, ERR_EXISTS, "this blob is stored already");
    err e = room_need(disk, 0, d);
    if (e) return e;
    AUTO(fd_close) int fd = -1;
    for (bool same = false; !same;) {
        fd_close(&fd);
        e = lock_staged(disk, name, O_RDWR | O_CREAT, &fd, &same, d);
        if (e) return e == ERR_NOT_FOUND ? ERR_IO : e;
    }
    if (is_committed(disk, name)) { /* between the first look and the lock */
        char path[PATH_CHARS];
        path_staged(name, path);
        unlinkat(disk->root, path, 0);
        return diag_fail(d, ERR_EXISTS, "this blob is stored already");
    }
    struct stat info;
    if (fstat(fd, &info)) return fail_errno(d, "cannot look at a staged blob");
    struct blob_writer *w = calloc(1, sizeof *w);
    if (!w) return diag_fail(d, ERR_NO_MEMORY, "no memory for a writer");
    *w = (struct blob_writer){.disk = disk, .name = *name, .fd = fd, .held = (uint64_t)info.st_size};
    fd = -1;
    *out = w;
    *held = w->held;
    return ERR_OK;
}

static err write_at(int fd, struct bytes data, uint64_t offset) {
    while (data.len) {
        ssize_t n = pwrite(fd, data.data, data.len, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return ERR_IO; /* errno says more */
        data = BYTES(data.data + n, data.len - (size_t)n);
        offset += (uint64_t)n;
    }
    return ERR_OK;
}

static err disk_append(struct blob_writer *w, struct bytes data, struct diag *d) {
    if (w->since_check + data.len >= ROOM_CHECK_BYTES) {
        err e = room_need(w->disk, data.len, d);
        if (e) return e;
        w->since_check = 0;
    }
    if (write_at(w->fd, data, w->held)) {
        err e = fail_errno(d, "cannot write");
        if (ftruncate(w->fd, (off_t)w->held)) return diag_fail(d, ERR_IO, "blob store: cannot undo a write");
        return e;
    }
    w->held += data.len;
    w->since_check += data.len;
    return ERR_OK;
}

static err read_at(int fd, uint64_t offset, struct buffer out, size_t *got, struct diag *d) {
    size_t done = 0;
    while (done < out.len) {
        ssize_t n = pread(fd, out.data + done, out.len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno(d, "cannot read");
        if (n == 0) break;
        done += (size_t)n;
    }
    *got = done;
    return ERR_OK;
}

static err disk_read_back(struct blob_writer *w, uint64_t offset, struct buffer out, size_t *got,
                          struct diag *d) {
    return read_at(w->fd, offset, out, got, d);
}

static err disk_truncate(struct blob_writer *w, uint64_t bytes, struct diag *d) {
    if (bytes > w->held) return diag_fail(d, ERR_INVALID, "the staged blob is shorter than that");
    if (ftruncate(w->fd, (off_t)bytes)) return fail_errno(d, "cannot truncate");
    w->held = bytes;
    return ERR_OK;
}

static err disk_sync(struct blob_writer *w, struct diag *d) {
    forget_times(w->fd);
    if (fsync(w->fd)) return fail_errno(d, "cannot sync");
    err e = w->listed ? ERR_OK : sync_folder(w->disk, STAGING, d);
    if (!e) w->listed = true;
    return e;
}

static void writer_free(struct blob_writer *w) {
    forget_times(w->disk->staging);
    fd_close(&w->fd); /* lets the lock go */
    free(w);
}

/* Renames without replacing; makes the folder when it is the first of its kind. */
static err move_in(struct blob_disk *disk, const char *staged, const char *committed, const char *folder,
                   struct diag *d) {
    for (int tries = 0; tries < 2; tries++) {
        if (renameat2(disk->root, staged, disk->root, committed, RENAME_NOREPLACE) == 0) return ERR_OK;
        if (errno == EEXIST) return diag_fail(d, ERR_EXISTS, "this blob is stored already");
        if (errno == EINVAL || errno == ENOSYS) { /* a file system without that flag */
            if (linkat(disk->root, staged, disk->root, committed, 0) == 0) {
                unlinkat(disk->root, staged, 0);
                return ERR_OK;
            }
            if (errno == EEXIST) return diag_fail(d, ERR_EXISTS, "this blob is stored already");
        }
        if (errno != ENOENT || tries) break;
        if (mkdirat(disk->root, folder, 0700) && errno != EEXIST)
            return fail_errno(d, "cannot make a folder");
        err e = sync_folder(disk, ".", d);
        if (e) return e;
    }
    err e = fail_errno(d, "cannot rename");
    return e == ERR_NOT_FOUND ? ERR_IO : e;
}

static err disk_commit(struct blob_writer *w, struct diag *d) {
    struct blob_disk *disk = w->disk;
    char staged[PATH_CHARS], committed[PATH_CHARS], folder[3];
    path_staged(&w->name, staged);
    path_committed(&w->name, committed);
    memcpy(folder, committed, 2);
    folder[2] = 0;
    forget_times(w->fd);
    err e = ERR_OK;
    if (fsync(w->fd)) e = fail_errno(d, "cannot sync");
    if (!e) e = move_in(disk, staged, committed, folder, d);
    if (e == ERR_EXISTS) unlinkat(disk->root, staged, 0);
    if (!e) e = sync_folder(disk, folder, d);
    writer_free(w);
    return e;
}

static void disk_pause(struct blob_writer *w) {
    if (!w) return;
    forget_times(w->fd);
    writer_free(w);
}

static void disk_abort(struct blob_writer *w) {
    if (!w) return;
    char path[PATH_CHARS];
    path_staged(&w->name, path);
    unlinkat(w->disk->root, path, 0);
    writer_free(w);
}

static err disk_open(struct blob_store *store, const struct store_id *name, struct blob_reader **out,
                     uint64_t *bytes, struct diag *d) {
    char path[PATH_CHARS];
    path_committed(name, path);
    AUTO(fd_close) int fd = openat(disk_of(store)->root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOATIME);
    if (fd < 0 && errno == EPERM) fd = openat(disk_of(store)->root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) return diag_fail(d, ERR_NOT_FOUND, "there is no such blob");
    if (fd < 0) return fail_errno(d, "cannot open");
    struct stat info;
    if (fstat(fd, &info)) return fail_errno(d, "cannot look at a blob");
    struct blob_reader *r = malloc(sizeof *r);
    if (!r) return diag_fail(d, ERR_NO_MEMORY, "no memory for a reader");
    r->fd = fd;
    fd = -1;
    *out = r;
    *bytes = (uint64_t)info.st_size;
    return ERR_OK;
}

static err disk_read(struct blob_reader *r, uint64_t offset, struct buffer out, size_t *got, struct diag *d) {
    return read_at(r->fd, offset, out, got, d);
}

static int disk_descriptor(struct blob_reader *r) {
    return r->fd;
}

static void disk_done(struct blob_reader *r) {
    if (!r) return;
    fd_close(&r->fd);
    free(r);
}

static err disk_address(struct blob_store *store, const struct store_id *name, uint32_t seconds,
                        struct blob *out, struct diag *d) {
    return diag_fail(d, ERR_UNSUPPORTED, "blobs on a disk have no address of their own");
}

static err disk_remove(struct blob_store *store, const struct store_id *name, struct diag *d) {
    struct blob_disk *disk = disk_of(store);
    char path[PATH_CHARS], folder[3];
    path_committed(name, path);
    if (unlinkat(disk->root, path, 0)) {
        if (errno == ENOENT) return diag_fail(d, ERR_NOT_FOUND, "there is no such blob");
        return fail_errno(d, "cannot remove");
    }
    memcpy(folder, path, 2);
    folder[2] = 0;
    AUTO(fd_close) int fd = openat(disk->root, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) forget_times(fd); /* a removal that a crash undoes is repeated: no sync */
    return ERR_OK;
}

static err disk_discard(struct blob_store *store, const struct store_id *name, struct diag *d) {
    AUTO(fd_close) int fd = -1;
    bool same;
    err e = lock_staged(disk_of(store), name, O_RDWR, &fd, &same, d);
    if (e) return e;
    if (!same) return diag_fail(d, ERR_NOT_FOUND, "there is no such staged blob");
    char path[PATH_CHARS];
    path_staged(name, path);
    if (unlinkat(disk_of(store)->root, path, 0)) return fail_errno(d, "cannot remove a staged blob");
    return ERR_OK;
}

static void dir_close(DIR **dir) {
    if (*dir) closedir(*dir);
}

/* The names in a folder that are blobs' names, one after the other. ERR_NOT_FOUND: no such folder. */
static err names_of(struct blob_disk *disk, const char *folder, struct blob *out, struct diag *d) {
    AUTO(fd_close) int fd = openat(disk->root, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail_errno(d, "cannot list a folder");
    AUTO(dir_close) DIR *dir = fdopendir(fd);
    if (!dir) return fail_errno(d, "cannot list a folder");
    fd = -1;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry) return errno ? fail_errno(d, "cannot list a folder") : ERR_OK;
        struct store_id name;
        if (strlen(entry->d_name) != NAME_CHARS ||
            hex_decode(entry->d_name, (struct buffer){name.bytes, STORE_ID_BYTES}))
            continue;
        err e = blob_append(out, BYTES(name.bytes, STORE_ID_BYTES));
        if (e) return diag_fail(d, e, "no memory for the names of a folder");
    }
}

static int compare_names(const void *a, const void *b) {
    return memcmp(a, b, STORE_ID_BYTES);
}

static err visit_folder(struct blob_disk *disk, const char *folder, const struct store_id *from,
                        blob_visit visit, void *arg, struct diag *d) {
    AUTO(blob_clear) struct blob names = {0};
    err e = names_of(disk, folder, &names, d);
    if (e) return e == ERR_NOT_FOUND ? ERR_OK : e;
    if (names.len) qsort(names.data, names.len / STORE_ID_BYTES, STORE_ID_BYTES, compare_names);
    for (size_t at = 0; at < names.len; at += STORE_ID_BYTES) {
        struct store_id name;
        memcpy(name.bytes, names.data + at, STORE_ID_BYTES);
        if (from && memcmp(name.bytes, from->bytes, STORE_ID_BYTES) < 0) continue;
        char hex[NAME_CHARS + 1], path[PATH_CHARS];
        hex_encode(BYTES(name.bytes, STORE_ID_BYTES), hex);
        snprintf(path, sizeof path, "%s/%s", folder, hex);
        struct stat info;
        if (fstatat(disk->root, path, &info, AT_SYMLINK_NOFOLLOW) || !S_ISREG(info.st_mode)) continue;
        e = visit(arg, &name, (uint64_t)info.st_size);
        if (e) return e;
    }
    return ERR_OK;
}

static err disk_list(struct blob_store *store, const struct store_id *from, blob_visit visit, void *arg,
                     struct diag *d) {
    for (unsigned first = from ? from->bytes[0] : 0; first < 256; first++) {
        char folder[3];
        snprintf(folder, sizeof folder, "%02x", first);
        err e = visit_folder(disk_of(store), folder, from, visit, arg, d);
        if (e) return e;
    }
    return ERR_OK;
}

static err disk_list_staged(struct blob_store *store, blob_visit visit, void *arg, struct diag *d) {
    return visit_folder(disk_of(store), STAGING, NULL, visit, arg, d);
}

static void disk_close(struct blob_store *store) {
    if (!store) return;
    fd_close(&disk_of(store)->staging);
    fd_close(&disk_of(store)->root);
    free(store);
}

static const struct blob_ops disk_ops = {
    .name = "disk",
    .close = disk_close,
    .begin = disk_begin,
    .append = disk_append,
    .read_back = disk_read_back,
    .truncate = disk_truncate,
    .sync = disk_sync,
    .commit = disk_commit,
    .pause = disk_pause,
    .abort = disk_abort,
    .open = disk_open,
    .read = disk_read,
    .descriptor = disk_descriptor,
    .done = disk_done,
    .address = disk_address,
    .remove = disk_remove,
    .discard = disk_discard,
    .list = disk_list,
    .list_staged = disk_list_staged,
    .room = disk_room,
};

err blob_disk_open(const char *folder, uint64_t reserve_bytes, struct blob_store **out, struct diag *d) {
    err e = folder_make(folder, d);
    if (e) return e;
    AUTO(fd_close) int root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) return diag_fail(d, ERR_IO, "cannot open %s: %s", folder, strerror(errno));
    if (mkdirat(root, STAGING, 0700) && errno != EEXIST)
        return diag_fail(d, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO, "cannot make %s/" STAGING ": %s", folder,
                         strerror(errno));
    struct blob_disk *disk = calloc(1, sizeof *disk);
    if (!disk) return diag_fail(d, ERR_NO_MEMORY, "no memory for the blob store");
    *disk = (struct blob_disk){.store = {&disk_ops}, .root = root, .staging = -1, .reserve = reserve_bytes};
    root = -1;
    disk->staging = openat(disk->root, STAGING, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    e = disk->staging < 0 ? fail_errno(d, "cannot open the staging folder") : sync_folder(disk, ".", d);
    if (e) {
        disk_close(&disk->store);
        return e;
    }
    *out = &disk->store;
    return ERR_OK;
}
