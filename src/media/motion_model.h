/* motion_model.h: what of a picture is not the scene's usual look.
 *
 * Pictures are reduced to 160 x 90. Each of these places remembers some of the values that it had while
 * nothing was there, drawn at random (Barnich and Van Droogenbroeck, "ViBe", IEEE TIP 2011), and how far from
 * them it may be, which follows how far it tends to be and how often it changes sides (Hofmann et al.,
 * "PBAS", CVPRW 2012; St-Charles et al., "SuBSENSE", IEEE TIP 2015): leaves in the wind, water and the noise
 * of a sensor at night raise it where they are. On top of that:
 *   - what its neighbours' usual values explain is no change: small shakes and sways;
 *   - what the whole picture is brighter or darker by is taken off first: exposure;
 *   - where the texture of the scene is still there under another brightness, light moves, not a thing:
 *     shadows, headlights (as Jacques et al., SIBGRAPI 2005, tell them by correlation);
 *   - when most of the picture changes at once it is learnt anew: the infra-red filter, a lamp;
 *   - what changed but stands still now does not move: a parked car, and the place that one left;
 *   - a region must be there again in the next looks, the smaller the longer: rain, snow, insects.
 * Everything is deterministic. Threads: one. */
#ifndef CARDEA_MEDIA_MOTION_MODEL_H
#define CARDEA_MEDIA_MOTION_MODEL_H

#include "media/worker_message.h"

#define MODEL_COLUMNS 160
#define MODEL_ROWS 90
#define MODEL_PLACES (MODEL_COLUMNS * MODEL_ROWS)
#define MODEL_CHROMA (MODEL_PLACES / 4)
#define MODEL_SAMPLES 8
#define MODEL_PARTS_MAX 48

struct model_picture {
    uint8_t luma[MODEL_PLACES], u[MODEL_CHROMA], v[MODEL_CHROMA];
    bool colour; /* u and v are filled */
};

/* Averages a plane into columns x rows; at least that large. */
void model_reduce(const uint8_t *plane, size_t stride, int width, int height, uint8_t *out, int columns,
                  int rows);

/* A connected piece of what changed. */
struct model_part {
    int left, top, right, bottom; /* right and bottom are one past it */
    int area, solid, recent;      /* places; solid: certainly a thing; recent: that changed just now */
    float change;                 /* sum of what they are off by */
    int chain, near_chain;        /* looks in a row that it was there, or not far from there */
};

struct motion_model {
    bool learnt, calibrating;
    bool calibrated; /* at the last look a change of the whole picture came to its end */
    bool suspect;    /* the last look saw something that the next ones would have to confirm */
    uint64_t random;
    double looked_s, calibrating_s; /* when it last looked, and since when it has been calibrating */
    unsigned looks;                 /* since it was learnt anew */
    double calm_s;                  /* when little of the picture was changed last */
    uint8_t samples[MODEL_SAMPLES][MODEL_PLACES];
    float mean[MODEL_PLACES], reach[MODEL_PLACES], distance[MODEL_PLACES], restless[MODEL_PLACES];
    float mean_u[MODEL_CHROMA], mean_v[MODEL_CHROMA];
    struct model_picture before;
    uint8_t was_changed[MODEL_PLACES], recent[MODEL_PLACES], mask[MODEL_PLACES];
    struct model_part parts[MODEL_PARTS_MAX];
    size_t part_count;
};

/* Compares and learns; `now_s` rises. Returns the score, 0 (still) to 255, and the regions that move;
 * out->wall is left alone. */
uint8_t motion_model_look(struct motion_model *m, const struct model_picture *p, double now_s,
                          struct worker_motion *out);

/* Nothing moves any more: what changed and stayed is the scene from now on. */
void motion_model_settle(struct motion_model *m);

#endif
