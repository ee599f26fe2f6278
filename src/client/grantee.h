/* grantee.h: the holder's side of a grant: opening it, believing the vault nothing that is not proven
 * (docs/trust.md, "Opening"). After that the client sees cameras, recordings and live views through the same
 * functions as an owner's. Threads: one.
 *
 * Nothing is opened before it is proven that the use is in the log: the grant is the issuer's, names this
 * holder, holds now; the entry is of this very opening by this holder, included under a checkpoint that the
 * log signed and, where the grant asks for it, a hub has witnessed. Each failure has its own message. */
#ifndef CARDEA_CLIENT_GRANTEE_H
#define CARDEA_CLIENT_GRANTEE_H

#include "client/camera.h"
#include "format/grant_about.h"
#include "format/link.h"
#include "format/succession.h"

/* Who opens what. The issuer is known beforehand: a link knows the beginning of a hash, a member the key. */
struct grantee {
    uint8_t grant[GRANT_ID_BYTES];
    struct box_key box;
    struct sign_key sign;
    bool by_key;
    uint8_t issuer_key[SIGN_PUBLIC_BYTES];
    uint8_t issuer[LINK_ISSUER_BYTES]; /* unless by_key */
    const char *access; /* of staff: their own, "Access …"; borrowed as long as it is opened */
};

struct client_grant {
    struct grantee who; /* as it was opened: it may be opened again */
    struct grant_statement statement;
    struct grant_about about;
    struct grant_parts keys;
    uint64_t entry;                    /* of the last use in the log */
    uint8_t newest[SIGN_PUBLIC_BYTES]; /* of the issuer's keys, to which the known one leads */
    bool opened;
};
void client_grant_free(struct client_grant *g); /* wipes; NULL is fine */

/* What the vault answered to an opening. Everything is the caller's until client_grant_check has passed. */
struct grant_answer {
    struct blob grant, leaf, proof; /* proof: hashes, one after another */
    char *checkpoint;
    uint64_t entry;
    uint64_t opening;              /* ours: which opening the entry must be of (log_opening_fact) */
    struct succession_chain chain; /* how the household's keys succeeded each other */
};
void grant_answer_clear(struct grant_answer *a);

/* Holds an answer against what the holder knows, at `now`; then opens the box. Replaces what *g has.
 *   ERR_FORGED     the vault is not to be believed: d says which proof failed
 *   ERR_NOT_FOUND  no witness has cosigned     ERR_DENIED  expired, or not yet valid     ERR_INVALID
 * malformed */
err client_grant_check(struct client_grant *g, const struct grant_answer *answer, struct wall_us now,
                       struct diag *d) CHECKED;

/* Opens it at the vault that c is connected to. Afterwards c has its access, its cameras and its hubs.
 *   ERR_DENIED  the vault refuses: d says why; also a wrong password
 *   and as client_grant_check */
err grantee_open(struct client *c, const struct grantee *who, struct diag *d) CHECKED;
/* ERR_DENIED: the vault says that this link has ended. ERR_OK says little: it may be unknown. */
err grantee_link_check(struct client *c, const struct link *l, struct diag *d) CHECKED;
/* Once more, for the keys of a new epoch or another token; the same view goes on. */
err grantee_open_again(struct client *c, struct diag *d) CHECKED;

/* A link's holder. `password` may be empty. */
err grantee_of_link(const struct link *l, struct bytes password, struct grantee *out, struct diag *d) CHECKED;
/* A member: the account's own keys. ERR_INVALID: an owner needs no grant. */
err grantee_of_member(const struct keyring *k, const struct keyring_household *h, struct grantee *out,
                      struct diag *d) CHECKED;
void grantee_clear(struct grantee *g); /* wipes */

/* Internal to src/client: what camera.h does for a grantee. */
err grantee_cameras(const struct client *c, struct camera_list *out, struct diag *d) CHECKED;
err grantee_keys(const struct client *c, struct camera *cam, struct diag *d) CHECKED;

#endif
