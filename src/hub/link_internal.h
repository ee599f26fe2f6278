/* link_internal.h: shared by the parts of the link; see link.h. All of it belongs to the link's thread,
 * except what is under `lock`. */
#ifndef CARDEA_HUB_LINK_INTERNAL_H
#define CARDEA_HUB_LINK_INTERNAL_H

#include <pthread.h>

#include "hub/link.h"

struct viewed {
    uint8_t camera[CAMERA_ID_BYTES];
    uint32_t count;
};

struct reply_waiting {
    struct reply_waiting *next;
    uint8_t command[COMMAND_ID_BYTES];
    bool cosignature; /* for the log, instead of a reply to `command` */
    struct blob box;
};

struct upload {
    struct link *link;
    struct spool_reel *reel;
    struct http_transfer *transfer;
    struct upload *next, *previous;
    int fd;
    uint64_t offset; /* next byte to send */
    bool store, backlog, waiting;
};

struct link {
    const struct identity *identity;
    struct spool *spool;
    struct outbox *outbox;
    struct witness *witness;
    struct http_client *http;
    pthread_t thread;
    int event_fd;
    atomic_bool ending, fresh, more, dirty_outbox;

    pthread_mutex_t lock;
    struct link_mail mail[LINK_MAIL_MAX];
    size_t mail_first, mail_count;
    bool viewers_changed;
    struct viewed viewed[LINK_VIEWED_MAX];
    size_t viewed_count;
    struct reply_waiting *replies;
    size_t reply_count;
    struct link_state state;
    uint8_t rings[LINK_RINGS_MAX][LINK_RING_BYTES];
    size_t ring_count;
    bool rings_changed;

    /* The link's thread. */
    struct steady_us retry_at, token_until, scanned, commands_at;
    uint32_t backoff_ms;
    char authorization[600];
    bool asking_token;
    struct http_transfer *commands;
    struct blob command_bytes;
    bool posting_reply, posting_entry;
    struct outbox_entry entry;
    struct blob entry_body;
    struct reply_waiting *reply;
    struct upload *uploads;
    size_t upload_count, backlog_count;
};

bool link_ready(struct link *l); /* reachable as far as is known, and a token at hand */
void link_worked(struct link *l);
void link_failed(struct link *l, err e,
                 const char *message); /* backs off if the error is of a kind that time mends */

void link_commands_step(struct link *l);
/* Posts a cosignature, after what waits to be posted. */
void link_cosign(struct link *l, struct bytes json);
void link_reels_step(struct link *l, bool fresh, bool more);
void link_reels_stop(struct link *l);
void link_outbox_step(struct link *l);

#endif
