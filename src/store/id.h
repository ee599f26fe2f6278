/* id.h: the 16 random bytes that name households, cameras (streams), reels, hubs and pairings. */
#ifndef CARDEA_STORE_ID_H
#define CARDEA_STORE_ID_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define STORE_ID_BYTES 16
#define STORE_KEY_BYTES 32 /* Ed25519 public keys and SHA-256 */

struct store_id {
    uint8_t bytes[STORE_ID_BYTES];
};
struct store_key {
    uint8_t bytes[STORE_KEY_BYTES];
};

static inline bool store_id_equal(const struct store_id *a, const struct store_id *b) {
    return memcmp(a->bytes, b->bytes, STORE_ID_BYTES) == 0;
}
static inline bool store_key_equal(const struct store_key *a, const struct store_key *b) {
    return memcmp(a->bytes, b->bytes, STORE_KEY_BYTES) == 0;
}

/* Seconds in a day: `day` everywhere is slot / 86400, in UTC. */
#define STORE_DAY_SLOTS 86400u

#endif
