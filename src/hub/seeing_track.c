/* One object: its way, its zones, its face, and what the rules say of it. */
#include <stdio.h>

#include "hub/seeing_internal.h"

#define PATH_STEP_MS 200
#define PATH_STILL 30        /* less than this far from the last point is no new point */
#define WAS_THERE_US 5000000 /* first seen so soon after somebody began to look */
#define WAS_THERE_MOVE 400   /* and not moved by more than this */
#define HEIR_OVERLAP_MIN 0.30f
#define HEIR_ALIKE_MIN 0.90f

/* --- Its way: at most SEEING_PATH_MAX points, evenly in time --- */

static int32_t distance(const struct place_box *a, const struct place_box *b) {
    struct place_point p = place_foot(a), q = place_foot(b);
    int32_t dx = p.x > q.x ? p.x - q.x : q.x - p.x, dy = p.y > q.y ? p.y - q.y : q.y - p.y;
    int32_t dh = a->h > b->h ? a->h - b->h : b->h - a->h;
    int32_t most = dx > dy ? dx : dy;
    return most > dh ? most : dh;
}

void path_start(struct see_path *p, const struct place_box *box) {
    *p = (struct see_path){.count = 1, .step_ms = PATH_STEP_MS};
    p->points[0].box = *box;
}

/* The last place is always the object's: it is moved until it is a step away from the one before. */
void path_add(struct see_path *p, uint32_t ms, const struct place_box *box) {
    struct see_point *last = &p->points[p->count - 1];
    if (ms < last->ms) return;
    if (p->count > 1 && ms - p->points[p->count - 2].ms < p->step_ms) {
        *last = (struct see_point){ms, *box};
        return;
    }
    if (distance(&last->box, box) < PATH_STILL) return;
    if (p->count == SEEING_PATH_MAX) {
        size_t kept = 0;
        for (size_t i = 0; i < p->count; i += 2) p->points[kept++] = p->points[i];
        p->count = kept;
        p->step_ms *= 2;
    }
    p->points[p->count++] = (struct see_point){ms, *box};
}

/* --- Zones --- */

static void update_zones(const struct see_camera *c, struct see_track *t, const struct place_box *from,
                         struct wall_us wall) {
    struct place_point foot = place_foot(&t->box);
    uint32_t inside = zones_at(&c->zones, foot), crossed = zones_crossed(&c->zones, place_foot(from), foot);
    for (size_t i = 0; i < c->zones.count; i++) {
        uint32_t bit = 1u << i;
        bool line = c->zones.zones[i].kind == ZONE_LINE;
        if (crossed & bit || (inside & bit && !t->since[i].us)) t->since[i] = wall;
        if (!line && !(inside & bit)) t->since[i].us = 0;
    }
    t->inside = inside;
    t->crossed |= crossed;
    t->touched |= inside | crossed;
}

/* --- Its face: one match settles it, and so do some good looks without one --- */

static void update_face(const struct seeing *s, struct see_track *t, const struct seen_face *face) {
    struct faces_match m;
    if (!s->faces_on || !s->faces || t->label != SEEN_PERSON || face->quality < FACES_QUALITY_MIN) return;
    if (t->face.state == FACE_KNOWN || t->face.excluded) return;
    faces_look(s->faces, face->embedding, &m);
    if (m.excluded || m.state == FACE_KNOWN) {
        t->face = m;
        wipe(t->unknown, sizeof t->unknown);
        t->unknown_quality = 0;
        return;
    }
    if (m.state != FACE_UNKNOWN) return;
    t->unknown_looks++;
    if (t->unknown_looks >= SEE_UNKNOWN_LOOKS) t->face = m;
    if (!s->suggest || face->quality <= t->unknown_quality) return;
    t->unknown_quality =
        face->quality; /* held until the object is gone, only for who asked for suggestions */
    memcpy(t->unknown, face->embedding, sizeof t->unknown);
}

/* --- Rules --- */

static struct see_answer *answer_of(struct see_track *t, const struct rule *r, size_t i) {
    struct see_answer *a = &t->answers[i];
    if (strcmp(a->rule, r->id) != 0) {
        *a = (struct see_answer){0};
        snprintf(a->rule, sizeof a->rule, "%s", r->id);
    }
    return a;
}

void see_rules_changed(struct seeing *s) {
    for (struct see_camera *c = s->cameras; c; c = c->next)
        for (size_t i = 0; i < VISION_TRACKS_MAX; i++) {
            struct see_track *t = c->tracks[i];
            struct see_answer before[RULES_MAX];
            if (!t) continue;
            memcpy(before, t->answers, sizeof before);
            memset(t->answers, 0, sizeof t->answers);
            for (size_t k = 0; k < s->rules.count; k++)
                for (size_t b = 0; b < RULES_MAX; b++)
                    if (before[b].alerted && strcmp(before[b].rule, s->rules.rules[k].id) == 0)
                        answer_of(t, &s->rules.rules[k], k)->alerted = true;
        }
}

static struct see_last_alert *last_alert(struct see_camera *c, const struct rule *r) {
    struct see_last_alert *oldest = &c->last[0];
    for (size_t i = 0; i < RULES_MAX; i++) {
        struct see_last_alert *l = &c->last[i];
        if (strcmp(l->rule, r->id) == 0) return l;
        if (l->object.us < oldest->object.us) oldest = l;
    }
    *oldest = (struct see_last_alert){0};
    snprintf(oldest->rule, sizeof oldest->rule, "%s", r->id);
    return oldest;
}

struct wall_us see_last_alert(const struct see_camera *c, const struct rule *r, bool ring) {
    for (size_t i = 0; i < RULES_MAX; i++)
        if (strcmp(c->last[i].rule, r->id) == 0) return ring ? c->last[i].ring : c->last[i].object;
    return (struct wall_us){0};
}

/* The first rule gives its name; the channels of others are told too. */
void see_alert_take(struct see_camera *c, const struct rule *r, bool ring, struct wall_us at,
                    struct see_alert *into) {
    struct see_last_alert *l = last_alert(c, r);
    char stoppers[ALERT_TEXT_MAX_BYTES];
    if (ring)
        l->ring = at;
    else
        l->object = at;
    if (!into->given) {
        *into = (struct see_alert){.given = true, .at = at};
        snprintf(into->rule, sizeof into->rule, "%s", r->id);
        snprintf(into->name, sizeof into->name, "%s", r->name);
        rule_stoppers(r, stoppers);
        if (stoppers[0])
            snprintf(into->text, sizeof into->text, "It would have stayed quiet %.360s.", stoppers);
        else
            snprintf(into->text, sizeof into->text, "This rule has no condition that would have stopped it.");
    } else if (into->channel_count == 0) {
        return; /* to all of them anyhow */
    }
    if (r->channel_count == 0) into->channel_count = 0;
    for (size_t i = 0; i < r->channel_count && into->channel_count < RULE_CHANNELS_MAX; i++) {
        bool there = false;
        for (size_t k = 0; k < into->channel_count; k++)
            there |= strcmp(into->channels[k], r->channels[i]) == 0;
        if (!there) memcpy(into->channels[into->channel_count++], r->channels[i], NOTIFY_CHANNEL_ID_BYTES);
    }
}

static bool called_not_interesting(const struct seeing *s, const struct see_camera *c,
                                   const struct see_track *t) {
    struct negative n = {.label = t->label, .box = t->box};
    memcpy(n.camera, c->id, sizeof n.camera);
    memcpy(n.look, t->look, sizeof n.look);
    return negatives_hold(&s->negatives, &n);
}

static void gather(const struct seeing *s, const struct see_camera *c, const struct see_track *t,
                   struct wall_us now, struct rule_facts *f) {
    *f = (struct rule_facts){.label = t->label,
                             .score = t->score,
                             .now = now,
                             .begin = t->first,
                             .still = t->still || t->was_there,
                             .not_interesting = called_not_interesting(s, c, t),
                             .zones = &c->zones,
                             .touched = t->touched,
                             .face = t->face.state,
                             .home = s->home,
                             .muted_until = s->muted_until};
    memcpy(f->camera, c->id, sizeof f->camera);
    memcpy(f->since, t->since, sizeof f->since);
    if (t->face.state == FACE_KNOWN) {
        f->person = t->face.person;
        f->person_name = t->face.name;
    }
}

void see_track_judge(struct seeing *s, struct see_camera *c, struct see_track *t, struct wall_us now) {
    struct rule_facts f;
    struct rule_verdict v;
    gather(s, c, t, now, &f);
    for (size_t i = 0; i < s->rules.count; i++) {
        const struct rule *r = &s->rules.rules[i];
        struct see_answer *a = answer_of(t, r, i);
        if (a->alerted || a->final) continue;
        f.last_alert = see_last_alert(c, r, false);
        rule_judge(r, &f, &v);
        a->final = v.final;
        a->count = v.count < SEE_REASONS_MAX ? v.count : SEE_REASONS_MAX;
        memcpy(a->reasons, v.reasons, a->count * sizeof *a->reasons);
        if (!v.alert) continue;
        a->alerted = true;
        see_alert_take(c, r, false, now, &t->alert_next);
        t->wants_telling = true;
    }
}

/* --- What one frame says of it --- */

static void inherit(const struct see_camera *c, struct see_track *t, struct wall_us wall) {
    for (size_t h = 0; h < SEE_HEIRS_MAX; h++) {
        const struct see_heir *old = &c->heirs[h];
        if (old->label != t->label || wall.us > old->until.us ||
            box_overlap(&old->box, &t->box) < HEIR_OVERLAP_MIN ||
            look_alike(old->look, t->look) < HEIR_ALIKE_MIN)
            continue;
        for (size_t i = 0; i < old->count && i < RULES_MAX; i++) {
            t->answers[i] = (struct see_answer){.alerted = true, .inherited = true, .count = 1};
            t->answers[i].reasons[0].because = BECAUSE_COOLDOWN;
            snprintf(t->answers[i].reasons[0].text, BECAUSE_TEXT_BYTES,
                     "It was lost from sight for a moment, and had alerted before.");
            snprintf(t->answers[i].rule, sizeof t->answers[i].rule, "%s", old->alerted[i]);
        }
        return;
    }
}

/* answers[] stand by the rules' order; those of an heir have to find their places. */
static void place_answers(const struct seeing *s, struct see_track *t) {
    struct see_answer before[RULES_MAX];
    memcpy(before, t->answers, sizeof before);
    memset(t->answers, 0, sizeof t->answers);
    for (size_t i = 0; i < s->rules.count; i++)
        for (size_t b = 0; b < RULES_MAX; b++)
            if (before[b].alerted && strcmp(before[b].rule, s->rules.rules[i].id) == 0)
                t->answers[i] = before[b];
}

/* What is left standing: of a person who is there when somebody begins to look one wants to hear. */
static bool stays_about(enum seen_label label) {
    return seen_label_vehicle(label) || label == SEEN_BICYCLE || label == SEEN_PACKAGE;
}

static void confirm(const struct seeing *s, const struct see_camera *c, struct see_track *t,
                    struct wall_us wall) {
    t->confirmed = t->wants_telling = true;
    t->confirmed_at = wall;
    t->judged_box = t->box;
    t->was_there = stays_about(t->label) && t->first.us - c->looking_since.us < WAS_THERE_US;
    inherit(c, t, wall);
    place_answers(s, t);
}

/* What stood still and moves again is told anew; it has alerted already if it had. */
static void stir(struct see_track *t, struct wall_us wall) {
    t->settled = t->told = t->has_picture = false;
    t->picture_new = t->jpeg.len > 0;
    t->wants_telling = true;
    t->begin = wall;
    t->touched = t->crossed = 0;
    t->alert = (struct see_alert){0};
    path_start(&t->path, &t->box);
}

void see_track_update(struct seeing *s, struct see_camera *c, struct see_track *t, const struct seen_track *m,
                      struct wall_us wall) {
    bool first = t->last.us == 0;
    struct place_box from = first ? m->box : t->box;
    if (wall.us < t->last.us) return; /* out of order: it has been further already */
    if (first) {
        t->first = t->begin = m->first.us && m->first.us <= wall.us ? m->first : wall;
        t->start = m->box;
        path_start(&t->path, &m->box);
    }
    t->box = m->box;
    t->last = wall;
    t->label = m->label;
    if (m->score > t->score) t->score = m->score;
    memcpy(t->look, m->look, sizeof t->look);
    if (m->still && !t->still) t->still_since = wall;
    t->still = m->still;
    if (m->has_face) update_face(s, t, &m->face);
    if (t->settled && !t->still) stir(t, wall);
    update_zones(c, t, &from, wall);
    int64_t since = (wall.us - t->begin.us) / 1000;
    if (!t->settled) path_add(&t->path, since > UINT32_MAX ? UINT32_MAX : (uint32_t)since, &t->box);
    if (m->state == TRACK_NEW && !t->confirmed) confirm(s, c, t, wall);
    if (t->was_there && distance(&t->start, &t->box) > WAS_THERE_MOVE) t->was_there = false;
}
