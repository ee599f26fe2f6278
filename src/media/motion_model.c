#include "media/motion_model.h"

#include <math.h>
#include <stdlib.h>

#include "media/motion_parts.h"

#define NEAR_ENOUGH 2    /* samples that must be within reach */
#define REACH_LEAST 8.0f /* of 255: an average of some 16 pixels is off by less than this by noise alone */
#define REACH_MOST 60.0f
#define REACH_DISTANCES 5.0f /* the reach follows so many times the usual distance */
#define REACH_RATE 0.06f
#define DISTANCE_RATE 0.06f
#define RESTLESS_MOST 12.0f /* a place that changes sides at every other look gets there in 30 looks */
#define RESTLESS_CALM 0.12f /* of a look without */
#define RESTLESS_CALM_S 0.4 /* of a second without looks */
#define RESTLESS_REACH 0.14f
#define LEARN 0.17f /* chance of a sample's being replaced, at each look */
#define LEARN_FIRST 0.6f
#define FIRST_LOOKS 20
#define MEAN_RATE 0.08f
#define MEAN_RATE_FIRST 0.3f
#define GAIN_STEP 0.03f  /* a common change of more than this moves what was learnt along with it */
#define GAIN_BLOCK 10    /* places, each way, over which brightness is compared */
#define WHOLE_SHARE 0.4f /* changed at once: the picture is another */
#define WHOLE_BEFORE 0.25f
#define WHOLE_WITHIN_S 1.2
#define GAIN_LEAST 0.65f /* another light altogether */
#define GAIN_MOST 1.55f
#define CALM_SHARE 0.02f /* from one look to the next: calibrating is over */
#define CALIBRATING_LEAST_S 1.0
#define CALIBRATING_MOST_S 6.0
#define WINDOW 2      /* places each way: texture is compared in 5 x 5 */
#define BLACK 15.0f   /* luma of no light; cameras of the full range have 0, and little is lost for them */
#define TEXTURE 12.0f /* variance, of both, below which there is none */
#define TEXTURE_NEW 35.0f /* what is left over of it that no light brings */
#define TEXTURE_LOST 0.5f /* of both */
#define TEXTURE_KEPT 0.25f
#define LIGHT_LEAST 0.25f /* brightness that light alone makes of a thing's usual one */
#define LIGHT_MOST 4.5f
#define CHROMA_OFF 9.0f /* of 255 */
#define RECENT_LOOKS 5
#define RECENT_CHANGE 0.7f /* of the reach, from one look to the next */

enum { UNCHANGED, UNSURE, CHANGED };

static uint32_t chance(struct motion_model *m) { /* xorshift64* */
    m->random ^= m->random >> 12;
    m->random ^= m->random << 25;
    m->random ^= m->random >> 27;
    return (uint32_t)((m->random * 0x2545f4914f6cdd1du) >> 32);
}

static float at_least(float a, float b) {
    return a > b ? a : b;
}
static float at_most(float a, float b) {
    return a < b ? a : b;
}

/* --- Reducing --- */

void model_reduce(const uint8_t *plane, size_t stride, int width, int height, uint8_t *out, int columns,
                  int rows) {
    int step = height / rows >= 8 ? 2 : 1; /* of a large picture every second line is enough */
    for (int row = 0; row < rows; row++) {
        int top = row * height / rows, bottom = (row + 1) * height / rows;
        uint32_t sums[MODEL_COLUMNS] = {0};
        for (int y = top; y < bottom; y += step) {
            const uint8_t *line = plane + (size_t)y * stride;
            for (int c = 0; c < columns; c++) {
                int left = c * width / columns, right = (c + 1) * width / columns;
                uint32_t sum = 0;
                for (int x = left; x < right; x++) sum += line[x];
                sums[c] += sum;
            }
        }
        uint32_t lines = (uint32_t)((bottom - top + step - 1) / step);
        for (int c = 0; c < columns; c++) {
            uint32_t count = lines * (uint32_t)((c + 1) * width / columns - c * width / columns);
            out[row * columns + c] = (uint8_t)((sums[c] + count / 2) / count);
        }
    }
}

/* --- Learning anew --- */

static int clamp(int v, int most) {
    return v < 0 ? 0 : v > most ? most : v;
}

/* A place's first samples are its own value and its neighbours' (ViBe section III-C). */
static void learn_place(struct motion_model *m, const uint8_t *luma, int at) {
    int x = at % MODEL_COLUMNS, y = at / MODEL_COLUMNS;
    uint64_t random = (uint64_t)chance(m) << 32 | chance(m);
    m->samples[0][at] = m->samples[1][at] = luma[at];
    for (int i = 2; i < MODEL_SAMPLES; i++, random >>= 8) {
        int nx = clamp(x + (int)(random & 15) % 3 - 1, MODEL_COLUMNS - 1);
        int ny = clamp(y + (int)(random >> 4 & 15) % 3 - 1, MODEL_ROWS - 1);
        m->samples[i][at] = luma[ny * MODEL_COLUMNS + nx];
    }
    m->mean[at] = luma[at];
}

static void learn_anew(struct motion_model *m, const struct model_picture *p) {
    if (!m->random) m->random = 0x9e3779b97f4a7c15u;
    for (int i = 0; i < MODEL_PLACES; i++) {
        learn_place(m, p->luma, i);
        if (!m->learnt) m->reach[i] = REACH_LEAST;
    }
    for (int i = 0; i < MODEL_CHROMA; i++) {
        m->mean_u[i] = p->u[i];
        m->mean_v[i] = p->v[i];
    }
    memset(m->was_changed, 0, sizeof m->was_changed);
    memset(m->recent, 0, sizeof m->recent);
    m->part_count = 0;
    m->looks = 0;
    m->learnt = true;
}

void motion_model_settle(struct motion_model *m) {
    if (!m->learnt) return;
    for (int i = 0; i < MODEL_PLACES; i++)
        if (m->mask[i]) learn_place(m, m->before.luma, i);
    for (int i = 0; i < MODEL_CHROMA && m->before.colour; i++) {
        int at = i / (MODEL_COLUMNS / 2) * 2 * MODEL_COLUMNS + i % (MODEL_COLUMNS / 2) * 2;
        if (!m->mask[at]) continue;
        m->mean_u[i] = m->before.u[i];
        m->mean_v[i] = m->before.v[i];
    }
    memset(m->mask, 0, sizeof m->mask);
    memset(m->recent, 0, sizeof m->recent);
    m->part_count = 0;
}

/* --- Exposure --- */

static int compare_floats(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

/* The median over blocks of how many times brighter the picture is than the scene. */
static float common_gain(const struct motion_model *m, const struct model_picture *p) {
    float ratios[MODEL_PLACES / (GAIN_BLOCK * GAIN_BLOCK)];
    size_t count = 0;
    for (int top = 0; top < MODEL_ROWS; top += GAIN_BLOCK)
        for (int left = 0; left < MODEL_COLUMNS; left += GAIN_BLOCK) {
            float now = 0, usual = 0;
            for (int y = top; y < top + GAIN_BLOCK; y++)
                for (int x = left; x < left + GAIN_BLOCK; x++) {
                    now += p->luma[y * MODEL_COLUMNS + x];
                    usual += m->mean[y * MODEL_COLUMNS + x];
                }
            ratios[count++] = (now + 100) / (usual + 100);
        }
    qsort(ratios, count, sizeof *ratios, compare_floats);
    return ratios[count / 2];
}

/* What would be brighter than the picture's brightest is clipped as that is. */
static void scale_model(struct motion_model *m, const struct model_picture *p, float gain) {
    float most = 0;
    for (int i = 0; i < MODEL_PLACES; i++) most = at_least(most, p->luma[i]);
    for (int i = 0; i < MODEL_PLACES; i++) m->mean[i] = at_most(m->mean[i] * gain, most);
    for (int k = 0; k < MODEL_SAMPLES; k++)
        for (int i = 0; i < MODEL_PLACES; i++)
            m->samples[k][i] = (uint8_t)at_most((float)m->samples[k][i] * gain + 0.5f, most);
}

/* --- What changed --- */

/* The least (or, with sign -1, minus the greatest) of each place's neighbourhood of 3 x 3. */
static void spread_least(const float *in, float *out, float sign) {
    static const int reach = 1;
    float rows[MODEL_PLACES];
    for (int y = 0; y < MODEL_ROWS; y++)
        for (int x = 0; x < MODEL_COLUMNS; x++) {
            const float *line = in + y * MODEL_COLUMNS;
            float a = sign * line[clamp(x - reach, MODEL_COLUMNS - 1)], b = sign * line[x],
                  c = sign * line[clamp(x + reach, MODEL_COLUMNS - 1)];
            rows[y * MODEL_COLUMNS + x] = at_most(a, at_most(b, c));
        }
    for (int y = 0; y < MODEL_ROWS; y++) {
        const float *above = rows + clamp(y - reach, MODEL_ROWS - 1) * MODEL_COLUMNS,
                    *here = rows + y * MODEL_COLUMNS,
                    *below = rows + clamp(y + reach, MODEL_ROWS - 1) * MODEL_COLUMNS;
        for (int x = 0; x < MODEL_COLUMNS; x++)
            out[y * MODEL_COLUMNS + x] = at_most(above[x], at_most(here[x], below[x]));
    }
}

static float reach_at(const struct motion_model *m, int at) {
    return m->reach[at] * (1 + RESTLESS_REACH * m->restless[at]);
}

/* Marks what neither the place's own samples nor its neighbours' means explain, and keeps distances. */
static int find_changes(struct motion_model *m, const uint8_t *luma, uint8_t *raw, float *nearest) {
    float low[MODEL_PLACES], high[MODEL_PLACES];
    spread_least(m->mean, low, 1);
    spread_least(m->mean, high, -1);
    int changed = 0;
    for (int i = 0; i < MODEL_PLACES; i++) {
        float reach = reach_at(m, i), least = 255;
        int near = 0;
        for (int k = 0; k < MODEL_SAMPLES; k++) {
            float off = fabsf((float)luma[i] - (float)m->samples[k][i]);
            near += off < reach;
            least = at_most(least, off);
        }
        nearest[i] = least;
        bool explained =
            near >= NEAR_ENOUGH || ((float)luma[i] > low[i] - reach && (float)luma[i] < -high[i] + reach);
        raw[i] = explained ? UNCHANGED : CHANGED;
        changed += !explained;
    }
    return changed;
}

/* --- Light --- */

/* How far a value is from where light `ratio` times the usual one may put it: colour follows brightness, or
 * stays where the camera evens it out. */
static float value_off(float now, float usual, float ratio) {
    float follows = 128 + (usual - 128) * ratio, low = at_most(follows, usual),
          high = at_least(follows, usual);
    return at_least(at_least(low - now, now - high), 0);
}

static float chroma_off(const struct motion_model *m, const struct model_picture *p, int at, float ratio) {
    if (!p->colour) return 0;
    int i = at / MODEL_COLUMNS / 2 * (MODEL_COLUMNS / 2) + at % MODEL_COLUMNS / 2;
    return at_least(value_off(p->u[i], m->mean_u[i], ratio), value_off(p->v[i], m->mean_v[i], ratio));
}

/* How a window of the picture and of the scene go together. */
struct texture {
    float ratio;    /* of their brightness */
    float together; /* their variances, the scene's in this light */
    float left;     /* of them when the scene's texture is taken off */
};

static struct texture compare_texture(const struct motion_model *m, const struct model_picture *p, int left,
                                      int top, int size) {
    int right = clamp(left + size, MODEL_COLUMNS), bottom = clamp(top + size, MODEL_ROWS);
    float a = 0, b = 0, aa = 0, bb = 0, ab = 0, n = 0;
    for (int y = clamp(top, MODEL_ROWS - 1); y < bottom; y++)
        for (int x = clamp(left, MODEL_COLUMNS - 1); x < right; x++, n++) {
            float now = p->luma[y * MODEL_COLUMNS + x] - BLACK,
                  usual = m->mean[y * MODEL_COLUMNS + x] - BLACK;
            a += now;
            b += usual;
            aa += now * now;
            bb += usual * usual;
            ab += now * usual;
        }
    float va = aa / n - a * a / (n * n), vb = bb / n - b * b / (n * n), vab = ab / n - a * b / (n * n);
    float ratio = at_least(a, 1) / at_least(b, 1), together = va + vb * ratio * ratio;
    return (struct texture){ratio, together, together - 2 * ratio * vab};
}

static bool by_light(const struct texture *t) {
    return t->ratio > LIGHT_LEAST && t->ratio < LIGHT_MOST && t->together > TEXTURE &&
           t->left < TEXTURE_KEPT * t->together + 4;
}

/* Whether the scene's texture is still there at this place: then only the light on it changed. Where the edge
 * of a shadow runs through the window, a corner of it is all on one side (as in Kuwahara's filter). */
static uint8_t judge_place(const struct motion_model *m, const struct model_picture *p, int at) {
    int x = at % MODEL_COLUMNS - WINDOW, y = at / MODEL_COLUMNS - WINDOW;
    struct texture whole = compare_texture(m, p, x, y, 2 * WINDOW + 1);
    if (chroma_off(m, p, at, whole.ratio) > CHROMA_OFF) return CHANGED;
    if (by_light(&whole)) return UNCHANGED;
    if (whole.left <= TEXTURE_NEW || whole.left <= TEXTURE_LOST * whole.together) return UNSURE;
    for (int corner = 0; corner < 4; corner++) {
        struct texture part =
            compare_texture(m, p, x + corner % 2 * WINDOW, y + corner / 2 * WINDOW, WINDOW + 1);
        if (by_light(&part)) return UNCHANGED;
    }
    return CHANGED;
}

static void judge(struct motion_model *m, const struct model_picture *p, uint8_t *raw) {
    for (int i = 0; i < MODEL_PLACES; i++)
        if (raw[i]) raw[i] = judge_place(m, p, i);
}

/* --- Learning --- */

static void learn_restlessness(struct motion_model *m, const uint8_t *raw, double passed_s) {
    float calm = passed_s > 1 ? (float)(RESTLESS_CALM_S * passed_s) : RESTLESS_CALM;
    for (int i = 0; i < MODEL_PLACES; i++) {
        bool flipped = (raw[i] != UNCHANGED) != (m->was_changed[i] != 0);
        m->restless[i] += flipped ? 1 : -calm;
        m->restless[i] = at_most(at_least(m->restless[i], 0), RESTLESS_MOST);
        m->was_changed[i] = raw[i] != UNCHANGED;
    }
}

static void learn_place_more(struct motion_model *m, const struct model_picture *p, int at,
                             uint32_t threshold) {
    uint32_t r = chance(m);
    if (r < threshold) m->samples[r % MODEL_SAMPLES][at] = p->luma[at];
    r = chance(m);
    if (r >= threshold) return;
    int x = clamp(at % MODEL_COLUMNS + (int)(r >> 8 & 255) % 3 - 1, MODEL_COLUMNS - 1),
        y = clamp(at / MODEL_COLUMNS + (int)(r >> 16 & 255) % 3 - 1, MODEL_ROWS - 1);
    if (!m->mask[y * MODEL_COLUMNS + x]) m->samples[r % MODEL_SAMPLES][y * MODEL_COLUMNS + x] = p->luma[at];
}

/* From what is no thing: `mask` holds what is. */
static void learn(struct motion_model *m, const struct model_picture *p, const float *nearest,
                  double passed_s) {
    float share = m->looks < FIRST_LOOKS || passed_s > 2 ? LEARN_FIRST : LEARN;
    uint32_t threshold = (uint32_t)(share * 4294967295.0f);
    float rate = passed_s > 2 || m->looks < FIRST_LOOKS ? MEAN_RATE_FIRST : MEAN_RATE;
    for (int i = 0; i < MODEL_PLACES; i++) {
        if (m->mask[i]) continue;
        m->mean[i] += rate * ((float)p->luma[i] - m->mean[i]);
        m->distance[i] += DISTANCE_RATE * (nearest[i] - m->distance[i]);
        float wanted = at_most(at_least(m->distance[i] * REACH_DISTANCES, REACH_LEAST), REACH_MOST);
        m->reach[i] += REACH_RATE * (wanted - m->reach[i]);
        learn_place_more(m, p, i, threshold);
    }
    for (int i = 0; i < MODEL_CHROMA && p->colour; i++) {
        int at = i / (MODEL_COLUMNS / 2) * 2 * MODEL_COLUMNS + i % (MODEL_COLUMNS / 2) * 2;
        if (m->mask[at]) continue;
        m->mean_u[i] += MEAN_RATE * ((float)p->u[i] - m->mean_u[i]);
        m->mean_v[i] += MEAN_RATE * ((float)p->v[i] - m->mean_v[i]);
    }
}

/* --- The look --- */

static float share_of_changes(const struct motion_model *m, const struct model_picture *p) {
    int count = 0;
    for (int i = 0; i < MODEL_PLACES; i++) count += abs(p->luma[i] - m->before.luma[i]) > (int)REACH_LEAST;
    return (float)count / MODEL_PLACES;
}

static void note_recent(struct motion_model *m, const struct model_picture *p) {
    for (int i = 0; i < MODEL_PLACES; i++) {
        float off = fabsf((float)p->luma[i] - (float)m->before.luma[i]);
        if (off > RECENT_CHANGE * m->reach[i])
            m->recent[i] = RECENT_LOOKS;
        else if (m->recent[i])
            m->recent[i]--;
    }
}

static bool is_calm(const struct motion_model *m, const struct model_picture *p, double for_s) {
    if (for_s < CALIBRATING_LEAST_S) return false;
    return share_of_changes(m, p) < CALM_SHARE || for_s > CALIBRATING_MOST_S;
}

/* True while the picture as a whole is another from look to look, or has just become one. */
static bool calibrates(struct motion_model *m, const struct model_picture *p, float share, float gain,
                       double now_s) {
    if (share < WHOLE_BEFORE && !m->calibrating) m->calm_s = now_s;
    bool other_light = gain < GAIN_LEAST || gain > GAIN_MOST;
    bool at_once = (share > WHOLE_SHARE && now_s - m->calm_s < WHOLE_WITHIN_S) || other_light;
    m->calibrated = false;
    if (at_once && !m->calibrating) {
        m->calibrating = true;
        m->calibrating_s = now_s;
    } else if (m->calibrating && is_calm(m, p, now_s - m->calibrating_s)) {
        m->calibrating = false;
        m->calibrated = true;
        m->calm_s = now_s;
    } else if (!m->calibrating) {
        return false;
    }
    learn_anew(m, p);
    return true;
}

uint8_t motion_model_look(struct motion_model *m, const struct model_picture *p, double now_s,
                          struct worker_motion *out) {
    double passed_s = now_s - m->looked_s;
    m->looked_s = now_s;
    out->score = out->count = 0;
    m->suspect = false;
    if (!m->learnt) {
        learn_anew(m, p);
        m->before = *p;
        return 0;
    }
    float gain = common_gain(m, p), nearest[MODEL_PLACES];
    if (fabsf(gain - 1) > GAIN_STEP) scale_model(m, p, gain);
    uint8_t raw[MODEL_PLACES], found[MODEL_PLACES];
    int changed = find_changes(m, p->luma, raw, nearest);
    memcpy(found, raw, sizeof found);
    if (!calibrates(m, p, (float)changed / MODEL_PLACES, gain, now_s)) {
        judge(m, p, raw);
        note_recent(m, p);
        learn_restlessness(m, found, passed_s);
        motion_parts_find(m, raw, p, out);
        learn(m, p, nearest, passed_s);
        m->looks++;
    }
    m->before = *p;
    return out->score;
}
