/* motion_grid.h: compares a picture's brightness, averaged in cells of a small grid, with a background that
 * learns. Threads: one. */
#ifndef CARDEA_MEDIA_MOTION_GRID_H
#define CARDEA_MEDIA_MOTION_GRID_H

#include "media/worker_message.h"

#define MOTION_GRID_COLUMNS 32
#define MOTION_GRID_ROWS 18
#define MOTION_GRID_CELLS (MOTION_GRID_COLUMNS * MOTION_GRID_ROWS)

struct motion_grid {
    bool learnt; /* has a background */
    float mean[MOTION_GRID_CELLS], deviation[MOTION_GRID_CELLS];
    uint8_t changed_looks[MOTION_GRID_CELLS]; /* in a row */
};

/* Averages a plane of luma into cells. */
void motion_grid_cells(const uint8_t *luma, size_t stride, int width, int height,
                       float cells[MOTION_GRID_CELLS]);

/* Compares and learns. Returns the score, 0 (still) to 255, and the places that changed; out->wall is left
 * alone. A change of (nearly) the whole picture, such as a light or the infra-red filter, is learnt at once
 * and scores 0. */
uint8_t motion_grid_look(struct motion_grid *g, const float cells[MOTION_GRID_CELLS],
                         struct worker_motion *out);

#endif
