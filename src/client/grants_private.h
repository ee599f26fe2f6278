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

/* As what this device remembers that it will sign something again under the household's next key; `hash` is
 * the beginning of SHA-256 of what is signed now. */
#define GRANTS_AGAIN_NAME_BYTES (2 * GRANT_HASH_BYTES + 8)
void grants_again_name(const uint8_t hash[GRANT_HASH_BYTES], char out[GRANTS_AGAIN_NAME_BYTES]);

/* Before the household's keys are succeeded: remembers all grants, and after it issues again, under the new
 * key, those that are alive and that were remembered. A vault that keeps no grants has none. */
struct grants_succeeded {
    size_t issued;
    size_t failed;  /* why says of the last */
    size_t unknown; /* by a former key, and not known to this device: revoke them, or let be */
    struct diag why;
};
err grants_remember(struct client *c, struct diag *d) CHECKED;
/* Something that will be signed again. ERR_LIMIT: this device remembers nothing, or no more. */
err grants_remember_again(struct client *c, const char *name, struct diag *d) CHECKED;
err grants_succeed(struct client *c, struct camera_list *all, struct grants_succeeded *out,
                   struct diag *d) CHECKED;
/* Waits until the hub's new root of a stream, of a later epoch than `before`, is in the vault. */
err grants_await_root(struct client *c, const struct camera *cam, int64_t before, struct diag *d) CHECKED;

#endif
