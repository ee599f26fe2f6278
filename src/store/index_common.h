/* index_common.h: the rules that every index driver applies alike. Internal to store. */
#ifndef CARDEA_STORE_INDEX_COMMON_H
#define CARDEA_STORE_INDEX_COMMON_H

#include "store/index.h"

#define REEL_TABLE_ENTRY_BYTES 20u

/* ERR_INVALID unless 1 to INDEX_OBJECT_KEY_CHARS (a prefix: 0) of a-z0-9/-. */
err index_check_key(const char *key, bool prefix, struct diag *d) CHECKED;
err index_check_setting(const char *key, struct diag *d) CHECKED;
err index_check_grant(const struct grant_bytes *bytes, struct diag *d) CHECKED; /* ERR_LIMIT */
err index_check_reel(const struct reel_info *reel, struct diag *d) CHECKED;
err index_check_event(bool picture, size_t len, struct diag *d) CHECKED; /* ERR_LIMIT */
/* ERR_LIMIT, always: the day has as many as there may be. */
err index_check_day_full(bool picture, struct diag *d) CHECKED;
err index_check_size(const char *what, size_t len, size_t max, struct diag *d) CHECKED;

/* The messages that both drivers give. */
err index_no_keys(struct diag *d) CHECKED;       /* ERR_NOT_FOUND */
err index_other_keys(struct diag *d) CHECKED;    /* ERR_EXISTS */
err index_no_grant(struct diag *d) CHECKED;      /* ERR_NOT_FOUND */
err index_grant_known(struct diag *d) CHECKED;   /* ERR_EXISTS */
err index_grant_ended(struct diag *d) CHECKED;   /* ERR_EXISTS */
err index_grant_moved(struct diag *d) CHECKED;   /* ERR_CONFLICT */
err index_grant_revoked(struct diag *d) CHECKED; /* ERR_DENIED */
err index_no_watch(struct diag *d) CHECKED;      /* ERR_NOT_FOUND */
err index_watch_exists(struct diag *d) CHECKED;  /* ERR_EXISTS */
err index_grant_alive(struct diag *d) CHECKED;   /* ERR_DENIED */
err index_grant_used_up(struct diag *d) CHECKED; /* ERR_DENIED */
/* ERR_LIMIT: all of a household's grants together would be too large. */
err index_check_grants(uint64_t held, const struct grant_bytes *more, struct diag *d) CHECKED;
err index_grants_full(struct diag *d) CHECKED; /* ERR_LIMIT */

/* Would recordings be kept for a shorter time? 0 days are for ever. */
static inline bool index_shorter(uint64_t days, uint64_t before) {
    return days && (!before || days < before);
}
err index_deny_shorter(struct diag *d) CHECKED;

/* The first slot at which a reel that reaches past `slot` may begin. */
static inline uint32_t index_reach(uint32_t slot) {
    return slot > INDEX_REEL_SPAN_MAX_SLOTS ? slot - INDEX_REEL_SPAN_MAX_SLOTS : 0;
}

/* Adds a reel and copies its table; its pointer is set by timeline_settle, when the tables have stopped
 * moving. */
err timeline_append(struct timeline *timeline, const struct reel_info *reel) CHECKED;
void timeline_settle(struct timeline *timeline);

/* ERR_LIMIT: its number or its statement. */
err index_check_succession(const struct index_succession *s, struct diag *d) CHECKED;
err index_no_successor(struct diag *d);

#endif
