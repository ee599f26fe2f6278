/* staff_certificate.h: a provider's statement that somebody is of its staff, in which roles and until when;
 * and that this is over (docs/trust.md, "The support desk").
 *
 *     certificate = signed envelope by the staff key, domain "cardea/1 staff", of JSON
 *     {"v":1,"number":n,"name":text,"roles":[…],"sign":b64,"box":b64,"from":slot,"expires":slot}
 *     revocation  = signed envelope by the staff key, domain "cardea/1 staff revoke", of JSON
 *     {"v":1,"number":n,"sign":b64,"time":slot}
 *
 * Duties are separate: an administrator has no other role, or one person could both use the desk and be the
 * one who is told of unusual use. Reading is in format_staff (no key is needed), signing in
 * format_staff_sign. Threads: no shared state. */
#ifndef CARDEA_FORMAT_STAFF_CERTIFICATE_H
#define CARDEA_FORMAT_STAFF_CERTIFICATE_H

#include "format/staff_key.h"

#define STAFF_CERTIFICATE_MAX_BYTES 4096u
#define STAFF_REVOCATION_MAX_BYTES 1024u
#define STAFF_NUMBER_MAX 1000000000
#define STAFF_SKEW_SLOTS 300 /* a clock may be this much behind the provider's */

enum staff_role { STAFF_AGENT = 1, STAFF_OPERATOR = 2, STAFF_MODERATOR = 4, STAFF_ADMINISTRATOR = 8 };
#define STAFF_ROLE_COUNT 4
extern const char *const staff_role_names[STAFF_ROLE_COUNT]; /* [i] is of the bit 1 << i */
/* "agent" to its bit; 0: there is no such role. */
unsigned staff_role_of(const char *name);

struct staff_certificate {
    uint64_t number; /* from 1; of the person, and kept when the certificate is renewed */
    char name[STAFF_NAME_MAX_BYTES + 1];
    unsigned roles; /* a set of enum staff_role */
    uint8_t sign[SIGN_PUBLIC_BYTES], box[BOX_PUBLIC_BYTES];
    uint32_t from, expires; /* valid in [from, expires) */
};

/* Could this be signed? ERR_INVALID: name, roles (none, or administrator with another), number or times. */
err staff_certificate_check(const struct staff_certificate *c, struct diag *d) CHECKED;
/* A set of roles that one person may have. ERR_INVALID. */
err staff_roles_check(unsigned roles, struct diag *d) CHECKED;
/* Appends the envelope. ERR_INVALID as staff_certificate_check. */
err staff_certificate_sign(const struct staff_certificate *c, const struct sign_key *staff, struct blob *out,
                           struct diag *d) CHECKED;
/* ERR_INVALID names the field; ERR_LIMIT: too large; ERR_FORGED: not by this staff key. */
err staff_certificate_read(struct bytes raw, const uint8_t staff[SIGN_PUBLIC_BYTES],
                           struct staff_certificate *out, struct diag *d) CHECKED;
/* ERR_DENIED: expired, or not yet valid by more than STAFF_SKEW_SLOTS; d says which and when. */
err staff_certificate_valid_at(const struct staff_certificate *c, uint32_t now, struct diag *d) CHECKED;

/* A list of names of roles, without repetitions. ERR_INVALID. */
struct json_t;                                   /* jansson.h */
struct json_t *staff_roles_json(unsigned roles); /* returned: a list of their names */
err staff_roles_read(const struct json_t *list, unsigned *out, struct diag *d) CHECKED;

struct staff_revocation {
    uint64_t number;
    uint8_t sign[SIGN_PUBLIC_BYTES];
    uint32_t time;
};
/* Appends the envelope. */
err staff_revocation_sign(const struct staff_revocation *r, const struct sign_key *staff,
                          struct blob *out) CHECKED;
err staff_revocation_read(struct bytes raw, const uint8_t staff[SIGN_PUBLIC_BYTES],
                          struct staff_revocation *out, struct diag *d) CHECKED;

#endif
