/* factor_totp.h: codes of authenticator apps, for factor.c and factor_routes.c. */
#ifndef CARDEA_VAULT_FACTOR_TOTP_H
#define CARDEA_VAULT_FACTOR_TOTP_H

#include "crypto/totp.h"
#include "vault/vault.h"

#define TOTP_SEALED_BYTES (TOTP_SECRET_BYTES + 16)

void totp_seal(const struct vault *v, const struct store_key *login, const struct store_id *id,
               const uint8_t secret[TOTP_SECRET_BYTES], uint8_t out[TOTP_SEALED_BYTES]);
/* ERR_FORGED: altered, or sealed by another vault. */
err totp_unseal(const struct vault *v, const struct store_key *login, const struct store_id *id,
                struct bytes sealed, uint8_t out[TOTP_SECRET_BYTES]) CHECKED;
/* ERR_DENIED: not a code of now. ERR_EXISTS: one that was used: each passes once, on whatever node. That is
 * no guess, and is not counted as one. */
err totp_check(struct vault *v, const struct store_id *id, const uint8_t secret[TOTP_SECRET_BYTES],
               const char *code, struct diag *d) CHECKED;

#endif
