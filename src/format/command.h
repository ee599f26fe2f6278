/* command.h: what an owner's software asks of a hub through the vault, and the answer (docs/protocol.md,
 * "Command").
 *
 * Both are a box around a signed envelope. An owner links command_seal and reply_open, a hub command_open and
 * reply_seal; all are in format_message. Threads: no shared state. */
#ifndef CARDEA_FORMAT_COMMAND_H
#define CARDEA_FORMAT_COMMAND_H

#include "base/clock.h"
#include "base/json.h"
#include "crypto/sign.h"
#include "crypto/unbox.h"
#include "format/certificate.h"

#define COMMAND_ID_BYTES 16
#define COMMAND_VERB_MAX_BYTES 32
#define COMMAND_MAX_BYTES (144u << 10) /* four pictures of a face in base64 */
#define REPLY_MAX_BYTES (1u << 20)
#define COMMAND_SKEW_US (5 * 60 * INT64_C(1000000))
#define COMMAND_SEEN_MAX 4096

struct command {
    uint8_t id[COMMAND_ID_BYTES];
    struct wall_us time;
    char verb[COMMAND_VERB_MAX_BYTES + 1];
    json_t *args; /* an object; owned */
};
void command_clear(struct command *c);

/* Appends the box. c->args may be NULL for none. ERR_LIMIT: larger than COMMAND_MAX_BYTES. */
err command_seal(const struct command *c, const struct sign_key *household,
                 const uint8_t hub_box[BOX_PUBLIC_BYTES], const uint8_t hub[HUB_ID_BYTES],
                 struct blob *out) CHECKED;
err command_seal_with(const struct command *c, const struct sign_key *household,
                      const uint8_t hub_box[BOX_PUBLIC_BYTES], const uint8_t hub[HUB_ID_BYTES],
                      const uint8_t ephemeral[BOX_SECRET_BYTES],
                      struct blob *out) CHECKED; /* vectors alone */

/* `id` is the one the vault delivered it under; the signed one must be the same.
 *   ERR_INVALID  names the field     ERR_LIMIT  too large
 *   ERR_FORGED   not for this hub (the box, or the signed words), not by this household, altered, or under
 *                another id
 *   ERR_DENIED   its time is more than COMMAND_SKEW_US off `now` */
err command_open(struct bytes raw, const uint8_t id[COMMAND_ID_BYTES], const struct box_key *hub_key,
                 const uint8_t hub[HUB_ID_BYTES], const uint8_t household[SIGN_PUBLIC_BYTES],
                 struct wall_us now, struct command *out, struct diag *d) CHECKED;

/* The same by any signer, who comes out in `signer`: for what a successor of the household's key may say. */
err command_open_any(struct bytes raw, const uint8_t id[COMMAND_ID_BYTES], const struct box_key *hub_key,
                     const uint8_t hub[HUB_ID_BYTES], struct wall_us now, struct command *out,
                     uint8_t signer[SIGN_PUBLIC_BYTES], struct diag *d) CHECKED;

/* Ids of commands that were accepted while their time was still in the window. Zero-initialised is empty. A
 * hub that starts afresh refuses, by `since`, whatever was made before it started. */
struct command_seen {
    struct wall_us since;
    size_t count;
    struct {
        uint8_t id[COMMAND_ID_BYTES];
        struct wall_us time;
    } entries[COMMAND_SEEN_MAX];
};
/* ERR_EXISTS: seen before, or made before `since`. ERR_BUSY: too many in ten minutes. */
err command_seen_add(struct command_seen *seen, const struct command *c, struct wall_us now,
                     struct diag *d) CHECKED;

struct reply {
    bool ok;
    json_t *result;               /* an object when ok, else NULL; owned */
    char error[33], message[513]; /* when not ok */
};
void reply_clear(struct reply *r);

/* Appends the box to the household. ERR_LIMIT: larger than REPLY_MAX_BYTES. */
err reply_seal(const struct reply *r, const uint8_t command[COMMAND_ID_BYTES], const struct sign_key *hub,
               const uint8_t household_box[BOX_PUBLIC_BYTES], struct blob *out) CHECKED;
err reply_seal_with(const struct reply *r, const uint8_t command[COMMAND_ID_BYTES],
                    const struct sign_key *hub, const uint8_t household_box[BOX_PUBLIC_BYTES],
                    const uint8_t ephemeral[BOX_SECRET_BYTES], struct blob *out) CHECKED; /* vectors alone */

/* ERR_INVALID names the field; ERR_FORGED: not for this household or command, not by this hub, or altered. */
err reply_open(struct bytes raw, const uint8_t command[COMMAND_ID_BYTES], const struct box_key *household,
               const uint8_t hub_sign[SIGN_PUBLIC_BYTES], struct reply *out, struct diag *d) CHECKED;

#endif
