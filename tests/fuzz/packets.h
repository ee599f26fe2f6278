/* packets.h: an input as packets, each after its length in two bytes. */
#ifndef CARDEA_TESTS_FUZZ_PACKETS_H
#define CARDEA_TESTS_FUZZ_PACKETS_H

#include "base/bytes.h"

static inline bool packet_next(struct reader *r, struct bytes *out) {
    uint8_t length[2];
    if (!reader_copy(r, length, 2)) return false;
    size_t len = be16_get(length);
    if (len > reader_left(r)) len = reader_left(r);
    return reader_take(r, len, out);
}

#endif
