/* staff.h: a provider's and its staff's connection to a vault (docs/trust.md, "The support desk"). Threads:
 * one.
 *
 * The provider proves its staff key, and needs no account. A member of staff is signed in to an account with
 * a second factor; its keys are the account's own, which the provider has certified. */
#ifndef CARDEA_CLIENT_STAFF_H
#define CARDEA_CLIENT_STAFF_H

#include "client/client.h"
#include "format/provider_file.h"
#include "format/staff_certificate.h"

#define STAFF_DESK_MAX 1024

/* The staff key that the vault tells. ERR_NOT_FOUND: it has no support desk. */
err staff_key_told(struct client *c, struct staff_key *out, struct diag *d) CHECKED;

/* --- the provider --- */

struct provider_link {
    struct client *client; /* borrowed */
    const struct provider_secrets *secrets;
    char access[CLIENT_TOKEN_BYTES];
};
/* ERR_DENIED: the vault has another provider's key. */
err provider_connect(struct client *c, const struct provider_secrets *secrets, struct provider_link *out,
                     struct diag *d) CHECKED;
err provider_json(struct provider_link *p, const char *method, const char *path, json_t *body, json_t **out,
                  struct diag *d) CHECKED;
/* One of the list, by name (who is not revoked first) or number. *out is borrowed from *list, which is
 * returned.
 */
err provider_find(struct provider_link *p, const char *name, json_t **list, json_t **out,
                  struct diag *d) CHECKED;
/* An invitation: the code that its holder joins with. */
err provider_invite(struct provider_link *p, const char *name, unsigned roles, char code[24],
                    uint64_t *number, struct diag *d) CHECKED;
/* Signs what a member asked for, `by` the key of the administrator who decided (may be NULL). */
err provider_certify(struct provider_link *p, const json_t *member, int64_t days, const char *by,
                     struct diag *d) CHECKED;
err provider_revoke(struct provider_link *p, const json_t *member, struct diag *d) CHECKED;

/* --- a member of staff --- */

struct staff_link {
    struct client *client; /* borrowed; signed in */
    struct staff_key provider;
    struct staff_certificate certificate;
    struct blob certificate_raw;
    struct box_key desk; /* of an agent: what tickets are opened with */
    char access[CLIENT_TOKEN_BYTES];
    struct steady_us access_until;
};
void staff_link_clear(struct staff_link *s); /* wipes; for AUTO */
/* Takes an invitation with the account's keys. name: of STAFF_NAME_MAX_BYTES + 1. */
err staff_join(struct client *c, const char *code, char *name, uint64_t *number, struct diag *d) CHECKED;
/* Gets access, and renews it before it ends. ERR_FORGED: the certificate is not of the vault's staff key, or
 * not of this account's keys. */
err staff_connect(struct client *c, struct staff_link *out, struct diag *d) CHECKED;
err staff_json(struct staff_link *s, const char *method, const char *path, json_t *body, json_t **out,
               struct diag *d) CHECKED;

/* Does the log of the household's pin say that this certificate was given, and not that its holder was
 * revoked? It has to continue the log that this device saw (folder/log-seen), and is remembered there.
 *   ERR_DENIED  it says so
 *   ERR_FORGED  it does not name the certificate, its files contradict it, it shrank, or it was changed */
err staff_certified(struct client *c, const char *folder, struct bytes certificate,
                    const struct staff_certificate *agent, struct diag *d) CHECKED;

#endif
