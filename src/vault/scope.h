/* scope.h: what the holder of a grant may see, held against each request of theirs.
 *
 * A grantee's token names a grant; admission (admit.c) reads the grant's signed statement anew for each
 * request, so that a revocation, an expiry or a narrower statement counts at once. Handlers then hold what is
 * asked against the scope that admission left in the caller. A scope that is NULL is an owner's: it allows
 * everything. Threads: no shared state. */
#ifndef CARDEA_VAULT_SCOPE_H
#define CARDEA_VAULT_SCOPE_H

#include "format/grant.h"
#include "store/index.h"

struct grant_scope {
    struct store_id grant;
    uint64_t entry; /* of the use in the access log from which the token came */
    enum grant_purpose purpose;
    char ticket[GRANT_TICKET_MAX_BYTES + 1]; /* empty: none */
    uint8_t key[SIGN_PUBLIC_BYTES];          /* the grantee's */
    uint64_t from, to, expires;              /* slots; recorded seconds are [from, to) */
    bool live;
    size_t camera_count;
    uint8_t cameras[GRANT_CAMERAS_MAX][CAMERA_ID_BYTES];
};

/* Before a grant's statement in its bytes: magic, version, length. */
#define GRANT_HEAD_BYTES 9u

void scope_of(const struct grant_statement *s, uint64_t entry, struct grant_scope *out);

/* ERR_DENIED: the grant does not name this camera. */
err scope_camera(const struct grant_scope *scope, const struct store_id *camera, struct diag *d) CHECKED;

/* The part of [*from, *to) that may be seen; false: none. */
bool scope_clip(const struct grant_scope *scope, uint32_t *from, uint32_t *to);
bool scope_holds(const struct grant_scope *scope, uint32_t slot);
bool scope_touches(const struct grant_scope *scope, const struct reel_entry *entry);

/* Takes out of a list, whose reels have tables, each segment that does not touch the scope; what is said of a
 * reel is then said of the segments that are left, clipped to the scope. */
err scope_timeline(const struct grant_scope *scope, struct timeline *t, struct diag *d) CHECKED;

/* May bytes [begin, end) of a reel be read? They must lie in segments that touch the scope.
 *   ERR_DENIED  they do not, or there are none */
err scope_bytes(const struct grant_scope *scope, const struct reel_entry *entries, size_t count,
                uint64_t begin, uint64_t end, struct diag *d) CHECKED;
/* The same by a stored table. ERR_IO: it is damaged. */
err scope_table(const struct grant_scope *scope, struct bytes table, uint64_t begin, uint64_t end,
                struct diag *d) CHECKED;

/* May these cameras be watched now? *until is the slot at which that ends.
 *   ERR_DENIED  a camera that is not named, no leave for live, or not now; d says which */
err scope_live(const struct grant_scope *scope, const struct store_id *cameras, size_t count, uint32_t now,
               uint64_t *until, struct diag *d) CHECKED;

#endif
