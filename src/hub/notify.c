#include "hub/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "hub/notify_internal.h"

#define STEP_MS 1000
#define GRACE_US 1500000 /* for what is under way when the hub ends */
#define TEST_US 25000000

/* --- The thread --- */

static void take_inbox(struct notify *n) {
    struct inbox_item *items[NOTIFY_INBOX_MAX];
    char on[NOTIFY_CHANNELS_MAX][NOTIFY_CHANNEL_ID_BYTES];
    size_t on_count = 0, count;
    pthread_mutex_lock(&n->lock);
    count = n->inbox_count;
    memcpy(items, n->inbox, count * sizeof *items);
    n->inbox_count = 0;
    for (size_t i = 0; i < NOTIFY_CHANNELS_MAX; i++)
        if (n->records[i].used && n->records[i].on) memcpy(on[on_count++], n->records[i].id, sizeof on[0]);
    pthread_mutex_unlock(&n->lock);
    for (size_t i = 0; i < count; i++) {
        struct inbox_item *item = items[i];
        char wanted[NOTIFY_CHANNELS_MAX][NOTIFY_CHANNEL_ID_BYTES];
        size_t wanted_count = 0;
        for (size_t c = 0; c < on_count; c++) {
            bool named = item->channel_count == 0;
            for (size_t k = 0; k < item->channel_count; k++) named |= strcmp(item->channels[k], on[c]) == 0;
            if (named) memcpy(wanted[wanted_count++], on[c], sizeof wanted[0]);
        }
        struct diag d = {{0}};
        err e = alert_queue_add(n->queue, &item->message, (const char(*)[NOTIFY_CHANNEL_ID_BYTES])wanted,
                                wanted_count, &d);
        if (e && e != ERR_EXISTS) log_warning("an alert was lost: %s", d.text);
        alert_message_clear(&item->message);
        free(item);
    }
}

/* What there is to tell to channels that keep a state, and whether all of it or what is new. */
static void tell_states(struct notify *n) {
    bool fresh = false;
    for (size_t i = 0; i < NOTIFY_CHANNELS_MAX; i++) fresh |= n->runners[i].fresh;
    pthread_mutex_lock(&n->lock);
    bool cameras_dirty = n->cameras_dirty, presence_dirty = n->presence_dirty, any = n->states_dirty;
    if (!fresh && !cameras_dirty && !presence_dirty && !any) {
        pthread_mutex_unlock(&n->lock);
        return;
    }
    AUTO(json_release) json_t *cameras = json_deep_copy(n->cameras);
    size_t count = n->state_count;
    struct camera_state *states = malloc(sizeof n->states);
    if (states) memcpy(states, n->states, count * sizeof *states);
    for (size_t i = 0; i < count && states; i++) n->states[i].dirty = n->states[i].pulse = false;
    bool home = n->home, have_presence = n->have_presence;
    n->cameras_dirty = n->presence_dirty = n->states_dirty = false;
    pthread_mutex_unlock(&n->lock);
    for (size_t i = 0; i < NOTIFY_CHANNELS_MAX; i++) {
        struct runner *r = &n->runners[i];
        if (!r->channel) continue;
        if (cameras && (r->fresh || cameras_dirty)) channel_cameras(r->channel, cameras);
        if (have_presence && (r->fresh || presence_dirty)) channel_presence(r->channel, home);
        for (size_t k = 0; k < count && states; k++)
            if (states[k].dirty || (r->fresh && strcmp(states[k].what, "ring") != 0))
                runner_tell(r, &states[k], states[k].dirty && states[k].pulse);
        r->fresh = false;
    }
    free(states);
}

static void end_late_tests(struct notify *n) {
    uint64_t one = 1;
    struct steady_us now = steady_now();
    pthread_mutex_lock(&n->lock);
    for (size_t i = 0; i < TESTS_MAX; i++) {
        struct notify_test *t = &n->tests[i];
        if ((t->stage != TEST_WAITING && t->stage != TEST_SENT) || now.us < t->deadline.us) continue;
        t->stage = TEST_OVER;
        t->e = diag_fail(&t->d, ERR_TIMEOUT, "no answer within %d s", TEST_US / 1000000);
        if (write(n->event_fd, &one, sizeof one) < 0) continue; /* it is readable already */
    }
    pthread_mutex_unlock(&n->lock);
}

static void publish_counts(struct notify *n) {
    pthread_mutex_lock(&n->lock);
    for (size_t i = 0; i < NOTIFY_CHANNELS_MAX; i++) {
        if (!n->records[i].used) continue;
        n->health[i].waiting = alert_queue_waiting(n->queue, n->records[i].id);
        n->health[i].dropped = alert_queue_dropped(n->queue, n->records[i].id);
    }
    pthread_mutex_unlock(&n->lock);
}

/* How long nothing needs to be looked at. */
static int wait_ms(const struct notify *n) {
    int64_t wait = STEP_MS, now = steady_now().us;
    for (size_t i = 0; i < NOTIFY_CHANNELS_MAX; i++) {
        const struct runner *r = &n->runners[i];
        int64_t left = (r->retry_at.us - now) / 1000 + 1;
        if (r->channel && !r->busy && r->retry_at.us && left < wait) wait = left > 0 ? left : 0;
        uint64_t unused;
        if (r->channel && !r->busy && now >= r->retry_at.us && !alert_queue_next(n->queue, r->id, &unused))
            wait = 0;
    }
    return (int)wait;
}

static bool any_busy(const struct notify *n) {
    for (size_t i = 0; i < NOTIFY_CHANNELS_MAX; i++)
        if (n->runners[i].busy) return true;
    return false;
}

static void step(struct notify *n) {
    for (size_t i = 0; i < NOTIFY_CHANNELS_MAX; i++) runner_sync(&n->runners[i]);
    take_inbox(n);
    alert_queue_expire(n->queue, steady_now());
    for (size_t i = 0; i < NOTIFY_CHANNELS_MAX; i++) runner_step(&n->runners[i]);
    tell_states(n);
    end_late_tests(n);
    publish_counts(n);
}

static void *run(void *context) {
    struct notify *n = context;
    while (!atomic_load(&n->ending)) {
        step(n);
        outgoing_run(n->outgoing, wait_ms(n));
    }
    step(n); /* what came last becomes durable, and is tried */
    int64_t until = steady_now().us + GRACE_US;
    while (any_busy(n) && steady_now().us < until) {
        outgoing_run(n->outgoing, 50);
        for (size_t i = 0; i < NOTIFY_CHANNELS_MAX; i++)
            if (n->runners[i].channel) channel_poll(n->runners[i].channel);
    }
    return NULL;
}

/* --- Life --- */

void notify_free(struct notify *n) {
    if (!n) return;
    if (n->running) {
        atomic_store(&n->ending, true);
        outgoing_wake(n->outgoing);
        pthread_join(n->thread, NULL);
    }
    for (size_t i = 0; i < NOTIFY_CHANNELS_MAX; i++) {
        if (n->runners[i].notify) runner_close(&n->runners[i]);
        json_release(&n->records[i].settings);
    }
    for (size_t i = 0; i < n->inbox_count; i++) {
        alert_message_clear(&n->inbox[i]->message);
        free(n->inbox[i]);
    }
    for (size_t i = 0; i < TESTS_MAX; i++) json_release(&n->tests[i].result);
    alert_queue_close(n->queue);
    outgoing_free(n->outgoing);
    json_release(&n->cameras);
    fd_close(&n->event_fd);
    pthread_mutex_destroy(&n->lock);
    free(n->ca_file);
    wipe(n, sizeof *n);
    free(n);
}

static err open_parts(struct notify *n, const struct notify_options *o, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    if (strlen(o->data) >= sizeof n->data || path_join(path, o->data, "alerts"))
        return diag_fail(d, ERR_LIMIT, "the path is too long");
    memcpy(n->data, o->data, strlen(o->data) + 1);
    if (o->ca_file && !(n->ca_file = strdup(o->ca_file))) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    n->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (n->event_fd < 0) return diag_fail(d, ERR_IO, "cannot make an eventfd");
    err e = settings_load(n, d);
    if (!e) e = alert_queue_open(path, &n->queue, d);
    if (!e) e = outgoing_new(o->ca_file, &n->outgoing, d);
    return e;
}

err notify_new(const struct notify_options *options, struct notify **out, struct diag *d) {
    struct notify *n = calloc(1, sizeof *n);
    if (!n) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    pthread_mutex_init(&n->lock, NULL);
    n->event_fd = -1;
    for (size_t i = 0; i < NOTIFY_CHANNELS_MAX; i++) n->runners[i] = (struct runner){.notify = n, .slot = i};
    err e = open_parts(n, options, d);
    if (!e && pthread_create(&n->thread, NULL, run, n))
        e = diag_fail(d, ERR_NO_MEMORY, "cannot start a thread");
    if (e) {
        notify_free(n);
        return e;
    }
    n->running = true;
    *out = n;
    return ERR_OK;
}

/* --- To the thread --- */

err notify_alert(struct notify *n, const struct alert *a, struct diag *d) {
    struct inbox_item *item = calloc(1, sizeof *item);
    if (!item) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    err e = alert_message_make(a, &item->message, d);
    for (size_t i = 0; i < a->channel_count && i < NOTIFY_CHANNELS_MAX; i++)
        snprintf(item->channels[item->channel_count++], NOTIFY_CHANNEL_ID_BYTES, "%s", a->channels[i]);
    pthread_mutex_lock(&n->lock);
    bool full = n->inbox_count == NOTIFY_INBOX_MAX;
    if (!e && !full) n->inbox[n->inbox_count++] = item;
    pthread_mutex_unlock(&n->lock);
    if (!e && full) e = diag_fail(d, ERR_BUSY, "%d alerts wait already", NOTIFY_INBOX_MAX);
    if (e) {
        alert_message_clear(&item->message);
        free(item);
        return e;
    }
    outgoing_wake(n->outgoing);
    return ERR_OK;
}

/* The state's place, made if there is room. */
static struct camera_state *state_of(struct notify *n, const uint8_t camera[16], const char *what) {
    for (size_t i = 0; i < n->state_count; i++)
        if (memcmp(n->states[i].camera, camera, 16) == 0 && strcmp(n->states[i].what, what) == 0)
            return &n->states[i];
    if (n->state_count == STATES_MAX || strlen(what) >= STATE_WHAT_BYTES) return NULL;
    struct camera_state *s = &n->states[n->state_count++];
    *s = (struct camera_state){0};
    memcpy(s->camera, camera, 16);
    snprintf(s->what, sizeof s->what, "%s", what);
    return s;
}

void notify_state(struct notify *n, const uint8_t camera[16], const char *camera_name, const char *what,
                  bool on) {
    (void)camera_name; /* discovery has told it */
    pthread_mutex_lock(&n->lock);
    struct camera_state *s = state_of(n, camera, what);
    if (s) {
        bool ring = strcmp(what, "ring") == 0;
        if (on && (ring || !s->on)) s->pulse = true;
        s->dirty |= ring ? on : s->on != on || s->pulse;
        s->on = on && !ring;
        n->states_dirty = true;
    }
    pthread_mutex_unlock(&n->lock);
    outgoing_wake(n->outgoing);
}

void notify_presence(struct notify *n, bool home) {
    pthread_mutex_lock(&n->lock);
    n->presence_dirty |= !n->have_presence || n->home != home;
    n->home = home;
    n->have_presence = true;
    pthread_mutex_unlock(&n->lock);
    outgoing_wake(n->outgoing);
}

static bool camera_there(json_t *cameras, const uint8_t camera[16]) {
    char hex[33];
    json_t *one;
    size_t i;
    hex_encode(BYTES(camera, 16), hex);
    json_array_foreach(cameras, i, one) {
        const char *id = json_string_value(json_object_get(one, "camera"));
        if (id && strcmp(id, hex) == 0) return true;
    }
    return false;
}

void notify_cameras(struct notify *n, json_t *cameras) {
    pthread_mutex_lock(&n->lock);
    json_decref(n->cameras);
    n->cameras = json_deep_copy(cameras);
    n->cameras_dirty = true;
    for (size_t i = 0; i < n->state_count;) { /* a camera that is gone leaves no states */
        if (camera_there(n->cameras, n->states[i].camera)) {
            i++;
            continue;
        }
        memmove(&n->states[i], &n->states[i + 1], (n->state_count - i - 1) * sizeof *n->states);
        n->state_count--;
    }
    pthread_mutex_unlock(&n->lock);
    outgoing_wake(n->outgoing);
}

err notify_command(struct notify *n, const char *verb, json_t *args, json_t **result, struct diag *d) {
    if (strcmp(verb, "notify.list") == 0) {
        json_t *channels = notify_channels(n);
        *result = channels ? json_pack("{s:o}", "channels", channels) : NULL;
        return *result ? ERR_OK : diag_fail(d, ERR_NO_MEMORY, "out of memory");
    }
    pthread_mutex_lock(&n->lock);
    err e = settings_command(n, verb, args, result, d);
    pthread_mutex_unlock(&n->lock);
    if (!e) outgoing_wake(n->outgoing);
    return e;
}

err notify_test(struct notify *n, json_t *args, notify_done_fn *done, void *context, struct diag *d) {
    const char *id = NULL;
    const struct json_field fields[] = {{.name = "id",
                                         .kind = JSON_KIND_TEXT,
                                         .required = true,
                                         .min = NOTIFY_CHANNEL_ID_BYTES - 1,
                                         .max = NOTIFY_CHANNEL_ID_BYTES - 1,
                                         .out = &id}};
    err e = JSON_READ(args, fields, d);
    if (e) return e;
    pthread_mutex_lock(&n->lock);
    const struct channel_record *r = settings_find(n, id);
    struct notify_test *t = NULL;
    for (size_t i = 0; i < TESTS_MAX; i++)
        if (n->tests[i].stage == TEST_FREE) t = &n->tests[i];
    if (!r)
        e = diag_fail(d, ERR_NOT_FOUND, "there is no such channel");
    else if (!r->on)
        e = diag_fail(d, ERR_CONFLICT, "\"%s\" is switched off: switch it on first", r->name);
    else if (!t)
        e = diag_fail(d, ERR_BUSY, "%d tests are under way: try again in a moment", TESTS_MAX);
    if (!e) {
        *t = (struct notify_test){.stage = TEST_WAITING,
                                  .deadline.us = steady_now().us + TEST_US,
                                  .done = done,
                                  .context = context};
        snprintf(t->channel, sizeof t->channel, "%s", id);
    }
    pthread_mutex_unlock(&n->lock);
    if (!e) outgoing_wake(n->outgoing);
    return e;
}

/* --- From the thread --- */

void notify_post(struct notify *n, const struct notify_mail *m) {
    uint64_t one = 1;
    pthread_mutex_lock(&n->lock);
    if (n->mail_count < NOTIFY_MAIL_MAX) n->mail[n->mail_count++] = *m;
    if (write(n->event_fd, &one, sizeof one) < 0) { /* it is readable already */
    }
    pthread_mutex_unlock(&n->lock);
}

int notify_fd(const struct notify *n) {
    return n->event_fd;
}

void notify_poll(struct notify *n, const struct notify_events *events) {
    struct notify_mail mail[NOTIFY_MAIL_MAX];
    struct notify_test over[TESTS_MAX];
    uint64_t ignored;
    size_t count, over_count = 0;
    pthread_mutex_lock(&n->lock);
    if (read(n->event_fd, &ignored, sizeof ignored) < 0) ignored = 0; /* nothing had come */
    count = n->mail_count;
    memcpy(mail, n->mail, count * sizeof *mail);
    n->mail_count = 0;
    for (size_t i = 0; i < TESTS_MAX; i++) {
        if (n->tests[i].stage != TEST_OVER) continue;
        over[over_count++] = n->tests[i];
        n->tests[i] = (struct notify_test){0};
    }
    pthread_mutex_unlock(&n->lock);
    for (size_t i = 0; i < count; i++) {
        if (mail[i].kind == MAIL_GONE) {
            pthread_mutex_lock(&n->lock);
            settings_retire(n, mail[i].slot, mail[i].generation);
            pthread_mutex_unlock(&n->lock);
            outgoing_wake(n->outgoing);
        } else if (mail[i].kind == MAIL_RING) {
            events->ring(events->context, mail[i].camera);
        } else {
            events->presence(events->context, mail[i].kind == MAIL_HOME, mail[i].by);
        }
    }
    for (size_t i = 0; i < over_count; i++)
        over[i].done(over[i].context, over[i].e, over[i].result, &over[i].d);
}

static int by_value(const void *a, const void *b) {
    const int64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static json_t *latency_json(const struct channel_health *h) {
    int64_t sorted[LATENCIES_KEPT];
    size_t n = h->latency_count < LATENCIES_KEPT ? h->latency_count : LATENCIES_KEPT;
    if (n == 0) return json_null();
    memcpy(sorted, h->latency_us, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_value);
    return json_pack("{s:I,s:I,s:I}", "count", (json_int_t)n, "median", (json_int_t)(sorted[n / 2] / 1000),
                     "p95", (json_int_t)(sorted[(n * 95 + 99) / 100 - 1] / 1000));
}

json_t *notify_channels(struct notify *n) {
    json_t *list = json_array();
    pthread_mutex_lock(&n->lock);
    for (size_t i = 0; i < NOTIFY_CHANNELS_MAX && list; i++) {
        const struct channel_record *r = &n->records[i];
        const struct channel_health *h = &n->health[i];
        char since[WALL_TEXT_BYTES];
        if (!r->used) continue;
        /* What the thread has not looked at yet says what it is set to. */
        const char *state = h->state ? h->state : r->gone ? "gone" : r->on ? "new" : "off";
        const char *message = h->state  ? h->message
                              : r->gone ? GONE_WORDS
                              : r->on   ? "nothing was sent yet"
                                        : "switched off";
        wall_format(h->since, since);
        json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:b,s:o,s:s,s:s,s:o,s:I,s:I,s:o}", "id", r->id,
                                              "kind", r->ops->kind, "name", r->name, "on", r->on, "settings",
                                              settings_shown(r), "state", state, "message", message, "since",
                                              h->since.us ? json_string(since) : json_null(), "waiting",
                                              (json_int_t)h->waiting, "dropped", (json_int_t)h->dropped,
                                              "latency_ms", latency_json(h)));
    }
    pthread_mutex_unlock(&n->lock);
    return list;
}
