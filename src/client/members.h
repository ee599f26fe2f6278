/* members.h: people of the household: inviting, answering, listing, removing; and joining, on the other side
 * (docs/trust.md, "Members"). Threads: one. */
#ifndef CARDEA_CLIENT_MEMBERS_H
#define CARDEA_CLIENT_MEMBERS_H

#include "client/grants.h"
#include "format/invitation.h"

#define MEMBERS_MAX 64
#define INVITATION_LASTS_S (7 * 86400)
#define INVITATION_KEY_BYTES 32 /* "member/invite/<8 hex>" */
#define MEMBER_KEY_BYTES 32     /* "member/<16 hex>" */
#define INVITATION_LINK_BYTES 384

/* An invitation as the household keeps it: who is to be let in, and as what. */
struct invitation {
    char key[INVITATION_KEY_BYTES];
    char name[INVITATION_NAME_MAX_BYTES + 1];
    enum invitation_role role;
    uint8_t cameras[GRANT_CAMERAS_MAX][CAMERA_ID_BYTES]; /* main streams, of a viewer */
    size_t camera_count;
    bool past, may_export;
    char code[PAIRING_TEXT_BYTES]; /* secret */
    char signup[64];               /* a code to sign up with; empty where none is asked for */
    uint64_t until;                /* slot */
};

struct member {
    char key[MEMBER_KEY_BYTES];
    uint64_t version; /* of the object */
    char name[INVITATION_NAME_MAX_BYTES + 1];
    enum invitation_role role;
    uint8_t sign[SIGN_PUBLIC_BYTES], box[BOX_PUBLIC_BYTES];
    uint8_t grant[GRANT_ID_BYTES];         /* of a member or viewer */
    uint8_t capability[SIGN_PUBLIC_BYTES]; /* of an owner */
    uint32_t removed; /* an owner who goes with this succession of the household's keys; 0: stays */
    struct wall_us added;
};

struct member_list {
    struct member members[MEMBERS_MAX];
    size_t count;
    struct invitation invitations[MEMBERS_MAX];
    size_t invitation_count;
};
void member_list_clear(struct member_list *l); /* wipes */

/* Is it this account itself? */
bool members_is_self(const struct client *c, const struct member *m);

/* Reads both, and forgets invitations that are over. Where there are other owners, this one is put on the
 * list too, so that their devices know to whom the household's keys are sealed. */
err members_read(struct client *c, struct member_list *out, struct diag *d) CHECKED;
/* By name (any case), or by a beginning that one alone has. ERR_NOT_FOUND: d lists the names. */
err members_find(const struct member_list *l, const char *name, const struct member **out,
                 struct diag *d) CHECKED;

/* Fills key, code, signup and until, and keeps it.
 *   ERR_EXISTS  somebody of that name is there */
err members_invite(struct client *c, struct invitation *invitation, struct diag *d) CHECKED;
/* `vault` is where the invited person finds it. ERR_LIMIT. */
err members_link(const struct invitation *invitation, const char *vault,
                 char out[INVITATION_LINK_BYTES]) CHECKED;
/* Reads a link. *signup may come out empty. ERR_INVALID. */
err members_link_parse(const char *text, char vault[LINK_URL_MAX_BYTES], char code[PAIRING_TEXT_BYTES],
                       char signup[64], struct diag *d) CHECKED;

/* Has the person come? Then lets them in: a grant, or an owner's keys and capability. *in: whether they had.
 *   ERR_FORGED  who came does not know the code */
err members_answer(struct client *c, struct camera_list *all, const struct invitation *invitation, bool *in,
                   struct diag *d) CHECKED;
err members_cancel(struct client *c, const struct invitation *invitation, struct diag *d) CHECKED;

/* Ends all that they were given, as grants_revoke; when an owner goes, the household's keys are succeeded
 * (succession.h). */
err members_remove(struct client *c, struct camera_list *all, const struct member *m,
                   const struct grants_progress *progress, struct grants_ended *out, struct diag *d) CHECKED;

/* The invited side; the account is signed in. Announces itself, and waits for an owner's device to answer.
 *   ERR_TIMEOUT  none did within wait_s: run it again, the invitation holds */
err members_join(struct client *c, const char *code, int wait_s, struct invitation_answer *out,
                 struct diag *d) CHECKED;

#endif
