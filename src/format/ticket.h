/* ticket.h: what an owner and a support desk write to each other (docs/trust.md, "The support desk").
 *
 *     box (info "cardea/1 ticket", aad = ticket id) of a signed envelope (by the household or by an agent,
 *     domain "cardea/1 ticket") of JSON
 *     {"v":1,"ticket":hex,"time":slot,"kind":text,"text"?,"health"?,"request"?,"answers"?,"grant"?,
 *      "household"?:{"sign","box"},"certificate"?:b64}
 *
 * Each message is boxed twice, to the household and to the desk, so that all owners and all agents can read
 * it, and the vault cannot. Who may have signed it is the caller's question: an agent's message carries its
 * certificate, a household's first names its keys. In format_ticket. Threads: no shared state. */
#ifndef CARDEA_FORMAT_TICKET_H
#define CARDEA_FORMAT_TICKET_H

#include "base/json.h"
#include "crypto/unbox.h"
#include "format/staff_certificate.h"

#define TICKET_ID_BYTES 16
#define TICKET_REQUEST_ID_BYTES 8
#define TICKET_GRANT_ID_BYTES 16
#define TICKET_TEXT_MAX_BYTES 8192
#define TICKET_REASON_MAX_BYTES 512
#define TICKET_CAMERAS_MAX 64
#define TICKET_CAMERA_NAME_MAX_BYTES 128
#define TICKET_LIVE_MINUTES_MAX 240
#define TICKET_BOX_MAX_BYTES (32u << 10) /* either box of a message */

enum ticket_kind {
    TICKET_OPEN,    /* by the household: text, its keys */
    TICKET_WORDS,   /* by either: text */
    TICKET_HEALTH,  /* by the household: health */
    TICKET_REQUEST, /* by an agent: request */
    TICKET_ANSWER,  /* by the household: it approved a request: which, the grant, and what was narrowed */
    TICKET_REFUSE,  /* by the household: which, perhaps text */
    TICKET_CLOSE,   /* by either, perhaps text */
};
#define TICKET_KIND_COUNT 7
extern const char *const ticket_kind_names[TICKET_KIND_COUNT];

struct ticket_request {
    uint8_t id[TICKET_REQUEST_ID_BYTES];
    json_t *cameras;       /* names, as the health figures give them; 1 to TICKET_CAMERAS_MAX; borrowed */
    uint32_t live_minutes; /* 0: no live view */
    uint32_t from, to;     /* slots; 0, 0: nothing recorded */
    const char *reason;
};

struct ticket_message {
    uint8_t signer[SIGN_PUBLIC_BYTES]; /* from the envelope */
    uint8_t ticket[TICKET_ID_BYTES];
    uint32_t time;
    enum ticket_kind kind;
    const char *text;     /* NULL: none */
    const json_t *health; /* NULL: none; see ticket_health_check */
    bool has_request, has_answers, has_grant, has_household, has_certificate;
    struct ticket_request request;
    uint8_t answers[TICKET_REQUEST_ID_BYTES]; /* of TICKET_ANSWER and TICKET_REFUSE */
    uint8_t grant[TICKET_GRANT_ID_BYTES];
    uint8_t household_sign[SIGN_PUBLIC_BYTES], household_box[BOX_PUBLIC_BYTES];
    struct blob certificate; /* owned */
    json_t *value;           /* what the pointers above point into, when it was read; owned */
};
void ticket_message_clear(struct ticket_message *m); /* for AUTO */

/* Appends the box to `to`. Pointers are borrowed; m->signer and m->value are not read.
 *   ERR_INVALID  what its kind needs is not there     ERR_LIMIT  larger than TICKET_BOX_MAX_BYTES */
err ticket_message_seal(const struct ticket_message *m, const struct sign_key *signer,
                        const uint8_t to[BOX_PUBLIC_BYTES], struct blob *out, struct diag *d) CHECKED;
err ticket_message_seal_with(const struct ticket_message *m, const struct sign_key *signer,
                             const uint8_t to[BOX_PUBLIC_BYTES], const uint8_t ephemeral[BOX_SECRET_BYTES],
                             struct blob *out, struct diag *d) CHECKED; /* vectors alone */

/* Opens and checks the shape; *out is cleared first.
 *   ERR_INVALID  names the field     ERR_LIMIT  too large
 *   ERR_FORGED   not for this key or ticket, altered, or the signature does not fit */
err ticket_message_open(struct bytes raw, const uint8_t ticket[TICKET_ID_BYTES], const struct box_key *key,
                        struct ticket_message *out, struct diag *d) CHECKED;

/* Health figures hold what is in this list and nothing else: no picture, no address, no password can hide in
 * a field that nobody knows.
 *     {"cameras":[{"name":text,"state":text,"fps","kbit_s","lost","restarts","width","height": numbers,
 *                  "codec":text,"error":text}], "hub"?:{"version":text,"state":text,"uptime_s","spool_bytes",
 *                  "waiting": numbers}, "vault"?: version}
 * All but a camera's name may be absent. ERR_INVALID names the field. */
err ticket_health_check(const json_t *health, struct diag *d) CHECKED;

#endif
