/* zones.h: places in a camera's picture that matter: include, exclude, line (docs/seeing.md, "Zones").
 *
 * Places are in ten-thousandths of the picture, so they hold for any size a camera changes to. An object is
 * where it stands: the middle of its box's lower edge. Threads: no shared state. */
#ifndef CARDEA_HUB_ZONES_H
#define CARDEA_HUB_ZONES_H

#include "base/json.h"
#include "vision/vision_message.h"

#define ZONES_MAX 16 /* for each camera */
#define ZONE_POINTS_MIN 3
#define ZONE_POINTS_MAX 16
#define ZONE_LINE_POINTS 2
#define ZONE_NAME_MAX_BYTES 64
#define ZONE_ID_BYTES 4
#define ZONE_ID_CHARS (2 * ZONE_ID_BYTES)

enum zone_kind { ZONE_INCLUDE, ZONE_EXCLUDE, ZONE_LINE };
enum zone_direction { ZONE_BOTH, ZONE_IN, ZONE_OUT };

struct place_point {
    int32_t x, y;
};

struct zone {
    char id[ZONE_ID_CHARS + 1];
    char name[ZONE_NAME_MAX_BYTES + 1];
    enum zone_kind kind;
    enum zone_direction direction; /* of a line */
    size_t count;
    struct place_point points[ZONE_POINTS_MAX];
};

struct zone_list {
    size_t count;
    struct zone zones[ZONES_MAX];
};

/* Reads a camera's zones; those without an id get one. *out is written when all is well.
 *   ERR_INVALID  names what is wrong: a point outside, a border that crosses itself, a name twice
 *   ERR_LIMIT    more than ZONES_MAX */
err zones_read(json_t *list, struct zone_list *out, struct diag *d) CHECKED;
json_t *zones_json(const struct zone_list *list); /* NULL: out of memory */

/* Where an object stands. */
struct place_point place_foot(const struct place_box *box);

/* Whether the point lies in the zone, its border included; never in a line. */
bool zone_holds(const struct zone *z, struct place_point p);

/* Whether the way from one point to the next crosses the line in a direction that counts. What stands on the
 * line is still on its left, so that a stop on it is neither missed nor counted twice. */
bool zone_crossed(const struct zone *z, struct place_point from, struct place_point to);

/* Sets of zones are bits by index. */
uint32_t zones_at(const struct zone_list *list, struct place_point p);
uint32_t zones_crossed(const struct zone_list *list, struct place_point from, struct place_point to);
/* Of those, the ones in which nothing is to be told. */
uint32_t zones_excluding(const struct zone_list *list, uint32_t set);

#endif
