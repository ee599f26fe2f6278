/* staff.h: where a home keeps its support desk's files. */
#ifndef CARDEA_CLI_STAFF_H
#define CARDEA_CLI_STAFF_H

#include "cli/cli.h"
#include "client/staff.h"

#define STAFF_PROVIDER_FILE "staff/provider" /* in DIR, unless --provider-file says otherwise */
#define STAFF_PUBLIC_FILE "staff/public"     /* what the home's vault is given */

/* Makes a provider's keys in p, whose name is set, and writes both files. ERR_IO, ERR_LIMIT (passphrase). */
err provider_make(const char *secret, const char *public, struct bytes passphrase, struct provider_secrets *p,
                  struct diag *d) CHECKED;

/* "Sun 22 Nov 2026 14:03" of a slot. */
void slot_time_text(uint64_t slot, char out[48]);

#endif
