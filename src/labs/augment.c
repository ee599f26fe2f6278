#include "labs/augment.h"

#define SIDE CLASSIFIER_SIDE
#define PIXELS (SIDE * SIDE)

static struct classifier_picture whole(const struct crop *crop) {
    return (struct classifier_picture){crop->rgb, CROP_SIDE, CROP_SIDE, 3, CROP_SIDE * 3};
}

void augment_none(const struct crop *crop, uint8_t *rgb) {
    struct classifier_picture p = whole(crop);
    classifier_cut(&p, CROP_SIDE / 2.0f, CROP_SIDE / 2.0f, CROP_SIDE / CROP_WIDER, SIDE, rgb);
}

static uint8_t byte(float v) {
    return v <= 0 ? 0 : v >= 255 ? 255 : (uint8_t)(v + 0.5f);
}

/* Small objects are large pixels: cut small, then made larger. */
static void cut(const struct crop *crop, struct chance *c, uint8_t *rgb) {
    struct classifier_picture p = whole(crop);
    float span = CROP_SIDE / CROP_WIDER * chance_between(c, 0.72f, 1.3f), shift = span * 0.12f;
    float x = CROP_SIDE / 2.0f + chance_between(c, -shift, shift),
          y = CROP_SIDE / 2.0f + chance_between(c, -shift, shift);
    if (!chance_is(c, 0.35f)) {
        classifier_cut(&p, x, y, span, SIDE, rgb);
        return;
    }
    uint8_t small[PIXELS * 3];
    int side = 12 + (int)chance_below(c, 28);
    classifier_cut(&p, x, y, span, side, small);
    struct classifier_picture coarse = {small, side, side, 3, (size_t)side * 3};
    classifier_cut(&coarse, (float)side / 2, (float)side / 2, (float)side, SIDE, rgb);
}

static void turn_about(uint8_t *rgb) {
    for (int i = 0; i < PIXELS; i++) {
        int x = i % SIDE, other = i - x + SIDE - 1 - x;
        if (x >= SIDE / 2) continue;
        for (int k = 0; k < 3; k++) {
            uint8_t v = rgb[3 * i + k];
            rgb[3 * i + k] = rgb[3 * other + k];
            rgb[3 * other + k] = v;
        }
    }
}

static void light(uint8_t *rgb, struct chance *c) {
    float contrast = chance_between(c, 0.55f, 1.35f), brighter = chance_between(c, -45, 45),
          colours = chance_between(c, 0, 1.3f);
    float gamma = chance_between(c, 0.7f, 1.4f), tint[3];
    bool grey = chance_is(c, 0.25f), infra_red = grey && chance_is(c, 0.5f);
    for (int k = 0; k < 3; k++) tint[k] = chance_between(c, 0.88f, 1.12f);
    float curve[256];
    for (int v = 0; v < 256; v++) curve[v] = 255 * powf((float)v / 255, gamma);
    for (int i = 0; i < PIXELS; i++) {
        uint8_t *p = rgb + 3 * i;
        float tone = 0.3f * (float)p[0] + 0.59f * (float)p[1] + 0.11f * (float)p[2];
        /* Infra-red lamps light the middle, and plants and cloth reflect them alike. */
        float x = (float)(i % SIDE) / SIDE - 0.5f, y = (float)(i / SIDE) / SIDE - 0.5f;
        float lamp = infra_red ? 1.25f - 1.2f * (x * x + y * y) : 1;
        for (int k = 0; k < 3; k++) {
            float v = grey ? tone : tone + ((float)p[k] - tone) * colours;
            v = curve[byte(v)] * (grey ? 1 : tint[k]) * lamp;
            p[k] = byte((v - 128) * contrast + 128 + brighter);
        }
    }
}

static void noise(uint8_t *rgb, struct chance *c) {
    float strength = chance_between(c, 1, 12);
    bool same = chance_is(c, 0.5f); /* in all colours */
    for (int i = 0; i < PIXELS; i++) {
        float n = chance_between(c, -1.7f, 1.7f) * strength;
        for (int k = 0; k < 3; k++)
            rgb[3 * i + k] = byte((float)rgb[3 * i + k] +
                                  (same || k == 0 ? n : chance_between(c, -1.7f, 1.7f) * strength));
    }
}

static void cover(uint8_t *rgb, struct chance *c) {
    int w = 6 + (int)chance_below(c, 14), h = 6 + (int)chance_below(c, 14);
    int left = (int)chance_below(c, (uint32_t)(SIDE - w)), top = (int)chance_below(c, (uint32_t)(SIDE - h));
    uint8_t tone = (uint8_t)chance_below(c, 256);
    for (int y = top; y < top + h; y++) memset(rgb + 3 * (y * SIDE + left), tone, (size_t)w * 3);
}

void augment_crop(const struct crop *crop, struct chance *c, uint8_t *rgb) {
    cut(crop, c, rgb);
    if (chance_is(c, 0.5f)) turn_about(rgb);
    if (chance_is(c, 0.9f)) light(rgb, c);
    if (chance_is(c, 0.5f)) noise(rgb, c);
    if (chance_is(c, 0.15f)) cover(rgb, c);
}
