#include "hub/negatives.h"

#include <math.h>

static int32_t lower(int32_t a, int32_t b) {
    return a < b ? a : b;
}
static int32_t higher(int32_t a, int32_t b) {
    return a > b ? a : b;
}

float box_overlap(const struct place_box *a, const struct place_box *b) {
    int32_t w = lower(a->x + a->w, b->x + b->w) - higher(a->x, b->x);
    int32_t h = lower(a->y + a->h, b->y + b->h) - higher(a->y, b->y);
    if (w <= 0 || h <= 0) return 0;
    float both = (float)w * (float)h;
    return both / ((float)a->w * a->h + (float)b->w * b->h - both);
}

float look_alike(const int8_t a[VISION_LOOK_BYTES], const int8_t b[VISION_LOOK_BYTES]) {
    int32_t dot = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < VISION_LOOK_BYTES; i++) {
        dot += a[i] * b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
    }
    return aa && bb ? (float)dot / (sqrtf((float)aa) * sqrtf((float)bb)) : 0;
}

static bool same_kind(enum seen_label a, enum seen_label b) {
    return a == b || (seen_label_vehicle(a) && seen_label_vehicle(b)) ||
           (seen_label_animal(a) && seen_label_animal(b));
}

static bool alike(const struct negative *a, const struct negative *b) {
    return memcmp(a->camera, b->camera, CAMERA_ID_BYTES) == 0 && same_kind(a->label, b->label) &&
           box_overlap(&a->box, &b->box) >= NEGATIVE_OVERLAP_MIN &&
           look_alike(a->look, b->look) >= NEGATIVE_ALIKE_MIN;
}

static void drop(struct negative_list *list, size_t i) {
    memmove(&list->items[i], &list->items[i + 1], (list->count - i - 1) * sizeof *list->items);
    list->count--;
}

void negatives_add(struct negative_list *list, const struct negative *n) {
    if (list->count == NEGATIVES_MAX) drop(list, 0);
    list->items[list->count++] = *n;
}

size_t negatives_remove(struct negative_list *list, const struct negative *n) {
    size_t before = list->count;
    for (size_t i = list->count; i-- > 0;)
        if (alike(&list->items[i], n) || memcmp(list->items[i].event, n->event, sizeof n->event) == 0)
            drop(list, i);
    return before - list->count;
}

void negatives_forget(struct negative_list *list, const uint8_t camera[CAMERA_ID_BYTES]) {
    for (size_t i = list->count; i-- > 0;)
        if (memcmp(list->items[i].camera, camera, CAMERA_ID_BYTES) == 0) drop(list, i);
}

bool negatives_hold(const struct negative_list *list, const struct negative *n) {
    for (size_t i = 0; i < list->count; i++)
        if (alike(&list->items[i], n)) return true;
    return false;
}

/* --- JSON --- */

json_t *negatives_json(const struct negative_list *list) {
    json_t *all = json_array();
    for (size_t i = 0; i < list->count; i++) {
        const struct negative *n = &list->items[i];
        json_t *one = json_pack("{s:o,s:o,s:s,s:[i,i,i,i],s:o,s:I}", "camera", json_hex(BYTES_OF(n->camera)),
                                "event", json_hex(BYTES_OF(n->event)), "label", seen_label_text(n->label),
                                "box", n->box.x, n->box.y, n->box.w, n->box.h, "look",
                                json_base64(BYTES_OF(n->look)), "at", (json_int_t)n->at.us);
        if (json_array_append_new(all, one)) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

static err read_box(json_t *list, struct place_box *out, struct diag *d) {
    uint16_t v[4];
    for (size_t i = 0; i < 4; i++) {
        json_t *item = json_array_get(list, i);
        json_int_t n = json_is_integer(item) ? json_integer_value(item) : -1;
        if (n < 0 || n > PLACE_WHOLE) return diag_fail(d, ERR_INVALID, "\"box\" must be four places");
        v[i] = (uint16_t)n;
    }
    *out = (struct place_box){v[0], v[1], v[2], v[3]};
    return ERR_OK;
}

static err read_one(json_t *o, struct negative *n, struct diag *d) {
    const char *label = NULL;
    json_t *box = NULL;
    int64_t at = 0;
    AUTO(blob_clear) struct blob look = {0};
    const struct json_field fields[] = {
        {.name = "camera", .kind = JSON_KIND_HEX, .required = true, .max = CAMERA_ID_BYTES, .out = n->camera},
        {.name = "event", .kind = JSON_KIND_HEX, .required = true, .max = sizeof n->event, .out = n->event},
        {.name = "label", .kind = JSON_KIND_TEXT, .required = true, .max = 16, .out = &label},
        {.name = "box", .kind = JSON_KIND_ARRAY, .required = true, .max = 4, .out = &box},
        {.name = "look",
         .kind = JSON_KIND_BASE64,
         .required = true,
         .min = VISION_LOOK_BYTES,
         .max = VISION_LOOK_BYTES,
         .out = &look},
        {.name = "at", .kind = JSON_KIND_INT, .required = true, .min = 0, .max = INT64_MAX, .out = &at},
    };
    if (!json_is_object(o)) return diag_fail(d, ERR_INVALID, "it must be an object");
    err e = JSON_READ(o, fields, d);
    if (!e) e = read_box(box, &n->box, d);
    if (!e && seen_label_read(label, &n->label)) e = diag_fail(d, ERR_INVALID, "\"label\" is not known");
    if (e) return e;
    memcpy(n->look, look.data, sizeof n->look);
    n->at.us = at;
    return ERR_OK;
}

err negatives_read(json_t *o, struct negative_list *out, struct diag *d) {
    json_t *item;
    size_t i;
    if (!json_is_array(o) || json_array_size(o) > NEGATIVES_MAX)
        return diag_fail(d, ERR_INVALID, "\"negatives\" must be an array of at most %d", NEGATIVES_MAX);
    out->count = 0;
    json_array_foreach(o, i, item) {
        struct negative n = {0};
        err e = read_one(item, &n, d);
        if (e) {
            diag_prefix(d, "negative %zu", i + 1);
            return e;
        }
        out->items[out->count++] = n;
    }
    return ERR_OK;
}
