/* rules.h: the household's rules, and what they say of an object (docs/seeing.md, "Rules"). A pure decision:
 * facts in, an alert or the reasons against it out. Threads: no shared state. */
#ifndef CARDEA_HUB_RULES_H
#define CARDEA_HUB_RULES_H

#include "hub/cameras.h"
#include "hub/notify.h"
#include "hub/zones.h"

#define RULES_MAX 32
#define RULE_NAME_MAX_BYTES 64
#define RULE_ID_BYTES 4
#define RULE_ID_CHARS (2 * RULE_ID_BYTES)
#define RULE_LABELS_MAX 16
#define RULE_CAMERAS_MAX 32
#define RULE_ZONES_MAX 32
#define RULE_PEOPLE_MAX 16
#define RULE_CHANNELS_MAX 16
#define RULE_DWELL_MAX_S 600
#define RULE_COOLDOWN_MAX_S 86400
#define RULE_DEFAULT_COOLDOWN_S 60
#define RULE_SCORE_MIN 0.40f      /* less sure than this is told, and alerts nobody */
#define RULE_FACE_WAIT_US 3000000 /* so long a rule for strangers waits for a face */
#define PERSON_ID_BYTES 8
#define PERSON_ID_CHARS (2 * PERSON_ID_BYTES)
#define PERSON_NAME_MAX_BYTES 64

/* What a rule may look for besides seen_label: groups, and a doorbell's press. */
#define LABEL_VEHICLE SEEN_LABELS
#define LABEL_PET (SEEN_LABELS + 1)
#define LABEL_RING (SEEN_LABELS + 2)
#define LABELS_ALL (SEEN_LABELS + 3)

enum rule_presence { RULE_PRESENCE_ANY, RULE_PRESENCE_HOME, RULE_PRESENCE_AWAY };
enum rule_who { RULE_WHO_ANYONE, RULE_WHO_UNKNOWN, RULE_WHO_KNOWN, RULE_WHO_THESE };

struct rule {
    char id[RULE_ID_CHARS + 1];
    char name[RULE_NAME_MAX_BYTES + 1];
    bool on;
    uint32_t labels; /* bits by label */
    size_t camera_count, zone_count, person_count, channel_count;
    uint8_t cameras[RULE_CAMERAS_MAX][CAMERA_ID_BYTES];
    char zones[RULE_ZONES_MAX][ZONE_ID_CHARS + 1];
    struct record_settings schedule; /* its schedule alone; none: always */
    enum rule_presence presence;
    enum rule_who who;
    char people[RULE_PEOPLE_MAX][PERSON_ID_CHARS + 1];
    uint16_t dwell_s;
    uint32_t cooldown_s;
    char channels[RULE_CHANNELS_MAX][NOTIFY_CHANNEL_ID_BYTES];
};

struct rule_list {
    size_t count;
    struct rule rules[RULES_MAX];
};

/* The rule that a new home has: a person, or a ring, anywhere, always. */
void rule_default(struct rule *out);
/* Changes what o names; a rule that is new begins as rule_default without labels and name, which o must give.
 * `id` is not among the fields. ERR_INVALID names the field. */
err rule_read(json_t *o, bool is_new, struct rule *out, struct diag *d) CHECKED;
json_t *rule_json(const struct rule *r); /* NULL: out of memory */

enum because {
    BECAUSE_LABEL,
    BECAUSE_ZONE,
    BECAUSE_SCHEDULE,
    BECAUSE_PRESENCE,
    BECAUSE_PERSON,
    BECAUSE_DWELL,
    BECAUSE_COOLDOWN,
    BECAUSE_MUTED,
    BECAUSE_NOT_INTERESTING,
    BECAUSE_STILL,
    BECAUSE_SCORE,
    BECAUSE_COUNT,
};
const char *because_word(enum because b);

enum face_state { FACE_NONE, FACE_UNKNOWN, FACE_KNOWN };

/* What is known of an object at a moment. */
struct rule_facts {
    uint8_t camera[CAMERA_ID_BYTES];
    int label; /* seen_label or LABEL_RING */
    float score;
    struct wall_us now, begin;
    bool still, not_interesting;
    const struct zone_list *zones; /* of the camera */
    /* By zone: whether it is or was touched (a line: was crossed), and since when without a break; 0: it is
     * not there. */
    uint32_t touched;
    struct wall_us since[ZONES_MAX];
    enum face_state face;
    const char *person, *person_name; /* of FACE_KNOWN */
    bool home;                        /* the household's presence */
    struct wall_us muted_until;
    struct wall_us last_alert; /* of this rule for this camera; 0: never */
};

#define BECAUSE_TEXT_BYTES 160
struct rule_reason {
    enum because because;
    char text[BECAUSE_TEXT_BYTES]; /* what is, and what would have let it pass */
};
struct rule_verdict {
    bool alert;
    size_t count; /* of reasons; 0 when it alerts */
    struct rule_reason reasons[BECAUSE_COUNT];
    bool final; /* nothing that comes will change it for this object: cool-down, label */
};
/* A rule that is off says nothing: no alert, no reasons. */
void rule_judge(const struct rule *r, const struct rule_facts *f, struct rule_verdict *out);

/* For an alert that was given: what would have stopped it, in one line; empty when nothing would. */
void rule_stoppers(const struct rule *r, char out[ALERT_TEXT_MAX_BYTES]);

/* "a person", "somebody at the door"; for sentences. */
const char *label_phrase(int label);
const char *label_word(int label); /* as in events */

#endif
