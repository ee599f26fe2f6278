/* check_hidden_mark.c: what the embedder adds. */
#include "check.h"
#include "crypto/hash.h"
#include "mark/hidden_mark.h"

static void check_one(json_t *one) {
    static int32_t means_16[MARK_CHIPS];
    int8_t deltas[MARK_CHIPS];
    uint8_t hash[HASH_BYTES];
    AUTO(blob_clear) struct blob raw = check_hex(one, "means_16");
    assert_int_equal(raw.len, 2 * MARK_CHIPS);
    for (size_t i = 0; i < MARK_CHIPS; i++) means_16[i] = be16_get(raw.data + 2 * i);
    hidden_mark_deltas(
        means_16, (struct hidden_mark){(uint32_t)check_int(one, "key"), (uint32_t)check_int(one, "minute")},
        deltas);
    hash_sha256(BYTES(deltas, sizeof deltas), hash);
    check_equal(one, "deltas_sha256", BYTES_OF(hash));
}

void check_hidden_mark_files(void **state) {
    check_file("hidden_mark.json", check_one);
}
