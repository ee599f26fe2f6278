/* hidden_mark.c: the embedder. It raises each coded bit's correlation, step by step and the weakest first,
 * until all are strong enough or the budget of change is spent; so no frame is changed by more than the
 * budget.
 *
 * What a reader measures of a chip is how much it differs from its neighbours above, below, left and right,
 * and never more than CLIP of it: an edge of the picture says nothing of a mark. */
#include "mark/hidden_mark.h"

#include <string.h>

#include "mark/mark_code.h"

/* A difference is the sum over the neighbours (4, or fewer at the frame's edge), of means times 16. */
#define UNIT 16
#define CLIP (10 * 4 * UNIT)
/* What a bit's chips shall sum to, and in which steps it is reached: in shades of one chip's mean. */
#define TARGET (24 * 4 * UNIT)
#define STEP (3 * 4 * UNIT)

struct embedding {
    struct mark_layout layout;
    int8_t want[MARK_CODED_BITS];
    int32_t difference[MARK_CHIPS];
    int32_t score[MARK_CODED_BITS];
    int8_t *delta;
    int32_t spent; /* sum of squares */
};

static int neighbours(int chip, int out[4]) {
    int column = chip % MARK_COLUMNS, row = chip / MARK_COLUMNS, n = 0;
    if (row > 0) out[n++] = chip - MARK_COLUMNS;
    if (row < MARK_ROWS - 1) out[n++] = chip + MARK_COLUMNS;
    if (column > 0) out[n++] = chip - 1;
    if (column < MARK_COLUMNS - 1) out[n++] = chip + 1;
    return n;
}

static int32_t clipped(int32_t difference) {
    return difference > CLIP ? CLIP : difference < -CLIP ? -CLIP : difference;
}

static void shift(struct embedding *m, int chip, int32_t by) {
    int32_t *score = &m->score[m->layout.bit_of[chip]];
    *score -= m->layout.sign_of[chip] * clipped(m->difference[chip]);
    m->difference[chip] += by;
    *score += m->layout.sign_of[chip] * clipped(m->difference[chip]);
}

static void begin(struct embedding *m, const int32_t means_16[MARK_CHIPS]) {
    memset(m->score, 0, sizeof m->score);
    for (int chip = 0; chip < MARK_CHIPS; chip++) {
        int around[4], n = neighbours(chip, around);
        m->difference[chip] = n * means_16[chip];
        for (int i = 0; i < n; i++) m->difference[chip] -= means_16[around[i]];
        m->score[m->layout.bit_of[chip]] += m->layout.sign_of[chip] * clipped(m->difference[chip]);
    }
}

/* Lightens or darkens a chip by one shade towards what its bit wants. */
static void step(struct embedding *m, int chip, int direction) {
    int around[4], n = neighbours(chip, around);
    int before = m->delta[chip];
    m->delta[chip] = (int8_t)(before + direction);
    m->spent += m->delta[chip] * m->delta[chip] - before * before;
    shift(m, chip, n * UNIT * direction);
    for (int i = 0; i < n; i++) shift(m, around[i], -UNIT * direction);
}

/* Brings one bit to the target, by chips that were changed least first. False: the budget is spent. */
static bool raise_bit(struct embedding *m, int bit, int32_t target) {
    int want = m->want[bit];
    for (int level = 1; level <= MARK_DELTA_MAX; level++) {
        for (int i = 0; i < m->layout.counts[bit]; i++) {
            if (want * m->score[bit] >= target) return true;
            int chip = m->layout.chips[bit][i];
            int direction = want * m->layout.sign_of[chip];
            int32_t towards = direction * m->difference[chip];
            if (direction * m->delta[chip] >= level || towards >= CLIP || towards < -CLIP - UNIT) continue;
            if (m->spent * 16 >= MARK_BUDGET_16 * MARK_CHIPS) return false;
            step(m, chip, direction);
        }
    }
    return true;
}

void hidden_mark_deltas(const int32_t means_16[MARK_CHIPS], struct hidden_mark mark, int8_t out[MARK_CHIPS]) {
    struct embedding m = {.delta = out};
    memset(out, 0, MARK_CHIPS);
    mark_layout_make(&m.layout);
    mark_encode(mark, m.want);
    begin(&m, means_16);
    for (int32_t target = STEP; target <= TARGET; target += STEP)
        for (int bit = 0; bit < MARK_CODED_BITS; bit++)
            if (!raise_bit(&m, bit, target)) return;
}

struct span {
    int begin, end;
};

static struct span chip_span(int i, int chips, int length) {
    return (struct span){(int)((int64_t)i * length / chips), (int)((int64_t)(i + 1) * length / chips)};
}

static int32_t mean_16(const uint8_t *rgba, int width, struct span x, struct span y) {
    uint64_t sum = 0;
    for (int row = y.begin; row < y.end; row++) {
        const uint8_t *p = rgba + ((size_t)row * (size_t)width + (size_t)x.begin) * 4;
        for (int column = x.begin; column < x.end; column++, p += 4)
            sum += (77u * p[0] + 150u * p[1] + 29u * p[2]) >> 8;
    }
    return (int32_t)(sum * 16 / (uint64_t)((x.end - x.begin) * (y.end - y.begin)));
}

static uint8_t byte_of(int v) {
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void add(uint8_t *rgba, int width, struct span x, struct span y, int delta) {
    for (int row = y.begin; row < y.end; row++) {
        uint8_t *p = rgba + ((size_t)row * (size_t)width + (size_t)x.begin) * 4;
        for (int column = x.begin; column < x.end; column++, p += 4)
            for (int c = 0; c < 3; c++) p[c] = byte_of(p[c] + delta);
    }
}

void hidden_mark_embed(uint8_t *rgba, int width, int height, struct hidden_mark mark) {
    int32_t means_16[MARK_CHIPS];
    int8_t delta[MARK_CHIPS];
    for (int chip = 0; chip < MARK_CHIPS; chip++)
        means_16[chip] = mean_16(rgba, width, chip_span(chip % MARK_COLUMNS, MARK_COLUMNS, width),
                                 chip_span(chip / MARK_COLUMNS, MARK_ROWS, height));
    hidden_mark_deltas(means_16, mark, delta);
    for (int chip = 0; chip < MARK_CHIPS; chip++)
        add(rgba, width, chip_span(chip % MARK_COLUMNS, MARK_COLUMNS, width),
            chip_span(chip / MARK_COLUMNS, MARK_ROWS, height), delta[chip]);
}
