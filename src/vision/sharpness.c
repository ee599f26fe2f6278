#include "vision/sharpness.h"

float sharpness_grey(const uint8_t *grey, int width, int height, int stride) {
    int64_t sum = 0, squares = 0, count = (int64_t)(width - 2) * (height - 2);
    if (width < 3 || height < 3) return 0;
    for (int y = 1; y < height - 1; y++) {
        const uint8_t *p = grey + (size_t)y * (size_t)stride;
        int64_t line = 0, line_squares = 0;
        for (int x = 1; x < width - 1; x++) {
            int l = 4 * p[x] - p[x - 1] - p[x + 1] - p[x - stride] - p[x + stride];
            line += l;
            line_squares += (int64_t)l * l;
        }
        sum += line;
        squares += line_squares;
    }
    float mean = (float)sum / (float)count;
    return (float)squares / (float)count - mean * mean;
}

float sharpness(const struct image *m, struct rect r) {
    return sharpness_grey(m->y + (size_t)r.y * (size_t)m->width + (size_t)r.x, r.w, r.h, m->width);
}
