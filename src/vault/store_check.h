/* store_check.h: `cardea-vault fsck|backup|restore`. */
#ifndef CARDEA_VAULT_STORE_CHECK_H
#define CARDEA_VAULT_STORE_CHECK_H

#include "vault/options.h"

/* The exit status: 0 well (or mended), 1 not. */
int store_check_run(const struct options *o);

#endif
