/* When to record: reading, writing and asking. */
#include <stdio.h>
#include <time.h>

#include "hub/cameras.h"

static const char *const modes[] = {"always", "motion", "schedule", "off"};

static err read_minute(json_t *entry, const char *name, uint16_t *out, struct diag *d) {
    const char *t = json_string_value(json_object_get(entry, name));
    bool shape = t && strlen(t) == 5 && t[2] == ':';
    for (size_t i = 0; shape && i < 5; i++) shape = i == 2 || (t[i] >= '0' && t[i] <= '9');
    int hour = shape ? (t[0] - '0') * 10 + t[1] - '0' : 99,
        minute = shape ? (t[3] - '0') * 10 + t[4] - '0' : 99;
    if (!(hour <= 23 && minute <= 59) && !(hour == 24 && minute == 0))
        return diag_fail(d, ERR_INVALID, "\"schedule\": \"%s\" must be a time like \"07:30\"", name);
    *out = (uint16_t)(hour * 60 + minute);
    return ERR_OK;
}

static err read_entry(json_t *entry, struct schedule_entry *out, struct diag *d) {
    json_t *days = json_object_get(entry, "days"), *day;
    size_t i;
    if (!json_is_object(entry) || !json_is_array(days) || json_array_size(days) == 0 ||
        json_array_size(days) > 7 || json_object_size(entry) != 3)
        return diag_fail(d, ERR_INVALID,
                         "\"schedule\": each entry is {\"days\":[1..7],\"from\":\"HH:MM\",\"to\":\"HH:MM\"}");
    out->days = 0;
    json_array_foreach(days, i, day) {
        json_int_t n = json_is_integer(day) ? json_integer_value(day) : 0;
        if (n < 1 || n > 7)
            return diag_fail(d, ERR_INVALID, "\"schedule\": a day is 1 (Monday) to 7 (Sunday)");
        out->days |= (uint8_t)(1u << (n - 1));
    }
    err e = read_minute(entry, "from", &out->from_min, d);
    return e ? e : read_minute(entry, "to", &out->to_min, d);
}

err schedule_read(json_t *list, struct record_settings *out, struct diag *d) {
    struct schedule_entry found[SCHEDULE_MAX];
    json_t *entry;
    size_t i;
    if (json_array_size(list) > SCHEDULE_MAX)
        return diag_fail(d, ERR_INVALID, "\"schedule\" has more than %d items", SCHEDULE_MAX);
    json_array_foreach(list, i, entry) {
        err e = read_entry(entry, &found[i], d);
        if (e) return e;
    }
    out->schedule_count = json_array_size(list);
    memcpy(out->schedule, found, out->schedule_count * sizeof *found);
    return ERR_OK;
}

err record_settings_read(json_t *o, struct record_settings *out, struct diag *d) {
    const char *mode = NULL;
    int64_t pre = out->pre_s, post = out->post_s;
    json_t *schedule = NULL;
    const struct json_field fields[] = {
        {.name = "mode", .kind = JSON_KIND_TEXT, .required = true, .max = 16, .out = &mode},
        {.name = "pre_s", .kind = JSON_KIND_INT, .min = 0, .max = PRE_MAX_S, .out = &pre},
        {.name = "post_s", .kind = JSON_KIND_INT, .min = 0, .max = POST_MAX_S, .out = &post},
        {.name = "schedule", .kind = JSON_KIND_ARRAY, .max = SCHEDULE_MAX, .out = &schedule},
    };
    err e = JSON_READ(o, fields, d);
    if (e) {
        diag_prefix(d, "\"record\"");
        return e;
    }
    struct record_settings r = *out;
    size_t found = 0;
    while (found < 4 && strcmp(mode, modes[found]) != 0) found++;
    if (found == 4)
        return diag_fail(d, ERR_INVALID, "\"record\": \"mode\" must be always, motion, schedule or off");
    r.mode = (enum record_mode)found;
    r.pre_s = (uint16_t)pre;
    r.post_s = (uint16_t)post;
    if (schedule) {
        e = schedule_read(schedule, &r, d);
        if (e) return e;
    }
    *out = r;
    return ERR_OK;
}

json_t *schedule_json(const struct record_settings *r) {
    json_t *schedule = json_array();
    for (size_t i = 0; i < r->schedule_count; i++) {
        const struct schedule_entry *s = &r->schedule[i];
        char from[8], to[8];
        snprintf(from, sizeof from, "%02u:%02u", s->from_min / 60u % 100, s->from_min % 60u);
        snprintf(to, sizeof to, "%02u:%02u", s->to_min / 60u % 100, s->to_min % 60u);
        json_t *days = json_array();
        for (int day = 1; day <= 7; day++)
            if (s->days & 1u << (day - 1)) json_array_append_new(days, json_integer(day));
        json_array_append_new(schedule, json_pack("{s:o,s:s,s:s}", "days", days, "from", from, "to", to));
    }
    return schedule;
}

json_t *record_settings_json(const struct record_settings *r) {
    return json_pack("{s:s,s:i,s:i,s:o}", "mode", modes[r->mode], "pre_s", r->pre_s, "post_s", r->post_s,
                     "schedule", schedule_json(r));
}

bool schedule_wants(const struct record_settings *r, struct wall_us now) {
    time_t seconds = (time_t)(now.us / 1000000);
    struct tm t;
    if (!localtime_r(&seconds, &t)) return true;
    int today = (t.tm_wday + 6) % 7, yesterday = (today + 6) % 7, minute = t.tm_hour * 60 + t.tm_min;
    for (size_t i = 0; i < r->schedule_count; i++) {
        const struct schedule_entry *s = &r->schedule[i];
        bool on_today = s->days >> today & 1, on_yesterday = s->days >> yesterday & 1;
        if (s->from_min == s->to_min) {
            if (on_today) return true;
        } else if (s->from_min < s->to_min) {
            if (on_today && minute >= s->from_min && minute < s->to_min) return true;
        } else if ((on_today && minute >= s->from_min) || (on_yesterday && minute < s->to_min)) {
            return true;
        }
    }
    return false;
}
