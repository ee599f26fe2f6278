/* Who looks at a household's cameras just now by a grant: live, and at recordings in the last half minute.
 *
 * Kept in this node's memory alone. Whoever follows it (GET /v1/activity) is sent the whole list at each
 * change. */
#include "vault/activity.h"

#include <stdlib.h>

#include "vault/stream.h"

struct activity *activity_held(struct vault *v) {
    if (!v->activity) {
        v->activity = calloc(1, sizeof *v->activity);
        if (v->activity) v->activity->ends_tail = &v->activity->ends;
    }
    return v->activity;
}

void activity_clear(struct vault *v) {
    if (!v->activity) return;
    watch_ends_clear(v->activity);
    free(v->activity);
    v->activity = NULL;
}

/* --- what is said of it; the lock is held --- */

struct line {
    json_t *json, *live;
    struct store_id grant;
    struct wall_us since;
};
struct lines {
    struct line *lines;
    size_t count;
};

static struct line *line_of(struct lines *all, const struct store_id *grant, enum grant_purpose purpose,
                            const char *ticket, struct wall_us since) {
    for (size_t i = 0; i < all->count; i++) {
        if (!store_id_equal(&all->lines[i].grant, grant)) continue;
        if (since.us < all->lines[i].since.us) all->lines[i].since = since;
        return &all->lines[i];
    }
    struct line *grown = realloc(all->lines, (all->count + 1) * sizeof *grown);
    if (!grown) return NULL;
    all->lines = grown;
    struct line *l = &grown[all->count++];
    *l = (struct line){
        json_pack("{s:o,s:s}", "id", json_hex(BYTES_OF(grant->bytes)), "purpose", grant_purposes[purpose]),
        json_array(), *grant, since};
    if (l->json && ticket[0]) json_object_set_new(l->json, "ticket", json_string(ticket));
    return l;
}

static void add_live(struct line *l, const struct store_id *camera) {
    char hex[2 * STORE_ID_BYTES + 1];
    hex_encode(BYTES_OF(camera->bytes), hex);
    for (size_t i = 0; i < json_array_size(l->live); i++)
        if (strcmp(json_string_value(json_array_get(l->live, i)), hex) == 0) return;
    json_array_append_new(l->live, json_string(hex));
}

static json_t *activity_json(struct activity *a, const struct store_id *household) {
    struct lines all = {0};
    json_t *grants = json_array();
    for (struct grant_watch *w = a ? a->watches : NULL; w; w = w->next) {
        if (!w->begun || !store_id_equal(&w->household, household)) continue;
        struct line *l = line_of(&all, &w->scope.grant, w->scope.purpose, w->scope.ticket, w->since);
        for (size_t i = 0; l && i < w->count; i++) add_live(l, &w->cameras[i]);
    }
    for (size_t i = 0; a && i < RECENT_MAX; i++) {
        const struct recent *r = &a->recent[i];
        if (r->last_us && store_id_equal(&r->household, household))
            line_of(&all, &r->grant, r->purpose, r->ticket, r->since);
    }
    for (size_t i = 0; i < all.count; i++) {
        char since[WALL_TEXT_BYTES];
        wall_format(all.lines[i].since, since);
        json_object_set_new(all.lines[i].json, "live", all.lines[i].live);
        json_object_set_new(all.lines[i].json, "since", json_string(since));
        json_array_append_new(grants, all.lines[i].json);
    }
    free(all.lines);
    return json_pack("{s:o}", "grants", grants);
}

void activity_tell(struct vault *v, const struct store_id *household) {
    char channel[CHANNEL_BYTES];
    channel_activity(household, channel);
    publish_json(v, channel, STREAM_ACTIVITY, activity_json(v->activity, household));
}

json_t *activity_of(struct vault *v, const struct store_id *grant) {
    json_t *list = json_array();
    char since[WALL_TEXT_BYTES];
    pthread_mutex_lock(&v->activity_lock);
    struct activity *a = v->activity;
    for (struct grant_watch *w = a ? a->watches : NULL; w; w = w->next) {
        if (!w->begun || !store_id_equal(&w->scope.grant, grant)) continue;
        wall_format(w->since, since);
        for (size_t i = 0; i < w->count; i++)
            json_array_append_new(list, json_pack("{s:o,s:b,s:s}", "camera",
                                                  json_hex(BYTES_OF(w->cameras[i].bytes)), "live", 1, "since",
                                                  since));
    }
    for (size_t i = 0; a && i < RECENT_MAX; i++) {
        const struct recent *r = &a->recent[i];
        if (!r->last_us || !store_id_equal(&r->grant, grant)) continue;
        wall_format(r->since, since);
        json_array_append_new(list, json_pack("{s:o,s:b,s:s}", "camera", json_hex(BYTES_OF(r->camera.bytes)),
                                              "live", 0, "since", since));
    }
    pthread_mutex_unlock(&v->activity_lock);
    return list;
}

/* --- what changes it --- */

void activity_note(struct vault *v, const struct store_id *household, const struct grant_scope *scope,
                   const struct store_id *camera) {
    if (!scope) return;
    pthread_mutex_lock(&v->activity_lock);
    struct activity *a = activity_held(v);
    struct recent *place = a ? &a->recent[0] : NULL;
    bool known = false;
    for (size_t i = 0; a && i < RECENT_MAX && !known; i++) {
        struct recent *r = &a->recent[i];
        known = r->last_us && store_id_equal(&r->grant, &scope->grant) && store_id_equal(&r->camera, camera);
        if (known || r->last_us < place->last_us) place = r;
    }
    if (place && !known) {
        *place = (struct recent){.household = *household,
                                 .grant = scope->grant,
                                 .camera = *camera,
                                 .purpose = scope->purpose,
                                 .since = wall_now()};
        memcpy(place->ticket, scope->ticket, sizeof place->ticket);
    }
    if (place) place->last_us = steady_now().us;
    if (place && !known) activity_tell(v, household);
    pthread_mutex_unlock(&v->activity_lock);
}

void activity_forget(struct vault *v, const struct store_id *household, const struct store_id *grant) {
    bool any = false;
    pthread_mutex_lock(&v->activity_lock);
    for (size_t i = 0; v->activity && i < RECENT_MAX; i++) {
        struct recent *r = &v->activity->recent[i];
        if (!r->last_us || !store_id_equal(&r->grant, grant)) continue;
        *r = (struct recent){0};
        any = true;
    }
    if (any) activity_tell(v, household);
    pthread_mutex_unlock(&v->activity_lock);
}

static void forget_quiet(struct vault *v) {
    int64_t before = steady_now().us - GRANT_IDLE_S * INT64_C(1000000);
    pthread_mutex_lock(&v->activity_lock);
    for (size_t i = 0; v->activity && i < RECENT_MAX; i++) {
        struct recent *r = &v->activity->recent[i];
        if (!r->last_us || r->last_us > before) continue;
        struct store_id household = r->household;
        *r = (struct recent){0};
        activity_tell(v, &household);
    }
    pthread_mutex_unlock(&v->activity_lock);
}

err activity_sweep(struct vault *v, struct diag *d) {
    forget_quiet(v);
    err e = watch_ends_log(v, d);
    int64_t now = steady_now().us;
    pthread_mutex_lock(&v->activity_lock);
    bool due = !v->activity || now - v->activity->swept_us >= WATCH_BEAT_S * INT64_C(1000000);
    pthread_mutex_unlock(&v->activity_lock);
    return e || !due ? e : watches_sweep(v, d);
}

/* --- GET /v1/activity --- */

static void closed(struct stream *s) {
    free(s);
}

enum http_outcome activity_get(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct stream *s = calloc(1, sizeof *s);
    char channel[CHANNEL_BYTES];
    struct diag d = {0};
    if (!s) return reply_err(r, ERR_NO_MEMORY, NULL);
    s->closed = closed;
    err e = stream_open(s, v, request, BUS_LIMITS_COMMAND, &d);
    if (e) {
        free(s);
        return reply_err(r, e, &d);
    }
    channel_activity(&s->household, channel);
    e = v->bus->ops->add(s->subscription, channel, STREAM_NO_CAMERA, false, &d);
    if (e) {
        stream_close(s);
        return reply_err(r, e, &d);
    }
    pthread_mutex_lock(&v->activity_lock);
    activity_tell(v, &s->household);
    pthread_mutex_unlock(&v->activity_lock);
    return stream_answer(s, r);
}
