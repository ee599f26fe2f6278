#include "media/motion_grid.h"

#include <math.h>
#include <stdlib.h>

#define LEAST_CHANGE 6.0f    /* of 255: below it is noise of any sensor */
#define DEVIATIONS 4.0f      /* what sways by itself has to do more than that */
#define LEARN 0.1f           /* of the way to what a still cell shows, at each look */
#define LEARN_CHANGED 0.004f /* slow, so that what passes leaves no ghost */
#define LEARN_SWAYING 0.02f
#define ADOPT_LOOKS 100    /* what stays for 20 s is background: a parked car */
#define WHOLE_PICTURE 0.6f /* of the cells */
#define LEAST_CELLS 2      /* one cell alone is a spark of noise */
#define STEP 2             /* every second pixel of every second line is enough for an average */

void motion_grid_cells(const uint8_t *luma, size_t stride, int width, int height,
                       float cells[MOTION_GRID_CELLS]) {
    for (int row = 0; row < MOTION_GRID_ROWS; row++) {
        int top = row * height / MOTION_GRID_ROWS, bottom = (row + 1) * height / MOTION_GRID_ROWS;
        uint32_t sums[MOTION_GRID_COLUMNS] = {0}, counts[MOTION_GRID_COLUMNS] = {0};
        for (int y = top; y < bottom; y += STEP) {
            const uint8_t *line = luma + (size_t)y * stride;
            for (int column = 0; column < MOTION_GRID_COLUMNS; column++) {
                int left = column * width / MOTION_GRID_COLUMNS,
                    right = (column + 1) * width / MOTION_GRID_COLUMNS;
                for (int x = left; x < right; x += STEP) sums[column] += line[x];
                counts[column] += (uint32_t)((right - left + STEP - 1) / STEP);
            }
        }
        for (int column = 0; column < MOTION_GRID_COLUMNS; column++)
            cells[row * MOTION_GRID_COLUMNS + column] =
                counts[column] ? (float)sums[column] / (float)counts[column] : 0;
    }
}

static int compare_floats(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

/* What the whole picture became brighter or darker by: exposure, not motion. */
static float common_change(const struct motion_grid *g, const float cells[MOTION_GRID_CELLS]) {
    float changes[MOTION_GRID_CELLS];
    for (size_t i = 0; i < MOTION_GRID_CELLS; i++) changes[i] = cells[i] - g->mean[i];
    qsort(changes, MOTION_GRID_CELLS, sizeof *changes, compare_floats);
    return changes[MOTION_GRID_CELLS / 2];
}

static void learn_anew(struct motion_grid *g, const float cells[MOTION_GRID_CELLS]) {
    for (size_t i = 0; i < MOTION_GRID_CELLS; i++) {
        g->mean[i] = cells[i];
        g->deviation[i] = 1;
        g->changed_looks[i] = 0;
    }
    g->learnt = true;
}

static void learn(struct motion_grid *g, const float cells[MOTION_GRID_CELLS],
                  const bool changed[MOTION_GRID_CELLS]) {
    for (size_t i = 0; i < MOTION_GRID_CELLS; i++) {
        float off = cells[i] - g->mean[i];
        g->changed_looks[i] = changed[i] ? (uint8_t)(g->changed_looks[i] + 1) : 0;
        if (g->changed_looks[i] >= ADOPT_LOOKS) {
            g->mean[i] = cells[i];
            g->changed_looks[i] = 0;
            continue;
        }
        g->mean[i] += (changed[i] ? LEARN_CHANGED : LEARN) * off;
        /* Swaying cells become tolerant as their deviation grows. */
        g->deviation[i] += (changed[i] ? LEARN_SWAYING : LEARN) * (fabsf(off) - g->deviation[i]);
    }
}

struct box {
    int left, top, right, bottom, cells;
};

/* Marks the connected changed cells from `start` on and returns their bounds. */
static struct box flood(bool changed[MOTION_GRID_CELLS], int start) {
    int stack[MOTION_GRID_CELLS], depth = 0;
    struct box b = {MOTION_GRID_COLUMNS, MOTION_GRID_ROWS, 0, 0, 0};
    stack[depth++] = start;
    changed[start] = false;
    while (depth) {
        int at = stack[--depth], x = at % MOTION_GRID_COLUMNS, y = at / MOTION_GRID_COLUMNS;
        b.left = x < b.left ? x : b.left;
        b.top = y < b.top ? y : b.top;
        b.right = x + 1 > b.right ? x + 1 : b.right;
        b.bottom = y + 1 > b.bottom ? y + 1 : b.bottom;
        b.cells++;
        for (int dy = -1; dy <= 1; dy++) {
            for (int dx = -1; dx <= 1; dx++) {
                int nx = x + dx, ny = y + dy, next = ny * MOTION_GRID_COLUMNS + nx;
                if (nx < 0 || ny < 0 || nx >= MOTION_GRID_COLUMNS || ny >= MOTION_GRID_ROWS || !changed[next])
                    continue;
                changed[next] = false;
                stack[depth++] = next;
            }
        }
    }
    return b;
}

static void add_region(struct worker_motion *out, struct box b) {
    if (out->count == WORKER_REGIONS_MAX) return;
    int x = b.left * 255 / MOTION_GRID_COLUMNS, y = b.top * 255 / MOTION_GRID_ROWS;
    int right = b.right * 255 / MOTION_GRID_COLUMNS, bottom = b.bottom * 255 / MOTION_GRID_ROWS;
    out->regions[out->count++] =
        (struct worker_region){(uint8_t)x, (uint8_t)y, (uint8_t)(right - x), (uint8_t)(bottom - y)};
}

uint8_t motion_grid_look(struct motion_grid *g, const float cells[MOTION_GRID_CELLS],
                         struct worker_motion *out) {
    out->score = out->count = 0;
    if (!g->learnt) {
        learn_anew(g, cells);
        return 0;
    }
    float common = common_change(g, cells), strongest = 0;
    bool changed[MOTION_GRID_CELLS];
    int count = 0;
    for (size_t i = 0; i < MOTION_GRID_CELLS; i++) {
        float off = fabsf(cells[i] - g->mean[i] - common), limit = DEVIATIONS * g->deviation[i];
        changed[i] = off > (limit > LEAST_CHANGE ? limit : LEAST_CHANGE);
        count += changed[i];
        if (changed[i] && off > strongest) strongest = off;
    }
    if ((float)count > WHOLE_PICTURE * MOTION_GRID_CELLS || fabsf(common) > 4 * LEAST_CHANGE) {
        learn_anew(g, cells);
        return 0;
    }
    learn(g, cells, changed);
    int area = 0;
    for (int i = 0; i < MOTION_GRID_CELLS; i++) {
        if (!changed[i]) continue;
        struct box b = flood(changed, i);
        if (b.cells < LEAST_CELLS) continue;
        area += b.cells;
        add_region(out, b);
    }
    if (area == 0) return 0;
    float score = 32 + 2 * strongest + 4 * (float)area;
    return out->score = score > 255 ? 255 : (uint8_t)score;
}
