#include "vision/look.h"

#include <math.h>

#define HALF (VISION_LOOK_BYTES / 2)
#define GRID_W 32 /* samples across and down the box */
#define GRID_H 48
#define SCALE 127.0f

static int level_bin(int value, int bins) {
    int bin = (value - 16) * bins / 220;
    return bin < 0 ? 0 : bin >= bins ? bins - 1 : bin;
}

/* Colours are near grey nearly always, so the bins are narrow in the middle. */
static int colour_bin(int value) {
    static const int edges[] = {118, 128, 138};
    int bin = 0;
    while (bin < 3 && value >= edges[bin]) bin++;
    return bin;
}

struct grid {
    uint8_t y[GRID_H][GRID_W], u[GRID_H][GRID_W], v[GRID_H][GRID_W];
};

static void sample(const struct image *m, struct rect r, struct grid *g) {
    for (int j = 0; j < GRID_H; j++) {
        int y = r.y + (2 * j + 1) * r.h / (2 * GRID_H);
        for (int i = 0; i < GRID_W; i++) {
            int x = r.x + (2 * i + 1) * r.w / (2 * GRID_W);
            size_t half = (size_t)(y / 2) * (size_t)(m->width / 2) + (size_t)(x / 2);
            g->y[j][i] = m->y[(size_t)y * (size_t)m->width + (size_t)x];
            g->u[j][i] = m->u[half];
            g->v[j][i] = m->v[half];
        }
    }
}

/* The middle counts more: a box's corners show what is behind. */
static float weight(int i, int j) {
    float x = ((float)i + 0.5f) / GRID_W * 2 - 1, y = ((float)j + 0.5f) / GRID_H * 2 - 1;
    return 1.2f - 0.5f * (x * x + y * y);
}

static void add_colours(const struct grid *g, float *out) {
    for (int j = 0; j < GRID_H; j++)
        for (int i = 0; i < GRID_W; i++) {
            float w = weight(i, j);
            out[colour_bin(g->u[j][i]) * 4 + colour_bin(g->v[j][i])] += w;
            out[16 + (j >= GRID_H / 2) * 8 + level_bin(g->y[j][i], 8)] += w;
        }
}

static void add_edges(const struct grid *g, float *out) {
    for (int j = 1; j < GRID_H - 1; j++)
        for (int i = 1; i < GRID_W - 1; i++) {
            float dx = (float)(g->y[j][i + 1] - g->y[j][i - 1]),
                  dy = (float)(g->y[j + 1][i] - g->y[j - 1][i]);
            float strength = sqrtf(dx * dx + dy * dy);
            int direction = (int)((atan2f(dy, dx) + (float)M_PI) * 4 / (float)M_PI) & 7;
            int quarter = (j >= GRID_H / 2) * 2 + (i >= GRID_W / 2);
            out[quarter * 8 + direction] += strength * weight(i, j);
        }
}

/* Roots tame what dominates; then to the length that int8 holds. */
static void finish(const float *half, int8_t *out) {
    float sum = 0;
    for (int i = 0; i < HALF; i++) sum += half[i];
    for (int i = 0; i < HALF; i++)
        out[i] = sum > 0 ? (int8_t)lrintf(SCALE * sqrtf(half[i] / sum)) : 0; /* the squares sum to SCALE² */
}

void look_of(const struct image *m, struct area box, int8_t out[VISION_LOOK_BYTES]) {
    struct grid g;
    float colours[HALF] = {0}, edges[HALF] = {0};
    sample(m, image_rect(m, area_clip(box)), &g);
    add_colours(&g, colours);
    add_edges(&g, edges);
    finish(colours, out);
    finish(edges, out + HALF);
}

float look_cosine(const int8_t a[VISION_LOOK_BYTES], const int8_t b[VISION_LOOK_BYTES]) {
    int ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < VISION_LOOK_BYTES; i++) {
        ab += a[i] * b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
    }
    return aa && bb ? (float)ab / sqrtf((float)aa * (float)bb) : 0;
}

void look_blend(int8_t look[VISION_LOOK_BYTES], const int8_t fresh[VISION_LOOK_BYTES], float part) {
    for (int i = 0; i < VISION_LOOK_BYTES; i++)
        look[i] = (int8_t)lrintf((float)look[i] + part * (float)(fresh[i] - look[i]));
}
