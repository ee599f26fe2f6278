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
#define MEAN_RATE_LIGHT 0.03f
#define GAIN_STEP 0.03f  /* a common change of more than this moves what was learnt along with it */
#define GAIN_BLOCK 10    /* places, each way, over which brightness is compared */
#define WHOLE_SHARE 0.5f /* changed at once: the picture is another */
#define WHOLE_BEFORE 0.25f
#define CALM_SHARE 0.1f /* from one look to the next: calibrating is over */
#define CALIBRATING_MOST_S 6.0
#define WINDOW 2           /* places each way: texture is compared in 5 x 5 */
#define TEXTURE 6.0f       /* variance below which there is none */
#define TEXTURE_KEPT 0.75f /* correlation */
#define TEXTURE_LOST 0.5f
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

static void scale_model(struct motion_model *m, float gain) {
    for (int i = 0; i < MODEL_PLACES; i++) m->mean[i] = at_most(m->mean[i] * gain, 255);
    for (int k = 0; k < MODEL_SAMPLES; k++)
        for (int i = 0; i < MODEL_PLACES; i++)
            m->samples[k][i] = (uint8_t)at_most((float)m->samples[k][i] * gain + 0.5f, 255);
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

static float chroma_off(const struct motion_model *m, const struct model_picture *p, int at) {
    if (!p->colour) return 0;
    int i = at / MODEL_COLUMNS / 2 * (MODEL_COLUMNS / 2) + at % MODEL_COLUMNS / 2;
    return at_least(fabsf((float)p->u[i] - m->mean_u[i]), fabsf((float)p->v[i] - m->mean_v[i]));
}

/* Whether the scene's texture is still there at this place: then only the light on it changed. */
static uint8_t judge_place(const struct motion_model *m, const struct model_picture *p, int at) {
    int cx = at % MODEL_COLUMNS, cy = at / MODEL_COLUMNS, n = 0;
    float a = 0, b = 0, aa = 0, bb = 0, ab = 0;
    for (int y = clamp(cy - WINDOW, MODEL_ROWS - 1); y <= clamp(cy + WINDOW, MODEL_ROWS - 1); y++)
        for (int x = clamp(cx - WINDOW, MODEL_COLUMNS - 1); x <= clamp(cx + WINDOW, MODEL_COLUMNS - 1);
             x++, n++) {
            float now = p->luma[y * MODEL_COLUMNS + x], usual = m->mean[y * MODEL_COLUMNS + x];
            a += now;
            b += usual;
            aa += now * now;
            bb += usual * usual;
            ab += now * usual;
        }
    float va = aa / (float)n - a * a / (float)(n * n), vb = bb / (float)n - b * b / (float)(n * n),
          vab = ab / (float)n - a * b / (float)(n * n), ratio = (a + 1) / (b + 1);
    bool other_colour = chroma_off(m, p, at) > CHROMA_OFF * (ratio > 1 ? at_most(ratio, 2) : 1);
    bool by_light = ratio > LIGHT_LEAST && ratio < LIGHT_MOST && !other_colour;
    if (va < TEXTURE && vb < TEXTURE) return other_colour ? CHANGED : UNSURE; /* flat before, flat now */
    float kept = vab / (sqrtf(at_least(va, 1) * at_least(vb, 1)) + 1);
    if (kept > TEXTURE_KEPT && by_light) return UNCHANGED;
    return kept < TEXTURE_LOST || other_colour ? CHANGED : UNSURE;
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
static void learn(struct motion_model *m, const struct model_picture *p, const uint8_t *found,
                  const float *nearest, double passed_s) {
    float share = m->looks < FIRST_LOOKS || passed_s > 2 ? LEARN_FIRST : LEARN;
    uint32_t threshold = (uint32_t)(share * 4294967295.0f);
    for (int i = 0; i < MODEL_PLACES; i++) {
        if (m->mask[i]) continue;
        float rate = found[i] ? MEAN_RATE_LIGHT : MEAN_RATE;
        if (passed_s > 2 || m->looks < FIRST_LOOKS) rate = 0.3f;
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

/* True while the picture as a whole is another from look to look, or has just become one. */
static bool calibrates(struct motion_model *m, const struct model_picture *p, float share, double now_s) {
    bool at_once = share > WHOLE_SHARE && m->changed_share < WHOLE_BEFORE;
    m->changed_share = share;
    if (at_once && !m->calibrating) {
        m->calibrating = true;
        m->calibrating_s = now_s;
    } else if (m->calibrating &&
               (share_of_changes(m, p) < CALM_SHARE || now_s - m->calibrating_s > CALIBRATING_MOST_S)) {
        m->calibrating = false;
    } else if (!m->calibrating) {
        return false;
    }
    m->changed_share = 0;
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
    if (fabsf(gain - 1) > GAIN_STEP) scale_model(m, gain);
    uint8_t raw[MODEL_PLACES], found[MODEL_PLACES];
    int changed = find_changes(m, p->luma, raw, nearest);
    memcpy(found, raw, sizeof found);
    if (!calibrates(m, p, (float)changed / MODEL_PLACES, now_s)) {
        judge(m, p, raw);
        note_recent(m, p);
        learn_restlessness(m, found, passed_s);
        motion_parts_find(m, raw, p, out);
        learn(m, p, found, nearest, passed_s);
        m->looks++;
    }
    m->before = *p;
    return out->score;
}
