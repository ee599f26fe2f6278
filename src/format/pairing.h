/* pairing.h: how a hub and a household come to trust each other by a code of sixteen letters
 * (docs/protocol.md, "Pairing"). Both halves are in format_message. Threads: no shared state. */
#ifndef CARDEA_FORMAT_PAIRING_H
#define CARDEA_FORMAT_PAIRING_H

#include "crypto/sign.h"
#include "crypto/unbox.h"

#define PAIRING_SECRET_BYTES 10
#define PAIRING_TEXT_BYTES 20 /* "XXXX-XXXX-XXXX-XXXX" */
#define PAIRING_ID_BYTES 16
#define PAIRING_KEY_BYTES 32
#define PAIRING_ANSWER_MAX_BYTES (16u << 10)

void pairing_format(const uint8_t secret[PAIRING_SECRET_BYTES], char out[PAIRING_TEXT_BYTES]);
/* Accepts lower case, spaces, missing dashes, and O, I, L for 0, 1, 1. ERR_INVALID: d says what is wrong. */
err pairing_parse(const char *text, uint8_t out[PAIRING_SECRET_BYTES], struct diag *d) CHECKED;

struct pairing {
    uint8_t id[PAIRING_ID_BYTES];   /* the vault's name for it */
    uint8_t key[PAIRING_KEY_BYTES]; /* secret */
};
void pairing_derive(const uint8_t secret[PAIRING_SECRET_BYTES], struct pairing *out);
void pairing_clear(struct pairing *p); /* wipes */

/* HMAC(key, "hub" || sign || box): what the hub posts and the owner's software checks, in constant time. */
void pairing_mac(const struct pairing *p, const uint8_t sign[SIGN_PUBLIC_BYTES],
                 const uint8_t box[BOX_PUBLIC_BYTES], uint8_t out[32]);
/* The same of a person who was invited: HMAC(key, "member" || sign || box) (format/invitation.h). */
void pairing_member_mac(const struct pairing *p, const uint8_t sign[SIGN_PUBLIC_BYTES],
                        const uint8_t box[BOX_PUBLIC_BYTES], uint8_t out[32]);
err pairing_member_check(const struct pairing *p, const uint8_t sign[SIGN_PUBLIC_BYTES],
                         const uint8_t box[BOX_PUBLIC_BYTES], const uint8_t mac[32], struct diag *d) CHECKED;
err pairing_check(const struct pairing *p, const uint8_t sign[SIGN_PUBLIC_BYTES],
                  const uint8_t box[BOX_PUBLIC_BYTES], const uint8_t mac[32], struct diag *d) CHECKED;

struct pairing_answer {
    uint8_t household[16];                                  /* its id */
    uint8_t box[BOX_PUBLIC_BYTES], sign[SIGN_PUBLIC_BYTES]; /* the household's public keys */
    struct sign_key writer;                                 /* the hub's capability */
    struct blob certificate;                                /* the whole object */
};
void pairing_answer_clear(struct pairing_answer *a); /* wipes */

/* Owner: appends the box to the hub. */
err pairing_answer_seal(const struct pairing_answer *a, const struct pairing *p,
                        const uint8_t hub_box[BOX_PUBLIC_BYTES], struct blob *out) CHECKED;
err pairing_answer_seal_with(const struct pairing_answer *a, const struct pairing *p,
                             const uint8_t hub_box[BOX_PUBLIC_BYTES],
                             const uint8_t ephemeral[BOX_SECRET_BYTES],
                             struct blob *out) CHECKED; /* vectors alone */

/* Hub: opens the answer, and checks that the certificate is signed by that household and names this hub's
 * keys and the writer's.
 *   ERR_INVALID  names the field
 *   ERR_FORGED   made without the code, for another hub, or its parts disagree */
err pairing_answer_open(struct bytes raw, const struct pairing *p, const struct box_key *hub_box,
                        const uint8_t hub_sign[SIGN_PUBLIC_BYTES], struct pairing_answer *out,
                        struct diag *d) CHECKED;

#endif
