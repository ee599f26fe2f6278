/* setup.h: the first start: an account, a household, and its hub. Threads: one. */
#ifndef CARDEA_CLIENT_SETUP_H
#define CARDEA_CLIENT_SETUP_H

#include "client/client.h"

/* Makes the account and the household, and opens both in c. `setup_code` may be NULL where the vault's
 * sign-up is open. Started again after an interruption, with the same name and passphrase, it goes on where
 * it stopped; then recovery[0] is 0 and the kit that was shown first stays the right one. ERR_EXISTS  the
 * name is taken, with another passphrase     ERR_DENIED  the vault takes no new households */
err setup_household(struct client *c, const char *login, struct bytes passphrase, const char *household_name,
                    const char *setup_code, char recovery[RECOVERY_TEXT_BYTES], struct diag *d) CHECKED;

/* An account without a household, for somebody who was invited; signed in. recovery[0] is 0 when the account
 * was there already. ERR_EXISTS: the name is taken, with another passphrase. ERR_DENIED: the vault takes no
 * accounts, or the code is wrong. */
err setup_account(struct client *c, const char *login, struct bytes passphrase, const char *setup_code,
                  char recovery[RECOVERY_TEXT_BYTES], struct diag *d) CHECKED;

/* Finds the hub that offers itself under `code`, makes its certificate and its capability, answers it, and
 * waits until it is connected. ERR_INVALID    the code     ERR_TIMEOUT  no hub with that code, or it does not
 * connect ERR_FORGED     what offers itself under the code's id does not know the code */
err setup_pair_hub(struct client *c, const char *code, int timeout_s, struct diag *d) CHECKED;

#endif
