/* invitation.h: what somebody who was invited is answered (docs/trust.md, "Members"). Both halves are in
 * format_message. Threads: no shared state.
 *
 * A box (info "cardea/1 pairing", aad = the pairing's key) of JSON: only who knows the invitation's code can
 * make that aad, and only the invited account can open it. */
#ifndef CARDEA_FORMAT_INVITATION_H
#define CARDEA_FORMAT_INVITATION_H

#include "format/pairing.h"

#define INVITATION_NAME_MAX_BYTES 128
#define INVITATION_GRANT_BYTES 16

enum invitation_role { INVITATION_OWNER, INVITATION_MEMBER, INVITATION_VIEWER };
extern const char *const invitation_roles[]; /* by enum invitation_role */

struct invitation_answer {
    uint8_t household[16]; /* its id */
    char name[INVITATION_NAME_MAX_BYTES + 1];
    enum invitation_role role;
    uint8_t sign[SIGN_PUBLIC_BYTES];       /* the household's: who issues what the invited is given */
    uint8_t grant[INVITATION_GRANT_BYTES]; /* of a member or viewer */
    struct sign_key capability;            /* of an owner */
};
void invitation_answer_clear(struct invitation_answer *a); /* wipes */

/* Appends the box to the invited account. ERR_INVALID: the name is not UTF-8. */
err invitation_answer_seal(const struct invitation_answer *a, const struct pairing *p,
                           const uint8_t box[BOX_PUBLIC_BYTES], struct blob *out) CHECKED;
/* The same with the box's ephemeral secret given; for test vectors alone. */
err invitation_answer_seal_with(const struct invitation_answer *a, const struct pairing *p,
                                const uint8_t box[BOX_PUBLIC_BYTES],
                                const uint8_t ephemeral[BOX_SECRET_BYTES], struct blob *out) CHECKED;
/*   ERR_INVALID  names the field
 *   ERR_FORGED   made without the code, or for somebody else */
err invitation_answer_open(struct bytes raw, const struct pairing *p, const struct box_key *box,
                           struct invitation_answer *out, struct diag *d) CHECKED;

#endif
