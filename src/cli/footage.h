/* footage.h: an export, for whoever may see it. */
#ifndef CARDEA_CLI_FOOTAGE_H
#define CARDEA_CLI_FOOTAGE_H

#include "cli/cli.h"
#include "client/camera.h"

/* ERR_INVALID: no file can be that. ERR_EXISTS: it is there. */
err footage_path_check(const char *path, struct diag *d) CHECKED;
/* Writes the clip, with progress, and says what came out. Returns the command's status. */
int footage_export(struct client *c, struct camera *cam, struct wall_us from, struct wall_us to,
                   const char *path, bool as_json);

#endif
