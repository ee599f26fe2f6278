#include "vault/stream.h"

#include <stdlib.h>

/* --- channels --- */

static void channel_name(char out[CHANNEL_BYTES], const char *kind, const struct store_id *a,
                         const struct store_id *b) {
    size_t used = strlen(kind);
    memcpy(out, kind, used);
    hex_encode(BYTES_OF(a->bytes), out + used);
    used += 2 * STORE_ID_BYTES;
    if (b) {
        out[used++] = '/';
        hex_encode(BYTES_OF(b->bytes), out + used);
        used += 2 * STORE_ID_BYTES;
    }
    out[used] = 0;
}

void channel_live(const struct store_id *household, const struct store_id *camera, char out[CHANNEL_BYTES]) {
    channel_name(out, "live/", household, camera);
}
void channel_household(const struct store_id *household, char out[CHANNEL_BYTES]) {
    channel_name(out, "household/", household, NULL);
}
void channel_hubs(const struct store_id *household, char out[CHANNEL_BYTES]) {
    channel_name(out, "hubs/", household, NULL);
}
void channel_hub(const struct store_id *household, const struct store_id *hub, char out[CHANNEL_BYTES]) {
    channel_name(out, "hub/", household, hub);
}
void channel_reply(const struct store_id *household, const struct store_id *command,
                   char out[CHANNEL_BYTES]) {
    channel_name(out, "reply/", household, command);
}
void channel_pairing(const struct store_id *pairing, char out[CHANNEL_BYTES]) {
    channel_name(out, "pairing/", pairing, NULL);
}
void channel_ring(const struct store_id *ring, char out[CHANNEL_BYTES]) {
    channel_name(out, "ring/", ring, NULL);
}
void channel_activity(const struct store_id *household, char out[CHANNEL_BYTES]) {
    channel_name(out, "activity/", household, NULL);
}
void channel_cosigned(const struct store_id *household, char out[CHANNEL_BYTES]) {
    channel_name(out, "cosigned/", household, NULL);
}
void channel_grant_end(const struct store_id *grant, char out[CHANNEL_BYTES]) {
    channel_name(out, "grant-end/", grant, NULL);
}
void channel_end(const struct store_key *capability, char out[CHANNEL_BYTES]) {
    memcpy(out, "end/", 4);
    hex_encode(BYTES_OF(capability->bytes), out + 4);
}

/* --- words --- */

static void publish(struct vault *v, const char *channel, uint32_t kind, struct bytes data) {
    struct payload *payload = payload_copy(data);
    if (!payload) return;
    struct diag d;
    err ignored = v->bus->ops->publish(v->bus, channel, kind, BUS_FLAG_NO_QUEUE, payload, NULL, &d);
    (void)ignored; /* a word that is lost is said again, or only late */
    payload_unref(payload);
}

void publish_json(struct vault *v, const char *channel, uint32_t kind, json_t *value) {
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
    json_decref(value);
    if (text) publish(v, channel, kind, bytes_text(text));
    free(text);
}

void stream_end_publish(struct vault *v, const char *channel) {
    publish(v, channel, STREAM_END, (struct bytes){0});
}

void end_announce(struct vault *v, const struct store_key *capability) {
    char channel[CHANNEL_BYTES];
    channel_end(capability, channel);
    stream_end_publish(v, channel);
}

err capability_recheck(struct vault *v, const struct store_key *capability, struct diag *d) {
    struct capability still;
    err e = v->index->ops->capability_get(v->index, capability, &still, d);
    return e == ERR_NOT_FOUND ? diag_fail(d, ERR_DENIED, "this access has been removed") : e;
}

void viewers_announce(struct vault *v, const struct store_id *household, const struct store_id *cameras,
                      size_t count) {
    char channel[CHANNEL_BYTES], hex[2 * STORE_ID_BYTES + 1];
    json_t *counts = json_object();
    for (size_t i = 0; i < count; i++) {
        uint32_t viewers = 0;
        struct diag d;
        channel_live(household, &cameras[i], channel);
        if (v->bus->ops->subscribers(v->bus, channel, &viewers, &d)) continue;
        hex_encode(BYTES_OF(cameras[i].bytes), hex);
        json_object_set_new(counts, hex, json_integer(viewers));
    }
    channel_hubs(household, channel);
    publish_json(v, channel, STREAM_VIEWERS, json_pack("{s:o}", "cameras", counts));
}

void hub_announce(struct vault *v, const struct store_id *household, const struct store_id *hub,
                  bool online) {
    char channel[CHANNEL_BYTES];
    channel_household(household, channel);
    if (online) publish(v, channel, STREAM_HUB_HERE, (struct bytes){0});
    publish_json(
        v, channel, STREAM_NOTICE,
        json_pack("{s:s,s:o,s:b}", "kind", "hub", "hub", json_hex(BYTES_OF(hub->bytes)), "online", online));
}

/* --- the stream --- */

static void wake(void *arg) {
    http_wake(arg);
}

/* Hears of the end of what the caller is admitted by; what ended before that is found by looking again. */
static err hear_end(struct stream *s, struct caller *caller, struct diag *d) {
    struct vault *v = s->v;
    char channel[CHANNEL_BYTES];
    if (caller->who != WHO_GRANTEE) {
        channel_end(&caller->capability.key, channel);
        err e = v->bus->ops->add(s->subscription, channel, STREAM_TAG_END, false, d);
        return e ? e : capability_recheck(v, &caller->capability.key, d);
    }
    struct grant_row row;
    channel_grant_end(&caller->scope.grant, channel);
    err e = v->bus->ops->add(s->subscription, channel, STREAM_TAG_END, false, d);
    if (!e && caller->scope.purpose == GRANT_SUPPORT) { /* the agent is revoked, or the ticket closed */
        struct store_key agent;
        memcpy(agent.bytes, caller->scope.key, sizeof agent.bytes);
        channel_end(&agent, channel);
        e = v->bus->ops->add(s->subscription, channel, STREAM_TAG_END, false, d);
        if (!e) e = staff_scope_check(v, &caller->scope, d);
    }
    if (!e) e = v->index->ops->grant_get(v->index, NULL, &caller->scope.grant, false, &row, NULL, d);
    if (e == ERR_NOT_FOUND || (!e && row.revoked)) e = diag_fail(d, ERR_DENIED, "grant: it was revoked");
    return e;
}

err stream_open(struct stream *s, struct vault *v, struct http_request *request, struct bus_limits limits,
                struct diag *d) {
    s->v = v;
    s->household = caller_of(request)->capability.household;
    atomic_init(&s->last_us, 0); /* so that the first read sends a beat, and the answer's head with it */
    atomic_init(&s->ended, false);
    s->waker = http_waker(request);
    if (!s->waker) return diag_fail(d, ERR_BUSY, "no connection to stream to");
    err e = v->bus->ops->subscribe(v->bus, limits, wake, s->waker, &s->subscription, d);
    if (!e) e = hear_end(s, caller_of(request), d);
    if (e) {
        v->bus->ops->unsubscribe(s->subscription);
        http_waker_unref(s->waker);
        return e;
    }
    pthread_mutex_lock(&v->streams_lock);
    s->next = v->streams;
    s->link = &v->streams;
    if (s->next) s->next->link = &s->next;
    v->streams = s;
    pthread_mutex_unlock(&v->streams_lock);
    if (atomic_load(&v->closing)) atomic_store(&s->ended, true);
    return ERR_OK;
}

void stream_close(struct stream *s) {
    struct vault *v = s->v;
    pthread_mutex_lock(&v->streams_lock);
    *s->link = s->next;
    if (s->next) s->next->link = s->link;
    pthread_mutex_unlock(&v->streams_lock);
    v->bus->ops->unsubscribe(s->subscription);
    http_waker_unref(s->waker);
    payload_unref(s->current);
    s->current = NULL;
    s->closed(s);
}

void stream_end(struct stream *s) {
    atomic_store(&s->ended, true);
    http_wake(s->waker);
}

static void begin(struct stream *s, uint8_t type, uint32_t camera, struct payload *payload) {
    s->head[0] = type;
    s->head[1] = (uint8_t)camera;
    be32_put(s->head + 2, payload ? (uint32_t)payload->len : 0);
    s->current = payload;
    s->total = sizeof s->head + (payload ? payload->len : 0);
    s->sent = 0;
    s->sending = true;
    s->record = type == STREAM_RECORD;
}

static void begin_skipped(struct stream *s, uint32_t camera) {
    static const char text[] = "{\"kind\":\"skipped\"}";
    struct payload *p = payload_copy(BYTES(text, sizeof text - 1));
    atomic_fetch_add(&s->v->count.live_skips, 1);
    if (p) begin(s, STREAM_NOTICE, camera, p);
}

/* The next message of the subscription, if there is one. */
static bool next(struct stream *s) {
    struct bus_message m;
    while (!s->sending && s->v->bus->ops->take(s->subscription, &m) == ERR_OK) {
        if (m.kind == STREAM_END || m.tag == STREAM_TAG_END) {
            atomic_store(&s->ended, true);
        } else if (m.kind == STREAM_HUB_HERE) {
            if (s->hub_here) s->hub_here(s);
        } else if (m.tag == STREAM_TAG_QUIET) {
            /* an owner's alone */
        } else if (m.skipped) {
            if (m.tag < STREAM_NO_CAMERA) begin_skipped(s, m.tag);
        } else {
            begin(s, (uint8_t)m.kind, m.tag, payload_ref(m.payload));
        }
        payload_unref(m.payload);
    }
    return s->sending;
}

static size_t copy_out(struct stream *s, struct buffer out) {
    size_t done = 0;
    if (s->sent < sizeof s->head) {
        size_t n = sizeof s->head - s->sent < out.len ? sizeof s->head - s->sent : out.len;
        memcpy(out.data, s->head + s->sent, n);
        s->sent += n;
        done += n;
    }
    if (s->sent >= sizeof s->head && s->sent < s->total && done < out.len) {
        size_t left = s->total - s->sent, n = left < out.len - done ? left : out.len - done;
        memcpy(out.data + done, s->current->data + (s->sent - sizeof s->head), n);
        s->sent += n;
        done += n;
    }
    if (s->sent == s->total) {
        if (s->record) atomic_fetch_add(&s->v->count.records_relayed, 1);
        payload_unref(s->current);
        s->current = NULL;
        s->sending = false;
    }
    return done;
}

static bool over(const struct stream *s) {
    return s->until && slot_now() >= s->until;
}

static err stream_read(void *state, struct buffer out, size_t *len, bool *end) {
    struct stream *s = state;
    int64_t now = steady_now().us;
    if (over(s)) atomic_store(&s->ended, true);
    while (*len < out.len && !atomic_load(&s->ended) && (s->sending || next(s)))
        *len += copy_out(s, (struct buffer){out.data + *len, out.len - *len});
    if (*len == 0 && !atomic_load(&s->ended) && now - atomic_load(&s->last_us) >= VAULT_BEAT_US) {
        begin(s, STREAM_BEAT, STREAM_NO_CAMERA, NULL);
        *len = copy_out(s, out);
    }
    if (*len) atomic_store(&s->last_us, now);
    *end = *len == 0 && atomic_load(&s->ended);
    return ERR_OK;
}

static void stream_free(void *state) {
    stream_close(state);
}

enum http_outcome stream_answer(struct stream *s, struct http_reply *r) {
    r->status = 200;
    r->type = "application/octet-stream";
    r->source = (struct http_source){stream_read, stream_free, s};
    return HTTP_DONE;
}

void streams_beat(struct vault *v) {
    int64_t now = steady_now().us;
    pthread_mutex_lock(&v->streams_lock);
    for (struct stream *s = v->streams; s; s = s->next)
        if (now - atomic_load(&s->last_us) >= VAULT_BEAT_US || over(s)) http_wake(s->waker);
    pthread_mutex_unlock(&v->streams_lock);
}

void streams_end_all(struct vault *v) {
    pthread_mutex_lock(&v->streams_lock);
    for (struct stream *s = v->streams; s; s = s->next) stream_end(s);
    pthread_mutex_unlock(&v->streams_lock);
}

/* --- one who waits for a word --- */

static void waiting_free(void *state) {
    struct waiting *w = state;
    w->v->bus->ops->unsubscribe(w->subscription);
    http_waker_unref(w->waker);
    free(w);
}

enum http_outcome waiting_park(struct http_request *request, struct http_reply *r) {
    const struct waiting *w = request->state;
    r->park_until = w ? w->until : (struct steady_us){0};
    return HTTP_PARK;
}

err waiting_open(struct vault *v, struct http_request *request, const char *channel, unsigned wait_s,
                 struct diag *d) {
    struct waiting *w = calloc(1, sizeof *w);
    if (!w) return diag_fail(d, ERR_NO_MEMORY, "no memory to wait");
    w->v = v;
    w->until.us = steady_now().us + wait_s * INT64_C(1000000);
    w->waker = http_waker(request);
    err e = w->waker ? v->bus->ops->subscribe(v->bus, BUS_LIMITS_COMMAND, wake, w->waker, &w->subscription, d)
                     : diag_fail(d, ERR_BUSY, "no connection to wait on");
    if (!e) e = v->bus->ops->add(w->subscription, channel, 0, false, d);
    if (e) {
        waiting_free(w);
        return e;
    }
    request->state = w;
    request->state_free = waiting_free;
    return ERR_OK;
}

struct payload *waiting_take(struct http_request *request) {
    struct waiting *w = request->state;
    struct bus_message m;
    if (!w || w->v->bus->ops->take(w->subscription, &m)) return NULL;
    return m.payload;
}
