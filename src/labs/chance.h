/* chance.h: numbers as if by chance, the same ones for the same seed on every machine. PCG32 of M. E.
 * O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms" (2014). Not for
 * secrets. */
#ifndef CARDEA_LABS_CHANCE_H
#define CARDEA_LABS_CHANCE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

struct chance {
    uint64_t state;
};

static inline uint32_t chance_u32(struct chance *c) {
    uint64_t old = c->state;
    c->state = old * 6364136223846793005u + 1442695040888963407u;
    uint32_t shifted = (uint32_t)((old >> 18 ^ old) >> 27), turn = (uint32_t)(old >> 59);
    return shifted >> turn | shifted << (-turn & 31);
}

static inline struct chance chance_of(uint64_t seed) {
    struct chance c = {seed + 1442695040888963407u};
    chance_u32(&c);
    return c;
}

/* From 0 up to, not including, n, which is not 0; the bias of 2^-32 n is of no weight here. */
static inline uint32_t chance_below(struct chance *c, uint32_t n) {
    return (uint32_t)((uint64_t)chance_u32(c) * n >> 32);
}

static inline float chance_between(struct chance *c, float from, float to) {
    return from + (to - from) * ((float)(chance_u32(c) >> 8) / 16777216.0f);
}

static inline bool chance_is(struct chance *c, float probability) {
    return chance_between(c, 0, 1) < probability;
}

/* Of mean 0 and deviation 1 (Box and Muller). */
static inline float chance_normal(struct chance *c) {
    float u = chance_between(c, 1e-7f, 1), v = chance_between(c, 0, 6.2831853f);
    return sqrtf(-2 * logf(u)) * cosf(v);
}

#endif
