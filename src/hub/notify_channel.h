/* notify_channel.h: what a kind of channel implements. One file for each: notify_<kind>.c.
 *
 * Everything here is called by notify's thread, but for `check`, which may be called by any; a channel whose
 * library has threads of its own comes back through `poll`. At most one alert of a channel is under way. */
#ifndef CARDEA_HUB_NOTIFY_CHANNEL_H
#define CARDEA_HUB_NOTIFY_CHANNEL_H

#include "hub/alert_queue.h"
#include "net/outgoing.h"
#include "net/web_push.h"

#define CHANNEL_SAID_BYTES 300
#define CHANNEL_TIMEOUT_MS 20000
#define CHANNEL_SECRET_MAX_BYTES 256

enum channel_result {
    CHANNEL_TAKEN,
    CHANNEL_AGAIN,   /* later, after backoff */
    CHANNEL_REFUSED, /* this alert is not wanted as it is: others first, then it again */
    CHANNEL_GONE,    /* for good: a subscription that has ended */
};
struct channel_outcome {
    enum channel_result result;
    int retry_after_s;             /* what the other side asked for; 0: nothing */
    char said[CHANNEL_SAID_BYTES]; /* for people: what the other side said, or what to do */
};

/* What notify gives to a channel; outlives it. */
struct channel_host {
    void *context;
    struct outgoing *outgoing;
    const char *id;      /* of the channel */
    const char *data;    /* the hub's folder */
    const char *ca_file; /* or NULL */
    const struct web_push_key *vapid;
    /* The alert handed to `send` is over. Called once for each send that returned ERR_OK, also from within
     * it. */
    void (*done)(void *context, const struct channel_outcome *outcome);
    /* A connection stands: cameras and states are told again, and what waits is tried at once. */
    void (*connected)(void *context);
    /* It does not, and why. */
    void (*disconnected)(void *context, const char *why);
    void (*presence)(void *context, bool home);
    void (*ring)(void *context, const uint8_t camera[16]);
};

struct channel {
    const struct channel_ops *ops;
    const struct channel_host *host;
};

/* Of a camera; see notify_state. */
struct channel_state {
    const uint8_t *camera;
    const char *what;
    bool on;
};

struct channel_ops {
    const char *kind;
    const char *const *secrets; /* names of settings that no list shows; NULL at the end */
    /* Judges settings that the owner gave, and completes them; *shown (an object) may get what is shown to
     * the owner this once. ERR_INVALID with the field's name. */
    err (*check)(json_t *settings, json_t *shown, struct diag *d);
    err (*open)(const struct channel_host *host, json_t *settings /* checked; borrowed */,
                struct channel **out, struct diag *d);
    /* Ends what is under way without `done`. NULL is fine. */
    void (*close)(struct channel *c);
    /* Begins to hand over; the message is borrowed for the call. */
    err (*send)(struct channel *c, const struct alert_message *m, struct diag *d);
    /* NULL in kinds without a connection of their own. */
    void (*poll)(struct channel *c);
    void (*cameras)(struct channel *c, json_t *cameras);
    void (*state)(struct channel *c, const struct channel_state *s);
    void (*presence)(struct channel *c, bool home);
};

extern const struct channel_ops channel_webpush, channel_webhook, channel_ntfy, channel_smtp, channel_mqtt;

static inline void channel_poll(struct channel *c) {
    if (c->ops->poll) c->ops->poll(c);
}
static inline void channel_cameras(struct channel *c, json_t *cameras) {
    if (c->ops->cameras) c->ops->cameras(c, cameras);
}
static inline void channel_state(struct channel *c, const struct channel_state *s) {
    if (c->ops->state) c->ops->state(c, s);
}
static inline void channel_presence(struct channel *c, bool home) {
    if (c->ops->presence) c->ops->presence(c, home);
}

/* notify_request.c: one request of `outgoing` for each alert. Embedded first in what serves such a kind. */
struct request_channel {
    struct channel base;
    size_t size; /* of the whole */
    struct outgoing_transfer *transfer;
    /* What an answer with this status means; where that differs from HTTP's. May be NULL.
     */
    enum channel_result (*judge)(struct request_channel *c, int status, enum channel_result usual);
    const char *mend; /* what to do when the other side refuses who we are: "set a new token" */
};
/* Zeros but for `request_channel`, of `size` bytes. NULL: out of memory, and d says so. */
void *request_channel_new(size_t size, const struct channel_ops *ops, const struct channel_host *host,
                          const char *mend, struct diag *d);
void request_channel_close(struct channel *c); /* channel_ops.close; wipes */
err request_send(struct request_channel *c, const struct outgoing_request *request, struct diag *d);

/* The alert's JSON with its picture, as text; the caller wipes and frees. NULL: out of memory. */
char *channel_alert_json(const struct alert_message *m);

#endif
