/* Live views: a subscription to cameras' channels, and to the household's notices. */
#include <stdlib.h>

#include "vault/stream.h"

#define LIVE_CAMERAS_MAX 64

struct live_view {
    struct stream stream;
    size_t count;
    struct store_id cameras[LIVE_CAMERAS_MAX];
    struct grant_watch watch; /* of a grantee */
};

static void announce(struct stream *s) {
    struct live_view *view = (struct live_view *)s;
    viewers_announce(s->v, &s->household, view->cameras, view->count);
}

static void closed(struct stream *s) {
    atomic_fetch_sub(&s->v->count.live_viewers, 1);
    watch_end(s->v, &((struct live_view *)s)->watch);
    announce(s);
    free(s);
}

static bool read_cameras(const char *text, struct live_view *view, struct http_reply *r) {
    for (const char *at = text;;) {
        char hex[2 * STORE_ID_BYTES + 1];
        size_t len = strcspn(at, ",");
        struct store_id *id = &view->cameras[view->count];
        if (view->count == LIVE_CAMERAS_MAX) {
            reply_invalid(r, "\"cameras\" names more than %d cameras", LIVE_CAMERAS_MAX);
            return false;
        }
        memcpy(hex, at, len < sizeof hex ? len : sizeof hex - 1);
        hex[len < sizeof hex ? len : sizeof hex - 1] = 0;
        if (len != 2 * STORE_ID_BYTES || hex_decode(hex, (struct buffer){id->bytes, sizeof id->bytes})) {
            reply_invalid(r, "\"cameras\" must be ids of %d lower-case hex digits with commas between them",
                          STORE_ID_BYTES * 2);
            return false;
        }
        for (size_t i = 0; i < view->count; i++) {
            if (!store_id_equal(&view->cameras[i], id)) continue;
            reply_invalid(r, "\"cameras\" names a camera twice");
            return false;
        }
        view->count++;
        if (!at[len]) return true;
        at += len + 1;
    }
}

/* A grantee hears nothing of the household but of the cameras that it watches. */
static err subscribe(struct live_view *view, bool owner, struct diag *d) {
    struct vault *v = view->stream.v;
    char channel[CHANNEL_BYTES];
    channel_household(&view->stream.household, channel);
    err e = v->bus->ops->add(view->stream.subscription, channel, owner ? STREAM_NO_CAMERA : STREAM_TAG_QUIET,
                             false, d);
    for (size_t i = 0; !e && i < view->count; i++) {
        /* Within the household's name: a camera of somebody else's is a channel on which nobody speaks. */
        channel_live(&view->stream.household, &view->cameras[i], channel);
        e = v->bus->ops->add(view->stream.subscription, channel, (uint32_t)i, true, d);
    }
    return e;
}

/* Nothing is relayed to a grantee before the log says that it is watched. */
static err watch(struct live_view *view, const struct store_id *household, const struct grant_scope *scope,
                 struct diag *d) {
    if (!scope) return ERR_OK;
    _Static_assert(LIVE_CAMERAS_MAX <= GRANT_CAMERAS_MAX, "what is watched fits");
    view->watch.household = *household;
    view->watch.scope = *scope;
    view->watch.count = view->count;
    memcpy(view->watch.cameras, view->cameras, sizeof view->cameras);
    return watch_begin(view->stream.v, &view->watch, d);
}

enum http_outcome live_get(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const char *cameras = NULL;
    const struct query_field fields[] = {{"cameras", QUERY_TEXT, true, LIVE_CAMERAS_MAX * 33, &cameras}};
    if (!REQUEST_QUERY(request, fields, r)) return HTTP_DONE;
    const struct grant_scope *scope = scope_of_caller(request);
    if (scope && !grant_use_counts(v, request, &scope->grant, "live", r)) return HTTP_DONE;
    struct live_view *view = calloc(1, sizeof *view);
    struct diag d = {0};
    if (!view) return reply_err(r, ERR_NO_MEMORY, NULL);
    view->stream.hub_here = announce;
    view->stream.closed = closed;
    bool sound = read_cameras(cameras, view, r);
    err e = sound ? scope_live(scope, view->cameras, view->count, slot_now(), &view->stream.until, &d)
                  : ERR_INVALID;
    if (!e && scope) e = staff_scope_until(v, scope, &view->stream.until, &d);
    if (!e) e = stream_open(&view->stream, v, request, BUS_LIMITS_LIVE, &d);
    if (e) {
        free(view);
        return sound ? reply_err(r, e, &d) : HTTP_DONE;
    }
    atomic_fetch_add(&v->count.live_viewers, 1);
    e = watch(view, &view->stream.household, scope, &d);
    if (!e) e = subscribe(view, !scope, &d);
    if (e) {
        stream_close(&view->stream);
        return reply_err(r, e, &d);
    }
    announce(&view->stream);
    return stream_answer(&view->stream, r);
}
