/* stamp.h: a time inside each picture of a benchmark's stream: one SEI NAL unit (user data unregistered). No
 * byte of the time is zero, so that no emulation prevention is needed. */
#ifndef CARDEA_BENCH_STAMP_H
#define CARDEA_BENCH_STAMP_H

#include "base/bytes.h"

#define STAMP_DIGITS 10
#define STAMP_BYTES (3 + 16 + STAMP_DIGITS + 1)
#define STAMP_UUID "cardea.benchmark"

static inline void stamp_write(uint8_t out[STAMP_BYTES], int64_t us) {
    out[0] = 6;
    out[1] = 5;
    out[2] = 16 + STAMP_DIGITS;
    memcpy(out + 3, STAMP_UUID, 16);
    for (int i = 0; i < STAMP_DIGITS; i++) out[19 + i] = (uint8_t)(0x80 | (us >> (7 * i) & 0x7f));
    out[STAMP_BYTES - 1] = 0x80;
}

/* The time of the first stamp in the data; false when there is none. */
static inline bool stamp_find(struct bytes data, int64_t *us) {
    const uint8_t *at = data.len ? memmem(data.data, data.len, STAMP_UUID, 16) : NULL;
    if (!at || (size_t)(data.data + data.len - at) < 16 + STAMP_DIGITS) return false;
    *us = 0;
    for (int i = 0; i < STAMP_DIGITS; i++) *us |= (int64_t)(at[16 + i] & 0x7f) << (7 * i);
    return true;
}

#endif
