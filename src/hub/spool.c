#include "hub/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "crypto/hash.h"
#include "hub/spool_recover.h"

#define FULL_FOR_US 60000000

struct spool {
    char folder[PATH_TEXT_BYTES - 128]; /* room for the names in it */
    struct disk_thread *disk;
    pthread_mutex_t lock;
    struct spool_reel *first, *last; /* in order of first_slot, then of arrival */
    uint64_t bytes, limit_bytes, dropped_bytes;
    uint32_t reels;
    struct steady_us full_at, space_checked;
    bool full_ever, disk_full;
};

static const char *const suffixes[] = {
    [SPOOL_KIND_KEEP] = "reel", [SPOOL_KIND_EVENT] = "event", [SPOOL_KIND_HELD] = "held"};

static void reel_path(const struct spool_reel *r, const char *suffix, char out[PATH_TEXT_BYTES]) {
    char camera[2 * CAMERA_ID_BYTES + 1], id[2 * REEL_ID_BYTES + 1];
    hex_encode(BYTES_OF(r->camera), camera);
    hex_encode(BYTES_OF(r->id), id);
    snprintf(out, PATH_TEXT_BYTES, "%s/%s/%s.%s", r->spool->folder, camera, id, suffix);
}

/* --- The list, under the lock
 * ------------------------------------------------------------------------------------- */

static void insert(struct spool *s, struct spool_reel *r) {
    struct spool_reel *after = s->last;
    while (after && after->first_slot > r->first_slot) after = after->previous;
    r->previous = after;
    r->next = after ? after->next : s->first;
    if (r->previous)
        r->previous->next = r;
    else
        s->first = r;
    if (r->next)
        r->next->previous = r;
    else
        s->last = r;
    s->reels++;
    s->bytes += r->bytes;
}

static void release(struct spool_reel *r) {
    if (--r->references) return;
    if (r->fd >= 0) close(r->fd);
    free(r);
}

/* Takes it out of the list, with the list's reference. */
static void remove_reel(struct spool *s, struct spool_reel *r) {
    if (r->previous)
        r->previous->next = r->next;
    else
        s->first = r->next;
    if (r->next)
        r->next->previous = r->previous;
    else
        s->last = r->previous;
    s->reels--;
    s->bytes -= r->bytes;
    r->dropped = true;
    release(r);
}

/* Whatever it is called at the moment: a rename on the disk thread may be under way, and looks at `dropped`
 * after it. */
static void unlink_names(const struct spool_reel *r) {
    static const char *const names[] = {"part", "reel", "event", "held"};
    char path[PATH_TEXT_BYTES];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        reel_path(r, names[i], path);
        unlink(path);
    }
}

static void note_full(struct spool *s) {
    s->full_at = steady_now();
    if (!s->full_ever)
        log_warning("the spool is full: the oldest recordings that are not in the vault are being dropped");
    s->full_ever = true;
}

/* Drops the oldest ended reel that may go: what only waits for a viewer first, then recordings, then events.
 */
static bool drop_oldest(struct spool *s) {
    static const enum spool_kind order[] = {SPOOL_KIND_HELD, SPOOL_KIND_KEEP, SPOOL_KIND_EVENT};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        for (struct spool_reel *r = s->first; r; r = r->next) {
            if (!r->ended || r->kind != order[i]) continue;
            if (r->kind != SPOOL_KIND_HELD) {
                s->dropped_bytes += r->bytes;
                note_full(s);
            }
            unlink_names(r);
            remove_reel(s, r);
            return true;
        }
    }
    return false;
}

static bool disk_is_full(struct spool *s, size_t more) {
    struct steady_us now = steady_now();
    struct statvfs info;
    if (!s->disk_full && now.us - s->space_checked.us < 1000000) return false;
    s->space_checked = now;
    if (statvfs(s->folder, &info)) return false;
    s->disk_full = (uint64_t)info.f_bavail * info.f_frsize < SPOOL_RESERVE_BYTES + more;
    return s->disk_full;
}

static err make_room(struct spool *s, size_t more) {
    while (s->bytes + more > s->limit_bytes)
        if (!drop_oldest(s)) return ERR_NO_SPACE;
    while (disk_is_full(s, more))
        if (!drop_oldest(s)) return ERR_NO_SPACE;
    return ERR_OK;
}

/* --- Opening
 * ------------------------------------------------------------------------------------------------------ */

static err add_recovered(void *context, const struct spool_found *found) {
    struct spool *s = context;
    struct spool_reel *r = calloc(1, sizeof *r);
    if (!r) return ERR_NO_MEMORY;
    memcpy(r->id, found->id, sizeof r->id);
    memcpy(r->camera, found->camera, sizeof r->camera);
    r->epoch = found->epoch;
    r->first_slot = found->slot;
    r->bytes = found->bytes;
    r->kind = found->event ? SPOOL_KIND_EVENT : SPOOL_KIND_KEEP;
    r->recovered = r->ended = true;
    r->references = 1;
    r->fd = -1;
    r->spool = s;
    insert(s, r);
    return ERR_OK;
}

static uint64_t default_limit(const char *folder) {
    struct statvfs info;
    if (statvfs(folder, &info)) return SPOOL_DEFAULT_BYTES;
    uint64_t share = (uint64_t)info.f_blocks * info.f_frsize / SPOOL_DISK_SHARE;
    return share < SPOOL_DEFAULT_BYTES ? share : SPOOL_DEFAULT_BYTES;
}

err spool_open(const char *folder, uint64_t limit_bytes, struct disk_thread *disk, struct spool **out,
               struct diag *d) {
    struct spool *s = calloc(1, sizeof *s);
    if (!s) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    pthread_mutex_init(&s->lock, NULL);
    s->disk = disk;
    err e = strlen(folder) < sizeof s->folder ? folder_make(folder, d)
                                              : diag_fail(d, ERR_LIMIT, "the path is too long");
    if (!e) {
        memcpy(s->folder, folder, strlen(folder) + 1);
        s->limit_bytes = limit_bytes ? limit_bytes : default_limit(folder);
        e = spool_recover(folder, add_recovered, s, d);
    }
    if (e) {
        spool_close(s);
        return e;
    }
    *out = s;
    return ERR_OK;
}

void spool_close(struct spool *s) {
    if (!s) return;
    if (s->disk) disk_thread_drain(s->disk);
    for (struct spool_reel *r = s->first, *next; r; r = next) {
        next = r->next;
        release(r);
    }
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* --- Recording
 * ---------------------------------------------------------------------------------------------------- */

static err create_file(struct spool_reel *r, struct diag *d) {
    char path[PATH_TEXT_BYTES], camera[2 * CAMERA_ID_BYTES + 1], folder[PATH_TEXT_BYTES];
    hex_encode(BYTES_OF(r->camera), camera);
    err e = path_join(folder, r->spool->folder, camera);
    if (!e && access(folder, F_OK)) e = folder_make(folder, d);
    if (e) return e;
    reel_path(r, r->kind == SPOOL_KIND_HELD ? "held" : "part", path);
    r->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (r->fd < 0)
        return diag_fail(d, errno == ENOSPC || errno == EDQUOT ? ERR_NO_SPACE : ERR_IO,
                         "cannot create %s: %s", path, strerror(errno));
    return ERR_OK;
}

err spool_reel_begin(struct spool *s, const uint8_t camera[CAMERA_ID_BYTES], uint32_t epoch, uint32_t slot,
                     enum spool_kind kind, struct spool_reel **out, struct diag *d) {
    struct spool_reel *r = calloc(1, sizeof *r);
    if (!r) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    random_bytes(r->id, sizeof r->id);
    memcpy(r->camera, camera, sizeof r->camera);
    r->epoch = epoch;
    r->first_slot = slot;
    r->kind = kind;
    r->fd = -1;
    r->spool = s;
    r->references = 2; /* the list's and the caller's */
    err e = create_file(r, d);
    if (e) {
        free(r);
        return e;
    }
    pthread_mutex_lock(&s->lock);
    insert(s, r);
    pthread_mutex_unlock(&s->lock);
    *out = r;
    return ERR_OK;
}

static err write_records(struct spool_reel *r, struct bytes records) {
    err e = fd_write_all(r->fd, records);
    /* What was written in part is cut off, so that the file ends with a whole record. */
    if (e && ftruncate(r->fd, (off_t)r->bytes) == 0 && lseek(r->fd, (off_t)r->bytes, SEEK_SET) < 0)
        return ERR_IO;
    return e;
}

err spool_reel_append(struct spool_reel *r, struct bytes records, struct diag *d) {
    struct spool *s = r->spool;
    pthread_mutex_lock(&s->lock);
    err e = r->dropped ? ERR_NOT_FOUND : make_room(s, records.len);
    pthread_mutex_unlock(&s->lock);
    if (!e) e = write_records(r, records);
    pthread_mutex_lock(&s->lock);
    if (!e && !r->dropped) {
        r->bytes += records.len;
        s->bytes += records.len;
    }
    if (e == ERR_NO_SPACE) {
        note_full(s);
        s->disk_full = true;
        drop_oldest(s);
    }
    pthread_mutex_unlock(&s->lock);
    return e ? diag_fail(d, e, "cannot write to the spool: %s", err_text(e)) : ERR_OK;
}

static void sync_reel(void *context) {
    struct spool_reel *r = context;
    if (fdatasync(r->fd)) log_warning("cannot sync a reel: %s", strerror(errno));
    spool_reel_unref(r);
}

void spool_reel_sync(struct spool_reel *r) {
    pthread_mutex_lock(&r->spool->lock);
    bool skip = r->dropped || r->kind == SPOOL_KIND_HELD;
    if (!skip) r->references++;
    pthread_mutex_unlock(&r->spool->lock);
    if (!skip) disk_thread_do(r->spool->disk, sync_reel, r);
}

static void rename_reel(const struct spool_reel *r, const char *from, const char *to) {
    char old[PATH_TEXT_BYTES], new[PATH_TEXT_BYTES];
    reel_path(r, from, old);
    reel_path(r, to, new);
    if (rename(old, new) && errno != ENOENT) log_warning("cannot rename a reel: %s", strerror(errno));
}

/* Syncs, then gives the lasting name, if it has not been dropped or acknowledged meanwhile. */
static void finish_reel(void *context) {
    struct spool_reel *r = context;
    struct spool *s = r->spool;
    bool synced = fdatasync(r->fd) == 0;
    pthread_mutex_lock(&s->lock);
    if (r->fd >= 0) close(r->fd);
    r->fd = -1;
    if (!r->dropped && synced && r->kind != SPOOL_KIND_HELD) {
        rename_reel(r, "part", suffixes[r->kind]);
        rename_reel(r, "held", suffixes[r->kind]);
    }
    r->on_disk_thread = false;
    release(r);
    pthread_mutex_unlock(&s->lock);
}

void spool_reel_end(struct spool_reel *r) {
    if (!r) return;
    struct spool *s = r->spool;
    pthread_mutex_lock(&s->lock);
    if (r->bytes == 0 && !r->dropped) {
        unlink_names(r);
        remove_reel(s, r);
    }
    r->ended = true;
    bool dropped = r->dropped;
    if (dropped)
        release(r);
    else
        r->on_disk_thread = true;
    pthread_mutex_unlock(&s->lock);
    if (!dropped) disk_thread_do(s->disk, finish_reel, r); /* with the caller's reference */
}

static void promote_locked(struct spool_reel *r, enum spool_kind kind) {
    if (kind == SPOOL_KIND_HELD || r->kind == kind || r->kind == SPOOL_KIND_EVENT) return;
    enum spool_kind before = r->kind;
    r->kind = kind;
    if (r->ended && !r->on_disk_thread)
        rename_reel(r, suffixes[before], suffixes[kind]);
    else if (before == SPOOL_KIND_HELD && !r->on_disk_thread)
        rename_reel(r, "held", "part");
}

void spool_reel_promote(struct spool_reel *r, enum spool_kind kind) {
    pthread_mutex_lock(&r->spool->lock);
    if (!r->dropped) promote_locked(r, kind);
    pthread_mutex_unlock(&r->spool->lock);
}

void spool_drop_held(struct spool *s, const uint8_t camera[CAMERA_ID_BYTES], uint32_t before_slot) {
    pthread_mutex_lock(&s->lock);
    for (struct spool_reel *r = s->first, *next; r; r = next) {
        next = r->next;
        if (r->kind != SPOOL_KIND_HELD || !r->ended || r->first_slot >= before_slot ||
            memcmp(r->camera, camera, CAMERA_ID_BYTES) != 0)
            continue;
        unlink_names(r);
        remove_reel(s, r);
    }
    pthread_mutex_unlock(&s->lock);
}

void spool_promote_held(struct spool *s, const uint8_t camera[CAMERA_ID_BYTES], uint32_t from_slot,
                        enum spool_kind kind) {
    pthread_mutex_lock(&s->lock);
    struct spool_reel *before = NULL; /* it may reach past from_slot */
    for (struct spool_reel *r = s->first; r; r = r->next) {
        if (r->kind != SPOOL_KIND_HELD || memcmp(r->camera, camera, CAMERA_ID_BYTES) != 0) continue;
        if (r->first_slot <= from_slot)
            before = r;
        else
            promote_locked(r, kind);
    }
    if (before) promote_locked(before, kind);
    pthread_mutex_unlock(&s->lock);
}

void spool_remove_camera(struct spool *s, const uint8_t camera[CAMERA_ID_BYTES]) {
    pthread_mutex_lock(&s->lock);
    for (struct spool_reel *r = s->first, *next; r; r = next) {
        next = r->next;
        if (memcmp(r->camera, camera, CAMERA_ID_BYTES) != 0) continue;
        unlink_names(r);
        remove_reel(s, r);
    }
    pthread_mutex_unlock(&s->lock);
    char hex[2 * CAMERA_ID_BYTES + 1], folder[PATH_TEXT_BYTES];
    hex_encode(BYTES(camera, CAMERA_ID_BYTES), hex);
    if (!path_join(folder, s->folder, hex)) rmdir(folder);
}

void spool_state(struct spool *s, struct spool_state *out) {
    pthread_mutex_lock(&s->lock);
    *out = (struct spool_state){
        .bytes = s->bytes,
        .limit_bytes = s->limit_bytes,
        .dropped_bytes = s->dropped_bytes,
        .reels = s->reels,
        .oldest_slot = s->first ? s->first->first_slot : 0,
        .full = s->full_ever && steady_now().us - s->full_at.us < FULL_FOR_US,
    };
    pthread_mutex_unlock(&s->lock);
}

/* --- Uploading
 * ---------------------------------------------------------------------------------------------------- */

void spool_reel_look(const struct spool_reel *r, struct spool_look *out) {
    pthread_mutex_lock(&r->spool->lock);
    *out = (struct spool_look){.kind = r->kind, .bytes = r->bytes, .ended = r->ended, .dropped = r->dropped};
    pthread_mutex_unlock(&r->spool->lock);
}

void spool_visit(struct spool *s, spool_visit_fn *fn, void *context) {
    pthread_mutex_lock(&s->lock);
    for (struct spool_reel *r = s->first, *next; r; r = next) {
        next = r->next;
        if (!fn(context, r)) break;
    }
    pthread_mutex_unlock(&s->lock);
}

struct spool_reel *spool_reel_ref_locked(struct spool_reel *r) {
    r->references++;
    return r;
}

void spool_reel_unref(struct spool_reel *r) {
    struct spool *s = r->spool;
    pthread_mutex_lock(&s->lock);
    release(r);
    pthread_mutex_unlock(&s->lock);
}

err spool_reel_file(const struct spool_reel *r, int *out_fd) {
    static const char *const names[] = {"part", "reel", "event", "held"};
    char path[PATH_TEXT_BYTES];
    pthread_mutex_lock(&r->spool->lock); /* no rename in between */
    int fd = -1;
    for (size_t i = 0; i < sizeof names / sizeof *names && fd < 0 && !r->dropped; i++) {
        reel_path(r, names[i], path);
        fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    pthread_mutex_unlock(&r->spool->lock);
    if (fd < 0) return ERR_NOT_FOUND;
    *out_fd = fd;
    return ERR_OK;
}

void spool_reel_acknowledge(struct spool_reel *r) {
    pthread_mutex_lock(&r->spool->lock);
    if (!r->dropped) {
        unlink_names(r);
        remove_reel(r->spool, r);
    }
    pthread_mutex_unlock(&r->spool->lock);
}
