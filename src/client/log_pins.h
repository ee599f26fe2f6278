/* log_pins.h: the keys that a household has pinned: object `trust/pins`, signed by the household, JSON
 * {"v":1,"log":b64,"staff":b64?} (docs/trust.md). Made by the first device that looks, or asks the desk.
 * Threads: one. */
#ifndef CARDEA_CLIENT_LOG_PINS_H
#define CARDEA_CLIENT_LOG_PINS_H

#include "client/client.h"

struct log_pins {
    uint8_t log[SIGN_PUBLIC_BYTES];
    bool has_staff;
    uint8_t staff[SIGN_PUBLIC_BYTES];
};
/* Those that are there. ERR_NOT_FOUND: nothing was pinned yet; ERR_INVALID, and what client_object_get says.
 */
err log_pins_held(struct client *c, struct log_pins *out, struct diag *d) CHECKED;
/* Reads them, or pins what the vault shows now when there are none yet (*fresh). What a vault shows of itself
 * later does not matter any more. ERR_NOT_FOUND: the vault keeps no log, and none was pinned. */
err log_pins_get(struct client *c, struct log_pins *out, bool *fresh, struct diag *d) CHECKED;

/* What the vault shows: its log's key, or ERR_NOT_FOUND. Needs no account. */
err log_key_shown(struct http_client *http, uint8_t out[SIGN_PUBLIC_BYTES], struct diag *d) CHECKED;

#endif
