/* One channel at work, on notify's thread. */
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "crypto/hash.h"
#include "hub/notify_internal.h"

#define MESSAGE_WORDS (CHANNEL_SAID_BYTES - 1)

void health_set(struct notify *n, size_t slot, const char *state, const char *message) {
    pthread_mutex_lock(&n->lock);
    struct channel_health *h = &n->health[slot];
    bool other = !h->state || strcmp(h->state, state) != 0;
    h->state = state;
    if (other) h->since = wall_now();
    snprintf(h->message, sizeof h->message, "%.*s", MESSAGE_WORDS, message);
    text_mend(h->message);
    char name[sizeof n->records[slot].name];
    memcpy(name, n->records[slot].name, sizeof name);
    pthread_mutex_unlock(&n->lock);
    if (other && strcmp(state, "failing") == 0)
        log_warning("channel %s: %s; tried again for 24 h", name, message);
    if (other && strcmp(state, "gone") == 0) log_warning("channel %s: %s", name, message);
}

static void note_latency(struct runner *r) {
    if (r->packet.us <= 0) return;
    int64_t took = wall_now().us - r->packet.us;
    pthread_mutex_lock(&r->notify->lock);
    struct channel_health *h = &r->notify->health[r->slot];
    h->latency_us[h->latency_count++ % LATENCIES_KEPT] = took < 0 ? 0 : took;
    pthread_mutex_unlock(&r->notify->lock);
}

/* --- What a channel reports --- */

static void back_off(struct runner *r, int retry_after_s) {
    uint8_t jitter;
    random_bytes(&jitter, 1); /* hubs that a failing service made wait in step do not come back in step */
    r->backoff_ms = r->backoff_ms ? r->backoff_ms * 2 : BACKOFF_FIRST_MS;
    if (r->backoff_ms > BACKOFF_MAX_MS) r->backoff_ms = BACKOFF_MAX_MS;
    int64_t wait_us = (int64_t)r->backoff_ms * 1000 * (240 + jitter / 8) / 256;
    if (wait_us < (int64_t)retry_after_s * 1000000) wait_us = (int64_t)retry_after_s * 1000000;
    r->retry_at.us = steady_now().us + wait_us;
}

/* Switched off by the recording loop, in a moment. */
static void retire(struct runner *r, const char *said) {
    const struct notify_mail m = {.kind = MAIL_GONE, .slot = r->slot, .generation = r->generation};
    log_debug("channel %s: %s", r->id, said);
    r->retry_at.us = steady_now().us + INT64_C(1000000) * GONE_AGAIN_S;
    health_set(r->notify, r->slot, "gone", GONE_WORDS);
    notify_post(r->notify, &m);
}

static void finish_test(struct runner *r, const struct channel_outcome *o) {
    struct notify *n = r->notify;
    uint64_t one = 1;
    pthread_mutex_lock(&n->lock);
    for (size_t i = 0; i < TESTS_MAX; i++) {
        struct notify_test *t = &n->tests[i];
        if (t->stage != TEST_SENT || strcmp(t->channel, r->id) != 0) continue;
        t->stage = TEST_OVER;
        if (o->result == CHANNEL_TAKEN) {
            t->result = json_pack("{s:b,s:s,s:I}", "taken", 1, "said", o->said, "ms",
                                  (json_int_t)((steady_now().us - r->began.us) / 1000));
            t->e = t->result ? ERR_OK : diag_fail(&t->d, ERR_NO_MEMORY, "out of memory");
        } else {
            t->e = diag_fail(&t->d, ERR_DENIED, "%s", o->said);
        }
        if (write(n->event_fd, &one, sizeof one) < 0) continue; /* it is readable already */
    }
    pthread_mutex_unlock(&n->lock);
}

static void on_done(void *context, const struct channel_outcome *o) {
    struct runner *r = context;
    struct notify *n = r->notify;
    bool testing = r->testing;
    r->busy = r->testing = false;
    switch (o->result) {
        case CHANNEL_TAKEN:
            r->backoff_ms = 0;
            r->retry_at.us = 0;
            if (!testing) note_latency(r);
            if (!testing) alert_queue_settle(n->queue, r->number, r->id, true);
            health_set(n, r->slot, "ok", o->said);
            break;
        case CHANNEL_GONE: retire(r, o->said); break;
        case CHANNEL_REFUSED:
        case CHANNEL_AGAIN:
            if (!testing && o->result == CHANNEL_REFUSED) alert_queue_refused(n->queue, r->number, r->id);
            if (!testing) back_off(r, o->retry_after_s);
            health_set(n, r->slot, "failing", o->said);
    }
    if (testing) finish_test(r, o);
}

static void on_connected(void *context) {
    struct runner *r = context;
    r->fresh = true;
    r->retry_at.us = 0;
    r->backoff_ms = 0;
    health_set(r->notify, r->slot, "ok", "connected");
}

static void on_disconnected(void *context, const char *why) {
    struct runner *r = context;
    health_set(r->notify, r->slot, "failing", why);
}

static void on_presence(void *context, bool home) {
    struct runner *r = context;
    struct notify_mail m = {.kind = home ? MAIL_HOME : MAIL_AWAY};
    pthread_mutex_lock(&r->notify->lock);
    snprintf(m.by, sizeof m.by, "%s", r->notify->records[r->slot].name);
    pthread_mutex_unlock(&r->notify->lock);
    notify_post(r->notify, &m);
}

static void on_ring(void *context, const uint8_t camera[16]) {
    struct runner *r = context;
    struct notify_mail m = {.kind = MAIL_RING};
    memcpy(m.camera, camera, sizeof m.camera);
    notify_post(r->notify, &m);
}

/* --- Taking over what was set --- */

void runner_close(struct runner *r) {
    if (r->channel) r->channel->ops->close(r->channel);
    if (r->testing) {
        const struct channel_outcome o = {.result = CHANNEL_AGAIN,
                                          .said = "the channel was changed meanwhile"};
        finish_test(r, &o);
    }
    r->channel = NULL;
    r->busy = r->testing = r->fresh = false;
    r->backoff_ms = 0;
    r->retry_at.us = 0;
}

static void open_channel(struct runner *r, const struct channel_ops *ops, json_t *settings) {
    struct notify *n = r->notify;
    struct diag d = {{0}};
    r->host =
        (struct channel_host){.context = r,
                              .outgoing = n->outgoing,
                              .id = r->id,
                              .data = n->data,
                              .ca_file = n->ca_file,
                              .vapid = &n->vapid, /* made before the first such channel, and never changed */
                              .done = on_done,
                              .connected = on_connected,
                              .disconnected = on_disconnected,
                              .presence = on_presence,
                              .ring = on_ring};
    if (ops->open(&r->host, settings, &r->channel, &d)) {
        r->channel = NULL;
        health_set(n, r->slot, "failing", d.text);
        return;
    }
    health_set(n, r->slot, "new", "nothing was sent yet");
}

void runner_sync(struct runner *r) {
    struct notify *n = r->notify;
    pthread_mutex_lock(&n->lock);
    const struct channel_record record = n->records[r->slot];
    json_t *settings = record.generation != r->generation ? json_deep_copy(record.settings) : NULL;
    pthread_mutex_unlock(&n->lock);
    if (record.generation == r->generation) return;
    bool other = strcmp(record.id, r->id) != 0;
    runner_close(r);
    if (r->id[0] && (other || !record.used || !record.on)) alert_queue_forget(n->queue, r->id);
    r->generation = record.generation;
    memcpy(r->id, record.id, sizeof r->id);
    if (other) {
        pthread_mutex_lock(&n->lock);
        n->health[r->slot] = (struct channel_health){0};
        pthread_mutex_unlock(&n->lock);
    }
    if (record.used && record.on)
        open_channel(r, record.ops, settings);
    else if (record.used && !record.gone)
        health_set(n, r->slot, "off", "switched off");
    else if (record.used)
        health_set(n, r->slot, "gone", GONE_WORDS);
    json_decref(settings);
}

/* --- Working --- */

static void failed_to_send(struct runner *r, const struct diag *d) {
    struct channel_outcome o = {.result = CHANNEL_AGAIN};
    snprintf(o.said, sizeof o.said, "%.299s", d->text);
    on_done(r, &o);
}

static bool begin_test(struct runner *r) {
    struct notify *n = r->notify;
    bool any = false;
    pthread_mutex_lock(&n->lock);
    for (size_t i = 0; i < TESTS_MAX; i++) {
        struct notify_test *t = &n->tests[i];
        if (t->stage != TEST_WAITING || strcmp(t->channel, r->id) != 0) continue;
        t->stage = TEST_SENT;
        any = true;
    }
    pthread_mutex_unlock(&n->lock);
    if (!any) return false;
    struct diag d = {{0}};
    struct alert a = {.camera_name = "",
                      .label = "test",
                      .title = "Cardea",
                      .text = "This is a test: alerts of your cameras arrive here.",
                      .rule = "",
                      .at = wall_now()};
    AUTO(alert_message_clear) struct alert_message m = {0};
    random_bytes(a.id, sizeof a.id);
    r->busy = r->testing = true;
    r->began = steady_now();
    err e = alert_message_make(&a, &m, &d);
    m.test = true;
    if (!e) e = r->channel->ops->send(r->channel, &m, &d);
    if (e) failed_to_send(r, &d);
    return true;
}

static void begin_alert(struct runner *r) {
    struct notify *n = r->notify;
    AUTO(alert_message_clear) struct alert_message m = {0};
    struct diag d = {{0}};
    if (steady_now().us < r->retry_at.us || alert_queue_next(n->queue, r->id, &r->number)) return;
    if (alert_queue_load(n->queue, r->number, &m)) return; /* looked for again in the next round */
    r->busy = true;
    r->began = steady_now();
    r->packet = m.packet;
    if (r->channel->ops->send(r->channel, &m, &d)) failed_to_send(r, &d);
}

void runner_step(struct runner *r) {
    if (!r->channel) return;
    channel_poll(r->channel);
    if (!r->busy && !begin_test(r)) begin_alert(r);
}

void runner_tell(struct runner *r, const struct camera_state *s, bool pulse) {
    const struct channel_state told = {s->camera, s->what, s->on || pulse};
    if (!r->channel) return;
    channel_state(r->channel, &told);
    if (pulse && !s->on) { /* it began and ended before we looked */
        const struct channel_state over = {s->camera, s->what, false};
        channel_state(r->channel, &over);
    }
}
