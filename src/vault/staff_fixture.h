/* staff_fixture.h: a provider and its staff at a vault, for tests. */
#ifndef CARDEA_VAULT_STAFF_FIXTURE_H
#define CARDEA_VAULT_STAFF_FIXTURE_H

#include "crypto/unbox.h"
#include "format/staff_certificate.h"
#include "vault/vault_fixture.h"

struct provider {
    struct sign_key staff;
    struct box_key desk;
    char auth[128];
};
/* Makes keys, writes their statement to `path`, which the vault watches, waits until it is told, and gets access.
 */
void provider_make(const struct daemon *d, const char *path, struct provider *p);
/* Writes the statement alone. */
void provider_write(const struct provider *p, const char *path);
void provider_access(const struct daemon *d, struct provider *p);

#endif
