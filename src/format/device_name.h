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

/* What a device says of its own session, behind the name (docs/formats.md, "A session's label"). By its own
 * word: the vault cannot read it, and vouches for none of it. */
enum session_how {
    SESSION_UNSAID, /* the times are 0 */
    SESSION_PASSPHRASE,
    SESSION_PASSKEY,
    SESSION_RECOVERY,
    SESSION_APPROVED, /* by another device of the account */
};
#define SESSION_LABEL_MORE_BYTES 19 /* " #", a letter, two times */
struct session_label {
    char name[DEVICE_NAME_MAX_BYTES + 1];
    enum session_how how;
    uint32_t since, used; /* slots; `used` to the day */
};
/* The text that device_name_seal takes; a name that leaves no room is cut, between characters. */
void session_label_text(const struct session_label *label, char out[DEVICE_NAME_MAX_BYTES + 1]);
/* A text that says nothing of the kind is a name. */
void session_label_read(const char text[DEVICE_NAME_MAX_BYTES + 1], struct session_label *out);

#endif
