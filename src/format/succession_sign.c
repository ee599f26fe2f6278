#include "format/envelope.h"
#include "format/json_bytes.h"
#include "format/succession.h"

err succession_make(const struct succession *s, const struct sign_key *former, const struct sign_key *next,
                    struct blob *out) {
    struct succession made = *s;
    uint8_t message[SUCCESSION_PROOF_BYTES], proof[SIGNATURE_BYTES];
    AUTO(blob_clear) struct blob text = {0};
    if (s->n == 0 || s->n > SUCCESSIONS_MAX || s->time > UINT32_MAX) return ERR_INVALID;
    memcpy(made.former, former->public_key, sizeof made.former);
    memcpy(made.sign, next->public_key, sizeof made.sign);
    succession_proof_message(&made, message);
    sign_message(next, SUCCESSOR_DOMAIN, BYTES_OF(message), proof);
    AUTO(json_release)
    json_t *value = json_pack("{s:i, s:o, s:I, s:o, s:o, s:I, s:o}", "v", 1, "household",
                              json_hex(BYTES_OF(made.household)), "n", (json_int_t)made.n, "sign",
                              json_base64(BYTES_OF(made.sign)), "box", json_base64(BYTES_OF(made.box)),
                              "time", (json_int_t)made.time, "proof", json_base64(BYTES_OF(proof)));
    err e = json_append(value, &text);
    return e ? e : envelope_sign(former, SUCCESSION_DOMAIN, blob_bytes(&text), out);
}
