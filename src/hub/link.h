/* link.h: the hub's thread that speaks to the vault: reels as they are recorded and those that wait, the
 * outbox, commands down a long answer, replies up.
 *
 * When the vault is unreachable it tries again after 1 s, doubling to 30 s; the recording loop notices
 * nothing. Threads: made and freed by the recording loop; link_* may be called from any thread unless it says
 * otherwise. */
#ifndef CARDEA_HUB_LINK_H
#define CARDEA_HUB_LINK_H

#include "format/command.h"
#include "hub/identity.h"
#include "hub/outbox.h"
#include "hub/spool.h"
#include "hub/witness.h"

#define LINK_BACKLOG_MAX 2 /* older reels that are sent side by side */
#define LINK_TRANSFERS_MAX 256
#define LINK_VIEWED_MAX 256 /* streams that are being watched */
#define LINK_MAIL_MAX 64    /* commands that wait for the recording loop */
#define LINK_REPLIES_MAX 64
#define LINK_RINGS_MAX 16 /* doorbells (docs/protocol.md, "Doorbells") */
#define LINK_RING_BYTES 16

struct link;

struct link_options {
    const char *vault, *ca_file;
    const struct identity *identity; /* paired; borrowed */
    struct spool *spool;
    struct outbox *outbox;
    struct witness *witness; /* of the vault's log; NULL: none is kept */
};

err link_new(const struct link_options *options, struct link **out, struct diag *d) CHECKED;
/* Gives what is in flight up to `grace_ms` to be acknowledged, then ends the thread. */
void link_free(struct link *l, int grace_ms);

/* Something was appended to a reel: it is sent at once, or within a second while nobody watches; `fresh`: a
 * reel began, ended or changed its kind. */
void link_wake(struct link *l, bool fresh);

/* Becomes readable when there is mail. */
int link_fd(const struct link *l);

enum link_mail_kind { LINK_MAIL_COMMAND, LINK_MAIL_VIEWERS, LINK_MAIL_RING, LINK_MAIL_NOTICE, LINK_MAIL_LOG };
struct link_mail {
    enum link_mail_kind kind;
    uint8_t command[COMMAND_ID_BYTES];
    struct blob box; /* of a command; a notice's JSON */
    uint8_t ring[LINK_RING_BYTES];
};
/* Recording loop. ERR_NOT_FOUND: none. */
err link_next(struct link *l, struct link_mail *out) CHECKED;
void link_mail_clear(struct link_mail *m);

/* The doorbells that the vault is to tell of: hashes of their tokens. */
void link_rings(struct link *l, const uint8_t (*rings)[LINK_RING_BYTES], size_t count);

/* How many watch the stream at the moment. */
uint32_t link_viewers(struct link *l, const uint8_t camera[CAMERA_ID_BYTES]);

bool link_any_viewers(struct link *l);

/* Sends a sealed reply. Takes nothing. */
void link_reply(struct link *l, const uint8_t command[COMMAND_ID_BYTES], struct bytes box);

struct link_state {
    struct wall_us down_since; /* 0: reachable */
    bool conflict;             /* another hub uses this identity: nothing is sent */
    char message[200];         /* why it is down */
};
void link_state(struct link *l, struct link_state *out);

#endif
