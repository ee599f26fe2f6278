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
#define GRANT_WITNESSES_MAX 16
#define GRANT_VIEWS_MAX 1000000
#define GRANT_LOG_KEY_BYTES 32
#define GRANT_ABOUT_MAX_BYTES (64u << 10)
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

enum grant_role { GRANT_ROLE_NONE, GRANT_ROLE_MEMBER, GRANT_ROLE_VIEWER };

struct grant_statement {
    uint8_t id[GRANT_ID_BYTES];
    uint8_t issuer[SIGN_PUBLIC_BYTES]; /* from the envelope; the household's key when issuing */
    uint8_t grantee[BOX_PUBLIC_BYTES], grantee_sign[SIGN_PUBLIC_BYTES];
    enum grant_purpose purpose;
    enum grant_role role;                    /* of purpose member, and of no other */
    char ticket[GRANT_TICKET_MAX_BYTES + 1]; /* empty: none */
    uint8_t cameras[GRANT_CAMERAS_MAX][CAMERA_ID_BYTES];
    size_t camera_count;
    uint64_t from, to; /* slots [from, to) */
    bool live, may_export;
    uint64_t not_before, expires, time; /* slots; valid in [not_before, expires) */
    uint32_t views;                     /* how often it can be opened; 0: no limit */
    /* Under which key the grantee's software wants the proof of its use, and which hubs must have witnessed
     * that: one of them, when any is named. */
    uint8_t log[GRANT_LOG_KEY_BYTES];
    uint8_t witnesses[GRANT_WITNESSES_MAX][SIGN_PUBLIC_BYTES];
    size_t witness_count;
};

/* Reads a grant's statement and checks its signature. grant_statement_read takes the envelope alone, as lists
 * hold it.
 *   ERR_INVALID  names the field; not signed, signed twice     ERR_LIMIT  too large
 *   ERR_FORGED   the signature does not fit, or `household` (if given) did not sign it */
err grant_read(struct bytes raw, const uint8_t household[SIGN_PUBLIC_BYTES], struct grant_statement *out,
               struct diag *d) CHECKED;
err grant_statement_read(struct bytes envelope, const uint8_t household[SIGN_PUBLIC_BYTES],
                         struct grant_statement *out, struct diag *d) CHECKED;

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

bool grant_names_camera(const struct grant_statement *s, const uint8_t camera[CAMERA_ID_BYTES]);

/* A revocation: a signed envelope by the household (domain "cardea/1 revoke") that names one grant.
 * grant_revocation_check reads one that is to end *s, by the household's key (which may have succeeded the
 * one that signed the grant). ERR_INVALID  names the field ERR_FORGED   the signature does not fit, another
 * household's, or (check) it is another grant's */
#define GRANT_REVOCATION_MAX_BYTES 1024u
struct grant_revocation {
    uint8_t grant[GRANT_ID_BYTES];
    uint64_t time; /* slot */
};
err grant_revocation_read(struct bytes raw, const uint8_t household[SIGN_PUBLIC_BYTES],
                          struct grant_revocation *out, struct diag *d) CHECKED;
err grant_revocation_check(struct bytes raw, const struct grant_statement *s,
                           const uint8_t household[SIGN_PUBLIC_BYTES], struct grant_revocation *out,
                           struct diag *d) CHECKED;
/* Appends one (format_grant_keys). */
err grant_revocation_make(const struct sign_key *household, const uint8_t grant[GRANT_ID_BYTES],
                          uint64_t time, struct blob *out) CHECKED;

/* Who opens a grant signs the vault's challenge and the grant's id (domain "cardea/1 open").
 *   ERR_FORGED  the signature is not the grantee's */
#define GRANT_CHALLENGE_MAX_BYTES 256u
err grant_open_check(const struct grant_statement *s, struct bytes challenge,
                     const uint8_t signature[SIGNATURE_BYTES], struct diag *d) CHECKED;
/* ERR_LIMIT: the challenge is longer than any vault's (format_grant_keys). */
err grant_open_sign(const struct sign_key *grantee, struct bytes challenge,
                    const uint8_t grant[GRANT_ID_BYTES], uint8_t signature[SIGNATURE_BYTES]) CHECKED;

/* One camera and epoch. */
struct grant_part {
    uint8_t camera[CAMERA_ID_BYTES];
    uint32_t epoch;
    struct timekey_set keys;
};
struct grant_parts {
    struct blob about; /* JSON: grant_about.h */
    struct grant_part *parts;
    size_t count;
};
void grant_parts_clear(struct grant_parts *p); /* wipes */

/* Appends the grant. `about` is what grant_about_encode makes, or empty. What is handed over is the part of
 * each set that lies in [from, to); a set that has none of it is left out. ERR_INVALID  the statement cannot
 * be, or a part's camera is not in it ERR_LIMIT    too large */
err grant_issue(const struct grant_statement *s, const struct sign_key *household, struct bytes about,
                const struct grant_part *parts, size_t count, struct blob *out, struct diag *d) CHECKED;
/* The same with the box's ephemeral secret given; for test vectors alone. */
err grant_issue_with(const struct grant_statement *s, const struct sign_key *household, struct bytes about,
                     const struct grant_part *parts, size_t count, const uint8_t ephemeral[BOX_SECRET_BYTES],
                     struct blob *out, struct diag *d) CHECKED;

/* grant_read, then the keys and `about`. Replaces *parts. Keys that reach outside the statement are
 * ERR_FORGED. */
err grant_open(struct bytes raw, const uint8_t household[SIGN_PUBLIC_BYTES], const struct box_key *grantee,
               struct grant_statement *statement, struct grant_parts *parts, struct diag *d) CHECKED;

/* Internal to src/format: the envelope inside a grant and the box after it; and a statement's JSON. */
err grant_split(struct bytes raw, struct bytes *statement, struct bytes *box, struct diag *d) CHECKED;
err grant_statement_check(const struct grant_statement *s, struct diag *d) CHECKED;
extern const char *const grant_purposes[]; /* by enum grant_purpose */
extern const char *const grant_roles[];    /* by enum grant_role; "" for none */

#endif
