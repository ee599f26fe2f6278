#include "labs/crops.h"

#include <stdlib.h>

const char *crop_place_text(enum crop_place p) {
    static const char *const texts[CROP_PLACES] = {
        "vtest",    "one-by-one", "car-detection",   "bottle-detection", "tree", "porch-cat",
        "packages", "opencv-doc", "tuxpaint-stamps", "weather",          "coco"};
    return p < CROP_PLACES ? texts[p] : "unknown";
}

/* Room for one more item of `size` bytes. */
static void *grown(void *items, size_t count, size_t *room, size_t size) {
    if (count < *room) return items;
    size_t more = *room ? *room * 2 : 64;
    void *larger = realloc(items, more * size);
    if (larger) *room = more;
    return larger;
}

void crop_set_clear(struct crop_set *c) {
    free(c->items);
    *c = (struct crop_set){0};
}

struct crop *crop_set_add(struct crop_set *c) {
    struct crop *items = grown(c->items, c->count, &c->room, sizeof *items);
    if (!items) return NULL;
    c->items = items;
    return &items[c->count++];
}

err crop_set_cut(struct crop_set *c, const struct picture *p, float x, float y, float w, float h, int class,
                 enum crop_origin origin, enum crop_place place) {
    struct crop *crop = crop_set_add(c);
    if (!crop) return ERR_NO_MEMORY;
    crop->class = (uint8_t) class;
    crop->origin = (uint8_t)origin;
    crop->places[0] = crop->places[1] = (uint8_t)place;
    struct classifier_picture from = {p->rgba, p->width, p->height, 4, (size_t)p->width * 4};
    float span = fmaxf(w, h) * CLASSIFIER_MARGIN * CROP_WIDER;
    classifier_cut(&from, x + w / 2, y + h / 2, fmaxf(span, 4), CROP_SIDE, crop->rgb);
    return ERR_OK;
}

void cut_outs_clear(struct cut_outs *c) {
    for (size_t i = 0; i < c->count; i++) picture_clear(&c->items[i].picture);
    free(c->items);
    *c = (struct cut_outs){0};
}

err cut_outs_add(struct cut_outs *c, struct picture *p, int class, enum crop_place place) {
    struct cut_out *items = grown(c->items, c->count, &c->room, sizeof *items);
    if (!items) {
        picture_clear(p);
        return ERR_NO_MEMORY;
    }
    c->items = items;
    items[c->count++] = (struct cut_out){*p, class, place};
    *p = (struct picture){0};
    return ERR_OK;
}

void backgrounds_clear(struct backgrounds *b) {
    for (size_t i = 0; i < b->count; i++) picture_clear(&b->items[i].picture);
    free(b->items);
    *b = (struct backgrounds){0};
}

err backgrounds_add(struct backgrounds *b, struct picture *p, enum crop_place place) {
    struct background *items = grown(b->items, b->count, &b->room, sizeof *items);
    if (!items) {
        picture_clear(p);
        return ERR_NO_MEMORY;
    }
    b->items = items;
    items[b->count++] = (struct background){*p, place};
    *p = (struct picture){0};
    return ERR_OK;
}
