/* bus.h: messages between the connections of a vault, and between its nodes: live records, commands and
 * replies, who is there.
 *
 * A channel is a name; it needs no making. A message's bytes are held once, however many receive them. Each
 * subscription has one bounded queue, over all its channels, in the order of arrival. Nothing is kept for
 * later except, on channels that carry keys, what was published since the last key, which a late subscriber
 * gets first.
 *
 * Usage: `bus->ops->publish(bus, …)`. Threads: any; take and wait of one subscription from one at a time.
 * Delivery is at most once; a driver whose connection breaks tells subscribers as if messages had been
 * dropped. */
#ifndef CARDEA_STORE_BUS_H
#define CARDEA_STORE_BUS_H

#include <stdbool.h>

#include "base/bytes.h"
#include "store/id.h"

#define BUS_CHANNEL_CHARS 96
#define BUS_CHANNELS_MAX 80u /* for each subscription */
#define BUS_MESSAGE_MAX_BYTES (9u * 1024 * 1024)
#define BUS_HISTORY_MAX_BYTES                                                                                \
    (24u * 1024 * 1024) /* since the last key, for each channel; past it the history is dropped */

/* Counted, read-only once published. */
struct payload {
    size_t len;
    uint8_t data[];
};
/* For the caller to fill. Returned with one reference. NULL: out of memory. */
struct payload *payload_new(size_t len);
struct payload *payload_copy(struct bytes data);
struct payload *payload_ref(struct payload *payload);
void payload_unref(struct payload *payload);    /* NULL is fine */
void payload_release(struct payload **payload); /* for AUTO */

enum bus_flag {
    BUS_FLAG_KEY = 1,     /* a place to start from: a segment's header */
    BUS_FLAG_CHAIN = 2,   /* useless without what came since the last key: a record */
    BUS_FLAG_NO_QUEUE = 4 /* not counted against a subscriber's limits: small and rare */
    /* Neither KEY nor CHAIN: a notice of its own, delivered or dropped alone. */
};

struct bus_message {
    uint32_t tag;  /* the subscriber's own number for the channel */
    uint32_t kind; /* the publisher's, e.g. the protocol's message type */
    uint32_t flags;
    bool skipped;            /* messages of this channel were lost before here; payload is NULL */
    struct payload *payload; /* returned: payload_unref */
};

/* Bounds for one subscription. When a message would pass one of its channel's, all of that channel's KEY and
 * CHAIN messages that wait are dropped, one message with `skipped` takes their place, and the channel goes on
 * with the next KEY. A notice that would pass a bound is dropped, and marked the same way. */
struct bus_limits {
    size_t channel_bytes; /* waiting, for each channel: at least one message is always let in */
    size_t channel_keys;  /* KEY messages waiting; 0: no bound */
    size_t total_bytes;   /* over all channels */
};
#define BUS_LIMITS_LIVE ((struct bus_limits){8u << 20, 4, 64u << 20})
#define BUS_LIMITS_COMMAND ((struct bus_limits){1u << 20, 0, 1u << 20})

/* Called once when something waits for a subscription whose take has said ERR_BUSY (or that is new), from the
 * publisher's thread and with no lock held. It must not close the subscription. */
typedef void (*bus_wake)(void *arg);

struct bus {
    const struct bus_ops *ops;
};
struct bus_subscription;

struct bus_ops {
    const char *name;            /* "local", "redis" */
    void (*close)(struct bus *); /* NULL is fine; subscriptions are closed before */

    /* *receivers (may be NULL) is how many had it put in their queue. Borrows the payload (counts its own
     * references). ERR_LIMIT: channel name or message too long; ERR_NO_MEMORY; ERR_UNREACHABLE. */
    err (*publish)(struct bus *, const char *channel, uint32_t kind, uint32_t flags, struct payload *payload,
                   uint32_t *receivers, struct diag *);
    /* No more is coming for now: forgets what the channel keeps since its last key. */
    void (*forget)(struct bus *, const char *channel);
    /* How many subscriptions a channel has. */
    err (*subscribers)(struct bus *, const char *channel, uint32_t *out, struct diag *);

    /* `wake` may be NULL (then: wait). */
    err (*subscribe)(struct bus *, struct bus_limits limits, bus_wake wake, void *arg,
                     struct bus_subscription **out, struct diag *);
    /* From here on; with `history`, from the last key on. ERR_EXISTS (the channel is added), ERR_LIMIT,
     * ERR_UNREACHABLE. */
    err (*add)(struct bus_subscription *, const char *channel, uint32_t tag, bool history, struct diag *);
    err (*remove)(struct bus_subscription *, const char *channel,
                  struct diag *); /* ERR_NOT_FOUND; what waits of it is dropped */
    /* ERR_BUSY: nothing waits. */
    err (*take)(struct bus_subscription *, struct bus_message *out);
    /* Blocks until something waits. ERR_TIMEOUT. */
    err (*wait)(struct bus_subscription *, int64_t timeout_us);
    /* When this returns, no wake is running nor will be. NULL is fine. */
    void (*unsubscribe)(struct bus_subscription *);

    /* Presence: who holds a name, until `ttl_s` from now on a clock that only goes forward. Claiming again by
     * the same owner renews. ERR_CONFLICT: another holds it; ERR_LIMIT. `value` (at most 64 bytes, borrowed)
     * is kept with the claim, e.g. since when. */
    err (*claim)(struct bus *, const char *name, const struct store_id *owner, uint32_t ttl_s,
                 struct bytes value, struct diag *);
    err (*holder)(struct bus *, const char *name, struct store_id *owner, struct blob *value,
                  struct diag *); /* ERR_NOT_FOUND; replaces *value */
    /* ERR_NOT_FOUND: that owner does not hold it (any more). */
    err (*release)(struct bus *, const char *name, const struct store_id *owner, struct diag *);
};

/* Within the process. */
err bus_local_open(struct bus **out, struct diag *d) CHECKED;
void bus_release(struct bus **bus); /* for AUTO */

#endif
