#include <math.h>

#include "vision/classifier.h"

#define SAMPLES_MAX 4 /* in each direction, for one pixel of the crop */

static int clamp(int v, int most) {
    return v < 0 ? 0 : v > most ? most : v;
}

/* Adds the picture's colours at a place between pixels; their middles are at whole numbers. */
static void sample(const struct classifier_picture *p, float x, float y, float sum[3]) {
    x = fminf(fmaxf(x, -1),
              (float)p->width); /* far outside is the edge, and no number too large for an int */
    y = fminf(fmaxf(y, -1), (float)p->height);
    float left = floorf(x), top = floorf(y), right_part = x - left, lower_part = y - top;
    int x0 = p->pixel * clamp((int)left, p->width - 1), x1 = p->pixel * clamp((int)left + 1, p->width - 1);
    const uint8_t *upper = p->rgb + p->stride * (size_t)clamp((int)top, p->height - 1);
    const uint8_t *lower = p->rgb + p->stride * (size_t)clamp((int)top + 1, p->height - 1);
    for (int c = 0; c < 3; c++) {
        float a = (float)upper[x0 + c] + right_part * (float)(upper[x1 + c] - upper[x0 + c]);
        float b = (float)lower[x0 + c] + right_part * (float)(lower[x1 + c] - lower[x0 + c]);
        sum[c] += a + lower_part * (b - a);
    }
}

void classifier_cut(const struct classifier_picture *p, float middle_x, float middle_y, float span, int side,
                    uint8_t *out) {
    float step = span / (float)side;
    int samples = step <= 1 ? 1 : step >= SAMPLES_MAX ? SAMPLES_MAX : (int)ceilf(step);
    float left = middle_x - span / 2 - 0.5f, top = middle_y - span / 2 - 0.5f;
    for (int y = 0; y < side; y++) {
        for (int x = 0; x < side; x++, out += 3) {
            float sum[3] = {0};
            for (int s = 0; s < samples * samples; s++) {
                float in_x = ((float)(s % samples) + 0.5f) / (float)samples;
                float in_y = ((float)(s / samples) + 0.5f) / (float)samples;
                sample(p, left + ((float)x + in_x) * step, top + ((float)y + in_y) * step, sum);
            }
            for (int c = 0; c < 3; c++) out[c] = (uint8_t)(sum[c] / (float)(samples * samples) + 0.5f);
        }
    }
}

void classifier_crop(const struct classifier_picture *p, float x, float y, float w, float h, int side,
                     uint8_t *out) {
    float span = (w > h ? w : h) * CLASSIFIER_MARGIN;
    classifier_cut(p, x + w / 2, y + h / 2, span > 1 ? span : 1, side, out);
}
