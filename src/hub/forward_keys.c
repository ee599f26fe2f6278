#include "hub/forward_keys.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "crypto/hash.h"
#include "format/camera_object.h"

#define FILE_MAX_BYTES (4u << 20)
#define FILE_HEAD_BYTES 13
#define CLOCK_FLOOR_US 1704067200000000 /* 2024-01-01: a clock before it was never set */
#define CLOCK_DOUBT_US 3600000000

struct stream {
    uint8_t camera[CAMERA_ID_BYTES];
    uint32_t epoch;
    uint64_t first;      /* memory opens nothing before it */
    uint64_t disk_first; /* any copy on disk opens nothing before it; TIMEKEY_SLOT_END: there is none */
    bool waiting;        /* loaded, and its first slot not reached yet */
    bool stranded;       /* the clock jumped: needs a new epoch */
    struct timekey_set set;
};

struct forward_keys {
    char path[PATH_TEXT_BYTES];
    struct disk_thread *disk;
    struct stream *streams;
    size_t count, cap;
    struct wall_us last_wall;
    struct steady_us last_steady, written, doubt_until;
    bool ticked;
    /* Shared with the disk thread. */
    pthread_mutex_t lock;
    bool writing;
    err write_error;
    struct diag write_diag;
    uint64_t pending_boundary, durable_boundary;
};

static struct stream *find(const struct forward_keys *k, const uint8_t camera[CAMERA_ID_BYTES]) {
    for (size_t i = 0; i < k->count; i++)
        if (memcmp(k->streams[i].camera, camera, CAMERA_ID_BYTES) == 0) return &k->streams[i];
    return NULL;
}

static err add(struct forward_keys *k, const uint8_t camera[CAMERA_ID_BYTES], struct stream **out) {
    if (k->count >= FORWARD_STREAMS_MAX) return ERR_LIMIT;
    if (k->count == k->cap) {
        size_t cap = k->cap ? k->cap * 2 : 8;
        struct stream *more = realloc(k->streams, cap * sizeof *more);
        if (!more) return ERR_NO_MEMORY;
        k->streams = more;
        k->cap = cap;
    }
    struct stream *s = &k->streams[k->count++];
    *s = (struct stream){.disk_first = TIMEKEY_SLOT_END};
    memcpy(s->camera, camera, CAMERA_ID_BYTES);
    *out = s;
    return ERR_OK;
}

/* --- The file
 * ---------------------------------------------------------------------------------------------------- */

static err load_streams(struct forward_keys *k, struct reader *r, uint32_t boundary, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        uint8_t camera[CAMERA_ID_BYTES];
        uint32_t epoch, len;
        struct bytes set;
        struct stream *s;
        if (!reader_copy(r, camera, sizeof camera) || !reader_be32(r, &epoch) || !reader_be32(r, &len) ||
            !reader_take(r, len, &set))
            return ERR_INVALID;
        err e = add(k, camera, &s);
        if (e) return e;
        s->epoch = epoch;
        s->first = s->disk_first = boundary;
        s->waiting = true;
        e = timekey_decode(set, &s->set, NULL);
        if (e) {
            k->count--;
            return e;
        }
    }
    return reader_left(r) ? ERR_INVALID : ERR_OK;
}

static err load(struct forward_keys *k, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    err e = file_read(k->path, FILE_MAX_BYTES, &raw, d);
    if (e == ERR_NOT_FOUND || e == ERR_LIMIT) return ERR_OK;
    if (e) return e;
    uint8_t sum[HASH_BYTES];
    if (raw.len < FILE_HEAD_BYTES + HASH_BYTES || memcmp(raw.data, "CRDF\1", 5) != 0) return ERR_OK;
    struct bytes body = BYTES(raw.data, raw.len - HASH_BYTES);
    hash_sha256(body, sum);
    if (memcmp(sum, raw.data + body.len, HASH_BYTES) != 0) return ERR_OK;
    struct reader r = reader_of(BYTES(body.data + FILE_HEAD_BYTES, body.len - FILE_HEAD_BYTES));
    e = load_streams(k, &r, be32_get(raw.data + 5), be32_get(raw.data + 9));
    return e == ERR_NO_MEMORY ? diag_fail(d, e, "out of memory") : ERR_OK;
}

static err encode_stream(const struct stream *s, uint64_t boundary, struct blob *out) {
    struct timekey_set ahead = {0};
    AUTO(blob_clear) struct blob code = {0};
    err e = timekey_intersect(&s->set, boundary, TIMEKEY_SLOT_END, &ahead);
    if (!e) e = timekey_encode(&ahead, &code);
    timekey_set_clear(&ahead);
    if (!e) e = blob_append(out, BYTES_OF(s->camera));
    if (!e) e = blob_append_be32(out, s->epoch);
    if (!e) e = blob_append_be32(out, (uint32_t)code.len);
    if (!e) e = blob_append(out, blob_bytes(&code));
    return e;
}

static err encode(const struct forward_keys *k, uint64_t boundary, struct blob *out) {
    /* All at once, so that growing leaves no copies of keys behind. */
    err e = blob_reserve(out, FILE_HEAD_BYTES + HASH_BYTES + k->count * 2600);
    if (!e) e = blob_append(out, BYTES("CRDF\1", 5));
    if (!e) e = blob_append_be32(out, (uint32_t)boundary);
    uint32_t count = 0;
    for (size_t i = 0; i < k->count; i++) count += !k->streams[i].stranded;
    if (!e) e = blob_append_be32(out, count);
    for (size_t i = 0; i < k->count && !e; i++)
        if (!k->streams[i].stranded) e = encode_stream(&k->streams[i], boundary, out);
    if (e) return e;
    uint8_t sum[HASH_BYTES];
    hash_sha256(blob_bytes(out), sum);
    return blob_append(out, BYTES_OF(sum));
}

/* The old file's blocks are overwritten through a descriptor that outlives its name. Disks that write
 * elsewhere keep them a while longer; that is as far as a program can reach. */
static void overwrite_old(int fd) {
    static const uint8_t zeros[4096];
    struct stat info;
    if (fd < 0 || fstat(fd, &info)) return;
    for (off_t at = 0; at < info.st_size; at += (off_t)sizeof zeros) {
        size_t n = info.st_size - at < (off_t)sizeof zeros ? (size_t)(info.st_size - at) : sizeof zeros;
        if (pwrite(fd, zeros, n, at) < 0) return;
    }
    if (fdatasync(fd)) return;
}

struct write_job {
    struct forward_keys *k;
    uint64_t boundary;
    struct blob data;
};

static void write_file(void *context) {
    struct write_job *job = context;
    struct forward_keys *k = job->k;
    struct diag d = {{0}};
    AUTO(fd_close) int old = open(k->path, O_WRONLY | O_CLOEXEC);
    err e = file_replace(k->path, blob_bytes(&job->data), 0600, &d);
    if (!e) overwrite_old(old);
    pthread_mutex_lock(&k->lock);
    k->writing = false;
    k->write_error = e;
    k->write_diag = d;
    if (!e) k->durable_boundary = job->boundary;
    pthread_mutex_unlock(&k->lock);
    blob_clear(&job->data);
    free(job);
}

/* Takes note of a write that is done: from then on the disk begins at its boundary. */
static bool collect_written(struct forward_keys *k) {
    pthread_mutex_lock(&k->lock);
    bool writing = k->writing;
    uint64_t durable = k->durable_boundary;
    pthread_mutex_unlock(&k->lock);
    if (!writing && k->pending_boundary && durable == k->pending_boundary) {
        for (size_t i = 0; i < k->count; i++) {
            struct stream *s = &k->streams[i];
            if (s->disk_first != TIMEKEY_SLOT_END) s->disk_first = durable;
        }
        k->pending_boundary = 0;
    }
    return writing;
}

static void begin_write(struct forward_keys *k, uint64_t boundary) {
    if (collect_written(k) || boundary >= TIMEKEY_SLOT_END) return;
    struct write_job *job = calloc(1, sizeof *job);
    if (!job || encode(k, boundary, &job->data)) {
        if (job) blob_clear(&job->data);
        free(job);
        return; /* out of memory: the next tick tries again */
    }
    job->k = k;
    job->boundary = boundary;
    for (size_t i = 0; i < k->count; i++) {
        struct stream *s = &k->streams[i];
        if (!s->stranded && boundary < s->disk_first) s->disk_first = boundary;
    }
    pthread_mutex_lock(&k->lock);
    k->writing = true;
    k->pending_boundary = boundary;
    pthread_mutex_unlock(&k->lock);
    disk_thread_do(k->disk, write_file, job);
}

err forward_keys_open(const char *path, struct disk_thread *disk, struct forward_keys **out, struct diag *d) {
    struct forward_keys *k = calloc(1, sizeof *k);
    if (!k) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    pthread_mutex_init(&k->lock, NULL);
    k->disk = disk;
    err e = strlen(path) < sizeof k->path ? ERR_OK : diag_fail(d, ERR_LIMIT, "the path is too long");
    if (!e) {
        memcpy(k->path, path, strlen(path) + 1);
        e = load(k, d);
    }
    if (e) {
        k->disk = NULL;
        forward_keys_close(k);
        return e;
    }
    *out = k;
    return ERR_OK;
}

void forward_keys_close(struct forward_keys *k) {
    if (!k) return;
    if (k->disk) {
        disk_thread_drain(k->disk);
        collect_written(k);
        uint64_t boundary = (uint64_t)wall_slot(wall_now()) + 1;
        for (size_t i = 0; i < k->count; i++) /* never below what was sealed, whatever the clock says */
            if (!k->streams[i].stranded && k->streams[i].first + 1 > boundary && !k->streams[i].waiting)
                boundary = k->streams[i].first + 1;
        begin_write(k, boundary);
        disk_thread_drain(k->disk);
    }
    for (size_t i = 0; i < k->count; i++) timekey_set_clear(&k->streams[i].set);
    pthread_mutex_destroy(&k->lock);
    free(k->streams);
    free(k);
}

/* --- Streams
 * ----------------------------------------------------------------------------------------------------- */

err forward_keys_begin(struct forward_keys *k, const uint8_t camera[CAMERA_ID_BYTES], uint32_t epoch,
                       const uint8_t household_box[32], struct wall_us now, struct blob *sealed_root) {
    struct timekey_set root = {0}, ahead = {0};
    struct stream *s = find(k, camera);
    err e = s ? ERR_OK : add(k, camera, &s);
    if (e) return e;
    uint32_t slot = wall_slot(now);
    e = timekey_generate(&root);
    if (!e) e = timekey_cover(&root, slot, TIMEKEY_SLOT_END, &ahead);
    if (!e) e = camera_root_seal(household_box, camera, epoch, &root, sealed_root);
    timekey_set_clear(&root);
    if (e) {
        timekey_set_clear(&ahead);
        if (!s->set.count) forward_keys_forget(k, camera);
        return e;
    }
    timekey_set_clear(&s->set);
    s->set = ahead;
    s->epoch = epoch;
    s->first = slot;
    s->disk_first = TIMEKEY_SLOT_END;
    s->waiting = s->stranded = false;
    k->written.us = 0; /* soon, so that a restart finds this epoch */
    return ERR_OK;
}

void forward_keys_forget(struct forward_keys *k, const uint8_t camera[CAMERA_ID_BYTES]) {
    struct stream *s = find(k, camera);
    if (!s) return;
    timekey_set_clear(&s->set);
    *s = k->streams[--k->count];
    memset(&k->streams[k->count], 0, sizeof *s);
    k->written.us = 0;
}

err forward_keys_epoch(const struct forward_keys *k, const uint8_t camera[CAMERA_ID_BYTES], uint32_t *out) {
    const struct stream *s = find(k, camera);
    if (!s) return ERR_NOT_FOUND;
    *out = s->epoch;
    return ERR_OK;
}

static err advance(struct stream *s, uint64_t slot) {
    if (slot <= s->first) return ERR_OK;
    err e = timekey_forward(&s->set, slot);
    if (!e) s->first = slot;
    return e;
}

err forward_keys_slot(struct forward_keys *k, const uint8_t camera[CAMERA_ID_BYTES], struct wall_us at,
                      struct wall_us now, struct forward_slot *out) {
    struct stream *s = find(k, camera);
    if (!s) return ERR_NOT_FOUND;
    collect_written(k);
    uint64_t today = wall_slot(now), slot = wall_slot(at);
    uint64_t allowed = s->waiting ? FORWARD_LEAD_S + 2 : FORWARD_HOLD_S;
    if (s->stranded || s->first > today + allowed) {
        s->stranded = true;
        return ERR_CONFLICT;
    }
    if (s->waiting && today < s->first) return ERR_BUSY;
    /* A worker's time stamps are not trusted with the keys: at most a second ahead, and five behind. */
    if (slot > today + 1) slot = today + 1;
    if (slot + FORWARD_HOLD_S < today) slot = today - FORWARD_HOLD_S;
    if (slot < s->first) slot = s->first;
    if (slot >= s->disk_first) {
        if (s->disk_first <= s->first) return ERR_BUSY; /* loaded: the file must move on first */
        slot = s->disk_first - 1;
        if (slot + FORWARD_LEAD_S < today) return ERR_BUSY;
    }
    err e = advance(s, slot);
    if (e) return e;
    s->waiting = false;
    *out = (struct forward_slot){.slot = (uint32_t)slot, .epoch = s->epoch, .keys = &s->set};
    return ERR_OK;
}

static void watch_clock(struct forward_keys *k, struct wall_us now, struct steady_us steady) {
    int64_t expected = k->last_wall.us + (steady.us - k->last_steady.us);
    if (k->ticked && now.us - expected > (int64_t)FORWARD_JUMP_S * 1000000) {
        for (size_t i = 0; i < k->count; i++) k->streams[i].stranded = true;
        k->doubt_until.us = steady.us + CLOCK_DOUBT_US;
    }
    k->ticked = true;
    k->last_wall = now;
    k->last_steady = steady;
}

void forward_keys_tick(struct forward_keys *k, struct wall_us now, struct steady_us steady) {
    watch_clock(k, now, steady);
    bool writing = collect_written(k);
    uint64_t today = wall_slot(now);
    for (size_t i = 0; i < k->count; i++) {
        struct stream *s = &k->streams[i];
        if (s->stranded)
            timekey_set_clear(&s->set); /* an epoch that is over needs no keys */
        else if (today > FORWARD_HOLD_S && advance(s, today - FORWARD_HOLD_S))
            continue; /* no memory: next time */
    }
    if (writing || (k->written.us && steady.us - k->written.us < (int64_t)FORWARD_PERIOD_S * 1000000)) return;
    k->written = steady;
    begin_write(k, today + FORWARD_LEAD_S);
}

bool forward_keys_clock_ok(const struct forward_keys *k) {
    return k->last_wall.us > CLOCK_FLOOR_US && k->last_steady.us >= k->doubt_until.us;
}

bool forward_keys_failing(struct forward_keys *k, struct diag *d) {
    pthread_mutex_lock(&k->lock);
    bool failing = k->write_error != ERR_OK;
    if (failing && d) *d = k->write_diag;
    pthread_mutex_unlock(&k->lock);
    return failing;
}
