/* mark_find.c: where in a picture of a page the frame is. Its border leaves two long lines of one colour, one
 * above the other, that begin and end at the same columns. */
#include <stdlib.h>

#include "mark/hidden_mark.h"

#define LINES_MAX 512
#define HOLE_MAX 24 /* pixels in which a line lost its colour to what is beside it, as JPEG shares colour */
#define ENDS_OFF 24 /* pixels that the ends of two lines of one frame may differ by, for the same reason */
#define FRAMES_MAX 3

struct line {
    int y, begin, end;
};

struct frame {
    int x, y, width, height;
};

/* Halved, compressed and blended with what is beside it, the border keeps its hue. */
static bool border_like(const uint8_t *p) {
    int red = p[0], green = p[1], blue = p[2];
    return red > 140 && green * 20 > red * 9 && green * 20 < red * 18 && blue * 20 < green * 14 &&
           red - blue > 70;
}

/* The longest stretch of the border's colour in a row; a stretch may have holes. */
static struct line longest(const struct mark_picture *p, int y) {
    struct line best = {y, 0, 0};
    int begin = -1, last = -3;
    const uint8_t *row = p->rgb + (size_t)y * (size_t)p->width * 3;
    for (int x = 0; x < p->width; x++) {
        if (!border_like(row + 3 * (size_t)x)) continue;
        if (begin < 0 || x - last > HOLE_MAX) begin = x;
        last = x;
        if (last + 1 - begin > best.end - best.begin) best = (struct line){y, begin, last + 1};
    }
    return best;
}

static int lines_of(const struct mark_picture *p, struct line lines[LINES_MAX]) {
    int count = 0;
    for (int y = 0; y < p->height && count < LINES_MAX; y++) {
        struct line l = longest(p, y);
        if (l.end - l.begin >= MARK_READ_WIDTH_MIN) lines[count++] = l;
    }
    return count;
}

/* The tallest frames first: a border is a few lines thick, and its outermost are the frame's. */
static int frames_of(const struct line *lines, int count, struct frame frames[FRAMES_MAX]) {
    int found = 0;
    for (int apart = count - 1; apart > 0 && found < FRAMES_MAX; apart--) {
        for (int i = 0; i + apart < count && found < FRAMES_MAX; i++) {
            const struct line *top = &lines[i], *bottom = &lines[i + apart];
            if (abs(top->begin - bottom->begin) > ENDS_OFF || abs(top->end - bottom->end) > ENDS_OFF)
                continue;
            int begin = top->begin < bottom->begin ? top->begin : bottom->begin;
            int end = top->end > bottom->end ? top->end : bottom->end;
            if (bottom->y + 1 - top->y < MARK_READ_HEIGHT_MIN) continue;
            frames[found++] = (struct frame){begin, top->y, end - begin, bottom->y + 1 - top->y};
        }
    }
    return found;
}

static err gray_of(const struct mark_picture *p, struct blob *luma, struct gray *out) {
    size_t pixels = (size_t)p->width * (size_t)p->height;
    err e = blob_reserve(luma, pixels);
    if (e) return e;
    for (size_t i = 0; i < pixels; i++) {
        const uint8_t *c = p->rgb + 3 * i;
        luma->data[i] = (uint8_t)((77u * c[0] + 150u * c[1] + 29u * c[2]) >> 8);
    }
    luma->len = pixels;
    *out = (struct gray){luma->data, p->width, p->height};
    return ERR_OK;
}

err hidden_mark_read_frame(const struct mark_picture *p, double x, double y, double width, double height,
                           struct mark_reading *out) {
    AUTO(blob_clear) struct blob luma = {0};
    struct gray gray;
    err e = gray_of(p, &luma, &gray);
    return e ? e : hidden_mark_read_at(gray, x, y, width, height, out);
}

err hidden_mark_find(const struct mark_picture *p, struct mark_reading *out) {
    AUTO(blob_clear) struct blob luma = {0};
    struct gray gray;
    struct line lines[LINES_MAX];
    struct frame frames[FRAMES_MAX];
    err e = gray_of(p, &luma, &gray);
    if (e) return e;
    int count = frames_of(lines, lines_of(p, lines), frames);
    for (int i = 0; i < count; i++) {
        const struct frame *f = &frames[i];
        e = hidden_mark_read_at(gray, f->x, f->y, f->width, f->height, out);
        if (e != ERR_NOT_FOUND) return e;
    }
    return hidden_mark_read_at(gray, 0, 0, p->width, p->height, out);
}
