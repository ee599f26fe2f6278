/* succession.h: an owner goes, and the household's keys are succeeded (docs/trust.md, "Removing an owner").
 *
 * Each step may be done again, so that a device that finds a succession half done goes on with it, whichever
 * device began it: members_remove begins, succession_tend goes on. Threads: one. */
#ifndef CARDEA_CLIENT_SUCCESSION_H
#define CARDEA_CLIENT_SUCCESSION_H

#include "client/members.h"

/* What the object household/succession says: which succession all that is the household's has followed, which
 * hubs have taken its keys, and which one was begun, if another. */
struct succession_state {
    uint64_t version; /* of the object; 0: there is none */
    uint32_t n, begun;
    uint8_t hubs[CLIENT_HUBS_MAX][HUB_ID_BYTES];
    size_t hub_count;
    bool unfinished; /* some step but a hub's is to be done */
};
/* Of a household whose keys were never succeeded this is one question, whose answer is that there is none. */
err succession_look(struct client *c, struct succession_state *out, struct diag *d) CHECKED;
/* Does this hub still seal to the household's former keys? */
bool succession_awaits(const struct client *c, const struct succession_state *s,
                       const uint8_t hub[HUB_ID_BYTES]);
size_t succession_awaited(const struct client *c, const struct succession_state *s);

/* Goes on with what is half done, and gives the keys to hubs that have not taken them and are there. Does
 * nothing, after one question, when all is done. *did: something was. Where a step fails, the next time goes
 * on with it. */
err succession_tend(struct client *c, const struct grants_progress *progress, struct grants_ended *ended,
                    bool *did, struct diag *d) CHECKED;

/* The whole of it: *m, an owner who is not this one, goes. */
err succession_remove(struct client *c, const struct member *m, const struct grants_progress *progress,
                      struct grants_ended *ended, struct diag *d) CHECKED;

#endif
