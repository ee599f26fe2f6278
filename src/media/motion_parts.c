#include "media/motion_parts.h"

#include <math.h>

#define NEIGHBOURS 4      /* of nine, itself counted: fewer are a spark */
#define AREA_LEAST 8      /* places of 4 x 4 pixels of a substream */
#define AREA_LARGE 40     /* believed at the second look */
#define AREA_HUGE 160     /* believed at once */
#define CHAIN_SMALL 4     /* looks in a row for anything smaller */
#define SOLID_SHARE 0.2f  /* of a part must certainly be a thing */
#define RECENT_SHARE 0.1f /* of a part must have changed within the last looks */
#define JOIN 2            /* places between parts of one region */

/* Fewer than NEIGHBOURS changed places together are none. */
static void clean(const uint8_t *found, uint8_t *mask) {
    memset(mask, 0, MODEL_PLACES);
    for (int y = 1; y < MODEL_ROWS - 1; y++)
        for (int x = 1; x < MODEL_COLUMNS - 1; x++) {
            int at = y * MODEL_COLUMNS + x, count = 0;
            for (int dy = -MODEL_COLUMNS; dy <= MODEL_COLUMNS; dy += MODEL_COLUMNS)
                count += (found[at + dy - 1] != 0) + (found[at + dy] != 0) + (found[at + dy + 1] != 0);
            if (count >= NEIGHBOURS) mask[at] = found[at] ? found[at] : 1;
        }
}

static void add_place(struct motion_model *m, struct model_part *part, const struct model_picture *p,
                      int at) {
    int x = at % MODEL_COLUMNS, y = at / MODEL_COLUMNS;
    part->left = x < part->left ? x : part->left;
    part->top = y < part->top ? y : part->top;
    part->right = x + 1 > part->right ? x + 1 : part->right;
    part->bottom = y + 1 > part->bottom ? y + 1 : part->bottom;
    part->area++;
    part->solid += m->mask[at] == 2;
    part->recent += m->recent[at] != 0;
    part->change += fabsf((float)p->luma[at] - m->mean[at]);
}

/* Takes the places that are connected with `start`, over gaps of JOIN, off `left`. */
static struct model_part flood(struct motion_model *m, uint8_t *left, const struct model_picture *p,
                               int start) {
    static const struct model_part none = {MODEL_COLUMNS, MODEL_ROWS, 0, 0, 0, 0, 0, 0, 0, 0};
    struct model_part part = none;
    int16_t stack[MODEL_PLACES];
    int depth = 0;
    stack[depth++] = (int16_t)start;
    left[start] = 0;
    while (depth) {
        int at = stack[--depth], x = at % MODEL_COLUMNS, y = at / MODEL_COLUMNS;
        add_place(m, &part, p, at);
        for (int ny = y - JOIN; ny <= y + JOIN; ny++)
            for (int nx = x - JOIN; nx <= x + JOIN; nx++) {
                int next = ny * MODEL_COLUMNS + nx;
                if (nx < 0 || ny < 0 || nx >= MODEL_COLUMNS || ny >= MODEL_ROWS || !left[next]) continue;
                left[next] = 0;
                stack[depth++] = (int16_t)next;
            }
    }
    return part;
}

static bool overlap(const struct model_part *a, const struct model_part *b, int slack) {
    return a->left < b->right + slack && b->left < a->right + slack && a->top < b->bottom + slack &&
           b->top < a->bottom + slack;
}

static bool is_solid(const struct model_part *part) {
    return (float)part->solid >= SOLID_SHARE * (float)part->area;
}

/* Light that passed for a thing at some places is learnt like the rest. */
static void forgive(struct motion_model *m, const struct model_part *part) {
    for (int y = part->top; y < part->bottom; y++)
        memset(m->mask + y * MODEL_COLUMNS + part->left, 0, (size_t)(part->right - part->left));
}

/* How long something has been there. What moves fast is near where it was: within its own size. */
static void follow(struct model_part *part, const struct model_part *before, size_t count) {
    part->chain = part->near_chain = 1;
    int width = part->right - part->left, height = part->bottom - part->top;
    int slack = 2 + (width > height ? width : height);
    for (size_t i = 0; i < count; i++) {
        const struct model_part *b = &before[i];
        bool alike = part->area < 4 * b->area && b->area < 4 * part->area;
        if (overlap(part, b, 0) && alike && b->chain + 1 > part->chain) part->chain = b->chain + 1;
        if (overlap(part, b, slack) && b->near_chain + 1 > part->near_chain)
            part->near_chain = b->near_chain + 1;
    }
}

static bool moves(const struct model_part *part) {
    if (!is_solid(part)) return false;
    if ((float)part->recent < RECENT_SHARE * (float)part->area) return false;
    if (part->area >= AREA_HUGE) return true;
    return part->area >= AREA_LARGE ? part->near_chain >= 2 : part->chain >= CHAIN_SMALL;
}

static uint8_t of_255(int at, int whole) {
    return (uint8_t)(at * 255 / whole);
}

/* One place more on each side: what is reduced has soft edges. */
static void add_region(const struct model_part *part, struct worker_motion *out) {
    if (out->count == WORKER_REGIONS_MAX) return;
    int left = part->left ? part->left - 1 : 0, top = part->top ? part->top - 1 : 0;
    int right = part->right < MODEL_COLUMNS ? part->right + 1 : MODEL_COLUMNS,
        bottom = part->bottom < MODEL_ROWS ? part->bottom + 1 : MODEL_ROWS;
    struct worker_region *r = &out->regions[out->count++];
    r->x = of_255(left, MODEL_COLUMNS);
    r->y = of_255(top, MODEL_ROWS);
    r->w = (uint8_t)(of_255(right, MODEL_COLUMNS) - r->x);
    r->h = (uint8_t)(of_255(bottom, MODEL_ROWS) - r->y);
}

static void tell(struct motion_model *m, struct worker_motion *out) {
    float strongest = 0, area = 0;
    m->suspect = false;
    for (size_t i = 0; i < m->part_count; i++) {
        const struct model_part *part = &m->parts[i];
        m->suspect |= is_solid(part) && part->area >= AREA_LARGE;
        if (!moves(part)) continue;
        area += (float)part->area;
        strongest = fmaxf(strongest, part->change / (float)part->area);
        add_region(part, out);
    }
    float score = 32 + 2 * strongest + area / 8;
    if (out->count) out->score = score > 255 ? 255 : (uint8_t)score;
}

void motion_parts_find(struct motion_model *m, const uint8_t found[MODEL_PLACES],
                       const struct model_picture *p, struct worker_motion *out) {
    struct model_part before[MODEL_PARTS_MAX];
    size_t before_count = m->part_count;
    memcpy(before, m->parts, sizeof before);
    clean(found, m->mask);
    uint8_t left[MODEL_PLACES];
    memcpy(left, m->mask, sizeof left);
    m->part_count = 0;
    for (int i = 0; i < MODEL_PLACES && m->part_count < MODEL_PARTS_MAX; i++) {
        if (!left[i]) continue;
        struct model_part part = flood(m, left, p, i);
        if (!is_solid(&part)) forgive(m, &part);
        if (part.area < AREA_LEAST) continue;
        follow(&part, before, before_count);
        m->parts[m->part_count++] = part;
    }
    tell(m, out);
}
