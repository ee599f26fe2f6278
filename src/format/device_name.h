/* device_name.h: what a session or a second factor is called, sealed for the account's own devices
 * (docs/formats.md, "A device's name"). Of one length, whatever the name. Threads: no shared state. */
#ifndef CARDEA_FORMAT_DEVICE_NAME_H
#define CARDEA_FORMAT_DEVICE_NAME_H

#include "crypto/sign.h"

#define DEVICE_NAME_MAX_BYTES 64
#define DEVICE_NAME_SEALED_BYTES (12 + DEVICE_NAME_MAX_BYTES + 16)

/* A name that is longer is cut, between characters. `account` is the account's signing key. ERR_NO_MEMORY. */
err device_name_seal(const struct sign_key *account, const char *name,
                     uint8_t out[DEVICE_NAME_SEALED_BYTES]) CHECKED;
err device_name_seal_with(const struct sign_key *account, const char *name, const uint8_t nonce[12],
                          uint8_t out[DEVICE_NAME_SEALED_BYTES]) CHECKED; /* vectors alone */
/* ERR_FORGED: not sealed by one of the account's devices. ERR_INVALID: not text. */
err device_name_open(const struct sign_key *account, struct bytes sealed,
                     char out[DEVICE_NAME_MAX_BYTES + 1]) CHECKED;

#endif
