/* hidden_mark.h: says in every frame, unseen, who is looking at it, so that a picture of the screen says it
 * too.
 *
 * Improved spread spectrum (H. S. Malvar, D. A. F. Florencio, "Improved Spread Spectrum", IEEE Trans. Signal
 * Processing 51(4), 2003, section III): the embedder knows the picture that it hides in, so it takes the
 * picture's own correlation away instead of shouting over it. The bits are coded (convolutional, K = 7, rate
 * 1/3, generators 133 171 165: J. Proakis, "Digital Communications", table 8.2-2) and spread over a grid of
 * 96 x 54 chips, whose size follows the frame's: a picture of the screen at half the size has the same grid.
 * Bytes, limits and what it does not resist: docs/trust.md, "Marks". web/shared/mark_hidden.ts does the same;
 * tests/vectors/hidden_mark.json holds both to it.
 *
 * Threads: no shared state. */
#ifndef CARDEA_MARK_HIDDEN_MARK_H
#define CARDEA_MARK_HIDDEN_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define MARK_COLUMNS 96
#define MARK_ROWS 54
#define MARK_CHIPS (MARK_COLUMNS * MARK_ROWS)
/* Frames are marked at this width or more, smaller ones after being enlarged. */
#define MARK_FRAME_WIDTH_MIN 1280
/* A frame to read: a chip of fewer than 2 x 2 pixels tells nothing. */
#define MARK_READ_WIDTH_MIN (2 * MARK_COLUMNS)
#define MARK_READ_HEIGHT_MIN (2 * MARK_ROWS)
#define MARK_PICTURE_SIDE_MAX 16384
/* The most that a chip is lightened or darkened, of 255. */
#define MARK_DELTA_MAX 4
/* A frame's whole change, as the mean of squares, times 16: 10 log10(255^2 * 16 / 48) = 43.4 dB. */
#define MARK_BUDGET_16 48

struct hidden_mark {
    uint32_t key;    /* the first 4 bytes of SHA-256 of the viewer's signing key */
    uint32_t minute; /* since 2026-01-01T00:00Z, modulo 2^24 */
};

struct gray {
    const uint8_t *pixels; /* luma, 0.299 R + 0.587 G + 0.114 B; rows without gaps; borrowed */
    int width, height;
};

struct mark_reading {
    struct hidden_mark mark;
    double x, y, width, height; /* where in the picture the frame was */
    double agreement;           /* 0..1: how much of what was read agrees with the word that it says */
};

/* What to add to each chip of a frame whose chips have these means of luma, times 16, row by row. */
void hidden_mark_deltas(const int32_t means_16[MARK_CHIPS], struct hidden_mark mark, int8_t out[MARK_CHIPS]);

/* Marks a frame of 4 bytes a pixel (red, green, blue, anything), at least MARK_READ_WIDTH_MIN x
 * MARK_READ_HEIGHT_MIN. */
void hidden_mark_embed(uint8_t *rgba, int width, int height, struct hidden_mark mark);

/* Reads one whose frame is the rectangle, give or take two pixels on each side. The frame may reach beyond
 * the picture, as that of a cropped one does. ERR_NOT_FOUND  no mark is there ERR_INVALID    the picture or
 * the frame is too small or too large ERR_NO_MEMORY */
err hidden_mark_read_at(struct gray picture, double x, double y, double width, double height,
                        struct mark_reading *out) CHECKED;

/* The frame's outermost line, part of the visible mark: this colour, a 213th of the frame's width thick. It
 * is how a frame is found in a picture of a whole page. */
#define MARK_BORDER_RED 255
#define MARK_BORDER_GREEN 176
#define MARK_BORDER_BLUE 0

/* A picture that somebody handed in. */
struct mark_picture {
    uint8_t *rgb; /* rows without gaps; owned */
    int width, height;
};
void mark_picture_clear(struct mark_picture *p);

/* Reads a JPEG or a PNG of a stranger's, transparent places as white.
 *   ERR_INVALID  neither, or damaged      ERR_LIMIT  larger than MARK_PICTURE_PIXELS_MAX      ERR_NO_MEMORY
 */
#define MARK_PICTURE_PIXELS_MAX (64u << 20)
err mark_picture_read(struct bytes file, struct mark_picture *out, struct diag *d) CHECKED;

/* Finds the frame, by its border or as the whole picture, and reads its mark. Errors: as hidden_mark_read_at.
 */
err hidden_mark_find(const struct mark_picture *p, struct mark_reading *out) CHECKED;
/* The same of a frame whose place is known. */
err hidden_mark_read_frame(const struct mark_picture *p, double x, double y, double width, double height,
                           struct mark_reading *out) CHECKED;

#endif
