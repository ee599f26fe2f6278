/* session.h: from the command line to a client that is signed in. */
#ifndef CARDEA_CLI_SESSION_H
#define CARDEA_CLI_SESSION_H

#include "cli/cli.h"
#include "client/camera.h"

/* The vault that --vault or the running home names; *ca_file is a path or empty.
 *   ERR_NOT_FOUND  no home runs on --data: d says what to do */
#define SESSION_URL_BYTES 256
err session_vault(const struct cli *cli, char url[SESSION_URL_BYTES], char ca_file[PATH_TEXT_BYTES],
                  struct diag *d) CHECKED;
/* The sign-in name: --login, CARDEA_LOGIN, or what `cardea init` remembered. */
err session_login(const struct cli *cli, char out[256], struct diag *d) CHECKED;

/* Connects, asks for the passphrase, signs in and opens the household. For AUTO: session_close. */
struct session {
    struct client client;
    struct seen *seen; /* DIR/seen.json; NULL where the folder cannot be read */
    struct camera_list cameras;
};
err session_open(const struct cli *cli, struct session *out, struct diag *d) CHECKED;
/* The same, and the list of cameras; the camera of that name too, unless `name` is NULL. */
err session_camera(const struct cli *cli, const char *name, struct session *s, struct camera **out,
                   struct diag *d) CHECKED;
void session_close(struct session *s);

#endif
