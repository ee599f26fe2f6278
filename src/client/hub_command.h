/* hub_command.h: asks a hub of the household to do something, through the vault (docs/protocol.md,
 * "Command"). Threads: one. */
#ifndef CARDEA_CLIENT_HUB_COMMAND_H
#define CARDEA_CLIENT_HUB_COMMAND_H

#include "client/client.h"

/* `args` is borrowed and may be NULL. *result (may be NULL) is returned on success: an object.
 *   ERR_NOT_FOUND  no such hub, or it is not connected: d says since when
 *   ERR_TIMEOUT    it did not answer in wait_s
 *   ERR_DENIED     it refused: d says why. A clock that is off is named as such
 *   ERR_FORGED     what came back is not its answer */
err hub_command(struct client *c, const struct hub_certificate *hub, const char *verb, json_t *args,
                int wait_s, json_t **result, struct diag *d) CHECKED;

/* How long what a camera records is kept, 0 for ever: the hub is told, for the camera's profile, and then the
 * vault, of each stream, since it lets no hub shorten that. Ids in hex; `sub` may be NULL. */
err hub_keep_days(struct client *c, const struct hub_certificate *hub, const char *camera, const char *sub,
                  uint32_t days, struct diag *d) CHECKED;

/* The household's only hub, or the one that is online. ERR_NOT_FOUND: none; d says what to do. */
err hub_choose(struct client *c, const struct hub_certificate **out, struct diag *d) CHECKED;

#endif
