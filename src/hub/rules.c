#include "hub/rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#define DAY_S 86400

static const char *const words[BECAUSE_COUNT] = {
    [BECAUSE_LABEL] = "label",       [BECAUSE_ZONE] = "zone",
    [BECAUSE_SCHEDULE] = "schedule", [BECAUSE_PRESENCE] = "presence",
    [BECAUSE_PERSON] = "person",     [BECAUSE_DWELL] = "dwell",
    [BECAUSE_COOLDOWN] = "cooldown", [BECAUSE_MUTED] = "muted",
    [BECAUSE_STILL] = "still",       [BECAUSE_NOT_INTERESTING] = "not_interesting",
    [BECAUSE_SCORE] = "score",
};

const char *because_word(enum because b) {
    return words[b];
}

static const struct {
    const char *word, *phrase;
} extra[] = {{"vehicle", "a vehicle"}, {"pet", "a dog or cat"}, {"ring", "a ring at the door"}};

const char *label_word(int label) {
    return label < SEEN_LABELS ? seen_label_text((enum seen_label)label) : extra[label - SEEN_LABELS].word;
}

const char *label_phrase(int label) {
    static const char *const phrases[SEEN_LABELS] = {
        [SEEN_NOTHING] = "nothing",   [SEEN_PERSON] = "a person",  [SEEN_CAR] = "a car",
        [SEEN_TRUCK] = "a truck",     [SEEN_BUS] = "a bus",        [SEEN_MOTORCYCLE] = "a motorcycle",
        [SEEN_BICYCLE] = "a bicycle", [SEEN_DOG] = "a dog",        [SEEN_CAT] = "a cat",
        [SEEN_BIRD] = "a bird",       [SEEN_ANIMAL] = "an animal", [SEEN_PACKAGE] = "a package",
    };
    return label < SEEN_LABELS ? phrases[label] : extra[label - SEEN_LABELS].phrase;
}

static bool covers(uint32_t labels, int label) {
    if (labels >> label & 1) return true;
    if (label >= SEEN_LABELS) return false;
    bool vehicle = seen_label_vehicle((enum seen_label)label), pet = label == SEEN_DOG || label == SEEN_CAT;
    return (vehicle && labels >> LABEL_VEHICLE & 1) || (pet && labels >> LABEL_PET & 1) ||
           (seen_label_animal((enum seen_label)label) && labels >> SEEN_ANIMAL & 1);
}

/* --- Words --- */

static void join(char *out, size_t room, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void join(char *out, size_t room, const char *format, ...) {
    size_t len = strlen(out);
    va_list args;
    va_start(args, format);
    if (len + 1 < room) vsnprintf(out + len, room - len, format, args);
    va_end(args);
}

static void labels_text(uint32_t labels, char *out, size_t room) {
    out[0] = 0;
    for (int l = 1; l < LABELS_ALL; l++)
        if (labels >> l & 1) join(out, room, "%s%s", out[0] ? ", " : "", label_word(l));
}

static void schedule_text(const struct record_settings *s, char *out, size_t room) {
    static const char *const names[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    out[0] = 0;
    for (size_t i = 0; i < s->schedule_count && i < 2; i++) {
        const struct schedule_entry *e = &s->schedule[i];
        if (i) join(out, room, " and ");
        for (int day = 0; e->days != 0x7f && day < 7; day++)
            if (e->days >> day & 1) join(out, room, "%s ", names[day]);
        join(out, room, "%02u:%02u to %02u:%02u", e->from_min / 60u, e->from_min % 60u, e->to_min / 60u,
             e->to_min % 60u);
    }
    if (s->schedule_count > 2) join(out, room, " and at other times");
}

static void clock_text(struct wall_us t, char out[8]) {
    time_t seconds = (time_t)(t.us / 1000000);
    struct tm local;
    if (!localtime_r(&seconds, &local) || !strftime(out, 8, "%H:%M", &local)) snprintf(out, 8, "then");
}

static void add(struct rule_verdict *v, enum because b, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void add(struct rule_verdict *v, enum because b, const char *format, ...) {
    va_list args;
    v->reasons[v->count].because = b;
    va_start(args, format);
    vsnprintf(v->reasons[v->count].text, BECAUSE_TEXT_BYTES, format, args);
    va_end(args);
    text_mend(v->reasons[v->count].text); /* a name may have been cut within a character */
    v->count++;
}

/* --- The judgement, one question each --- */

static bool judge_label(const struct rule *r, const struct rule_facts *f, struct rule_verdict *v) {
    char text[100];
    if (covers(r->labels, f->label)) return true;
    labels_text(r->labels, text, sizeof text);
    add(v, BECAUSE_LABEL, "It was %s; this rule is for: %s.", label_phrase(f->label), text);
    return false;
}

static bool of_camera(const struct rule *r, const uint8_t camera[CAMERA_ID_BYTES]) {
    for (size_t i = 0; i < r->camera_count; i++)
        if (memcmp(r->cameras[i], camera, CAMERA_ID_BYTES) == 0) return true;
    return r->camera_count == 0;
}

/* The rule's zones among this camera's, as a set. */
static uint32_t rule_zones(const struct rule *r, const struct zone_list *zones) {
    uint32_t set = 0;
    for (size_t i = 0; i < r->zone_count; i++)
        for (size_t k = 0; k < zones->count; k++)
            if (strcmp(r->zones[i], zones->zones[k].id) == 0) set |= 1u << k;
    return set;
}

static void zone_names(const struct zone_list *zones, uint32_t set, char *out, size_t room) {
    out[0] = 0;
    for (size_t i = 0; i < zones->count; i++)
        if (set >> i & 1) join(out, room, "%s%s", out[0] ? ", " : "", zones->zones[i].name);
}

static bool lines_alone(const struct zone_list *zones, uint32_t set) {
    for (size_t i = 0; i < zones->count; i++)
        if (set >> i & 1 && zones->zones[i].kind != ZONE_LINE) return false;
    return true;
}

static bool judge_zone(const struct rule *r, const struct rule_facts *f, uint32_t mine,
                       struct rule_verdict *v) {
    char text[80];
    if (!of_camera(r, f->camera)) {
        add(v, BECAUSE_ZONE, "This rule is for other cameras.");
        return false;
    }
    if (r->zone_count == 0 || f->touched & mine) return true;
    zone_names(f->zones, mine, text, sizeof text);
    if (text[0])
        add(v, BECAUSE_ZONE, "It did not %s %s; there it would have alerted.",
            lines_alone(f->zones, mine) ? "cross" : "come into", text);
    else
        add(v, BECAUSE_ZONE, "This rule is for zones of other cameras.");
    return false;
}

static void judge_when(const struct rule *r, const struct rule_facts *f, struct rule_verdict *v) {
    char text[80], now[8];
    if (f->now.us < f->muted_until.us) {
        clock_text(f->muted_until, now);
        add(v, BECAUSE_MUTED, "Alerts are muted until %s.", now);
    }
    if (r->schedule.schedule_count && !schedule_wants(&r->schedule, f->now)) {
        schedule_text(&r->schedule, text, sizeof text);
        clock_text(f->now, now);
        add(v, BECAUSE_SCHEDULE, "It was %s; this rule is on %s.", now, text);
    }
    if (r->presence != RULE_PRESENCE_ANY && (r->presence == RULE_PRESENCE_HOME) != f->home)
        add(v, BECAUSE_PRESENCE,
            f->home ? "Somebody was at home; this rule is on while everybody is away."
                    : "Everybody was away; this rule is on while somebody is at home.");
}

static bool is_among(const struct rule *r, const char *person) {
    for (size_t i = 0; person && i < r->person_count; i++)
        if (strcmp(r->people[i], person) == 0) return true;
    return false;
}

static void judge_who(const struct rule *r, const struct rule_facts *f, struct rule_verdict *v) {
    bool known = f->face == FACE_KNOWN;
    const char *name = f->person_name ? f->person_name : "somebody known";
    if (r->who == RULE_WHO_ANYONE || (f->label != SEEN_PERSON && f->label != LABEL_RING)) return;
    if (r->who == RULE_WHO_UNKNOWN) {
        if (known)
            add(v, BECAUSE_PERSON, "It was %s; this rule is for people whom nobody knows.", name);
        else if (f->label == SEEN_PERSON && f->face == FACE_NONE &&
                 f->now.us - f->begin.us < RULE_FACE_WAIT_US)
            add(v, BECAUSE_PERSON, "Who it was could not be seen yet.");
    } else if (r->who == RULE_WHO_KNOWN) {
        if (!known)
            add(v, BECAUSE_PERSON, "No familiar face was seen; this rule is for people whom you know.");
    } else if (!known || !is_among(r, f->person)) {
        add(v, BECAUSE_PERSON,
            known ? "It was %s; this rule is for others."
                  : "No face was seen of those for whom this rule is.",
            name);
    }
}

static void judge_dwell(const struct rule *r, const struct rule_facts *f, uint32_t mine,
                        struct rule_verdict *v) {
    if (r->dwell_s == 0) return;
    int64_t longest = 0;
    if (r->zone_count == 0) longest = f->now.us - f->begin.us;
    for (size_t i = 0; r->zone_count && i < ZONES_MAX; i++) {
        int64_t since = f->since[i].us;
        if (mine >> i & 1 && since && f->now.us - since > longest) longest = f->now.us - since;
    }
    if (longest < (int64_t)r->dwell_s * 1000000)
        add(v, BECAUSE_DWELL, "It stayed for %lld s; this rule waits for %u s.",
            (long long)(longest / 1000000), r->dwell_s);
}

static void judge_object(const struct rule *r, const struct rule_facts *f, struct rule_verdict *v) {
    if (f->label == LABEL_RING) return;
    if (f->score < RULE_SCORE_MIN)
        add(v, BECAUSE_SCORE, "It was sure by %d %% only; from %d %% it would have alerted.",
            (int)(f->score * 100), (int)(RULE_SCORE_MIN * 100));
    if (f->still) add(v, BECAUSE_STILL, "It was there already and did not move.");
    if (f->not_interesting)
        add(v, BECAUSE_NOT_INTERESTING, "It looks like what you called not interesting in this place.");
}

static void judge_cooldown(const struct rule *r, const struct rule_facts *f, struct rule_verdict *v) {
    int64_t since = f->now.us - f->last_alert.us;
    if (f->last_alert.us && since >= 0 && since < (int64_t)r->cooldown_s * 1000000) {
        add(v, BECAUSE_COOLDOWN, "This rule had alerted %lld s before; it does so once in %u s.",
            (long long)(since / 1000000), r->cooldown_s);
        v->final = true;
    }
}

void rule_judge(const struct rule *r, const struct rule_facts *f, struct rule_verdict *out) {
    uint32_t mine = rule_zones(r, f->zones);
    *out = (struct rule_verdict){0};
    if (!r->on) return;
    /* What the rule is not about has one reason, not all of them. */
    if (!judge_label(r, f, out) || !judge_zone(r, f, mine, out)) {
        out->final = out->reasons[0].because == BECAUSE_LABEL;
        return;
    }
    judge_object(r, f, out);
    judge_cooldown(r, f, out);
    judge_when(r, f, out);
    judge_who(r, f, out);
    judge_dwell(r, f, mine, out);
    out->alert = out->count == 0;
}

void rule_stoppers(const struct rule *r, char out[ALERT_TEXT_MAX_BYTES]) {
    char text[80];
    const size_t room = ALERT_TEXT_MAX_BYTES;
    out[0] = 0;
    if (r->schedule.schedule_count) {
        schedule_text(&r->schedule, text, sizeof text);
        join(out, room, "outside %s", text);
    }
    if (r->presence != RULE_PRESENCE_ANY)
        join(out, room, "%s%s", out[0] ? ", " : "",
             r->presence == RULE_PRESENCE_HOME ? "while everybody is away" : "while somebody is at home");
    if (r->who == RULE_WHO_UNKNOWN) join(out, room, "%sfor a face that you know", out[0] ? ", " : "");
    if (r->who == RULE_WHO_KNOWN || r->who == RULE_WHO_THESE)
        join(out, room, "%sfor a face that you have not named", out[0] ? ", " : "");
    if (r->zone_count) join(out, room, "%soutside the rule's zones", out[0] ? ", " : "");
    if (r->dwell_s) join(out, room, "%sif it had left within %u s", out[0] ? ", " : "", r->dwell_s);
    if (r->cooldown_s) join(out, room, "%swithin %u s of another", out[0] ? ", " : "", r->cooldown_s);
}
