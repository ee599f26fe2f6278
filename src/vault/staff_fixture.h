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
/* Makes keys, writes their statement to `path`, which the vault watches, waits until it is told, and gets
 * access.
 */
void provider_make(const struct daemon *d, const char *path, struct provider *p);
/* Writes the statement alone. */
void provider_write(const struct provider *p, const char *path);
void provider_access(const struct daemon *d, struct provider *p);

/* A member of staff: an account with an authenticator app, and the keys that are to be certified. */
struct member {
    char login[64], name[64];
    unsigned roles;
    uint64_t number;
    struct sign_key sign;
    struct box_key box;
    struct blob totp;
    char session[128]; /* with the second factor */
    char auth[160];
};
void member_clear(struct member *m); /* for AUTO */
/* Invites them, and makes their account by the invitation's code; the session has its second factor. */
void member_join(const struct daemon *d, const struct provider *p, const char *name, unsigned roles,
                 struct member *m);
/* A certificate that is valid for `expires_s` from now. */
void member_certificate(const struct provider *p, const struct member *m, int expires_s, struct blob *out);
void member_certify(const struct daemon *d, const struct provider *p, const struct member *m, int expires_s);
/* POST /v1/staff/access; fills m->auth on 200. */
void member_access(const struct daemon *d, struct member *m, long status);
void member_revoke(const struct daemon *d, const struct provider *p, const struct member *m);
/* All of that. */
void member_make(const struct daemon *d, const struct provider *p, const char *name, unsigned roles,
                 struct member *m);

/* Audits the vault's public log: how many entries of a kind it has, by this key (NULL: anybody), and the sum
 * of their fact `count`. */
void staff_log_read(const struct daemon *d, const char *kind, const uint8_t *sign, uint64_t *entries,
                    uint64_t *counted);

#endif
