#include "labs/scene.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define STILL_FRAMES 41 /* of the clip, evenly spread, for the median */
#define CELL 4          /* pixels: motion is found in cells */
#define DIFFERENT 22
#define CELLS_MIN 6    /* in a moving place */
#define CELL_PART 0.3f /* of a cell's pixels */

void scene_clear(struct scene *s) {
    picture_list_clear(&s->frames);
    picture_clear(&s->still);
    free(s->found.items);
    free(s->moving.items);
    *s = (struct scene){0};
}

err scene_boxes_add(struct scene_boxes *l, const struct scene_box *b) {
    if (l->count == l->room) {
        size_t room = l->room ? 2 * l->room : 64;
        struct scene_box *items = realloc(l->items, room * sizeof *items);
        if (!items) return ERR_NO_MEMORY;
        l->items = items;
        l->room = room;
    }
    l->items[l->count++] = *b;
    return ERR_OK;
}

float scene_overlap(const struct scene_box *a, const struct scene_box *b) {
    float w = fminf(a->x + a->w, b->x + b->w) - fmaxf(a->x, b->x);
    float h = fminf(a->y + a->h, b->y + b->h) - fmaxf(a->y, b->y);
    return w > 0 && h > 0 ? w * h : 0;
}

static int compare(const void *a, const void *b) {
    return *(const uint8_t *)a - *(const uint8_t *)b;
}

static err find_still(struct scene *s) {
    const struct picture *first = &s->frames.items[0];
    size_t bytes = (size_t)first->width * (size_t)first->height * 4;
    size_t count = s->frames.count < STILL_FRAMES ? s->frames.count : STILL_FRAMES;
    err e = picture_new(first->width, first->height, &s->still);
    if (e) return e;
    for (size_t i = 0; i < bytes; i++) {
        uint8_t values[STILL_FRAMES];
        for (size_t k = 0; k < count; k++) values[k] = s->frames.items[k * s->frames.count / count].rgba[i];
        qsort(values, count, 1, compare);
        s->still.rgba[i] = values[count / 2];
    }
    return ERR_OK;
}

int scene_difference(const struct scene *s, int frame, int x, int y) {
    size_t at = ((size_t)y * (size_t)s->still.width + (size_t)x) * 4;
    const uint8_t *a = s->frames.items[frame].rgba + at, *b = s->still.rgba + at;
    int most = 0;
    for (int c = 0; c < 3; c++) {
        int d = abs(a[c] - b[c]);
        if (d > most) most = d;
    }
    return most;
}

/* --- Labels --- */

static int class_of(const char *text) {
    for (int c = CLASSIFIER_PERSON; c < CLASSIFIER_CLASSES; c++)
        if (!strcmp(text, classifier_class_text((enum classifier_class)c))) return c;
    return -1;
}

static err add_label(struct scene *s, const char *line, const char *name) {
    char clip[128], label[32];
    int frame, x, y, w, h;
    float score;
    if (sscanf(line, "%127s %d %31s %f %d %d %d %d", clip, &frame, label, &score, &x, &y, &w, &h) != 8)
        return ERR_OK;
    if (strcmp(clip, name) || frame < 0 || frame % s->step || (size_t)(frame / s->step) >= s->frames.count)
        return ERR_OK;
    float width = (float)s->still.width / 10000, height = (float)s->still.height / 10000;
    struct scene_box b = {frame / s->step,  (float)x * width,  (float)y * height,
                          (float)w * width, (float)h * height, score,
                          class_of(label)};
    return scene_boxes_add(&s->found, &b);
}

err scene_read(const char *folder, const char *name, int step, struct bytes labels, struct scene *out,
               struct diag *d) {
    char path[1024];
    out->step = step;
    if (snprintf(path, sizeof path, "%s/clips/%s", folder, name) >= (int)sizeof path)
        return diag_fail(d, ERR_LIMIT, "the path of %s is too long", name);
    err e = picture_file_read(path, step, SCENE_WIDTH_MAX, 4096, &out->frames, d);
    if (!e && find_still(out)) e = diag_fail(d, ERR_NO_MEMORY, "no memory for %s", name);
    for (const uint8_t *at = labels.data, *end = at + labels.len; !e && at < end;) {
        const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
        char line[256];
        size_t len = (size_t)((stop ? stop : end) - at);
        if (len < sizeof line) {
            memcpy(line, at, len);
            line[len] = 0;
            e = add_label(out, line, name);
        }
        at += len + 1;
    }
    return e;
}

/* --- Motion --- */

struct cells {
    int columns, rows;
    uint8_t *moving;
    int *todo;
};

static void cells_clear(struct cells *c) {
    free(c->moving);
    free(c->todo);
}

static void find_cells(const struct scene *s, int frame, struct cells *c) {
    for (int i = 0; i < c->columns * c->rows; i++) {
        int left = i % c->columns * CELL, top = i / c->columns * CELL, different = 0;
        for (int y = top; y < top + CELL; y++)
            for (int x = left; x < left + CELL; x++)
                different += scene_difference(s, frame, x, y) > DIFFERENT;
        c->moving[i] = (float)different >= CELL_PART * CELL * CELL;
    }
}

/* The moving cells around the first, two apart at most, as one box; marks them as taken. */
static err one_place(struct scene *s, int frame, struct cells *c, int first) {
    int count = 0, left = c->columns, right = 0, top = c->rows, bottom = 0, size = 0;
    c->todo[count++] = first;
    c->moving[first] = 0;
    for (int done = 0; done < count; done++) {
        int x = c->todo[done] % c->columns, y = c->todo[done] / c->columns;
        size++;
        left = x < left ? x : left;
        right = x > right ? x : right;
        top = y < top ? y : top;
        bottom = y > bottom ? y : bottom;
        for (int near = 0; near < 25; near++) {
            int nx = x + near % 5 - 2, ny = y + near / 5 - 2;
            if (nx < 0 || ny < 0 || nx >= c->columns || ny >= c->rows || !c->moving[ny * c->columns + nx])
                continue;
            c->moving[ny * c->columns + nx] = 0;
            c->todo[count++] = ny * c->columns + nx;
        }
    }
    if (size < CELLS_MIN) return ERR_OK;
    struct scene_box b = {frame,
                          (float)(left * CELL),
                          (float)(top * CELL),
                          (float)((right - left + 1) * CELL),
                          (float)((bottom - top + 1) * CELL),
                          1,
                          -1};
    return scene_boxes_add(&s->moving, &b);
}

err scene_find_motion(struct scene *s, struct diag *d) {
    AUTO(cells_clear) struct cells c = {s->still.width / CELL, s->still.height / CELL, NULL, NULL};
    size_t count = (size_t)(c.columns * c.rows);
    c.moving = calloc(count, 1);
    c.todo = calloc(count, sizeof *c.todo);
    if (!c.moving || !c.todo) return diag_fail(d, ERR_NO_MEMORY, "no memory to find what moves");
    for (size_t f = 0; f < s->frames.count; f++) {
        find_cells(s, (int)f, &c);
        for (size_t i = 0; i < count; i++)
            if (c.moving[i] && one_place(s, (int)f, &c, (int)i))
                return diag_fail(d, ERR_NO_MEMORY, "no memory for what moves");
    }
    return ERR_OK;
}
