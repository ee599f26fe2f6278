/* What moves without being anything known, and rings.
 *
 * Where nobody looks (seeing is off, or vision is gone) motion is told at once and again when it ends. Where
 * somebody does it is told when it ends, and only if nothing that is known moved meanwhile: that has its own
 * event. */
#include <stdio.h>

#include "base/log.h"
#include "hub/seeing_internal.h"

static void add_place(const struct seeing *s, json_t *o, uint32_t slot, bool looked) {
    if (slot) json_object_set_new(o, "picture", json_pack("{s:I}", "slot", (json_int_t)slot));
    if (s->on && !looked) json_object_set_new(o, "gap", json_true());
}

static void tell(struct seeing *s, struct see_camera *c, bool looked) {
    struct see_motion *v = &c->motion;
    struct diag d = {{0}};
    char hex[33];
    AUTO(json_release)
    json_t *o = json_pack("{s:i,s:s,s:I,s:I,s:f}", "v", 1, "label", "motion", "begin",
                          (json_int_t)v->begin.us, "end", (json_int_t)v->last.us, "score", v->score / 255.0);
    if (!o) return;
    if (v->told) {
        hex_encode(BYTES_OF(v->event), hex);
        json_object_set_new(o, "replaces", json_string(hex));
    }
    add_place(s, o, v->slot, looked);
    err e = s->ports.event(s->ports.context, c->id, o, v->event, &d);
    if (e)
        log_warning("an event was lost: %s", d.text[0] ? d.text : err_text(e));
    else
        v->told = true;
}

void seeing_motion(struct seeing *s, const uint8_t camera[CAMERA_ID_BYTES], struct wall_us wall,
                   uint8_t score) {
    struct see_camera *c = score ? see_camera_need(s, camera) : NULL;
    if (!c) return;
    struct see_motion *v = &c->motion;
    bool first = !v->open, looked = see_looks(s, c, wall);
    if (first) {
        *v =
            (struct see_motion){.open = true, .begin = wall, .slot = s->ports.slot(s->ports.context, camera)};
        s->ports.state(s->ports.context, camera, "motion", true);
    }
    v->last = wall;
    if (score > v->score) v->score = score;
    if (first && !looked) tell(s, c, false);
}

void see_motion_end(struct seeing *s, struct see_camera *c) {
    struct see_motion *v = &c->motion;
    if (!v->open) return;
    bool looked = see_looks(s, c, v->last);
    if (v->told || !v->object || !looked) tell(s, c, looked);
    *v = (struct see_motion){0};
    s->ports.state(s->ports.context, c->id, "motion", false);
}

void see_motion_tick(struct seeing *s, struct see_camera *c, struct wall_us now) {
    struct see_motion *v = &c->motion;
    if (!v->open) return;
    int64_t quiet = now.us - v->last.us;
    bool goes_on = quiet >= 0 && quiet < EVENT_MERGE_US && v->last.us - v->begin.us < EVENT_MOST_US;
    if (!goes_on) see_motion_end(s, c);
}

/* --- Rings --- */

/* Whoever stands there now. */
static const struct see_track *visitor(const struct see_camera *c) {
    const struct see_track *best = NULL;
    for (size_t i = 0; i < VISION_TRACKS_MAX; i++) {
        const struct see_track *t = c->tracks[i];
        if (!t || !t->confirmed || t->label != SEEN_PERSON || t->settled) continue;
        if (!best || t->last.us > best->last.us) best = t;
    }
    return best;
}

static void judge(struct seeing *s, struct see_camera *c, const struct see_track *who, struct wall_us wall,
                  struct see_alert *alert, json_t *quiet) {
    struct rule_verdict v;
    struct rule_facts f = {.label = LABEL_RING,
                           .score = 1,
                           .now = wall,
                           .begin = wall,
                           .zones = &c->zones,
                           .touched = who ? who->touched : 0,
                           .face = who ? who->face.state : FACE_NONE,
                           .home = s->home,
                           .muted_until = s->muted_until};
    memcpy(f.camera, c->id, sizeof f.camera);
    if (f.face == FACE_KNOWN) {
        f.person = who->face.person;
        f.person_name = who->face.name;
    }
    for (size_t i = 0; i < s->rules.count; i++) {
        const struct rule *r = &s->rules.rules[i];
        f.last_alert = see_last_alert(c, r, true);
        rule_judge(r, &f, &v);
        if (v.alert) see_alert_take(c, r, true, wall, alert);
        see_quiet_json(r, v.reasons, v.count < SEE_REASONS_MAX ? v.count : SEE_REASONS_MAX, quiet);
    }
}

static void send_ring(struct seeing *s, struct see_camera *c, const struct see_track *who,
                      const struct see_alert *a, const uint8_t event[16]) {
    char title[2 * PERSON_NAME_MAX_BYTES + 64];
    bool known = who && who->face.state == FACE_KNOWN;
    const char *name = s->ports.camera_name(s->ports.context, c->id);
    snprintf(title, sizeof title, known ? "%s: %s rings" : "%s: somebody rings", name ? name : "",
             known ? who->face.name : "");
    see_alert_send(s, c, a,
                   &(struct see_notice){.event = event,
                                        .title = title,
                                        .person = known ? who->face.name : NULL,
                                        .label = LABEL_RING,
                                        .at = a->at,
                                        .zones = who ? who->touched : 0,
                                        .jpeg = who ? blob_bytes(&who->jpeg) : (struct bytes){0},
                                        .small = who ? blob_bytes(&who->small) : (struct bytes){0}});
}

/* A worker that its camera has taken over could ring without end: each ring is an event, and those of other
 * cameras would have no room left. */
static bool may_ring(struct see_camera *c, struct wall_us wall) {
    int64_t since = wall.us - c->rang.us, window = wall.us - c->rings_since.us;
    if (since >= 0 && since < SEE_RING_APART_US) return false;
    if (window < 0 || window >= SEE_RINGS_US) {
        c->rings_since = wall;
        c->rings = 0;
    }
    c->rang = wall;
    if (c->rings == SEE_RINGS_MAX) return false;
    if (++c->rings == SEE_RINGS_MAX)
        log_warning("a doorbell rang %d times in %d minutes: for now it is not heard any more", SEE_RINGS_MAX,
                    SEE_RINGS_US / 60000000);
    return true;
}

void seeing_ring(struct seeing *s, const uint8_t camera[CAMERA_ID_BYTES], struct wall_us wall) {
    struct see_camera *c = see_camera_need(s, camera);
    if (!c || !may_ring(c, wall)) return;
    const struct see_track *who = visitor(c);
    struct see_alert alert = {0};
    struct diag d = {{0}};
    uint8_t event[16], picture[16];
    char hex[33];
    json_t *quiet = json_array();
    judge(s, c, who, wall, &alert, quiet);
    AUTO(json_release)
    json_t *o = json_pack("{s:i,s:s,s:I,s:I,s:f,s:o}", "v", 1, "label", "ring", "begin", (json_int_t)wall.us,
                          "end", (json_int_t)wall.us, "score", 1.0, "quiet", quiet);
    if (!o) return;
    if (who && who->jpeg.len &&
        !s->ports.picture(s->ports.context, camera, blob_bytes(&who->jpeg), picture, &d)) {
        hex_encode(BYTES_OF(picture), hex);
        json_object_set_new(o, "picture", json_string(hex));
    } else {
        add_place(s, o, s->ports.slot(s->ports.context, camera), true);
    }
    if (alert.given) json_object_set_new(o, "alert", see_alert_json(&alert));
    s->ports.state(s->ports.context, camera, "ring", true);
    if (s->ports.event(s->ports.context, camera, o, event, &d)) {
        log_warning("a ring's event was lost: %s", d.text);
        return;
    }
    if (alert.given) send_ring(s, c, who, &alert, event);
}
