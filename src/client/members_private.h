/* members_private.h: between members.c and succession.c. */
#ifndef CARDEA_CLIENT_MEMBERS_PRIVATE_H
#define CARDEA_CLIENT_MEMBERS_PRIVATE_H

#include "client/members.h"

/* Writes the member's object, as its version says. */
err members_put(struct client *c, const struct member *m, struct diag *d) CHECKED;
/* Deletes an object; one that is gone is fine. */
err members_drop(struct client *c, const char *key, struct diag *d) CHECKED;
/* A member as the object says, once it is opened. ERR_INVALID. */
err members_parse(json_t *value, struct member *out, struct diag *d) CHECKED;
#define MEMBERS_PREFIX "member/"
#define MEMBERS_INVITE_PREFIX "member/invite/"
#define MEMBERS_INFO "cardea/1 member"

#endif
