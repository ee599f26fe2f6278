/* recorder.h: from a worker's fragments to sealed segments in the spool, for one stream.
 *
 * A segment begins at a key frame, and is cut at the first key frame a second or more later. What cannot wait
 * for one (60 s, 12 MiB) is cut anywhere. Each record is sealed once, appended to the reel, and offered to
 * the uploader.
 *
 * What is recorded depends on the settings. KEEP: for good. HOLD: a reel for each segment, dropped when it is
 * older than the pre-roll, kept when motion comes. LIVE: the same, for viewers alone. NONE: nothing is
 * sealed.
 *
 * Threads: the recording loop. */
#ifndef CARDEA_HUB_RECORDER_H
#define CARDEA_HUB_RECORDER_H

#include "hub/cameras.h"
#include "hub/forward_keys.h"
#include "hub/link.h"
#include "hub/spool.h"
#include "media/worker_message.h"

#define SEGMENT_LEAST_US 1000000
#define SEGMENT_MOST_US 60000000
#define SEGMENT_MOST_BYTES (12u << 20)
#define MOTION_MERGE_US 5000000      /* motion that returns within it has not ended */
#define WORKER_CLOCK_OFF_US 30000000 /* a worker's time stamps this far off the hub's clock are of no use */

struct recorder;

struct recorder_options {
    uint8_t stream[CAMERA_ID_BYTES];
    const struct sign_key *hub;
    struct forward_keys *keys;
    struct spool *spool;
    struct link *link;
    /* Makes a new epoch's root durable and begins it. */
    err (*new_epoch)(void *context, const uint8_t stream[CAMERA_ID_BYTES], struct diag *d);
    void *context;
};

err recorder_new(const struct recorder_options *options, struct recorder **out) CHECKED;
void recorder_free(struct recorder *r); /* ends what is open */

void recorder_settings(struct recorder *r, const struct record_settings *settings);

/* ERR_INVALID: the worker breaks its protocol: end it. Everything else is reported by recorder_state. */
err recorder_init(struct recorder *r, const struct worker_init *init, struct diag *d) CHECKED;
err recorder_fragment(struct recorder *r, const struct worker_fragment *f, struct diag *d) CHECKED;
err recorder_picture(struct recorder *r, const struct worker_picture *p, struct diag *d) CHECKED;
/* After what came at once: writes it and offers it to the uploader. */
void recorder_flush(struct recorder *r);
/* Whether what moves is to be kept now: neither off nor outside the schedule. What is not to be kept is not
 * to be looked at either. */
bool recorder_minds(struct recorder *r);
/* Something that is worth keeping moves. Nothing happens unless recorder_minds. */
void recorder_motion(struct recorder *r);
bool recorder_moves(const struct recorder *r); /* something does, or did a moment ago */
/* The second in which something that happens now is sealed; begins a new epoch where there must be one. */
err recorder_slot(struct recorder *r, struct forward_slot *out, struct diag *d) CHECKED;
/* The slot of the segment in progress, whose picture record shows what happens now; 0: none. */
uint32_t recorder_segment_slot(const struct recorder *r);

/* About once a second. */
void recorder_tick(struct recorder *r);
/* Ends the segment and the reel: the worker is gone, or the hub is going. */
void recorder_end(struct recorder *r);

struct recorder_state {
    bool recording, motion;
    char trouble[200]; /* why nothing can be recorded; else empty */
};
void recorder_state(const struct recorder *r, struct recorder_state *out);

/* Video samples in a `moof`; 1 when it cannot be told. */
uint32_t fragment_samples(struct bytes fragment);

#endif
