#include "hub/recent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "crypto/hash.h"
#include "hub/rules.h"

/* A record: number (8) | id (16) | camera (16) | label (1) | open (1) | score (4) | begin (8) | end (8) | box
 * (8) | look (64) | zeros | check (8): the first bytes of SHA-256 of what stands before. Number 0: empty. */
#define CHECK_AT (RECENT_BYTES - 8)

struct record {
    uint64_t number;
    struct recent_event e;
};

struct recent {
    int fd;
    uint64_t next;
    struct record records[RECENT_MAX];
};

static void encode(const struct record *r, uint8_t out[RECENT_BYTES]) {
    uint8_t hash[HASH_BYTES];
    uint32_t score;
    memset(out, 0, RECENT_BYTES);
    be64_put(out, r->number);
    memcpy(out + 8, r->e.id, 16);
    memcpy(out + 24, r->e.camera, CAMERA_ID_BYTES);
    out[40] = (uint8_t)r->e.label;
    out[41] = r->e.open;
    memcpy(&score, &r->e.score, sizeof score);
    be32_put(out + 42, score);
    be64_put(out + 46, (uint64_t)r->e.begin.us);
    be64_put(out + 54, (uint64_t)r->e.end.us);
    be16_put(out + 62, r->e.box.x);
    be16_put(out + 64, r->e.box.y);
    be16_put(out + 66, r->e.box.w);
    be16_put(out + 68, r->e.box.h);
    memcpy(out + 70, r->e.look, VISION_LOOK_BYTES);
    hash_sha256(BYTES(out, CHECK_AT), hash);
    memcpy(out + CHECK_AT, hash, RECENT_BYTES - CHECK_AT);
}

static bool decode(const uint8_t in[RECENT_BYTES], struct record *r) {
    uint8_t hash[HASH_BYTES];
    uint32_t score = be32_get(in + 42);
    hash_sha256(BYTES(in, CHECK_AT), hash);
    if (memcmp(hash, in + CHECK_AT, RECENT_BYTES - CHECK_AT) != 0 || in[40] >= LABELS_ALL || in[41] > 1)
        return false;
    *r = (struct record){.number = be64_get(in)};
    memcpy(r->e.id, in + 8, 16);
    memcpy(r->e.camera, in + 24, CAMERA_ID_BYTES);
    r->e.label = in[40];
    r->e.open = in[41];
    memcpy(&r->e.score, &score, sizeof score);
    r->e.begin.us = (int64_t)be64_get(in + 46);
    r->e.end.us = (int64_t)be64_get(in + 54);
    r->e.box = (struct place_box){be16_get(in + 62), be16_get(in + 64), be16_get(in + 66), be16_get(in + 68)};
    memcpy(r->e.look, in + 70, VISION_LOOK_BYTES);
    return r->number > 0 && r->number < UINT64_MAX;
}

err recent_open(const char *data, struct recent **out, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    uint8_t raw[RECENT_BYTES];
    if (path_join(path, data, "recent")) return diag_fail(d, ERR_LIMIT, "the path is too long");
    struct recent *r = calloc(1, sizeof *r);
    if (!r) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    r->next = 1;
    r->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (r->fd < 0) {
        err e = diag_fail(d, ERR_IO, "cannot open %s: %s", path, strerror(errno));
        recent_free(r);
        return e;
    }
    for (size_t i = 0; i < RECENT_MAX; i++) {
        ssize_t n = pread(r->fd, raw, sizeof raw, (off_t)(i * sizeof raw));
        if (n < (ssize_t)sizeof raw) break;
        struct record *at = &r->records[i];
        if (!decode(raw, at) || at->number % RECENT_MAX != i) *at = (struct record){0};
        if (at->number >= r->next) r->next = at->number + 1;
    }
    *out = r;
    return ERR_OK;
}

void recent_free(struct recent *r) {
    if (!r) return;
    fd_close(&r->fd);
    free(r);
}

static void write_record(struct recent *r, size_t i) {
    uint8_t raw[RECENT_BYTES] = {0};
    if (r->records[i].number) encode(&r->records[i], raw);
    if (pwrite(r->fd, raw, sizeof raw, (off_t)(i * sizeof raw)) != (ssize_t)sizeof raw)
        log_warning("an event is not remembered: %s", strerror(errno));
}

static size_t index_of(const struct recent *r, const uint8_t id[16]) {
    for (size_t i = 0; i < RECENT_MAX; i++)
        if (r->records[i].number && memcmp(r->records[i].e.id, id, 16) == 0) return i;
    return RECENT_MAX;
}

void recent_add(struct recent *r, const struct recent_event *e, const uint8_t *replaces) {
    size_t old = replaces ? index_of(r, replaces) : RECENT_MAX, i = (size_t)(r->next % RECENT_MAX);
    if (old < RECENT_MAX && r->records[old].e.open) {
        r->records[old].e.open = false;
        write_record(r, old);
    }
    r->records[i] = (struct record){r->next++, *e};
    write_record(r, i);
}

const struct recent_event *recent_find(const struct recent *r, const uint8_t id[16]) {
    size_t i = index_of(r, id);
    return i < RECENT_MAX ? &r->records[i].e : NULL;
}

const struct recent_event *recent_next_open(const struct recent *r) {
    for (size_t i = 0; i < RECENT_MAX; i++)
        if (r->records[i].number && r->records[i].e.open) return &r->records[i].e;
    return NULL;
}

void recent_forget(struct recent *r, const uint8_t camera[CAMERA_ID_BYTES]) {
    for (size_t i = 0; i < RECENT_MAX; i++) {
        if (!r->records[i].number || memcmp(r->records[i].e.camera, camera, CAMERA_ID_BYTES) != 0) continue;
        r->records[i] = (struct record){0};
        write_record(r, i);
    }
}
