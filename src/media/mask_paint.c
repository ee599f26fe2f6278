#include "media/mask_paint.h"

#include <libavutil/frame.h>
#include <libavutil/pixdesc.h>
#include <math.h>

#define BLACK_LIMITED 16 /* ITU-R BT.601 and BT.709; 0 is black in the full range */
#define GRAY_CHROMA 128
#define CROSSINGS_MAX WORKER_MASK_POINTS_MAX

void mask_paint_clear(struct mask_paint *p) {
    blob_clear(&p->blocks);
    *p = (struct mask_paint){0};
}

bool mask_paint_takes(int pixel_format) {
    const AVPixFmtDescriptor *f = av_pix_fmt_desc_get((enum AVPixelFormat)pixel_format);
    if (!f || f->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_PAL |
                          AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_ALPHA))
        return false;
    if (f->nb_components != 1 && f->nb_components != 3) return false;
    for (int i = 0; i < f->nb_components; i++)
        if (f->comp[i].plane != i || f->comp[i].step != 1 || f->comp[i].depth != 8 || f->comp[i].shift)
            return false;
    return true;
}

/* --- Which blocks --- */

static void mark(struct mask_paint *p, double x, int row) {
    int column = (int)floor(x / MASK_BLOCK_PIXELS);
    if (row < 0 || row >= p->rows) return;
    column = column < 0 ? 0 : column >= p->columns ? p->columns - 1 : column;
    p->blocks.data[row * p->columns + column] = 1;
}

static void mark_span(struct mask_paint *p, double from, double to, int row) {
    for (double x = from; x < to; x += MASK_BLOCK_PIXELS) mark(p, x, row);
    mark(p, to, row);
}

struct place {
    double x, y; /* in pixels */
};

/* Each block that a side touches: the side is walked in steps of half a pixel. */
static void mark_side(struct mask_paint *p, struct place a, struct place b) {
    int steps = 1 + (int)(2 * fmax(fabs(b.x - a.x), fabs(b.y - a.y)));
    for (int i = 0; i <= steps; i++) {
        double t = (double)i / steps, y = a.y + t * (b.y - a.y);
        int row = (int)floor(y / MASK_BLOCK_PIXELS);
        mark(p, a.x + t * (b.x - a.x), row < p->rows ? row : p->rows - 1);
    }
}

struct crossing {
    double x;
    int winding;
};

/* What lies between the sides on one line of pixels. */
static void mark_line(struct mask_paint *p, const struct place *points, size_t count, int line) {
    struct crossing found[CROSSINGS_MAX];
    size_t n = 0;
    double y = line + 0.5;
    for (size_t i = 0; i < count; i++) {
        struct place a = points[i], b = points[(i + 1) % count];
        if ((a.y <= y) == (b.y <= y)) continue;
        struct crossing c = {a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x), a.y <= y ? 1 : -1};
        size_t at = n++;
        for (; at && found[at - 1].x > c.x; at--) found[at] = found[at - 1];
        found[at] = c;
    }
    int winding = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        winding += found[i].winding;
        if (winding) mark_span(p, found[i].x, found[i + 1].x, line / MASK_BLOCK_PIXELS);
    }
}

static void mark_mask(struct mask_paint *p, const struct worker_mask *m) {
    struct place points[WORKER_MASK_POINTS_MAX];
    for (size_t i = 0; i < m->count; i++)
        points[i] = (struct place){(double)m->points[i].x * p->width / WORKER_PLACE_WHOLE,
                                   (double)m->points[i].y * p->height / WORKER_PLACE_WHOLE};
    for (size_t i = 0; i < m->count; i++) mark_side(p, points[i], points[(i + 1) % m->count]);
    for (int line = 0; line < p->height; line++) mark_line(p, points, m->count, line);
}

static err fit(struct mask_paint *p, const struct worker_masks *masks, int width, int height) {
    if (p->width == width && p->height == height) return ERR_OK;
    p->width = 0;
    p->columns = (width + MASK_BLOCK_PIXELS - 1) / MASK_BLOCK_PIXELS;
    p->rows = (height + MASK_BLOCK_PIXELS - 1) / MASK_BLOCK_PIXELS;
    size_t count = (size_t)p->columns * (size_t)p->rows;
    err e = blob_reserve(&p->blocks, count);
    if (e) return e;
    memset(p->blocks.data, 0, count);
    p->width = width;
    p->height = height;
    for (size_t i = 0; i < masks->count; i++) mark_mask(p, &masks->masks[i]);
    return ERR_OK;
}

/* --- Painting --- */

/* Blocks are MASK_BLOCK_PIXELS >> shift of this plane's pixels; at the edges less. */
static void paint_plane(const struct mask_paint *p, uint8_t *plane, int stride, int shift_x, int shift_y,
                        uint8_t value) {
    int width = (p->width + (1 << shift_x) - 1) >> shift_x,
        height = (p->height + (1 << shift_y) - 1) >> shift_y;
    int across = MASK_BLOCK_PIXELS >> shift_x, down = MASK_BLOCK_PIXELS >> shift_y;
    for (int y = 0; y < height; y++) {
        const uint8_t *blocks = p->blocks.data + y / down * p->columns;
        uint8_t *line = plane + (ptrdiff_t)y * stride;
        for (int column = 0; column < p->columns; column++) {
            if (!blocks[column]) continue;
            int x = column * across, n = width - x < across ? width - x : across;
            if (n > 0) memset(line + x, value, (size_t)n);
        }
    }
}

static bool is_full_range(const AVFrame *f) {
    return f->color_range == AVCOL_RANGE_JPEG || f->format == AV_PIX_FMT_YUVJ420P ||
           f->format == AV_PIX_FMT_YUVJ422P || f->format == AV_PIX_FMT_YUVJ444P ||
           f->format == AV_PIX_FMT_YUVJ440P;
}

err mask_paint(struct mask_paint *p, const struct worker_masks *masks, AVFrame *f) {
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get((enum AVPixelFormat)f->format);
    if (!mask_paint_takes(f->format) || f->width < 1 || f->height < 1) return ERR_UNSUPPORTED;
    err e = fit(p, masks, f->width, f->height);
    if (e) return e;
    paint_plane(p, f->data[0], f->linesize[0], 0, 0, is_full_range(f) ? 0 : BLACK_LIMITED);
    for (int i = 1; i < format->nb_components; i++)
        paint_plane(p, f->data[i], f->linesize[i], format->log2_chroma_w, format->log2_chroma_h, GRAY_CHROMA);
    return ERR_OK;
}
