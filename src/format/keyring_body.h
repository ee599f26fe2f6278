/* keyring_body.h: the JSON inside a keyring. Internal to src/format. */
#ifndef CARDEA_FORMAT_KEYRING_BODY_H
#define CARDEA_FORMAT_KEYRING_BODY_H

#include "format/keyring.h"

err keyring_body_encode(const struct keyring *k, struct blob *out) CHECKED;
/* Fills the account, the households and recovery_wrap of *out. ERR_INVALID names the field. */
err keyring_body_decode(struct bytes text, struct keyring *out, struct diag *d) CHECKED;

#endif
