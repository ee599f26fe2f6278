/* assign.h: pairs rows with columns so that the sum of what the pairs are worth is largest (Kuhn 1955; with
 * potentials, in O(n³), as Jonker and Volgenant 1987). Threads: no shared state. */
#ifndef CARDEA_VISION_ASSIGN_H
#define CARDEA_VISION_ASSIGN_H

#include <stddef.h>

#define ASSIGN_MAX 160 /* rows, and columns */

/* worth[row * columns + column]; pairs of worth 0 or less are never made. out[row] gets the column, or -1. */
void assign(const float *worth, size_t rows, size_t columns, int *out);

#endif
