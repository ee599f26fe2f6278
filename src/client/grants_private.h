/* grants_private.h: between grants.c, grant_list.c and members.c. */
#ifndef CARDEA_CLIENT_GRANTS_PRIVATE_H
#define CARDEA_CLIENT_GRANTS_PRIVATE_H

#include "client/grants.h"

/* The note of a grant, sealed to the household, in base64; *out is the caller's. */
err grants_note_seal(const struct client *c, const uint8_t id[GRANT_ID_BYTES], json_t *note, char **out,
                     struct diag *d) CHECKED;
/* -1: it has none yet. */
err grants_newest_epoch(struct client *c, const struct camera *cam, int64_t *out, struct diag *d) CHECKED;

#endif
