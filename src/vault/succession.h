/* succession.h: a household's keys succeed one another (docs/trust.md, "Removing an owner"; bytes:
 * format/succession.h). Threads: any. */
#ifndef CARDEA_VAULT_SUCCESSION_H
#define CARDEA_VAULT_SUCCESSION_H

#include "vault/vault.h"

/* Holds the statement against the keys that the household has, and takes those that it names; the access log
 * has it when this returns. The same again is ERR_OK.
 *   ERR_CONFLICT  it does not succeed the household's present key
 *   and as succession_read, household_succeed and access_log_append */
err succession_take(struct vault *v, const struct store_id *household, struct bytes raw,
                    struct diag *d) CHECKED;

/* All of them in base64, oldest first; *out stays NULL where there is none. */
err succession_list(struct vault *v, const struct store_id *household, json_t **out, struct diag *d) CHECKED;

#endif
