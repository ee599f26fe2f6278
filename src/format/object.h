/* object.h: what a vault keeps for a household by key, as signed envelopes (docs/formats.md, "Household
 * objects").
 *
 *     message = key length (2) | key | version (8) | payload          domain "cardea/1 object"
 *
 * object_sign is in format_sign, the rest in format_verify. Threads: no shared state. */
#ifndef CARDEA_FORMAT_OBJECT_H
#define CARDEA_FORMAT_OBJECT_H

#include "format/envelope.h"

#define OBJECT_KEY_MAX_BYTES 128
#define OBJECT_MAX_BYTES (256u << 10) /* the whole envelope */

/* 1 to 128 of a-z 0-9 - and single slashes between them. */
bool object_key_valid(const char *key);

/* Appends the envelope. ERR_INVALID: the key, or version 0. ERR_LIMIT: the payload is too large. */
err object_sign(const struct sign_key *k, const char *key, uint64_t version, struct bytes payload,
                struct blob *out) CHECKED;

struct object {
    uint8_t signer[SIGN_PUBLIC_BYTES];
    char key[OBJECT_KEY_MAX_BYTES + 1];
    uint64_t version;
    struct bytes payload; /* borrowed from the bytes it was read from */
};

/* Any signer and key.
 *   ERR_INVALID  names the field
 *   ERR_LIMIT    too large
 *   ERR_FORGED   the signature does not fit */
err object_verify(struct bytes raw, struct object *out, struct diag *d) CHECKED;

/* ERR_FORGED also when the signer or the key is not the expected one. */
err object_verify_from(struct bytes raw, const uint8_t signer[SIGN_PUBLIC_BYTES], const char *key,
                       struct object *out, struct diag *d) CHECKED;

#endif
