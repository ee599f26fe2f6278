#include "hub/zones.h"

#include <stdio.h>

#include "crypto/hash.h"

static const char *const kinds[] = {"include", "exclude", "line"};
static const char *const directions[] = {"both", "in", "out"};

/* --- Geometry --- */

/* Twice the area of the triangle a, b, c: above 0 when c lies to the right of the way from a to b, as seen in
 * a picture whose y grows downwards. */
static int64_t turn(struct place_point a, struct place_point b, struct place_point c) {
    return (int64_t)(b.x - a.x) * (c.y - a.y) - (int64_t)(b.y - a.y) * (c.x - a.x);
}

static bool between(int32_t v, int32_t a, int32_t b) {
    return a < b ? v >= a && v <= b : v >= b && v <= a;
}

static bool on_edge(struct place_point a, struct place_point b, struct place_point p) {
    return turn(a, b, p) == 0 && between(p.x, a.x, b.x) && between(p.y, a.y, b.y);
}

/* Whether two edges have a point in common. */
static bool edges_meet(struct place_point a, struct place_point b, struct place_point c,
                       struct place_point d) {
    int64_t abc = turn(a, b, c), abd = turn(a, b, d), cda = turn(c, d, a), cdb = turn(c, d, b);
    if (((abc > 0 && abd < 0) || (abc < 0 && abd > 0)) && ((cda > 0 && cdb < 0) || (cda < 0 && cdb > 0)))
        return true;
    return on_edge(a, b, c) || on_edge(a, b, d) || on_edge(c, d, a) || on_edge(c, d, b);
}

static bool same_point(struct place_point a, struct place_point b) {
    return a.x == b.x && a.y == b.y;
}

/* Neighbours share their corner and no more; others share nothing. */
static bool edges_sound(const struct zone *z, size_t i, size_t k) {
    struct place_point a = z->points[i], b = z->points[(i + 1) % z->count];
    struct place_point c = z->points[k], d = z->points[(k + 1) % z->count];
    if ((i + 1) % z->count == k) return !on_edge(a, b, d) && !on_edge(c, d, a);
    if ((k + 1) % z->count == i) return !on_edge(a, b, c) && !on_edge(c, d, b);
    return !edges_meet(a, b, c, d);
}

static bool simple_polygon(const struct zone *z) {
    for (size_t i = 0; i < z->count; i++) {
        if (same_point(z->points[i], z->points[(i + 1) % z->count])) return false;
        for (size_t k = i + 1; k < z->count; k++)
            if (!edges_sound(z, i, k)) return false;
    }
    return true;
}

struct place_point place_foot(const struct place_box *box) {
    struct place_point p = {box->x + box->w / 2, box->y + box->h};
    if (p.x > PLACE_WHOLE) p.x = PLACE_WHOLE;
    if (p.y > PLACE_WHOLE) p.y = PLACE_WHOLE;
    return p;
}

bool zone_holds(const struct zone *z, struct place_point p) {
    if (z->kind == ZONE_LINE) return false;
    bool inside = false;
    for (size_t i = 0, k = z->count - 1; i < z->count; k = i++) {
        struct place_point a = z->points[i], b = z->points[k];
        if (on_edge(a, b, p)) return true;
        if ((a.y > p.y) == (b.y > p.y)) continue;
        /* Whether the edge passes to the right of p, without dividing. */
        int64_t side = turn(a, b, p);
        if (b.y > a.y ? side > 0 : side < 0) inside = !inside;
    }
    return inside;
}

bool zone_crossed(const struct zone *z, struct place_point from, struct place_point to) {
    if (z->kind != ZONE_LINE) return false;
    struct place_point a = z->points[0], b = z->points[1];
    int64_t before = turn(a, b, from), after = turn(a, b, to);
    if ((before > 0) == (after > 0)) return false; /* on the line is still its left */
    if (!edges_meet(a, b, from, to)) return false;
    bool in = after > 0; /* from its left to its right */
    return z->direction == ZONE_BOTH || (z->direction == ZONE_IN) == in;
}

uint32_t zones_at(const struct zone_list *list, struct place_point p) {
    uint32_t set = 0;
    for (size_t i = 0; i < list->count; i++)
        if (zone_holds(&list->zones[i], p)) set |= 1u << i;
    return set;
}

uint32_t zones_crossed(const struct zone_list *list, struct place_point from, struct place_point to) {
    uint32_t set = 0;
    for (size_t i = 0; i < list->count; i++)
        if (zone_crossed(&list->zones[i], from, to)) set |= 1u << i;
    return set;
}

uint32_t zones_excluding(const struct zone_list *list, uint32_t set) {
    uint32_t found = 0;
    for (size_t i = 0; i < list->count; i++)
        if (list->zones[i].kind == ZONE_EXCLUDE) found |= 1u << i;
    return found & set;
}

/* --- JSON --- */

static err read_word(const char *text, const char *const *words, const char *name, int *out, struct diag *d) {
    for (int i = 0; i < 3; i++)
        if (strcmp(text, words[i]) == 0) {
            *out = i;
            return ERR_OK;
        }
    return diag_fail(d, ERR_INVALID, "\"%s\" must be %s, %s or %s", name, words[0], words[1], words[2]);
}

static err read_points(json_t *list, struct zone *z, struct diag *d) {
    json_t *item;
    size_t i;
    bool line = z->kind == ZONE_LINE;
    size_t count = json_array_size(list);
    if (line ? count != ZONE_LINE_POINTS : count < ZONE_POINTS_MIN || count > ZONE_POINTS_MAX)
        return diag_fail(d, ERR_INVALID, "\"points\": a line has 2, an area %d to %d", ZONE_POINTS_MIN,
                         ZONE_POINTS_MAX);
    json_array_foreach(list, i, item) {
        json_t *x = json_array_get(item, 0), *y = json_array_get(item, 1);
        json_int_t at[2] = {json_is_integer(x) ? json_integer_value(x) : -1,
                            json_is_integer(y) ? json_integer_value(y) : -1};
        if (json_array_size(item) != 2 || at[0] < 0 || at[0] > PLACE_WHOLE || at[1] < 0 ||
            at[1] > PLACE_WHOLE)
            return diag_fail(d, ERR_INVALID, "\"points\": each is [x, y], whole numbers from 0 to %d",
                             PLACE_WHOLE);
        z->points[i] = (struct place_point){(int32_t)at[0], (int32_t)at[1]};
    }
    z->count = count;
    if (line ? same_point(z->points[0], z->points[1]) : !simple_polygon(z))
        return diag_fail(d, ERR_INVALID,
                         line ? "\"points\": the line's ends are the same point"
                              : "\"points\": the border of an area must not touch or cross itself");
    return ERR_OK;
}

static err read_zone(json_t *o, struct zone *z, struct diag *d) {
    const char *name = NULL, *kind = NULL, *direction = "both";
    uint8_t id[ZONE_ID_BYTES];
    json_t *points = NULL;
    bool given = false;
    int word = 0;
    const struct json_field fields[] = {
        {.name = "id", .kind = JSON_KIND_HEX, .max = ZONE_ID_BYTES, .out = id, .present = &given},
        {.name = "name",
         .kind = JSON_KIND_TEXT,
         .required = true,
         .min = 1,
         .max = ZONE_NAME_MAX_BYTES,
         .out = &name},
        {.name = "kind", .kind = JSON_KIND_TEXT, .required = true, .max = 16, .out = &kind},
        {.name = "points", .kind = JSON_KIND_ARRAY, .required = true, .max = ZONE_POINTS_MAX, .out = &points},
        {.name = "direction", .kind = JSON_KIND_TEXT, .max = 16, .out = &direction},
    };
    if (!json_is_object(o)) return diag_fail(d, ERR_INVALID, "it must be an object");
    err e = JSON_READ(o, fields, d);
    if (!e) e = read_word(kind, kinds, "kind", &word, d);
    if (e) return e;
    z->kind = (enum zone_kind)word;
    e = read_word(direction, directions, "direction", &word, d);
    if (e) return e;
    z->direction = (enum zone_direction)word;
    if (!given) random_bytes(id, sizeof id);
    hex_encode(BYTES_OF(id), z->id);
    snprintf(z->name, sizeof z->name, "%s", name);
    return read_points(points, z, d);
}

static err check_new(const struct zone_list *list, const struct zone *z, struct diag *d) {
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->zones[i].id, z->id) == 0)
            return diag_fail(d, ERR_INVALID, "\"id\": two zones have the same");
        if (strcmp(list->zones[i].name, z->name) == 0)
            return diag_fail(d, ERR_INVALID, "\"name\": another zone of this camera has it");
    }
    return ERR_OK;
}

err zones_read(json_t *list, struct zone_list *out, struct diag *d) {
    struct zone_list found = {0};
    json_t *item;
    size_t i;
    if (!json_is_array(list)) return diag_fail(d, ERR_INVALID, "\"zones\" must be an array");
    if (json_array_size(list) > ZONES_MAX)
        return diag_fail(d, ERR_LIMIT, "\"zones\": a camera has at most %d", ZONES_MAX);
    json_array_foreach(list, i, item) {
        struct zone *z = &found.zones[found.count];
        err e = read_zone(item, z, d);
        if (!e) e = check_new(&found, z, d);
        if (e) {
            diag_prefix(d, "zone %zu", i + 1);
            return e;
        }
        found.count++;
    }
    *out = found;
    return ERR_OK;
}

json_t *zones_json(const struct zone_list *list) {
    json_t *all = json_array();
    for (size_t i = 0; i < list->count; i++) {
        const struct zone *z = &list->zones[i];
        json_t *points = json_array();
        for (size_t k = 0; k < z->count; k++)
            json_array_append_new(points, json_pack("[i,i]", z->points[k].x, z->points[k].y));
        json_t *one = json_pack("{s:s,s:s,s:s,s:o}", "id", z->id, "name", z->name, "kind", kinds[z->kind],
                                "points", points);
        if (one && z->kind == ZONE_LINE)
            json_object_set_new(one, "direction", json_string(directions[z->direction]));
        if (!one || json_array_append_new(all, one)) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}
