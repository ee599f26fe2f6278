/* household.h: what `cardea init` does, for the demo too. */
#ifndef CARDEA_CLI_HOUSEHOLD_H
#define CARDEA_CLI_HOUSEHOLD_H

#include "cli/cli.h"
#include "cli/home.h"

struct init_request {
    const char *data, *name, *login;
    const char *recovery_file; /* NULL: the kit is printed */
    const char *pairing_file;  /* NULL: DIR/setup-code, or a prompt */
    const struct secret *passphrase;
};

/* Makes account, household and hub's certificate over the vault at `url`, delivers the kit, remembers the
 * owner. */
err init_household(const struct init_request *r, const char *url, const char *ca_file,
                   struct diag *d) CHECKED;

/* The recovery kit. kit_open makes the file before anything else is made: an account whose kit cannot be
 * written would be a poor start; *fd is -1 where an interrupted start's kit is there. kit_deliver writes it
 * there, or prints it (fd -1). */
err kit_open(const char *path, const char *login, int *fd, struct diag *d) CHECKED;
err kit_deliver(const char *login, const char *file, const char *url, const char *code, int fd,
                struct diag *d) CHECKED;

#endif
