/* paste.c: objects over other backgrounds, in other light; and what only looks like an object: its shadow,
 * plants and tools, leaves, lights, drops and insects near the lens. */
#include <stdlib.h>

#include "labs/crops.h"

#define OBJECT_SIDE                                                                                          \
    (CROP_SIDE / CROP_WIDER / CLASSIFIER_MARGIN) /* of a crop, for an object that fills its box */
#define CUT_SAMPLES_MAX 4

/* An object where it will stand in the crop, with its light. */
struct placed {
    float rgb[CROP_SIDE * CROP_SIDE][3]; /* times opaque */
    float opaque[CROP_SIDE * CROP_SIDE];
};

/* How the cut-out lies in the crop: its middle, its scale, turned about or not, slanted like a shadow. */
struct stance {
    float middle_x, middle_y, scale_x, scale_y, slant;
    bool turned;
};

static void place_pixel(const struct picture *p, const struct stance *s, int x, int y, int samples,
                        float out[4]) {
    memset(out, 0, 4 * sizeof *out);
    for (int i = 0; i < samples * samples; i++) {
        float at_x = (float)x + ((float)(i % samples) + 0.5f) / (float)samples - s->middle_x;
        float at_y = (float)y + ((float)(i / samples) + 0.5f) / (float)samples - s->middle_y;
        at_x -= at_y * s->slant;
        float u = (s->turned ? -at_x : at_x) / s->scale_x + (float)p->width / 2;
        float v = at_y / s->scale_y + (float)p->height / 2;
        if (u < 0 || v < 0 || u >= (float)p->width || v >= (float)p->height) continue;
        const uint8_t *from = p->rgba + ((size_t)v * (size_t)p->width + (size_t)u) * 4;
        float opaque = (float)from[3] / 255;
        for (int c = 0; c < 3; c++) out[c] += (float)from[c] * opaque;
        out[3] += opaque;
    }
    for (int c = 0; c < 4; c++) out[c] /= (float)(samples * samples);
}

static void place(const struct picture *p, const struct stance *s, struct placed *out) {
    float least = fminf(s->scale_x, s->scale_y);
    int samples = least >= 1 ? 1 : (int)fminf(ceilf(1 / least), CUT_SAMPLES_MAX);
    for (int i = 0; i < CROP_SIDE * CROP_SIDE; i++) {
        float pixel[4];
        place_pixel(p, s, i % CROP_SIDE, i / CROP_SIDE, samples, pixel);
        memcpy(out->rgb[i], pixel, 3 * sizeof *pixel);
        out->opaque[i] = pixel[3];
    }
}

static struct stance stance_by_chance(const struct picture *p, struct chance *c) {
    float longer = (float)(p->width > p->height ? p->width : p->height);
    float scale = (float)OBJECT_SIDE / longer * chance_between(c, 0.75f, 1.1f),
          wider = chance_between(c, 0.9f, 1.1f);
    return (struct stance){CROP_SIDE / 2.0f + chance_between(c, -4, 4),
                           CROP_SIDE / 2.0f + chance_between(c, -4, 4),
                           scale * wider,
                           scale / wider,
                           0,
                           chance_is(c, 0.5f)};
}

static float mean_light(const struct placed *p, const uint8_t *ground) {
    float sum = 0, of = 0;
    for (int i = 0; i < CROP_SIDE * CROP_SIDE; i++) {
        if (ground)
            sum += ((float)ground[3 * i] + (float)ground[3 * i + 1] + (float)ground[3 * i + 2]) / 3;
        else
            sum += (p->rgb[i][0] + p->rgb[i][1] + p->rgb[i][2]) / 3;
        of += ground ? 1 : p->opaque[i];
    }
    return of > 0 ? sum / of : 128;
}

/* The object takes on some of the background's light, and stamps lose some of their colours. */
static void lay_over(uint8_t *rgb, const struct placed *p, bool stamp, struct chance *c) {
    float own = fmaxf(mean_light(p, NULL), 8), around = mean_light(p, rgb);
    float light = 1 + chance_between(c, 0, 0.7f) * (fminf(fmaxf(around / own, 0.4f), 2) - 1);
    float colours = stamp ? chance_between(c, 0.25f, 0.9f) : 1, see_through = chance_between(c, 0.9f, 1);
    for (int i = 0; i < CROP_SIDE * CROP_SIDE; i++) {
        float grey = (p->rgb[i][0] + p->rgb[i][1] + p->rgb[i][2]) / 3, opaque = p->opaque[i] * see_through;
        for (int k = 0; k < 3; k++) {
            float v = (grey + (p->rgb[i][k] - grey) * colours) * light * see_through +
                      (1 - opaque) * (float)rgb[3 * i + k];
            rgb[3 * i + k] = (uint8_t)fminf(v, 255);
        }
    }
}

/* A shadow or a light in the object's shape. */
static void shade(uint8_t *rgb, const struct placed *p, float factor) {
    for (int i = 0; i < CROP_SIDE * CROP_SIDE; i++)
        for (int k = 0; k < 3; k++)
            rgb[3 * i + k] = (uint8_t)fminf((float)rgb[3 * i + k] * (1 + (factor - 1) * p->opaque[i]), 255);
}

static struct stance shadow_stance(struct stance s, struct chance *c) {
    s.scale_y *= chance_between(c, 0.3f, 1);
    s.slant = chance_between(c, -1.2f, 1.2f);
    return s;
}

/* A soft patch of uneven outline, of another background's pixels, or of one colour. */
static void patch(uint8_t *rgb, const uint8_t *other, struct chance *c) {
    float x0 = CROP_SIDE / 2.0f + chance_between(c, -5, 5), y0 = CROP_SIDE / 2.0f + chance_between(c, -5, 5);
    float wide = chance_between(c, 5, 20), high = chance_between(c, 5, 20),
          soft = chance_between(c, 0.05f, 0.6f);
    float waves = chance_between(c, 0, 0.35f), turn = chance_between(c, 0, 6.28f),
          tone = chance_between(c, 0, 255);
    int lobes = 2 + (int)chance_below(c, 5);
    bool plain = chance_is(c, 0.35f);
    for (int i = 0; i < CROP_SIDE * CROP_SIDE; i++) {
        float x = ((float)(i % CROP_SIDE) - x0) / wide, y = ((float)(i / CROP_SIDE) - y0) / high;
        float far = sqrtf(x * x + y * y) * (1 + waves * sinf((float)lobes * atan2f(y, x) + turn));
        float part = fminf(fmaxf((1 - far) / soft + 0.5f, 0), 1);
        for (int k = 0; k < 3; k++) {
            float v = plain ? tone : (float)other[3 * i + k];
            rgb[3 * i + k] = (uint8_t)((float)rgb[3 * i + k] * (1 - part) + v * part);
        }
    }
}

/* Rain or snow near the lens. */
static void streaks(uint8_t *rgb, struct chance *c) {
    int count = 2 + (int)chance_below(c, 14);
    float slant = chance_between(c, -0.4f, 0.4f), bright = chance_between(c, 30, 140);
    for (int s = 0; s < count; s++) {
        float x = chance_between(c, 0, CROP_SIDE), y = chance_between(c, -10, CROP_SIDE),
              len = chance_between(c, 2, 40);
        float wide = chance_between(c, 0.6f, 2.2f);
        for (int i = 0; i < CROP_SIDE * CROP_SIDE; i++) {
            float down = (float)(i / CROP_SIDE) - y, aside = fabsf((float)(i % CROP_SIDE) - x - slant * down);
            if (down < 0 || down > len || aside > wide) continue;
            for (int k = 0; k < 3; k++)
                rgb[3 * i + k] = (uint8_t)fminf((float)rgb[3 * i + k] + bright * (1 - aside / wide), 255);
        }
    }
}

static void cut_ground(const struct background *b, struct chance *c, uint8_t *out) {
    float least = (float)(b->picture.width < b->picture.height ? b->picture.width : b->picture.height);
    float span = least * chance_between(c, 0.12f, 0.8f);
    struct classifier_picture p = {b->picture.rgba, b->picture.width, b->picture.height, 4,
                                   (size_t)b->picture.width * 4};
    classifier_cut(&p, chance_between(c, span / 3, (float)p.width - span / 3),
                   chance_between(c, span / 3, (float)p.height - span / 3), span, CROP_SIDE, out);
}

/* What moves and is nothing. */
static void paste_nothing(struct crop *crop, const struct cut_outs *objects,
                          const struct backgrounds *grounds, const struct cut_out *o, struct placed *placed,
                          struct chance *c) {
    const struct background *other = &grounds->items[chance_below(c, (uint32_t)grounds->count)];
    uint8_t texture[CROP_BYTES];
    struct stance s = stance_by_chance(&o->picture, c);
    crop->places[0] = (uint8_t)o->place;
    switch (chance_below(c, 4)) {
        case 0: /* the shadow of any object */
            s = shadow_stance(s, c);
            place(&o->picture, &s, placed);
            shade(crop->rgb, placed,
                  chance_is(c, 0.75f) ? chance_between(c, 0.4f, 0.85f) : chance_between(c, 1.2f, 2));
            break;
        case 1:
            if (o->class == CLASSIFIER_NOTHING) {
                place(&o->picture, &s, placed);
                lay_over(crop->rgb, placed, true, c);
                break;
            } /* fall through */
        case 2:
            crop->places[0] = (uint8_t)other->place;
            cut_ground(other, c, texture);
            patch(crop->rgb, texture, c);
            break;
        default:
            crop->places[0] = crop->places[1];
            if (chance_is(c, 0.5f)) streaks(crop->rgb, c);
    }
}

static err paste_one(int class, const struct cut_outs *objects, const struct backgrounds *grounds,
                     float of_place[][CROP_PLACES], struct placed *placed, struct chance *c,
                     struct crop_set *out) {
    const struct background *ground = &grounds->items[chance_below(c, (uint32_t)grounds->count)];
    const struct cut_out *o = NULL;
    do { /* a cut-out of the class; any, for nothing. A place with many gives more, but not by as much */
        o = &objects->items[chance_below(c, (uint32_t)objects->count)];
    } while ((class != CLASSIFIER_NOTHING && o->class != class) ||
             !chance_is(c, 1 / sqrtf(of_place[o->class][o->place])));
    struct crop *crop = crop_set_add(out);
    if (!crop) return ERR_NO_MEMORY;
    crop->class = (uint8_t) class;
    crop->origin = CROP_PASTED;
    crop->places[0] = (uint8_t)o->place;
    crop->places[1] = (uint8_t)ground->place;
    cut_ground(ground, c, crop->rgb);
    if (class == CLASSIFIER_NOTHING) {
        paste_nothing(crop, objects, grounds, o, placed, c);
        return ERR_OK;
    }
    struct stance s = stance_by_chance(&o->picture, c);
    if (chance_is(c, 0.3f)) { /* with its shadow */
        struct stance shadow = shadow_stance(s, c);
        shadow.middle_y += (float)o->picture.height * (s.scale_y - shadow.scale_y) / 2;
        place(&o->picture, &shadow, placed);
        shade(crop->rgb, placed, chance_between(c, 0.4f, 0.9f));
    }
    place(&o->picture, &s, placed);
    lay_over(crop->rgb, placed, o->place == CROP_PLACE_STAMPS, c);
    return ERR_OK;
}

err paste_crops(const struct cut_outs *objects, const struct backgrounds *grounds, size_t count,
                struct chance *chance, struct crop_set *out, struct diag *d) {
    bool have[CLASSIFIER_CLASSES] = {false};
    float of_place[CLASSIFIER_CLASSES][CROP_PLACES] = {{0}};
    for (size_t i = 0; i < objects->count; i++) {
        have[objects->items[i].class] = true;
        of_place[objects->items[i].class][objects->items[i].place]++;
    }
    if (!grounds->count || !objects->count) return diag_fail(d, ERR_INVALID, "nothing to paste");
    struct placed *placed = malloc(sizeof *placed);
    if (!placed) return diag_fail(d, ERR_NO_MEMORY, "no memory to paste");
    err e = ERR_OK;
    for (size_t i = 0; i < count * CLASSIFIER_CLASSES && !e; i++) {
        int class = (int)(i % CLASSIFIER_CLASSES);
        if (class == CLASSIFIER_NOTHING || have[class])
            e = paste_one(class, objects, grounds, of_place, placed, chance, out);
    }
    free(placed);
    return e ? diag_fail(d, e, "no memory for pasted crops") : ERR_OK;
}
