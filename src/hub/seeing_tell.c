/* An object's event, its picture and its alert. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "crypto/hash.h"
#include "format/event.h"
#include "hub/seeing_internal.h"

json_t *see_zone_ids(const struct zone_list *zones, uint32_t set) {
    json_t *list = json_array();
    for (size_t i = 0; i < zones->count; i++)
        if (set >> i & 1) json_array_append_new(list, json_string(zones->zones[i].id));
    return list;
}

json_t *see_alert_json(const struct see_alert *a) {
    json_t *channels = json_array();
    for (size_t i = 0; i < a->channel_count; i++)
        json_array_append_new(channels, json_string(a->channels[i]));
    return json_pack("{s:s,s:s,s:I,s:o,s:s}", "rule", a->rule, "name", a->name, "at", (json_int_t)a->at.us,
                     "channels", channels, "text", a->text);
}

void see_quiet_json(const struct rule *r, const struct rule_reason *reasons, size_t count, json_t *list) {
    for (size_t i = 0; i < count && json_array_size(list) < SEE_QUIET_MAX; i++)
        json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s}", "rule", r->id, "name", r->name, "because",
                                              because_word(reasons[i].because), "text", reasons[i].text));
}

/* Reasons of rules that are on; of those that are about other things last, and only where there is room. */
static json_t *quiet_json(const struct seeing *s, const struct see_track *t) {
    json_t *list = json_array();
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < s->rules.count; i++) {
            const struct see_answer *a = &t->answers[i];
            if ((a->alerted && !a->inherited) || a->count == 0 || strcmp(a->rule, s->rules.rules[i].id) != 0)
                continue;
            if ((a->reasons[0].because == BECAUSE_LABEL) != (round == 1)) continue;
            see_quiet_json(&s->rules.rules[i], a->reasons, a->count, list);
        }
    return list;
}

static json_t *path_json(const struct see_path *p) {
    json_t *list = json_array();
    for (size_t i = 0; i < p->count; i++)
        json_array_append_new(list, json_pack("[I,i,i,i,i]", (json_int_t)p->points[i].ms, p->points[i].box.x,
                                              p->points[i].box.y, p->points[i].box.w, p->points[i].box.h));
    return list;
}

static void set_hex(json_t *o, const char *name, const uint8_t id[16]) {
    char hex[33];
    hex_encode(BYTES(id, 16), hex);
    json_object_set_new(o, name, json_string(hex));
}

enum telling { TELL_OPEN, TELL_END, TELL_SETTLED, TELL_GAP };

static json_t *event_json(const struct seeing *s, const struct see_camera *c, const struct see_track *t,
                          enum telling how) {
    json_t *o = json_pack("{s:i,s:s,s:I,s:I,s:f,s:o,s:o,s:o}", "v", 1, "label", seen_label_text(t->label),
                          "begin", (json_int_t)t->begin.us, "end", (json_int_t)t->last.us, "score",
                          (double)t->score, "zones", see_zone_ids(&c->zones, t->touched & ~t->crossed),
                          "crossed", see_zone_ids(&c->zones, t->crossed), "path", path_json(&t->path));
    if (!o) return NULL;
    if (how == TELL_OPEN) json_object_set_new(o, "open", json_true());
    if (how == TELL_GAP) json_object_set_new(o, "gap", json_true());
    if (how == TELL_SETTLED || t->was_there) json_object_set_new(o, "still", json_true());
    if (t->told) set_hex(o, "replaces", t->event);
    if (t->has_picture) set_hex(o, "picture", t->picture);
    if (t->face.state == FACE_KNOWN)
        json_object_set_new(o, "face",
                            json_pack("{s:s,s:s}", "person", t->face.person, "name", t->face.name));
    if (t->face.state == FACE_UNKNOWN) json_object_set_new(o, "face", json_pack("{s:b}", "unknown", 1));
    if (t->alert.given) json_object_set_new(o, "alert", see_alert_json(&t->alert));
    json_t *quiet = quiet_json(s, t);
    if (json_array_size(quiet))
        json_object_set_new(o, "quiet", quiet);
    else
        json_decref(quiet);
    return o;
}

/* --- Telling --- */

/* A picture is of the day of the event that names it, and there before it. */
static void post_picture(struct seeing *s, const struct see_camera *c, struct see_track *t) {
    struct diag d = {{0}};
    uint32_t today = wall_slot(wall_now()) / EVENT_DAY_SLOTS;
    bool other_day = t->has_picture && t->picture_day != today;
    if (t->jpeg.len == 0 || (!t->picture_new && !other_day)) return;
    if (s->ports.picture(s->ports.context, c->id, blob_bytes(&t->jpeg), t->picture, &d)) {
        log_warning("an event's picture was lost: %s", d.text);
        return;
    }
    t->has_picture = true;
    t->picture_new = false;
    t->picture_day = today;
}

static void remember(struct seeing *s, const struct see_camera *c, const struct see_track *t, bool open,
                     const uint8_t *before) {
    struct recent_event e = {.label = t->label,
                             .open = open,
                             .score = t->score,
                             .begin = t->begin,
                             .end = t->last,
                             .box = t->judged_box};
    memcpy(e.id, t->event, sizeof e.id);
    memcpy(e.camera, c->id, sizeof e.camera);
    memcpy(e.look, t->look, sizeof e.look);
    recent_add(s->recent, &e, before);
}

static void tell(struct seeing *s, struct see_camera *c, struct see_track *t, enum telling how) {
    struct diag d = {{0}};
    uint8_t before[16];
    bool told = t->told;
    post_picture(s, c, t);
    AUTO(json_release) json_t *o = event_json(s, c, t, how);
    memcpy(before, t->event, sizeof before);
    err e = o ? s->ports.event(s->ports.context, c->id, o, t->event, &d) : ERR_NO_MEMORY;
    if (e) {
        log_warning("an event was lost: %s", d.text[0] ? d.text : err_text(e));
        memcpy(t->event, before, sizeof before);
        return;
    }
    t->told = true;
    t->wants_telling = false;
    remember(s, c, t, how == TELL_OPEN, told ? before : NULL);
}

void see_alert_send(struct seeing *s, struct see_camera *c, const struct see_alert *a,
                    const struct see_notice *n) {
    struct alert out = {.label = label_word(n->label),
                        .title = n->title,
                        .text = a->text,
                        .rule = a->name,
                        .person = n->person,
                        .at = n->at,
                        .packet = n->at,
                        .jpeg = n->jpeg,
                        .jpeg_small = n->small};
    const char *zones[ZONES_MAX], *channels[RULE_CHANNELS_MAX];
    const char *name = s->ports.camera_name(s->ports.context, c->id);
    struct diag d = {{0}};
    for (size_t i = 0; i < c->zones.count; i++)
        if (n->zones >> i & 1) zones[out.zone_count++] = c->zones.zones[i].name;
    for (size_t i = 0; i < a->channel_count; i++) channels[out.channel_count++] = a->channels[i];
    random_bytes(out.id, sizeof out.id);
    memcpy(out.event, n->event, sizeof out.event);
    memcpy(out.camera, c->id, sizeof out.camera);
    out.camera_name = name ? name : "";
    out.zones = zones;
    out.channels = channels;
    if (s->ports.alert(s->ports.context, &out, &d)) log_warning("an alert was lost: %s", d.text);
}

static void send_alert(struct seeing *s, struct see_camera *c, struct see_track *t,
                       const struct see_alert *a) {
    char title[2 * PERSON_NAME_MAX_BYTES + 64];
    bool known = t->face.state == FACE_KNOWN;
    const char *name = s->ports.camera_name(s->ports.context, c->id);
    snprintf(title, sizeof title, "%s: %s", name ? name : "",
             known ? t->face.name : label_phrase((int)t->label));
    see_alert_send(s, c, a,
                   &(struct see_notice){.event = t->event,
                                        .title = title,
                                        .person = known ? t->face.name : NULL,
                                        .label = (int)t->label,
                                        .at = a->at,
                                        .zones = t->touched,
                                        .jpeg = blob_bytes(&t->jpeg),
                                        .small = blob_bytes(&t->small)});
}

/* The event names the alert before anybody hears of it. */
static void tell_with_alert(struct seeing *s, struct see_camera *c, struct see_track *t, enum telling how) {
    struct see_alert next = t->alert_next;
    if (next.given && !t->alert.given) t->alert = next;
    t->alert_next.given = false;
    tell(s, c, t, how);
    if (next.given && t->told) send_alert(s, c, t, &next);
}

/* In an area where nothing is to be told, and never outside of it. */
static bool hidden(const struct see_camera *c, const struct see_track *t) {
    return !t->told && zones_excluding(&c->zones, t->inside);
}

void see_track_flush(struct seeing *s, struct see_camera *c, struct see_track *t, struct wall_us now,
                     bool at_once) {
    if (!t->confirmed || !t->wants_telling || hidden(c, t)) return;
    if (!at_once && t->jpeg.len == 0 && now.us - t->confirmed_at.us < SEEING_PICTURE_US) return;
    tell_with_alert(s, c, t, TELL_OPEN);
}

void see_track_settle(struct seeing *s, struct see_camera *c, struct see_track *t) {
    if (t->told) tell_with_alert(s, c, t, TELL_SETTLED);
    t->settled = true;
    t->wants_telling = false;
}

static void leave_heir(struct see_camera *c, const struct see_track *t, bool gap) {
    struct see_heir *h = &c->heirs[c->heir_next++ % SEE_HEIRS_MAX];
    *h = (struct see_heir){
        .label = t->label, .until = {t->last.us + (gap ? SEE_HEIR_GAP_US : SEE_HEIR_US)}, .box = t->box};
    memcpy(h->look, t->look, sizeof h->look);
    for (size_t i = 0; i < RULES_MAX; i++)
        if (t->answers[i].alerted) memcpy(h->alerted[h->count++], t->answers[i].rule, sizeof h->alerted[0]);
}

static void suggest(struct seeing *s, const struct see_track *t) {
    bool stranger = t->face.state == FACE_UNKNOWN && !t->face.excluded && t->unknown_quality > 0;
    if (s->suggest && s->faces_on && s->faces && stranger)
        faces_suggest(s->faces, t->unknown, blob_bytes(&t->jpeg), wall_now());
}

void see_track_free(struct see_track *t) {
    if (!t) return;
    blob_clear(&t->jpeg);
    blob_clear(&t->small);
    wipe(t, sizeof *t);
    free(t);
}

void see_track_end(struct seeing *s, struct see_camera *c, struct see_track *t, bool gap) {
    if (t->confirmed && !t->settled && !hidden(c, t)) tell_with_alert(s, c, t, gap ? TELL_GAP : TELL_END);
    if (t->confirmed) {
        leave_heir(c, t, gap);
        suggest(s, t);
    }
    see_track_free(t);
}
