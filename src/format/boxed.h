/* boxed.h: JSON in a signed envelope in a box: what commands and replies are. Internal to src/format. */
#ifndef CARDEA_FORMAT_BOXED_H
#define CARDEA_FORMAT_BOXED_H

#include "base/json.h"
#include "crypto/sign.h"
#include "crypto/unbox.h"

struct boxed_kind {
    const char *what;  /* for messages: "command" */
    const char *label; /* the box's info and the signature's domain: "cardea/1 command" */
    size_t max_bytes;  /* of the box */
};

/* Appends the box. `value` NULL (a failed json_pack) is ERR_NO_MEMORY. ERR_LIMIT: too large. */
err boxed_seal(const struct boxed_kind *kind, const json_t *value, const struct sign_key *signer,
               const uint8_t to[BOX_PUBLIC_BYTES], struct bytes aad,
               const uint8_t ephemeral[BOX_SECRET_BYTES], struct blob *out) CHECKED;

/* *value is returned.
 *   ERR_LIMIT    too large
 *   ERR_FORGED   not for this key and aad, not by this signer, or altered
 *   ERR_INVALID  names what is malformed */
err boxed_open(const struct boxed_kind *kind, struct bytes raw, const struct box_key *key, struct bytes aad,
               const uint8_t signer[SIGN_PUBLIC_BYTES], json_t **value, struct diag *d) CHECKED;

/* The same by any signer, who comes out. */
err boxed_open_any(const struct boxed_kind *kind, struct bytes raw, const struct box_key *key,
                   struct bytes aad, uint8_t signer[SIGN_PUBLIC_BYTES], json_t **value,
                   struct diag *d) CHECKED;

#endif
