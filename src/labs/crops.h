/* crops.h: what the classifier learns from. Each crop is larger than what the classifier takes, so that
 * learning can shift and scale. Threads: no shared state. */
#ifndef CARDEA_LABS_CROPS_H
#define CARDEA_LABS_CROPS_H

#include "labs/chance.h"
#include "labs/picture_file.h"
#include "labs/scene.h"

#define CROP_SIDE 72
#define CROP_BYTES (CROP_SIDE * CROP_SIDE * 3)
#define CROP_WIDER 1.5f /* times the square that classifier_crop would cut */

/* Where pixels come from. What is learnt without a place holds none of its pixels. */
enum crop_place {
    CROP_PLACE_VTEST,
    CROP_PLACE_ONE_BY_ONE,
    CROP_PLACE_CARS,
    CROP_PLACE_BOTTLES,
    CROP_PLACE_TREE,
    CROP_PLACE_PORCH,
    CROP_PLACE_DOORS,  /* photos of front doors */
    CROP_PLACE_PHOTOS, /* opencv-doc's */
    CROP_PLACE_STAMPS, /* tuxpaint-stamps-default's cut-out photos */
    CROP_PLACE_WEATHER,
    CROP_PLACE_COCO, /* for tests only */
    CROP_PLACES,
};
const char *crop_place_text(enum crop_place p);

enum crop_origin {
    CROP_SEEN,   /* an object's or a moving place's crop of a frame */
    CROP_CHANCE, /* any place of a frame without an object */
    CROP_PASTED, /* an object's pixels over another background, or what only looks like one */
    CROP_ORIGINS,
};

struct crop {
    uint8_t class, origin;
    uint8_t places[2]; /* of the object and of the background */
    uint8_t rgb[CROP_BYTES];
};

struct crop_set {
    struct crop *items;
    size_t count, room;
};
void crop_set_clear(struct crop_set *c);
/* A new one at the end, to be filled. NULL: no memory. */
struct crop *crop_set_add(struct crop_set *c);

/* Adds the crop of a box of the picture. */
err crop_set_cut(struct crop_set *c, const struct picture *p, float x, float y, float w, float h, int class,
                 enum crop_origin origin, enum crop_place place) CHECKED;

/* A cut-out: an object, opaque where it is. */
struct cut_out {
    struct picture picture;
    int class; /* of enum classifier_class */
    enum crop_place place;
};
struct cut_outs {
    struct cut_out *items;
    size_t count, room;
};
void cut_outs_clear(struct cut_outs *c);
err cut_outs_add(struct cut_outs *c, struct picture *p, int class,
                 enum crop_place place) CHECKED; /* takes p */

struct background {
    struct picture picture;
    enum crop_place place;
};
struct backgrounds {
    struct background *items;
    size_t count, room;
};
void backgrounds_clear(struct backgrounds *b);
err backgrounds_add(struct backgrounds *b, struct picture *p, enum crop_place place) CHECKED; /* takes p */

/* All of the footage: crops as they were seen, cut-outs and backgrounds. */
err footage_crops(const char *footage, struct bytes labels, struct chance *chance, struct crop_set *crops,
                  struct cut_outs *objects, struct backgrounds *grounds, struct diag *d) CHECKED;

/* Cut-out photos of the package tuxpaint-stamps-default, or of a folder laid out like it. */
err stamps_read(const char *folder, struct cut_outs *objects, struct diag *d) CHECKED;

/* Photos: of the footage's front doors, and of opencv-doc if it is there. */
err photos_read(const char *footage, struct backgrounds *grounds, struct diag *d) CHECKED;

/* Adds `count` pasted crops of each class. */
err paste_crops(const struct cut_outs *objects, const struct backgrounds *grounds, size_t count,
                struct chance *chance, struct crop_set *out, struct diag *d) CHECKED;

/* The labelled images of COCO, as crops for tests: each object of at least `least` pixels, and as many places
 * without any. */
err coco_crops(const char *folder, int least, struct chance *chance, struct crop_set *out,
               struct diag *d) CHECKED;

#endif
