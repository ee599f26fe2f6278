/* seeing_internal.h: shared by the files of seeing.
 *
 *   seeing.c           cameras, what vision says, time
 *   seeing_track.c     one object: its way, its zones, its face, what the rules say of it
 *   seeing_tell.c      its event, its picture, its alert
 *   seeing_motion.c    what moves without being anything; rings
 *   seeing_commands.c  what the owner asks
 *   seeing_people.c    face.* of it
 *   seeing_debug.c     see.debug
 *   seeing_store.c     DIR/seeing.json */
#ifndef CARDEA_HUB_SEEING_INTERNAL_H
#define CARDEA_HUB_SEEING_INTERNAL_H

#include "hub/faces.h"
#include "hub/negatives.h"
#include "hub/recent.h"
#include "hub/rules.h"
#include "hub/seeing.h"

#define SEE_CAMERAS_MAX 128
#define SEE_QUIET_MAX 12     /* reasons that an event names */
#define SEE_REASONS_MAX 3    /* of one rule */
#define SEE_PEOPLE_PENDING 4 /* face.add under way */
#define SEE_EMBED_US 20000000
#define SEE_HEIRS_MAX 16
#define SEE_HEIR_US 2000000       /* so soon after it was lost what is found in its place is it */
#define SEE_HEIR_GAP_US 10000000  /* the same, when it was lost because nobody looked */
#define SEE_PRESENCE_US 10000000  /* who is at home is written at most so often: the recording loop waits */
#define SEE_RING_APART_US 1000000 /* rings that are closer together are one */
#define SEE_RINGS_US 600000000    /* in so long */
#define SEE_RINGS_MAX 60          /* at most so many, whoever presses: a camera may be hostile */
#define SEE_UNKNOWN_LOOKS 2       /* good looks at a face that nobody knows: then it is unknown */

struct see_point {
    uint32_t ms; /* since the event's begin */
    struct place_box box;
};
struct see_path {
    size_t count;
    uint32_t step_ms; /* between points; doubles whenever they become too many */
    struct see_point points[SEEING_PATH_MAX];
};
void path_start(struct see_path *p, const struct place_box *box);
void path_add(struct see_path *p, uint32_t ms, const struct place_box *box);

/* What a rule said of an object, last. */
struct see_answer {
    char rule[RULE_ID_CHARS + 1];
    bool alerted, final;
    bool inherited; /* it alerted before it was lost from sight for a moment */
    size_t count;
    struct rule_reason reasons[SEE_REASONS_MAX]; /* the first ones */
};

struct see_alert {
    bool given;
    char rule[RULE_ID_CHARS + 1], name[RULE_NAME_MAX_BYTES + 1];
    char text[ALERT_TEXT_MAX_BYTES]; /* what would have stopped it */
    struct wall_us at;
    size_t channel_count; /* none: all */
    char channels[RULE_CHANNELS_MAX][NOTIFY_CHANNEL_ID_BYTES];
};

struct see_track {
    bool confirmed, settled;
    uint64_t id;
    enum seen_label label;
    float score;
    struct wall_us first, begin, last, confirmed_at, still_since;
    struct place_box start, box, judged_box;
    int8_t look[VISION_LOOK_BYTES];
    bool still, was_there; /* was_there: before anybody looked */
    struct see_path path;
    uint32_t inside, touched, crossed; /* sets of zones */
    struct wall_us since[ZONES_MAX];
    /* Its picture. */
    struct blob jpeg, small; /* its best picture, and that at a size for Web Push */
    uint32_t quality;
    bool picture_new, has_picture;
    uint8_t picture[16];
    uint32_t picture_day;
    /* Its face. */
    struct faces_match face;
    unsigned unknown_looks;
    float unknown_quality, unknown[VISION_EMBEDDING_FLOATS];
    /* What was told. */
    bool told, wants_telling;
    uint8_t event[16];
    struct see_alert alert, alert_next; /* alert_next.given: decided, and not sent yet */
    struct see_answer answers[RULES_MAX];
};

/* An object that vanished: who takes its place is it, as far as alerts go. */
struct see_heir {
    enum seen_label label;
    struct wall_us until;
    struct place_box box;
    int8_t look[VISION_LOOK_BYTES];
    size_t count;
    char alerted[RULES_MAX][RULE_ID_CHARS + 1];
};

struct see_last_alert {
    char rule[RULE_ID_CHARS + 1];
    struct wall_us object, ring;
};

struct see_motion {
    bool open, told, object; /* object: something that is known moved meanwhile */
    struct wall_us begin, last;
    uint8_t score;
    uint32_t slot;
    uint8_t event[16];
};

struct see_debug; /* seeing_debug.c */

struct see_camera {
    struct see_camera *next;
    uint8_t id[CAMERA_ID_BYTES];
    struct zone_list zones;
    struct worker_masks masks;
    struct wall_us looked,
        looking_since; /* of the last frame; of the first without a break. 0: nobody looks */
    struct see_track *tracks[VISION_TRACKS_MAX]; /* NULL where there is none */
    struct see_heir heirs[SEE_HEIRS_MAX];
    size_t heir_next;
    struct see_last_alert last[RULES_MAX];
    unsigned present[SEEN_LABELS]; /* objects of each kind, as it was told */
    struct see_motion motion;
    struct wall_us rang, rings_since;
    unsigned rings; /* since then */
    struct see_debug *debug;
};

struct see_pending {
    bool used;
    uint8_t command[16];
    seeing_done_fn *done;
    void *context;
    char name[PERSON_NAME_MAX_BYTES + 1], by[FACES_CONSENT_MAX_BYTES + 1];
    struct wall_us deadline;
    size_t asked, answered, count;
    uint32_t requests[FACES_ADD_MAX];
    float embeddings[FACES_ADD_MAX][VISION_EMBEDDING_FLOATS];
    json_t *refused;
};

struct seeing {
    struct seeing_ports ports;
    char path[1024];
    bool on, faces_on, suggest, home;
    char presence_by[65];
    bool presence_new; /* not written yet */
    struct wall_us presence_stored;
    struct wall_us muted_until;
    struct rule_list rules;
    struct negative_list negatives;
    struct see_camera *cameras;
    size_t camera_count;
    struct faces *faces; /* NULL: they cannot be read, faces_trouble says why */
    char faces_trouble[200];
    struct recent *recent;
    struct see_pending pending[SEE_PEOPLE_PENDING];
    uint32_t next_request;
};

/* seeing.c */
struct see_camera *see_camera_find(const struct seeing *s, const uint8_t id[CAMERA_ID_BYTES]);
/* Makes it; NULL: out of memory, or too many. */
struct see_camera *see_camera_need(struct seeing *s, const uint8_t id[CAMERA_ID_BYTES]);
bool see_looks(const struct seeing *s, const struct see_camera *c, struct wall_us now);
void see_end_all(struct seeing *s, struct see_camera *c, bool gap);

/* seeing_track.c */
void see_track_update(struct seeing *s, struct see_camera *c, struct see_track *t, const struct seen_track *m,
                      struct wall_us wall);
void see_track_judge(struct seeing *s, struct see_camera *c, struct see_track *t, struct wall_us now);
void see_rules_changed(struct seeing *s); /* what they said of objects is forgotten, but for alerts */
/* The alert that a rule gives; remembers it for the cool-down. */
void see_alert_take(struct see_camera *c, const struct rule *r, bool ring, struct wall_us at,
                    struct see_alert *into);
struct wall_us see_last_alert(const struct see_camera *c, const struct rule *r, bool ring);

/* seeing_tell.c */
/* Tells what has changed, if it is time: an event waits a moment for its first picture. */
void see_track_flush(struct seeing *s, struct see_camera *c, struct see_track *t, struct wall_us now,
                     bool at_once);
/* Tells its end, unless it was never told and never will be, and forgets it. */
void see_track_free(struct see_track *t); /* wipes */
void see_track_end(struct seeing *s, struct see_camera *c, struct see_track *t, bool gap);
/* The same for what stands still: it stays known. */
void see_track_settle(struct seeing *s, struct see_camera *c, struct see_track *t);
json_t *see_zone_ids(const struct zone_list *zones, uint32_t set);
json_t *see_alert_json(const struct see_alert *a);
/* Adds up to SEE_QUIET_MAX. */
void see_quiet_json(const struct rule *r, const struct rule_reason *reasons, size_t count, json_t *list);
struct see_notice {
    const uint8_t *event;
    const char *title, *person;
    int label;
    struct wall_us at;
    uint32_t zones;
    struct bytes jpeg, small;
};
void see_alert_send(struct seeing *s, struct see_camera *c, const struct see_alert *a,
                    const struct see_notice *n);

/* seeing_motion.c */
void see_motion_tick(struct seeing *s, struct see_camera *c, struct wall_us now);
void see_motion_end(struct seeing *s, struct see_camera *c);

/* seeing_debug.c */
void see_debug_note(struct see_camera *c, const struct vision_sightings *m);
void see_debug_regions(struct see_camera *c, const struct worker_frame *f);
json_t *see_debug_json(const struct seeing *s, const struct see_camera *c);
void see_debug_free(struct see_debug *g);

/* seeing_people.c */
err see_people_command(struct seeing *s, const uint8_t command[16], const char *verb, json_t *args,
                       json_t **result, bool *later, seeing_done_fn *done, void *context,
                       struct diag *d) CHECKED;
void see_people_tick(struct seeing *s, struct wall_us now);
void see_people_clear(struct seeing *s);
json_t *see_people_json(const struct seeing *s);

/* seeing_store.c */
err see_store(const struct seeing *s, struct diag *d) CHECKED; /* durable */
err see_load(struct seeing *s, struct diag *d) CHECKED;
json_t *see_settings_json(const struct seeing *s); /* as in the file, and in see.get */

#endif
