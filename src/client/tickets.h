/* tickets.h: what an owner and the support desk write to each other, read and written by either side
 * (docs/trust.md, "The support desk"). Threads: one. */
#ifndef CARDEA_CLIENT_TICKETS_H
#define CARDEA_CLIENT_TICKETS_H

#include "client/staff.h"
#include "format/ticket.h"

#define TICKET_LINES_MAX 1024

/* Who reads and writes: an owner (unlocked), or an agent. */
struct ticket_side {
    struct client *client;    /* borrowed */
    struct staff_link *staff; /* borrowed; NULL: an owner */
    struct staff_key provider;
};
/* The desk's key must be the one that this household pinned, if it did.
 *   ERR_NOT_FOUND  the vault has no support desk     ERR_FORGED  it is another than before */
err ticket_side_owner(struct client *c, struct ticket_side *out, struct diag *d) CHECKED;
void ticket_side_agent(struct staff_link *s, struct ticket_side *out);
err ticket_side_json(struct ticket_side *side, const char *method, const char *path, json_t *body,
                     json_t **out, struct diag *d) CHECKED;

/* One message. What cannot be read or is not to be believed keeps its place, with the reason. */
struct ticket_line {
    uint32_t n;
    bool by_staff, sound;
    char why[160];                        /* when it is not sound */
    struct ticket_message message;        /* when it is */
    struct staff_certificate certificate; /* of a member of staff who wrote it */
};
struct ticket {
    uint8_t id[TICKET_ID_BYTES];
    char hex[2 * TICKET_ID_BYTES + 1];
    bool closed;
    struct ticket_line *lines;
    size_t count;
    json_t *grants;     /* ids in hex; owned */
    bool has_household; /* its keys, from the first message; an owner's are its own */
    uint8_t household_sign[SIGN_PUBLIC_BYTES], household_box[BOX_PUBLIC_BYTES];
};
void ticket_clear(struct ticket *t); /* for AUTO */

/* Reads all of a ticket, and checks who wrote what: a household's messages are by the key that its first one
 * names (an owner: by its own), an agent's by a certificate of the desk's. wait_s > 0: with `after` messages
 * known, waits for more. *out is cleared first. */
err ticket_read(struct ticket_side *side, const char *hex, uint32_t after, unsigned wait_s,
                struct ticket *out, struct diag *d) CHECKED;
/* The list as the vault gives it, which is returned. */
err ticket_list_read(struct ticket_side *side, json_t **out, struct diag *d) CHECKED;
/* The whole id of one, by its beginning of at least four digits. ERR_NOT_FOUND. */
err ticket_find(struct ticket_side *side, const char *begin, char hex[2 * TICKET_ID_BYTES + 1],
                struct diag *d) CHECKED;

/* Opens one: the owner's. id is filled. */
err ticket_open(struct ticket_side *side, const char *text, uint8_t id[TICKET_ID_BYTES],
                struct diag *d) CHECKED;
/* Says something; m->ticket and m->time are filled, and an agent's certificate is added. */
err ticket_say(struct ticket_side *side, const struct ticket *t, struct ticket_message *m,
               struct diag *d) CHECKED;
err ticket_end(struct ticket_side *side, const struct ticket *t, struct diag *d) CHECKED;

/* A request in a ticket, by the beginning of its id; NULL `begin`: the only one that is open.
 * *answered (may be NULL): the message that answered it, or NULL. ERR_NOT_FOUND: d says what to do. */
err ticket_request_find(const struct ticket *t, const char *begin, const struct ticket_line **out,
                        const struct ticket_line **answered, struct diag *d) CHECKED;

/* Health figures for a ticket, out of a hub's answer to `status` and the vault's version: a closed list,
 * without addresses. *out is returned. */
err ticket_health_of(const json_t *status, const char *vault_version, json_t **out, struct diag *d) CHECKED;
/* Puts "[address]" for what looks like one, or like a URL with a password. `out` has room for 181 bytes. */
#define TICKET_ERROR_BYTES 181
void ticket_scrub(const char *message, char out[TICKET_ERROR_BYTES]);

#endif
