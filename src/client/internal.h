/* internal.h: small things that the files of src/client share. */
#ifndef CARDEA_CLIENT_INTERNAL_H
#define CARDEA_CLIENT_INTERNAL_H

#include "base/json.h"
#include "client/client.h"

/* The text of a field, "" when it is missing or of another type; borrowed from the answer. */
const char *client_text(json_t *answer, const char *name);
/* As which field of a request c->proof goes. */
const char *client_proof_field(const struct client *c);

struct client;
/* Keeps it in the keyring as who issues what this account is given; a failure is no error. */
void client_pin_signer(struct client *c, const uint8_t sign[32]);

#endif
