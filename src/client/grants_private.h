/* grants_private.h: between grants.c, grant_list.c and members.c. */
#ifndef CARDEA_CLIENT_GRANTS_PRIVATE_H
#define CARDEA_CLIENT_GRANTS_PRIVATE_H

#include "client/grants.h"

/* The note of a grant, sealed to the household, in base64; *out is the caller's. */
err grants_note_seal(const struct client *c, const uint8_t id[GRANT_ID_BYTES], json_t *note, char **out,
                     struct diag *d) CHECKED;
/* -1: it has none yet. */
err grants_newest_epoch(struct client *c, const struct camera *cam, int64_t *out, struct diag *d) CHECKED;

/* As what this device remembers that a grant was ended by it, or that it saw its end. */
#define GRANTS_ENDED_NAME_BYTES (2 * GRANT_ID_BYTES + 16)
void grants_ended_name(const uint8_t id[GRANT_ID_BYTES], char out[GRANTS_ENDED_NAME_BYTES]);

#endif
