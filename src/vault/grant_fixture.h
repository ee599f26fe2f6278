/* grant_fixture.h: a household that shares, for tests against the real daemon (vault_fixture.h). */
#ifndef CARDEA_VAULT_GRANT_FIXTURE_H
#define CARDEA_VAULT_GRANT_FIXTURE_H

#include "format/grant.h"
#include "vault/vault_fixture.h"

struct sharing {
    struct household h;
    struct sign_key sign; /* the household's */
    struct box_key box;
    uint8_t log_key[32], log[32]; /* log: of the vault */
    struct camera porch, garden;
};
/* Sets the household up, and two cameras with an hour of retention each, so that they are known. */
void sharing_make(const struct daemon *d, struct sharing *s);
void sharing_clear(struct sharing *s);

struct grantee {
    struct sign_key sign;
    struct box_key box;
};
void grantee_make(struct grantee *g);

/* A link to the porch: [from, to), live, valid from a minute ago for an hour. */
struct grant_statement sharing_statement(const struct sharing *s, const struct grantee *g, uint64_t from,
                                         uint64_t to);
/* Signs it, with the porch's keys, and posts it. */
void sharing_issue(const struct sharing *s, const struct grant_statement *statement, struct blob *raw);
void sharing_post(const struct daemon *d, const struct sharing *s, struct bytes raw, long status,
                  struct answer *out);
void sharing_give(const struct daemon *d, const struct sharing *s, const struct grant_statement *statement);
/* Opens it; auth is set on 200. `out` may be NULL. */
void sharing_open(const struct daemon *d, const struct grantee *g, const uint8_t grant[GRANT_ID_BYTES],
                  long status, char auth[128], struct answer *out);
/* The same with an earlier token. */
void sharing_open_again(const struct daemon *d, const struct grantee *g, const uint8_t grant[GRANT_ID_BYTES],
                        const char *renews, long status, char auth[128], struct answer *out);
/* The same with the nonce of this opening (empty: none, as older programs do); *opening is what its entry has
 * to say, unless the nonce's length is wrong. */
void sharing_open_as(const struct daemon *d, const struct grantee *g, const uint8_t grant[GRANT_ID_BYTES],
                     struct bytes nonce, uint64_t *opening, long status, char auth[128], struct answer *out);
void sharing_revoke(const struct daemon *d, const struct sharing *s, const uint8_t grant[GRANT_ID_BYTES],
                    long status);
/* "/v1/grants/HEX" and what follows. */
const char *grant_path(const uint8_t grant[GRANT_ID_BYTES], const char *rest, char out[128]);

/* The household's entries of the log, opened: details, and with them "kind", "index" and "actor". */
json_t *log_of(const struct daemon *d, const struct sharing *s);
/* Waits until the household's log has `count` of that kind. */
void log_wait(const struct daemon *d, const struct sharing *s, const char *kind, unsigned count);

#endif
