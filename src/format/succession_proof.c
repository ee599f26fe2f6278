#include "format/succession.h"

static void put(uint8_t **at, const uint8_t *from, size_t len) {
    memcpy(*at, from, len);
    *at += len;
}

void succession_proof_message(const struct succession *s, uint8_t out[SUCCESSION_PROOF_BYTES]) {
    uint8_t number[4];
    uint8_t *at = out;
    put(&at, s->household, sizeof s->household);
    be32_put(number, s->n);
    put(&at, number, sizeof number);
    put(&at, s->former, sizeof s->former);
    put(&at, s->sign, sizeof s->sign);
    put(&at, s->box, sizeof s->box);
    be32_put(number, (uint32_t)s->time);
    put(&at, number, sizeof number);
}
