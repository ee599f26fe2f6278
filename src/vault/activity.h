/* activity.h: the two halves of who is looking now among themselves.
 *
 *   activity.c  who looks: live, and at recordings in the last half minute; and requests
 *   watch.c     live views in the access log and in the index: their begin, their end, and the end of those
 *               that another process began and did not live to see end
 *
 * v->activity_lock is held where a function says "with the lock". */
#ifndef CARDEA_VAULT_ACTIVITY_H
#define CARDEA_VAULT_ACTIVITY_H

#include "vault/grant.h"

#define RECENT_MAX 1024u /* the one that is quiet longest gives way */

struct recent {
    struct store_id household, grant, camera;
    enum grant_purpose purpose;
    char ticket[GRANT_TICKET_MAX_BYTES + 1];
    struct wall_us since;
    int64_t last_us; /* steady; 0: free */
};

/* A live view that is over, and not in the log yet. */
struct watch_ended;

struct activity {
    struct recent recent[RECENT_MAX];
    struct grant_watch *watches;
    struct watch_ended *ends, **ends_tail;
    size_t ends_count;
    bool ends_full;   /* it has been told */
    bool damage_told; /* the sweep's */
    int64_t swept_us; /* steady: watches_sweep ran */
};

/* Made at the first use. NULL: out of memory. With the lock. */
struct activity *activity_held(struct vault *v);
/* Says to whoever follows the household's activity what it is now. With the lock, so that the last that is
 * sent is the newest. */
void activity_tell(struct vault *v, const struct store_id *household);
/* --- watch.c --- */
/* Drops what waits; at the vault's end. */
void watch_ends_clear(struct activity *a);
/* Logs what has ended. What cannot be logged now waits. */
err watch_ends_log(struct vault *v, struct diag *d) CHECKED;

#endif
