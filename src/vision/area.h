/* area.h: rectangles as parts of a picture, 0 to 1 from the top left, so that they fit it at any size. */
#ifndef CARDEA_VISION_AREA_H
#define CARDEA_VISION_AREA_H

#include "vision/vision_message.h"

struct area {
    float x0, y0, x1, y1;
};

static inline float area_size(struct area a) {
    return a.x1 > a.x0 && a.y1 > a.y0 ? (a.x1 - a.x0) * (a.y1 - a.y0) : 0;
}
static inline struct area area_common(struct area a, struct area b) {
    return (struct area){a.x0 > b.x0 ? a.x0 : b.x0, a.y0 > b.y0 ? a.y0 : b.y0, a.x1 < b.x1 ? a.x1 : b.x1,
                         a.y1 < b.y1 ? a.y1 : b.y1};
}
static inline struct area area_both(struct area a, struct area b) {
    return (struct area){a.x0 < b.x0 ? a.x0 : b.x0, a.y0 < b.y0 ? a.y0 : b.y0, a.x1 > b.x1 ? a.x1 : b.x1,
                         a.y1 > b.y1 ? a.y1 : b.y1};
}
/* Intersection over union. */
static inline float area_iou(struct area a, struct area b) {
    float common = area_size(area_common(a, b)), all = area_size(a) + area_size(b) - common;
    return all > 0 ? common / all : 0;
}
/* The part of `a` that lies in `b`. */
static inline float area_inside(struct area a, struct area b) {
    float size = area_size(a);
    return size > 0 ? area_size(area_common(a, b)) / size : 0;
}
static inline struct area area_clip(struct area a) {
    return area_common(a, (struct area){0, 0, 1, 1});
}

/* Ten-thousandths, clipped to the picture. */
static inline uint16_t area_place(float v) {
    return (uint16_t)(v <= 0 ? 0 : v >= 1 ? PLACE_WHOLE : (int)(v * PLACE_WHOLE + 0.5f));
}
static inline struct place_box area_box(struct area a) {
    uint16_t x = area_place(a.x0), y = area_place(a.y0), x1 = area_place(a.x1), y1 = area_place(a.y1);
    return (struct place_box){x, y, (uint16_t)(x1 > x ? x1 - x : 0), (uint16_t)(y1 > y ? y1 - y : 0)};
}

#endif
