/* grant.h: who may open which seconds of which cameras, and for what (docs/formats.md, "Grant").
 *
 * The statement is read and enforced by whoever serves (format_grant: no key is needed), the keys enforce it
 * again. grant_issue and grant_open are a client's (format_grant_keys). Threads: no shared state. */
#ifndef CARDEA_FORMAT_GRANT_H
#define CARDEA_FORMAT_GRANT_H

#include "crypto/timekey.h"
#include "crypto/unbox.h"
#include "format/envelope.h"
#include "format/segment.h"

#define GRANT_ID_BYTES 16
#define GRANT_CAMERAS_MAX 64
#define GRANT_TICKET_MAX_BYTES 64
#define GRANT_STATEMENT_MAX_BYTES (16u << 10)
#define GRANT_MAX_BYTES (1u << 20)
#define GRANT_PARTS_MAX 1024 /* cameras and their epochs */
#define GRANT_SKEW_SLOTS 300 /* a clock may be this much behind the issuer's */

enum grant_purpose {
    GRANT_OWNER,
    GRANT_MEMBER,
    GRANT_LINK,
    GRANT_SUPPORT,
    GRANT_LABS,
    GRANT_REQUEST,
};

struct grant_statement {
    uint8_t id[GRANT_ID_BYTES];
    uint8_t issuer[SIGN_PUBLIC_BYTES]; /* from the envelope; the household's key when issuing */
    uint8_t grantee[BOX_PUBLIC_BYTES], grantee_sign[SIGN_PUBLIC_BYTES];
    enum grant_purpose purpose;
    char ticket[GRANT_TICKET_MAX_BYTES + 1]; /* empty: none */
    uint8_t cameras[GRANT_CAMERAS_MAX][CAMERA_ID_BYTES];
    size_t camera_count;
    uint64_t from, to; /* slots [from, to) */
    bool live, may_export;
    uint64_t not_before, expires, time; /* slots; valid in [not_before, expires) */
};

/* Reads a grant's statement and checks its signature.
 *   ERR_INVALID  names the field     ERR_LIMIT  too large
 *   ERR_FORGED   the signature does not fit, or `household` (if given) did not sign it */
err grant_read(struct bytes raw, const uint8_t household[SIGN_PUBLIC_BYTES], struct grant_statement *out,
               struct diag *d) CHECKED;

/* ERR_DENIED: expired, or not yet valid by more than GRANT_SKEW_SLOTS; d says which and when. */
err grant_valid_at(const struct grant_statement *s, uint32_t now, struct diag *d) CHECKED;

/* What is asked of a grant. `end` 0 asks for no recorded seconds. */
struct grant_use {
    const uint8_t *camera;
    uint64_t begin, end;
    bool live, exporting;
};
/* ERR_DENIED: another camera, seconds outside [from, to), live or export without leave; d says which. */
err grant_allows(const struct grant_statement *s, const struct grant_use *use, struct diag *d) CHECKED;

/* One camera and epoch. */
struct grant_part {
    uint8_t camera[CAMERA_ID_BYTES];
    uint32_t epoch;
    struct timekey_set keys;
};
struct grant_parts {
    struct grant_part *parts;
    size_t count;
};
void grant_parts_clear(struct grant_parts *p); /* wipes */

/* Appends the grant. What is handed over is the part of each set that lies in [from, to); a set that has none
 * of it is left out.
 *   ERR_INVALID  the statement cannot be, or a part's camera is not in it
 *   ERR_LIMIT    too large */
err grant_issue(const struct grant_statement *s, const struct sign_key *household,
                const struct grant_part *parts, size_t count, struct blob *out, struct diag *d) CHECKED;
/* The same with the box's ephemeral secret given; for test vectors alone. */
err grant_issue_with(const struct grant_statement *s, const struct sign_key *household,
                     const struct grant_part *parts, size_t count, const uint8_t ephemeral[BOX_SECRET_BYTES],
                     struct blob *out, struct diag *d) CHECKED;

/* grant_read, then the keys. Replaces *parts. Keys that reach outside the statement are ERR_FORGED. */
err grant_open(struct bytes raw, const uint8_t household[SIGN_PUBLIC_BYTES], const struct box_key *grantee,
               struct grant_statement *statement, struct grant_parts *parts, struct diag *d) CHECKED;

/* Internal to src/format: the envelope inside a grant and the box after it; and a statement's JSON. */
err grant_split(struct bytes raw, struct bytes *statement, struct bytes *box, struct diag *d) CHECKED;
err grant_statement_check(const struct grant_statement *s, struct diag *d) CHECKED;
extern const char *const grant_purposes[];

#endif
