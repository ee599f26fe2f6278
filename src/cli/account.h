/* account.h: what the commands on the own account share with others. */
#ifndef CARDEA_CLI_ACCOUNT_H
#define CARDEA_CLI_ACCOUNT_H

#include "cli/cli.h"
#include "client/client.h"

/* Adds an authenticator app to the account that c is signed in to: by a person who scans and types, or with
 * `file` (which gets the secret) by this machine. */
err account_add_app(const struct cli *cli, struct client *c, const char *file, const char *name,
                    struct diag *d) CHECKED;

#endif
