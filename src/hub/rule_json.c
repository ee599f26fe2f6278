/* Rules as the owner sends them and as DIR/seeing.json keeps them. */
#include <stdio.h>

#include "hub/rules.h"

static const char *const presences[] = {"any", "home", "away"};
static const char *const whos[] = {"anyone", "unknown", "known"};

void rule_default(struct rule *out) {
    *out = (struct rule){.id = "00000001",
                         .name = "Somebody comes",
                         .on = true,
                         .labels = 1u << SEEN_PERSON | 1u << LABEL_RING,
                         .cooldown_s = RULE_DEFAULT_COOLDOWN_S};
}

static err read_labels(json_t *list, struct rule *out, struct diag *d) {
    json_t *item;
    size_t i;
    uint32_t labels = 0;
    json_array_foreach(list, i, item) {
        const char *word = json_string_value(item);
        int found = LABELS_ALL;
        for (int l = SEEN_NOTHING + 1; word && l < LABELS_ALL && found == LABELS_ALL; l++)
            if (strcmp(word, label_word(l)) == 0) found = l;
        if (found == LABELS_ALL)
            return diag_fail(
                d, ERR_INVALID,
                "\"labels\": \"%.40s\" is not person, car, truck, bus, motorcycle, bicycle, dog, cat, "
                "bird, animal, package, vehicle, pet or ring",
                word ? word : "");
        labels |= 1u << found;
    }
    if (!labels) return diag_fail(d, ERR_INVALID, "\"labels\": a rule looks for at least one");
    out->labels = labels;
    return ERR_OK;
}

/* Hex ids of `bytes` bytes each, as text of `room` characters with its zero. */
static err read_ids(json_t *list, const char *name, size_t bytes, char *out, size_t room, size_t *count,
                    struct diag *d) {
    uint8_t raw[16];
    json_t *item;
    size_t i;
    json_array_foreach(list, i, item) {
        const char *hex = json_string_value(item);
        if (!hex || hex_decode(hex, (struct buffer){raw, bytes}))
            return diag_fail(d, ERR_INVALID, "\"%s\": each is an id of %zu lower-case hex digits", name,
                             bytes * 2);
        hex_encode(BYTES(raw, bytes), out + i * room);
    }
    *count = json_array_size(list);
    return ERR_OK;
}

static err read_cameras(json_t *list, struct rule *out, struct diag *d) {
    json_t *item;
    size_t i;
    json_array_foreach(list, i, item) {
        const char *hex = json_string_value(item);
        if (!hex || hex_decode(hex, (struct buffer){out->cameras[i], CAMERA_ID_BYTES}))
            return diag_fail(d, ERR_INVALID, "\"cameras\": each is a camera's id");
    }
    out->camera_count = json_array_size(list);
    return ERR_OK;
}

static err read_who(json_t *who, struct rule *out, struct diag *d) {
    const char *word = json_string_value(who);
    for (int i = 0; word && i < 3; i++)
        if (strcmp(word, whos[i]) == 0) {
            out->who = (enum rule_who)i;
            out->person_count = 0;
            return ERR_OK;
        }
    if (!json_is_array(who) || json_array_size(who) == 0 || json_array_size(who) > RULE_PEOPLE_MAX)
        return diag_fail(d, ERR_INVALID, "\"who\" must be anyone, unknown, known, or 1 to %d people's ids",
                         RULE_PEOPLE_MAX);
    out->who = RULE_WHO_THESE;
    return read_ids(who, "who", PERSON_ID_BYTES, out->people[0], sizeof out->people[0], &out->person_count,
                    d);
}

static err read_presence(const char *word, struct rule *out, struct diag *d) {
    for (int i = 0; i < 3; i++)
        if (strcmp(word, presences[i]) == 0) {
            out->presence = (enum rule_presence)i;
            return ERR_OK;
        }
    return diag_fail(d, ERR_INVALID, "\"presence\" must be any, home or away");
}

struct rule_lists {
    json_t *labels, *cameras, *zones, *schedule, *channels;
};

static err read_lists(const struct rule_lists *l, struct rule *r, struct diag *d) {
    err e = ERR_OK;
    if (l->labels) e = read_labels(l->labels, r, d);
    if (!e && l->cameras) e = read_cameras(l->cameras, r, d);
    if (!e && l->zones)
        e = read_ids(l->zones, "zones", ZONE_ID_BYTES, r->zones[0], sizeof r->zones[0], &r->zone_count, d);
    if (!e && l->schedule) e = schedule_read(l->schedule, &r->schedule, d);
    if (!e && l->channels)
        e = read_ids(l->channels, "channels", (NOTIFY_CHANNEL_ID_BYTES - 1) / 2, r->channels[0],
                     sizeof r->channels[0], &r->channel_count, d);
    return e;
}

err rule_read(json_t *o, bool is_new, struct rule *out, struct diag *d) {
    struct rule r = *out;
    struct rule_lists l = {0};
    const char *name = NULL, *presence = NULL;
    json_t *who = json_object_get(o, "who");
    int64_t dwell = r.dwell_s, cooldown = r.cooldown_s;
    const struct json_field fields[] = {
        {.name = "name",
         .kind = JSON_KIND_TEXT,
         .required = is_new,
         .min = 1,
         .max = RULE_NAME_MAX_BYTES,
         .out = &name},
        {.name = "on", .kind = JSON_KIND_BOOL, .out = &r.on},
        {.name = "labels",
         .kind = JSON_KIND_ARRAY,
         .required = is_new,
         .max = RULE_LABELS_MAX,
         .out = &l.labels},
        {.name = "cameras", .kind = JSON_KIND_ARRAY, .max = RULE_CAMERAS_MAX, .out = &l.cameras},
        {.name = "zones", .kind = JSON_KIND_ARRAY, .max = RULE_ZONES_MAX, .out = &l.zones},
        {.name = "schedule", .kind = JSON_KIND_ARRAY, .max = SCHEDULE_MAX, .out = &l.schedule},
        {.name = "presence", .kind = JSON_KIND_TEXT, .max = 16, .out = &presence},
        {.name = "dwell_s", .kind = JSON_KIND_INT, .min = 0, .max = RULE_DWELL_MAX_S, .out = &dwell},
        {.name = "cooldown_s", .kind = JSON_KIND_INT, .min = 0, .max = RULE_COOLDOWN_MAX_S, .out = &cooldown},
        {.name = "channels", .kind = JSON_KIND_ARRAY, .max = RULE_CHANNELS_MAX, .out = &l.channels},
    };
    AUTO(json_release) json_t *rest = json_copy(o);
    if (!rest) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    json_object_del(rest, "who"); /* a word or a list: read apart */
    err e = JSON_READ(rest, fields, d);
    if (!e) e = read_lists(&l, &r, d);
    if (!e && who) e = read_who(who, &r, d);
    if (!e && presence) e = read_presence(presence, &r, d);
    if (e) return e;
    if (name) snprintf(r.name, sizeof r.name, "%s", name);
    r.dwell_s = (uint16_t)dwell;
    r.cooldown_s = (uint32_t)cooldown;
    *out = r;
    return ERR_OK;
}

static json_t *texts(const char *first, size_t room, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) json_array_append_new(list, json_string(first + i * room));
    return list;
}

json_t *rule_json(const struct rule *r) {
    json_t *labels = json_array(), *cameras = json_array();
    for (int l = SEEN_NOTHING + 1; l < LABELS_ALL; l++)
        if (r->labels >> l & 1) json_array_append_new(labels, json_string(label_word(l)));
    for (size_t i = 0; i < r->camera_count; i++)
        json_array_append_new(cameras, json_hex(BYTES_OF(r->cameras[i])));
    json_t *who = r->who == RULE_WHO_THESE ? texts(r->people[0], sizeof r->people[0], r->person_count)
                                           : json_string(whos[r->who]);
    return json_pack("{s:s,s:s,s:b,s:o,s:o,s:o,s:o,s:s,s:o,s:i,s:I,s:o}", "id", r->id, "name", r->name, "on",
                     r->on, "labels", labels, "cameras", cameras, "zones",
                     texts(r->zones[0], sizeof r->zones[0], r->zone_count), "schedule",
                     schedule_json(&r->schedule), "presence", presences[r->presence], "who", who, "dwell_s",
                     r->dwell_s, "cooldown_s", (json_int_t)r->cooldown_s, "channels",
                     texts(r->channels[0], sizeof r->channels[0], r->channel_count));
}
