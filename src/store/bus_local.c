/* The bus within one process: one lock, channels and claims in hash tables by name.
 *
 * Wakes happen after the lock is let go. `waking` counts a subscription's wake in progress, so that
 * unsubscribe can wait for it; a second publisher that finds one in progress leaves `wake_again` and the
 * first repeats it. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "store/bus.h"

#define BUCKETS 4096u
#define CLAIMS_MAX 65536u
#define CLAIM_VALUE_MAX_BYTES 64u

struct item {
    struct item *next;
    struct link *link;
    struct payload *payload; /* NULL: the mark of a loss */
    uint32_t kind, flags;
};

/* One subscription's interest in one channel. */
struct link {
    struct link *next_in_channel;
    struct channel *channel;
    struct bus_subscription *subscription;
    uint32_t tag;
    size_t bytes, keys; /* waiting */
    bool flowing;       /* a key has been let in, and nothing lost since */
    bool marked;        /* the mark of a loss waits in the queue */
};

struct channel {
    struct channel *next;
    char name[BUS_CHANNEL_CHARS + 1];
    struct link *links;
    struct item *history, **history_end; /* from the last key on */
    size_t history_bytes;
};

struct claim {
    struct claim *next;
    char name[BUS_CHANNEL_CHARS + 1];
    struct store_id owner;
    int64_t until_us;
    size_t value_len;
    uint8_t value[CLAIM_VALUE_MAX_BYTES];
};

struct bus_local {
    struct bus bus;
    pthread_mutex_t lock;
    pthread_cond_t wakes_done;
    struct channel *channels[BUCKETS];
    struct claim *claims[BUCKETS];
    size_t claim_count;
};

struct bus_subscription {
    struct bus_local *bus;
    struct bus_limits limits;
    bus_wake wake;
    void *arg;
    pthread_cond_t ready;
    struct link *links[BUS_CHANNELS_MAX];
    size_t link_count;
    struct item *head, **tail;
    size_t bytes;
    bool idle; /* take has said that nothing waits */
    bool waking, wake_again;
    struct bus_subscription *next_to_wake;
};

static struct bus_local *local_of(struct bus *bus) {
    return (struct bus_local *)bus;
}

static size_t bucket_of(const char *name) {
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (; *name; name++) h = (h ^ (uint8_t)*name) * 1099511628211u;
    return (size_t)(h % BUCKETS);
}

static err check_name(const char *name, struct diag *d) {
    size_t len = strlen(name);
    if (len == 0 || len > BUS_CHANNEL_CHARS)
        return diag_fail(d, ERR_LIMIT, "a channel's name has 1 to %d characters", BUS_CHANNEL_CHARS);
    return ERR_OK;
}

static struct channel *channel_find(struct bus_local *b, const char *name) {
    struct channel *c = b->channels[bucket_of(name)];
    while (c && strcmp(c->name, name) != 0) c = c->next;
    return c;
}

static struct channel *channel_need(struct bus_local *b, const char *name) {
    struct channel *c = channel_find(b, name);
    if (c) return c;
    c = calloc(1, sizeof *c);
    if (!c) return NULL;
    memcpy(c->name, name, strlen(name) + 1);
    c->history_end = &c->history;
    size_t bucket = bucket_of(name);
    c->next = b->channels[bucket];
    b->channels[bucket] = c;
    return c;
}

static void items_free(struct item *item) {
    while (item) {
        struct item *next = item->next;
        payload_unref(item->payload);
        free(item);
        item = next;
    }
}

static void history_drop(struct channel *c) {
    items_free(c->history);
    c->history = NULL;
    c->history_end = &c->history;
    c->history_bytes = 0;
}

/* A channel that nobody listens to and that keeps nothing need not exist. */
static void channel_tidy(struct bus_local *b, struct channel *c) {
    if (c->links || c->history) return;
    struct channel **at = &b->channels[bucket_of(c->name)];
    while (*at != c) at = &(*at)->next;
    *at = c->next;
    free(c);
}

static struct item *item_new(struct payload *payload, uint32_t kind, uint32_t flags) {
    struct item *item = calloc(1, sizeof *item);
    if (!item) return NULL;
    item->payload = payload ? payload_ref(payload) : NULL;
    item->kind = kind;
    item->flags = flags;
    return item;
}

static bool item_counts(const struct item *item) {
    return item->payload && !(item->flags & BUS_FLAG_NO_QUEUE);
}

static void uncount(struct bus_subscription *s, const struct item *item) {
    if (item->flags & BUS_FLAG_KEY) item->link->keys--;
    if (!item_counts(item)) return;
    item->link->bytes -= item->payload->len;
    s->bytes -= item->payload->len;
}

static void append(struct bus_subscription *s, struct link *link, struct item *item) {
    item->link = link;
    *s->tail = item;
    s->tail = &item->next;
    if (item->flags & BUS_FLAG_KEY) link->keys++;
    if (!item_counts(item)) return;
    link->bytes += item->payload->len;
    s->bytes += item->payload->len;
}

/* Removes from the queue what waits of a link: with `chained`, only messages that build on each other. */
static void drop_waiting(struct bus_subscription *s, struct link *link, bool chained) {
    struct item **at = &s->head;
    while (*at) {
        struct item *item = *at;
        bool drop = item->link == link && (!chained || item->flags & (BUS_FLAG_KEY | BUS_FLAG_CHAIN));
        if (!drop) {
            at = &item->next;
            continue;
        }
        uncount(s, item);
        *at = item->next;
        payload_unref(item->payload);
        free(item);
    }
    s->tail = at;
}

static void mark_loss(struct bus_subscription *s, struct link *link) {
    if (link->marked) return;
    struct item *mark = item_new(NULL, 0, 0);
    if (!mark) return; /* no memory for a mark: the next key still tells the reader where it is */
    link->marked = true;
    append(s, link, mark);
}

static bool fits(const struct bus_subscription *s, const struct link *link, size_t len, uint32_t flags) {
    if (flags & BUS_FLAG_NO_QUEUE) return true;
    if (flags & BUS_FLAG_KEY && s->limits.channel_keys && link->keys >= s->limits.channel_keys) return false;
    if (link->bytes && link->bytes + len > s->limits.channel_bytes) return false;
    return !s->bytes || s->bytes + len <= s->limits.total_bytes;
}

/* Puts a message in a link's queue, or does what the limits ask for. Says whether it was put there. */
static bool deliver(struct link *link, struct payload *payload, uint32_t kind, uint32_t flags) {
    struct bus_subscription *s = link->subscription;
    bool chained = flags & (BUS_FLAG_KEY | BUS_FLAG_CHAIN);
    if (flags & BUS_FLAG_CHAIN && !link->flowing) return false;
    if (!fits(s, link, payload->len, flags)) {
        if (chained) {
            drop_waiting(s, link, true);
            link->flowing = false;
        }
        mark_loss(s, link);
        if (!(flags & BUS_FLAG_KEY) || !fits(s, link, payload->len, flags)) return false;
    }
    struct item *item = item_new(payload, kind, flags);
    if (!item) {
        if (chained) link->flowing = false;
        mark_loss(s, link);
        return false;
    }
    if (flags & BUS_FLAG_KEY) link->flowing = true;
    append(s, link, item);
    return true;
}

/* Puts a subscription that waits on the list of those to wake. The lock is held. */
static void plan_wake(struct bus_subscription *s, struct bus_subscription **list) {
    if (!s->head || !s->idle) return;
    s->idle = false;
    pthread_cond_broadcast(&s->ready);
    if (!s->wake) return;
    if (s->waking) {
        s->wake_again = true;
        return;
    }
    s->waking = true;
    s->next_to_wake = *list;
    *list = s;
}

/* The lock is not held. */
static void wake_all(struct bus_local *b, struct bus_subscription *list) {
    while (list) {
        struct bus_subscription *s = list;
        list = s->next_to_wake;
        for (bool again = true; again;) {
            s->wake(s->arg);
            pthread_mutex_lock(&b->lock);
            again = s->wake_again;
            s->wake_again = false;
            if (!again) {
                s->waking = false;
                pthread_cond_broadcast(&b->wakes_done);
            }
            pthread_mutex_unlock(&b->lock);
        }
    }
}

static void keep_history(struct channel *c, struct payload *payload, uint32_t kind, uint32_t flags) {
    if (flags & BUS_FLAG_KEY)
        history_drop(c);
    else if (!(flags & BUS_FLAG_CHAIN) || !c->history)
        return;
    struct item *item =
        c->history_bytes + payload->len <= BUS_HISTORY_MAX_BYTES ? item_new(payload, kind, flags) : NULL;
    if (!item) {
        history_drop(c); /* a late subscriber waits for the next key */
        return;
    }
    *c->history_end = item;
    c->history_end = &item->next;
    c->history_bytes += payload->len;
}

static err local_publish(struct bus *bus, const char *channel, uint32_t kind, uint32_t flags,
                         struct payload *payload, uint32_t *receivers, struct diag *d) {
    err e = check_name(channel, d);
    if (e) return e;
    struct bus_local *b = local_of(bus);
    struct bus_subscription *to_wake = NULL;
    uint32_t count = 0;
    pthread_mutex_lock(&b->lock);
    struct channel *c = flags & BUS_FLAG_KEY ? channel_need(b, channel) : channel_find(b, channel);
    if (c) {
        keep_history(c, payload, kind, flags);
        for (struct link *link = c->links; link; link = link->next_in_channel) {
            if (deliver(link, payload, kind, flags)) count++;
            plan_wake(link->subscription, &to_wake);
        }
    }
    pthread_mutex_unlock(&b->lock);
    wake_all(b, to_wake);
    if (!c && flags & BUS_FLAG_KEY) return diag_fail(d, ERR_NO_MEMORY, "no memory for a channel");
    if (receivers) *receivers = count;
    return ERR_OK;
}

static void local_forget(struct bus *bus, const char *channel) {
    struct bus_local *b = local_of(bus);
    pthread_mutex_lock(&b->lock);
    struct channel *c = channel_find(b, channel);
    if (c) {
        history_drop(c);
        channel_tidy(b, c);
    }
    pthread_mutex_unlock(&b->lock);
}

static err local_subscribers(struct bus *bus, const char *channel, uint32_t *out, struct diag *d) {
    err e = check_name(channel, d);
    if (e) return e;
    struct bus_local *b = local_of(bus);
    uint32_t count = 0;
    pthread_mutex_lock(&b->lock);
    struct channel *c = channel_find(b, channel);
    for (struct link *link = c ? c->links : NULL; link; link = link->next_in_channel) count++;
    pthread_mutex_unlock(&b->lock);
    *out = count;
    return ERR_OK;
}

static void steady_cond_init(pthread_cond_t *cond) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

static err local_subscribe(struct bus *bus, struct bus_limits limits, bus_wake wake, void *arg,
                           struct bus_subscription **out, struct diag *d) {
    struct bus_subscription *s = calloc(1, sizeof *s);
    if (!s) return diag_fail(d, ERR_NO_MEMORY, "no memory for a subscription");
    s->bus = local_of(bus);
    s->limits = limits;
    s->wake = wake;
    s->arg = arg;
    s->tail = &s->head;
    s->idle = true;
    steady_cond_init(&s->ready);
    *out = s;
    return ERR_OK;
}

static err add_locked(struct bus_subscription *s, const char *name, uint32_t tag, bool history,
                      struct diag *d) {
    for (size_t i = 0; i < s->link_count; i++)
        if (strcmp(s->links[i]->channel->name, name) == 0)
            return diag_fail(d, ERR_EXISTS, "this channel is subscribed to already");
    if (s->link_count == BUS_CHANNELS_MAX)
        return diag_fail(d, ERR_LIMIT, "a subscription has at most %u channels", BUS_CHANNELS_MAX);
    struct link *link = calloc(1, sizeof *link);
    struct channel *c = link ? channel_need(s->bus, name) : NULL;
    if (!c) {
        free(link);
        return diag_fail(d, ERR_NO_MEMORY, "no memory for a channel");
    }
    *link = (struct link){.next_in_channel = c->links, .channel = c, .subscription = s, .tag = tag};
    c->links = link;
    s->links[s->link_count++] = link;
    for (struct item *item = history ? c->history : NULL; item; item = item->next)
        deliver(link, item->payload, item->kind, item->flags);
    return ERR_OK;
}

static err local_add(struct bus_subscription *s, const char *channel, uint32_t tag, bool history,
                     struct diag *d) {
    err e = check_name(channel, d);
    if (e) return e;
    struct bus_subscription *to_wake = NULL;
    pthread_mutex_lock(&s->bus->lock);
    e = add_locked(s, channel, tag, history, d);
    if (!e) plan_wake(s, &to_wake);
    pthread_mutex_unlock(&s->bus->lock);
    wake_all(s->bus, to_wake);
    return e;
}

static void link_drop(struct bus_subscription *s, size_t number) {
    struct link *link = s->links[number];
    struct channel *c = link->channel;
    drop_waiting(s, link, false);
    struct link **at = &c->links;
    while (*at != link) at = &(*at)->next_in_channel;
    *at = link->next_in_channel;
    s->links[number] = s->links[--s->link_count];
    free(link);
    channel_tidy(s->bus, c);
}

static err local_remove(struct bus_subscription *s, const char *channel, struct diag *d) {
    err e = diag_fail(d, ERR_NOT_FOUND, "this channel is not subscribed to");
    pthread_mutex_lock(&s->bus->lock);
    for (size_t i = 0; i < s->link_count; i++) {
        if (strcmp(s->links[i]->channel->name, channel) != 0) continue;
        link_drop(s, i);
        e = ERR_OK;
        break;
    }
    pthread_mutex_unlock(&s->bus->lock);
    return e;
}

static err local_take(struct bus_subscription *s, struct bus_message *out) {
    pthread_mutex_lock(&s->bus->lock);
    struct item *item = s->head;
    if (item) {
        s->head = item->next;
        if (!s->head) s->tail = &s->head;
        uncount(s, item);
        if (!item->payload) item->link->marked = false;
        *out = (struct bus_message){.tag = item->link->tag,
                                    .kind = item->kind,
                                    .flags = item->flags,
                                    .skipped = !item->payload,
                                    .payload = item->payload};
    } else {
        s->idle = true;
    }
    pthread_mutex_unlock(&s->bus->lock);
    free(item);
    return item ? ERR_OK : ERR_BUSY;
}

static err local_wait(struct bus_subscription *s, int64_t timeout_us) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + (timeout_us % 1000000) * 1000;
    until.tv_sec += (time_t)(timeout_us / 1000000 + ns / 1000000000);
    until.tv_nsec = ns % 1000000000;
    err e = ERR_OK;
    pthread_mutex_lock(&s->bus->lock);
    while (!s->head && !e) {
        s->idle = true;
        if (pthread_cond_timedwait(&s->ready, &s->bus->lock, &until)) e = ERR_TIMEOUT;
    }
    if (s->head) e = ERR_OK;
    pthread_mutex_unlock(&s->bus->lock);
    return e;
}

static void local_unsubscribe(struct bus_subscription *s) {
    if (!s) return;
    struct bus_local *b = s->bus;
    pthread_mutex_lock(&b->lock);
    while (s->link_count) link_drop(s, s->link_count - 1);
    while (s->waking) pthread_cond_wait(&b->wakes_done, &b->lock);
    pthread_mutex_unlock(&b->lock);
    pthread_cond_destroy(&s->ready);
    free(s);
}

/* The place of a claim, or of the end of its bucket; what has expired on the way is dropped. */
static struct claim **claim_at(struct bus_local *b, const char *name, int64_t now_us) {
    struct claim **at = &b->claims[bucket_of(name)];
    while (*at) {
        struct claim *claim = *at;
        if (claim->until_us > now_us) {
            if (strcmp(claim->name, name) == 0) break;
            at = &claim->next;
            continue;
        }
        *at = claim->next;
        b->claim_count--;
        free(claim);
    }
    return at;
}

static err claim_locked(struct bus_local *b, const char *name, const struct store_id *owner, uint32_t ttl_s,
                        struct bytes value, struct diag *d) {
    int64_t now_us = steady_now().us;
    struct claim **at = claim_at(b, name, now_us), *claim = *at;
    if (claim && !store_id_equal(&claim->owner, owner))
        return diag_fail(d, ERR_CONFLICT, "another holds this name");
    if (!claim) {
        for (size_t i = 0; b->claim_count >= CLAIMS_MAX && i < BUCKETS; i++)
            for (struct claim **c = &b->claims[i]; *c;) {
                if ((*c)->until_us > now_us) {
                    c = &(*c)->next;
                    continue;
                }
                struct claim *old = *c;
                *c = old->next;
                b->claim_count--;
                free(old);
            }
        if (b->claim_count >= CLAIMS_MAX) return diag_fail(d, ERR_LIMIT, "too many names are held");
        claim = calloc(1, sizeof *claim);
        if (!claim) return diag_fail(d, ERR_NO_MEMORY, "no memory for a claim");
        memcpy(claim->name, name, strlen(name) + 1);
        claim->owner = *owner;
        struct claim **head = &b->claims[bucket_of(name)];
        claim->next = *head;
        *head = claim;
        b->claim_count++;
    }
    claim->until_us = now_us + (int64_t)ttl_s * 1000000;
    claim->value_len = value.len;
    if (value.len) memcpy(claim->value, value.data, value.len);
    return ERR_OK;
}

static err local_claim(struct bus *bus, const char *name, const struct store_id *owner, uint32_t ttl_s,
                       struct bytes value, struct diag *d) {
    err e = check_name(name, d);
    if (e) return e;
    if (value.len > CLAIM_VALUE_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "a claim's value has at most %u bytes", CLAIM_VALUE_MAX_BYTES);
    struct bus_local *b = local_of(bus);
    pthread_mutex_lock(&b->lock);
    e = claim_locked(b, name, owner, ttl_s, value, d);
    pthread_mutex_unlock(&b->lock);
    return e;
}

static err local_holder(struct bus *bus, const char *name, struct store_id *owner, struct blob *value,
                        struct diag *d) {
    struct bus_local *b = local_of(bus);
    struct claim found = {0};
    pthread_mutex_lock(&b->lock);
    struct claim *claim = *claim_at(b, name, steady_now().us);
    if (claim) found = *claim;
    pthread_mutex_unlock(&b->lock);
    if (!claim) return diag_fail(d, ERR_NOT_FOUND, "nobody holds this name");
    if (value) {
        struct blob copy = {0};
        err e = blob_append(&copy, BYTES(found.value, found.value_len));
        if (e) return diag_fail(d, e, "no memory for a claim");
        blob_clear(value);
        *value = copy;
    }
    *owner = found.owner;
    return ERR_OK;
}

static err local_release(struct bus *bus, const char *name, const struct store_id *owner, struct diag *d) {
    struct bus_local *b = local_of(bus);
    err e = diag_fail(d, ERR_NOT_FOUND, "this name is not held by that owner");
    pthread_mutex_lock(&b->lock);
    struct claim **at = claim_at(b, name, steady_now().us), *claim = *at;
    if (claim && store_id_equal(&claim->owner, owner)) {
        *at = claim->next;
        b->claim_count--;
        free(claim);
        e = ERR_OK;
    }
    pthread_mutex_unlock(&b->lock);
    return e;
}

static void local_close(struct bus *bus) {
    if (!bus) return;
    struct bus_local *b = local_of(bus);
    for (size_t i = 0; i < BUCKETS; i++) {
        while (b->channels[i]) {
            struct channel *c = b->channels[i];
            b->channels[i] = c->next;
            history_drop(c);
            free(c);
        }
        while (b->claims[i]) {
            struct claim *claim = b->claims[i];
            b->claims[i] = claim->next;
            free(claim);
        }
    }
    pthread_cond_destroy(&b->wakes_done);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

static const struct bus_ops local_ops = {
    .name = "local",
    .close = local_close,
    .publish = local_publish,
    .forget = local_forget,
    .subscribers = local_subscribers,
    .subscribe = local_subscribe,
    .add = local_add,
    .remove = local_remove,
    .take = local_take,
    .wait = local_wait,
    .unsubscribe = local_unsubscribe,
    .claim = local_claim,
    .holder = local_holder,
    .release = local_release,
};

err bus_local_open(struct bus **out, struct diag *d) {
    struct bus_local *b = calloc(1, sizeof *b);
    if (!b) return diag_fail(d, ERR_NO_MEMORY, "no memory for the bus");
    b->bus.ops = &local_ops;
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->wakes_done, NULL);
    *out = &b->bus;
    return ERR_OK;
}

void bus_release(struct bus **bus) {
    if (*bus) (*bus)->ops->close(*bus);
    *bus = NULL;
}
