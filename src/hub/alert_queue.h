/* alert_queue.h: the alerts that some channel has not taken yet, in DIR/alerts/.
 *
 * One file for each alert, with its pictures, sealed, and what became of it at each channel; its key goes
 * with the last channel. Format and crash rules are at the head of alert_queue.c. Bounded: the oldest gives
 * way, and is counted. Threads: one. */
#ifndef CARDEA_HUB_ALERT_QUEUE_H
#define CARDEA_HUB_ALERT_QUEUE_H

#include "hub/notify.h"

#define ALERT_QUEUE_MAX 500
#define ALERT_QUEUE_MAX_BYTES (32u << 20)
#define ALERT_LIFE_S 86400
#define ALERT_SEEN_MAX 256 /* ids of alerts that are over, so that one does not come again */

struct alert_queue;

/* An alert as channels see it. */
struct alert_message {
    json_t *json; /* docs/seeing.md, "Alerts", without the picture */
    struct blob jpeg, jpeg_small;
    struct wall_us queued, packet; /* packet.us 0: not known */
    bool test;                     /* of notify.test */
};
void alert_message_clear(struct alert_message *m);
/* ERR_INVALID: a text is not UTF-8. */
err alert_message_make(const struct alert *a, struct alert_message *out, struct diag *d) CHECKED;
/* A text of the JSON, "" when it is not there. Borrowed. */
const char *alert_text(const struct alert_message *m, const char *name);

/* Reads a file of the queue whose key is zeros, for the fuzzer. ERR_INVALID, ERR_NO_MEMORY: *out is empty. */
err alert_queue_decode(struct bytes file, struct alert_message *out) CHECKED;

/* Reads what a former run left; what is damaged is removed and logged. */
err alert_queue_open(const char *folder, struct alert_queue **out, struct diag *d) CHECKED;
void alert_queue_close(struct alert_queue *q);

/* Takes *m. Durable on return, but where the disk refuses (logged): then it is kept in memory. ERR_EXISTS:
 * that alert is there or was. ERR_NO_MEMORY. `channels` may be empty: then nothing is kept. */
err alert_queue_add(struct alert_queue *q, struct alert_message *m,
                    const char (*channels)[NOTIFY_CHANNEL_ID_BYTES], size_t count, struct diag *d) CHECKED;

/* The oldest that the channel has not taken, of those that it refused least often; its number in *out.
 * ERR_NOT_FOUND. */
err alert_queue_next(struct alert_queue *q, const char *channel, uint64_t *out) CHECKED;
/* The channel did not want this one: others go first, so that it does not hold them up for a day. */
void alert_queue_refused(struct alert_queue *q, uint64_t number, const char *channel);
/* ERR_NOT_FOUND: it is gone (damaged on disk, or dropped). */
err alert_queue_load(struct alert_queue *q, uint64_t number, struct alert_message *out) CHECKED;

/* The channel has taken it, or never will. The file goes with the last channel. */
void alert_queue_settle(struct alert_queue *q, uint64_t number, const char *channel, bool taken);
/* All that waits for a channel is given up: it was removed. */
void alert_queue_forget(struct alert_queue *q, const char *channel);
/* Gives up what is older than ALERT_LIFE_S. */
void alert_queue_expire(struct alert_queue *q, struct steady_us now);

size_t alert_queue_waiting(const struct alert_queue *q, const char *channel);
/* How many alerts the channel never got since the start: too old, too many, or refused. */
uint64_t alert_queue_dropped(const struct alert_queue *q, const char *channel);
size_t alert_queue_count(const struct alert_queue *q);

#endif
