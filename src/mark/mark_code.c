#include "mark/mark_code.h"

#include <string.h>

#define STATES 64 /* the last six bits */
#define STEPS (MARK_WORD_BITS + MARK_TAIL_BITS)
#define WORD_BYTES (MARK_WORD_BITS / 8)

static const uint8_t generators[3] = {0133, 0171, 0165}; /* octal, of the newest bit and the last six */

/* G. Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8(14), 2003. */
static uint32_t next_random(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

void mark_layout_make(struct mark_layout *out) {
    uint16_t order[MARK_CHIPS];
    uint32_t state = 0x43524d4b; /* "CRMK" */
    for (int i = 0; i < MARK_CHIPS; i++) order[i] = (uint16_t)i;
    for (int i = MARK_CHIPS - 1; i > 0; i--) {
        int j = (int)((uint64_t)next_random(&state) * (uint64_t)(i + 1) >> 32);
        uint16_t other = order[j];
        order[j] = order[i];
        order[i] = other;
    }
    memset(out->counts, 0, sizeof out->counts);
    for (int k = 0; k < MARK_CHIPS; k++) {
        int bit = k % MARK_CODED_BITS;
        out->bit_of[order[k]] = (uint16_t)bit;
        out->sign_of[order[k]] = next_random(&state) & 0x10000 ? 1 : -1;
        out->chips[bit][out->counts[bit]++] = order[k];
    }
}

static uint16_t crc16(const uint8_t *data, size_t len) {
    uint16_t crc = 0xffff;
    for (size_t i = 0; i < len; i++) {
        crc = (uint16_t)(crc ^ data[i] << 8);
        for (int bit = 0; bit < 8; bit++) crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return crc;
}

static void word_make(struct hidden_mark mark, uint8_t word[WORD_BYTES]) {
    const uint8_t body[] = {(uint8_t)(mark.key >> 24),    (uint8_t)(mark.key >> 16),
                            (uint8_t)(mark.key >> 8),     (uint8_t)mark.key,
                            (uint8_t)(mark.minute >> 16), (uint8_t)(mark.minute >> 8),
                            (uint8_t)mark.minute};
    uint16_t crc = crc16(body, sizeof body);
    memcpy(word, body, sizeof body);
    word[7] = (uint8_t)(crc >> 8);
    word[8] = (uint8_t)crc;
}

/* +1 or -1: what the generator says of seven bits, the newest on top. */
static int branch(uint32_t window, int generator) {
    return __builtin_parity(window & generators[generator]) ? 1 : -1;
}

void mark_encode(struct hidden_mark mark, int8_t coded[MARK_CODED_BITS]) {
    uint8_t word[WORD_BYTES];
    uint32_t state = 0;
    word_make(mark, word);
    for (int i = 0; i < STEPS; i++) {
        uint32_t bit = i < MARK_WORD_BITS ? word[i / 8] >> (7 - i % 8) & 1u : 0;
        uint32_t window = bit << 6 | state;
        for (int g = 0; g < 3; g++) coded[3 * i + g] = (int8_t)branch(window, g);
        state = window >> 1;
    }
}

/* Fills `from` with which of the two states before each state is likelier. */
static void forward(const double measured[MARK_CODED_BITS], uint8_t from[STEPS][STATES]) {
    double best[STATES], next[STATES];
    for (int s = 0; s < STATES; s++) best[s] = s ? -1e30 : 0;
    for (int i = 0; i < STEPS; i++) {
        for (uint32_t to = 0; to < STATES; to++) {
            double of[2];
            for (uint32_t low = 0; low < 2; low++) {
                uint32_t window = to << 1 | low;
                of[low] = best[window & (STATES - 1)];
                for (int g = 0; g < 3; g++) of[low] += branch(window, g) * measured[3 * i + g];
            }
            from[i][to] = of[1] > of[0];
            next[to] = of[from[i][to]];
        }
        memcpy(best, next, sizeof best);
    }
}

bool mark_decode(const double measured[MARK_CODED_BITS], struct hidden_mark *out) {
    uint8_t from[STEPS][STATES], word[WORD_BYTES] = {0}, again[WORD_BYTES];
    uint32_t state = 0;
    forward(measured, from);
    for (int i = STEPS - 1; i >= 0; i--) {
        if (i < MARK_WORD_BITS) word[i / 8] |= (uint8_t)((state >> 5) << (7 - i % 8));
        state = (state << 1 | from[i][state]) & (STATES - 1);
    }
    struct hidden_mark mark = {
        .key = (uint32_t)word[0] << 24 | (uint32_t)word[1] << 16 | (uint32_t)word[2] << 8 | word[3],
        .minute = (uint32_t)word[4] << 16 | (uint32_t)word[5] << 8 | word[6],
    };
    word_make(mark, again);
    *out = mark;
    return memcmp(word, again, sizeof word) == 0;
}
