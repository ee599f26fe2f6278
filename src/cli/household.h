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

#endif
