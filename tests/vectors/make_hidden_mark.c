/* make_hidden_mark.c: what the embedder adds to frames of some kinds. */
#include <string.h>

#include "crypto/hash.h"
#include "make.h"
#include "mark/hidden_mark.h"

static json_t *one(const char *name, const int32_t means_16[MARK_CHIPS], struct hidden_mark mark) {
    int8_t deltas[MARK_CHIPS];
    uint8_t raw[2 * MARK_CHIPS], hash[HASH_BYTES];
    int changed = 0;
    hidden_mark_deltas(means_16, mark, deltas);
    for (int i = 0; i < MARK_CHIPS; i++) {
        be16_put(raw + 2 * (size_t)i, (uint16_t)means_16[i]);
        changed += deltas[i] != 0;
    }
    hash_sha256(BYTES(deltas, sizeof deltas), hash);
    return json_pack("{s:s, s:I, s:I, s:o, s:i, s:o}", "name", name, "key", (json_int_t)mark.key, "minute",
                     (json_int_t)mark.minute, "means_16", make_hex(BYTES_OF(raw)), "changed", changed,
                     "deltas_sha256", make_hex(BYTES_OF(hash)));
}

void make_hidden_mark(const char *folder) {
    static int32_t means_16[MARK_CHIPS];
    uint8_t random[MARK_CHIPS];
    json_t *cases = json_array();
    for (int i = 0; i < MARK_CHIPS; i++) means_16[i] = 128 * 16;
    make_case(cases, NULL, one("all gray", means_16, (struct hidden_mark){0xdeadbeef, 0}));
    for (int i = 0; i < MARK_CHIPS; i++) means_16[i] = i % MARK_COLUMNS * 40 + i / MARK_COLUMNS * 3;
    make_case(cases, NULL, one("a slope", means_16, (struct hidden_mark){0, 0xffffff}));
    make_bytes("hidden mark", random, sizeof random);
    for (int i = 0; i < MARK_CHIPS; i++) means_16[i] = random[i] * 16;
    make_case(cases, NULL,
              one("noise: the budget is spent", means_16, (struct hidden_mark){0xffffffff, 470000}));
    for (int i = 0; i < MARK_CHIPS; i++) means_16[i] = random[i] / 16 * 16 + (i % 7 ? 1600 : 800);
    make_case(cases, NULL, one("texture", means_16, (struct hidden_mark){0x01020304, 123456}));
    make_file(
        folder, "hidden_mark.json",
        "What the hidden mark adds (signed bytes, hashed) to a frame of 96 x 54 chips whose means of luma, "
        "times 16 (2 bytes each), are given.",
        "docs/trust.md, Marks", cases);
}
