/* envelope_fuzz.c: envelopes and objects as a stranger sends them; and, since no mutation survives a
 * signature, the same bytes as the message of an envelope that is signed properly. */
#include <stdlib.h>

#include "format/certificate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t seed[SIGN_SEED_BYTES] = {1};
    struct sign_key key;
    struct envelope envelope;
    struct object object;
    struct hub_certificate certificate;
    struct diag d = {0};
    if (envelope_verify(BYTES(data, size), "cardea/1 object", &envelope, &d) && !d.text[0]) abort();
    if (object_verify(BYTES(data, size), &object, &d) == ERR_OK && !object_key_valid(object.key)) abort();
    sign_key_from_seed(seed, &key);
    AUTO(blob_clear) struct blob sealed = {0};
    if (envelope_sign(&key, "cardea/1 object", BYTES(data, size), &sealed)) abort();
    if (object_verify(blob_bytes(&sealed), &object, &d) == ERR_OK && !object_key_valid(object.key)) abort();
    sealed.len = 0;
    if (size <= 4096 && object_sign(&key, "hub/00", 1, BYTES(data, size), &sealed)) abort();
    if (size <= 4096 &&
        hub_certificate_verify(blob_bytes(&sealed), key.public_key, &certificate, &d) == ERR_OK)
        abort();
    return 0;
}
