#include "media/bits.h"

size_t bits_left(const struct bits *b) {
    return b->len * 8 - b->at;
}

uint32_t bits_get(struct bits *b, unsigned count) {
    if (count > bits_left(b)) {
        b->failed = true;
        b->at = b->len * 8;
        return 0;
    }
    uint32_t v = 0;
    for (unsigned i = 0; i < count; i++, b->at++)
        v = v << 1 | (uint32_t)(b->data[b->at >> 3] >> (7 - (b->at & 7)) & 1);
    return v;
}

void bits_skip(struct bits *b, size_t count) {
    if (count > bits_left(b)) {
        b->failed = true;
        count = bits_left(b);
    }
    b->at += count;
}

uint32_t bits_ue(struct bits *b) {
    unsigned zeros = 0;
    while (!b->failed && !bits_get(b, 1))
        if (++zeros > 31) b->failed = true;
    if (b->failed || zeros > 31) return 0;
    return (uint32_t)((1ull << zeros) - 1 + bits_get(b, zeros));
}

int32_t bits_se(struct bits *b) {
    uint32_t v = bits_ue(b);
    return v & 1 ? (int32_t)((v >> 1) + 1) : -(int32_t)(v >> 1);
}

size_t nal_unescape(struct bytes nal, struct buffer out) {
    size_t n = 0;
    unsigned zeros = 0;
    for (size_t i = 0; i < nal.len && n < out.len; i++) {
        if (zeros >= 2 && nal.data[i] == 3) {
            zeros = 0;
            continue;
        }
        zeros = nal.data[i] ? 0 : zeros + 1;
        out.data[n++] = nal.data[i];
    }
    return n;
}
