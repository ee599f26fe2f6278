/* Privacy masks as JSON: [[[x,y],…],…]. */
#include "media/worker_message.h"

static err read_place(json_t *value, uint16_t *out, struct diag *d) {
    json_int_t n = json_integer_value(value);
    if (!json_is_integer(value) || n < 0 || n > WORKER_PLACE_WHOLE)
        return diag_fail(d, ERR_INVALID, "a mask's point lies outside of the picture (0 to %d)",
                         WORKER_PLACE_WHOLE);
    *out = (uint16_t)n;
    return ERR_OK;
}

static err read_mask(json_t *list, struct worker_mask *out, struct diag *d) {
    size_t count = json_array_size(list);
    if (count < WORKER_MASK_POINTS_MIN || count > WORKER_MASK_POINTS_MAX)
        return diag_fail(d, ERR_INVALID, "a mask has %d to %d points", WORKER_MASK_POINTS_MIN,
                         WORKER_MASK_POINTS_MAX);
    for (size_t i = 0; i < count; i++) {
        json_t *point = json_array_get(list, i);
        if (json_array_size(point) != 2) return diag_fail(d, ERR_INVALID, "a mask's point is [x, y]");
        err e = read_place(json_array_get(point, 0), &out->points[i].x, d);
        if (!e) e = read_place(json_array_get(point, 1), &out->points[i].y, d);
        if (e) return e;
    }
    out->count = (uint8_t)count;
    return ERR_OK;
}

err worker_masks_read(json_t *list, struct worker_masks *out, struct diag *d) {
    struct worker_masks m = {0};
    size_t count = json_array_size(list);
    if (list && !json_is_array(list)) return diag_fail(d, ERR_INVALID, "\"masks\" is no list");
    if (count > WORKER_MASKS_MAX)
        return diag_fail(d, ERR_LIMIT, "a camera has at most %d masks", WORKER_MASKS_MAX);
    for (size_t i = 0; i < count; i++) {
        err e = read_mask(json_array_get(list, i), &m.masks[i], d);
        if (e) return e;
    }
    m.count = (uint8_t)count;
    *out = m;
    return ERR_OK;
}

json_t *worker_masks_json(const struct worker_masks *m) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < m->count; i++) {
        json_t *points = json_array();
        for (size_t k = 0; points && k < m->masks[i].count; k++) {
            json_t *point = json_pack("[i,i]", (int)m->masks[i].points[k].x, (int)m->masks[i].points[k].y);
            if (json_array_append_new(points, point)) json_release(&points);
        }
        if (json_array_append_new(list, points)) json_release(&list);
    }
    return list;
}
