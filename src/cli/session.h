/* session.h: from the command line to a client that is signed in. */
#ifndef CARDEA_CLI_SESSION_H
#define CARDEA_CLI_SESSION_H

#include <stdio.h>

#include "cli/cli.h"
#include "client/camera.h"
#include "client/succession.h"

/* The vault that --vault or the running home names; *ca_file is a path or empty.
 *   ERR_NOT_FOUND  no home runs on --data: d says what to do */
#define SESSION_URL_BYTES 256
err session_vault(const struct cli *cli, char url[SESSION_URL_BYTES], char ca_file[PATH_TEXT_BYTES],
                  struct diag *d) CHECKED;
/* Where people elsewhere find the vault: --vault, or the home's address on the network. *alone: there is none
 * but this machine's own. */
err session_public_address(const struct cli *cli, char out[SESSION_URL_BYTES], bool *alone,
                           struct diag *d) CHECKED;
/* The sign-in name: --login, CARDEA_LOGIN, or what `cardea init` remembered. */
err session_login(const struct cli *cli, char out[256], struct diag *d) CHECKED;

/* Connects, asks for the passphrase, signs in and opens the household. For AUTO: session_close. */
struct session {
    struct client client;
    struct seen *seen; /* DIR/seen.json; NULL where the folder cannot be read */
    struct camera_list cameras;
    struct succession_state keys; /* of an owner's: how far the household's present keys have come */
};
/* As far as the account: nothing of the household is asked for, and there need be none. */
err session_account(const struct cli *cli, struct session *out, struct diag *d) CHECKED;
/* An owner's; a succession of the household's keys that is half done is gone on with. ERR_DENIED: the account
 * is a member of the household, and this needs its keys. */
err session_open(const struct cli *cli, struct session *out, struct diag *d) CHECKED;
/* An owner's or a member's, who has the keys of a grant alone (session->client.grant). */
err session_open_any(const struct cli *cli, struct session *out, struct diag *d) CHECKED;
/* An owner's, and the list of cameras; the camera of that name too, unless `name` is NULL. Grants that lack
 * keys get them on the way. */
err session_camera(const struct cli *cli, const char *name, struct session *s, struct camera **out,
                   struct diag *d) CHECKED;
/* The same for looking: a member's too. */
err session_view(const struct cli *cli, const char *name, struct session *s, struct camera **out,
                 struct diag *d) CHECKED;
void session_close(struct session *s);
/* Says, on `to`, which hubs still seal to the household's former keys. How many they are. */
size_t session_print_awaited(const struct session *s, FILE *to);
json_t *session_awaited_json(const struct session *s);

/* What an owner may do anyway, and a grantee if the grant says so. False: d says why not. */
bool session_may_live(const struct session *s, struct diag *d);
bool session_may_export(const struct client *c, struct diag *d);
/* Cut to what the grant is of; an owner's stays. ERR_DENIED: nothing of it was given. */
err session_cut_range(const struct client *c, struct wall_us *from, struct wall_us *to,
                      struct diag *d) CHECKED;

#endif
