#include "vision/crops.h"

#define MARGIN 0.15f       /* of what moved, on each side */
#define MARGIN_LEAST 0.02f /* of the picture: a first motion is a piece of what comes in */
#define ASPECT 1.5f        /* wider or higher a part is only where the picture ends */
#define TOGETHER 1.2f      /* of `side`: two in one part cost one run instead of two */

static struct area with_margin(struct area a) {
    float x = MARGIN * (a.x1 - a.x0) + MARGIN_LEAST, y = MARGIN * (a.y1 - a.y0) + MARGIN_LEAST;
    return area_clip((struct area){a.x0 - x, a.y0 - y, a.x1 + x, a.y1 + y});
}

static float longer_px(const struct image *m, struct area a) {
    float w = (a.x1 - a.x0) * (float)m->width, h = (a.y1 - a.y0) * (float)m->height;
    return w > h ? w : h;
}

/* Moves a span of `want` around the middle of [from, to) into [0, whole). */
static void span(int from, int to, int want, int whole, int *at, int *length) {
    if (want > whole) want = whole;
    int start = (from + to - want) / 2;
    if (start + want > whole) start = whole - want;
    *at = start < 0 ? 0 : start;
    *length = want;
}

static struct rect part_of(const struct image *m, struct area a, int side, bool close) {
    struct rect r = image_rect(m, a), out;
    int w = r.w, h = r.h;
    if (!close) {
        if (w < side) w = side;
        if (h < side) h = side;
    }
    if ((float)w > ASPECT * (float)h) h = (int)((float)w / ASPECT);
    if ((float)h > ASPECT * (float)w) w = (int)((float)h / ASPECT);
    span(r.x, r.x + r.w, w, m->width, &out.x, &out.w);
    span(r.y, r.y + r.h, h, m->height, &out.y, &out.h);
    return out;
}

/* What merging two would cost: the longer side of both together. *i and *j get the cheapest pair. */
static float cheapest(const struct image *m, const struct area *list, size_t count, size_t *i, size_t *j) {
    float least = 1e9f;
    for (size_t a = 0; a < count; a++)
        for (size_t b = a + 1; b < count; b++) {
            float px = longer_px(m, area_both(list[a], list[b]));
            if (px >= least) continue;
            least = px;
            *i = a;
            *j = b;
        }
    return least;
}

static size_t merge(struct area *list, size_t count, size_t i, size_t j) {
    list[i] = area_both(list[i], list[j]);
    list[j] = list[count - 1];
    return count - 1;
}

/* Merges what overlaps; true when there was something. */
static bool merge_overlapping(struct area *list, size_t *count) {
    for (size_t i = 0; i < *count; i++)
        for (size_t j = i + 1; j < *count; j++)
            if (area_size(area_common(list[i], list[j])) > 0) {
                *count = merge(list, *count, i, j);
                return true;
            }
    return false;
}

void crops_plan(const struct image *m, const struct area *moving, size_t count, int side, bool close,
                struct crops *out) {
    struct area list[CROPS_MOVING_MAX];
    size_t n = 0, i = 0, j = 0;
    for (size_t k = 0; k < count && n < CROPS_MOVING_MAX; k++)
        if (area_size(moving[k]) > 0) list[n++] = with_margin(moving[k]);
    while (merge_overlapping(list, &n)) continue;
    float together = close ? 0 : TOGETHER * (float)side;
    while (n > 1) {
        float px = cheapest(m, list, n, &i, &j);
        if (n <= CROPS_MAX && px > together) break;
        n = merge(list, n, i, j);
    }
    for (size_t k = 0; k < n; k++) out->list[k] = part_of(m, list[k], side, close);
    out->count = n;
}

bool crops_add(const struct image *m, struct area a, int side, struct crops *out) {
    if (out->count == CROPS_MAX) return false;
    out->list[out->count++] = part_of(m, with_margin(a), side, false);
    return true;
}

struct area crops_area(const struct image *m, struct rect part) {
    float w = (float)m->width, h = (float)m->height;
    return (struct area){(float)part.x / w, (float)part.y / h, (float)(part.x + part.w) / w,
                         (float)(part.y + part.h) / h};
}
