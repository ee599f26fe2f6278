/* in_flight.h: reels that are still arriving on this node, as their household may already look at them.
 *
 * A reel takes up to a minute to become a row. Until then its whole segments are shown from the upload
 * itself: in the time line (flag IN_FLIGHT_FLAG), among the cameras' extents and by range. What was deleted
 * while it arrives is not shown. Threads: any; each call takes the uploads' locks itself. */
#ifndef CARDEA_VAULT_IN_FLIGHT_H
#define CARDEA_VAULT_IN_FLIGHT_H

#include "vault/vault.h"

#define IN_FLIGHT_FLAG 128u /* of a reel's flags: still arriving, never stored so */
#define IN_FLIGHT_MAX 64u   /* reels of one answer; a hub sends one for each stream */

struct in_flight {
    struct {
        struct reel_info info;
        struct store_id camera;
        size_t table_at, table_bytes;
    } reels[IN_FLIGHT_MAX];
    size_t count;
    struct blob tables; /* what the reels' tables point into */
};
void in_flight_clear(struct in_flight *f);

/* Those of a household, or of one camera of it, ascending by first slot. To be called before the index is
 * asked: a reel that commits between the two is then in both, never in neither. */
err in_flight_list(struct vault *v, const struct store_id *household, const struct store_id *camera,
                   struct in_flight *out) CHECKED;
/* Puts those that touch [from, to) in their places among the rows, which borrow their tables; one that has a
 * row by now is left out. */
err in_flight_merge(const struct in_flight *f, uint32_t from, uint32_t to, struct timeline *t) CHECKED;

struct in_flight_bytes {
    struct blob bytes;
    struct store_id camera;
    uint64_t begin, total; /* where they are in the whole segments so far */
    bool part;             /* a range was asked for */
};
void in_flight_bytes_clear(struct in_flight_bytes *b);
/* Bytes of an arriving reel's whole segments; `range` is the request's header, or NULL.
 *   ERR_DENIED     `scope` (if given) does not allow them
 *   ERR_NOT_FOUND  no such reel arrives here for that household, or some of those bytes were deleted
 *   ERR_LIMIT      the range begins past the total, which is set */
err in_flight_read(struct vault *v, const struct store_id *household, const struct store_id *reel,
                   const char *range, const struct grant_scope *scope, struct in_flight_bytes *out,
                   struct diag *d) CHECKED;

#endif
