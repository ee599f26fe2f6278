/* bits.h: reads the bit fields of H.264, H.265 and MPEG-4 headers; past the end it yields zeros and
 * remembers. Threads: no shared state. */
#ifndef CARDEA_MEDIA_BITS_H
#define CARDEA_MEDIA_BITS_H

#include <stdbool.h>

#include "base/bytes.h"

struct bits {
    const uint8_t *data;
    size_t len, at; /* `at` counts bits */
    bool failed;    /* something was read past the end, or an Exp-Golomb code was too long */
};

static inline struct bits bits_of(struct bytes b) {
    return (struct bits){b.data, b.len, 0, false};
}

uint32_t bits_get(struct bits *b, unsigned count); /* count <= 32 */
static inline bool bits_flag(struct bits *b) {
    return bits_get(b, 1) != 0;
}
void bits_skip(struct bits *b, size_t count);
uint32_t bits_ue(struct bits *b); /* Exp-Golomb, ITU-T H.264 section 9.1 */
int32_t bits_se(struct bits *b);
size_t bits_left(const struct bits *b);

/* Copies a NAL unit without its emulation prevention bytes (H.264 section 7.4.1); returns the length, at most
 * out.len. */
size_t nal_unescape(struct bytes nal, struct buffer out);

#endif
