/* crops.h: which parts of a picture a detector is shown. A small thing in a large picture is missed when the
 * whole is scaled down, and found in a part around what moved. Threads: no shared state. */
#ifndef CARDEA_VISION_CROPS_H
#define CARDEA_VISION_CROPS_H

#include "vision/image.h"

#define CROPS_MAX 3
#define CROPS_MOVING_MAX (VISION_REGIONS_MAX + CROPS_MAX)

struct crops {
    size_t count;
    struct rect list[CROPS_MAX];
};

/* Parts that hold all of `moving`: near ones together, with a margin, square-ish, and of at least `side`
 * pixels where the picture has them. `close`: as close as the margin allows, for what is classified. */
void crops_plan(const struct image *m, const struct area *moving, size_t count, int side, bool close,
                struct crops *out);

/* One more part around `a`; false when there are CROPS_MAX. */
bool crops_add(const struct image *m, struct area a, int side, struct crops *out);

/* The part as an area of the picture. */
struct area crops_area(const struct image *m, struct rect part);

#endif
