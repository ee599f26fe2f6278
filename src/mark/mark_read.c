/* mark_read.c: the reader. */
#include <math.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "mark/mark_code.h"

#define CLIP 10.0 /* shades: as the embedder's, docs/trust.md */
/* Of what was measured, so much must agree with the word. The likeliest word of noise has 0.51 (standard
 * deviation 0.05); real deviation 0.05), so this alone keeps away all but some 5 in 100 000, and the checksum
 * all but one in 65 536 of those. */
#define AGREEMENT_MIN 0.75
/* How far, in pixels, each side of the frame may lie within where it was believed to be, the likeliest first:
 * of a border's outermost pixels the frame has a part. Half a pixel matters, where a chip has four. */
static const double insets[] = {0, 0.5, 1, -0.5, 1.5, -1, 2, -2};
#define INSETS ((int)(sizeof insets / sizeof *insets))

/* Sums of everything above and to the left (F. Crow, SIGGRAPH 1984), so that a chip's mean costs four looks.
 */
struct sums {
    uint64_t *at; /* (width + 1) * (height + 1) */
    int width, height;
};

static void sums_clear(struct sums *s) {
    free(s->at);
}

static err sums_make(struct gray p, struct sums *out) {
    size_t stride = (size_t)p.width + 1;
    out->at = calloc(stride * ((size_t)p.height + 1), sizeof *out->at);
    if (!out->at) return ERR_NO_MEMORY;
    out->width = p.width;
    out->height = p.height;
    for (int y = 0; y < p.height; y++) {
        uint64_t row = 0;
        for (int x = 0; x < p.width; x++) {
            row += p.pixels[(size_t)y * (size_t)p.width + (size_t)x];
            out->at[((size_t)y + 1) * stride + (size_t)x + 1] =
                out->at[(size_t)y * stride + (size_t)x + 1] + row;
        }
    }
    return ERR_OK;
}

static double held(double v, double most) {
    return v < 0 ? 0 : v > most ? most : v;
}

/* The sum up to a place between pixels. */
static double sum_to(const struct sums *s, double x, double y) {
    int column = (int)x, row = (int)y;
    if (column == s->width) column--;
    if (row == s->height) row--;
    double right = x - column, down = y - row;
    size_t stride = (size_t)s->width + 1;
    const uint64_t *a = s->at + (size_t)row * stride + (size_t)column, *b = a + stride;
    double above = (double)a[0] + right * (double)(a[1] - a[0]);
    double below = (double)b[0] + right * (double)(b[1] - b[0]);
    return above + down * (below - above);
}

struct place {
    double x, y, width, height;
};

static void chip_means(const struct sums *s, struct place at, double out[MARK_CHIPS]) {
    double before[MARK_COLUMNS + 1], now[MARK_COLUMNS + 1];
    for (int row = 0; row <= MARK_ROWS; row++) {
        double y = held(at.y + row * at.height / MARK_ROWS, s->height);
        for (int column = 0; column <= MARK_COLUMNS; column++)
            now[column] = sum_to(s, held(at.x + column * at.width / MARK_COLUMNS, s->width), y);
        for (int column = 0; row && column < MARK_COLUMNS; column++)
            out[(row - 1) * MARK_COLUMNS + column] =
                (now[column + 1] - now[column] - before[column + 1] + before[column]) /
                (at.width / MARK_COLUMNS * at.height / MARK_ROWS);
        for (int column = 0; column <= MARK_COLUMNS; column++) before[column] = now[column];
    }
}

/* How much a chip differs from its neighbours, as the embedder counts it. */
static double difference(const double means[MARK_CHIPS], int chip) {
    int column = chip % MARK_COLUMNS, row = chip / MARK_COLUMNS;
    double d = 0;
    if (row > 0) d += means[chip] - means[chip - MARK_COLUMNS];
    if (row < MARK_ROWS - 1) d += means[chip] - means[chip + MARK_COLUMNS];
    if (column > 0) d += means[chip] - means[chip - 1];
    if (column < MARK_COLUMNS - 1) d += means[chip] - means[chip + 1];
    return d > 4 * CLIP ? 4 * CLIP : d < -4 * CLIP ? -4 * CLIP : d;
}

/* A chip that is cut off, or has a neighbour that is, says nothing. */
static bool whole(const struct sums *s, struct place at, int chip) {
    double w = at.width / MARK_COLUMNS, h = at.height / MARK_ROWS;
    double x = at.x + chip % MARK_COLUMNS * w, y = at.y + chip / MARK_COLUMNS * h;
    double left = fmax(x - w, at.x), top = fmax(y - h, at.y);
    double right = fmin(x + 2 * w, at.x + at.width), bottom = fmin(y + 2 * h, at.y + at.height);
    return left > -1 && top > -1 && right < s->width + 1 && bottom < s->height + 1;
}

static void measure(const struct sums *s, const struct mark_layout *layout, struct place at,
                    double out[MARK_CODED_BITS]) {
    double means[MARK_CHIPS];
    chip_means(s, at, means);
    for (int bit = 0; bit < MARK_CODED_BITS; bit++) out[bit] = 0;
    for (int chip = 0; chip < MARK_CHIPS; chip++)
        if (whole(s, at, chip)) out[layout->bit_of[chip]] += layout->sign_of[chip] * difference(means, chip);
}

/* An edge of the picture that happens to shout for one bit shall not outvote the others. */
static void level(double measured[MARK_CODED_BITS]) {
    double mean = 0;
    for (int bit = 0; bit < MARK_CODED_BITS; bit++) mean += fabs(measured[bit]) / MARK_CODED_BITS;
    for (int bit = 0; bit < MARK_CODED_BITS; bit++)
        measured[bit] = fmax(-1.5 * mean, fmin(1.5 * mean, measured[bit]));
}

static double agreement(const double measured[MARK_CODED_BITS], struct hidden_mark mark) {
    int8_t coded[MARK_CODED_BITS];
    double agreed = 0, all = 1e-9;
    mark_encode(mark, coded);
    for (int bit = 0; bit < MARK_CODED_BITS; bit++) {
        agreed += measured[bit] * coded[bit];
        all += fabs(measured[bit]);
    }
    return agreed / all;
}

static bool read_at(const struct sums *s, const struct mark_layout *layout, struct place at,
                    struct mark_reading *out) {
    double measured[MARK_CODED_BITS];
    struct hidden_mark mark;
    measure(s, layout, at, measured);
    level(measured);
    if (!mark_decode(measured, &mark)) return false;
    double agreed = agreement(measured, mark);
    if (agreed < AGREEMENT_MIN) return false;
    *out = (struct mark_reading){mark, at.x, at.y, at.width, at.height, agreed};
    return true;
}

/* All places whose four sides are moved by the first insets up to number `most`, and one of them by that one.
 */
static bool read_around(const struct sums *s, const struct mark_layout *layout, struct place at, int most,
                        struct mark_reading *out) {
    int n = most + 1;
    for (int i = 0; i < n * n * n * n; i++) {
        int left = i % n, top = i / n % n, right = i / (n * n) % n, bottom = i / (n * n * n);
        if (left < most && top < most && right < most && bottom < most) continue;
        struct place moved = {at.x + insets[left], at.y + insets[top],
                              at.width - insets[left] - insets[right],
                              at.height - insets[top] - insets[bottom]};
        if (read_at(s, layout, moved, out)) return true;
    }
    return false;
}

err hidden_mark_read_at(struct gray picture, double x, double y, double width, double height,
                        struct mark_reading *out) {
    if (picture.width < 1 || picture.height < 1 || picture.width > MARK_PICTURE_SIDE_MAX ||
        picture.height > MARK_PICTURE_SIDE_MAX || !(width >= MARK_READ_WIDTH_MIN) ||
        !(height >= MARK_READ_HEIGHT_MIN) || width > MARK_PICTURE_SIDE_MAX || height > MARK_PICTURE_SIDE_MAX)
        return ERR_INVALID;
    AUTO(sums_clear) struct sums s = {0};
    struct mark_layout layout;
    err e = sums_make(picture, &s);
    if (e) return e;
    mark_layout_make(&layout);
    for (int most = 0; most < INSETS; most++)
        if (read_around(&s, &layout, (struct place){x, y, width, height}, most, out)) return ERR_OK;
    return ERR_NOT_FOUND;
}
