/* stream.h: answers that do not end: live views, and the commands of a hub (docs/protocol.md, "Live").
 *
 *     type (1) | camera (1) | length (4) | payload
 *
 * A stream is a subscription on the bus with that framing. Payloads are the bus's, held once for all
 * receivers; a stream holds one at a time, beyond the bounded queue of its subscription. */
#ifndef CARDEA_VAULT_STREAM_H
#define CARDEA_VAULT_STREAM_H

#include "vault/grant.h"
#include "vault/vault.h"

enum stream_type {
    STREAM_HEADER = 1,
    STREAM_RECORD = 2,
    STREAM_NOTICE = 3,
    STREAM_BEAT = 4,
    STREAM_COMMAND = 16,
    STREAM_VIEWERS = 17,
    STREAM_RING = 18,
    STREAM_HUB_NOTICE = 19, /* to hubs: something that the owner is to hear of */
    STREAM_ACTIVITY = 20,
    STREAM_WITNESS = 21,
    /* On the bus alone: */
    STREAM_END = 100,      /* the capability is gone */
    STREAM_HUB_HERE = 101, /* a hub has come: say who watches */
    STREAM_WAKE = 102,     /* something that a parked request waits for */
};

#define STREAM_NO_CAMERA 255u
#define STREAM_TAG_END 256u
#define STREAM_TAG_QUIET 257u /* nothing of this channel is passed on but STREAM_HUB_HERE */

struct stream {
    struct vault *v;
    struct store_id household;
    struct bus_subscription *subscription;
    struct http_waker *waker;
    struct payload *current;
    uint8_t head[6];
    size_t sent; /* of head and current */
    size_t total;
    bool sending;
    bool record;
    uint64_t until; /* slot at which it ends; 0: none */
    atomic_int_fast64_t last_us;
    atomic_bool ended;
    void (*hub_here)(struct stream *); /* may be NULL; network thread */
    void (*closed)(struct stream *);   /* after the subscription's end; frees what embeds the stream */
    struct stream *next, **link;
};

/* Subscribes to the end of the caller's capability or grant, and enlists. On failure nothing is left. The
 * request has a connection. */
err stream_open(struct stream *s, struct vault *v, struct http_request *request, struct bus_limits limits,
                struct diag *d) CHECKED;
/* Makes it the answer; from here on the server closes it. */
enum http_outcome stream_answer(struct stream *s, struct http_reply *r);
/* Closes one that was not answered with. */
void stream_close(struct stream *s);
/* Asks it to end; any thread, while it is enlisted. */
void stream_end(struct stream *s);

/* Wakes streams that have been silent for a beat. */
void streams_beat(struct vault *v);
void streams_end_all(struct vault *v);

#define CHANNEL_BYTES (BUS_CHANNEL_CHARS + 1)
void channel_live(const struct store_id *household, const struct store_id *camera, char out[CHANNEL_BYTES]);
void channel_household(const struct store_id *household, char out[CHANNEL_BYTES]); /* notices to viewers */
void channel_hubs(const struct store_id *household, char out[CHANNEL_BYTES]); /* to all hubs of a household */
void channel_hub(const struct store_id *household, const struct store_id *hub, char out[CHANNEL_BYTES]);
void channel_reply(const struct store_id *household, const struct store_id *command, char out[CHANNEL_BYTES]);
void channel_pairing(const struct store_id *pairing, char out[CHANNEL_BYTES]);
void channel_ring(const struct store_id *ring, char out[CHANNEL_BYTES]); /* of a doorbell's hash */
void channel_activity(const struct store_id *household, char out[CHANNEL_BYTES]);
void channel_cosigned(const struct store_id *household, char out[CHANNEL_BYTES]); /* by one of its hubs */
void channel_grant_end(const struct store_id *grant, char out[CHANNEL_BYTES]);
void channel_end(const struct store_key *capability, char out[CHANNEL_BYTES]);

/* Publishes JSON (taken; NULL is dropped). A notice that is lost is only late news. */
void publish_json(struct vault *v, const char *channel, uint32_t kind, json_t *value);
/* For who listens to a capability's end: was it removed between the request's admission and the subscription,
 * when nobody heard? ERR_DENIED. */
err capability_recheck(struct vault *v, const struct store_key *capability, struct diag *d) CHECKED;
/* Says to all that runs under a capability or grant that it ends. */
void stream_end_publish(struct vault *v, const char *channel);
/* The capability has been removed: all that runs under it ends. */
void end_announce(struct vault *v, const struct store_key *capability);
/* Tells the household's hubs how many watch these cameras. */
void viewers_announce(struct vault *v, const struct store_id *household, const struct store_id *cameras,
                      size_t count);
/* A hub has come or gone. */
void hub_announce(struct vault *v, const struct store_id *household, const struct store_id *hub, bool online);

/* A request that waits for a word on one channel; http_request.state. */
struct waiting {
    struct vault *v;
    struct bus_subscription *subscription;
    struct http_waker *waker;
    struct steady_us until;
};
/* Sets request->state. ERR_BUSY without a connection. */
err waiting_open(struct vault *v, struct http_request *request, const char *channel, unsigned wait_s,
                 struct diag *d) CHECKED;
/* Parks until a word comes or the time is over. */
enum http_outcome waiting_park(struct http_request *request, struct http_reply *r);
/* What has come, or NULL. Returned. */
struct payload *waiting_take(struct http_request *request);

void hubs_renew(struct vault *v);
/* Every hub that is connected here; called with a lock held, so that it only takes notes. */
typedef void hub_visit(void *arg, const struct store_id *household, const struct store_id *hub);
void hubs_each(struct vault *v, hub_visit *fn, void *arg);

#endif
