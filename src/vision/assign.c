#include "vision/assign.h"

#include <float.h>
#include <stdbool.h>

/* A square problem: rows and columns that are missing are worth nothing. Index 0 is the algorithm's own. */
struct problem {
    const float *worth;
    size_t rows, columns, n;
    float row_potential[ASSIGN_MAX + 1], column_potential[ASSIGN_MAX + 1];
    size_t row_of[ASSIGN_MAX + 1]; /* by column; 0: free */
};

static float cost(const struct problem *p, size_t row, size_t column) {
    if (row > p->rows || column > p->columns) return 0;
    float worth = p->worth[(row - 1) * p->columns + column - 1];
    return worth > 0 ? -worth : 0;
}

/* Finds a place for one row, moving others along the cheapest way of exchanges. */
static void place_row(struct problem *p, size_t row) {
    float least[ASSIGN_MAX + 1];
    size_t way[ASSIGN_MAX + 1] = {0};
    bool used[ASSIGN_MAX + 1] = {false};
    for (size_t j = 0; j <= p->n; j++) least[j] = FLT_MAX;
    p->row_of[0] = row;
    size_t column = 0;
    do {
        size_t at = p->row_of[column], next = 0;
        float step = FLT_MAX;
        used[column] = true;
        for (size_t j = 1; j <= p->n; j++) {
            if (used[j]) continue;
            float c = cost(p, at, j) - p->row_potential[at] - p->column_potential[j];
            if (c < least[j]) {
                least[j] = c;
                way[j] = column;
            }
            if (least[j] < step) {
                step = least[j];
                next = j;
            }
        }
        for (size_t j = 0; j <= p->n; j++) {
            if (used[j]) {
                p->row_potential[p->row_of[j]] += step;
                p->column_potential[j] -= step;
            } else {
                least[j] -= step;
            }
        }
        column = next;
    } while (p->row_of[column] != 0);
    while (column) {
        p->row_of[column] = p->row_of[way[column]];
        column = way[column];
    }
}

void assign(const float *worth, size_t rows, size_t columns, int *out) {
    struct problem p = {
        .worth = worth, .rows = rows, .columns = columns, .n = rows > columns ? rows : columns};
    for (size_t i = 0; i < rows; i++) out[i] = -1;
    if (rows == 0 || columns == 0 || p.n > ASSIGN_MAX) return;
    for (size_t row = 1; row <= p.n; row++) place_row(&p, row);
    for (size_t j = 1; j <= columns; j++) {
        size_t row = p.row_of[j];
        if (row >= 1 && row <= rows && cost(&p, row, j) < 0) out[row - 1] = (int)(j - 1);
    }
}
