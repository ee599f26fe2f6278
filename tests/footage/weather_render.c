/* weather_render.c: weather over real pictures. Reads I420 pictures from standard input and writes each one
 * to standard output with what the weather does to it; everything comes from the seed and the picture's
 * number. Usage: weather_render EFFECT WIDTH HEIGHT FPS SEED, see tests/footage/README.md. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979
#define GAUSS_COUNT 65536
#define FLAKES_MAX 500
#define SOURCE_MARGIN 0.02f /* what the shaken camera sees of the picture: a little less than all */

struct scene {
    int w, h, number;
    double t; /* seconds */
    float *y, *u, *v;
    float noise; /* of the sensor, standard deviation */
};

/* --- Chance --- */

static uint64_t state;
static float gauss[GAUSS_COUNT];

static uint32_t chance(void) { /* xorshift64* */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * 0x2545f4914f6cdd1du) >> 32);
}

static float uniform(float low, float high) {
    return low + (high - low) * (float)chance() / 4294967296.0f;
}

static float hash01(int x, int y, uint32_t salt) {
    uint32_t n = (uint32_t)x * 374761393u + (uint32_t)y * 668265263u + salt * 2246822519u;
    n = (n ^ (n >> 13)) * 1274126177u;
    return (float)((n ^ (n >> 16)) & 0xffffff) / 16777216.0f;
}

static float smooth(float t) {
    return t <= 0 ? 0 : t >= 1 ? 1 : t * t * (3 - 2 * t);
}

/* Value noise: smooth between random values on a lattice. */
static float value_noise(float x, float y, uint32_t salt) {
    int ix = (int)floorf(x), iy = (int)floorf(y);
    float fx = smooth(x - (float)ix), fy = smooth(y - (float)iy);
    float a = hash01(ix, iy, salt), b = hash01(ix + 1, iy, salt), c = hash01(ix, iy + 1, salt),
          d = hash01(ix + 1, iy + 1, salt);
    return (a + (b - a) * fx) * (1 - fy) + (c + (d - c) * fx) * fy;
}

/* --- Pixels --- */

/* Light on one pixel: brightness times gain; colour follows. Chroma is of every second pixel. */
static void light(struct scene *s, int x, int y, float gain) {
    float *p = &s->y[y * s->w + x];
    *p = 16 + (*p - 16) * gain;
    if ((x | y) & 1) return;
    int c = y / 2 * (s->w / 2) + x / 2;
    float colour = gain > 1.6f ? 1.6f : gain; /* what is overexposed loses its colour */
    s->u[c] = 128 + (s->u[c] - 128) * colour;
    s->v[c] = 128 + (s->v[c] - 128) * colour;
}

/* Something in front: `alpha` of a gray of this brightness. */
static void cover(struct scene *s, int x, int y, float alpha, float brightness) {
    if (x < 0 || y < 0 || x >= s->w || y >= s->h || alpha <= 0) return;
    if (alpha > 1) alpha = 1;
    float *p = &s->y[y * s->w + x];
    *p += (brightness - *p) * alpha;
    int c = y / 2 * (s->w / 2) + x / 2;
    s->u[c] += (128 - s->u[c]) * alpha * 0.25f;
    s->v[c] += (128 - s->v[c]) * alpha * 0.25f;
}

static void gray(struct scene *s) {
    for (int i = 0; i < s->w * s->h / 4; i++) s->u[i] = s->v[i] = 128;
}

/* A disc with a soft edge. */
static void disc(struct scene *s, float cx, float cy, float radius, float soft, float alpha,
                 float brightness) {
    int reach = (int)(radius + soft + 1);
    for (int y = (int)cy - reach; y <= (int)cy + reach; y++)
        for (int x = (int)cx - reach; x <= (int)cx + reach; x++) {
            float r = hypotf((float)x - cx, (float)y - cy);
            cover(s, x, y, alpha * smooth((radius + soft - r) / (soft > 0.5f ? 2 * soft : 1)), brightness);
        }
}

/* --- Light of the night --- */

/* Infra-red lamps beside the lens: bright in the middle, dark at the edges, no colour, and noise. */
static void infra_red(struct scene *s, float level) {
    for (int y = 0; y < s->h; y++)
        for (int x = 0; x < s->w; x++) {
            float dx = ((float)x / (float)s->w - 0.5f) * 1.6f, dy = ((float)y / (float)s->h - 0.45f) * 1.2f;
            float *p = &s->y[y * s->w + x], gain = level * (1.25f - 1.15f * (dx * dx + dy * dy));
            /* Plants and cloth are brighter in the infra-red than to the eye. */
            float reflect = powf((*p - 16) / 219 > 0 ? (*p - 16) / 219 : 0, 0.8f);
            *p = 16 + 190 * reflect * (gain > 0.08f ? gain : 0.08f);
        }
    gray(s);
    s->noise = 4.5f;
}

static void street_lamps(struct scene *s) {
    for (int y = 0; y < s->h; y++)
        for (int x = 0; x < s->w; x++) light(s, x, y, 0.24f + 0.10f * (float)y / (float)s->h);
    s->noise = 3.5f;
}

/* --- The weathers --- */

static void night(struct scene *s) {
    infra_red(s, 1);
}

/* The day fades, at 10 s the filter moves away with a dark moment, and exposure overshoots; back at 22 s. */
static void ir_switch(struct scene *s) {
    double t = s->t;
    bool day = t < 10 || t >= 22;
    if (day) {
        float fade = t < 10 ? 1 - 0.045f * (float)t : 0.62f;
        if (t >= 22) fade *= 1 + 0.9f * (float)exp(-(t - 22) / 0.35);
        for (int y = 0; y < s->h; y++)
            for (int x = 0; x < s->w; x++) light(s, x, y, fade);
        s->noise = 2.5f;
        return;
    }
    float level = 1 + 0.8f * (float)exp(-(t - 10.4) / 0.4);
    infra_red(s, t < 10.4 ? 0.15f : level);
}

static void rain(struct scene *s) {
    float gust = 0.5f + 0.5f * sinf((float)s->t * 0.7f);
    int drops = (int)(220 + 240 * gust);
    for (int i = 0; i < drops; i++) {
        float depth = uniform(0, 1), length = 8 + 26 * depth, x = uniform(-20, (float)s->w + 20),
              y = uniform(-length, (float)s->h), slant = 0.12f + 0.18f * gust + uniform(-0.03f, 0.03f),
              bright = uniform(150, 215), alpha = 0.12f + 0.30f * depth;
        for (float k = 0; k < length; k += 0.5f) {
            int px = (int)(x + slant * k), py = (int)(y + k);
            float a = alpha * sinf((float)PI * k / length);
            cover(s, px, py, a, bright);
            if (depth > 0.6f) cover(s, px + 1, py, a * 0.7f, bright);
        }
    }
    for (int i = 0; i < s->w * s->h; i++) s->y[i] = 16 + (s->y[i] - 16) * 0.86f + 12; /* mist */
    for (int i = 0; i < 25; i++) /* splashes on the ground */
        disc(s, uniform(0, (float)s->w), uniform(0.65f, 1) * (float)s->h, uniform(0.8f, 1.8f), 0.8f, 0.35f,
             205);
    s->noise = 2.5f;
}

struct flake {
    float x, y, depth, phase, sway;
};

static void snow(struct scene *s) {
    static struct flake flakes[FLAKES_MAX];
    static int count;
    if (!count) {
        count = FLAKES_MAX;
        for (int i = 0; i < count; i++) {
            float depth = powf(uniform(0, 1), 3); /* few are near */
            flakes[i] = (struct flake){uniform(0, (float)s->w), uniform(0, (float)s->h), depth,
                                       uniform(0, 6.28f), uniform(4, 22)};
        }
    }
    for (int i = 0; i < count; i++) {
        const struct flake *f = &flakes[i];
        float speed = 30 + 190 * f->depth, t = (float)s->t;
        float y = fmodf(f->y + speed * t, (float)s->h + 40) - 20;
        float x =
            fmodf(f->x + (12 + 45 * f->depth) * t + f->sway * sinf(1.7f * t + f->phase), (float)s->w + 40) -
            20;
        float radius = 0.5f + 4.5f * f->depth;
        disc(s, x, y, radius, 0.4f + 2.4f * f->depth, 0.85f - 0.45f * f->depth, 225);
    }
    for (int i = 0; i < s->w * s->h; i++) s->y[i] = 16 + (s->y[i] - 16) * 0.9f + 14;
    s->noise = 2.5f;
}

/* A car that is never in the picture: its light sweeps over walls and ground, brighter where they reflect. */
static void headlights(struct scene *s) {
    static const struct {
        float begin, length, from, to, width;
    } cars[] = {
        {5, 3.2f, -0.3f, 1.3f, 0.16f}, {12, 2.2f, 1.3f, -0.3f, 0.22f}, {18, 4.5f, -0.2f, 1.2f, 0.12f}};
    street_lamps(s);
    for (size_t i = 0; i < sizeof cars / sizeof *cars; i++) {
        float k = ((float)s->t - cars[i].begin) / cars[i].length;
        if (k <= 0 || k >= 1) continue;
        float rise = smooth(k * 4) * smooth((1 - k) * 4);
        for (int lamp = 0; lamp < 2; lamp++) {
            float at = cars[i].from + (cars[i].to - cars[i].from) * k + 0.05f * (float)lamp;
            for (int y = 0; y < s->h; y++)
                for (int x = 0; x < s->w; x++) {
                    float dx = ((float)x / (float)s->w - at - 0.1f * (float)y / (float)s->h) / cars[i].width;
                    float dy = ((float)y / (float)s->h - 0.55f) / 0.42f, beam = expf(-dx * dx - dy * dy);
                    if (beam > 0.01f) light(s, x, y, 1 + 2.4f * rise * beam);
                }
        }
    }
}

/* A way that turns at random, the same in every picture. */
static void wander(int who, float t, float speed, float *x, float *y) {
    *x = -0.2f + 1.4f * value_noise(t * speed, (float)who * 17.3f, 5);
    *y = -0.2f + 1.4f * value_noise(t * speed, (float)who * 31.7f + 9, 6);
}

/* Moths before the infra-red lamps: large, bright and out of focus; and one that walks over the glass. */
static void insects(struct scene *s) {
    infra_red(s, 0.9f);
    for (int i = 0; i < 4; i++) {
        float x, y, t = (float)s->t;
        float there = smooth(4 * (value_noise(t * 0.5f, (float)i * 7.7f, 8) - 0.45f));
        wander(i, t, 1.1f + 0.3f * (float)i, &x, &y);
        float size = 9 + 26 * value_noise(t * 0.8f, (float)i, 9);
        float flutter = 0.75f + 0.25f * sinf(t * 40 + (float)i);
        disc(s, x * (float)s->w, y * (float)s->h, size * 0.5f, size, there * 0.8f * flutter, 225);
    }
    float walked = floorf((float)s->t / 3) * 0.05f + 0.05f * smooth(fmodf((float)s->t, 3));
    disc(s, (0.2f + walked) * (float)s->w, (0.75f - 0.5f * walked) * (float)s->h, 5, 5, 0.6f, 235);
}

/* Sun through a tree: patches of shade that swing with the wind, and gusts. */
static void tree_shadow(struct scene *s) {
    float t = (float)s->t, gust = 0.25f + 0.75f * value_noise(t * 0.35f, 3, 11);
    for (int y = 0; y < s->h; y++)
        for (int x = 0; x < s->w; x++) {
            float fx = (float)x / 640 * 640 / (float)s->w, fy = (float)y / (float)s->w;
            float swing = gust * (0.012f * sinf(2.1f * t + 5 * fx) + 0.007f * sinf(5.3f * t + 11 * fy));
            float lift = gust * 0.006f * sinf(3.1f * t + 7 * fx);
            float leaves = 0.55f * value_noise((fx + swing) * 9, (fy + lift) * 9, 21) +
                           0.3f * value_noise((fx + 1.6f * swing) * 21, (fy + lift) * 21, 22) +
                           0.15f * value_noise((fx + 2.2f * swing) * 47, (fy + lift) * 47, 23);
            float shade = smooth((leaves - 0.46f) / 0.09f) * smooth(1.35f - fx - 0.3f * fy);
            light(s, x, y, 1.12f - 0.62f * shade);
        }
}

/* Shade of clouds: the whole picture, slowly, and not everywhere at once. */
static void clouds(struct scene *s) {
    for (int y = 0; y < s->h; y++)
        for (int x = 0; x < s->w; x++) {
            float n = value_noise((float)x / (float)s->w * 1.3f + (float)s->t * 0.22f,
                                  (float)y / (float)s->h * 0.8f, 31);
            light(s, x, y, 1.08f - 0.5f * smooth((n - 0.35f) / 0.35f));
        }
}

static float sample(const float *plane, int w, int h, float x, float y) {
    x = x < 0 ? 0 : x > (float)w - 1.01f ? (float)w - 1.01f : x;
    y = y < 0 ? 0 : y > (float)h - 1.01f ? (float)h - 1.01f : y;
    int ix = (int)x, iy = (int)y;
    float fx = x - (float)ix, fy = y - (float)iy;
    const float *p = plane + iy * w + ix;
    return (p[0] * (1 - fx) + p[1] * fx) * (1 - fy) + (p[w] * (1 - fx) + p[w + 1] * fx) * fy;
}

static void move_plane(float *plane, int w, int h, float dx, float dy, float turn) {
    float *out = malloc((size_t)w * (size_t)h * sizeof *out);
    if (!out) exit(1);
    float zoom = 1 - 2 * SOURCE_MARGIN, cx = (float)w / 2, cy = (float)h / 2;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            float px = ((float)x - cx) * zoom, py = ((float)y - cy) * zoom;
            out[y * w + x] = sample(plane, w, h, cx + px - py * turn + dx, cy + py + px * turn + dy);
        }
    memcpy(plane, out, (size_t)w * (size_t)h * sizeof *out);
    free(out);
}

/* The mast in the wind: bursts of a few seconds, up to some three pixels. */
static void shake(struct scene *s) {
    float t = (float)s->t, burst = smooth(3 * (value_noise(t * 0.4f, 1, 41) - 0.35f));
    float dx = burst * (2.2f * sinf(2 * (float)PI * 2.3f * t) + 1.1f * sinf(2 * (float)PI * 5.1f * t + 1));
    float dy = burst * (1.0f * sinf(2 * (float)PI * 3.1f * t + 2));
    float turn = burst * 0.0016f * sinf(2 * (float)PI * 1.7f * t);
    move_plane(s->y, s->w, s->h, dx, dy, turn);
    move_plane(s->u, s->w / 2, s->h / 2, dx / 2, dy / 2, turn);
    move_plane(s->v, s->w / 2, s->h / 2, dx / 2, dy / 2, turn);
}

/* The camera's own exposure and white balance: steps with some easing, and what clips. */
static void exposure(struct scene *s) {
    static const struct {
        float at, gain, ease, tint;
    } steps[] = {{0, 1, 0.1f, 0},      {5, 1.45f, 0.25f, 0},  {9, 0.7f, 0.9f, 4},   {13, 1.0f, 0.07f, -3},
                 {17, 1.3f, 0.5f, -3}, {20, 0.55f, 0.07f, 0}, {23, 0.95f, 0.35f, 5}};
    float gain = 1, tint = 0;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        float k = smooth(((float)s->t - steps[i].at) / steps[i].ease);
        gain += (steps[i].gain - gain) * k;
        tint += (steps[i].tint - tint) * k;
    }
    for (int y = 0; y < s->h; y++)
        for (int x = 0; x < s->w; x++) light(s, x, y, gain);
    for (int i = 0; i < s->w * s->h / 4; i++) {
        s->u[i] += tint;
        s->v[i] -= tint;
    }
}

/* Water over the lower part: waves that bend what it mirrors, and sparks of sun. */
static void water(struct scene *s) {
    float t = (float)s->t;
    int top = s->h * 11 / 20;
    float *was = malloc((size_t)(s->w * s->h) * sizeof *was);
    if (!was) exit(1);
    memcpy(was, s->y, (size_t)(s->w * s->h) * sizeof *was);
    for (int y = top; y < s->h; y++)
        for (int x = 0; x < s->w; x++) {
            float near = (float)(y - top + 4) / (float)(s->h - top), fx = (float)x, fy = (float)y;
            float wave = sinf(fy * 0.9f / (0.25f + near) - 2.6f * t + 0.02f * fx) +
                         0.7f * sinf(0.05f * fx / near + 1.9f * t) +
                         0.5f * sinf(0.11f * fx - 0.2f * fy - 3.7f * t);
            float mirrored =
                sample(was, s->w, s->h, fx + 3 * near * wave, (float)(2 * top) - fy * 0.9f - 6 * near * wave);
            float spark = value_noise(fx * 0.35f + 2 * wave, fy * 0.8f - 5 * t, 51);
            float *p = &s->y[y * s->w + x];
            *p = 0.35f * *p + 0.45f * mirrored + 14 + 6 * wave;
            if (spark > 0.8f && wave > 0.4f) cover(s, x, y, 0.8f * smooth((spark - 0.8f) / 0.15f), 245);
        }
    free(was);
}

/* Dry leaves that the wind drives over the ground, and some that fall. */
static void leaves(struct scene *s) {
    for (int i = 0; i < 14; i++) {
        float t = (float)s->t + (float)i * 1.9f, life = 5 + 3 * hash01(i, 0, 61), k = fmodf(t, life) / life;
        int turn = (int)(t / life);
        float gust = value_noise(t * 0.8f, (float)i, 62), depth = 0.55f + 0.45f * hash01(i, turn, 63);
        float x = -0.1f + 1.2f * k + 0.04f * gust,
              y = i % 3 ? depth - 0.04f * fabsf(sinf(9 * k + (float)i)) : -0.1f + 1.1f * k;
        float size = 1.2f + 3.2f * depth, dark = 60 + 130 * hash01(i, turn, 64);
        for (int part = -1; part <= 1; part++)
            disc(s, x * (float)s->w + (float)part * size * cosf(7 * t),
                 y * (float)s->h + (float)part * size * 0.5f * sinf(9 * t), size * 0.7f, 0.8f, 0.85f, dark);
    }
}

static void nothing(struct scene *s) {
    (void)s;
}

static const struct {
    const char *name;
    void (*paint)(struct scene *s);
} effects[] = {
    {"night", night},           {"ir-switch", ir_switch}, {"rain", rain},   {"snow", snow},
    {"headlights", headlights}, {"insects", insects},     {"shake", shake}, {"tree-shadow", tree_shadow},
    {"clouds", clouds},         {"exposure", exposure},   {"water", water}, {"leaves", leaves},
    {"still", nothing},         {"lamps", street_lamps}};

/* --- In and out --- */

static void load(struct scene *s, const uint8_t *raw) {
    int luma = s->w * s->h;
    for (int i = 0; i < luma; i++) s->y[i] = raw[i];
    for (int i = 0; i < luma / 4; i++) {
        s->u[i] = raw[luma + i];
        s->v[i] = raw[luma + luma / 4 + i];
    }
}

static uint8_t byte_of(float v) {
    return v < 16 ? 16 : v > 235 ? 235 : (uint8_t)(v + 0.5f);
}

/* Noise of the sensor: a different place of the same table for each line. */
static void store(const struct scene *s, uint8_t *raw) {
    int luma = s->w * s->h;
    for (int y = 0; y < s->h; y++) {
        uint32_t at = chance();
        for (int x = 0; x < s->w; x++)
            raw[y * s->w + x] =
                byte_of(s->y[y * s->w + x] + s->noise * gauss[(at + (uint32_t)x) % GAUSS_COUNT]);
    }
    for (int i = 0; i < luma / 4; i++) {
        raw[luma + i] = byte_of(s->u[i]);
        raw[luma + luma / 4 + i] = byte_of(s->v[i]);
    }
}

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    struct scene s = {.w = (int)strtol(argv[2], NULL, 10), .h = (int)strtol(argv[3], NULL, 10)};
    double fps = strtod(argv[4], NULL);
    void (*paint)(struct scene * s) = NULL;
    for (size_t i = 0; i < sizeof effects / sizeof *effects; i++)
        if (strcmp(argv[1], effects[i].name) == 0) paint = effects[i].paint;
    if (!paint || s.w < 64 || s.h < 64 || s.w % 2 || s.h % 2 || s.w > 1920 || s.h > 1080 || fps < 1) return 2;
    state = strtoull(argv[5], NULL, 10) * 0x9e3779b97f4a7c15u + 1;
    for (int i = 0; i < GAUSS_COUNT; i++)
        gauss[i] = sqrtf(-2 * logf(uniform(1e-7f, 1))) * cosf(uniform(0, 2 * (float)PI));
    size_t luma = (size_t)s.w * (size_t)s.h, size = luma * 3 / 2;
    uint8_t *raw = malloc(size);
    s.y = malloc(size * sizeof *s.y);
    if (!raw || !s.y) return 1;
    s.u = s.y + luma;
    s.v = s.u + luma / 4;
    for (; fread(raw, 1, size, stdin) == size; s.number++) {
        s.t = s.number / fps;
        s.noise = 1.6f;
        load(&s, raw);
        paint(&s);
        store(&s, raw);
        if (fwrite(raw, 1, size, stdout) != size) return 1;
    }
    free(s.y);
    free(raw);
    return s.number ? 0 : 1;
}
