/* DIR/seeing.json:
 *
 *     {"v":1,"on":bool,"home":bool,"presence_by":text,"muted_until":µs,"faces":bool,"suggest":bool,"rules":[rule
 * with id],"cameras":{camera: {"zones":[…],"masks":[…]}},"negatives":[…]} */
#include <stdio.h>

#include "base/file.h"
#include "hub/seeing_internal.h"

#define FILE_MAX_BYTES (4u << 20)

json_t *see_settings_json(const struct seeing *s) {
    json_t *rules = json_array(), *cameras = json_object();
    for (size_t i = 0; i < s->rules.count; i++) json_array_append_new(rules, rule_json(&s->rules.rules[i]));
    for (const struct see_camera *c = s->cameras; c; c = c->next) {
        char hex[2 * CAMERA_ID_BYTES + 1];
        if (c->zones.count == 0 && c->masks.count == 0) continue;
        hex_encode(BYTES_OF(c->id), hex);
        json_object_set_new(
            cameras, hex,
            json_pack("{s:o,s:o}", "zones", zones_json(&c->zones), "masks", worker_masks_json(&c->masks)));
    }
    return json_pack("{s:i,s:b,s:b,s:s,s:I,s:b,s:b,s:o,s:o,s:o}", "v", 1, "on", s->on, "home", s->home,
                     "presence_by", s->presence_by, "muted_until", (json_int_t)s->muted_until.us, "faces",
                     s->faces_on, "suggest", s->suggest, "rules", rules, "cameras", cameras, "negatives",
                     negatives_json(&s->negatives));
}

err see_store(const struct seeing *s, struct diag *d) {
    AUTO(json_release) json_t *o = see_settings_json(s);
    char *text = o ? json_dumps(o, JSON_INDENT(1)) : NULL;
    if (!text) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    err e = file_replace(s->path, bytes_text(text), 0600, d);
    free(text);
    return e;
}

static err load_rules(struct seeing *s, json_t *list, struct diag *d) {
    json_t *item;
    size_t i;
    json_array_foreach(list, i, item) {
        struct rule *r = &s->rules.rules[i];
        uint8_t id[RULE_ID_BYTES];
        const char *hex = json_string_value(json_object_get(item, "id"));
        if (!hex || hex_decode(hex, (struct buffer){id, sizeof id}))
            return diag_fail(d, ERR_INVALID, "rule %zu has no id", i + 1);
        rule_default(r);
        hex_encode(BYTES_OF(id), r->id);
        json_object_del(item, "id");
        err e = rule_read(item, true, r, d);
        if (e) {
            diag_prefix(d, "rule %zu", i + 1);
            return e;
        }
        s->rules.count++;
    }
    return ERR_OK;
}

static err load_cameras(struct seeing *s, json_t *cameras, struct diag *d) {
    const char *hex;
    json_t *one;
    json_object_foreach(cameras, hex, one) {
        uint8_t id[CAMERA_ID_BYTES];
        if (hex_decode(hex, (struct buffer){id, sizeof id}))
            return diag_fail(d, ERR_INVALID, "\"cameras\": a name is no camera's id");
        struct see_camera *c = see_camera_need(s, id);
        if (!c) return diag_fail(d, ERR_LIMIT, "\"cameras\": more than %d", SEE_CAMERAS_MAX);
        err e = zones_read(json_object_get(one, "zones"), &c->zones, d);
        if (!e) e = worker_masks_read(json_object_get(one, "masks"), &c->masks, d);
        if (e) return e;
    }
    return ERR_OK;
}

static err load_from(struct seeing *s, json_t *o, struct diag *d) {
    int64_t v = 0;
    const char *by = "";
    json_t *rules = NULL, *cameras = NULL, *negatives = NULL;
    const struct json_field fields[] = {
        {.name = "v", .kind = JSON_KIND_INT, .required = true, .min = 1, .max = 1, .out = &v},
        {.name = "on", .kind = JSON_KIND_BOOL, .required = true, .out = &s->on},
        {.name = "home", .kind = JSON_KIND_BOOL, .required = true, .out = &s->home},
        {.name = "presence_by", .kind = JSON_KIND_TEXT, .required = true, .max = 64, .out = &by},
        {.name = "muted_until",
         .kind = JSON_KIND_INT,
         .required = true,
         .min = 0,
         .max = INT64_MAX,
         .out = &s->muted_until.us},
        {.name = "faces", .kind = JSON_KIND_BOOL, .required = true, .out = &s->faces_on},
        {.name = "suggest", .kind = JSON_KIND_BOOL, .required = true, .out = &s->suggest},
        {.name = "rules", .kind = JSON_KIND_ARRAY, .required = true, .max = RULES_MAX, .out = &rules},
        {.name = "cameras", .kind = JSON_KIND_OBJECT, .required = true, .out = &cameras},
        {.name = "negatives",
         .kind = JSON_KIND_ARRAY,
         .required = true,
         .max = NEGATIVES_MAX,
         .out = &negatives},
    };
    err e = JSON_READ(o, fields, d);
    if (!e) e = load_rules(s, rules, d);
    if (!e) e = load_cameras(s, cameras, d);
    if (!e) e = negatives_read(negatives, &s->negatives, d);
    if (!e) snprintf(s->presence_by, sizeof s->presence_by, "%s", by);
    return e;
}

err see_load(struct seeing *s, struct diag *d) {
    AUTO(blob_clear) struct blob text = {0};
    AUTO(json_release) json_t *o = NULL;
    err e = file_read(s->path, FILE_MAX_BYTES, &text, d);
    if (e == ERR_NOT_FOUND) { /* a new home */
        s->on = s->home = true;
        rule_default(&s->rules.rules[0]);
        s->rules.count = 1;
        return ERR_OK;
    }
    if (!e) e = json_parse(blob_bytes(&text), &o, d);
    if (!e) e = load_from(s, o, d);
    if (e)
        diag_prefix(
            d, "%s is damaged (put it back from a copy, or remove it: zones, masks and rules go with it)",
            s->path);
    return e;
}
