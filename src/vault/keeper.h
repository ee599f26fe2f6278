/* keeper.h: what a vault does by itself: beats, retention, garbage, uploads that nobody finishes, the
 * watchdog. One thread. */
#ifndef CARDEA_VAULT_KEEPER_H
#define CARDEA_VAULT_KEEPER_H

#include "vault/vault.h"

#define KEEPER_SWEEP_S 300
#define KEEPER_UPLOAD_AGE_S 86400u /* then an upload that was not finished is given up */

struct keeper;
err keeper_start(struct vault *v, unsigned sweep_s, struct keeper **out, struct diag *d) CHECKED;
void keeper_stop(struct keeper *k); /* waits; NULL is fine */

/* One round of what KEEPER_SWEEP_S repeats. */
err keeper_sweep(struct vault *v, struct diag *d) CHECKED;

#endif
