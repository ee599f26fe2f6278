/* footage.c: which clip holds what, and the crops of it. */
#include <stdlib.h>

#include "labs/crops.h"

#define SURE 0.5f         /* a detector's score that names a crop */
#define DOUBTFUL 0.3f     /* and one from which a place is not called empty */
#define MOVING_PART 0.12f /* of a box, for its object to move */
#define STILL_PART 0.02f
#define SMALLEST 20      /* pixels of a box's longer side */
#define CHANCES 4        /* places without an object for each frame */
#define CUT_OUTS_MAX 350 /* of a clip */
#define CUT_OUT_DIFFERENT 20

struct clip {
    const char *name;
    enum crop_place place;
    int step;
    float fps;
    unsigned classes; /* what the detector is believed in, as bits */
    float sure;
    /* What moves between these seconds, as the footage's events.json says (checked by eye), where the
     * detector knows nothing of objects from above. */
    int moving_class;
    float moving[3][2];
    float until; /* nothing is taken after this second; 0: all */
};

#define BIT(c) (1u << CLASSIFIER_##c)
static const struct clip clips[] = {
    {"vtest.avi", CROP_PLACE_VTEST, 4, 10, BIT(PERSON) | BIT(VEHICLE), SURE, -1, {{0}}, 0},
    {"one-by-one-person-detection.mp4", CROP_PLACE_ONE_BY_ONE, 5, 10, BIT(PERSON), SURE, -1, {{0}}, 0},
    {"car-detection.mp4",
     CROP_PLACE_CARS,
     4,
     12.5f,
     0,
     SURE,
     CLASSIFIER_VEHICLE,
     {{4.3f, 8.3f}, {14.3f, 19}, {25.3f, 27.7f}},
     0},
    {"bottle-detection.mp4", CROP_PLACE_BOTTLES, 15, 29.83f, 0, SURE, -1, {{0}}, 0},
    {"tree.avi", CROP_PLACE_TREE, 4, 15, 0, SURE, CLASSIFIER_NOTHING, {{0, 21}}, 21},
    {"porch-cat.mp4", CROP_PLACE_PORCH, 1, 29.75f, BIT(ANIMAL) | BIT(VEHICLE), 0.4f, -1, {{0}}, 0},
};
#define CLIP_COUNT (sizeof clips / sizeof *clips)

static float seconds(const struct clip *c, int frame) {
    return (float)(frame * c->step) / c->fps;
}

/* Within `around` seconds of what events.json names. */
static bool within(const struct clip *c, float at, float around) {
    for (size_t i = 0; i < 3; i++)
        if (c->moving[i][1] > 0 && at >= c->moving[i][0] - around && at <= c->moving[i][1] + around)
            return true;
    return false;
}

static float moving_part(const struct scene *s, const struct scene_box *b) {
    int moving = 0, all = 0;
    for (int y = (int)b->y; y < (int)(b->y + b->h) && y < s->still.height; y += 2)
        for (int x = (int)b->x; x < (int)(b->x + b->w) && x < s->still.width; x += 2, all++)
            moving += scene_difference(s, b->frame, x, y) > CUT_OUT_DIFFERENT;
    return all ? (float)moving / (float)all : 0;
}

static bool is_object(const struct clip *c, const struct scene_box *b) {
    return b->class > 0 && (c->classes >> b->class & 1) && b->score >= c->sure &&
           fmaxf(b->w, b->h) >= SMALLEST;
}

/* No object may be in an empty place; nor may it be so near to one that the crop shows it. */
static bool is_empty(const struct scene *s, const struct clip *c, const struct scene_box *place) {
    for (size_t i = 0; i < s->found.count; i++) {
        const struct scene_box *b = &s->found.items[i];
        if (b->frame != place->frame || b->score < DOUBTFUL || b->class < 0) continue;
        if (!(c->classes >> b->class & 1)) continue;
        float both = scene_overlap(b, place);
        if (both > 0.15f * b->w * b->h || both > 0.1f * place->w * place->h) return false;
    }
    return true;
}

static bool alone(const struct scene *s, const struct scene_box *b) {
    for (size_t i = 0; i < s->found.count; i++) {
        const struct scene_box *o = &s->found.items[i];
        if (o != b && o->frame == b->frame && o->class > 0 && o->score >= DOUBTFUL &&
            scene_overlap(o, b) > 0.1f * b->w * b->h)
            return false;
    }
    return true;
}

/* The object's pixels are those that differ from the still picture; the edge is soft over 3 × 3 pixels. */
static err cut_out(const struct scene *s, const struct scene_box *b, int class, enum crop_place place,
                   struct cut_outs *out) {
    int left = (int)fmaxf(b->x - 2, 0), top = (int)fmaxf(b->y - 2, 0);
    int right = (int)fminf(b->x + b->w + 2, (float)s->still.width),
        bottom = (int)fminf(b->y + b->h + 2, (float)s->still.height);
    AUTO(picture_clear) struct picture p = {0};
    err e = picture_new(right - left, bottom - top, &p);
    if (e) return e;
    size_t opaque = 0;
    for (int y = 0; y < p.height; y++) {
        for (int x = 0; x < p.width; x++) {
            int sum = 0, of = 0;
            for (int near = 0; near < 9; near++) {
                int nx = left + x + near % 3 - 1, ny = top + y + near / 3 - 1;
                if (nx < left || ny < top || nx >= right || ny >= bottom) continue;
                sum += scene_difference(s, b->frame, nx, ny) > CUT_OUT_DIFFERENT;
                of++;
            }
            uint8_t *to = p.rgba + ((size_t)y * (size_t)p.width + (size_t)x) * 4;
            memcpy(to,
                   s->frames.items[b->frame].rgba +
                       ((size_t)(top + y) * (size_t)s->still.width + (size_t)(left + x)) * 4,
                   3);
            to[3] = (uint8_t)(255 * sum / of);
            opaque += sum * 2 > of;
        }
    }
    float part = (float)opaque / (float)(p.width * p.height);
    if (part < 0.25f || part > 0.95f) return ERR_OK; /* no shape to be seen */
    return cut_outs_add(out, &p, class, place);
}

/* What the detector found. */
static err take_found(const struct clip *c, const struct scene *s, struct chance *chance,
                      struct crop_set *crops, struct cut_outs *objects) {
    size_t cut = 0, still_vehicles = 0;
    for (size_t i = 0; i < s->found.count; i++) {
        const struct scene_box *b = &s->found.items[i];
        if (!is_object(c, b)) continue;
        bool moves = moving_part(s, b) >= MOVING_PART;
        /* A parked car is the same picture each time; a few are enough. */
        if (!moves && (b->class != CLASSIFIER_VEHICLE || still_vehicles++ % 6)) continue;
        const struct picture *p = &s->frames.items[b->frame];
        if (crop_set_cut(crops, p, b->x, b->y, b->w, b->h, b->class, CROP_SEEN, c->place))
            return ERR_NO_MEMORY;
        bool good = moves && b->class != CLASSIFIER_VEHICLE && b->score >= 0.6f && fmaxf(b->w, b->h) >= 48 &&
                    alone(s, b) && cut < CUT_OUTS_MAX;
        if (!good || !chance_is(chance, 0.7f)) continue;
        cut++;
        if (cut_out(s, b, b->class, c->place, objects)) return ERR_NO_MEMORY;
    }
    return ERR_OK;
}

/* What moves: of the class that events.json names, or nothing where no object is near. */
static err take_moving(const struct clip *c, const struct scene *s, struct crop_set *crops,
                       struct cut_outs *objects) {
    float all = (float)(s->still.width * s->still.height);
    for (size_t i = 0; i < s->moving.count; i++) {
        const struct scene_box *b = &s->moving.items[i];
        float at = seconds(c, b->frame);
        int class = CLASSIFIER_NOTHING;
        if (fmaxf(b->w, b->h) < SMALLEST || (c->until > 0 && at > c->until)) continue;
        if (c->moving_class > CLASSIFIER_NOTHING) {
            if (within(c, at, 0))
                class = c->moving_class;
            else if (within(c, at, 1))
                continue;
            if (class > CLASSIFIER_NOTHING && b->w * b->h < 0.02f * all) continue; /* a part, or its shadow */
        }
        if (class == CLASSIFIER_NOTHING && !is_empty(s, c, b)) continue;
        if (crop_set_cut(crops, &s->frames.items[b->frame], b->x, b->y, b->w, b->h, class, CROP_SEEN,
                         c->place))
            return ERR_NO_MEMORY;
        if (class > CLASSIFIER_NOTHING && cut_out(s, b, class, c->place, objects)) return ERR_NO_MEMORY;
    }
    return ERR_OK;
}

static err take_by_chance(const struct clip *c, const struct scene *s, struct chance *chance,
                          struct crop_set *crops) {
    for (size_t f = 0; f < s->frames.count; f++) {
        float at = seconds(c, (int)f);
        if ((c->until > 0 && at > c->until) || (c->moving_class > 0 && within(c, at, 1))) continue;
        for (int i = 0; i < CHANCES; i++) {
            float height = (float)s->still.height * chance_between(chance, 0.06f, 0.45f);
            float width = height * chance_between(chance, 0.35f, 1.6f);
            struct scene_box b = {(int)f,
                                  chance_between(chance, 0, (float)s->still.width - width),
                                  chance_between(chance, 0, (float)s->still.height - height),
                                  width,
                                  height,
                                  1,
                                  0};
            /* Where nothing is found but something moves there may be an object that is hard to find. */
            if (!is_empty(s, c, &b) || (c->classes && moving_part(s, &b) > STILL_PART)) continue;
            if (crop_set_cut(crops, &s->frames.items[f], b.x, b.y, b.w, b.h, CLASSIFIER_NOTHING, CROP_CHANCE,
                             c->place))
                return ERR_NO_MEMORY;
        }
    }
    return ERR_OK;
}

err footage_crops(const char *footage, struct bytes labels, struct chance *chance, struct crop_set *crops,
                  struct cut_outs *objects, struct backgrounds *grounds, struct diag *d) {
    for (size_t i = 0; i < CLIP_COUNT; i++) {
        AUTO(scene_clear) struct scene s = {0};
        err e = scene_read(footage, clips[i].name, clips[i].step, labels, &s, d);
        if (!e) e = scene_find_motion(&s, d);
        if (!e) e = take_found(&clips[i], &s, chance, crops, objects);
        if (!e) e = take_moving(&clips[i], &s, crops, objects);
        if (!e) e = take_by_chance(&clips[i], &s, chance, crops);
        if (!e) e = backgrounds_add(grounds, &s.still, clips[i].place);
        if (e) return diag_fail(d, e, "cannot cut crops of %s", clips[i].name);
    }
    return ERR_OK;
}
