/* tracker.h: which of a camera's detections are the same thing over time.
 *
 * Kalman filters of constant velocity predict each box; association is in two stages, the certain detections
 * first and then, for tracks alone, the uncertain ones (ByteTrack, Zhang et al. 2022), by overlap with what a
 * thing looks like as the tie-break (OC-SORT's argument for observations, Cao et al. 2023, and appearance as
 * in DeepSORT, Wojke et al. 2017). A track is told of when three detections or more have a median score above
 * its label's threshold. What stands still stays known without being detected: it ends when its place was
 * looked at, as closely as when it was found, so often that a miss each time would be a chance below 1 in
 * 100, and does not look as it did.
 *
 * A classifier's word is weaker than a detector's box: it says what a place that moved looks like, not that a
 * thing is there, and a shadow or an arm looks like somebody for a moment. Three looks are soon had of such a
 * moment, and on a busy machine they are all there is. So its word counts by time, not by frames, and only
 * when it is all but certain, or when what it names also goes somewhere: what sways stays where it is.
 *
 * An arrival has to arrive. What is found where nothing moved was there before: other light, or the first
 * look at a place, only brought it to light. It has arrived once its box as a whole was seen elsewhere, or
 * once motion of about its own extent was seen in its place.
 *
 * Threads: one for each tracker. */
#ifndef CARDEA_VISION_TRACKER_H
#define CARDEA_VISION_TRACKER_H

#include "vision/detector.h"

#define TRACK_SCORES 15 /* of which the median confirms, the newest ones */
#define TRACK_CONFIRM_HITS 3
#define TRACK_DOUBTED_HITS 6 /* where the median is hardly above the threshold, or only pieces were seen */
#define TRACK_WORD_HITS 4    /* of a classifier's word, */
#define TRACK_WORD_US 750000 /* and from the first of them to the last */
#define TRACK_REACHES_US 5000000 /* a person who hangs in from an upper corner may be an arm so long */
#define TRACK_STILL_US 4000000   /* without moving */
#define TRACK_ANEW_US 1000000    /* unseen, and its way begins anew */
#define TRACK_LOST_US 1200000    /* looked for in vain, while it moved */
#define TRACK_HIDDEN_US 4000000  /* the same, behind something else */
#define TRACK_FORGET_US 60000000 /* without being looked for */
#define TRACK_BACK_US 10000000   /* a clock that steps back so far was set; less is a frame out of order */
#define TRACK_LOOKED_MAX 8
#define TRACK_MOTION_US 3000000 /* so long before it is found a thing's motion may have been seen */
#define TRACK_MOTIONS 64

struct filter { /* of one number: constant velocity */
    float x, v, pxx, pxv, pvv;
};

struct track {
    uint64_t id;
    enum seen_label label;
    enum track_state state; /* as of the last update; what is TRACK_LOST is gone with the next */
    bool confirmed, still, seen_now;
    bool arrived;                      /* it came, or moves where it is */
    float score;                       /* the median */
    struct area box;                   /* as last seen, or as predicted while it is not */
    struct wall_us first, seen, since; /* since: where it is now, about */
    int8_t look[VISION_LOOK_BYTES];
    float side_px; /* as the model saw it, lately */
    /* The rest is the tracker's. */
    struct filter filters[4]; /* centre x, centre y, width, height */
    struct area anchor;       /* where it was at `since` */
    float scores[TRACK_SCORES];
    float votes[SEEN_LABELS];
    uint32_t hits, looks; /* looks: hits, and misses where it was looked for */
    uint32_t misses;      /* in a row */
    uint32_t whole_hits;  /* not cut by the edge of a part */
    uint32_t shifted;     /* hits in a row away from its origin */
    struct area origin;   /* where it was first seen whole */
};

/* A part of the picture in which detections were looked for; px: how many of the model's pixels show the
 * picture's width there, and its height. */
struct looked {
    struct area area;
    float px_w, px_h;
};

struct tracker_input {
    struct wall_us wall;
    const struct detections *found;
    const int8_t (*looks)[VISION_LOOK_BYTES]; /* of each */
    bool words;                               /* found are a classifier's words about what moved */
    size_t looked_count;
    struct looked looked[TRACK_LOOKED_MAX];
    const struct area *moving; /* where something moves, as far as that is told of a picture as a whole */
    size_t moving_count;
    /* What the place looks like now, for things that stand still. */
    void *context;
    void (*look)(void *context, struct area box, int8_t out[VISION_LOOK_BYTES]);
    float (*threshold)(void *context, enum seen_label l);
};

/* Where something moved lately. */
struct track_motion {
    struct wall_us wall;
    struct area area;
};

struct tracker {
    uint64_t *next_id; /* shared by all cameras of a process */
    struct wall_us last;
    size_t motion_next;
    struct track_motion motions[TRACK_MOTIONS];
    size_t count;
    struct track list[VISION_TRACKS_MAX];
};

/* Is it older than the last frame, but not so much that the clock was set? */
bool tracker_late(const struct tracker *t, struct wall_us wall);

/* ERR_CONFLICT: the frame is older than the last, and is left out. */
err tracker_update(struct tracker *t, const struct tracker_input *in) CHECKED;

#endif
