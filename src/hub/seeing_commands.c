/* What the owner asks of seeing (docs/seeing.md, "Commands to the hub"). Settings are in force only when they
 * are durable: a change that cannot be stored is taken back. */
#include <stdio.h>

#include "base/log.h"
#include "crypto/hash.h"
#include "hub/seeing_internal.h"

#define MUTE_MAX_US (7LL * 86400 * 1000000)

/* The camera that args name; it is taken out of them. It is the hub's, though seeing may not have heard of
 * it. */
static err take_camera(struct seeing *s, json_t *args, struct see_camera **out, struct diag *d) {
    uint8_t id[CAMERA_ID_BYTES];
    const char *hex = json_string_value(json_object_get(args, "camera"));
    if (!hex || hex_decode(hex, (struct buffer){id, sizeof id}))
        return diag_fail(d, ERR_INVALID, "\"camera\" must be a camera's id");
    if (!s->ports.camera_name(s->ports.context, id))
        return diag_fail(d, ERR_NOT_FOUND, "this hub has no such camera");
    *out = see_camera_need(s, id);
    if (!*out) return diag_fail(d, ERR_LIMIT, "too many cameras");
    json_object_del(args, "camera");
    return ERR_OK;
}

/* --- see.* --- */

static err do_get(struct seeing *s, json_t *args, json_t **result, struct diag *d) {
    (void)args;
    json_t *o = see_settings_json(s), *zones = json_object(), *masks = json_object();
    if (!o || !zones || !masks) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    const char *hex;
    json_t *one;
    json_object_foreach(json_object_get(o, "cameras"), hex, one) {
        json_object_set(zones, hex, json_object_get(one, "zones"));
        json_object_set(masks, hex, json_object_get(one, "masks"));
    }
    *result = json_pack("{s:b,s:{s:s,s:s},s:o,s:o,s:O,s:o,s:I,s:i}", "on", s->on, "presence", "now",
                        s->home ? "home" : "away", "by", s->presence_by, "zones", zones, "masks", masks,
                        "rules", json_object_get(o, "rules"), "faces", see_people_json(s), "muted_until",
                        (json_int_t)s->muted_until.us, "negatives", (int)s->negatives.count);
    json_decref(o);
    return *result ? ERR_OK : diag_fail(d, ERR_NO_MEMORY, "out of memory");
}

static void switch_cameras(struct seeing *s) {
    for (struct see_camera *c = s->cameras; c; c = c->next) {
        see_end_all(s, c, false);
        see_motion_end(s, c);
        c->looked.us = 0;
    }
    s->ports.masks(s->ports.context, NULL);
}

static err store_or_undo(struct seeing *s, const struct seeing *before, struct diag *d) {
    err e = see_store(s, d);
    if (!e) return ERR_OK;
    s->on = before->on;
    s->home = before->home;
    s->faces_on = before->faces_on;
    s->suggest = before->suggest;
    s->muted_until = before->muted_until;
    return e;
}

static err do_set(struct seeing *s, json_t *args, json_t **result, struct diag *d) {
    struct seeing before = {.on = s->on,
                            .home = s->home,
                            .faces_on = s->faces_on,
                            .suggest = s->suggest,
                            .muted_until = s->muted_until};
    const char *presence = s->home ? "home" : "away";
    bool said = false;
    int64_t now = wall_now().us;
    struct seeing next = before;
    const struct json_field fields[] = {
        {.name = "on", .kind = JSON_KIND_BOOL, .out = &next.on},
        {.name = "presence", .kind = JSON_KIND_TEXT, .max = 8, .out = &presence, .present = &said},
        {.name = "muted_until",
         .kind = JSON_KIND_INT,
         .min = 0,
         .max = now + MUTE_MAX_US,
         .out = &next.muted_until.us},
        {.name = "faces", .kind = JSON_KIND_BOOL, .out = &next.faces_on},
        {.name = "suggest", .kind = JSON_KIND_BOOL, .out = &next.suggest},
    };
    (void)result;
    err e = JSON_READ(args, fields, d);
    if (e) return e;
    next.home = strcmp(presence, "home") == 0;
    if (!next.home && strcmp(presence, "away") != 0)
        return diag_fail(d, ERR_INVALID, "\"presence\" must be home or away");
    if (next.suggest && !next.faces_on)
        return diag_fail(d, ERR_INVALID, "\"suggest\": familiar faces are off: turn them on first");
    if (next.faces_on && !s->faces) return diag_fail(d, ERR_IO, "%s", s->faces_trouble);
    if (!next.suggest && s->faces) { /* first what must be forgotten */
        e = faces_suggest_none(s->faces, d);
        if (e) return e;
    }
    s->on = next.on;
    s->home = next.home;
    s->faces_on = next.faces_on;
    s->suggest = next.suggest;
    s->muted_until = next.muted_until;
    if (said) snprintf(s->presence_by, sizeof s->presence_by, "the owner");
    e = store_or_undo(s, &before, d);
    if (!e && s->on != before.on) switch_cameras(s);
    return e;
}

static err do_debug(struct seeing *s, json_t *args, json_t **result, struct diag *d) {
    struct see_camera *c = NULL;
    err e = take_camera(s, args, &c, d);
    if (e) return e;
    *result = see_debug_json(s, c);
    return *result ? ERR_OK : diag_fail(d, ERR_NO_MEMORY, "out of memory");
}

/* --- zone.set, mask.set --- */

/* A rule whose zone goes would be quiet for ever, and nobody would notice. */
static err check_zones_used(const struct seeing *s, const struct see_camera *c, const struct zone_list *next,
                            struct diag *d) {
    for (size_t i = 0; i < c->zones.count; i++) {
        const struct zone *z = &c->zones.zones[i];
        bool stays = false;
        for (size_t k = 0; k < next->count; k++) stays |= strcmp(next->zones[k].id, z->id) == 0;
        for (size_t r = 0; !stays && r < s->rules.count; r++)
            for (size_t k = 0; k < s->rules.rules[r].zone_count; k++)
                if (strcmp(s->rules.rules[r].zones[k], z->id) == 0)
                    return diag_fail(d, ERR_CONFLICT,
                                     "the rule \"%s\" is about the zone \"%s\": change the rule first",
                                     s->rules.rules[r].name, z->name);
    }
    return ERR_OK;
}

/* Objects that are there are judged by the new zones from now on. */
static void zones_changed(struct see_camera *c) {
    for (size_t i = 0; i < VISION_TRACKS_MAX; i++) {
        struct see_track *t = c->tracks[i];
        if (!t) continue;
        t->inside = t->touched = zones_at(&c->zones, place_foot(&t->box));
        t->crossed = 0;
        for (size_t k = 0; k < ZONES_MAX; k++) t->since[k].us = t->inside >> k & 1 ? t->last.us : 0;
    }
}

static err do_zones(struct seeing *s, json_t *args, json_t **result, struct diag *d) {
    struct see_camera *c = NULL;
    struct zone_list next, before;
    err e = take_camera(s, args, &c, d);
    if (!e && json_object_size(args) != 1)
        e = diag_fail(d, ERR_INVALID, "zone.set takes \"camera\" and \"zones\" alone");
    if (!e) e = zones_read(json_object_get(args, "zones"), &next, d);
    if (!e) e = check_zones_used(s, c, &next, d);
    if (e) return e;
    before = c->zones;
    c->zones = next;
    e = see_store(s, d);
    if (e) {
        c->zones = before;
        return e;
    }
    zones_changed(c);
    *result = json_pack("{s:o}", "zones", zones_json(&c->zones));
    return ERR_OK;
}

static err do_masks(struct seeing *s, json_t *args, json_t **result, struct diag *d) {
    struct see_camera *c = NULL;
    struct worker_masks next = {0}, before;
    (void)result;
    err e = take_camera(s, args, &c, d);
    if (!e && (json_object_size(args) != 1 || !json_is_array(json_object_get(args, "masks"))))
        e = diag_fail(d, ERR_INVALID, "mask.set takes \"camera\" and \"masks\", a list of polygons");
    if (!e) e = worker_masks_read(json_object_get(args, "masks"), &next, d);
    if (e) return e;
    before = c->masks;
    c->masks = next;
    e = see_store(s, d);
    if (e)
        c->masks = before;
    else
        s->ports.masks(s->ports.context, c->id);
    return e;
}

/* --- rule.* --- */

static err find_rule(struct seeing *s, json_t *args, size_t *out, struct diag *d) {
    const char *id = json_string_value(json_object_get(args, "id"));
    for (size_t i = 0; id && i < s->rules.count; i++) {
        if (strcmp(s->rules.rules[i].id, id) != 0) continue;
        *out = i;
        json_object_del(args, "id");
        return ERR_OK;
    }
    return diag_fail(d, id ? ERR_NOT_FOUND : ERR_INVALID,
                     id ? "there is no such rule" : "\"id\" must be a rule's id");
}

static err check_rule_name(const struct seeing *s, const struct rule *r, struct diag *d) {
    for (size_t i = 0; i < s->rules.count; i++)
        if (&s->rules.rules[i] != r && strcmp(s->rules.rules[i].name, r->name) == 0 &&
            strcmp(s->rules.rules[i].id, r->id) != 0)
            return diag_fail(d, ERR_EXISTS, "another rule is called \"%s\"", r->name);
    return ERR_OK;
}

static err store_rules(struct seeing *s, const struct rule_list *before, struct diag *d) {
    err e = see_store(s, d);
    if (e)
        s->rules = *before;
    else
        see_rules_changed(s);
    return e;
}

static err do_rule_add(struct seeing *s, json_t *args, json_t **result, struct diag *d) {
    struct rule r;
    uint8_t id[RULE_ID_BYTES];
    if (s->rules.count == RULES_MAX) return diag_fail(d, ERR_LIMIT, "at most %d rules", RULES_MAX);
    rule_default(&r);
    random_bytes(id, sizeof id);
    hex_encode(BYTES_OF(id), r.id);
    err e = rule_read(args, true, &r, d);
    if (!e) e = check_rule_name(s, &r, d);
    if (e) return e;
    const struct rule_list before = s->rules;
    s->rules.rules[s->rules.count++] = r;
    e = store_rules(s, &before, d);
    if (!e) *result = json_pack("{s:s}", "id", r.id);
    return e;
}

static err do_rule_set(struct seeing *s, json_t *args, json_t **result, struct diag *d) {
    size_t i = 0;
    (void)result;
    err e = find_rule(s, args, &i, d);
    if (e) return e;
    struct rule r = s->rules.rules[i];
    e = rule_read(args, false, &r, d);
    if (!e) e = check_rule_name(s, &r, d);
    if (e) return e;
    const struct rule_list before = s->rules;
    s->rules.rules[i] = r;
    return store_rules(s, &before, d);
}

static err do_rule_remove(struct seeing *s, json_t *args, json_t **result, struct diag *d) {
    size_t i = 0;
    (void)result;
    err e = find_rule(s, args, &i, d);
    if (e) return e;
    const struct rule_list before = s->rules;
    memmove(&s->rules.rules[i], &s->rules.rules[i + 1], (s->rules.count - i - 1) * sizeof *s->rules.rules);
    s->rules.count--;
    return store_rules(s, &before, d);
}

/* --- event.feedback --- */

static err read_feedback(json_t *args, uint8_t event[16], bool *interesting, struct diag *d) {
    const char *verdict = NULL;
    const struct json_field fields[] = {
        {.name = "event", .kind = JSON_KIND_HEX, .required = true, .max = 16, .out = event},
        {.name = "verdict", .kind = JSON_KIND_TEXT, .required = true, .max = 20, .out = &verdict},
    };
    err e = JSON_READ(args, fields, d);
    if (e) return e;
    *interesting = strcmp(verdict, "interesting") == 0;
    if (!*interesting && strcmp(verdict, "not_interesting") != 0)
        return diag_fail(d, ERR_INVALID, "\"verdict\" must be not_interesting or interesting");
    return ERR_OK;
}

static err do_feedback(struct seeing *s, json_t *args, json_t **result, struct diag *d) {
    struct see_camera *c = NULL;
    uint8_t event[16];
    bool interesting = false;
    err e = take_camera(s, args, &c, d);
    if (!e) e = read_feedback(args, event, &interesting, d);
    if (e) return e;
    const struct recent_event *seen = recent_find(s->recent, event);
    if (!seen || memcmp(seen->camera, c->id, CAMERA_ID_BYTES) != 0)
        return diag_fail(d, ERR_NOT_FOUND,
                         "the hub does not remember this event: it knows the last %d of objects", RECENT_MAX);
    if (seen->label >= SEEN_LABELS)
        return diag_fail(d, ERR_UNSUPPORTED, "a ring is somebody's wish, not something that looks like it");
    struct negative n = {.label = (enum seen_label)seen->label, .box = seen->box, .at = wall_now()};
    memcpy(n.camera, c->id, sizeof n.camera);
    memcpy(n.event, event, sizeof n.event);
    memcpy(n.look, seen->look, sizeof n.look);
    size_t forgotten = 0;
    if (interesting)
        forgotten = negatives_remove(&s->negatives, &n);
    else if (!negatives_hold(&s->negatives, &n))
        negatives_add(&s->negatives, &n);
    e = see_store(s, d);
    if (!e) *result = json_pack("{s:i,s:i}", "kept", (int)s->negatives.count, "forgotten", (int)forgotten);
    return e;
}

static const struct {
    const char *verb;
    err (*run)(struct seeing *s, json_t *args, json_t **result, struct diag *d);
} verbs[] = {
    {"see.get", do_get},
    {"see.set", do_set},
    {"see.debug", do_debug},
    {"zone.set", do_zones},
    {"mask.set", do_masks},
    {"rule.add", do_rule_add},
    {"rule.set", do_rule_set},
    {"rule.remove", do_rule_remove},
    {"event.feedback", do_feedback},
};

err seeing_command(struct seeing *s, const uint8_t command[16], const char *verb, json_t *args,
                   json_t **result, bool *later, seeing_done_fn *done, void *context, struct diag *d) {
    *later = false;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verb, verbs[i].verb) == 0) return verbs[i].run(s, args, result, d);
    if (strncmp(verb, "face.", 5) == 0)
        return see_people_command(s, command, verb, args, result, later, done, context, d);
    return diag_fail(d, ERR_UNSUPPORTED, "this hub does not know \"%s\"", verb);
}
