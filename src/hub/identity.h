/* identity.h: who this hub is, and whom it serves.
 *
 * DIR/identity.json   {"v":1,"sign":b64 Ed25519 seed,"box":b64 X25519 secret}, 0600, made at the first start
 * DIR/household.json  {"v":1,"household":hex,"box":b64,"sign":b64,"writer":b64
 * seed,"certificate":b64,"rekey": true?}, 0600, from pairing, then from successions; rekey: the streams are
 * still to begin an epoch
 *
 * Threads: read-only once loaded, but for household's sign, box and certificate, and rekey: the recording
 * loop's.
 */
#ifndef CARDEA_HUB_IDENTITY_H
#define CARDEA_HUB_IDENTITY_H

#include <signal.h>

#include "format/certificate.h"
#include "format/pairing.h"
#include "net/http_client.h"

struct identity {
    struct sign_key sign;
    struct box_key box;
    uint8_t hub[HUB_ID_BYTES];
    uint8_t instance[16]; /* of this start */
    bool paired;
    struct pairing_answer household; /* when paired */
    bool rekey;                      /* no stream may go on in an epoch of before the succession */
};
void identity_clear(struct identity *id); /* wipes */

/* Loads or makes the identity, and loads the household if there is one.
 *   ERR_INVALID  a file is not what it should be: d names it. Nothing is overwritten. */
err identity_load(const char *data, struct identity *out, struct diag *d) CHECKED;

/* Offers this hub to the vault under the code until an owner answers, then stores the household. Retries for
 * as long as the vault is unreachable. ERR_CANCELLED: *stop was set. */
err identity_pair(struct identity *id, const char *data, struct http_client *vault,
                  const uint8_t secret[PAIRING_SECRET_BYTES], volatile sig_atomic_t *stop,
                  struct diag *d) CHECKED;

/* The household's keys are these from now on, durable on return, and `rekey` is set. On failure all is as it
 * was.
 */
err identity_succeed(struct identity *id, const char *data, const uint8_t sign[SIGN_PUBLIC_BYTES],
                     const uint8_t box[BOX_PUBLIC_BYTES], struct bytes certificate, struct diag *d) CHECKED;
/* Every stream has begun an epoch since. */
err identity_rekeyed(struct identity *id, const char *data, struct diag *d) CHECKED;

#endif
