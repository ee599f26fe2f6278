#include "vision/image.h"

#include <math.h>

struct image image_i420(const uint8_t *data, int width, int height) {
    size_t luma = (size_t)width * (size_t)height;
    return (struct image){data, data + luma, data + luma + luma / 4, width, height};
}

static int clamp(int v, int low, int high) {
    return v < low ? low : v > high ? high : v;
}

struct rect image_rect(const struct image *m, struct area a) {
    int x = clamp((int)floorf(a.x0 * (float)m->width), 0, m->width - 2);
    int y = clamp((int)floorf(a.y0 * (float)m->height), 0, m->height - 2);
    int x1 = clamp((int)ceilf(a.x1 * (float)m->width), x + 2, m->width);
    int y1 = clamp((int)ceilf(a.y1 * (float)m->height), y + 2, m->height);
    return (struct rect){x, y, x1 - x, y1 - y};
}

/* Where each sample of a line lies between two of the plane's. */
struct steps {
    uint16_t at[IMAGE_SAMPLE_MAX];
    float part[IMAGE_SAMPLE_MAX];
};

static float place(int i, float origin, float scale, int last) {
    float p = origin + ((float)i + 0.5f) * scale - 0.5f;
    return p < 0 ? 0 : p > (float)last ? (float)last : p;
}

/* `last`: the plane's last index; positions are clamped to it. */
static void set_steps(struct steps *s, int count, float origin, float scale, int last) {
    for (int i = 0; i < count; i++) {
        float p = place(i, origin, scale, last);
        int at = (int)p;
        if (at >= last && at > 0) at = last - 1;
        s->at[i] = (uint16_t)at;
        s->part[i] = p - (float)at;
    }
}

/* One line of samples: two rows are blended first, which vectorises, then looked up across. */
static void sample_line(const uint8_t *plane, int stride, int rows, float row, const struct steps *across,
                        int count, float *line, float *out) {
    int at = (int)row, last = across->at[count - 1] + 1, first = across->at[0];
    if (last >= stride) last = stride - 1;
    int below = at + 1 < rows ? at + 1 : at;
    float part = row - (float)at;
    const uint8_t *a = plane + (size_t)at * (size_t)stride, *b = plane + (size_t)below * (size_t)stride;
    for (int i = first; i <= last; i++) line[i] = (float)a[i] + part * ((float)b[i] - (float)a[i]);
    for (int i = 0; i < count; i++) {
        const float *p = line + across->at[i];
        float right = across->part[i] > 0 ? p[1] : p[0];
        out[i] = p[0] + across->part[i] * (right - p[0]);
    }
}

static float level(float v) {
    return v < 0 ? 0 : v > 255 ? 255 : v;
}

/* ITU-R BT.601, video levels. */
static void to_rgb(float *y, float *u, float *v, int count) {
    for (int i = 0; i < count; i++) {
        float l = 1.164384f * (y[i] - 16), cb = u[i] - 128, cr = v[i] - 128;
        y[i] = level(l + 1.596027f * cr);
        u[i] = level(l - 0.391762f * cb - 0.812968f * cr);
        v[i] = level(l + 2.017232f * cb);
    }
}

struct sampler {
    const struct image *m;
    struct rect r;
    float sx, sy;
    int out_w;
    struct steps luma, chroma;
    float line[IMAGE_SIDE_MAX];
    float red[IMAGE_SAMPLE_MAX], green[IMAGE_SAMPLE_MAX], blue[IMAGE_SAMPLE_MAX];
};

static void sampler_set(struct sampler *s, const struct image *m, struct rect r, int out_w, int out_h) {
    s->m = m;
    s->r = r;
    s->sx = (float)r.w / (float)out_w;
    s->sy = (float)r.h / (float)out_h;
    s->out_w = out_w;
    set_steps(&s->luma, out_w, (float)r.x, s->sx, m->width - 1);
    set_steps(&s->chroma, out_w, (float)r.x / 2, s->sx / 2, m->width / 2 - 1);
}

/* Line `i` of the output, as colours of 0 to 255 in red, green and blue. */
static void sampler_line(struct sampler *s, int i) {
    const struct image *m = s->m;
    float row = place(i, (float)s->r.y, s->sy, m->height - 1);
    float half = place(i, (float)s->r.y / 2, s->sy / 2, m->height / 2 - 1);
    sample_line(m->y, m->width, m->height, row, &s->luma, s->out_w, s->line, s->red);
    sample_line(m->u, m->width / 2, m->height / 2, half, &s->chroma, s->out_w, s->line, s->green);
    sample_line(m->v, m->width / 2, m->height / 2, half, &s->chroma, s->out_w, s->line, s->blue);
    to_rgb(s->red, s->green, s->blue, s->out_w);
}

void image_planes(const struct image *m, struct rect r, int out_w, int out_h,
                  const struct image_levels *levels, float *out, size_t plane, size_t stride) {
    static _Thread_local struct sampler s;
    sampler_set(&s, m, r, out_w, out_h);
    const float *const from[3] = {levels->bgr ? s.blue : s.red, s.green, levels->bgr ? s.red : s.blue};
    for (int i = 0; i < out_h; i++) {
        sampler_line(&s, i);
        for (size_t c = 0; c < 3; c++) {
            float *to = out + c * plane + (size_t)i * stride;
            float mean = levels->mean[c], scale = levels->scale[c];
            for (int k = 0; k < out_w; k++) to[k] = (from[c][k] - mean) * scale;
        }
    }
}

void image_rgb(const struct image *m, struct rect r, int out_w, int out_h, uint8_t *out) {
    static _Thread_local struct sampler s;
    sampler_set(&s, m, r, out_w, out_h);
    for (int i = 0; i < out_h; i++, out += (size_t)out_w * 3) {
        sampler_line(&s, i);
        for (int k = 0; k < out_w; k++) {
            out[3 * k] = (uint8_t)(s.red[k] + 0.5f);
            out[3 * k + 1] = (uint8_t)(s.green[k] + 0.5f);
            out[3 * k + 2] = (uint8_t)(s.blue[k] + 0.5f);
        }
    }
}
