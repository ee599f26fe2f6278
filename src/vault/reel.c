/* Reels over HTTP: PUT as they are recorded, HEAD to resume, GET by range. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "vault/grant.h"
#include "vault/in_flight.h"
#include "vault/upload.h"

static json_t *reel_answer(const struct reel_info *info) {
    return json_pack("{s:I,s:I}", "bytes", (json_int_t)info->bytes, "segments", (json_int_t)info->segments);
}

static void upload_release(void *state) {
    upload_free(state);
}

static err upload_sink(void *state, struct bytes piece) {
    return upload_feed(state, piece);
}

/* Sets the reply, and frees the upload. */
static enum http_outcome put_refused(struct upload *u, err e, uint64_t held, const struct reel_info *done,
                                     const struct diag *d, struct http_reply *r) {
    bool same = e == ERR_EXISTS && done->epoch == u->epoch;
    u->live = UPLOAD_LIVE_NEVER;
    upload_free(u);
    if (same) return reply_json(r, 200, reel_answer(done));
    if (e == ERR_EXISTS)
        return reply_error(r, 409, "conflict", "that reel belongs to another camera or epoch");
    reply_err(r, e, d);
    if (e == ERR_CONFLICT) http_reply_header(r, "Upload-Offset", "%llu", (unsigned long long)held);
    return HTTP_DONE;
}

static enum http_outcome put_begin(struct vault *v, struct http_request *request, struct http_reply *r) {
    const struct capability *capability = &caller_of(request)->capability;
    uint64_t epoch = 0, offset = 0, store = 1, live = 2, held = 0;
    struct store_id camera, reel;
    const struct query_field fields[] = {
        {"camera", QUERY_HEX, true, 0, &camera},
        {"epoch", QUERY_UINT, true, UINT32_MAX, &epoch},
        {"offset", QUERY_UINT, false, REEL_HARD_MAX_BYTES, &offset},
        {"store", QUERY_UINT, false, 1, &store},
        {"live", QUERY_UINT, false, 1, &live},
    };
    if (!REQUEST_QUERY(request, fields, r) || !request_id(request, 0, "reel", &reel, r)) return HTTP_DONE;
    struct upload *u = calloc(1, sizeof *u);
    if (!u) return reply_err(r, ERR_NO_MEMORY, NULL);
    u->v = v;
    u->reel = reel;
    u->place = (struct reel_place){capability->household, camera};
    u->capability = capability->key;
    u->epoch = (uint32_t)epoch;
    u->store = store != 0;
    u->live = live == 0 ? UPLOAD_LIVE_NEVER : live == 1 ? UPLOAD_LIVE_ALWAYS : UPLOAD_LIVE_RECENT;
    struct reel_info done = {0};
    struct diag d = {0};
    err e = upload_open(u, offset, &held, &done, &d);
    if (e) return put_refused(u, e, held, &done, &d, r);
    request->state = u;
    request->state_free = upload_release;
    request->sink = upload_sink;
    return HTTP_RECEIVE;
}

enum http_outcome reel_put(void *vault, struct http_request *request, struct http_reply *r) {
    if (request->phase == HTTP_PHASE_HEADERS) return put_begin(vault, request, r);
    struct reel_info info = {0};
    struct diag d = {0};
    err e = upload_finish(request->state, &info, &d);
    return e ? reply_err(r, e, &d) : reply_json(r, 201, reel_answer(&info));
}

enum http_outcome reel_head(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const struct store_id *household = &caller_of(request)->capability.household;
    struct store_id reel;
    struct reel_place place;
    struct reel_info info = {0};
    struct diag d = {0};
    if (!request_id(request, 0, "reel", &reel, r)) return HTTP_DONE;
    err e = v->index->ops->reel_get(v->index, household, &reel, &place, &info, NULL, &d);
    bool complete = e == ERR_OK;
    uint64_t held = info.bytes;
    if (e == ERR_NOT_FOUND) e = upload_held(v, household, &reel, &held, &d);
    if (e == ERR_NOT_FOUND) return reply_error(r, 404, "not_found", "there is no such reel");
    if (e) return reply_err(r, e, &d);
    http_reply_header(r, "Upload-Offset", "%llu", (unsigned long long)held);
    http_reply_header(r, "Upload-Complete", "?%d", complete);
    return reply_empty(r, 200);
}

/* --- reading --- */

struct blob_source {
    struct vault *v;
    struct blob_reader *reader;
    uint64_t at, end;
};

static err source_read(void *state, struct buffer out, size_t *len, bool *end) {
    struct blob_source *s = state;
    struct diag d;
    uint64_t left = s->end - s->at;
    if (out.len > left) out.len = (size_t)left;
    err e = out.len ? s->v->blobs->ops->read(s->reader, s->at, out, len, &d) : ERR_OK;
    if (!e && out.len && *len == 0) e = ERR_IO; /* the row promised more */
    s->at += *len;
    *end = s->at == s->end;
    return e;
}

static void source_free(void *state) {
    struct blob_source *s = state;
    s->v->blobs->ops->done(s->reader);
    free(s);
}

/* From the descriptor where there is one (the kernel copies), else by reading. Takes the reader. */
static enum http_outcome answer_range(struct vault *v, struct blob_reader *reader, uint64_t begin,
                                      uint64_t end, unsigned status, struct http_reply *r) {
    int fd = v->blobs->ops->descriptor(reader);
    if (fd >= 0 && end > begin) r->fd = dup(fd);
    r->status = status;
    r->type = "application/octet-stream";
    if (r->fd >= 0) {
        r->fd_offset = begin;
        r->fd_bytes = end - begin;
        v->blobs->ops->done(reader);
        return HTTP_DONE;
    }
    struct blob_source *s = calloc(1, sizeof *s);
    if (!s) {
        v->blobs->ops->done(reader);
        return reply_err(r, ERR_NO_MEMORY, NULL);
    }
    *s = (struct blob_source){v, reader, begin, end};
    r->source = (struct http_source){source_read, source_free, s};
    r->source_bytes = end - begin;
    return HTTP_DONE;
}

static enum http_outcome no_such_reel(struct http_reply *r) {
    return reply_error(r, 404, "not_found", "there is no such reel");
}

static enum http_outcome beyond_reel(struct http_reply *r, uint64_t total) {
    reply_error(r, 416, "invalid", "the reel has %llu bytes", (unsigned long long)total);
    http_reply_header(r, "Content-Range", "bytes */%llu", (unsigned long long)total);
    return HTTP_DONE;
}

static void say_range(struct http_reply *r, uint64_t begin, uint64_t end, uint64_t total) {
    http_reply_header(r, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)begin,
                      (unsigned long long)end - 1, (unsigned long long)total);
}

/* Of a reel that is still arriving; it will be longer, so nobody keeps this answer. */
static enum http_outcome answer_arriving(struct in_flight_bytes *b, struct http_reply *r) {
    http_reply_header(r, "Cache-Control", "no-store");
    http_reply_header(r, "Accept-Ranges", "bytes");
    if (b->part) say_range(r, b->begin, b->begin + b->bytes.len, b->total);
    return reply_text(r, b->part ? 206 : 200, "application/octet-stream", &b->bytes);
}

static void reader_done(struct vault *v, struct blob_reader *reader) {
    v->blobs->ops->done(reader);
}

/* Takes the reader. */
static enum http_outcome answer_stored(struct vault *v, struct http_request *request,
                                       struct blob_reader *reader, uint64_t total, struct bytes table,
                                       struct http_reply *r) {
    const struct grant_scope *scope = scope_of_caller(request);
    struct diag d = {0};
    const char *range = http_header(request, "Range"), *match = http_header(request, "If-None-Match");
    char etag[2 * STORE_ID_BYTES + 3];
    uint64_t begin = 0, end = total;
    err ranged = range ? http_range_parse(range, total, &begin, &end) : ERR_INVALID;
    err e = ranged == ERR_LIMIT ? ERR_OK : scope_table(scope, table, begin, end, &d);
    if (e) {
        reader_done(v, reader);
        return reply_err(r, e, &d);
    }
    snprintf(etag, sizeof etag, "\"%s\"", request->params[0]);
    http_reply_header(r, "ETag", "%s", etag);
    http_reply_header(r, "Cache-Control", scope ? "no-store" : "private, max-age=86400, immutable");
    http_reply_header(r, "Accept-Ranges", "bytes");
    if (match && strcmp(match, etag) == 0) {
        reader_done(v, reader);
        return reply_empty(r, 304);
    }
    if (ranged == ERR_INVALID) return answer_range(v, reader, 0, total, 200, r);
    if (ranged) {
        reader_done(v, reader);
        return beyond_reel(r, total);
    }
    say_range(r, begin, end, total);
    return answer_range(v, reader, begin, end, 206, r);
}

/* A grantee's with its table. */
static err open_stored(struct vault *v, struct http_request *request, const struct store_id *reel,
                       struct blob_reader **reader, uint64_t *total, struct blob *table, struct diag *d) {
    const struct store_id *household = &caller_of(request)->capability.household;
    const struct grant_scope *scope = scope_of_caller(request);
    struct reel_place place;
    struct reel_info info;
    err e = v->index->ops->reel_get(v->index, household, reel, &place, &info, scope ? table : NULL, d);
    if (!e) e = scope_camera(scope, &place.camera, d);
    if (!e) activity_note(v, household, scope, &place.camera);
    return e ? e : v->blobs->ops->open(v->blobs, reel, reader, total, d);
}

enum http_outcome reel_get(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const struct store_id *household = &caller_of(request)->capability.household;
    const struct grant_scope *scope = scope_of_caller(request);
    AUTO(in_flight_bytes_clear) struct in_flight_bytes arriving = {0};
    AUTO(blob_clear) struct blob table = {0};
    struct blob_reader *reader = NULL;
    struct store_id reel;
    uint64_t total = 0;
    struct diag d = {0};
    if (!request_id(request, 0, "reel", &reel, r)) return HTTP_DONE;
    err e = open_stored(v, request, &reel, &reader, &total, &table, &d);
    if (e == ERR_NOT_FOUND) {
        e = in_flight_read(v, household, &reel, http_header(request, "Range"), scope, &arriving, &d);
        if (!e) activity_note(v, household, scope, &arriving.camera);
        if (!e) return answer_arriving(&arriving, r);
        if (e == ERR_LIMIT) return beyond_reel(r, arriving.total);
    }
    if (e == ERR_NOT_FOUND) /* it may have been stored between the two looks */
        e = open_stored(v, request, &reel, &reader, &total, &table, &d);
    if (e == ERR_NOT_FOUND) return no_such_reel(r);
    return e ? reply_err(r, e, &d) : answer_stored(v, request, reader, total, blob_bytes(&table), r);
}
