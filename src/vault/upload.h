/* upload.h: reels as they arrive.
 *
 * One upload for each reel name on this node, however many connections try: the newest connection has it.
 * What has come is staged in the blob store; whole segments are what counts. Nothing is synced while it
 * streams: `HEAD` syncs what it is about to promise, and the end of the reel syncs all. Bytes pass to live
 * viewers record by record, as soon as each is whole. */
#ifndef CARDEA_VAULT_UPLOAD_H
#define CARDEA_VAULT_UPLOAD_H

#include "format/segment.h"
#include "vault/stream.h"

#define UPLOAD_SCAN_PIECE_BYTES (256u << 10)

enum upload_live { UPLOAD_LIVE_NEVER, UPLOAD_LIVE_ALWAYS, UPLOAD_LIVE_RECENT };
#define UPLOAD_RECENT_S 60 /* UPLOAD_LIVE_RECENT: a segment that begins within this of now is live */

struct upload {
    struct vault *v;
    struct store_id reel;
    struct reel_place place;
    struct store_key capability;
    uint32_t epoch;
    bool store;    /* false: for live viewers only */
    bool by_vault; /* its own work, under no capability */

    pthread_mutex_t lock;
    struct blob_writer *writer; /* NULL: not stored, or taken by a newer connection */
    bool taken;
    struct reel_scanner *scanner;
    err bad; /* why it cannot be stored any more */
    struct diag why;
    uint64_t received;
    struct index_cut deleted[INDEX_CUTS_MAX]; /* while it arrived; the index has them too */
    size_t deleted_count;

    /* live */
    enum upload_live live;
    bool relaying;
    char channel[CHANNEL_BYTES];
    struct blob pending; /* of the header or record in progress */
    struct bytes piece;  /* while it is scanned */
    uint64_t piece_at;

    struct bus_subscription *end; /* of the capability */
    atomic_bool ended;

    bool listed;
    struct upload *next, **link;
};

/* Opens the upload at `offset`. ERR_EXISTS: the reel is complete already, in *done. ERR_CONFLICT: `offset` is
 * not what is held, which is in *held. */
err upload_open(struct upload *u, uint64_t offset, uint64_t *held, struct reel_info *done,
                struct diag *d) CHECKED;
/* Takes bytes, relays what is whole. */
err upload_feed(struct upload *u, struct bytes piece) CHECKED;
/* Makes a reel of it. *out without its table. */
err upload_finish(struct upload *u, struct reel_info *out, struct diag *d) CHECKED;
/* Closes; what is staged stays, for a later attempt. */
void upload_free(struct upload *u);

/* The upload's whole segments, made durable first. ERR_NOT_FOUND. */
err upload_held(struct vault *v, const struct store_id *household, const struct store_id *reel,
                uint64_t *held, struct diag *d) CHECKED;
/* The reel of a blob that was committed when its row was not: makes the row. Its name's lock is held.
 * ERR_NOT_FOUND. */
err upload_adopt(struct vault *v, const struct index_upload *upload, struct reel_info *out,
                 struct diag *d) CHECKED;
/* Held while a name's writer is opened, so that a HEAD beside a PUT does not find it busy, and while its cuts
 * are applied. */
pthread_mutex_t *upload_name_lock(struct vault *v, const struct store_id *reel);

/* Frees what silent channels keep; called now and then. */
void uploads_forget_idle(struct vault *v);

/* The row of a finished scan. `table` is replaced and pointed into. ERR_INVALID: not one segment is there. */
err reel_describe(const struct reel_scanner *s, const struct store_id *reel, uint32_t epoch,
                  struct blob *table, struct reel_info *out, struct diag *d) CHECKED;

/* --- deletions of what is on its way (cut.c) --- */

/* A deleted range also concerns what arrives at this moment, and what is staged until its hub is back: it is
 * written down with each upload, and kept from being shown. */
err uploads_cut(struct vault *v, const struct reel_place *place, uint32_t from, uint32_t to,
                struct diag *d) CHECKED;
/* What was deleted before this upload was opened. Call when it is in the list. */
err upload_cuts_load(struct upload *u, struct diag *d) CHECKED;
/* Removes what was deleted from a reel that has become whole; its name's lock is held. */
err cuts_apply(struct vault *v, const struct reel_place *place, const struct store_id *reel,
               struct diag *d) CHECKED;
/* The same for all that a crash, or a failure, left. */
err cuts_apply_due(struct vault *v, struct diag *d) CHECKED;

/* recordings.c */
err recordings_remove(struct vault *v, const struct reel_place *place, uint32_t from, uint32_t to,
                      struct index_removed *removed, struct diag *d) CHECKED;

#endif
