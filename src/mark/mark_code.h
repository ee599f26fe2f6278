/* mark_code.h: the word of a hidden mark, coded, and where its bits lie among the chips. Private to src/mark.
 *
 *     word   = key (4) | minute (3) | CRC-16/CCITT-FALSE of those seven (2): 72 bits, most significant first
 *     coded  = the convolutional code of word and six zeros: 78 * 3 = 234 bits
 *     chips  = coded bit k % 234 at the k-th chip of a fixed pseudo-random order, times a pseudo-random sign
 *
 * The order and the signs are public, as all of this is: a secret in a page is none. */
#ifndef CARDEA_MARK_MARK_CODE_H
#define CARDEA_MARK_MARK_CODE_H

#include "mark/hidden_mark.h"

#define MARK_WORD_BITS 72
#define MARK_TAIL_BITS 6 /* bring the encoder back to where it began */
#define MARK_CODED_BITS ((MARK_WORD_BITS + MARK_TAIL_BITS) * 3)
#define MARK_BIT_CHIPS_MAX ((MARK_CHIPS + MARK_CODED_BITS - 1) / MARK_CODED_BITS)

struct mark_layout {
    uint16_t chips[MARK_CODED_BITS][MARK_BIT_CHIPS_MAX]; /* a coded bit's chips */
    uint8_t counts[MARK_CODED_BITS];
    uint16_t bit_of[MARK_CHIPS];
    int8_t sign_of[MARK_CHIPS]; /* +1 or -1 */
};

void mark_layout_make(struct mark_layout *out);

/* +1 or -1 for each coded bit. */
void mark_encode(struct hidden_mark mark, int8_t coded[MARK_CODED_BITS]);

/* The likeliest word (A. Viterbi, IEEE Trans. Information Theory 13(2), 1967) of what was measured, positive
 * for +1. False: its checksum is wrong. */
bool mark_decode(const double measured[MARK_CODED_BITS], struct hidden_mark *out);

#endif
