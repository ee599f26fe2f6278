/* Reels: each is one chunked PUT, begun while it is recorded and fed as records are sealed. What broke is
 * resumed where the vault says that its whole segments end. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "hub/link_internal.h"

#define ACKNOWLEDGE_MS 60000 /* of silence after the last byte */
#define HEAD_MS 20000

static void upload_free(struct upload *u) {
    struct link *l = u->link;
    if (u->previous)
        u->previous->next = u->next;
    else
        l->uploads = u->next;
    if (u->next) u->next->previous = u->previous;
    l->upload_count--;
    if (u->backlog) l->backlog_count--;
    u->reel->in_flight = false;
    fd_close(&u->fd);
    spool_reel_unref(u->reel);
    free(u);
    atomic_store(&l->fresh, true);
}

static err feed(void *context, struct buffer room, size_t *out_len) {
    struct upload *u = context;
    struct spool_look look;
    spool_reel_look(u->reel, &look);
    if (look.dropped) return ERR_CANCELLED;
    if (u->offset >= look.bytes) {
        u->waiting = !look.ended;
        *out_len = 0;
        return look.ended ? ERR_OK : ERR_BUSY;
    }
    size_t n = look.bytes - u->offset < room.len ? (size_t)(look.bytes - u->offset) : room.len;
    ssize_t got = pread(u->fd, room.data, n, (off_t)u->offset);
    if (got <= 0) return ERR_IO;
    u->offset += (size_t)got;
    *out_len = (size_t)got;
    return ERR_OK;
}

/* The vault will never take these bytes: keeping them would block what can be sent. */
static bool refused_for_good(err e, const struct http_response *response) {
    return e == ERR_INVALID && response->status == 400;
}

static void on_put(void *context, err e, const struct http_response *response, const struct diag *d) {
    struct upload *u = context;
    struct link *l = u->link;
    if (!e) {
        link_worked(l);
        if (u->store) spool_reel_acknowledge(u->reel);
    } else if (e == ERR_CONFLICT || e == ERR_EXISTS) {
        u->reel->attempted = true; /* the vault knows better how much it has: ask */
    } else if (refused_for_good(e, response)) {
        log_error("the vault refuses a reel, which is given up: %s", d->text);
        spool_reel_acknowledge(u->reel);
    } else {
        u->reel->attempted = true;
        link_failed(l, e, d->text);
    }
    if (!u->store) u->reel->live_only_sent = true;
    upload_free(u);
}

static void put(struct upload *u) {
    struct link *l = u->link;
    char reel[2 * REEL_ID_BYTES + 1], camera[2 * CAMERA_ID_BYTES + 1], path[256];
    hex_encode(BYTES_OF(u->reel->id), reel);
    hex_encode(BYTES_OF(u->reel->camera), camera);
    snprintf(path, sizeof path, "/v1/reels/%s?camera=%s&epoch=%u&offset=%llu&store=%d%s", reel, camera,
             u->reel->epoch, (unsigned long long)u->offset, u->store, u->backlog ? "&live=0" : "");
    struct http_request request = {.method = "PUT",
                                   .path = path,
                                   .authorization = l->authorization,
                                   .feed = feed,
                                   .context = u,
                                   .idle_ms = ACKNOWLEDGE_MS};
    u->reel->attempted = true;
    if (http_client_start(l->http, &request, on_put, u, &u->transfer, NULL)) upload_free(u);
}

static void on_head(void *context, err e, const struct http_response *response, const struct diag *d) {
    struct upload *u = context;
    struct link *l = u->link;
    char value[32];
    u->transfer = NULL;
    if (e == ERR_NOT_FOUND) {
        link_worked(l);
        u->offset = 0;
        put(u);
        return;
    }
    if (!e &&
        !http_response_header(response, "Upload-Complete", (struct buffer){(uint8_t *)value, sizeof value}) &&
        strcmp(value, "?1") == 0) {
        link_worked(l);
        spool_reel_acknowledge(u->reel);
        upload_free(u);
        return;
    }
    if (!e &&
        http_response_header(response, "Upload-Offset", (struct buffer){(uint8_t *)value, sizeof value}))
        e = ERR_IO;
    if (e) {
        link_failed(l, e, d->text[0] ? d->text : "an answer to HEAD without Upload-Offset");
        upload_free(u);
        return;
    }
    link_worked(l);
    u->offset = strtoull(value, NULL, 10);
    put(u);
}

static void start_upload(struct link *l, struct spool_reel *r, bool store, bool backlog) {
    struct upload *u = calloc(1, sizeof *u);
    if (!u || spool_reel_file(r, &u->fd)) {
        free(u);
        spool_reel_unref(r);
        return;
    }
    u->link = l;
    u->reel = r; /* with the caller's reference */
    u->store = store;
    u->backlog = backlog;
    u->next = l->uploads;
    if (u->next) u->next->previous = u;
    l->uploads = u;
    l->upload_count++;
    l->backlog_count += backlog;
    r->in_flight = true;
    if (!store || !(r->attempted || r->recovered)) {
        put(u);
        return;
    }
    char hex[2 * REEL_ID_BYTES + 1], path[128];
    hex_encode(BYTES_OF(r->id), hex);
    snprintf(path, sizeof path, "/v1/reels/%s", hex);
    struct http_request request = {
        .method = "HEAD", .path = path, .authorization = l->authorization, .timeout_ms = HEAD_MS};
    if (http_client_start(l->http, &request, on_head, u, &u->transfer, NULL)) upload_free(u);
}

struct choice {
    struct link *l;
    struct spool_reel *live[LINK_TRANSFERS_MAX], *backlog[LINK_BACKLOG_MAX], *watched[LINK_TRANSFERS_MAX];
    size_t live_count, backlog_count, watched_count, backlog_room;
};

static bool is_viewed(struct link *l, const struct spool_reel *r) {
    for (size_t i = 0; i < l->viewed_count; i++) /* written by this thread alone */
        if (memcmp(l->viewed[i].camera, r->camera, CAMERA_ID_BYTES) == 0) return true;
    return false;
}

static bool choose(void *context, struct spool_reel *r) {
    struct choice *c = context;
    if (r->in_flight || r->bytes == 0) return true;
    if (r->kind == SPOOL_KIND_HELD) {
        if (!r->ended && !r->live_only_sent && c->watched_count < LINK_TRANSFERS_MAX && is_viewed(c->l, r))
            c->watched[c->watched_count++] = spool_reel_ref_locked(r);
    } else if (!r->ended) {
        if (c->live_count < LINK_TRANSFERS_MAX) c->live[c->live_count++] = spool_reel_ref_locked(r);
    } else if (c->backlog_count < c->backlog_room) {
        c->backlog[c->backlog_count++] = spool_reel_ref_locked(r);
    }
    return true;
}

static void start_some(struct link *l, struct spool_reel **reels, size_t count, bool store, bool backlog) {
    for (size_t i = 0; i < count; i++) {
        /* After a failure one request tries whether the vault is back; the others wait for it. */
        if (!link_ready(l) || l->upload_count >= LINK_TRANSFERS_MAX)
            spool_reel_unref(reels[i]);
        else
            start_upload(l, reels[i], store, backlog);
    }
}

void link_reels_step(struct link *l, bool fresh, bool more) {
    for (struct upload *u = l->uploads, *next; more && u; u = next) {
        next = u->next;
        if (!u->waiting || !u->transfer) continue;
        u->waiting = false;
        http_transfer_resume(u->transfer);
    }
    if (!fresh) return;
    struct choice c = {.l = l, .backlog_room = LINK_BACKLOG_MAX - l->backlog_count};
    spool_visit(l->spool, choose, &c);
    start_some(l, c.live, c.live_count, true, false);
    start_some(l, c.watched, c.watched_count, false, false);
    start_some(l, c.backlog, c.backlog_count, true, true);
}

void link_reels_stop(struct link *l) {
    for (struct upload *u = l->uploads; u; u = u->next)
        if (u->transfer) http_transfer_cancel(u->transfer);
}
